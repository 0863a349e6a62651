//! Bundles as cosign 3 makes them with a key, and stores them beside an artifact: signed by `openssl`.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::cosign::{Key, OCI_MANIFEST, Repository, manifest};

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const STATEMENT: &str = "application/vnd.in-toto+json";

/// A statement, signed with a key (secure-systems-lab/dsse, `protocol.md`).
pub(crate) fn by_key(key: &Key, statement: &Value) -> Value {
    let statement = statement.to_string();
    let signed = format!("DSSEv1 {} {STATEMENT} {} {statement}", STATEMENT.len(), statement.len());
    json!({
        "mediaType": BUNDLE,
        "verificationMaterial": { "publicKey": { "hint": "" } },
        "dsseEnvelope": {
            "payload": BASE64_STANDARD.encode(statement),
            "payloadType": STATEMENT,
            "signatures": [{ "sig": key.sign_payload(signed.into_bytes()).base64() }],
        },
    })
}

/// Stores bundles beside the component `digest`, in a registry that lists no referrers itself.
pub(crate) fn attach(repository: &Repository, digest: &str, bundles: &[Value]) {
    let size = repository.pull_manifest(digest).len();
    let entries = bundles.iter().map(|bundle| {
        let config = repository.push_blob("application/vnd.oci.empty.v1+json", b"{}");
        let layer = repository.push_blob(BUNDLE, bundle.to_string().as_bytes());
        let mut referrer = manifest(config, vec![layer], json!({}));
        referrer["artifactType"] = BUNDLE.into();
        referrer["subject"] = json!({ "mediaType": OCI_MANIFEST, "digest": digest, "size": size });
        let name = super::cosign::digest_of(referrer.to_string().as_bytes());
        repository.push_manifest(&name, &referrer);
        json!({ "mediaType": OCI_MANIFEST, "digest": name, "size": referrer.to_string().len() })
    });
    repository.push_list(digest, &entries.collect::<Vec<_>>());
}
