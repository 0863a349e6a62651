// Signs as workflows and people do, with an instance of Sigstore on loopback, all of it made by others: npm's
// `@sigstore/mock` (certificate authority and logs), `@sigstore/sign` (the client) and `@sigstore/oci` (the writer).
//
// `node sigstore_signer.mjs MODULES ROOT < REQUEST`, where MODULES is a node_modules folder, and the keys of the instance
// are written to the file ROOT, as a `trusted_root.json`. REQUEST is an array, each item
//
//     { "claims": { … },          what the identity's token says; its `sub` becomes the subject, its `iss` the issuer
//       "statement": { … },       what is signed: a statement, or
//       "bytes": "…",             these bytes, in base64
//       "image": "HOST/NAME", "digest": "sha256:…" }   where the bundle is attached, if it is
//
// Prints the bundles as a JSON array, after `@sigstore/verify` has accepted each.

import { Buffer } from 'node:buffer';
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';

import { trustedRoot } from './sigstore_root.mjs';

const [modules, rootFile] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const load = async (name) => (await import(pathToFileURL(require.resolve(name)).href)).default;
const mock = await load('@sigstore/mock');
const { DSSEBundleBuilder, FulcioSigner, MessageSignatureBundleBuilder, RekorWitness } = await load('@sigstore/sign');
const { attachArtifactToImage } = await load('@sigstore/oci');
const { bundleFromJSON, bundleToJSON } = await load('@sigstore/bundle');
const { TrustedRoot } = await load('@sigstore/protobuf-specs');
const { toSignedEntity, toTrustMaterial, Verifier } = await load('@sigstore/verify');

const BUNDLE = 'application/vnd.dev.sigstore.bundle.v0.3+json';
const newKey = () => generateKeyPairSync('ec', { namedCurve: 'prime256v1' });

const certificateLog = await mock.initializeCTLog(newKey());
const authority = await mock.initializeCA(newKey(), certificateLog);
const log = await mock.initializeTLog('http://rekor.example', newKey()); // as its checkpoints name it
const handlers = [mock.fulcioHandler(authority), mock.rekorHandler({ log: (proposed) => log.log(canonical(proposed)) })];

// Rekor's entry holds the hash of a payload and not the payload itself, which this mock would keep.
function canonical(entry) {
    delete entry.spec.content?.envelope?.payload;
    return entry;
}

const server = createServer(async (request, response) => {
    const handler = handlers.find(({ path }) => path === request.url);
    const answer = handler ? await handler.fn(await text(request)) : { statusCode: 404, response: '' };
    response.writeHead(answer.statusCode, { 'content-type': answer.contentType ?? 'text/plain' });
    response.end(answer.response);
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const url = `http://127.0.0.1:${server.address().port}`;

const root = trustedRoot({ uri: url, authorities: [authority], log, certificateLog });
writeFileSync(rootFile, JSON.stringify(root));
const verifier = new Verifier(toTrustMaterial(TrustedRoot.fromJSON(root)));

async function sign({ claims, statement, bytes, image, digest }) {
    const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const token = `${part({ alg: 'none' })}.${part(claims)}.`;
    const signer = new FulcioSigner({ fulcioBaseURL: url, identityProvider: { getToken: async () => token } });
    // Entries of type `dsse` are not in the log's canonical form in this mock.
    const witnesses = [new RekorWitness({ rekorBaseURL: url, entryType: 'intoto' })];
    const data = Buffer.from(statement ? JSON.stringify(statement) : bytes, statement ? 'utf8' : 'base64');
    const bundle = statement
        ? await new DSSEBundleBuilder({ signer, witnesses }).create({ data, type: 'application/vnd.in-toto+json' })
        : await new MessageSignatureBundleBuilder({ signer, witnesses }).create({ data });
    const json = bundleToJSON(bundle);
    verifier.verify(toSignedEntity(bundleFromJSON(json), statement ? undefined : data));
    if (image) {
        await attachArtifactToImage({
            artifact: Buffer.from(JSON.stringify(json)),
            mediaType: BUNDLE,
            imageName: image,
            imageDigest: digest,
            annotations: {
                'dev.sigstore.bundle.content': statement ? 'dsse-envelope' : 'message-signature',
                ...(statement && { 'dev.sigstore.bundle.predicateType': statement.predicateType }),
            },
        });
    }
    return json;
}

const bundles = [];
for (const item of JSON.parse(await text(process.stdin))) {
    bundles.push(await sign(item));
}
console.log(JSON.stringify(bundles));
server.close();
