//! What a session says before an answer, and unasked.

use serde_json::{Value, json};

use super::gateway::{Connection, Gateway, call, request};
use crate::support::evil;

/// A client in a session that can be asked.
fn in_session(gateway: &Gateway) -> Connection {
    let mut client = gateway.connect();
    client.initialize("2025-11-25", json!({ "elicitation": {} }));
    client
}

#[test]
fn progress_comes_on_the_stream_of_its_request() {
    let gateway = Gateway::start(&evil());
    let mut client = in_session(&gateway);
    let params = json!({ "name": "progress", "arguments": {}, "_meta": { "progressToken": 7 } });
    let events = client.post(&request(1, "tools/call", params)).events();
    assert_eq!(events.len(), 4, "{events:?}");
    assert!(events[..3].iter().all(|event| event["params"]["progressToken"] == 7));
    assert_eq!(events[3]["id"], 1);
    client.post(&request(2, "logging/setLevel", json!({ "level": "error" })));
    assert_eq!(client.call(3, "log", json!({})).events().len(), 5);
}

#[test]
fn a_question_comes_on_the_stream_of_its_request_and_is_answered_on_another() {
    let gateway = Gateway::start(&evil());
    let mut client = in_session(&gateway);
    let mut answering = client.another();
    client.send("POST", "/mcp", &[], &call("ask", "ask", json!({})).to_string());
    assert_eq!(client.response_head().0, 200);
    let question = client.event().unwrap();
    assert_eq!(question["method"], "elicitation/create");
    let result = json!({ "action": "accept", "content": { "name": "Ada" } });
    let answer = json!({ "jsonrpc": "2.0", "id": question["id"], "result": result });
    assert_eq!(answering.post(&answer).status, 202);
    let done = client.event().unwrap();
    assert!(done["result"]["content"][0]["text"].as_str().unwrap().contains("Ada"), "{done}");
    assert_eq!(client.event(), None);
    // The stream is over, and the connection is not.
    assert_eq!(client.call(1, "ok", json!({})).text(), "ok");
}

#[test]
fn a_client_that_hangs_up_has_not_cancelled_its_request_but_is_not_asked_any_more() {
    let gateway = Gateway::start(&evil());
    let mut client = in_session(&gateway);
    let mut gone = client.another();
    gone.send("POST", "/mcp", &[], &call("gone", "ask-forever", json!({})).to_string());
    gone.response_head();
    let question = gone.event().unwrap();
    drop(gone);
    for _ in 0..10 {
        assert_eq!(client.call("gone", "ok", json!({})).error().1, -32600);
    }
    // The server asks again, where nobody hears it: the request ends.
    let result = json!({ "action": "accept", "content": { "name": "Ada" } });
    client.post(&json!({ "jsonrpc": "2.0", "id": question["id"], "result": result }));
    let tries = (0..1000).map(|_| client.call("gone", "ok", json!({})).json());
    assert!(tries.into_iter().any(|answer| answer.get("result").is_some()), "the request is still under way");
}

#[test]
fn a_cancelled_request_is_answered_with_nothing() {
    let gateway = Gateway::start(&evil());
    let mut client = in_session(&gateway);
    let mut calling = client.another();
    calling.send("POST", "/mcp", &[], &call("long", "sleep", json!({ "ms": 25_000 })).to_string());
    let cancelled = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": "long" } });
    // Until it is under way there is nothing to cancel.
    let answered = std::thread::spawn(move || (calling.response(), calling));
    while !answered.is_finished() {
        assert_eq!(client.post(&cancelled).status, 202);
    }
    let (response, _calling) = answered.join().unwrap();
    assert_eq!((response.status, &*response.body), (202, &b""[..]));
}

#[test]
fn what_is_said_unasked_comes_on_the_stream_of_the_session() {
    let gateway = Gateway::start(&evil());
    let mut client = in_session(&gateway);
    let mut first = client.another();
    first.send("GET", "/mcp", &[], "");
    let (status, headers) = first.response_head();
    let kind = headers.iter().find(|(name, _)| name == "content-type").map(|(_, value)| &**value);
    assert_eq!((status, kind), (200, Some("text/event-stream")));
    // A second one takes its place.
    let mut second = client.another();
    second.send("GET", "/mcp", &[], "");
    assert_eq!(second.response_head().0, 200);
    assert_eq!(first.event(), None);
    // A client that does not take events gets none.
    let mut third = client.another();
    third.set("Accept", "application/json");
    assert_eq!(third.request("GET", "/mcp", "").status, 406);
    assert_eq!(client.call(1, "ok", json!({})).text(), "ok");
    gateway.signal(rustix::process::Signal::TERM);
    assert_eq!(second.event(), None::<Value>);
    assert_eq!(gateway.ended().code, Some(0));
}
