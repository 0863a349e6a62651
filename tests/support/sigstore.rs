//! Signatures as workflows and people make them with Sigstore, by programs of others: see `clients/sigstore_signer.mjs`.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tempfile::TempDir;

/// What workflows of GitHub's prove their identity with.
pub(crate) const ISSUER: &str = "https://token.actions.githubusercontent.com";

/// What makes a statement a signature (cosign 3).
pub(crate) const SIGNATURE: &str = "https://sigstore.dev/cosign/sign/v1";

/// An instance of Sigstore that others sign with: see `clients/sigstore_instance.mjs`. It ends with this value.
pub(crate) struct Instance {
    folder: TempDir,
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Instance {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = node("sigstore_instance.mjs");
        let mut child = command.arg(folder.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        assert_eq!(lines.next().as_deref(), Some("ready"));
        let heard = Arc::<Mutex<Vec<String>>>::default();
        let hears = Arc::clone(&heard);
        std::thread::spawn(move || lines.for_each(|line| hears.lock().unwrap().push(line)));
        Self { folder, child, lines: heard }
    }

    /// The keys by which users know it.
    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("trusted_root.json")
    }

    /// Its addresses, where they behave so.
    pub(crate) fn services(&self, authority: &str, log: &str) -> PathBuf {
        self.folder.path().join(format!("{authority}.{log}.json"))
    }

    /// Where its files are.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it was asked: the service and how it behaved, and whether a log was sent the token.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// A token that says this, as an issuer gives it to those who want to sign in the next minutes.
pub(crate) fn token(claims: &Value) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{}", part(&json!({ "alg": "RS256" })), part(claims), BASE64_URL_SAFE_NO_PAD.encode("signature"))
}

/// What npm's library says of a bundle: see `clients/sigstore_verifier.mjs`.
pub(crate) fn verifier(arguments: &[&str]) -> Output {
    node("sigstore_verifier.mjs").args(arguments).output().unwrap()
}

fn node(script: &str) -> Command {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let modules = folder.join(".setup/node/node_modules");
    assert!(modules.join("@sigstore/sign").exists(), "@sigstore/sign is missing: run `make setup`");
    let mut command = Command::new("timeout");
    command.args(["120", "node"]).arg(folder.join("tests/clients").join(script)).arg(modules);
    command
}

/// Signs all of this with an instance of Sigstore of its own, writes the keys of the instance to `root`, and attaches each
/// bundle where its item says so. Gives the bundles.
pub(crate) fn sign(root: &Path, items: &[Value]) -> Vec<Value> {
    let mut command = node("sigstore_signer.mjs");
    command.arg(root);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    serde_json::to_writer(child.stdin.take().unwrap(), items).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What the token of a workflow says, as of `workflow("acme/time", "release.yml", "refs/heads/main")`.
pub(crate) fn workflow(repository: &str, file: &str, git_ref: &str) -> Value {
    let path = format!("{repository}/.github/workflows/{file}@{git_ref}");
    json!({
        "iss": ISSUER,
        "sub": format!("https://github.com/{path}"),
        "repository": repository,
        "repository_owner_id": "4242",
        "ref": git_ref,
        "sha": "0123456789012345678901234567890123456789",
        "runner_environment": "github-hosted",
        "workflow_ref": path,
        "job_workflow_ref": path,
    })
}

/// A statement about a manifest.
pub(crate) fn statement(digest: &str, predicate_type: &str, predicate: &Value) -> Value {
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{ "name": "server", "digest": { "sha256": digest.strip_prefix("sha256:").unwrap() } }],
        "predicateType": predicate_type,
        "predicate": predicate,
    })
}
