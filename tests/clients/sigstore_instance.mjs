// An instance of Sigstore on loopback for authors to sign with: certificate authority and logs of npm's
// `@sigstore/mock`, and what can go wrong with each.
//
// `node sigstore_instance.mjs MODULES FOLDER`, where MODULES is a node_modules folder. The instance's keys are written to
// FOLDER/trusted_root.json. For each way that it may behave there are addresses of its own, in
// FOLDER/AUTHORITY.LOG.json, as `good.good.json`. Prints `ready` when it listens, then a line for each request, and ends
// with its stdin.

import { Buffer } from 'node:buffer';
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';

import { trustedRoot } from './sigstore_root.mjs';

const [modules, folder] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const mock = (await import(pathToFileURL(require.resolve('@sigstore/mock')).href)).default;

const start = new Date(Date.now() - 60_000).toISOString();
const base64 = (bytes) => Buffer.from(bytes).toString('base64');
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
const newKey = () => generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const pem = ({ publicKey }) => publicKey.export({ format: 'pem', type: 'spki' });

const certificateLog = await mock.initializeCTLog(newKey());
const authority = await mock.initializeCA(newKey(), certificateLog);
const log = await mock.initializeTLog('http://rekor.example', newKey()); // as its checkpoints name it
const otherAuthority = await mock.initializeCA(newKey(), certificateLog);
const unlogged = await mock.initializeCA(newKey());
const otherLog = await mock.initializeTLog('http://rekor.example', newKey());

const issue = (by, body) => mock.fulcioHandler(by).fn(body);
const answer = (statusCode, response) => ({ statusCode, response, contentType: 'application/json' });

// The token with other claims, or the key of somebody else.
function altered(body, change) {
    const request = JSON.parse(body);
    const claims = JSON.parse(Buffer.from(request.credentials.oidcIdentityToken.split('.')[1], 'base64url'));
    change(request, claims);
    const part = Buffer.from(JSON.stringify(claims)).toString('base64url');
    request.credentials.oidcIdentityToken = `e30.${part}.`;
    return JSON.stringify(request);
}

const authorities = {
    good: (body) => issue(authority, body),
    // As the real one refuses, and with more than it should say.
    refusing: (body) =>
        answer(400, JSON.stringify({
            code: 3,
            message: `There was an error processing the identity token \u001b[31m${JSON.parse(body).credentials.oidcIdentityToken}`,
            details: [],
        })),
    garbage: () => answer(201, '<html>welcome</html>'),
    empty: () => answer(201, '{"signedCertificateEmbeddedSct":{"chain":{"certificates":[]}}}'),
    endless: () => answer(201, ' '.repeat(4 << 20)),
    moved: () => ({ statusCode: 307, response: '', location: '/good/api/v2/signingCert' }),
    'other-subject': (body) => issue(authority, altered(body, (_, claims) => (claims.sub = 'https://evil.example/'))),
    'other-issuer': (body) => issue(authority, altered(body, (_, claims) => (claims.iss = 'https://evil.example'))),
    'other-key': (body) =>
        issue(authority, altered(body, (request) => (request.publicKeyRequest.publicKey.content = pem(newKey())))),
    'other-authority': (body) => issue(otherAuthority, body),
    unlogged: (body) => issue(unlogged, body),
};

// As the real one keeps it (Rekor, `pkg/types/dsse/v0.0.1/entry.go`): the mock keeps what was proposed as it is.
function canonical(proposed) {
    const { kind, apiVersion, spec: { proposedContent: { envelope, verifiers } } } = proposed;
    const { payload, signatures } = JSON.parse(envelope);
    const hash = (bytes) => ({ algorithm: 'sha256', value: sha256(bytes) });
    const spec = {
        envelopeHash: hash(envelope),
        payloadHash: hash(Buffer.from(payload, 'base64')),
        signatures: signatures.map(({ sig }) => ({ signature: sig, verifier: verifiers[0] })),
    };
    return { apiVersion, kind, spec };
}

const keep = async (where, entry) => answer(201, JSON.stringify(await where.log(entry)));
const kept = async (body, change) => {
    const entries = await log.log(canonical(JSON.parse(body)));
    change(Object.values(entries)[0]);
    return answer(201, JSON.stringify(entries));
};
const another = (body) => {
    const entry = canonical(JSON.parse(body));
    entry.spec.payloadHash.value = sha256('something else');
    return entry;
};

const ofAnother = (body) => {
    const entry = canonical(JSON.parse(body));
    entry.spec.signatures[0].signature = base64(sign('sha256', Buffer.from(body), newKey().privateKey));
    return entry;
};

const logs = {
    good: (body) => keep(log, canonical(JSON.parse(body))),
    refusing: () => answer(400, '{"code":400,"message":"invalid entry"}'),
    failing: () => answer(500, ''),
    garbage: () => answer(201, '{"uuid": "not an entry"}'),
    endless: () => answer(201, ' '.repeat(4 << 20)),
    moved: () => ({ statusCode: 307, response: '', location: '/good/api/v1/log/entries' }),
    twice: async (body) => {
        const entry = () => log.log(canonical(JSON.parse(body)));
        return answer(201, JSON.stringify({ ...(await entry()), ...(await entry()) }));
    },
    'other-entry': (body) => keep(log, another(body)),
    'other-signature': (body) => keep(log, ofAnother(body)),
    'other-log': (body) => keep(otherLog, canonical(JSON.parse(body))),
    'no-promise': (body) => kept(body, (entry) => delete entry.verification.signedEntryTimestamp),
    'no-proof': (body) => kept(body, (entry) => delete entry.verification.inclusionProof),
    'other-time': (body) => kept(body, (entry) => (entry.integratedTime -= 1)),
    // Takes the signature, and nothing that says more.
    'signature-alone': (body) => {
        const { payload } = JSON.parse(JSON.parse(body).spec.proposedContent.envelope);
        const { predicateType } = JSON.parse(Buffer.from(payload, 'base64'));
        return predicateType.includes('cosign') ? logs.good(body) : logs.refusing();
    },
};

const tokens = [];
const server = createServer(async (request, response) => {
    const [, way, ...path] = request.url.split('/');
    const [service, ways] = path.join('/') === 'api/v2/signingCert' ? ['authority', authorities] : ['log', logs];
    const known = ways === authorities || path.join('/') === 'api/v1/log/entries';
    const body = await text(request);
    if (service === 'authority') {
        tokens.push(JSON.parse(body).credentials.oidcIdentityToken);
    }
    console.log(`${service} ${way}${service === 'log' && tokens.some((token) => body.includes(token)) ? ' TOKEN' : ''}`);
    const done = known && ways[way] ? await ways[way](body) : answer(404, '');
    response.writeHead(done.statusCode, {
        'content-type': done.contentType ?? 'text/plain',
        ...(done.location && { location: done.location }),
    });
    response.end(done.response);
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const url = `http://127.0.0.1:${server.address().port}`;

const root = trustedRoot({ uri: url, authorities: [authority, unlogged], log, certificateLog });
writeFileSync(`${folder}/trusted_root.json`, JSON.stringify(root));
for (const name of Object.keys(authorities)) {
    for (const logName of Object.keys(logs)) {
        const service = (url) => [{ url, majorApiVersion: 1, validFor: { start }, operator: 'tests' }];
        const config = {
            mediaType: 'application/vnd.dev.sigstore.signingconfig.v0.2+json',
            caUrls: service(`${url}/${name}`),
            rekorTlogUrls: service(`${url}/${logName}/`),
            rekorTlogConfig: { selector: 'ANY' },
            tsaConfig: {},
        };
        writeFileSync(`${folder}/${name}.${logName}.json`, JSON.stringify(config));
    }
}
console.log('ready');
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
