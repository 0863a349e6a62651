//! Trust roots that come by TUF: fetched when a person asks for that, and verified anew from what lies here.

use std::path::PathBuf;

use super::*;
use crate::support::remote_server::{plain, send};
use crate::support::tuf::Tuf;
use crate::trust::policies::{etc, with_machine_policy};

/// What a workflow signed, under a root that keepers publish.
struct Kept {
    scene: Scene,
    tuf: Tuf,
    root: String,
}

impl Kept {
    /// The keepers have published version 2, and nothing was fetched.
    fn new() -> Self {
        let scene = Scene::new();
        scene.attach("good", &[(release(), scene.signature())]);
        let config = scene.home.path().join("config");
        let root = fs::read_to_string(config.join("good.json")).unwrap();
        fs::remove_file(config.join("good.json")).unwrap();
        let tuf = Tuf::new(&config);
        fs::write(config.join("root.json"), tuf.root()).unwrap();
        tuf.publish(root.as_bytes(), 2);
        let policy = format!(
            "default = \"reject\"\n\n[roots.acme]\ntuf = \"{}\"\nroot = \"root.json\"\n\n[[scope]]\nmatch = \"{}\"\nsigners = [{{ issuer = \"{ISSUER}\", root = \"acme\", subject = \"{WORKFLOW}\" }}]\n",
            tuf.url(),
            scene.name()
        );
        fs::write(config.join("trust.toml"), policy).unwrap();
        Self { scene, tuf, root }
    }

    fn fetched() -> Self {
        let kept = Self::new();
        kept.refresh().good();
        kept
    }

    fn lockgate(&self, verb: &str) -> Lockgate {
        let home = Lockgate::new(verb).home(self.scene.home.path());
        home.naming(self.tuf.url(), "MIRROR").naming(self.scene.registry.address(), "REGISTRY")
    }

    fn refresh(&self) -> Ended {
        self.lockgate("trust").args(["refresh", "acme"]).run()
    }

    /// What a person sees who verifies it: `verify` itself asks the mirror nothing.
    fn verify(&self) -> Ended {
        let asked = self.tuf.asked();
        let verify = self.lockgate("verify").arg(format!("{}:1", self.scene.name()));
        let ended = verify.naming(&self.scene.digest, "DIGEST").run();
        assert_eq!(self.tuf.asked(), asked, "the mirror was asked");
        ended
    }

    /// What is kept: the file of this name.
    fn file(&self, name: &str) -> PathBuf {
        let mut roots = fs::read_dir(self.scene.home.path().join("data/roots")).unwrap();
        roots.next().unwrap().unwrap().path().join(name)
    }
}

#[test]
fn a_root_that_came_by_tuf_is_fetched_when_asked_for_and_verified_with_without_its_mirror() {
    let kept = Kept::new();
    insta::assert_snapshot!(kept.verify());
    kept.scene.refused("root-missing");
    insta::assert_snapshot!(kept.refresh());
    let check = || kept.lockgate("trust").arg("check").arg(kept.scene.home.path().join("config/trust.toml")).run();
    insta::assert_snapshot!(check());
    let asked = kept.tuf.asked();
    kept.scene.accepted();
    let call = kept.lockgate("call").arg(format!("{}:1", kept.scene.name()));
    assert_eq!(call.args(["echo", "text=hello"]).run().good(), "hello");
    assert_eq!(kept.tuf.asked(), asked);
}

#[test]
fn a_root_is_refreshed_by_the_name_that_the_policy_has_for_it() {
    let kept = Kept::new();
    insta::assert_snapshot!(kept.lockgate("trust").args(["refresh", "other"]).run());
    let all = kept.lockgate("trust").args(["refresh", "--format", "json"]).run();
    all.good();
    assert_eq!((&all.json()["roots"][0]["name"], &all.json()["failed"]), (&json!("acme"), &json!([])));
}

#[test]
fn attack_19_a_mirror_that_rolls_back_freezes_or_lies_is_refused_and_what_is_kept_stays() {
    let kept = Kept::fetched();
    let refused = |code: i32| {
        let ended = kept.refresh();
        ended.failed(code);
        kept.scene.accepted();
        ended
    };
    // What was published long ago.
    kept.tuf.publish(kept.root.as_bytes(), 1);
    insta::assert_snapshot!(refused(3));
    // What holds no longer.
    kept.tuf.publish(kept.root.as_bytes(), 3);
    kept.tuf.serve("timestamp.json", &kept.tuf.timestamp(3, 3, "2020-01-01T00:00:00Z"));
    insta::assert_snapshot!(refused(3));
    // What belongs to another version.
    let third = kept.tuf.publish(kept.root.as_bytes(), 3);
    kept.tuf.serve("4.snapshot.json", &third.snapshot);
    kept.tuf.serve("timestamp.json", &kept.tuf.timestamp(4, 4, "2099-01-01T00:00:00Z"));
    refused(3);
    // What somebody else signed.
    let others = tempfile::tempdir().unwrap();
    let others = Tuf::new(others.path());
    kept.tuf.serve("timestamp.json", &others.timestamp(5, 3, "2099-01-01T00:00:00Z"));
    insta::assert_snapshot!(refused(3));
    // What leads elsewhere, and what does not end.
    kept.tuf.answer("timestamp.json", plain(302, &format!("location: {}\r\n", others.url()), ""));
    refused(1);
    assert_eq!(others.asked(), 0);
    kept.tuf.answer("timestamp.json", send(format!("HTTP/1.1 200 OK\r\n\r\n{}", " ".repeat(600 << 10))));
    refused(1);
}

#[test]
fn attack_19_what_is_kept_of_a_root_is_not_believed_because_it_lies_there() {
    let kept = Kept::new();
    let first = kept.tuf.publish(kept.root.as_bytes(), 2);
    kept.refresh().good();
    let good = fs::read_to_string(kept.file("metadata.json")).unwrap();
    // It expires while nobody refreshes it.
    let expired = kept.tuf.timestamp(3, 2, "2020-01-01T00:00:00Z");
    fs::write(kept.file("metadata.json"), first.kept(&expired, &kept.root)).unwrap();
    insta::assert_snapshot!(kept.verify());
    kept.scene.refused("root-expired");
    // What was kept of old is put back.
    let third = kept.tuf.publish(kept.root.as_bytes(), 3);
    kept.refresh().good();
    kept.scene.accepted();
    fs::write(kept.file("metadata.json"), &good).unwrap();
    insta::assert_snapshot!(kept.verify());
    kept.scene.refused("root-rolled-back");
    // Another root is put in its place.
    sign(&kept.scene.home.path().join("evil.json"), &[]);
    let evil = fs::read_to_string(kept.scene.home.path().join("evil.json")).unwrap();
    fs::write(kept.file("metadata.json"), third.kept(&third.timestamp, &evil)).unwrap();
    insta::assert_snapshot!(kept.verify());
    kept.scene.refused("root-unreadable");
    // The line that each refusal shows lets it run again.
    kept.refresh().good();
    kept.scene.accepted();
}

#[test]
fn attack_19_keepers_that_take_keys_away_are_followed_and_the_policy_is_read_all_the_same() {
    let kept = Kept::fetched();
    kept.scene.accepted();
    let mut version = 2;
    for (withdrawn, reason) in [
        ("ctlogs", "certificate-not-logged"),
        ("tlogs", "unknown-log"),
        ("certificateAuthorities", "untrusted-certificate"),
    ] {
        let mut root: Value = serde_json::from_str(&kept.root).unwrap();
        root[withdrawn] = json!([]);
        for (published, reason) in [(root.to_string(), Some(reason)), (kept.root.clone(), None)] {
            version += 1;
            kept.tuf.publish(published.as_bytes(), version);
            kept.refresh().good();
            reason.map_or_else(|| drop(kept.scene.accepted()), |reason| kept.scene.refused(reason));
        }
    }
}

#[test]
fn a_policy_that_is_signed_under_a_root_that_was_not_fetched_says_which() {
    let kept = Kept::new();
    let config = kept.scene.home.path().join("config");
    let (address, component) = (kept.scene.registry.address(), &kept.scene.digest);
    let desk = tempfile::tempdir().unwrap();
    let policy = desk.path().join("policy.toml");
    fs::write(
        &policy,
        format!("default = \"reject\"\n[[scope]]\nmatch = \"{}\"\ndigests = [\"{component}\"]\n", kept.scene.name()),
    )
    .unwrap();
    let key = Key::new(desk.path(), "policy");
    let (image, tag) = (format!("{address}/acme/policy"), format!("{address}/acme/policy:stable"));
    let push = kept.lockgate("trust").arg("push").arg(&policy).arg(&tag).arg("--sign").arg(&key.private);
    let pushed = push.args(["--format", "json"]).run();
    pushed.good();
    let manifest = pushed.json()["digest"].as_str().unwrap().to_owned();
    let root = desk.path().join("root.json");
    let signed = statement(&manifest, SIGNATURE, &json!({}));
    sign(&root, &[json!({ "claims": release(), "statement": signed, "image": image, "digest": manifest })]);
    kept.tuf.publish(&fs::read(&root).unwrap(), 3);
    let include = format!(
        "default = \"reject\"\n[roots.acme]\ntuf = \"{}\"\nroot = \"root.json\"\n[[include]]\npolicy = \"{tag}\"\nsigners = [{{ issuer = \"{ISSUER}\", root = \"acme\", subject = \"{WORKFLOW}\" }}]\nmax-age = \"1d\"\n",
        kept.tuf.url()
    );
    fs::write(config.join("trust.toml"), include).unwrap();
    insta::assert_snapshot!(kept.verify());
    kept.scene.refused("policy-not-signed");
    assert_eq!(kept.scene.verify().json()["remedies"][0]["write"], "lockgate trust refresh acme");
    let explain = kept.lockgate("trust").arg("explain").arg(format!("{}:1", kept.scene.name())).run();
    assert!(explain.good().contains("lockgate trust refresh acme"), "{explain}");
    kept.refresh().good();
    kept.scene.verify().good();
}

#[test]
fn a_root_of_the_machines_policy_is_fetched_as_well_and_holds_back_what_the_persons_lets_run() {
    let kept = Kept::new();
    let config = kept.scene.home.path().join("config");
    let etc = etc(&fs::read_to_string(config.join("trust.toml")).unwrap());
    fs::rename(config.join("root.json"), etc.path().join("lockgate/root.json")).unwrap();
    let (name, digest) = (kept.scene.name(), &kept.scene.digest);
    let own = format!("default = \"reject\"\n[[scope]]\nmatch = \"{name}\"\ndigests = [\"{digest}\"]\n");
    fs::write(config.join("trust.toml"), own).unwrap();
    let verify = || kept.lockgate("verify").arg(format!("{name}:1"));
    verify().run().good();
    let verify = || with_machine_policy(verify(), etc.path()).run();
    let refused = verify();
    assert!(refused.failed(3).contains("is refused (root-missing)"), "{refused}");
    with_machine_policy(kept.lockgate("trust").args(["refresh", "acme"]), etc.path()).run().good();
    verify().good();
}

#[test]
fn a_policy_for_others_to_include_names_no_root_that_comes_by_tuf() {
    let kept = Kept::new();
    let config = kept.scene.home.path().join("config");
    Key::new(&config, "policy");
    let push = kept.lockgate("trust").arg("push").arg(config.join("trust.toml"));
    let push = push.arg(format!("{}/acme/policy:1", kept.scene.registry.address()));
    insta::assert_snapshot!(push.arg("--sign").arg(config.join("policy.key")).run());
}
