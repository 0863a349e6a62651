//! Sessions of older clients.

use serde_json::{Value, json};

use super::gateway::{ANN, Gateway, call, request};
use crate::support::{evil, probe, time};

#[test]
fn every_revision_with_sessions_is_spoken() {
    let gateway = Gateway::start(&time());
    for revision in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        let mut client = gateway.connect();
        let welcome = client.initialize(revision, json!({}));
        assert_eq!(welcome["result"]["protocolVersion"], revision);
        let answer = client.call(2, "get_current_time", json!({ "timezone": "UTC" }));
        assert!(answer.text().contains("\"UTC\""));
        assert_eq!(answer.json()["result"].get("resultType"), None);
        assert_eq!(client.post(&request("p", "ping", json!({}))).json()["result"], json!({}));
    }
    gateway.stop();
}

#[test]
fn a_session_is_found_by_its_principal_at_its_place_alone() {
    let gateway = Gateway::start_with(&format!("p={}", probe()), &[]);
    let mut client = gateway.connect();
    client.initialize("2025-11-25", json!({}));
    let list = request(1, "tools/list", json!({})).to_string();
    assert_eq!(client.request("POST", "/mcp", &list).status, 200);
    assert_eq!(client.request("POST", "/servers/p/mcp", &list).status, 404);
    // Another connection of the same principal is as good.
    assert_eq!(client.another().request("POST", "/mcp", &list).status, 200);
    let mut stranger = client.another();
    stranger.set("Authorization", &format!("Bearer {ANN}"));
    for method in ["POST", "GET", "DELETE"] {
        let response = stranger.request(method, "/mcp", &list);
        assert_eq!(response.status, 404, "{method}");
        assert!(response.json()["error"]["message"].as_str().unwrap().contains("begin one with `initialize`"));
    }
    // It is still there.
    assert_eq!(client.request("POST", "/mcp", &list).status, 200);
    let mut unknown = client.another();
    for id in ["", "0", &"0".repeat(32), "..", "\u{e9}"] {
        unknown.set("Mcp-Session-Id", id);
        let status = unknown.request("POST", "/mcp", &list).status;
        assert!(matches!(status, 400 | 404), "{id}: {status}");
    }
    // What was refused does not stop the principal from having a session.
    let mut ann = gateway.connect_as(ANN);
    ann.initialize("2025-11-25", json!({}));
    assert_eq!(ann.request("POST", "/mcp", &list).status, 200);
}

#[test]
fn a_session_that_was_ended_is_not_found() {
    let gateway = Gateway::start(&evil());
    let mut client = gateway.connect();
    client.initialize("2025-11-25", json!({}));
    let mut stream = client.another();
    stream.send("GET", "/mcp", &[], "");
    assert_eq!(stream.response_head().0, 200);
    // A call that is under way ends with it.
    let mut calling = client.another();
    calling.send("POST", "/mcp", &[], &call("long", "sleep", json!({ "ms": 25_000 })).to_string());
    assert_eq!(client.call(1, "ok", json!({})).text(), "ok");
    let deleted = client.request("DELETE", "/mcp", "");
    assert_eq!((deleted.status, &*deleted.body), (204, &b""[..]));
    assert_eq!(stream.event(), None);
    assert_eq!(calling.response().status, 202);
    assert_eq!(client.call(2, "ok", json!({})).status, 404);
    assert_eq!(client.request("GET", "/mcp", "").status, 404);
    assert_eq!(client.request("DELETE", "/mcp", "").status, 404);
    client.unset("Mcp-Session-Id");
    client.unset("MCP-Protocol-Version");
    client.initialize("2025-11-25", json!({}));
    gateway.stop();
}

#[test]
fn requests_without_a_session_are_told_what_to_do() {
    let gateway = Gateway::start(&probe());
    let mut client = gateway.connect();
    let answer = client.call(1, "echo", json!({ "text": "x" }));
    assert_eq!(answer.error(), (400, -32602));
    assert!(answer.json()["error"]["message"].as_str().unwrap().contains("begin a session with `initialize`"));
    assert_eq!(client.post(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).status, 400);
    for method in ["GET", "DELETE"] {
        assert_eq!(client.request(method, "/mcp", "").status, 400, "{method}");
    }
    client.set("MCP-Protocol-Version", "2026-07-28");
    for method in ["GET", "DELETE"] {
        let response = client.request(method, "/mcp", "");
        assert_eq!((response.status, response.header("allow")), (405, Some("POST")), "{method}");
    }
    // A session does not begin in a revision that has none, nor with something else.
    assert_eq!(client.post(&request(1, "initialize", json!({}))).error(), (400, -32020));
    client.unset("MCP-Protocol-Version");
    let refused = client.post(&request(1, "initialize", json!({ "protocolVersion": 1 })));
    assert_eq!((refused.error().1, refused.header("mcp-session-id")), (-32602, None));
}

#[test]
fn the_revision_in_the_header_has_to_be_one_that_is_spoken() {
    let gateway = Gateway::start(&probe());
    let mut client = gateway.connect();
    client.initialize("2025-06-18", json!({}));
    let list = request(1, "tools/list", json!({}));
    for version in ["1999-01-01", "", "2025-06-18 ", "2025-06-18, 2025-06-18", "latest"] {
        client.set("MCP-Protocol-Version", version);
        let status = client.post(&list).status;
        assert_eq!(status, if version.trim() == "2025-06-18" { 200 } else { 400 }, "{version}");
    }
    client.unset("MCP-Protocol-Version");
    assert_eq!(client.post(&list).status, 200);
}

#[test]
fn batches_are_answered_together_in_the_revision_that_has_them() {
    let gateway = Gateway::start(&evil());
    let mut client = gateway.connect();
    client.initialize("2025-03-26", json!({}));
    let batch = json!([
        call(1, "ok", json!({})),
        { "jsonrpc": "2.0", "method": "notifications/roots/list_changed" },
        request(2, "no/such", json!({})),
        request(3, "ping", json!({})),
    ]);
    let answers = client.post(&batch).json();
    let mut ids: Vec<i64> = answers.as_array().unwrap().iter().map(|answer| answer["id"].as_i64().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, [1, 2, 3]);
    let aside = client.post(&json!([{ "jsonrpc": "2.0", "method": "notifications/roots/list_changed" }]));
    assert_eq!((aside.status, &*aside.body), (202, &b""[..]));
    // What is said before comes before, on the same stream.
    let with_token = json!({ "name": "progress", "arguments": {}, "_meta": { "progressToken": "t" } });
    let events = client.post(&json!([request(4, "tools/call", with_token), call(5, "ok", json!({}))])).events();
    assert_eq!(events.len(), 4, "{events:?}");
    assert_eq!(events[3].as_array().unwrap().len(), 2);
    let mut client = gateway.connect();
    client.initialize("2025-11-25", json!({}));
    assert_eq!(client.post(&json!([call(1, "ok", json!({}))])).error(), (400, -32600));
}

#[test]
fn two_requests_of_a_session_are_answered_at_the_same_time_each_on_its_own_connection() {
    let gateway = Gateway::start(&evil());
    let mut slow = gateway.connect();
    slow.initialize("2025-11-25", json!({}));
    let mut fast = slow.another();
    slow.send("POST", "/mcp", &[], &call("slow", "sleep", json!({ "ms": 2000 })).to_string());
    let mut answered = 0;
    for id in 0..20 {
        assert_eq!(fast.call(id, "ok", json!({})).json()["id"], id);
        answered += 1;
    }
    assert_eq!((answered, &slow.response().json()["id"]), (20, &Value::from("slow")));
    // An id that is under way cannot be used again: whichever comes second is refused.
    for client in [&mut slow, &mut fast] {
        client.send("POST", "/mcp", &[], &call("same", "sleep", json!({ "ms": 2000 })).to_string());
    }
    let answers = [slow.response().json(), fast.response().json()];
    let refused: Vec<&Value> = answers.iter().filter(|answer| answer["error"]["code"] == -32600).collect();
    assert_eq!(refused.len(), 1, "{answers:?}");
}

#[test]
fn a_principals_oldest_unused_session_makes_room() {
    let gateway = Gateway::start(&probe());
    let mut clients: Vec<_> = (0..64)
        .map(|_| {
            let mut client = gateway.connect();
            client.initialize("2025-11-25", json!({}));
            client
        })
        .collect();
    let list = request(1, "tools/list", json!({}));
    // The first has been used meanwhile, so that the second is the oldest.
    assert_eq!(clients[0].post(&list).status, 200);
    gateway.connect().initialize("2025-11-25", json!({}));
    let mut other = gateway.connect_as(ANN);
    other.initialize("2025-11-25", json!({}));
    let found: Vec<u16> = clients.iter_mut().map(|client| client.post(&list).status).collect();
    assert_eq!(found.iter().filter(|status| **status == 404).count(), 1);
    assert_eq!(found[1], 404);
}
