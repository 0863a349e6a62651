//! Policies that change while servers run: what they deny is taken away, whatever else is wrong.

use std::fs;

use super::policies::{machine, with_machine_policy};
use super::*;
use crate::support::cosign::digest_of;

/// A scene in which `acme/time:1` runs by the person's policy.
fn signed() -> Scene {
    let scene = Scene::new();
    scene.push_signatures(&[scene.good_signature()]);
    scene
}

/// A policy that denies it.
fn denying(scene: &Scene) -> String {
    format!("deny = [\"{}\"]\n{}", scene.digest, scene.acme_policy())
}

#[test]
fn a_server_that_runs_is_taken_away_when_the_persons_own_policy_denies_it() {
    let scene = signed();
    taken_away(&scene, || scene.policy(&denying(&scene)));
}

#[test]
fn a_policy_that_is_first_written_while_a_server_runs_counts_as_well() {
    let scene = Scene::without_policy();
    let digest = digest_of(&fs::read(probe()).unwrap());
    let denying = format!("default = \"reject\"\ndeny = [\"{digest}\"]\n");
    taken_away_by(scene.lockgate("run", &probe()), &digest, || scene.policy(&denying));
}

#[test]
fn a_projects_file_that_nobody_approved_keeps_no_policy_from_being_followed() {
    let scene = signed();
    let (_kept, project) = folder();
    let run = scene.lockgate("run", &scene.name("acme/time:1")).current_dir(&project);
    taken_away_by(run, &scene.digest, || {
        fs::write(project.join("lockgate.toml"), [0xff]).unwrap();
        scene.policy(&denying(&scene));
    });
}

#[test]
fn what_is_wrong_with_the_configuration_keeps_no_policy_from_being_followed() {
    for broken in ["[network", "[network]\nroots = [\"none.pem\"]\n"] {
        let scene = signed();
        let config = scene.home.path().join("config/config.toml");
        taken_away(&scene, || {
            fs::write(&config, broken).unwrap();
            scene.policy(&denying(&scene));
        });
    }
}

#[test]
fn the_machines_policy_is_followed_though_the_persons_cannot_be_read() {
    let scene = signed();
    let etc = machine(&scene.acme_policy(), &scene);
    let run = with_machine_policy(scene.lockgate("run", &scene.name("acme/time:1")), etc.path());
    let ended = taken_away_by(run, &scene.digest, || {
        scene.policy("default = ");
        fs::write(etc.path().join("lockgate/trust.toml"), denying(&scene)).unwrap();
    });
    assert_eq!(ended.stderr.matches("the trust policy before holds on: ").count(), 1, "{ended}");
}

#[test]
fn the_machines_policy_does_not_go_away_while_servers_run() {
    let scene = signed();
    let etc = machine(&scene.acme_policy(), &scene);
    let run = with_machine_policy(scene.lockgate("run", &scene.name("acme/time:1")), etc.path());
    let ended = taken_away_by(run, &scene.digest, || {
        fs::remove_file(etc.path().join("lockgate/trust.toml")).unwrap();
        scene.policy(&denying(&scene));
    });
    let gone = "the trust policy before holds on: /etc/lockgate/trust.toml is gone";
    assert_eq!(ended.stderr.matches(gone).count(), 1, "{ended}");
}

#[test]
fn what_a_policy_denies_itself_waits_for_no_registry() {
    let scene = signed();
    // Takes connections, and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let slow = format!("{}/org/policy:stable", silent.local_addr().unwrap());
    let include = format!(
        "[[include]]\npolicy = \"{slow}\"\nsigners = [{{ key = \"acme.pub\", log = \"ignore\" }}]\nmax-age = \"1d\"\n"
    );
    let ended = taken_away(&scene, || scene.policy(&format!("{}{include}", denying(&scene))));
    assert!(!ended.stderr.contains(&format!("the policy {slow} does not count")), "{ended}");
}

/// Checks that `acme/time:1` runs until something happens, and that then nobody can call it any more.
pub(super) fn taken_away(scene: &Scene, happens: impl FnOnce()) -> Ended {
    taken_away_by(scene.lockgate("run", &scene.name("acme/time:1")), &scene.digest, happens)
}

/// As [`taken_away`], for another server and what of it is denied.
pub(super) fn taken_away_by(run: Lockgate, denied: &str, happens: impl FnOnce()) -> Ended {
    let client = taken_away_as(run, "echo", "denied by the trust policy", happens);
    let (ended, _) = client.close();
    assert!(ended.stderr.contains(&format!("was taken away: {denied}")), "{ended}");
    ended
}

/// Checks that a tool can be called until something happens, and then no more, and what is said then.
pub(super) fn taken_away_as(run: Lockgate, tool: &str, why: &str, happens: impl FnOnce()) -> Client {
    let mut client = Client::start(run);
    client.initialize("2025-11-25", json!({}));
    assert_eq!(client.text(tool, json!({ "text": "hello" })), "hello");
    happens();
    let deadline = std::time::Instant::now() + crate::support::DEADLINE;
    let mut id = 1000;
    let refused = loop {
        assert!(std::time::Instant::now() < deadline, "it still runs");
        id += 1;
        client.call(id, tool, json!({ "text": "hello" }));
        let answer = client.answer(id);
        if answer["error"].is_object() {
            break answer;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    };
    assert!(refused["error"]["message"].as_str().unwrap().contains(why), "{refused}");
    client
}
