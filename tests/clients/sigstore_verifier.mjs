// Checks a Sigstore bundle that was signed with a key, with npm's @sigstore/verify.
//
// `node sigstore_verifier.mjs MODULES BUNDLE KEY`, where MODULES is a node_modules folder, and KEY a public key in PEM.
// Prints the payload.

import { Buffer } from 'node:buffer';
import { createHash, createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [modules, bundleFile, keyFile] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const load = async (name) => (await import(pathToFileURL(require.resolve(name)).href)).default;
const { bundleFromJSON } = await load('@sigstore/bundle');
const { toSignedEntity, toTrustMaterial, Verifier } = await load('@sigstore/verify');

const bundle = bundleFromJSON(JSON.parse(readFileSync(bundleFile, 'utf8')));
const rawBytes = createPublicKey(readFileSync(keyFile)).export({ type: 'spki', format: 'der' });
// As the bundle has to name the key: by the digest of its DER form.
const hint = createHash('sha256').update(rawBytes).digest('base64');
const none = { certificateAuthorities: [], timestampAuthorities: [], tlogs: [], ctlogs: [] };
const trusted = toTrustMaterial(none, { [hint]: { rawBytes } });
const options = { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 };
new Verifier(trusted, options).verify(toSignedEntity(bundle));
console.log(Buffer.from(bundle.content.dsseEnvelope.payload).toString());
