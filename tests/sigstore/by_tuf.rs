//! Trust roots that come by TUF: fetched when a person asks for that, and verified anew from what lies here.

use std::path::PathBuf;

use super::*;
use crate::support::remote_server::{plain, send};
use crate::support::tuf::Tuf;

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
fn attack_57_without_the_keys_that_would_verify_it_nothing_runs() {
    let kept = Kept::new();
    kept.scene.refused("root-missing");
    let call = kept.lockgate("call").arg(format!("{}:1", kept.scene.name())).args(["echo", "text=hello"]);
    call.args(["--allow-unsigned", &kept.scene.digest]).run().failed(3);
    kept.refresh().good();
    kept.scene.accepted();
    fs::write(kept.file("metadata.json"), "gone").unwrap();
    kept.scene.refused("root-unreadable");
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
fn a_policy_for_others_to_include_names_no_root_that_comes_by_tuf() {
    let kept = Kept::new();
    let config = kept.scene.home.path().join("config");
    Key::new(&config, "policy");
    let push = kept.lockgate("trust").arg("push").arg(config.join("trust.toml"));
    let push = push.arg(format!("{}/acme/policy:1", kept.scene.registry.address()));
    insta::assert_snapshot!(push.arg("--sign").arg(config.join("policy.key")).run());
}
