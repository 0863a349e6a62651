//! A TUF repository of the tests' own, made without anything of Lockgate's: keys and signatures by `openssl`, files over
//! HTTP on loopback. The layout is that of the TUF specification (1.0), with consistent snapshots.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::cosign::Key;
use super::remote_server::{RemoteServer, Step, plain};

const LATER: &str = "2099-01-01T00:00:00Z";

/// What a mirror answers, by path.
type Files = Arc<Mutex<BTreeMap<String, Vec<Step>>>>;

/// Keepers with one key for all roles, and the mirror of what they publish.
pub(crate) struct Tuf {
    key: Key,
    scratch: PathBuf,
    files: Files,
    mirror: RemoteServer,
}

/// The metadata that says which target there is, each role by its name.
pub(crate) struct Published {
    pub(crate) timestamp: String,
    pub(crate) snapshot: String,
    targets: String,
}

impl Tuf {
    /// A mirror of nothing yet. The keepers' key lies in this folder.
    pub(crate) fn new(folder: &Path) -> Self {
        let key = Key::of_kind(folder, "keepers", &["-algorithm", "ed25519"]);
        let files = Files::default();
        let served = Arc::clone(&files);
        let mirror = RemoteServer::playing(move |heard| {
            let found = served.lock().unwrap().get(heard.path.trim_start_matches("/mcp/")).cloned();
            found.unwrap_or_else(|| plain(404, "", ""))
        });
        Self { key, scratch: folder.join("signed"), files, mirror }
    }

    pub(crate) fn url(&self) -> String {
        self.mirror.url()
    }

    /// How often the mirror was asked for anything.
    pub(crate) fn asked(&self) -> usize {
        self.mirror.heard().len()
    }

    /// The first metadata of the role root.
    pub(crate) fn root(&self) -> String {
        let keyed = json!({ "keyids": ["keepers"], "threshold": 1 });
        let key = json!({ "keytype": "ed25519", "scheme": "ed25519", "keyval": { "public": self.public() } });
        self.signed(
            "root",
            1,
            LATER,
            &json!({
                "consistent_snapshot": true,
                "keys": { "keepers": key },
                "roles": { "root": keyed, "timestamp": keyed, "snapshot": keyed, "targets": keyed },
            }),
        )
    }

    /// Publishes a trusted root, with metadata of this version.
    pub(crate) fn publish(&self, target: &[u8], version: u64) -> Published {
        let hash = hex(&Sha256::digest(target));
        let listed = json!({ "length": target.len(), "hashes": { "sha256": hash } });
        let targets = self.signed("targets", version, LATER, &json!({ "targets": { "trusted_root.json": listed } }));
        let meta = json!({ "meta": { "targets.json": { "version": version } } });
        let snapshot = self.signed("snapshot", version, LATER, &meta);
        let timestamp = self.timestamp(version, version, LATER);
        self.serve(&format!("targets/{hash}.trusted_root.json"), std::str::from_utf8(target).unwrap());
        self.serve(&format!("{version}.targets.json"), &targets);
        self.serve(&format!("{version}.snapshot.json"), &snapshot);
        self.serve("timestamp.json", &timestamp);
        Published { timestamp, snapshot, targets }
    }

    /// Metadata that says which snapshot is newest.
    pub(crate) fn timestamp(&self, version: u64, snapshot: u64, expires: &str) -> String {
        let meta = json!({ "meta": { "snapshot.json": { "version": snapshot } } });
        self.signed("timestamp", version, expires, &meta)
    }

    /// Answers with this file.
    pub(crate) fn serve(&self, path: &str, text: &str) {
        self.answer(path, plain(200, "content-type: application/json\r\n", text));
    }

    /// Answers so.
    pub(crate) fn answer(&self, path: &str, steps: Vec<Step>) {
        self.files.lock().unwrap().insert(path.to_owned(), steps);
    }

    fn signed(&self, role: &str, version: u64, expires: &str, more: &Value) -> String {
        let mut signed = json!({ "_type": role, "spec_version": "1.0.0", "version": version, "expires": expires });
        signed.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        // Without line breaks and with whole numbers alone, TUF's canonical JSON is that of RFC 8785.
        std::fs::write(&self.scratch, serde_json_canonicalizer::to_vec(&signed).unwrap()).unwrap();
        let mut sign = Command::new("openssl");
        sign.args(["pkeyutl", "-sign", "-rawin", "-inkey"]).arg(&self.key.private).arg("-in").arg(&self.scratch);
        let signature = json!({ "keyid": "keepers", "sig": hex(&output(&mut sign)) });
        json!({ "signatures": [signature], "signed": signed }).to_string()
    }

    fn public(&self) -> String {
        let mut show = Command::new("openssl");
        show.args(["pkey", "-pubin", "-outform", "DER", "-in"]).arg(&self.key.public);
        let der = output(&mut show);
        hex(&der[der.len() - 32..])
    }
}

impl Published {
    /// All that is kept of it on a machine, with another timestamp.
    pub(crate) fn kept(&self, timestamp: &str, target: &str) -> String {
        let Self { snapshot, targets, .. } = self;
        json!({ "roots": [], "timestamp": timestamp, "snapshot": snapshot, "targets": targets, "target": target })
            .to_string()
    }
}

fn output(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
