//! `lockgate run` with a client that behaves: both eras, on one stream.

use serde_json::{Value, json};

use crate::support::{Client, Lockgate, evil, modern, probe, time};

const LEGACY: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];

/// A request of MCP 2026-07-28.
fn modern_call(client: &mut Client, id: u64, method: &str, params: Value) -> Value {
    let mut params = params;
    params["_meta"] = modern();
    client.request(id, method, params);
    client.answer(id)
}

#[test]
fn every_revision_with_sessions_is_spoken() {
    for revision in LEGACY {
        let mut client = Client::start(Lockgate::new("run").arg(time()));
        let welcome = client.initialize(revision, json!({}));
        assert_eq!(welcome["result"]["protocolVersion"], revision);
        assert_eq!(welcome["result"]["serverInfo"]["name"], "mcp-time");
        let text = client.text("get_current_time", json!({ "timezone": "UTC" }));
        assert!(text.contains("\"UTC\""), "{text}");
        let (ended, rest) = client.close();
        assert_eq!(ended.code, Some(0), "{ended}");
        assert!(rest.is_empty());
    }
}

#[test]
fn another_revision_is_answered_with_the_newest() {
    let mut client = Client::start(Lockgate::new("run").arg(time()));
    assert_eq!(client.initialize("1999-01-01", json!({}))["result"]["protocolVersion"], "2025-11-25");
}

#[test]
fn requests_that_say_everything_themselves_need_no_session() {
    let mut client = Client::start(Lockgate::new("run").arg(time()));
    let discovered = modern_call(&mut client, 1, "server/discover", json!({}));
    assert_eq!(discovered["result"]["supportedVersions"], json!(["2026-07-28"]));
    let arguments = json!({ "name": "get_current_time", "arguments": { "timezone": "UTC" } });
    let called = modern_call(&mut client, 2, "tools/call", arguments);
    assert_eq!(called["result"]["resultType"], "complete");
    assert_eq!(client.close().0.code, Some(0));
}

#[test]
fn both_eras_come_on_one_stream() {
    let mut client = Client::start(Lockgate::new("run").arg(evil()));
    assert_eq!(modern_call(&mut client, 1, "tools/call", json!({ "name": "ok" }))["result"]["resultType"], "complete");
    client.initialize("2025-06-18", json!({}));
    for round in 0..5 {
        client.call(100 + round, "sleep", json!({ "ms": 20 }));
        let mut params = json!({ "name": "ok", "arguments": {} });
        params["_meta"] = modern();
        client.request(200 + round, "tools/call", params);
    }
    for round in 0..5 {
        // What later revisions added is not in the answers of older ones.
        assert_eq!(client.answer(100 + round)["result"].get("resultType"), None);
        assert_eq!(client.answer(200 + round)["result"]["resultType"], "complete");
    }
}

#[test]
fn a_request_of_neither_era_is_told_what_to_say() {
    let mut client = Client::start(Lockgate::new("run").arg(evil()));
    client.call(1, "ok", json!({}));
    let answer = client.answer(1);
    assert_eq!(answer["error"]["code"], -32602, "{answer}");
    assert!(answer["error"]["message"].as_str().unwrap().contains("begin a session with `initialize`"), "{answer}");
    // The same client may go on.
    client.initialize("2025-11-25", json!({}));
    assert_eq!(client.text("ok", json!({})), "ok");
}

#[test]
fn a_revision_that_is_not_spoken_is_refused_with_those_that_are() {
    let mut client = Client::start(Lockgate::new("run").arg(evil()));
    let mut meta = modern();
    meta["io.modelcontextprotocol/protocolVersion"] = "2030-01-01".into();
    client.request(1, "tools/list", json!({ "_meta": meta }));
    let answer = client.answer(1);
    assert_eq!(answer["error"]["data"]["requested"], "2030-01-01", "{answer}");
    assert_eq!(answer["error"]["data"]["supported"][0], "2026-07-28");
}

#[test]
fn tools_resources_prompts_and_completions_are_served() {
    let mut client = Client::in_session(&probe(), "2025-11-25");
    for (method, params) in [
        ("tools/list", json!({})),
        ("tools/list", json!({ "cursor": "second page" })),
        ("prompts/list", json!({})),
        ("resources/list", json!({})),
        ("resources/templates/list", json!({})),
        ("resources/read", json!({ "uri": "probe:///text" })),
        ("prompts/get", json!({ "name": "greet", "arguments": { "name": "Ada" } })),
        ("ping", json!({})),
    ] {
        client.request(method, method, params);
        let answer = client.answer(method);
        assert!(answer["result"].is_object(), "{method}: {answer}");
    }
    let reference = json!({ "type": "ref/prompt", "name": "greet" });
    let params = json!({ "ref": reference, "argument": { "name": "style", "value": "" } });
    client.request("complete", "completion/complete", params);
    let answer = client.answer("complete");
    assert!(answer["result"]["completion"]["values"].is_array(), "{answer}");
}

#[test]
fn unknown_things_are_errors_of_the_protocol() {
    let mut client = Client::in_session(&probe(), "2025-11-25");
    let cases = [
        ("no/such/method", json!({}), -32601),
        ("tools/call", json!({ "name": "no-such-tool" }), -32602),
        ("tools/call", json!({}), -32602),
        ("tools/call", json!({ "name": "echo", "arguments": [1] }), -32602),
        ("tools/list", json!({ "cursor": "no such page" }), -32602),
        ("prompts/get", json!({ "name": "no such prompt" }), -32602),
        ("resources/read", json!({ "uri": "probe:///nothing" }), -32002),
        ("completion/complete", json!({}), -32602),
    ];
    for (id, (method, params, code)) in cases.into_iter().enumerate() {
        client.request(id, method, params);
        let answer = client.answer(id);
        assert_eq!(answer["error"]["code"], code, "{method}: {answer}");
    }
}

#[test]
fn progress_is_told_to_those_who_asked() {
    let mut client = Client::in_session(&evil(), "2025-11-25");
    let params = json!({ "name": "progress", "arguments": {}, "_meta": { "progressToken": "mine" } });
    client.request(1, "tools/call", params);
    client.answer(1);
    let told: Vec<Value> = client.others().into_iter().cloned().collect();
    assert_eq!(told.len(), 3, "{told:?}");
    for (step, message) in told.iter().enumerate() {
        assert_eq!(message["method"], "notifications/progress");
        assert_eq!(message["params"]["progressToken"], "mine");
        assert_eq!(message["params"]["progress"].as_f64(), Some(step as f64 + 1.0));
    }
    client.text("progress", json!({}));
    assert_eq!(client.others().len(), 3, "nobody asked for more");
}

#[test]
fn log_messages_are_told_from_the_level_on() {
    let mut client = Client::in_session(&evil(), "2025-11-25");
    client.request("level", "logging/setLevel", json!({ "level": "error" }));
    assert!(client.answer("level")["result"].is_object());
    client.text("log", json!({}));
    let levels: Vec<_> = client.others().into_iter().map(|message| message["params"]["level"].clone()).collect();
    assert_eq!(levels, ["error", "critical", "alert", "emergency"]);
}

#[test]
fn a_cancelled_call_is_not_answered() {
    let mut client = Client::in_session(&evil(), "2025-11-25");
    client.call("long", "spin", json!({}));
    let params = json!({ "requestId": "long", "reason": "enough" });
    client.send(&json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params }));
    assert_eq!(client.text("ok", json!({})), "ok");
    // Its id is free again.
    client.call("long", "ok", json!({}));
    assert_eq!(client.answer("long")["result"]["content"][0]["text"], "ok");
    let (ended, rest) = client.close();
    assert_eq!((ended.code, rest), (Some(0), vec![]));
}

#[test]
fn a_question_goes_to_the_person_in_a_session() {
    let mut client = Client::start(Lockgate::new("run").arg(evil()));
    client.initialize("2025-11-25", json!({ "elicitation": {} }));
    client.call("ask", "ask", json!({}));
    let question = client.wait_for(|message| message["method"] == "elicitation/create");
    assert_eq!(question["params"]["message"], "What is your name?");
    let result = json!({ "action": "accept", "content": { "name": "Ada" } });
    client.send(&json!({ "jsonrpc": "2.0", "id": question["id"], "result": result }));
    let text = client.answer("ask")["result"]["content"][0]["text"].as_str().unwrap().to_owned();
    let answered: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(answered["responses"]["name"]["content"]["name"], "Ada");
    assert_eq!(answered["state"], "s1");
}

#[test]
fn a_server_that_asks_for_ever_is_given_up() {
    let mut client = Client::start(Lockgate::new("run").arg(evil()));
    client.initialize("2025-11-25", json!({ "elicitation": {} }));
    client.call("ask", "ask-forever", json!({}));
    let answer = loop {
        let message = client.next();
        if message["method"] == "elicitation/create" {
            let result = json!({ "action": "accept", "content": { "name": "Ada" } });
            client.send(&json!({ "jsonrpc": "2.0", "id": message["id"], "result": result }));
        } else {
            break message;
        }
    };
    assert_eq!((&answer["id"], answer["error"].is_object()), (&"ask".into(), true), "{answer}");
    assert_eq!(client.text("ok", json!({})), "ok");
}

#[test]
fn a_client_that_cannot_be_asked_is_told_so() {
    let mut client = Client::in_session(&evil(), "2025-11-25");
    client.call("ask", "ask", json!({}));
    let answer = client.answer("ask");
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    assert!(answer["result"]["content"][0]["text"].as_str().unwrap().contains("does not declare elicitation"));
}

#[test]
fn what_is_wrong_with_a_server_is_said_before_the_session() {
    // There is no client to be told: it is an error of the command.
    let ended = Lockgate::new("run").arg("/nonexistent/server.wasm").run();
    ended.failed(1);
    assert_eq!(ended.stdout, "");
}

#[test]
fn stdout_belongs_to_the_protocol() {
    // The guest writes to its stdout, and crashes; both are told on stderr alone.
    let mut client = Client::in_session(&evil(), "2025-11-25");
    client.call("panic", "panic", json!({}));
    assert!(client.answer("panic")["error"].is_object());
    let (ended, rest) = client.close();
    assert_eq!(rest, [] as [Value; 0]);
    assert!(ended.stderr.contains("[evil] evil was asked to panic"), "{ended}");
}
