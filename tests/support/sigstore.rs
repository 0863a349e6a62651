//! Signatures as workflows and people make them with Sigstore, by programs of others: see `clients/sigstore_signer.mjs`.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

/// What workflows of GitHub's prove their identity with.
pub(crate) const ISSUER: &str = "https://token.actions.githubusercontent.com";

/// What makes a statement a signature (cosign 3).
pub(crate) const SIGNATURE: &str = "https://sigstore.dev/cosign/sign/v1";

/// Signs all of this with an instance of Sigstore of its own, writes the keys of the instance to `root`, and attaches each
/// bundle where its item says so. Gives the bundles.
pub(crate) fn sign(root: &Path, items: &[Value]) -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let modules = folder.join(".setup/node/node_modules");
    assert!(modules.join("@sigstore/sign").exists(), "@sigstore/sign is missing: run `make setup`");
    let mut command = Command::new("timeout");
    command.args(["60", "node"]).arg(folder.join("tests/clients/sigstore_signer.mjs")).arg(modules).arg(root);
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
