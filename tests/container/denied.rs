//! Images that a policy begins to deny while their containers run.

use std::fs;

use serde_json::json;

use super::SHELL;
use crate::support::{Client, Engine, Home};

#[test]
fn a_container_of_what_is_denied_ends_with_its_calls_and_none_is_started_any_more() {
    let engine = Engine::shared();
    let image = engine.image_of(SHELL, &["ENV WILL_BE=denied"]);
    let home = Home::empty();
    let run = engine.lockgate("run").arg(format!("denied=docker://{image}")).home(home.path());
    let mut client = Client::start(run);
    client.initialize("2025-11-25", json!({}));
    client.call("before", "run", json!({ "command": "echo" }));
    assert!(client.answer("before")["result"].is_object());
    assert_eq!(engine.containers("denied").len(), 1);
    client.call("meanwhile", "run", json!({ "command": "sleep 1000" }));
    fs::create_dir_all(home.path().join("config")).unwrap();
    let policy = format!("default = \"reject\"\ndeny = [\"{image}\"]\n");
    fs::write(home.path().join("config/trust.toml"), policy).unwrap();
    let ended = client.answer("meanwhile");
    assert!(ended["error"]["message"].as_str().unwrap().contains("denied by the trust policy"), "{ended}");
    engine.wait_for("denied", 0);
    // A client of before goes on to talk.
    client.request("level", "logging/setLevel", json!({ "level": "error" }));
    client.answer("level");
    client.call("after", "run", json!({ "command": "echo" }));
    let refused = client.answer("after");
    assert!(refused["error"]["message"].as_str().unwrap().contains("denied by the trust policy"), "{refused}");
    assert!(engine.containers("denied").is_empty());
    client.close().0.good();
}
