//! What is left of containers: nothing, however their user ends.

use std::fs;

use rustix::process::Signal;
use serde_json::json;

use super::SHELL;
use crate::support::{Client, Engine, Home};

/// A server that goes on when its stdin ends.
fn stubborn() -> String {
    format!("{SHELL}\nsleep 1000")
}

fn client(server: &str, script: &str, home: &Home) -> Client {
    let engine = Engine::shared();
    let image = engine.image_of(script, &[]);
    let mut client = Client::start(engine.lockgate("run").arg(format!("{server}=docker://{image}")).home(home.path()));
    client.initialize("2025-11-25", json!({}));
    assert_eq!(client.text("run", json!({"command": "echo hi"})), "aGkK");
    client
}

#[test]
fn a_container_ends_with_its_client() {
    for (server, script) in [("client-kind", SHELL.to_owned()), ("client-stubborn", stubborn())] {
        let home = Home::empty();
        let client = client(server, &script, &home);
        assert_eq!(Engine::shared().containers(server).len(), 1);
        client.close().0.good();
        assert!(Engine::shared().containers(server).is_empty(), "{server}: gone before the gateway is");
        assert_eq!(fs::read_dir(home.path().join("data/run")).unwrap().count(), 0, "no lock is left");
    }
}

#[test]
fn a_container_ends_with_a_gateway_that_is_told_to_end() {
    let home = Home::empty();
    let client = client("terminated", &stubborn(), &home);
    client.signal(Signal::TERM);
    client.ended();
    assert!(Engine::shared().containers("terminated").is_empty());
}

#[test]
fn a_container_ends_with_a_gateway_that_is_killed() {
    let home = Home::empty();
    let client = client("killed", SHELL, &home);
    client.signal(Signal::KILL);
    client.ended();
    Engine::shared().wait_for("killed", 0);
}

#[test]
fn what_outlives_a_killed_gateway_is_removed_by_the_next_of_its_home_alone() {
    let engine = Engine::shared();
    let (home, other) = (Home::empty(), Home::empty());
    let killed = client("outlives", &stubborn(), &home);
    let alive = client("alive", &stubborn(), &home);
    killed.signal(Signal::KILL);
    killed.ended();
    let left = engine.wait_for("outlives", 1);
    client("elsewhere", SHELL, &other).close().0.good();
    assert_eq!(engine.containers("outlives"), left, "another home leaves it alone");
    let next = client("next", SHELL, &home);
    engine.wait_for("outlives", 0);
    assert_eq!(engine.containers("alive").len(), 1, "one that runs is left alone");
    next.close().0.good();
    alive.close().0.good();
    engine.wait_for("alive", 0);
}

#[test]
fn a_container_that_is_removed_from_outside_is_an_error_and_the_next_call_starts_another() {
    let engine = Engine::shared();
    let home = Home::empty();
    let mut client = client("removed", SHELL, &home);
    let first = engine.wait_for("removed", 1);
    client.call(7, "run", json!({"command": "sleep 100"}));
    assert!(engine.docker(["rm", "--force", &first[0]]).output().unwrap().status.success());
    let answer = client.answer(7);
    let message = answer["error"]["message"].as_str().unwrap_or_else(|| panic!("{answer}"));
    assert!(message.contains("the connection to the server ended"), "{message}");
    assert_eq!(client.text("run", json!({"command": "echo again"})), "YWdhaW4K");
    client.close().0.good();
}
