//! A timestamp authority of the tests' own (RFC 3161). Its tokens are written out value by value, in DER.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rcgen::SigningKey;
use serde_json::{Value, json};

use super::bytes_of_hex;
use super::instance::{Instance, der, part};
use crate::artifact::Digest;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 0x02;
const BYTES: u8 = 0x04;
const TIME: u8 = 0x18;

/// The first of a choice, with its own tag inside or without.
const FIRST: u8 = 0xa0;

/// Object identifiers, in DER: `id-sha256`, `ecdsa-with-SHA256`, `id-signedData`, `id-ct-TSTInfo`, `id-contentType`,
/// `id-messageDigest`, and a policy of nobody's.
const SHA256: &[u8] = &[6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];
const ECDSA: &[u8] = &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
const SIGNED_DATA: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2];
const STAMP: &[u8] = &[6, 11, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 0x10, 1, 4];
const CONTENT_TYPE: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 3];
const MESSAGE_DIGEST: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 4];
const POLICY: &[u8] = &[6, 3, 0x2a, 3, 4];

/// Somebody who says when there was a signature.
pub(in crate::trust) struct Stamps {
    certificate: Vec<u8>,
    authority: Vec<u8>,
    key: rcgen::KeyPair,
}

impl Stamps {
    /// One with a certificate by the authority of an instance.
    pub(in crate::trust) fn of(instance: &Instance) -> Self {
        let (certificate, key) = instance.for_stamps();
        Self { certificate, authority: instance.authority(), key }
    }

    /// As a trusted root names it.
    pub(in crate::trust) fn named(&self) -> Value {
        let certificates =
            [&self.certificate, &self.authority].map(|der| json!({ "rawBytes": BASE64_STANDARD.encode(der) }));
        json!({
            "uri": "https://stamps.example",
            "certChain": { "certificates": certificates },
            "validFor": { "start": "2023-01-01T00:00:00Z" },
        })
    }

    /// What a bundle holds of a signature that was there at this time, as `20240101000100Z`.
    pub(in crate::trust) fn of_signature(&self, signature: &[u8], time: &str) -> Value {
        json!({ "rfc3161Timestamps": [{ "signedTimestamp": BASE64_STANDARD.encode(self.token(signature, time)) }] })
    }

    /// A token that was granted.
    fn token(&self, signature: &[u8], time: &str) -> Vec<u8> {
        let sha256 = sequence(&[SHA256]);
        let stamp = sequence(&[
            &der(INTEGER, &[1]),
            POLICY,
            &sequence(&[&sha256, &der(BYTES, &digest(signature))]),
            &der(INTEGER, &[7]),
            &der(TIME, time.as_bytes()),
        ]);
        // In the order that sets have in DER.
        let attributes = [
            sequence(&[CONTENT_TYPE, &der(SET, STAMP)]),
            sequence(&[MESSAGE_DIGEST, &der(SET, &der(BYTES, &digest(&stamp)))]),
        ]
        .concat();
        let signed = self.key.sign(&der(SET, &attributes)).unwrap();
        let signer = sequence(&[
            &der(INTEGER, &[1]),
            &self.named_by_issuer(),
            &sha256,
            &der(FIRST, &attributes),
            &sequence(&[ECDSA]),
            &der(BYTES, &signed),
        ]);
        let data = sequence(&[
            &der(INTEGER, &[3]),
            &der(SET, &sha256),
            &sequence(&[STAMP, &der(FIRST, &der(BYTES, &stamp))]),
            &der(SET, &signer),
        ]);
        let granted = sequence(&[&der(INTEGER, &[0])]);
        sequence(&[&granted, &sequence(&[SIGNED_DATA, &der(FIRST, &data)])])
    }

    /// Its issuer and serial number, as they are in its certificate.
    fn named_by_issuer(&self) -> Vec<u8> {
        let mut rest = part(part(&self.certificate).0).0;
        let mut next = || {
            let whole = part(rest).1;
            rest = &rest[whole.len()..];
            whole
        };
        let (_version, serial, _algorithm, issuer) = (next(), next(), next(), next());
        sequence(&[issuer, serial])
    }
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    der(SEQUENCE, &parts.concat())
}

fn digest(bytes: &[u8]) -> Vec<u8> {
    bytes_of_hex(&Digest::of(bytes).hex())
}
