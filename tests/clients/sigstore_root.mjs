// The keys by which those who verify know an instance of Sigstore that consists of npm's `@sigstore/mock`.

import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';

const start = new Date(Date.now() - 60_000).toISOString();
const base64 = (bytes) => Buffer.from(bytes).toString('base64');

// As a `trusted_root.json`: `authorities` are certificate authorities, which are said to be at `uri`.
export function trustedRoot({ uri, authorities, log, certificateLog }) {
    return {
        mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
        tlogs: [logOf('http://rekor.example', log.publicKey)],
        certificateAuthorities: authorities.map(({ rootCertificate }) => ({
            subject: { organization: 'sigstore.mock', commonName: 'sigstore' },
            uri,
            certChain: { certificates: [{ rawBytes: base64(rootCertificate) }] },
            validFor: { start },
        })),
        ctlogs: [logOf('http://ct.example', certificateLog.publicKey)],
        timestampAuthorities: [],
    };
}

function logOf(baseUrl, key) {
    return {
        baseUrl,
        hashAlgorithm: 'SHA2_256',
        publicKey: { rawBytes: base64(key), keyDetails: 'PKIX_ECDSA_P256_SHA_256', validFor: { start } },
        logId: { keyId: createHash('sha256').update(key).digest('base64') },
    };
}
