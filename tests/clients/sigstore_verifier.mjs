// Checks a Sigstore bundle with npm's @sigstore/verify.
//
// `node sigstore_verifier.mjs MODULES BUNDLE KEY`, where MODULES is a node_modules folder, and KEY a public key in PEM; or
// `node sigstore_verifier.mjs MODULES BUNDLE ROOT SUBJECT ISSUER`, where ROOT is a `trusted_root.json`: then there has to
// be a certificate for this identity, with a timestamp of a log of certificates, and an entry of the log. Prints the
// payload.

import { Buffer } from 'node:buffer';
import { createHash, createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [modules, bundleFile, keyFile, subject, issuer] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const load = async (name) => (await import(pathToFileURL(require.resolve(name)).href)).default;
const { bundleFromJSON } = await load('@sigstore/bundle');
const { toSignedEntity, toTrustMaterial, Verifier } = await load('@sigstore/verify');

const bundle = bundleFromJSON(JSON.parse(readFileSync(bundleFile, 'utf8')));
if (subject) {
    const { TrustedRoot } = await load('@sigstore/protobuf-specs');
    const trusted = toTrustMaterial(TrustedRoot.fromJSON(JSON.parse(readFileSync(keyFile, 'utf8'))));
    const policy = { subjectAlternativeName: subject, extensions: { issuer } };
    new Verifier(trusted).verify(toSignedEntity(bundle), policy);
} else {
    const rawBytes = createPublicKey(readFileSync(keyFile)).export({ type: 'spki', format: 'der' });
    // As the bundle has to name the key: by the digest of its DER form.
    const hint = createHash('sha256').update(rawBytes).digest('base64');
    const none = { certificateAuthorities: [], timestampAuthorities: [], tlogs: [], ctlogs: [] };
    const trusted = toTrustMaterial(none, { [hint]: { rawBytes } });
    const options = { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 };
    new Verifier(trusted, options).verify(toSignedEntity(bundle));
}
console.log(Buffer.from(bundle.content.dsseEnvelope.payload).toString());
