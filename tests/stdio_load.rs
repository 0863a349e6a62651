//! `lockgate run` with much to do, and with a server that does what it can against it.

use serde_json::{Value, json};

use crate::support::{Client, Lockgate, evil};

fn in_session() -> Client {
    Client::in_session(&evil(), "2025-11-25")
}

#[test]
fn a_hundred_calls_at_once_are_all_answered() {
    let mut client = in_session();
    for id in 0..100 {
        client.call(id, "sleep", json!({ "ms": 100 }));
    }
    for id in 0..100 {
        assert_eq!(client.answer(id)["result"]["content"][0]["text"], "awake");
    }
}

#[test]
fn more_calls_than_may_be_under_way_are_all_answered() {
    let mut client = in_session();
    for id in 0..3000 {
        client.call(id, "count", json!({}));
    }
    for id in 0..3000 {
        // Each in an instance of its own.
        assert_eq!(client.answer(id)["result"]["structuredContent"], json!({ "calls": 1 }));
    }
}

#[test]
fn a_call_is_answered_while_others_fill_every_core() {
    let mut client = Client::start(Lockgate::new("run").arg(evil()).args(["--time", "1h"]));
    client.initialize("2025-11-25", json!({}));
    let cores = std::thread::available_parallelism().unwrap().get();
    for id in 0..2 * cores {
        client.call(id, "spin", json!({}));
    }
    for _ in 0..10 {
        assert_eq!(client.text("ok", json!({})), "ok");
    }
    client.request("list", "tools/list", json!({}));
    assert!(client.answer("list")["result"]["tools"].is_array());
    client.request("ping", "ping", json!({}));
    client.answer("ping");
    // None of them has ended.
    assert!(client.others().is_empty(), "{:?}", client.others());
    client.signal(rustix::process::Signal::TERM);
    assert_eq!(client.ended().code, Some(0));
}

#[test]
fn whatever_a_server_does_the_next_call_of_the_session_works() {
    let mut client = Client::start(Lockgate::new("run").arg(evil()).args(["--time", "2s"]));
    client.initialize("2025-11-25", json!({}));
    for (tool, arguments) in [
        ("trap", json!({})),
        ("abort", json!({})),
        ("panic", json!({})),
        ("exit", json!({})),
        ("overflow", json!({})),
        ("spin", json!({})),
        ("handles", json!({})),
        ("random", json!({ "bytes": 2_000_000 })),
        ("flood-output", json!({})),
        ("flood-log", json!({})),
        ("flood-progress", json!({})),
        ("bad-json", json!({})),
        ("duplicate-json", json!({})),
        ("trailing-json", json!({})),
        ("deep-json", json!({})),
        ("bad-meta", json!({})),
    ] {
        client.call(tool, tool, arguments);
        let answer = client.answer(tool);
        assert!(answer["error"]["message"].as_str().is_some_and(|message| !message.is_empty()), "{tool}: {answer}");
        assert_eq!(client.text("ok", json!({})), "ok", "after {tool}");
    }
    let (ended, _) = client.close();
    assert_eq!(ended.code, Some(0), "{:?}", ended.code);
}

#[test]
fn every_message_is_one_line_whatever_the_server_wrote() {
    let client = in_session();
    for tool in ["multiline-json", "escapes"] {
        client.call(tool, tool, json!({}));
    }
    let (ended, lines) = client.close_with_lines();
    assert_eq!(ended.code, Some(0), "{ended}");
    assert_eq!(lines.len(), 2, "{lines:#?}");
    for line in lines {
        let message: Value = serde_json::from_str(&line).unwrap();
        assert!(message["result"].is_object(), "{line}");
        assert!(!line.contains(['\r', '\u{1b}']), "{line:?}");
    }
}

#[test]
fn a_list_that_cannot_be_had_is_an_error_of_that_request() {
    for (evil_does, code) in
        [("list-trap", -32603), ("list-loop", -32603), ("start-trap", -32603), ("list-bad-json", -32603)]
    {
        let variable = format!("EVIL={evil_does}");
        let mut client = Client::start(Lockgate::new("run").arg(evil()).args(["--time", "500ms", "--env", &variable]));
        client.initialize("2025-11-25", json!({}));
        client.request(1, "tools/list", json!({}));
        assert_eq!(client.answer(1)["error"]["code"], code, "{evil_does}");
        client.request(2, "ping", json!({}));
        assert!(client.answer(2)["result"].is_object(), "{evil_does}");
    }
}

#[test]
fn a_client_that_does_not_read_is_waited_for_and_gets_everything() {
    let client = in_session();
    let text = "x".repeat(100_000);
    for id in 0..100 {
        client.call(id, "echo", json!({ "text": text }));
    }
    // Nothing is read until now: ten mebibytes do not fit into a pipe.
    let (ended, answers) = client.close();
    assert_eq!(ended.code, Some(0));
    assert_eq!(answers.len(), 100);
    assert!(answers.iter().all(|answer| answer["result"]["structuredContent"]["text"] == *text));
}
