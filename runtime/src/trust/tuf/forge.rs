//! A TUF repository of the tests' own: keys, metadata of every role, and whoever serves it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use sigstore_crypto::sha256;
use sigstore_tuf::canonical_json::to_canonical_bytes;

use super::Mirror;

pub(super) const LATER: &str = "2099-01-01T00:00:00Z";

/// A key, and what metadata calls it.
pub(super) struct Signer {
    pub(super) name: String,
    pair: Ed25519KeyPair,
}

/// Keepers and what they have published.
pub(super) struct Keepers {
    pub(super) root: Vec<Signer>,
    pub(super) others: Signer,
    pub(super) files: BTreeMap<String, Vec<u8>>,
    pub(super) expires: BTreeMap<&'static str, &'static str>,
    /// The version of timestamp, snapshot and targets.
    pub(super) version: u64,
    /// The target's name in what lists it.
    pub(super) listed: &'static str,
}

/// Serves files, and remembers what it was asked for.
pub(super) struct Served {
    pub(super) files: BTreeMap<String, Vec<u8>>,
    pub(super) endless: BTreeSet<String>,
    pub(super) asked: Mutex<Vec<String>>,
}

impl Signer {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), pair: Ed25519KeyPair::generate().unwrap() }
    }

    /// As root metadata lists it.
    pub(super) fn key(&self) -> Value {
        let public: String = self.pair.public_key().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        json!({ "keytype": "ed25519", "scheme": "ed25519", "keyval": { "public": public } })
    }

    fn sign(&self, signed: &Value) -> Value {
        let signature = self.pair.sign(&to_canonical_bytes(signed).unwrap());
        let hex: String = signature.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        json!({ "keyid": self.name, "sig": hex })
    }
}

/// An envelope, as repositories serve it.
pub(super) fn envelope(signed: &Value, by: &[&Signer]) -> Vec<u8> {
    let signatures: Vec<Value> = by.iter().map(|signer| signer.sign(signed)).collect();
    json!({ "signatures": signatures, "signed": signed }).to_string().into_bytes()
}

impl Keepers {
    pub(super) fn new() -> Self {
        Self {
            root: vec![Signer::new("root-a"), Signer::new("root-b")],
            others: Signer::new("online"),
            files: BTreeMap::new(),
            expires: BTreeMap::new(),
            version: 1,
            listed: "trusted_root.json",
        }
    }

    fn signed(&self, role: &'static str, version: u64, more: &Value) -> Value {
        let expires = self.expires.get(role).copied().unwrap_or(LATER);
        let mut signed = json!({ "_type": role, "spec_version": "1.0.0", "version": version, "expires": expires });
        signed.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        signed
    }

    /// What root metadata of this version says: two of the keys of the role root have to sign.
    pub(super) fn root_signed(&self, version: u64) -> Value {
        let keys: BTreeMap<&str, Value> =
            self.root.iter().chain([&self.others]).map(|signer| (signer.name.as_str(), signer.key())).collect();
        let root: Vec<&str> = self.root.iter().map(|signer| signer.name.as_str()).collect();
        let online = json!({ "keyids": [self.others.name], "threshold": 1 });
        let roles = json!({
            "root": { "keyids": root, "threshold": 2 },
            "timestamp": online, "snapshot": online, "targets": online,
        });
        self.signed("root", version, &json!({ "consistent_snapshot": true, "keys": keys, "roles": roles }))
    }

    pub(super) fn root_metadata(&self, version: u64) -> Vec<u8> {
        envelope(&self.root_signed(version), &self.root.iter().collect::<Vec<_>>())
    }

    /// Publishes a target, with new metadata of all roles but root.
    pub(super) fn publish(&mut self, target: &[u8]) {
        self.publish_by(target, None);
    }

    /// The same, where somebody else signs all but what is newest.
    pub(super) fn publish_by(&mut self, target: &[u8], other: Option<&Signer>) {
        let (version, by) = (self.version, other.unwrap_or(&self.others));
        let hash = sha256(target).to_hex();
        let listed = json!({ "targets": { self.listed: { "length": target.len(), "hashes": { "sha256": hash } } } });
        let targets = envelope(&self.signed("targets", version, &listed), &[by]);
        let meta = json!({ "meta": { "targets.json": { "version": version } } });
        let snapshot = envelope(&self.signed("snapshot", version, &meta), &[by]);
        let hashes = json!({ "sha256": sha256(&snapshot).to_hex() });
        let meta =
            json!({ "meta": { "snapshot.json": { "version": version, "length": snapshot.len(), "hashes": hashes } } });
        let timestamp = envelope(&self.signed("timestamp", version, &meta), &[&self.others]);
        self.files.insert("timestamp.json".to_owned(), timestamp);
        self.files.insert(format!("{version}.snapshot.json"), snapshot);
        self.files.insert(format!("{version}.targets.json"), targets);
        self.files.insert(format!("targets/{hash}.trusted_root.json"), target.to_vec());
    }

    pub(super) fn serve(&self) -> Served {
        Served { files: self.files.clone(), endless: BTreeSet::new(), asked: Mutex::default() }
    }
}

impl Mirror for Served {
    async fn fetch(&self, path: &str, most: usize) -> Result<Option<Vec<u8>>, String> {
        self.asked.lock().unwrap().push(path.to_owned());
        match self.files.get(path) {
            _ if self.endless.contains(path) => Err(format!("{path} is larger than {most} bytes")),
            Some(bytes) if bytes.len() > most => Err(format!("{path} is larger than {most} bytes")),
            found => Ok(found.cloned()),
        }
    }
}
