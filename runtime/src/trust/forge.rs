//! What tests of this room are made of: hands that sign, statements, and an instance of Sigstore of their own.

pub(super) mod instance;
pub(super) mod stamps;

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use sigstore_crypto::KeyPair;

use super::policy::PolicyFiles;
use crate::artifact::Digest;

/// Files beside a policy.
pub(super) struct Given(Vec<(&'static str, Vec<u8>)>);

/// Somebody with a key.
pub(super) struct Hand(KeyPair);

/// A signature as cosign stores it beside an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    /// What was signed.
    pub(super) payload: Vec<u8>,
    /// The signature in base64, if there is one.
    pub(super) signature: Option<String>,
    /// The promise of the transparency log, if there is one.
    pub(super) promise: Option<String>,
}

/// What is signed.
pub(super) struct Statement(Value);

/// A transparency log.
pub(super) struct Log(KeyPair);

impl Given {
    pub(super) fn new(files: impl IntoIterator<Item = (&'static str, Vec<u8>)>) -> Self {
        Self(files.into_iter().collect())
    }
}

impl PolicyFiles for Given {
    fn read(&mut self, path: &Path) -> std::io::Result<Vec<u8>> {
        let found = self.0.iter().find(|(name, _)| Path::new(name) == path || Some(*name) == path.to_str());
        found.map(|(_, bytes)| bytes.clone()).ok_or_else(|| std::io::ErrorKind::NotFound.into())
    }

    fn path(&mut self, path: &Path) -> std::io::Result<PathBuf> {
        Ok(Path::new("/policy").join(path))
    }
}

impl Hand {
    pub(super) fn new() -> Self {
        Self(KeyPair::generate_ecdsa_p256().unwrap())
    }

    pub(super) fn pem(&self) -> String {
        self.0.public_key_der().unwrap().to_pem()
    }

    pub(super) fn sign(&self, statement: &Statement) -> Candidate {
        self.sign_bytes(&statement.bytes())
    }

    pub(super) fn sign_raw(&self, bytes: &[u8]) -> Vec<u8> {
        self.0.sign(bytes).unwrap().as_bytes().to_vec()
    }

    pub(super) fn sign_bytes(&self, payload: &[u8]) -> Candidate {
        let signature = BASE64_STANDARD.encode(self.0.sign(payload).unwrap().as_bytes());
        Candidate { payload: payload.to_vec(), signature: Some(signature), promise: None }
    }
}

/// A signature that is none.
pub(super) fn garbage() -> Candidate {
    Candidate { payload: b"{}".to_vec(), signature: Some("!".to_owned()), promise: None }
}

impl Statement {
    pub(super) fn new(digest: &str, repository: &str) -> Self {
        Self(json!({
            "critical": {
                "identity": { "docker-reference": repository },
                "image": { "docker-manifest-digest": digest },
                "type": "cosign container image signature",
            },
            "optional": null,
        }))
    }

    pub(super) fn of_type(mut self, kind: &str) -> Self {
        self.0["critical"]["type"] = kind.into();
        self
    }

    /// The same statement in other bytes.
    pub(super) fn tagged(mut self, tag: &str) -> Self {
        self.0["optional"] = json!({ "tag": tag });
        self
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.0.to_string().into_bytes()
    }
}

impl Log {
    pub(super) fn new() -> Self {
        Self(KeyPair::generate_ecdsa_p256().unwrap())
    }

    fn id(&self) -> String {
        Digest::of(self.0.public_key_der().unwrap().as_bytes()).hex()
    }

    /// The signed entry timestamp of the entry at 42, in base64.
    fn promise_of(&self, body: &[u8], time: i64) -> String {
        let (body, id) = (BASE64_STANDARD.encode(body), self.id());
        // In the canonical form of RFC 8785: keys in order, no spaces.
        let signed = format!(r#"{{"body":"{body}","integratedTime":{time},"logID":"{id}","logIndex":42}}"#);
        BASE64_STANDARD.encode(self.sign(signed.as_bytes()))
    }

    fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        self.0.sign(bytes).unwrap().as_bytes().to_vec()
    }

    /// What whoever trusts this log knows.
    /// A log with this key, as a trusted root names it.
    fn named(base_url: &str, key: &[u8], since: &str) -> Value {
        json!({
            "baseUrl": base_url,
            "hashAlgorithm": "SHA2_256",
            "publicKey": {
                "rawBytes": BASE64_STANDARD.encode(key),
                "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                "validFor": { "start": since },
            },
            "logId": { "keyId": BASE64_STANDARD.encode(bytes_of_hex(&Digest::of(key).hex())) },
        })
    }

    fn trusted_root_json(&self) -> Value {
        let der = self.0.public_key_der().unwrap();
        json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [Self::named("https://rekor.example", der.as_bytes(), "2021-01-12T11:53:27Z")],
        })
    }
}

fn bytes_of_hex(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}
