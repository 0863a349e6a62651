//! What authors without a key sign with `lockgate push --sign --identity-token`, on an instance of Sigstore that others made: by
//! our own judgement, and by that of others' programs.

use std::fs;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::support::own_registry::{Lists, OwnRegistry, Reply};
use crate::support::sigstore::{ISSUER, Instance, SIGNATURE, token, verifier, workflow};
use crate::support::{Ended, Home, Lockgate, OciRegistry, folder, probe};

const SBOM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/sbom/npm.spdx-2.3.json");

/// An author's folder, the instance that they sign with, and a user's home.
struct Scene {
    _folder: tempfile::TempDir,
    author: PathBuf,
    home: Home,
    instance: Instance,
    token: String,
}

impl Scene {
    fn new() -> Self {
        let ((kept, author), home) = (folder(), Home::warm());
        fs::create_dir_all(home.path().join("config")).unwrap();
        let token = token(&release());
        fs::write(author.join("token"), format!("{token}\n")).unwrap();
        Self { _folder: kept, author, home, instance: Instance::start(), token }
    }

    /// Pushes with the author's token to an instance that behaves so.
    fn push(&self, destination: &str, authority: &str, log: &str) -> Lockgate {
        let push = Lockgate::new("push").arg(probe()).arg(destination);
        let push = push.args(["--sign", "--identity-token"]).arg(self.author.join("token"));
        self.with(push, authority, log)
    }

    fn with(&self, push: Lockgate, authority: &str, log: &str) -> Lockgate {
        let push = push.arg("--signing-config").arg(self.instance.services(authority, log));
        let push = push.arg("--trusted-root").arg(self.instance.root()).args(["--audience", "acme"]);
        let push = push.home(self.home.path());
        push.naming(&self.author, "AUTHOR").naming(self.instance.folder(), "INSTANCE")
    }

    /// Runs it, and looks that nothing it says has the token in it.
    fn run(&self, push: Lockgate) -> Ended {
        let ended = push.run();
        for text in [&ended.stdout, &ended.stderr] {
            let parts = self.token.split('.').chain([self.token.as_str()]);
            parts.for_each(|part| assert!(!text.contains(part), "{ended}"));
        }
        ended
    }

    /// Pushes and signs, and keeps what users are told as a user does. Gives what was printed.
    fn publish(&self, destination: &str, more: &[&str]) -> Value {
        let push = self.push(destination, "good", "good").args(more).args(["--format", "json"]);
        let ended = self.run(push);
        ended.good();
        assert_eq!(ended.stderr, "", "{ended}");
        let document = ended.json();
        fs::copy(self.instance.root(), self.home.path().join("config/trusted_root.json")).unwrap();
        self.trust(document["scope"].as_str().unwrap());
        document
    }

    fn trust(&self, scope: &str) {
        let policy = format!("default = \"reject\"\n{scope}\n");
        fs::write(self.home.path().join("config/trust.toml"), policy).unwrap();
    }
}

/// What the token of a release says, which is valid for some minutes.
fn release() -> Value {
    let mut claims = workflow("acme/time", "release.yml", "refs/heads/main");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    (claims["aud"], claims["exp"]) = ("acme".into(), (now + 600).into());
    claims
}

/// The same for Sigstore's public instance.
fn public_release() -> Value {
    let mut claims = release();
    claims["aud"] = "sigstore".into();
    claims
}

#[test]
fn what_is_pushed_without_a_key_runs_by_the_scope_that_is_printed_and_by_no_other_identity() {
    let (registry, scene) = (OciRegistry::start(), Scene::new());
    let reference = registry.reference("acme/time:1");
    let document = scene.publish(&reference, &["--sbom", SBOM]);
    let scope = document["scope"].as_str().unwrap();
    insta::assert_snapshot!(scope.replace(registry.address(), "REGISTRY"), @r#"
    [[scope]]
    match = "REGISTRY/acme/time"
    signers = [{ issuer = "https://token.actions.githubusercontent.com", subject = "https://github.com/acme/time/.github/workflows/release.yml@refs/heads/main", source = "https://github.com/acme/time", owner-id = "4242", root = "trusted_root.json" }]
    sbom = { required = true }
    "#);
    assert_eq!(document["identity"], json!({ "issuer": ISSUER, "subject": release()["sub"] }));
    let record = scene.home.runs_as_signed(&reference);
    assert_eq!((&record["signers"][0]["logged"], record["sboms"].as_array().unwrap().len()), (&json!(true), 1));
    for (ours, others, reason) in [
        ("release.yml@", "test.yml@", "other-subject"),
        ("https://token.actions", "https://tokens.actions", "other-issuer"),
        ("acme/time\", owner", "acme/tim\", owner", "other-claim"),
        ("\"4242\"", "\"4243\"", "other-claim"),
    ] {
        let other = scope.replace(ours, others);
        assert_ne!(other, scope);
        scene.trust(&other);
        let refused = scene.home.verify(&reference);
        refused.failed(3);
        assert_eq!(refused.json()["reason"], reason, "{refused}");
    }
    // The log was sent two signatures, and no token.
    assert_eq!(scene.instance.asked(), ["authority good", "log good", "log good"]);
    // The same identity does not say the same again, in public and for good.
    let again = scene.publish(&reference, &["--sbom", SBOM]);
    assert_eq!(again, document);
    assert_eq!(scene.instance.asked()[3..], ["authority good"]);
    scene.home.runs_as_signed(&reference);
}

#[test]
fn what_is_signed_without_a_key_runs_wherever_it_was_pushed() {
    let (scene, (_folder, dist)) = (Scene::new(), folder());
    for registry in [OwnRegistry::with_lists(), OwnRegistry::without_lists()] {
        let reference = registry.reference("acme/time:1");
        scene.publish(&reference, &[]);
        scene.home.runs_as_signed(&reference);
        let lines = registry.lines();
        let tag = lines.iter().position(|line| line.starts_with("PUT") && line.ends_with("/manifests/1")).unwrap();
        let first = lines.iter().position(|line| line.starts_with("PUT") && line.contains("/manifests/")).unwrap();
        assert!(first < tag, "{lines:#?}");
        let later = |line: &String| line.starts_with("GET") || line.ends_with("/manifests/1");
        assert!(lines[tag..].iter().all(later), "{lines:#?}");
    }
    let server = format!("oci-layout:{}", dist.join("time").display());
    scene.publish(&format!("{server}:1"), &["--sbom", SBOM]);
    scene.home.runs_as_signed(&server);
}

#[test]
fn people_are_told_what_to_publish_without_a_key() {
    let (registry, scene) = (OciRegistry::start(), Scene::new());
    let reference = registry.reference("acme/time:1");
    let digest = scene.publish(&reference, &[])["digest"].as_str().unwrap().to_owned();
    let push = scene.push(&reference, "good", "good").naming(registry.address(), "REGISTRY").naming(digest, "DIGEST");
    let pushed = scene.run(push);
    pushed.good();
    insta::assert_snapshot!(pushed.to_string());
}

#[test]
fn sigstores_own_library_accepts_what_is_signed_without_a_key() {
    let (scene, (_folder, dist)) = (Scene::new(), folder());
    let layout = dist.join("time");
    let document = scene.publish(&format!("oci-layout:{}:1", layout.display()), &["--sbom", SBOM]);
    let blob =
        |digest: &Value| fs::read(layout.join("blobs").join(digest.as_str().unwrap().replace(':', "/"))).unwrap();
    let json = |bytes: Vec<u8>| serde_json::from_slice::<Value>(&bytes).unwrap();
    let mut kinds = Vec::new();
    for entry in json(fs::read(layout.join("index.json")).unwrap())["manifests"].as_array().unwrap() {
        let manifest = json(blob(&entry["digest"]));
        if manifest["subject"].is_null() {
            continue;
        }
        assert_eq!(manifest["subject"]["digest"], document["digest"]);
        let bundle = scene.author.join("bundle.json");
        fs::write(&bundle, blob(&manifest["layers"][0]["digest"])).unwrap();
        let verify = |subject: &str| {
            let (bundle, root) = (bundle.to_str().unwrap(), scene.instance.root());
            verifier(&[bundle, root.to_str().unwrap(), subject, ISSUER])
        };
        let verified = verify(release()["sub"].as_str().unwrap());
        assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
        // It does look.
        assert!(!verify("https://github.com/evil").status.success());
        let statement = json(verified.stdout);
        let digest = document["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
        assert_eq!(statement["subject"][0]["digest"]["sha256"], digest);
        if statement["predicateType"] == SIGNATURE {
            // As cosign 3 writes it.
            assert_eq!(statement["subject"], json!([{ "digest": { "sha256": digest } }]));
            assert_eq!(statement["predicate"], json!({}));
        }
        assert_eq!(manifest["annotations"]["dev.sigstore.bundle.predicateType"], statement["predicateType"]);
        kinds.push(statement["predicateType"].as_str().unwrap().to_owned());
    }
    kinds.sort();
    assert_eq!(kinds, [SIGNATURE, "https://spdx.dev/Document"]);
}

#[test]
fn what_our_own_users_would_refuse_is_never_tagged() {
    let scene = Scene::new();
    let mut transcripts = String::new();
    for (authority, log) in [
        ("refusing", "good"),
        ("garbage", "good"),
        ("empty", "good"),
        ("endless", "good"),
        ("moved", "good"),
        ("other-subject", "good"),
        ("other-issuer", "good"),
        ("other-key", "good"),
        ("other-authority", "good"),
        ("unlogged", "good"),
        ("good", "refusing"),
        ("good", "failing"),
        ("good", "garbage"),
        ("good", "endless"),
        ("good", "moved"),
        ("good", "twice"),
        ("good", "other-entry"),
        ("good", "other-signature"),
        ("good", "other-log"),
        ("good", "no-promise"),
        ("good", "no-proof"),
        ("good", "other-time"),
        ("good", "signature-alone"),
    ] {
        let registry = OwnRegistry::with_lists();
        let reference = registry.reference("acme/time:1");
        let push = scene.push(&reference, authority, log).args(["--sbom", SBOM]).naming(SBOM, "SBOM");
        let ended = scene.run(push.naming(registry.name(), "REGISTRY"));
        ended.failed(1);
        assert!(registry.tagged("acme/time", "1").is_none(), "{ended}");
        transcripts += &ports_hidden(&ended.to_string());
    }
    insta::assert_snapshot!(transcripts);
}

/// The digest of the component's manifest and the ports of this run, as names.
fn ports_hidden(transcript: &str) -> String {
    let hidden = |marker: &str, name: &str, text: &str| {
        let mut parts = text.split(marker);
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |text, part| {
            format!("{text}{name}{}", part.trim_start_matches(|c: char| c.is_ascii_hexdigit()))
        })
    };
    hidden("http://127.0.0.1:", "SERVICE", &hidden("sha256:", "DIGEST", transcript))
}

#[test]
fn a_part_that_was_not_signed_is_signed_by_the_same_command_later() {
    let (registry, scene) = (OciRegistry::start(), Scene::new());
    let reference = registry.reference("acme/time:1");
    let push = scene.push(&reference, "good", "signature-alone").args(["--sbom", SBOM]);
    scene.run(push).failed(1);
    assert!(scene.instance.asked().len() == 3);
    scene.publish(&reference, &["--sbom", SBOM]);
    // Only what was missing.
    assert_eq!(scene.instance.asked()[3..], ["authority good", "log good"]);
    scene.home.runs_as_signed(&reference);
}

#[test]
fn a_registry_that_does_not_take_the_component_is_asked_before_anything_is_public() {
    let scene = Scene::new();
    let registry = OwnRegistry::good_but(Lists(None), |heard, _| {
        (heard.method == "PUT").then(|| Reply::new("403 Forbidden", &[], b"{}"))
    });
    let push = scene.push(&registry.reference("acme/time:1"), "good", "good");
    scene.run(push).failed(1);
    assert_eq!(scene.instance.asked(), [""; 0]);
}

#[test]
fn nothing_is_made_public_where_it_is_not_known_what_was_signed_before() {
    let scene = Scene::new();
    let registry = OwnRegistry::good_but(Lists(None), |heard, _| {
        heard.path.contains("/referrers/").then(|| Reply::new("403 Forbidden", &[], b"{}"))
    });
    let reference = registry.reference("acme/time:1");
    let push = scene.push(&reference, "good", "good").naming(registry.name(), "REGISTRY");
    let ended = scene.run(push);
    ended.failed(1);
    insta::assert_snapshot!(ports_hidden(&ended.to_string()));
    assert_eq!(scene.instance.asked(), [""; 0]);
    assert!(registry.tagged("acme/time", "1").is_none());
}

#[test]
fn a_token_that_proves_nothing_is_sent_to_nobody() {
    let (scene, (_folder, dist)) = (Scene::new(), folder());
    let destination = format!("oci-layout:{}:1", dist.join("none").display());
    let with = |change: &dyn Fn(&mut Value)| {
        let mut claims = release();
        change(&mut claims);
        token(&claims)
    };
    let transcripts: Vec<String> = [
        with(&|claims| claims["exp"] = 1_700_000_000.into()),
        with(&|claims| claims["email"] = "a@b.example".into()),
        with(&|claims| claims["sub"] = Value::Null),
        with(&|claims| claims["iss"] = Value::Null),
        with(&|claims| claims["aud"] = json!(["sts.amazonaws.com"])),
        with(&|claims| claims["aud"] = json!(["acme", "sts.amazonaws.com"])),
        with(&|claims| claims["aud"] = json!([])),
        with(&|claims| claims["aud"] = Value::Null),
        "hello".to_owned(),
        "a.b.c".to_owned(),
        String::new(),
    ]
    .iter()
    .map(|token| {
        fs::write(scene.author.join("token"), token).unwrap();
        let ended = scene.run(scene.push(&destination, "good", "good").naming(&dist, "DIST"));
        ended.failed(2);
        ended.to_string()
    })
    .collect();
    insta::assert_snapshot!(transcripts.concat());
    // On the command line it is refused without being repeated, and the public instance is told of none for others.
    let push =
        |token: &str| Lockgate::new("push").arg(probe()).arg(&destination).args(["--sign", "--identity-token", token]);
    let refused = push(&scene.token).home(scene.home.path()).run();
    assert!(refused.failed(2).contains("it is not taken from the command line"));
    for elsewhere in [json!("acme"), json!(["sigstore", "sts.amazonaws.com"])] {
        let elsewhere = with(&|claims| claims["aud"] = elsewhere.clone());
        let refused = push("env:TOKEN").env("TOKEN", elsewhere).home(scene.home.path()).run();
        assert!(refused.failed(2).contains("it is meant for others than `sigstore`"), "{refused}");
    }
    assert_eq!(scene.instance.asked(), [""; 0]);
    assert!(!dist.join("none").exists());
}

#[test]
fn a_token_that_stands_in_another_place_is_not_repeated() {
    let (scene, token) = (Scene::new(), token(&release()));
    let (bearer, variable) = (format!("Bearer {token}"), format!("env:{token}"));
    for flags in [
        &["--sign", "--identity-token", &token][..],
        &["--sign", "--identity-token", &bearer],
        &["--sign", "--identity-token", &variable],
        &["--sign", &token],
        &["--sign", &bearer],
    ] {
        let push = Lockgate::new("push").arg(probe()).arg("oci-layout:none:1").args(flags).home(scene.home.path());
        let refused = push.run();
        refused.failed(2);
        for part in token.split('.') {
            assert!(!refused.stderr.contains(part), "{}", refused.stderr);
        }
    }
}

#[test]
fn a_token_is_read_from_a_variable_and_from_stdin_as_well() {
    let (scene, (_folder, dist)) = (Scene::new(), folder());
    let destination = format!("oci-layout:{}:1", dist.join("time").display());
    let push = |source: &str| {
        let push = Lockgate::new("push").arg(probe()).arg(&destination).args(["--sign", "--identity-token", source]);
        scene.with(push, "good", "good")
    };
    push("env:SIGSTORE_ID_TOKEN").env("SIGSTORE_ID_TOKEN", &scene.token).run().good();
    let mut piped = push("-").start();
    std::io::Write::write_all(piped.stdin(), scene.token.as_bytes()).unwrap();
    piped.finish().good();
    push("env:SIGSTORE_ID_TOKEN").run().failed(2);
}

#[test]
fn an_instance_is_sent_tokens_that_are_meant_for_it_and_no_others() {
    let (scene, (_folder, dist)) = (Scene::new(), folder());
    let destination = format!("oci-layout:{}:1", dist.join("time").display());
    scene.run(scene.push(&destination, "good", "good")).good();
    let asked = scene.instance.asked();
    // One that the public instance would take as well.
    fs::write(scene.author.join("token"), token(&public_release())).unwrap();
    scene.run(scene.push(&destination, "good", "good")).failed(2);
    // Nor is the public instance's name what is meant where none is given.
    let push = Lockgate::new("push").arg(probe()).arg(&destination).args(["--sign", "--identity-token"]);
    let push =
        push.arg(scene.author.join("token")).arg("--signing-config").arg(scene.instance.services("good", "good"));
    let push = push.arg("--trusted-root").arg(scene.instance.root()).home(scene.home.path());
    let refused = scene.run(push);
    assert!(refused.failed(2).contains("write --audience NAME"), "{refused}");
    assert_eq!(scene.instance.asked(), asked);
}

#[test]
fn a_policy_is_signed_without_a_key_as_well() {
    let (registry, scene) = (OciRegistry::start(), Scene::new());
    let reference = registry.reference("acme/time:1");
    let scope = scene.publish(&reference, &[])["scope"].as_str().unwrap().to_owned();
    let policy = scene.author.join("policy.toml");
    fs::write(&policy, format!("default = \"reject\"\n{scope}\n")).unwrap();
    fs::copy(scene.instance.root(), scene.author.join("trusted_root.json")).unwrap();
    let push = |place: &str, log: &str| {
        let push = Lockgate::new("trust").args(["push"]).arg(&policy).arg(place);
        let push = push.args(["--sign", "--identity-token"]).arg(scene.author.join("token"));
        scene.run(scene.with(push, "good", log).args(["--format", "json"]))
    };
    let place = registry.reference("org/policy:stable");
    let pushed = push(&place, "good");
    pushed.good();
    let document = pushed.json();
    assert_eq!(document["identity"], json!({ "issuer": ISSUER, "subject": release()["sub"] }));
    let include = document["include"].as_str().unwrap();
    insta::assert_snapshot!(include.replace(registry.address(), "REGISTRY"), @r#"
    [[include]]
    policy = "REGISTRY/org/policy:stable"
    signers = [{ issuer = "https://token.actions.githubusercontent.com", subject = "https://github.com/acme/time/.github/workflows/release.yml@refs/heads/main", source = "https://github.com/acme/time", owner-id = "4242", root = "trusted_root.json" }]
    max-age = "7d"
    "#);
    scene.trust(include);
    assert_eq!(scene.home.runs_as_signed(&reference)["policy"], place.as_str());
    scene.trust(&include.replace("release.yml@", "test.yml@"));
    let refused = scene.home.verify(&reference);
    refused.failed(3);
    assert_eq!(refused.json()["reason"], "policy-not-signed", "{refused}");
    // Nor is a policy tagged that nobody could follow.
    let registry = OwnRegistry::with_lists();
    push(&registry.reference("org/policy:stable"), "no-promise").failed(1);
    assert!(registry.tagged("org/policy", "stable").is_none());
}

#[test]
fn flags_that_do_not_go_together_are_usage_errors() {
    let scene = Scene::new();
    let config = scene.instance.services("good", "good");
    let config = config.to_str().unwrap();
    let (token, own) = (
        ["--sign", "--identity-token", "t"],
        ["--signing-config", config, "--trusted-root", config, "--audience", "a"],
    );
    for flags in [
        &["--identity-token", "t"][..],
        &["--sign"],
        &["--sign", "k.pem", "--identity-token", "t"],
        &["--sign", "--signing-config", config],
        &[&token[..], &["--signing-config", config]].concat(),
        &[&token[..], &["--trusted-root", config]].concat(),
        &[&token[..], &["--audience", "ours"]].concat(),
        &["--sbom", SBOM],
        &[&token[..], &own].concat(),
        &[&token[..], &["--signing-config", SBOM, "--trusted-root", SBOM, "--audience", "a"]].concat(),
        &[&token[..], &own[..4]].concat(),
    ] {
        let push = Lockgate::new("push").arg(probe()).arg("oci-layout:none:1").args(flags);
        push.home(scene.home.path()).run().failed(2);
    }
}

#[test]
fn that_it_becomes_public_is_said_before_it_does() {
    let (scene, (_folder, dist)) = (Scene::new(), folder());
    // The folder is a file, so that nothing is sent anywhere.
    fs::write(dist.join("file"), "").unwrap();
    fs::write(scene.author.join("token"), token(&public_release())).unwrap();
    let push = Lockgate::new("push").arg(probe()).arg(format!("oci-layout:{}:1", dist.join("file").display()));
    let push = push.args(["--sign", "--identity-token"]).arg(scene.author.join("token")).home(scene.home.path());
    let ended = scene.run(push);
    ended.failed(1);
    let note =
        format!("lockgate: note: that {} (by {ISSUER}) signs this becomes public", release()["sub"].as_str().unwrap());
    assert!(ended.stderr.starts_with(&note), "{ended}");
}
