//! What authors sign with `lockgate push --sign`: by our own judgement, and by that of others' programs.

mod advisories;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::support::cosign::{Key, Repository, signature_tag};
use crate::support::own_registry::{Lists, OwnRegistry, Reply};
use crate::support::sigstore::verifier;
use crate::support::{Home, Lockgate, OciRegistry, folder, probe};

const SBOM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/sbom/npm.spdx-2.3.json");
const OTHER_SBOM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/sbom/npm.cyclonedx-1.5.json");
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

const ACCEPT: &str = "Accept: application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, application/octet-stream";

/// An author's folder, and a user's home.
struct Scene {
    _folder: tempfile::TempDir,
    author: PathBuf,
    home: Home,
    key: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let ((kept, author), home) = (folder(), Home::warm());
        fs::create_dir_all(home.path().join("config")).unwrap();
        let key = private_key(&author, "acme", &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]);
        Self { _folder: kept, author, home, key }
    }

    /// A file of the author's.
    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.author.join(name);
        fs::write(&path, content).unwrap();
        path
    }

    fn push(&self, destination: &str) -> Lockgate {
        let push = Lockgate::new("push").arg(probe()).arg(destination).arg("--sign").arg(&self.key);
        push.home(self.home.path()).naming(&self.author, "AUTHOR")
    }

    /// Pushes and signs, and keeps what users are told as a user does. Gives what was printed.
    fn publish(&self, destination: &str, more: &[&str]) -> Value {
        let ended = self.push(destination).args(more).args(["--format", "json"]).run();
        ended.good();
        assert_eq!(ended.stderr, "", "{ended}");
        let document = ended.json();
        let config = self.home.path().join("config");
        fs::write(config.join("acme.pub"), document["public-key"].as_str().unwrap()).unwrap();
        let policy = format!("default = \"reject\"\n{}\n", document["scope"].as_str().unwrap());
        fs::write(config.join("trust.toml"), policy).unwrap();
        let checked = Lockgate::new("trust").arg("check").arg(config.join("trust.toml")).home(self.home.path()).run();
        assert!(checked.good().contains("can be used: 1 scope\n"), "{checked}");
        document
    }
}

/// A private key as an author makes it.
fn private_key(folder: &Path, name: &str, kind: &[&str]) -> PathBuf {
    Key::of_kind(folder, name, kind);
    let (made, path) = (folder.join(format!("{name}.key")), folder.join(format!("{name}.pem")));
    fs::rename(made, &path).unwrap();
    fs::remove_file(folder.join(format!("{name}.pub"))).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    path
}

fn provenance() -> Value {
    json!({
        "buildDefinition": {
            "buildType": "https://acme.example/make@v1",
            "externalParameters": { "source": "git+https://github.com/acme/time@refs/tags/v1" },
        },
        "runDetails": { "builder": { "id": "https://acme.example/builder@v3" } },
    })
}

fn statement(digest: &str) -> String {
    crate::support::sigstore::statement(digest, "https://slsa.dev/provenance/v1", &provenance()).to_string()
}

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn fetch(url: &str) -> String {
    run("curl", &["-sS", "--fail", "--noproxy", "*", "--max-time", "60", "-H", ACCEPT, url])
}

#[test]
fn what_is_pushed_and_signed_runs_by_the_scope_that_is_printed() {
    let (registry, scene) = (OciRegistry::start(), Scene::new());
    let reference = registry.reference("acme/time:1");
    let provenance = scene.file("provenance.json", provenance().to_string());
    let provenance = provenance.to_str().unwrap();
    let all = ["--sbom", SBOM, "--sbom", OTHER_SBOM, "--provenance", provenance];
    let document = scene.publish(&reference, &all);
    let scope = document["scope"].as_str().unwrap().replace(registry.address(), "REGISTRY");
    insta::assert_snapshot!(scope, @r#"
    [[scope]]
    match = "REGISTRY/acme/time"
    signers = [{ key = "acme.pub", log = "ignore" }]
    sbom = { required = true }
    provenance = { required = true, builder = "https://acme.example/builder", source = "https://github.com/acme/time" }
    "#);
    let record = scene.home.runs_as_signed(&reference);
    assert_eq!(record["sboms"].as_array().unwrap().len(), 2, "{record}");
    assert_eq!(record["provenance"][0]["ref"], "refs/tags/v1", "{record}");
    // The same again adds nothing: what this key has said is there.
    let tags = || ["", ".sig"].map(|end| fetch(&manifest_url(&reference, &fallback(&document, end))));
    let before = tags();
    let again = scene.publish(&reference, &all);
    assert_eq!((&again["digest"], tags()), (&document["digest"], before));
    // Where it is asked for and was not attested, it does not run.
    let other = registry.reference("acme/other:1");
    let scope = scene.publish(&other, &[]);
    scene.home.runs_as_signed(&other);
    let asked = format!("default = \"reject\"\n{}\nsbom = {{ required = true }}\n", scope["scope"].as_str().unwrap());
    fs::write(scene.home.path().join("config/trust.toml"), asked).unwrap();
    scene.home.verify(&other).failed(3);
}

#[test]
fn what_is_signed_where_referrers_are_listed_runs_as_well() {
    let scene = Scene::new();
    for registry in [OwnRegistry::with_lists(), OwnRegistry::without_lists()] {
        let reference = registry.reference("acme/time:1");
        scene.publish(&reference, &["--sbom", SBOM]);
        assert_eq!(scene.home.runs_as_signed(&reference)["sboms"].as_array().unwrap().len(), 1);
        // The tag came last.
        let lines = registry.lines();
        let at = |end: &str| lines.iter().position(|line| line.starts_with("PUT") && line.ends_with(end)).unwrap();
        assert!(at("/manifests/1") > at(".sig"), "{lines:#?}");
        assert!(
            lines[at("/manifests/1")..].iter().all(|line| line.starts_with("GET") || line.ends_with("/manifests/1"))
        );
    }
}

#[test]
fn what_is_signed_in_a_folder_runs_from_there() {
    let (scene, (_folder, dist)) = (Scene::new(), folder());
    let server = format!("oci-layout:{}", dist.join("time").display());
    let document = scene.publish(&format!("{server}:1"), &["--sbom", SBOM]);
    assert!(document["scope"].as_str().unwrap().contains("match = \"oci-layout\""), "{document}");
    for server in [server.clone(), format!("{server}:1"), format!("{server}@{}", document["digest"].as_str().unwrap())]
    {
        scene.home.runs_as_signed(&server);
    }
    let index = || fs::read(dist.join("time/index.json")).unwrap();
    let before: Value = serde_json::from_slice(&index()).unwrap();
    scene.publish(&format!("{server}:1"), &["--sbom", SBOM]);
    let after: Value = serde_json::from_slice(&index()).unwrap();
    let count = |index: &Value| index["manifests"].as_array().unwrap().len();
    assert_eq!((count(&before), count(&after)), (3, 3), "{after:#}");
}

#[test]
fn people_are_told_what_to_publish() {
    let (registry, scene) = (OciRegistry::start(), Scene::new());
    let reference = registry.reference("acme/time:1");
    let document = scene.publish(&reference, &[]);
    let (digest, key) = (document["digest"].as_str().unwrap(), document["public-key"].as_str().unwrap());
    let pushed = scene.push(&reference).naming(registry.address(), "REGISTRY").naming(digest, "DIGEST").run();
    pushed.good();
    insta::assert_snapshot!(pushed.to_string().replace(&key.replace('\n', "\n1> "), "PUBLIC KEY"));
}

/// The tag for what lies beside what was published.
fn fallback(document: &Value, ending: &str) -> String {
    document["digest"].as_str().unwrap().replace(':', "-") + ending
}

fn manifest_url(reference: &str, name: &str) -> String {
    let (repository, _) = reference.rsplit_once(':').unwrap();
    let (registry, path) = repository.split_once('/').unwrap();
    format!("http://{registry}/v2/{path}/manifests/{name}")
}

fn blob_url(reference: &str, digest: &Value) -> String {
    manifest_url(reference, digest.as_str().unwrap()).replace("/manifests/", "/blobs/")
}

#[test]
fn openssl_accepts_the_signature() {
    let (registry, scene) = (OciRegistry::start(), Scene::new());
    let reference = registry.reference("acme/time:1");
    let document = scene.publish(&reference, &[]);
    let manifest = fetch(&manifest_url(&reference, &signature_tag(document["digest"].as_str().unwrap())));
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    let layer = &manifest["layers"][0];
    let payload = fetch(&blob_url(&reference, &layer["digest"]));
    let said: Value = serde_json::from_str(&payload).unwrap();
    assert_eq!(said["critical"]["image"]["docker-manifest-digest"], document["digest"]);
    assert_eq!(said["critical"]["identity"]["docker-reference"], registry.reference("acme/time"));
    let payload = scene.file("payload", payload);
    let signature =
        scene.file("signature.b64", layer["annotations"]["dev.cosignproject.cosign/signature"].as_str().unwrap());
    let public = scene.file("public.pem", document["public-key"].as_str().unwrap());
    let [payload, signature, public] = [&payload, &signature, &public].map(|path| path.to_str().unwrap());
    let raw = scene.author.join("signature");
    let raw = raw.to_str().unwrap();
    run("openssl", &["base64", "-d", "-A", "-in", signature, "-out", raw]);
    let verified = run("openssl", &["dgst", "-sha256", "-verify", public, "-signature", raw, payload]);
    assert_eq!(verified, "Verified OK\n");
}

#[test]
fn sigstores_own_library_accepts_the_bundles() {
    let (registry, scene) = (OciRegistry::start(), Scene::new());
    for (name, kind) in
        [("acme", &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"][..]), ("ed", &["-algorithm", "ED25519"])]
    {
        let key = private_key(&scene.author, name, kind);
        let reference = registry.reference(&format!("{name}/time:1"));
        let pushed = Lockgate::new("push").arg(probe()).arg(&reference).arg("--sign").arg(&key);
        let pushed = pushed.args(["--sbom", SBOM, "--format", "json"]).home(scene.home.path()).run();
        pushed.good();
        let document = pushed.json();
        let list: Value = serde_json::from_str(&fetch(&manifest_url(&reference, &fallback(&document, "")))).unwrap();
        let entry = &list["manifests"][0];
        assert_eq!(entry["artifactType"], BUNDLE);
        assert_eq!(entry["annotations"]["dev.sigstore.bundle.content"], "dsse-envelope");
        assert_eq!(entry["annotations"]["dev.sigstore.bundle.predicateType"], "https://spdx.dev/Document");
        let manifest = fetch(&manifest_url(&reference, entry["digest"].as_str().unwrap()));
        let manifest: Value = serde_json::from_str(&manifest).unwrap();
        assert_eq!(
            (&manifest["subject"]["digest"], &manifest["layers"][0]["mediaType"]),
            (&document["digest"], &json!(BUNDLE))
        );
        let bundle = fetch(&blob_url(&reference, &manifest["layers"][0]["digest"]));
        let verify = |bundle: &str| {
            let bundle = scene.file("bundle.json", bundle);
            let public = scene.file("public.pem", document["public-key"].as_str().unwrap());
            verifier(&[bundle.to_str().unwrap(), public.to_str().unwrap()])
        };
        let verified = verify(&bundle);
        assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
        let statement: Value = serde_json::from_slice(&verified.stdout).unwrap();
        let digest = document["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
        assert_eq!(
            statement["subject"],
            json!([{ "name": registry.reference(&format!("{name}/time")), "digest": { "sha256": digest } }])
        );
        assert_eq!(statement["_type"], "https://in-toto.io/Statement/v1");
        let sbom: Value = serde_json::from_slice(&fs::read(SBOM).unwrap()).unwrap();
        assert_eq!(statement["predicate"], sbom);
        // It does look: another payload is refused.
        let mut other: Value = serde_json::from_str(&bundle).unwrap();
        other["dsseEnvelope"]["payload"] = "e30=".into();
        assert!(!verify(&other.to_string()).status.success());
    }
}

#[test]
fn signatures_of_others_stay_where_they_are() {
    let (registry, scene) = (OciRegistry::start(), Scene::new());
    let reference = registry.reference("acme/time:1");
    let other = scene.home.signer_key("other");
    let digest = scene.publish(&reference, &[])["digest"].as_str().unwrap().to_owned();
    let name = registry.reference("acme/time");
    Repository::new(&name).push_signatures(&digest, &[other.sign(&digest, &name)]);
    scene.home.verify(&reference).failed(3);
    let document = scene.publish(&reference, &[]);
    scene.home.runs_as_signed(&reference);
    let ours = document["scope"].as_str().unwrap();
    let both = ours.replace(" }]", " }, { key = \"other.pub\", log = \"ignore\" }]\nthreshold = 2");
    fs::write(scene.home.path().join("config/trust.toml"), format!("default = \"reject\"\n{both}")).unwrap();
    scene.home.runs_as_signed(&reference);
}

#[test]
fn a_statement_is_attested_of_what_it_is_about_and_of_nothing_else() {
    let (registry, scene) = (OciRegistry::start(), Scene::new());
    let reference = registry.reference("acme/time:1");
    let component = run("sha256sum", &[&probe()]);
    let component = format!("sha256:{}", &component[..64]);
    let ours = scene.file("ours.json", statement(&component));
    scene.publish(&reference, &["--provenance", ours.to_str().unwrap()]);
    assert_eq!(scene.home.runs_as_signed(&reference)["provenance"][0]["builder"], "https://acme.example/builder@v3");
    let theirs = scene.file("theirs.json", statement(&format!("sha256:{}", "0".repeat(64))));
    let other = registry.reference("acme/other:1");
    let pushed = scene.push(&other).arg("--provenance").arg(theirs).run();
    assert!(pushed.failed(2).contains("its provenance is a statement about other things"), "{pushed}");
    scene.home.verify(&other).failed(1);
}

#[test]
fn what_cannot_be_signed_with_is_told_from_what_can() {
    let scene = Scene::new();
    let (_folder, dist) = folder();
    let destination = format!("oci-layout:{}:1", dist.join("none").display());
    let public = Key::new(&scene.author, "public").public;
    let [encrypted, old, p384, rsa] =
        ["encrypted.pem", "old.pem", "p384.pem", "rsa.pem"].map(|name| scene.author.join(name));
    let key = scene.key.to_str().unwrap();
    run("openssl", &["pkcs8", "-topk8", "-in", key, "-passout", "pass:x", "-out", encrypted.to_str().unwrap()]);
    run("openssl", &["ec", "-in", key, "-out", old.to_str().unwrap()]);
    private_key(&scene.author, "p384", &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"]);
    private_key(&scene.author, "rsa", &["-algorithm", "RSA"]);
    let cosign = scene.file(
        "cosign.key",
        "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n",
    );
    let missing = scene.author.join("missing.pem");
    let transcripts: Vec<String> = [public, encrypted, old, p384, rsa, cosign, missing, scene.author.clone()]
        .iter()
        .map(|key| {
            let push = Lockgate::new("push").arg(probe()).arg(&destination).arg("--sign").arg(key);
            let ended = push.home(scene.home.path()).naming(&scene.author, "AUTHOR").naming(&dist, "DIST").run();
            ended.failed(2);
            ended.to_string()
        })
        .collect();
    insta::assert_snapshot!(transcripts.concat());
    assert!(!dist.join("none").exists());
}

#[test]
fn what_cannot_be_attested_is_refused_before_anything_is_pushed() {
    let (scene, (_folder, dist)) = (Scene::new(), folder());
    let destination = format!("oci-layout:{}:1", dist.join("none").display());
    let empty = scene.file("empty.json", "{}");
    let nothing = scene
        .file("nothing.json", r#"{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","name":"x","packages":[]}"#);
    let binary = scene.file("binary.json", b"\xff\xfe");
    let transcripts: Vec<String> = [
        ("--sbom", &empty),
        ("--sbom", &nothing),
        ("--sbom", &binary),
        ("--sbom", &scene.author),
        ("--provenance", &empty),
        ("--provenance", &PathBuf::from(SBOM)),
        ("--provenance", &scene.author.join("missing.json")),
    ]
    .map(|(flag, file)| {
        let ended = scene.push(&destination).arg(flag).arg(file).naming(SBOM, "SBOM").naming(&dist, "DIST").run();
        ended.failed(2);
        ended.to_string()
    })
    .to_vec();
    insta::assert_snapshot!(transcripts.concat());
    for flag in ["--sbom", "--provenance"] {
        let unsigned = Lockgate::new("push").arg(probe()).arg(&destination).arg(flag).arg(SBOM);
        assert!(unsigned.home(scene.home.path()).run().failed(2).contains("--sign [<KEY.pem>]"));
    }
    assert!(!dist.join("none").exists());
}

#[test]
fn a_key_that_others_can_read_is_warned_of() {
    let (scene, (_folder, dist)) = (Scene::new(), folder());
    fs::set_permissions(&scene.key, Permissions::from_mode(0o644)).unwrap();
    let pushed = scene.push(&format!("oci-layout:{}:1", dist.display())).run();
    pushed.good();
    assert!(
        pushed.to_string().contains(
            "warning: others on this machine can read the private key AUTHOR/acme.pem; to change that: chmod 600"
        ),
        "{pushed}"
    );
}

#[test]
fn a_registry_that_takes_only_a_part_is_left_with_its_tag_as_it_was() {
    let scene = Scene::new();
    for (refused, lists) in [(".sig", None), ("/manifests/sha256-", None), ("/manifests/1", Some(usize::MAX))] {
        let registry = OwnRegistry::good_but(Lists(lists), move |heard, _| {
            let is_refused = heard.method == "PUT" && heard.path.contains(refused);
            is_refused.then(|| Reply::new("403 Forbidden", &[], b"{}"))
        });
        let reference = registry.reference("acme/time:1");
        let pushed = scene.push(&reference).args(["--sbom", SBOM]).naming(registry.name(), "REGISTRY").run();
        pushed.failed(1);
        let text = pushed.to_string();
        assert!(text.contains("REGISTRY/acme/time:1 was not changed"), "{pushed}");
        assert!(text.contains("run the same command again"), "{pushed}");
        assert!(registry.tagged("acme/time", "1").is_none());
    }
}
