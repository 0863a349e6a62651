//! Whom a policy trusts, on a real registry, with signatures that `openssl` made and `curl` pushed.

mod adding;
mod following;
mod included;
mod moving;
pub(crate) mod policies;
mod recorded;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::cosign::{
    Key, OCI_MANIFEST, Repository, Signature, add_to_layout, manifest, payload, signature_tag,
};
use crate::support::{Client, Ended, Front, Home, Lockgate, OciRegistry, folder, probe};

/// A registry with one component, and a person's home with a key.
struct Scene {
    registry: Option<OciRegistry>,
    address: String,
    home: Home,
    acme: Key,
    digest: String,
}

impl Scene {
    /// `acme/time:1` is pushed, and not signed. The person's policy trusts `acme.pub` for `acme/*`.
    fn new() -> Self {
        let scene = Self::without_policy();
        scene.policy(&scene.acme_policy());
        scene
    }

    fn without_policy() -> Self {
        let (registry, home) = (OciRegistry::start(), Home::warm());
        let acme = home.signer_key("acme");
        let address = registry.address().to_owned();
        let mut scene = Self { registry: Some(registry), address, home, acme, digest: String::new() };
        scene.digest = scene.repository("acme/time").push_component("1", Path::new(&probe()));
        scene
    }

    fn policy(&self, text: &str) {
        fs::write(self.home.path().join("config/trust.toml"), text).unwrap();
    }

    fn acme_policy(&self) -> String {
        format!(
            "default = \"reject\"\n[[scope]]\nmatch = \"{}/*\"\nsigners = [{{ key = \"acme.pub\", log = \"ignore\" }}]\n",
            self.name("acme")
        )
    }

    fn reviewed_policy(&self, digest: &str) -> String {
        let name = self.name("acme/time");
        format!("default = \"reject\"\n[[scope]]\nmatch = \"{name}\"\ndigests = [\"{digest}\"]\n")
    }

    /// `REGISTRY/PATH`.
    fn name(&self, path: &str) -> String {
        format!("{}/{path}", self.address)
    }

    fn repository(&self, path: &str) -> Repository {
        Repository::new(&self.name(path))
    }

    /// Puts these signatures beside `acme/time:1`.
    fn push_signatures(&self, signatures: &[Signature]) {
        self.repository("acme/time").push_signatures(&self.digest, signatures);
    }

    /// What Acme signs.
    fn good_signature(&self) -> Signature {
        self.acme.sign(&self.digest, &self.name("acme/time"))
    }

    fn lockgate(&self, verb: &str, reference: &str) -> Lockgate {
        Lockgate::new(verb)
            .arg(reference)
            .home(self.home.path())
            .naming(&self.address, "REGISTRY")
            .naming(&self.digest, "DIGEST")
            .naming(self.digest.replace("sha256:", "sha256-"), "DIGEST-AS-TAG")
    }

    /// Calls a tool of `acme/time:1`.
    fn call(&self) -> Lockgate {
        let call = self.lockgate("call", &self.name("acme/time:1"));
        call.args(["echo", "text=hello"])
    }

    fn verify(&self) -> Lockgate {
        self.lockgate("verify", &self.name("acme/time:1"))
    }

    /// Checks that nothing of `acme/time:1` runs, and with which reason; gives the transcript.
    fn refused(&self, reason: &str) -> Ended {
        let ended = self.call().run();
        ended.failed(3);
        assert!(ended.stderr.contains(&format!("is refused ({reason})")), "{ended}");
        assert_eq!(ended.stdout, "", "{ended}");
        let verified = self.verify().args(["--format", "json"]).run();
        verified.failed(3);
        assert_eq!((&verified.json()["verdict"], &verified.json()["reason"]), (&json!("refused"), &json!(reason)));
        ended
    }

    /// Checks that `acme/time:1` runs, and on which basis.
    fn accepted(&self, basis: &str) -> Ended {
        let ended = self.call().run();
        assert_eq!(ended.good(), "hello");
        let verified = self.verify().args(["--format", "json"]).run();
        verified.good();
        assert_eq!((&verified.json()["verdict"], &verified.json()["basis"]), (&json!("accepted"), &json!(basis)));
        ended
    }
}

#[test]
fn what_a_trusted_key_signed_runs() {
    let scene = Scene::new();
    scene.push_signatures(&[scene.good_signature()]);
    assert_eq!(scene.accepted("signed").stderr, "");
    let record = scene.verify().run();
    record.good();
    insta::assert_snapshot!(record.to_string().replace(&fingerprint(&scene.acme), "FINGERPRINT"));
    // By its digest, too; and the plan says so.
    let pinned = format!("{}@{}", scene.name("acme/time"), scene.digest);
    let plan = scene.lockgate("plan", &pinned).run();
    assert!(plan.good().contains("trust    signed by a signer that the trust policy names"), "{plan}");
}

#[test]
fn what_nobody_signed_does_not_run() {
    let scene = Scene::new();
    insta::assert_snapshot!(scene.refused("unsigned"));
    scene.lockgate("plan", &scene.name("acme/time:1")).run().failed(3);
    scene.lockgate("tools", &scene.name("acme/time:1")).run().failed(3);
    scene.lockgate("run", &scene.name("acme/time:1")).run().failed(3);
    // It can be looked at.
    let inspected = scene.lockgate("inspect", &scene.name("acme/time:1")).run();
    assert!(inspected.good().contains(&scene.digest), "{inspected}");
}

#[test]
fn without_a_policy_nothing_from_a_registry_runs() {
    let scene = Scene::without_policy();
    insta::assert_snapshot!(scene.refused("no-scope"));
    // Signed by a stranger, it says what would trust them.
    scene.push_signatures(&[scene.good_signature()]);
    insta::assert_snapshot!(scene.refused("no-scope"));
}

#[test]
fn the_lines_that_a_refusal_prints_let_it_run() {
    let scene = Scene::without_policy();
    scene.push_signatures(&[scene.good_signature()]);
    let ended = scene.verify().args(["--format", "json"]).run();
    let remedies = ended.json()["remedies"].as_array().unwrap().clone();
    fs::copy(&scene.acme.public, scene.acme.public.with_file_name("THEIR.pub")).unwrap();
    let bases = ["reviewed", "signed"];
    for (remedy, basis) in remedies.iter().zip(bases) {
        scene.policy(remedy["write"].as_str().unwrap());
        scene.accepted(basis);
    }
}

#[test]
fn a_signature_by_another_key_does_not_count() {
    let scene = Scene::new();
    let stranger = Key::new(scene.home.path(), "stranger");
    scene.push_signatures(&[stranger.sign(&scene.digest, &scene.name("acme/time"))]);
    insta::assert_snapshot!(scene.refused("unknown-signer"));
    // Nor does one that was made by the right key over other words.
    scene.push_signatures(&[scene.good_signature().altered()]);
    scene.refused("unknown-signer");
    // A stranger's beside a good one is passed over.
    scene.push_signatures(&[stranger.sign(&scene.digest, &scene.name("acme/time")), scene.good_signature()]);
    scene.accepted("signed");
}

#[test]
fn a_signature_over_another_digest_does_not_count_wherever_it_lies() {
    let scene = Scene::new();
    let other = scene.repository("acme/time").push_component_with("2", Path::new(&probe()), json!({ "version": "2" }));
    assert_ne!(other, scene.digest);
    // Under the right tag, as rivals accept it.
    scene.push_signatures(&[scene.acme.sign(&other, &scene.name("acme/time"))]);
    insta::assert_snapshot!(scene.refused("other-digest"));
    // The signature of tag 2 is good for it, and copied to tag 1 it is not.
    scene.repository("acme/time").push_signatures(&other, &[scene.acme.sign(&other, &scene.name("acme/time"))]);
    scene.lockgate("verify", &scene.name("acme/time:2")).run().good();
    scene.refused("other-digest");
}

#[test]
fn a_signature_for_another_repository_does_not_count() {
    let scene = Scene::new();
    scene.push_signatures(&[scene.acme.sign(&scene.digest, &scene.name("acme/admin"))]);
    insta::assert_snapshot!(scene.refused("other-repository"));
    scene.push_signatures(&[scene.acme.sign(&scene.digest, "")]);
    scene.refused("no-repository");
    // The victim's component and signature, copied whole into a repository of somebody else.
    let evil = scene.repository("acme/evil");
    let digest = evil.push_component("1", Path::new(&probe()));
    assert_eq!(digest, scene.digest);
    evil.push_signatures(&digest, &[scene.good_signature()]);
    scene.lockgate("verify", &scene.name("acme/evil:1")).run().failed(3);
}

#[test]
fn a_statement_of_another_type_does_not_count() {
    let scene = Scene::new();
    let mut statement = payload(&scene.digest, &scene.name("acme/time"));
    statement["critical"]["type"] = "atomic container signature".into();
    scene.push_signatures(&[scene.acme.sign_payload(statement.to_string().into_bytes())]);
    scene.refused("other-statement");
    scene.push_signatures(&[scene.acme.sign_payload(b"hello".to_vec())]);
    scene.refused("payload-unreadable");
    // Keys twice, for two readers to differ.
    let good = payload(&scene.digest, &scene.name("acme/time")).to_string();
    let twice = good.replacen("\"type\":", "\"type\":\"x\",\"type\":", 1);
    scene.push_signatures(&[scene.acme.sign_payload(twice.into_bytes())]);
    scene.refused("payload-unreadable");
}

#[test]
fn a_waiver_is_for_one_digest_and_is_shown() {
    let scene = Scene::new();
    let waived = scene.call().args(["--allow-unsigned", &scene.digest]).run();
    assert_eq!(waived.good(), "hello");
    insta::assert_snapshot!(waived);
    let other = scene.digest.replace(|c: char| c.is_ascii_digit() && c != '2' && c != '5' && c != '6', "0");
    assert_ne!(other, scene.digest);
    scene.call().args(["--allow-unsigned", &other]).run().failed(3);
    // A tag is no digest, and another form of one neither.
    for text in ["1", "latest", "all", &scene.digest["sha256:".len()..]] {
        scene.call().args(["--allow-unsigned", text]).run().failed(2);
    }
    // It was for once.
    scene.refused("unsigned");
}

#[test]
fn a_waiver_never_lifts_a_bad_signature() {
    let scene = Scene::new();
    let stranger = Key::new(scene.home.path(), "stranger");
    let other = format!("sha256:{}", "0".repeat(64));
    for (reason, signature) in [
        ("other-digest", scene.acme.sign(&other, &scene.name("acme/time"))),
        ("other-repository", scene.acme.sign(&scene.digest, &scene.name("acme/admin"))),
        ("unknown-signer", scene.good_signature().altered()),
        ("unknown-signer", stranger.sign(&scene.digest, &scene.name("acme/time"))),
    ] {
        scene.push_signatures(&[signature]);
        let ended = scene.call().args(["--allow-unsigned", &scene.digest]).run();
        ended.failed(3);
        assert!(ended.stderr.contains(&format!("is refused ({reason})")), "{ended}");
    }
}

#[test]
fn a_reviewed_digest_runs_and_no_other() {
    let scene = Scene::new();
    scene.policy(&scene.reviewed_policy(&scene.digest));
    assert_eq!(scene.accepted("reviewed").stderr, "");
    scene.policy(&scene.reviewed_policy(&format!("sha256:{}", "0".repeat(64))));
    insta::assert_snapshot!(scene.refused("not-reviewed"));
}

#[test]
fn attack_56_what_ran_before_is_judged_by_todays_policy() {
    let scene = Scene::new();
    scene.push_signatures(&[scene.good_signature()]);
    scene.accepted("signed");
    let policy = scene.acme_policy();
    scene.policy(&format!("deny = [\"{}\"]\n{policy}", scene.digest));
    scene.refused("denied");
    scene.policy(&policy);
    scene.accepted("signed");
    scene.home.signer_key("acme");
    scene.refused("unknown-signer");
    fs::remove_file(scene.home.path().join("config/trust.toml")).unwrap();
    scene.refused("no-scope");
}

#[test]
fn a_default_that_allows_is_shown_at_every_start() {
    let scene = Scene::without_policy();
    scene.policy("default = \"allow-unsigned\"\n");
    for _ in 0..2 {
        let ended = scene.accepted("allowed-unsigned");
        assert!(ended.stderr.contains("NOT VERIFIED"), "{ended}");
    }
    insta::assert_snapshot!(scene.accepted("allowed-unsigned"));
    // Its scopes still hold.
    scene.policy(&scene.acme_policy().replace("reject", "allow-unsigned"));
    scene.refused("unsigned");
}

#[test]
fn a_wildcard_ends_at_its_part() {
    let scene = Scene::new();
    let evil = scene.repository("acme-evil/x");
    let digest = evil.push_component("1", Path::new(&probe()));
    evil.push_signatures(&digest, &[scene.acme.sign(&digest, &scene.name("acme-evil/x"))]);
    let ended = scene.lockgate("verify", &scene.name("acme-evil/x:1")).args(["--format", "json"]).run();
    ended.failed(3);
    assert_eq!((&ended.json()["reason"], &ended.json()["scope"]), (&json!("no-scope"), &Value::Null));
    // Another spelling of the same address is not dialled at all.
    let port = scene.address.rsplit(':').next().unwrap().to_owned();
    let spelled = scene.lockgate("verify", &format!("127.1:{port}/acme/time:1")).run();
    assert!(spelled.failed(3).contains("127.0.0.1 is not dialled"), "{spelled}");
}

#[test]
fn what_lies_in_the_place_of_signatures_and_is_none_is_not_taken_for_nothing() {
    let scene = Scene::new();
    scene.repository("acme/time").push_component(&signature_tag(&scene.digest), Path::new(&probe()));
    scene.refused("no-signature");
    let ended = scene.call().args(["--allow-unsigned", &scene.digest]).run();
    ended.failed(3);
}

#[test]
fn a_key_that_has_to_be_logged_needs_more_than_a_signature() {
    let scene = Scene::new();
    scene.push_signatures(&[scene.good_signature()]);
    scene.policy(&scene.acme_policy().replace("ignore", "required"));
    insta::assert_snapshot!(scene.refused("not-logged"));
}

#[test]
fn one_key_can_stand_for_a_policy() {
    let scene = Scene::without_policy();
    scene.push_signatures(&[scene.good_signature()]);
    let verify = || scene.verify().arg("--key").arg(&scene.acme.public).naming(scene.home.path(), "HOME");
    verify().arg("--no-log").run().good();
    let logged = verify().run();
    logged.failed(3);
    insta::assert_snapshot!(logged);
    let stranger = Key::new(scene.home.path(), "stranger");
    scene.verify().arg("--key").arg(&stranger.public).arg("--no-log").run().failed(3);
    // Kinds of keys that are not checked.
    let rsa = Key::of_kind(scene.home.path(), "rsa", &["-algorithm", "RSA"]);
    let p384 = Key::of_kind(scene.home.path(), "p384", &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"]);
    for key in [rsa.public, p384.public, scene.home.path().join("acme.key"), scene.home.path().to_owned()] {
        scene.verify().arg("--key").arg(key).arg("--no-log").run().failed(2);
    }
}

#[test]
fn a_policy_that_cannot_be_read_lets_nothing_run() {
    let scene = Scene::new();
    let path = scene.home.path().join("trust.toml");
    let transcripts: Vec<String> = [
        "default = \"reject\"\n\nsingers = []\n",
        "default = \"reject\"\ndefault = \"allow-unsigned\"\n",
        "",
        "default = \"reject\"\n[[scope]]\nmatch = \"a.io/*/x\"\ndigests = []\n",
        "default = \"reject\"\n[[scope]]\nmatch = \"a.io/x\"\nsigners = [{ key = \"gone.pub\", log = \"ignore\" }]\n",
    ]
    .iter()
    .map(|text| {
        fs::write(&path, text).unwrap();
        let ended = scene.call().arg("--trust-policy").arg(&path).naming(scene.home.path(), "HOME").run();
        ended.failed(2);
        ended.to_string()
    })
    .collect();
    insta::assert_snapshot!(transcripts.join("\n"));
    // Nor what is the person's own, in the place where it is always read.
    scene.policy("default = allow");
    Lockgate::call(&probe(), "echo").arg("text=hello").home(scene.home.path()).run().failed(2);
    scene.call().arg("--trust-policy").arg("/nowhere/trust.toml").run().failed(2);
}

#[test]
fn what_ran_before_runs_without_its_registry_and_is_judged_again() {
    let mut scene = Scene::new();
    scene.push_signatures(&[scene.good_signature()]);
    scene.accepted("signed");
    scene.registry = None;
    insta::assert_snapshot!(scene.accepted("signed"));
    // By today's policy, too.
    scene.home.signer_key("acme");
    scene.refused("unknown-signer");
    // What was never seen is not there.
    scene.lockgate("verify", &scene.name("acme/other:1")).run().failed(1);
}

#[test]
fn attack_57_signatures_that_were_never_asked_for_are_not_taken_for_none_without_the_registry() {
    let mut scene = Scene::without_policy();
    scene.policy("default = \"allow-unsigned\"\n");
    scene.accepted("allowed-unsigned");
    scene.policy(&scene.acme_policy());
    scene.registry = None;
    scene.refused("signatures-unavailable");
    scene.call().args(["--allow-unsigned", &scene.digest]).run().failed(3);
    // A digest that a person reviewed needs nobody.
    scene.policy(&scene.reviewed_policy(&scene.digest));
    scene.accepted("reviewed");
}

#[test]
fn attack_44_a_registry_that_does_not_say_whether_there_are_signatures_lets_nothing_run() {
    let scene = Scene::new();
    let front = Front::of(&scene.address, "/manifests/sha256-");
    let policy = scene.acme_policy().replace(&scene.address, &front.name());
    scene.policy(&policy);
    let reference = format!("{}/acme/time:1", front.name());
    let html = "<html>please log in</html>";
    let with_body = |status: &str, kind: &str, body: &str| {
        let length = body.len();
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )
    };
    let denied = r#"{"errors":[{"code":"DENIED","message":"no"}]}"#;
    let none = with_body("404 Not Found", "application/json", r#"{"errors":[{"code":"MANIFEST_UNKNOWN"}]}"#);
    for (answer, cause) in [
        (none, None),
        (with_body("500 Internal Server Error", "text/plain", "oops"), Some("unexpected-status")),
        (with_body("401 Unauthorized", "application/json", denied), Some("unknown-challenge")),
        (with_body("403 Forbidden", "application/json", denied), Some("access-denied")),
        (with_body("200 OK", "text/html", html), Some("manifest-unreadable")),
        (with_body("200 OK", "application/vnd.oci.image.manifest.v1+json", html), Some("manifest-unreadable")),
        (with_body("200 OK", "application/vnd.oci.image.manifest.v1+json", "{}"), Some("manifest-invalid")),
        (
            "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned(),
            Some("unexpected-redirect"),
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 500\r\nConnection: close\r\n\r\n{".to_owned(), Some("connection-broken")),
        (String::new(), Some("connection-broken")),
    ] {
        let reason = if cause.is_some() { "signatures-unavailable" } else { "unsigned" };
        front.answer(answer.as_bytes());
        let ended = scene.lockgate("verify", &reference).args(["--format", "json"]).run();
        ended.failed(3);
        assert_eq!(ended.json()["reason"], reason, "{answer}\n{ended}");
        if let Some(cause) = cause {
            let problem = ended.json()["problem"].as_str().unwrap().to_owned();
            assert!(problem.contains(&format!("({cause})")), "{cause}: {problem}");
            let waived = ["echo", "text=hello", "--allow-unsigned", &scene.digest];
            scene.lockgate("call", &reference).args(waived).run().failed(3);
        }
    }
}

#[test]
fn attack_45_no_flood_of_signatures_is_waited_for() {
    let scene = Scene::new();
    let stranger = Key::new(scene.home.path(), "stranger");
    let noise = stranger.sign(&scene.digest, &scene.name("acme/time"));
    let mut signatures = vec![noise; 1000];
    signatures.insert(3, scene.good_signature());
    scene.push_signatures(&signatures);
    scene.accepted("signed");
    // What comes after the most that is looked at does not count.
    signatures.swap(3, 1000);
    scene.push_signatures(&signatures);
    scene.refused("too-many-beside");
}

#[test]
fn ed25519_signs_as_well() {
    let scene = Scene::new();
    let key = Key::of_kind(&scene.home.path().join("config"), "ed", &["-algorithm", "ED25519"]);
    scene.policy(&scene.acme_policy().replace("acme.pub", "ed.pub"));
    scene.push_signatures(&[key.sign_whole(&scene.digest, &scene.name("acme/time"))]);
    scene.accepted("signed");
    scene.push_signatures(&[scene.good_signature()]);
    scene.refused("unknown-signer");
}

#[test]
fn a_folder_in_the_oci_layout_is_judged_as_well() {
    let scene = Scene::without_policy();
    let (_folder, folder) = folder();
    let layout = folder.join("layout");
    let destination = format!("oci-layout:{}:1", layout.display());
    let pushed = Lockgate::new("push").arg(probe()).arg(&destination).home(scene.home.path()).run();
    let digest = pushed.good().to_owned();
    let lockgate = |verb: &str| {
        let lockgate = scene.lockgate(verb, &format!("oci-layout:{}", layout.display()));
        lockgate.naming(&folder, "FOLDER").naming(&digest, "LAYOUT-DIGEST")
    };
    let verify = || lockgate("verify").args(["--format", "json"]).run();
    let call = || lockgate("call").args(["echo", "text=hello"]).run();
    let refused = call();
    refused.failed(3);
    insta::assert_snapshot!(refused);
    scene.policy(&format!("default = \"reject\"\n[[scope]]\nmatch = \"oci-layout\"\ndigests = [\"{digest}\"]\n"));
    assert_eq!((call().good(), &verify().json()["basis"]), ("hello", &json!("reviewed")));
    // Signatures lie beside it, whatever repository they were made for.
    scene.policy("default = \"reject\"\n[[scope]]\nmatch = \"oci-layout\"\nsigners = [{ key = \"acme.pub\", log = \"ignore\" }]\n");
    assert_eq!(verify().json()["reason"], "unsigned");
    add_to_layout(&layout, &digest, &[scene.acme.sign(&digest, "ghcr.io/acme/time")]);
    assert_eq!((call().good(), &verify().json()["basis"]), ("hello", &json!("signed")));
}

#[test]
fn an_image_is_signed_by_its_index_or_by_its_own_manifest() {
    let scene = Scene::new();
    let images = scene.repository("acme/image");
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let config = json!({ "architecture": architecture, "os": "linux", "rootfs": { "type": "layers", "diff_ids": [] } });
    let config = images.push_blob("application/vnd.oci.image.config.v1+json", config.to_string().as_bytes());
    let image = manifest(config, vec![], json!({}));
    let platform = images.push_manifest("platform", &image);
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{
            "mediaType": OCI_MANIFEST,
            "digest": platform,
            "size": image.to_string().len(),
            "platform": { "os": "linux", "architecture": architecture },
        }],
    });
    let index = images.push_manifest("1", &index);
    let verify = || {
        let reference = format!("docker://{}", scene.name("acme/image:1"));
        scene.lockgate("verify", &reference).args(["--format", "json"]).run().json()
    };
    assert_eq!(verify()["reason"], "unsigned");
    let sign = |digest: &str| scene.acme.sign(digest, &scene.name("acme/image"));
    images.push_signatures(&platform, &[sign(&platform)]);
    assert_eq!((&verify()["basis"], &verify()["manifest"]), (&json!("signed"), &json!(platform)));
    images.push_signatures(&index, &[sign(&index)]);
    assert_eq!((&verify()["basis"], &verify()["manifest"]), (&json!("signed"), &json!(index)));
    // Each under the tag of the other.
    images.push_signatures(&platform, &[sign(&index)]);
    images.push_signatures(&index, &[sign(&platform)]);
    assert_eq!(verify()["reason"], "other-digest");
}

#[test]
fn attack_24_a_platform_that_nobody_signed_does_not_run_because_others_of_its_index_are_signed() {
    let scene = Scene::new();
    let images = scene.repository("acme/image");
    let here = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let platform = |architecture: &str| {
        let config =
            json!({ "architecture": architecture, "os": "linux", "rootfs": { "type": "layers", "diff_ids": [] } });
        let config = images.push_blob("application/vnd.oci.image.config.v1+json", config.to_string().as_bytes());
        let image = manifest(config, vec![], json!({}));
        let digest = images.push_manifest(architecture, &image);
        let platform = json!({ "os": "linux", "architecture": architecture });
        let size = image.to_string().len();
        let entry = json!({ "mediaType": OCI_MANIFEST, "digest": digest, "size": size, "platform": platform });
        (digest, entry)
    };
    let ((signed, theirs), (extra, ours)) = (platform("s390x"), platform(here));
    let sign = |digest: &str| scene.acme.sign(digest, &scene.name("acme/image"));
    images.push_signatures(&signed, &[sign(&signed)]);
    let kind = "application/vnd.oci.image.index.v1+json";
    images.push_manifest("1", &json!({ "schemaVersion": 2, "mediaType": kind, "manifests": [theirs, ours] }));
    let verify = || {
        let reference = format!("docker://{}", scene.name("acme/image:1"));
        scene.lockgate("verify", &reference).args(["--format", "json"]).run().json()
    };
    assert_eq!(verify()["reason"], "unsigned");
    images.push_signatures(&extra, &[sign(&extra)]);
    assert_eq!(verify()["basis"], "signed");
}

#[test]
fn no_server_is_granted_the_folder_of_the_policy() {
    let scene = Scene::new();
    let (_folder, folder) = folder();
    let data = folder.join("data");
    fs::create_dir(&data).unwrap();
    fs::write(folder.join("trust.toml"), "default = \"reject\"\n").unwrap();
    let call = |dir: &Path| {
        let call = Lockgate::call(&probe(), "echo").arg("text=hello").home(scene.home.path());
        let call = call.arg("--trust-policy").arg(folder.join("trust.toml"));
        call.arg("--dir").arg(format!("{}=/data,rw", dir.display())).run()
    };
    call(&folder).failed(3);
    assert_eq!(call(&data).good(), "hello");
}

#[test]
fn a_gateway_says_at_its_start_why_a_server_may_run() {
    let scene = Scene::new();
    let run = || scene.lockgate("run", &scene.name("acme/time:1"));
    let serve = |command: Lockgate| {
        let mut client = Client::start(command);
        client.initialize("2025-11-25", json!({}));
        assert_eq!(client.text("echo", json!({ "text": "hello" })), "hello");
        let (ended, _) = client.close();
        ended
    };
    let waived = serve(run().args(["--allow-unsigned", &scene.digest]));
    assert!(waived.stderr.contains("(NOT VERIFIED: waived on the command line)"), "{waived}");
    scene.push_signatures(&[scene.good_signature()]);
    let signed = serve(run());
    assert!(signed.stderr.contains("(signed by a signer that the trust policy names)"), "{signed}");
}

/// As `openssl` has it.
fn fingerprint(key: &Key) -> String {
    let der = std::process::Command::new("openssl")
        .args(["pkey", "-pubin", "-outform", "DER", "-in"])
        .arg(&key.public)
        .output()
        .unwrap();
    crate::support::cosign::digest_of(&der.stdout)
}
