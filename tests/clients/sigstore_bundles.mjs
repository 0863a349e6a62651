// Checks Sigstore bundles with npm's @sigstore/verify, under one trusted root.
//
// `node sigstore_bundles.mjs MODULES`, where MODULES is a node_modules folder. Reads
// `{ root, cases: [{ bundle, artifact?, key? }] }` from stdin: a trusted_root.json, and of each bundle the bytes that it
// signs and the key in DER form, in base64. Prints an array: null where a bundle is accepted, and else why not.

import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(`${process.argv[2]}/`);
const load = async (name) => (await import(pathToFileURL(require.resolve(name)).href)).default;
const { bundleFromJSON } = await load('@sigstore/bundle');
const { TrustedRoot } = await load('@sigstore/protobuf-specs');
const { toSignedEntity, toTrustMaterial, Verifier } = await load('@sigstore/verify');

const { root, cases } = JSON.parse(readFileSync(0, 'utf8'));

function check({ bundle, artifact, key }) {
  const parsed = bundleFromJSON(bundle);
  // A key is known by the hint in the bundle, which is empty in what cosign 2 wrote.
  const keys = key ? { '': { rawBytes: Buffer.from(key, 'base64') } } : undefined;
  const trusted = toTrustMaterial(TrustedRoot.fromJSON(root), keys);
  const bytes = artifact ? Buffer.from(artifact, 'base64') : undefined;
  new Verifier(trusted, { ctlogThreshold: key ? 0 : 1 }).verify(toSignedEntity(parsed, bytes));
}

const outcomes = cases.map((one) => {
  try {
    check(one);
    return null;
  } catch (error) {
    return `${error.code ?? error.name}: ${error.message}`;
  }
});
console.log(JSON.stringify(outcomes));
