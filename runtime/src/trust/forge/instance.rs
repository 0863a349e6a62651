//! An instance of Sigstore of the tests' own: it gives certificates, and keeps logs of them and of signatures.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, ExtendedKeyUsagePurpose, IsCa,
    KeyUsagePurpose, SanType, SerialNumber, SigningKey, date_time_ymd,
};
use serde_json::{Value, json};
use sigstore_crypto::KeyPair;

use super::{Log, bytes_of_hex};
use crate::artifact::Digest;
use crate::trust::root::TrustRoot;

/// When everything here happens: 2024-01-01T00:00:00Z, in seconds since 1970.
pub(in crate::trust) const EPOCH: i64 = 1_704_067_200;

/// How long after that a certificate is valid, in seconds.
const VALID: u64 = 600;

pub(in crate::trust) const ISSUER: &str = "https://token.actions.githubusercontent.com";
pub(in crate::trust) const WORKFLOW: &str =
    "https://github.com/acme/time/.github/workflows/release.yml@refs/heads/main";

/// A certificate authority, a log of certificates, and a log of signatures.
pub(in crate::trust) struct Instance {
    authority: CertifiedIssuer<'static, rcgen::KeyPair>,
    certificate_log: KeyPair,
    pub(in crate::trust) log: Log,
}

/// What a certificate says.
#[derive(Clone)]
pub(in crate::trust) struct Asked {
    pub(in crate::trust) issuer: String,
    pub(in crate::trust) subject: SanType,
    /// Numbers of Fulcio's extensions, and their values.
    pub(in crate::trust) claims: Vec<(u64, String)>,
    /// Whether the log of certificates knows of it.
    pub(in crate::trust) logged: bool,
    pub(in crate::trust) purpose: ExtendedKeyUsagePurpose,
    pub(in crate::trust) key: &'static rcgen::SignatureAlgorithm,
}

/// Somebody with a certificate.
pub(in crate::trust) struct Holder {
    pub(in crate::trust) certificate: Vec<u8>,
    key: rcgen::KeyPair,
}

/// The public key of somebody who has it elsewhere, on P-256.
pub(in crate::trust) struct TheirKey(Vec<u8>);

impl TheirKey {
    /// Of the form in which certificates hold it.
    pub(in crate::trust) fn of_der(der: &[u8]) -> Self {
        // What stands before the point is the same for all of them (RFC 5480).
        Self(der[der.len() - 65..].to_vec())
    }
}

impl rcgen::PublicKeyData for TheirKey {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

/// What an entry of the log is about.
pub(in crate::trust) enum Logged<'a> {
    /// A signature over these bytes.
    Bytes(&'a [u8]),
    /// An envelope, in the newer form.
    Dsse(&'a Value),
    /// An envelope, in the older form.
    InToto(&'a Value),
    /// An envelope by a key, as the second Rekor has it: the digest of what is signed.
    Hashed(&'a Value),
}

impl Asked {
    /// As a workflow of GitHub's gets it.
    pub(in crate::trust) fn workflow() -> Self {
        let claims = [
            (9, WORKFLOW),
            (11, "github-hosted"),
            (12, "https://github.com/acme/time"),
            (14, "refs/heads/main"),
            (17, "4242"),
            (18, WORKFLOW),
        ];
        Self {
            issuer: ISSUER.to_owned(),
            subject: uri(WORKFLOW),
            claims: claims.map(|(number, text)| (number, text.to_owned())).into(),
            logged: true,
            purpose: ExtendedKeyUsagePurpose::CodeSigning,
            key: &rcgen::PKCS_ECDSA_P256_SHA256,
        }
    }
}

pub(in crate::trust) fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().unwrap())
}

pub(in crate::trust) fn email(text: &str) -> SanType {
    SanType::Rfc822Name(text.try_into().unwrap())
}

impl Instance {
    pub(in crate::trust) fn new() -> Self {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        (parameters.not_before, parameters.not_after) = (date_time_ymd(2023, 1, 1), date_time_ymd(2033, 1, 1));
        let key = rcgen::KeyPair::generate().unwrap();
        Self {
            authority: CertifiedIssuer::self_signed(parameters, key).unwrap(),
            certificate_log: KeyPair::generate_ecdsa_p256().unwrap(),
            log: Log::new(),
        }
    }

    /// A certificate, valid from [`EPOCH`] for ten minutes.
    pub(in crate::trust) fn issue(&self, asked: &Asked) -> Holder {
        let key = rcgen::KeyPair::generate_for(asked.key).unwrap();
        Holder { certificate: self.certify(asked, &key), key }
    }

    /// The same for somebody else's key, in DER.
    pub(in crate::trust) fn certify(&self, asked: &Asked, key: &impl rcgen::PublicKeyData) -> Vec<u8> {
        let mut parameters = CertificateParams::default();
        parameters.serial_number = Some(SerialNumber::from_slice(&[42]));
        parameters.not_before = date_time_ymd(2024, 1, 1);
        parameters.not_after = date_time_ymd(2024, 1, 1) + Duration::from_secs(VALID);
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages = vec![asked.purpose.clone()];
        parameters.subject_alt_names = vec![asked.subject.clone()];
        let claims = [(8, asked.issuer.clone())].into_iter().chain(asked.claims.clone());
        parameters.custom_extensions = claims
            .map(|(number, text)| extension(&[1, 3, 6, 1, 4, 1, 57264, 1, number], der(0x0c, text.as_bytes())))
            .collect();
        let unlogged = parameters.signed_by(key, &self.authority).unwrap();
        if asked.logged {
            let list = self.certificate_timestamp(unlogged.der());
            parameters.custom_extensions.push(extension(&[1, 3, 6, 1, 4, 1, 11129, 2, 4, 2], der(0x04, &list)));
        }
        parameters.signed_by(key, &self.authority).unwrap().der().to_vec()
    }

    /// The list with the one timestamp of the log of certificates (RFC 6962, section 3.3).
    fn certificate_timestamp(&self, precertificate: &[u8]) -> Vec<u8> {
        use rcgen::PublicKeyData;
        let key = self.certificate_log.public_key_der().unwrap();
        let issuer = Digest::of(&self.authority.key().subject_public_key_info());
        let time = u64::try_from(EPOCH).unwrap() * 1000;
        let tbs = part(part(precertificate).0).1;
        let mut signed = vec![0, 0];
        signed.extend(time.to_be_bytes());
        signed.extend([0, 1]);
        signed.extend(bytes_of_hex(&issuer.hex()));
        signed.extend(&u32::try_from(tbs.len()).unwrap().to_be_bytes()[1..]);
        signed.extend(tbs);
        signed.extend([0, 0]);
        let signature = self.certificate_log.sign(&signed).unwrap();
        let mut timestamp = vec![0];
        timestamp.extend(bytes_of_hex(&Digest::of(key.as_bytes()).hex()));
        timestamp.extend(time.to_be_bytes());
        timestamp.extend([0, 0, 4, 3]);
        timestamp.extend(with_length(signature.as_bytes()));
        with_length(&with_length(&timestamp))
    }

    /// What whoever trusts this instance knows.
    pub(in crate::trust) fn root(&self) -> Arc<TrustRoot> {
        self.root_with(|_| ())
    }

    pub(in crate::trust) fn root_with(&self, change: impl Fn(&mut Value)) -> Arc<TrustRoot> {
        let mut root = self.root_json();
        change(&mut root);
        TrustRoot::read("tests", root.to_string().as_bytes()).unwrap()
    }

    /// The same, as it is written.
    pub(in crate::trust) fn root_json(&self) -> Value {
        let mut root = self.log.trusted_root_json();
        root["ctlogs"] = self.certificate_logs();
        root["certificateAuthorities"] = json!([{
            "uri": "https://fulcio.example",
            "certChain": { "certificates": [{ "rawBytes": BASE64_STANDARD.encode(self.authority.der()) }] },
            "validFor": { "start": "2023-01-01T00:00:00Z" },
        }]);
        root
    }

    /// The log of certificates, as a trusted root names it.
    pub(in crate::trust) fn certificate_logs(&self) -> Value {
        let key = self.certificate_log.public_key_der().unwrap();
        json!([Log::named("https://ct.example", key.as_bytes(), "2023-01-01T00:00:00Z")])
    }

    /// A certificate for timestamps, and its key.
    pub(super) fn for_stamps(&self) -> (Vec<u8>, rcgen::KeyPair) {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::default();
        parameters.serial_number = Some(SerialNumber::from_slice(&[43]));
        (parameters.not_before, parameters.not_after) = (date_time_ymd(2023, 1, 1), date_time_ymd(2033, 1, 1));
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::TimeStamping];
        (parameters.signed_by(&key, &self.authority).unwrap().der().to_vec(), key)
    }

    /// The certificate of the authority, in DER.
    pub(in crate::trust) fn authority(&self) -> Vec<u8> {
        self.authority.der().to_vec()
    }
}

impl Holder {
    pub(in crate::trust) fn pem(&self) -> String {
        pem(&self.certificate)
    }

    pub(in crate::trust) fn public_key_pem(&self) -> String {
        self.key.public_key_pem()
    }

    pub(in crate::trust) fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        self.key.sign(bytes).unwrap()
    }

    /// An envelope around a payload.
    pub(in crate::trust) fn envelope(&self, kind: &str, payload: &[u8]) -> Value {
        envelope(kind, payload, &self.sign(&sigstore_types::pae(kind, payload)))
    }

    /// The verification material of a bundle of version 0.3.
    pub(in crate::trust) fn material(&self, entries: &[Value]) -> Value {
        json!({ "certificate": { "rawBytes": BASE64_STANDARD.encode(&self.certificate) }, "tlogEntries": entries })
    }
}

/// A certificate as others send it.
pub(in crate::trust) fn pem(certificate: &[u8]) -> String {
    let lines = BASE64_STANDARD.encode(certificate);
    format!("-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n")
}

pub(in crate::trust) fn envelope(kind: &str, payload: &[u8], signature: &[u8]) -> Value {
    let (payload, signature) = (BASE64_STANDARD.encode(payload), BASE64_STANDARD.encode(signature));
    json!({ "payload": payload, "payloadType": kind, "signatures": [{ "sig": signature }] })
}

/// A bundle of version 0.3.
pub(in crate::trust) fn bundle(material: Value, content: (&str, Value)) -> Value {
    let mut bundle =
        json!({ "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "verificationMaterial": material });
    bundle[content.0] = content.1;
    bundle
}

/// The annotation in which cosign 2 keeps the promise of an entry of the log.
pub(in crate::trust) fn log_note(entry: &Value) -> String {
    let number = |name: &str| entry[name].as_str().unwrap().parse::<i64>().unwrap();
    let id = BASE64_STANDARD.decode(entry["logId"]["keyId"].as_str().unwrap()).unwrap();
    let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    json!({
        "SignedEntryTimestamp": entry["inclusionPromise"]["signedEntryTimestamp"],
        "Payload": {
            "body": entry["canonicalizedBody"],
            "integratedTime": number("integratedTime"),
            "logIndex": number("logIndex"),
            "logID": id,
        },
    })
    .to_string()
}

impl Log {
    /// An entry for a signature by whoever has this PEM block, with promise and proof.
    pub(in crate::trust) fn entry(&self, pem: &str, logged: &Logged<'_>, signature: &[u8]) -> Value {
        self.entry_at(pem, logged, signature, EPOCH + 60)
    }

    pub(in crate::trust) fn entry_at(&self, pem: &str, logged: &Logged<'_>, signature: &[u8], time: i64) -> Value {
        let hash = |bytes: &[u8]| json!({ "algorithm": "sha256", "value": Digest::of(bytes).hex() });
        let payload = |envelope: &Value| BASE64_STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap();
        let (pem, signature) = (BASE64_STANDARD.encode(pem), BASE64_STANDARD.encode(signature));
        let (kind, version, spec) = match logged {
            Logged::Bytes(bytes) => {
                let signature = json!({ "content": signature, "publicKey": { "content": pem } });
                ("hashedrekord", "0.0.1", json!({ "data": { "hash": hash(bytes) }, "signature": signature }))
            }
            Logged::Dsse(envelope) => {
                let signatures = json!([{ "signature": signature, "verifier": pem }]);
                let hashes = (hash(envelope.to_string().as_bytes()), hash(&payload(envelope)));
                let spec = json!({ "envelopeHash": hashes.0, "payloadHash": hashes.1, "signatures": signatures });
                ("dsse", "0.0.1", spec)
            }
            Logged::InToto(envelope) => {
                let signatures = json!([{ "publicKey": pem, "sig": BASE64_STANDARD.encode(signature) }]);
                let inner = json!({ "payloadType": envelope["payloadType"], "signatures": signatures });
                let hashes = (hash(envelope.to_string().as_bytes()), hash(&payload(envelope)));
                let content = json!({ "envelope": inner, "hash": hashes.0, "payloadHash": hashes.1 });
                ("intoto", "0.0.2", json!({ "content": content }))
            }
            Logged::Hashed(envelope) => {
                let signed = sigstore_types::pae(envelope["payloadType"].as_str().unwrap(), &payload(envelope));
                let digest = BASE64_STANDARD.encode(bytes_of_hex(&Digest::of(&signed).hex()));
                let key = key_of_pem(&BASE64_STANDARD.decode(&pem).unwrap());
                let verifier = json!({ "keyDetails": "PKIX_ECDSA_P256_SHA_256", "publicKey": { "rawBytes": key } });
                let data = json!({ "algorithm": "SHA2_256", "digest": digest });
                let signature = json!({ "content": signature, "verifier": verifier });
                let spec = json!({ "hashedRekordV002": { "data": data, "signature": signature } });
                let mut entry = self.keep("hashedrekord", "0.0.2", &spec, time);
                // It promises nothing, knows no time, and counts in one tree alone.
                entry.as_object_mut().unwrap().retain(|key, _| key != "inclusionPromise" && key != "integratedTime");
                entry["logIndex"] = "0".into();
                return entry;
            }
        };
        self.keep(kind, version, &spec, time)
    }

    fn keep(&self, kind: &str, version: &str, spec: &Value, time: i64) -> Value {
        let body = json!({ "apiVersion": version, "kind": kind, "spec": spec }).to_string();
        let promise = self.promise_of(body.as_bytes(), time);
        let node = |parts: &[&[u8]]| bytes_of_hex(&Digest::of(&parts.concat()).hex());
        // A tree with two leaves, of which this is the first.
        let sibling = node(&[&[0], b"another entry"]);
        let root = node(&[&[1], &node(&[&[0], body.as_bytes()]), &sibling]);
        json!({
            "logIndex": "42",
            "logId": { "keyId": BASE64_STANDARD.encode(bytes_of_hex(&self.id())) },
            "kindVersion": { "kind": kind, "version": version },
            "integratedTime": time.to_string(),
            "inclusionPromise": { "signedEntryTimestamp": promise },
            "inclusionProof": {
                "logIndex": "0",
                "rootHash": BASE64_STANDARD.encode(&root),
                "treeSize": "2",
                "hashes": [BASE64_STANDARD.encode(sibling)],
                "checkpoint": { "envelope": self.checkpoint(&root) },
            },
            "canonicalizedBody": BASE64_STANDARD.encode(body),
        })
    }

    /// The signed state of the tree.
    fn checkpoint(&self, root: &[u8]) -> String {
        let note = format!("rekor.example\n2\n{}\n", BASE64_STANDARD.encode(root));
        let mut signature = bytes_of_hex(&self.id())[..4].to_vec();
        signature.extend(self.sign(note.as_bytes()));
        format!("{note}\n— rekor.example {}\n", BASE64_STANDARD.encode(signature))
    }
}

/// The base64 inside a PEM block.
fn key_of_pem(pem: &[u8]) -> String {
    let lines = std::str::from_utf8(pem).unwrap().lines();
    lines.filter(|line| !line.starts_with('-')).collect()
}

fn extension(id: &[u64], content: Vec<u8>) -> CustomExtension {
    CustomExtension::from_oid_content(id, content)
}

/// One value in DER (X.690, section 8.1).
pub(super) fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut bytes = vec![tag];
    match u8::try_from(length) {
        Ok(short @ ..=0x7f) => bytes.push(short),
        Ok(long) => bytes.extend([0x81, long]),
        Err(_) => {
            bytes.push(0x82);
            bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
    }
    bytes.extend(content);
    bytes
}

/// The content of the first value of DER bytes, and that value as a whole.
pub(super) fn part(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (head, length) = match bytes[1] {
        short @ ..=0x7f => (2, usize::from(short)),
        0x81 => (3, usize::from(bytes[2])),
        _ => (4, usize::from(u16::from_be_bytes([bytes[2], bytes[3]]))),
    };
    (&bytes[head..head + length], &bytes[..head + length])
}

fn with_length(bytes: &[u8]) -> Vec<u8> {
    let mut all = u16::try_from(bytes.len()).unwrap().to_be_bytes().to_vec();
    all.extend(bytes);
    all
}
