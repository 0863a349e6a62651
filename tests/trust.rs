//! Whom a policy trusts, on a real registry, with signatures that `openssl` made and `curl` pushed.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::cosign::{Key, Repository, Signature, payload, signature_tag};
use crate::support::{Ended, Home, Lockgate, OciRegistry, probe};

/// A registry with one component, and a person's home with a key.
struct Scene {
    registry: OciRegistry,
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
        fs::create_dir_all(home.path().join("config")).unwrap();
        let acme = Key::new(&home.path().join("config"), "acme");
        let mut scene = Self { registry, home, acme, digest: String::new() };
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
        format!("{}/{path}", self.registry.address())
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
            .naming(self.registry.address(), "REGISTRY")
            .naming(&self.digest, "DIGEST")
            .naming(&self.digest.replace("sha256:", "sha256-"), "DIGEST-AS-TAG")
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
    assert!(plan.good().contains("trust    signed by a signer of your trust policy"), "{plan}");
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
fn a_tag_that_moved_is_judged_as_what_it_is_now() {
    let scene = Scene::new();
    scene.push_signatures(&[scene.good_signature()]);
    scene.accepted("signed");
    scene.repository("acme/time").push_component_with("1", Path::new(&probe()), json!({ "version": "evil" }));
    scene.refused("unsigned");
}

#[test]
fn what_ran_before_is_judged_by_todays_policy() {
    let scene = Scene::new();
    scene.push_signatures(&[scene.good_signature()]);
    scene.accepted("signed");
    Key::new(&scene.home.path().join("config"), "acme");
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
    // Another spelling of the same address is the same scope.
    let port = scene.registry.address().rsplit(':').next().unwrap().to_owned();
    let spelled = scene.lockgate("verify", &format!("127.1:{port}/acme/time:1")).args(["--format", "json"]).run();
    if spelled.code == Some(3) {
        assert_eq!(spelled.json()["reason"], "unsigned", "{spelled}");
    }
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

/// As `openssl` has it.
fn fingerprint(key: &Key) -> String {
    let der = std::process::Command::new("openssl")
        .args(["pkey", "-pubin", "-outform", "DER", "-in"])
        .arg(&key.public)
        .output()
        .unwrap();
    crate::support::cosign::digest_of(&der.stdout)
}
