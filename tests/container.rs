//! Servers that are images, on a real engine.

mod denied;
mod engines;
mod leftovers;
mod misbehaving;
mod registry;
mod walls;

use std::process::Command;

use serde_json::json;

use crate::support::{Client, Engine, modern};

/// A server in the shell: `run` runs a command in the container, and answers with what it printed, in base64.
const SHELL: &str = r#"
say() { printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$id" "$1"; }
schema='{"type":"object","properties":{"command":{"type":"string"}}}'
while read -r line; do
    id=$(echo "$line" | sed -n 's/.*"id":\([0-9]*\).*/\1/p')
    case "$line" in
    *'"method":"initialize"'*)
        say '{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"shell","version":"1"}}' ;;
    *'"method":"tools/list"'*) say '{"tools":[{"name":"run","inputSchema":'"$schema"'}]}' ;;
    *'"method":"tools/call"'*)
        command=$(echo "$line" | sed -n 's/.*"command":"\([^"]*\)".*/\1/p')
        printed=$(eval "$command" 2>&1 | base64 | tr -d '\n')
        say '{"content":[{"type":"text","text":"'"$printed"'"}]}' ;;
    esac
done
"#;

#[test]
fn an_unmodified_server_is_listed_and_called() {
    let engine = Engine::shared();
    let source = format!("everything=docker://{}", engine.everything());
    let tools = engine.lockgate("tools").arg(&source).args(["--format", "json"]).run();
    tools.good();
    let names: Vec<_> = tools.json()["tools"].as_array().unwrap().iter().map(|tool| tool["name"].clone()).collect();
    assert!(names.contains(&json!("echo")) && names.contains(&json!("get-sum")), "{names:?}");
    let sum = engine.lockgate("call").arg(&source).args(["get-sum", "a=2", "b=3"]).run();
    assert!(sum.good().contains('5'), "{sum}");
}

#[test]
fn clients_of_both_eras_use_an_unmodified_server() {
    let engine = Engine::shared();
    let server = format!("everything=docker://{}", engine.everything());
    let mut legacy = Client::start(engine.lockgate("run").arg(&server));
    let introduced = legacy.initialize("2025-11-25", json!({}));
    assert_eq!(introduced["result"]["serverInfo"]["name"], "mcp-servers/everything", "{introduced}");
    assert_eq!(legacy.text("echo", json!({"message": "old"})), "Echo: old");
    let (ended, _) = legacy.close();
    ended.good();
    let mut new = Client::start(engine.lockgate("run").arg(&server));
    let params = json!({"name": "echo", "arguments": {"message": "new"}, "_meta": modern()});
    new.request(1, "tools/call", params);
    let answer = new.answer(1);
    assert_eq!(answer["result"]["content"][0]["text"], "Echo: new", "{answer}");
    assert_eq!(answer["result"]["resultType"], "complete", "{answer}");
    new.close().0.good();
}

#[test]
fn progress_of_an_unmodified_server_reaches_the_client() {
    let engine = Engine::shared();
    let server = format!("everything=docker://{}", engine.everything());
    let mut client = Client::start(engine.lockgate("run").arg(&server));
    client.initialize("2025-11-25", json!({}));
    let arguments = json!({"duration": 1, "steps": 2});
    let params = json!({
        "name": "trigger-long-running-operation", "arguments": arguments, "_meta": {"progressToken": "mine"},
    });
    client.request(1, "tools/call", params);
    let progress = client.wait_for(|message| message["method"] == "notifications/progress");
    assert_eq!(progress["params"]["progressToken"], "mine", "{progress}");
    let answer = client.answer(1);
    assert!(answer["result"]["content"].is_array(), "{answer}");
    client.close().0.good();
}

#[test]
fn the_inspector_uses_an_unmodified_server_in_every_mode() {
    let engine = Engine::shared();
    let setup = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(".setup");
    let inspector = setup.join("node/node_modules/.bin/mcp-inspector");
    assert!(inspector.exists(), "the inspector is missing: run `make setup`");
    for era in ["legacy", "modern"] {
        let home = tempfile::tempdir().unwrap();
        let mut command = Command::new(&inspector);
        command.env_remove("CI").env("HOME", home.path()).env("MCP_INSPECTOR_SECRET_STORE", "memory").arg("--cli");
        command.args(["-e", &format!("DOCKER_HOST={}", engine.host())]);
        command.arg(env!("CARGO_BIN_EXE_lockgate")).arg("run").arg(format!("docker://{}", engine.everything()));
        command.args(["--method", "tools/call", "--tool-name", "echo", "--tool-arg", "message=hi"]);
        let done = command.args(["--protocol-era", era]).output().unwrap();
        let said = String::from_utf8_lossy(&done.stdout);
        assert!(
            done.status.success() && said.contains("Echo: hi"),
            "{era}: {said}\n{}",
            String::from_utf8_lossy(&done.stderr)
        );
    }
}

#[test]
fn a_plan_says_what_would_run_and_starts_nothing() {
    let engine = Engine::shared();
    let image = engine.image_of(SHELL, &[]);
    let planned = engine.lockgate("plan").arg(format!("planned=docker://{image}")).args(["--format", "json"]).run();
    let plan = planned.json();
    assert_eq!(
        (&plan["executor"], &plan["image"], &plan["basis"]),
        (&json!("container"), &json!(image), &json!("own-image"))
    );
    assert_eq!(plan["limits"]["memory"], json!({"value": 512 << 20, "origin": "default"}));
    assert!(engine.containers("planned").is_empty());
}
