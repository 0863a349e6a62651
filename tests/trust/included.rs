//! Policies that lie in a registry: whose they are, what they say, and what they take away from servers that run.

use std::fs;

use super::following::{taken_away, taken_away_as, taken_away_by};
use super::policies::{machine, with_machine_policy};
use super::*;

/// A person who follows a policy of `org`'s in the registry.
struct Follower {
    scene: Scene,
    org: Key,
    /// The folder in which `org` writes its policy.
    desk: tempfile::TempDir,
}

impl Follower {
    /// `acme/time:1` is pushed and signed by `acme`, whom only the policy of `org` trusts.
    fn new() -> Self {
        let scene = Scene::without_policy();
        scene.push_signatures(&[scene.good_signature()]);
        let desk = tempfile::tempdir().unwrap();
        let org = Key::new(desk.path(), "org");
        fs::copy(&scene.acme.public, desk.path().join("acme.pub")).unwrap();
        fs::copy(&org.public, scene.home.path().join("config/org.pub")).unwrap();
        let follower = Self { scene, org, desk };
        follower.follow("org.pub");
        follower
    }

    fn reference(&self) -> String {
        self.scene.name("org/policy:stable")
    }

    /// Includes the policy, if the key in this file signed it.
    fn follow(&self, key: &str) {
        self.scene.policy(&self.following(key));
    }

    /// A policy that includes it.
    fn following(&self, key: &str) -> String {
        format!(
            "default = \"reject\"\n[[include]]\npolicy = \"{}\"\nsigners = [{{ key = \"{key}\", log = \"ignore\" }}]\nmax-age = \"1d\"\nrefresh = \"1s\"\n",
            self.reference()
        )
    }

    /// Publishes what `org` says now. Gives its manifest.
    fn publish(&self, text: &str) -> String {
        fs::write(self.desk.path().join("policy.toml"), text).unwrap();
        let push = self.push().args(["--format", "json"]).run();
        push.good();
        push.json()["digest"].as_str().unwrap().to_owned()
    }

    fn push(&self) -> Lockgate {
        self.push_to(&self.reference())
    }

    fn push_to(&self, reference: &str) -> Lockgate {
        let push = self.scene.lockgate("trust", "push").arg(self.desk.path().join("policy.toml"));
        push.arg(reference).arg("--sign").arg(&self.org.private)
    }

    fn trusting_acme(&self) -> String {
        self.scene.acme_policy()
    }

    fn explained(&self) -> String {
        let explain = self.scene.lockgate("trust", "explain").arg(self.scene.name("acme/time:1"));
        explain.run().good().to_owned()
    }

    fn denying(&self) -> String {
        format!("deny = [\"{}\"]\n{}", self.scene.digest, self.trusting_acme())
    }
}

#[test]
fn what_an_included_policy_trusts_runs_and_the_record_says_whose_policy_it_is() {
    let follower = Follower::new();
    follower.scene.refused("policy-missing");
    let manifest = follower.publish(&follower.trusting_acme());
    follower.scene.accepted("signed");
    let verified = follower.scene.verify().args(["--format", "json"]).run().json();
    assert_eq!(verified["policy"], follower.reference().as_str());
    // What is printed is what another person writes.
    let key = fs::read_to_string(&follower.org.public).unwrap();
    let push = follower.push().naming(key.trim(), "PUBLIC-KEY").run();
    let printed = push.good().to_owned();
    let include = printed.split("\n\n").find(|part| part.starts_with("[[include]]")).unwrap();
    follower.scene.policy(&format!("default = \"reject\"\n{include}\n"));
    follower.scene.accepted("signed");
    assert_ne!(printed.lines().next().unwrap(), manifest);
    // Where the registry cannot be reached, what it said last counts for as long as it is not too old.
    let mut follower = follower;
    follower.scene.registry = None;
    follower.scene.accepted("signed");
}

#[test]
fn a_policy_that_somebody_else_signed_counts_for_nothing() {
    let follower = Follower::new();
    follower.publish(&follower.trusting_acme());
    fs::copy(&follower.scene.acme.public, follower.scene.home.path().join("config/other.pub")).unwrap();
    follower.follow("other.pub");
    let refused = follower.scene.refused("policy-not-signed");
    assert!(refused.stderr.contains("(unknown-signer)"), "{refused}");
    // Nor does something else that the right one signed.
    follower.follow("org.pub");
    follower.scene.accepted("signed");
    let policy = follower.scene.repository("org/policy");
    let component = policy.push_component("stable", Path::new(&probe()));
    policy.push_signatures(&component, &[follower.org.sign(&component, &follower.scene.name("org/policy"))]);
    let refused = follower.scene.refused("policy-unusable");
    assert!(refused.stderr.contains("does not say when it was published"), "{refused}");
}

#[test]
fn what_is_wrong_with_a_policy_does_not_reach_the_terminal_as_it_was_written() {
    let follower = Follower::new();
    follower.publish(&follower.trusting_acme());
    let policy = follower.scene.repository("org/policy");
    let mut evil: Value = serde_json::from_str(&policy.pull_manifest("stable")).unwrap();
    let text = "default = \"reject\"\n[[scope]]\nmatch = \"\\u001B[2J\"\ndigests = []\n";
    let kind = evil["layers"][0]["mediaType"].as_str().unwrap().to_owned();
    evil["layers"][0] = policy.push_blob(&kind, text.as_bytes());
    let digest = policy.push_manifest("stable", &evil);
    policy.push_signatures(&digest, &[follower.org.sign(&digest, &follower.scene.name("org/policy"))]);
    let mut process = follower.scene.lockgate("run", &follower.scene.name("acme/time:1")).start();
    process.close_stdin();
    let ended = process.finish();
    assert!(ended.stderr.contains("does not count (policy-unusable)"), "{ended}");
    assert!(ended.stderr.contains("`\\u{1b}[2J`") && !ended.stderr.contains('\u{1b}'), "{ended}");
}

#[test]
fn an_older_policy_does_not_come_back() {
    let follower = Follower::new();
    let first = follower.publish(&follower.trusting_acme());
    follower.scene.accepted("signed");
    let policy = follower.scene.repository("org/policy");
    let old: Value = serde_json::from_str(&policy.pull_manifest("stable")).unwrap();
    follower.publish(&follower.denying());
    follower.scene.refused("denied");
    assert_eq!(policy.push_manifest("stable", &old), first);
    // What was denied since then still is.
    follower.scene.refused("denied");
    let other = Path::new(&probe()).to_owned();
    let other = follower.scene.repository("acme/other").push_component_with("1", &other, json!({ "x": "y" }));
    let signature = follower.scene.acme.sign(&other, &follower.scene.name("acme/other"));
    follower.scene.repository("acme/other").push_signatures(&other, &[signature]);
    let verify = follower.scene.lockgate("verify", &follower.scene.name("acme/other:1"));
    let verified = verify.args(["--format", "json"]).run();
    verified.failed(3);
    assert_eq!(verified.json()["reason"], "policy-rolled-back");
}

#[test]
fn a_policy_of_the_same_signer_does_not_count_in_the_place_of_another() {
    let follower = Follower::new();
    follower.publish(&follower.denying());
    follower.scene.refused("denied");
    // What is being tried out elsewhere is laxer, and whoever keeps the registry copies it here with its signature.
    fs::write(follower.desk.path().join("policy.toml"), follower.trusting_acme()).unwrap();
    follower.push_to(&follower.scene.name("org/policy:next")).run().good();
    let policy = follower.scene.repository("org/policy");
    let next: Value = serde_json::from_str(&policy.pull_manifest("next")).unwrap();
    policy.push_manifest("stable", &next);
    let explained = follower.explained();
    assert!(explained.contains("org/policy:next, copied (policy-misplaced)"), "{explained}");
    // What was denied before still is.
    follower.scene.refused("denied");
    let layout = format!("oci-layout:{}:1", follower.desk.path().join("layout").display());
    assert!(follower.push_to(&layout).run().failed(2).contains("nothing was pushed"));
}

#[test]
fn what_no_other_could_include_is_not_pushed() {
    let follower = Follower::new();
    for (text, problem) in
        [("default = \"allow-unsigned\"\n", "default = \"reject\""), ("default = \"reject\"\nx = 1\n", "line 2")]
    {
        fs::write(follower.desk.path().join("policy.toml"), text).unwrap();
        let push = follower.push().run();
        push.failed(2);
        assert!(push.stderr.contains(problem) && push.stderr.contains("nothing was pushed"), "{push}");
    }
    follower.scene.refused("policy-missing");
}

#[test]
fn a_policy_that_is_too_old_counts_no_more_whoever_signed_it() {
    let follower = Follower::new();
    follower.publish(&follower.trusting_acme());
    let policy = follower.scene.repository("org/policy");
    let mut old: Value = serde_json::from_str(&policy.pull_manifest("stable")).unwrap();
    old["annotations"]["org.opencontainers.image.created"] = "2026-01-01T00:00:00Z".into();
    let old = policy.push_manifest("stable", &old);
    policy.push_signatures(&old, &[follower.org.sign(&old, &follower.scene.name("org/policy"))]);
    let refused = follower.scene.refused("policy-too-old");
    assert!(refused.stderr.contains("was published at 2026-01-01T00:00:00Z"), "{refused}");
    assert!(follower.explained().contains("(policy-too-old)"));
}

#[test]
fn explaining_says_that_an_included_policy_is_missing_and_why() {
    let follower = Follower::new();
    let explain = || follower.scene.lockgate("trust", "explain").arg(follower.scene.name("acme/time:1"));
    insta::assert_snapshot!(explain().run());
    let missing = explain().args(["--format", "json"]).run().json();
    assert_eq!(missing[0]["missing"][0]["reason"], "policy-missing");
    follower.publish(&follower.trusting_acme());
    insta::assert_snapshot!(explain().naming(follower.reference(), "POLICY").run());
    assert_eq!(explain().args(["--format", "json"]).run().json()[0].get("missing"), None);
    fs::copy(&follower.scene.acme.public, follower.scene.home.path().join("config/other.pub")).unwrap();
    follower.follow("other.pub");
    assert!(follower.explained().contains("(policy-not-signed)"));
    follower.follow("org.pub");
    let policy = follower.scene.repository("org/policy");
    let component = policy.push_component("stable", Path::new(&probe()));
    policy.push_signatures(&component, &[follower.org.sign(&component, &follower.scene.name("org/policy"))]);
    assert!(follower.explained().contains("(policy-unusable)"));
}

#[test]
fn the_machines_policy_includes_others_as_well() {
    let follower = Follower::new();
    let scene = &follower.scene;
    scene.policy("default = \"allow-unsigned\"\n");
    let etc = machine(&follower.following("org.pub"), scene);
    fs::copy(&follower.org.public, etc.path().join("lockgate/org.pub")).unwrap();
    let call = || with_machine_policy(scene.call(), etc.path()).run();
    let refused = |reason: &str| {
        let refused = call();
        assert!(refused.failed(3).contains(&format!("is refused ({reason})")), "{refused}");
    };
    refused("policy-missing");
    let explain = scene.lockgate("trust", "explain").arg(scene.name("acme/time:1"));
    let explained = with_machine_policy(explain, etc.path()).run();
    assert!(explained.good().contains("(policy-missing)"), "{explained}");
    follower.publish(&follower.trusting_acme());
    assert_eq!(call().good(), "hello");
    // What it does not trust does not run, though the person's own policy lets everything.
    follower.publish(&follower.trusting_acme().replace("acme/*", "other/*"));
    refused("no-scope");
    follower.publish(&follower.denying());
    refused("denied");
    let waived = with_machine_policy(scene.call().args(["--allow-unsigned", &scene.digest]), etc.path()).run();
    waived.failed(3);
}

#[test]
fn a_policy_in_the_configuration_includes_others_as_well() {
    let follower = Follower::new();
    let scene = &follower.scene;
    let config = scene.home.path().join("config");
    fs::remove_file(config.join("trust.toml")).unwrap();
    let table = follower.following("org.pub").replace("[[include]]", "[[trust.include]]");
    fs::write(config.join("config.toml"), format!("[trust]\n{table}")).unwrap();
    scene.refused("policy-missing");
    follower.publish(&follower.trusting_acme());
    scene.accepted("signed");
    taken_away(scene, || drop(follower.publish(&follower.denying())));
    scene.refused("denied");
}

#[test]
fn a_signer_is_not_added_beside_what_an_included_policy_asks() {
    let follower = Follower::new();
    let scene = &follower.scene;
    let other = Key::new(scene.home.path(), "other");
    scene.push_signatures(&[other.sign(&scene.digest, &scene.name("acme/time"))]);
    let key = other.public.to_str().unwrap();
    let add = |more: &[&str]| {
        let add = scene.lockgate("trust", "add").arg(scene.name("acme/time:1")).args(more);
        add.naming(follower.reference(), "POLICY").naming(scene.home.path(), "HOME").run()
    };
    let add_other = || add(&["--key", key, "--no-log", "--signer", key]);
    let before = follower.following("org.pub");
    // It is not there: nobody knows what it asks.
    assert!(add_other().failed(3).contains("(policy-missing"));
    follower.publish(&follower.trusting_acme());
    insta::assert_snapshot!(add_other());
    follower.publish(&follower.denying());
    assert!(add_other().failed(3).contains("would no longer hold"));
    assert!(add(&["--digest"]).failed(3).contains("does not run (denied)"));
    assert_eq!(fs::read_to_string(scene.home.path().join("config/trust.toml")).unwrap(), before);
    // What a person has reviewed runs, and takes the place of what the included policy lets run here.
    follower.publish(&follower.trusting_acme());
    insta::assert_snapshot!(add(&["--digest"]));
    scene.accepted("reviewed");
}

#[test]
fn a_server_that_runs_is_taken_away_when_an_included_policy_denies_it() {
    let follower = Follower::new();
    follower.publish(&follower.trusting_acme());
    let ended = taken_away(&follower.scene, || drop(follower.publish(&follower.denying())));
    // It was asked for every second, and each of the two versions is told once.
    assert_eq!(ended.stderr.matches(&format!("the policy {} counts: ", follower.reference())).count(), 2, "{ended}");
}

#[test]
fn what_runs_by_an_included_policy_is_taken_away_when_that_is_too_old_and_what_is_ones_own_is_not() {
    let follower = Follower::new();
    follower.publish(&follower.trusting_acme());
    let [time, own] = [format!("time={}", follower.scene.name("acme/time:1")), format!("own={}", probe())];
    let run = follower.scene.lockgate("run", &time).arg(&own);
    let older = || follower.scene.policy(&follower.following("org.pub").replace("\"1d\"", "\"1s\""));
    let mut client = taken_away_as(run, "time__echo", "(policy-too-old)", older);
    assert_eq!(client.text("own__echo", json!({ "text": "hello" })), "hello");
    let (ended, _) = client.close();
    assert!(ended.stderr.contains("[time] was taken away: a policy that yours includes is too old"), "{ended}");
    assert!(!ended.stderr.contains("[own] was taken away"), "{ended}");
}

#[test]
fn what_a_new_policy_denies_is_denied_though_there_is_no_room_to_keep_it() {
    let follower = Follower::new();
    let scene = &follower.scene;
    follower.publish(&follower.trusting_acme());
    // What this process keeps is in a file system of its own, which is full as soon as a file says so.
    let (_kept, disk) = folder();
    let script = format!(
        "exec unshare --mount /bin/sh -c 'mount -t tmpfs -o size=16m none {disk}/own || exit 99\n\
         cp -a {data}/. {disk}/own && mount --bind {disk}/own {data} || exit 99\n\
         (while test -d {disk} && ! test -e {disk}/fill; do sleep 0.1; done\n\
         cat /dev/zero > {data}/filling; : > {disk}/full) < /dev/null > /dev/null 2>&1 &\n\
         exec \"$@\"' sh \"$@\"",
        disk = disk.display(),
        data = scene.home.path().join("data").display()
    );
    fs::create_dir(disk.join("own")).unwrap();
    let run = scene.lockgate("run", &scene.name("acme/time:1")).after(script);
    taken_away_by(run, &scene.digest, || {
        fs::write(disk.join("fill"), "").unwrap();
        let deadline = std::time::Instant::now() + crate::support::DEADLINE;
        while !disk.join("full").exists() {
            assert!(std::time::Instant::now() < deadline, "the disk is not full");
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        follower.publish(&follower.denying());
    });
}

#[test]
fn the_advisories_that_an_included_policy_goes_by_are_granted_to_nobody() {
    let follower = Follower::new();
    let (_kept, advisories) = folder();
    let advisories = advisories.display();
    let rule = format!("sbom = {{ required = true, vulnerabilities = \"{advisories}\", max-severity = \"low\" }}\n");
    let call = || {
        let call = follower.scene.lockgate("call", "--dir").arg(format!("{advisories}=/advisories,rw"));
        call.arg(probe()).args(["echo", "text=hello"]).run()
    };
    follower.publish(&follower.trusting_acme());
    assert_eq!(call().good(), "hello");
    follower.publish(&format!("{}{rule}", follower.trusting_acme()));
    assert!(call().failed(3).contains("belongs to Lockgate itself"));
}
