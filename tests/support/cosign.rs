//! Signatures as cosign makes and stores them, made without anything of Lockgate's: keys and signatures by `openssl`,
//! uploads by `curl`. The layout is that of cosign's `specs/SIGNATURE_SPEC.md`.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const SIGNATURE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const ENVELOPE: &str = "application/vnd.dsse.envelope.v1+json";
const IN_TOTO: &str = "application/vnd.in-toto+json";

/// A pair of keys in files.
pub(crate) struct Key {
    pub(crate) private: PathBuf,
    pub(crate) public: PathBuf,
}

/// One signature of a `.sig` manifest: what was signed, and the signature in base64.
#[derive(Clone)]
pub(crate) struct Signature {
    payload: Vec<u8>,
    base64: String,
    /// What else cosign writes beside it.
    annotations: Value,
}

impl Key {
    /// Makes `NAME.key` and `NAME.pub`.
    pub(crate) fn new(folder: &Path, name: &str) -> Self {
        Self::of_kind(folder, name, &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"])
    }

    pub(crate) fn of_kind(folder: &Path, name: &str, kind: &[&str]) -> Self {
        let (private, public) = (folder.join(format!("{name}.key")), folder.join(format!("{name}.pub")));
        run(Command::new("openssl").arg("genpkey").args(kind).arg("-out").arg(&private), b"");
        run(Command::new("openssl").args(["pkey", "-pubout", "-in"]).arg(&private).arg("-out").arg(&public), b"");
        Self { private, public }
    }

    /// Signs that `digest` is what `repository` holds.
    pub(crate) fn sign(&self, digest: &str, repository: &str) -> Signature {
        self.sign_payload(payload(digest, repository).to_string().into_bytes())
    }

    pub(crate) fn sign_payload(&self, payload: Vec<u8>) -> Signature {
        let signature = run(Command::new("openssl").args(["dgst", "-sha256", "-sign"]).arg(&self.private), &payload);
        Self::signature(payload, &signature)
    }

    /// As [`sign`](Self::sign), for a key that signs the words themselves and not their digest: Ed25519.
    pub(crate) fn sign_whole(&self, digest: &str, repository: &str) -> Signature {
        let payload = payload(digest, repository).to_string().into_bytes();
        let file = self.private.with_extension("payload");
        std::fs::write(&file, &payload).unwrap();
        let mut sign = Command::new("openssl");
        sign.args(["pkeyutl", "-sign", "-rawin", "-inkey"]).arg(&self.private).arg("-in").arg(&file);
        Self::signature(payload, &run(&mut sign, b""))
    }

    /// An envelope around a statement (DSSE).
    pub(crate) fn attest(&self, statement: &Value) -> Value {
        let statement = statement.to_string();
        let signed = format!("DSSEv1 {} {IN_TOTO} {} {statement}", IN_TOTO.len(), statement.len());
        let Signature { base64, .. } = self.sign_payload(signed.into_bytes());
        let payload = BASE64_STANDARD.encode(statement);
        json!({ "payloadType": IN_TOTO, "payload": payload, "signatures": [{ "keyid": "", "sig": base64 }] })
    }

    fn signature(payload: Vec<u8>, signature: &[u8]) -> Signature {
        let base64 = run(Command::new("openssl").args(["base64", "-A"]), signature);
        let base64 = String::from_utf8(base64).unwrap().trim().to_owned();
        Signature { payload, base64, annotations: json!({}) }
    }
}

impl Signature {
    /// One that somebody else made over a payload, with what cosign writes beside it.
    pub(crate) fn of(payload: Vec<u8>, base64: String, annotations: Value) -> Self {
        Self { payload, base64, annotations }
    }

    /// What was made over the payload, in base64.
    pub(crate) fn base64(&self) -> &str {
        &self.base64
    }

    /// The same signature over other words.
    pub(crate) fn altered(mut self) -> Self {
        self.payload.insert(1, b' ');
        self
    }
}

/// What cosign signs.
pub(crate) fn payload(digest: &str, repository: &str) -> Value {
    json!({
        "critical": {
            "identity": { "docker-reference": repository },
            "image": { "docker-manifest-digest": digest },
            "type": "cosign container image signature",
        },
        "optional": null,
    })
}

/// A repository that is pushed to, as `127.0.0.1:5000/acme/time`.
pub(crate) struct Repository(String);

impl Repository {
    pub(crate) fn new(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// Pushes a component as one layer under `tag`, and gives the digest of its manifest.
    pub(crate) fn push_component(&self, tag: &str, component: &Path) -> String {
        self.push_component_with(tag, component, json!({}))
    }

    /// As [`push_component`](Self::push_component), with annotations that make another manifest of the same component.
    pub(crate) fn push_component_with(&self, tag: &str, component: &Path, annotations: Value) -> String {
        let bytes = std::fs::read(component).unwrap();
        let config = json!({
            "created": "2026-11-01T00:00:00Z",
            "architecture": "wasm",
            // By the layer in the binary's head: the guests of tests are components or core modules.
            "os": if bytes[6] == 1 { "wasip2" } else { "wasip1" },
            "layerDigests": [digest_of(&bytes)],
        });
        let layer = self.push_blob("application/wasm", &bytes);
        let config = self.push_blob("application/vnd.wasm.config.v0+json", config.to_string().as_bytes());
        self.push_manifest(tag, &manifest(config, vec![layer], annotations))
    }

    /// Stores signatures where cosign looks for those of `digest`.
    pub(crate) fn push_signatures(&self, digest: &str, signatures: &[Signature]) {
        let mut pushed = HashMap::new();
        let layers = signatures.iter().map(|Signature { payload, base64, annotations }| {
            let mut layer = pushed.entry(payload).or_insert_with(|| self.push_blob(SIGNATURE, payload)).clone();
            layer["annotations"] = annotations.clone();
            layer["annotations"]["dev.cosignproject.cosign/signature"] = base64.as_str().into();
            layer
        });
        let layers = layers.collect();
        let config = self.push_blob("application/vnd.oci.image.config.v1+json", b"{}");
        self.push_manifest(&signature_tag(digest), &manifest(config, layers, json!({})));
    }

    /// Stores attestations where cosign looks for those of `digest`.
    pub(crate) fn push_attestations(&self, digest: &str, envelopes: &[Value]) {
        let layers = envelopes.iter().map(|envelope| self.push_blob(ENVELOPE, envelope.to_string().as_bytes()));
        let layers = layers
            .map(|mut layer| {
                layer["annotations"] = json!({ "dev.cosignproject.cosign/signature": "" });
                layer
            })
            .collect();
        let config = self.push_blob("application/vnd.oci.image.config.v1+json", b"{}");
        self.push_manifest(&format!("{}.att", digest.replace(':', "-")), &manifest(config, layers, json!({})));
    }

    /// Stores signatures as a manifest that refers to the component `digest`, and gives its descriptor. Where the registry
    /// lists no referrers, nobody finds it there.
    pub(crate) fn push_referrer(&self, digest: &str, signatures: &[Signature]) -> Value {
        let layers = signatures.iter().map(|Signature { payload, base64, annotations }| {
            let mut layer = self.push_blob(SIGNATURE, payload);
            layer["annotations"] = annotations.clone();
            layer["annotations"]["dev.cosignproject.cosign/signature"] = base64.as_str().into();
            layer
        });
        let layers = layers.collect();
        let config = self.push_blob("application/vnd.oci.empty.v1+json", b"{}");
        let mut referrer = manifest(config, layers, json!({}));
        let size =
            curl(&["-I", "-H", &format!("Accept: {OCI_MANIFEST}"), &self.url(&format!("manifests/{digest}"))], b"");
        let size = size
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.trim().parse().ok());
        let size: u64 = size.unwrap();
        referrer["artifactType"] = "application/vnd.dev.cosign.artifact.sig.v1+json".into();
        referrer["subject"] = json!({ "mediaType": OCI_MANIFEST, "digest": digest, "size": size });
        let text = referrer.to_string();
        let name = digest_of(text.as_bytes());
        self.push_manifest(&name, &referrer);
        json!({ "mediaType": OCI_MANIFEST, "digest": name, "size": text.len() })
    }

    /// Writes the list of what refers to `digest`, where the registry makes none.
    pub(crate) fn push_list(&self, digest: &str, entries: &[Value]) {
        let list = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries });
        self.push_manifest(&digest.replace(':', "-"), &list);
    }

    /// Pushes a blob, and gives its descriptor.
    pub(crate) fn push_blob(&self, media_type: &str, bytes: &[u8]) -> Value {
        let digest = digest_of(bytes);
        let answer = curl(&["-X", "POST", "-D", "-", "-o", "/dev/null", &self.url("blobs/uploads/")], b"");
        let location = answer.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("location").then(|| value.trim().to_owned())
        });
        let location = location.unwrap_or_else(|| panic!("no place to upload to:\n{answer}"));
        let separator = if location.contains('?') { '&' } else { '?' };
        let place = format!("{location}{separator}digest={digest}");
        curl(&["-X", "PUT", "-H", "Content-Type: application/octet-stream", "--data-binary", "@-", &place], bytes);
        json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() })
    }

    /// Pushes a manifest, and gives its digest.
    pub(crate) fn push_manifest(&self, tag: &str, manifest: &Value) -> String {
        let kind = format!("Content-Type: {}", manifest["mediaType"].as_str().unwrap());
        let text = manifest.to_string();
        let place = self.url(&format!("manifests/{tag}"));
        curl(&["-X", "PUT", "-H", &kind, "--data-binary", "@-", &place], text.as_bytes());
        digest_of(text.as_bytes())
    }

    /// The manifest under a tag or digest, as it was pushed.
    pub(crate) fn pull_manifest(&self, tag: &str) -> String {
        let accept = format!("Accept: {OCI_MANIFEST}");
        curl(&["-H", &accept, &self.url(&format!("manifests/{tag}"))], b"")
    }

    fn url(&self, path: &str) -> String {
        let (registry, repository) = self.0.split_once('/').unwrap();
        format!("http://{registry}/v2/{repository}/{path}")
    }
}

/// Puts signatures of `digest` into a folder of the OCI image layout, under the tag that cosign gives them.
pub(crate) fn add_to_layout(folder: &Path, digest: &str, signatures: &[Signature]) {
    let put = |media_type: &str, bytes: &[u8]| {
        let name = digest_of(bytes);
        std::fs::write(folder.join("blobs/sha256").join(&name["sha256:".len()..]), bytes).unwrap();
        json!({ "mediaType": media_type, "digest": name, "size": bytes.len() })
    };
    let layers = signatures.iter().map(|Signature { payload, base64, .. }| {
        let mut layer = put(SIGNATURE, payload);
        layer["annotations"] = json!({ "dev.cosignproject.cosign/signature": base64 });
        layer
    });
    let layers = layers.collect();
    let config = put("application/vnd.oci.image.config.v1+json", b"{}");
    let mut entry = put(OCI_MANIFEST, manifest(config, layers, json!({})).to_string().as_bytes());
    entry["annotations"] = json!({ "org.opencontainers.image.ref.name": signature_tag(digest) });
    let path = folder.join("index.json");
    let mut index: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    index["manifests"].as_array_mut().unwrap().push(entry);
    std::fs::write(path, index.to_string()).unwrap();
}

/// The tag for signatures of a manifest.
pub(crate) fn signature_tag(digest: &str) -> String {
    format!("{}.sig", digest.replace(':', "-"))
}

pub(crate) fn manifest(config: Value, layers: Vec<Value>, annotations: Value) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": config,
        "layers": layers,
        "annotations": annotations,
    })
}

pub(crate) fn digest_of(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

fn curl(arguments: &[&str], body: &[u8]) -> String {
    let mut command = Command::new("curl");
    command.args(["-sS", "--fail-with-body", "--noproxy", "*", "--max-time", "60"]).args(arguments);
    String::from_utf8_lossy(&run(&mut command, body)).into_owned()
}

/// Runs a program to its end, with `input` on its stdin.
fn run(command: &mut Command, input: &[u8]) -> Vec<u8> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        // A program that takes no input has closed it by now.
        scope.spawn(move || {
            let _ = stdin.write_all(input);
        });
        child.wait_with_output().unwrap()
    });
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
