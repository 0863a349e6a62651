//! Servers that do not keep to the protocol, or not for long.

use serde_json::json;

use super::fake::{RemoteServer, Step, document, event, events, notification, plain, send};
use super::*;

#[tokio::test]
async fn half_an_event_is_no_answer() {
    for cut in ["data: {\"jsonrpc\":\"2.0\",", "event: message\n", ""] {
        let server = RemoteServer::modern(move |heard| {
            let mut steps = events(&[heard.progress(1)]);
            steps.push(Step::Send(cut.into()));
            steps
        });
        let told = told(&server.url(), tool("x")).await;
        assert!(told.contains("closed the connection in the middle"), "{told}");
    }
    let server = RemoteServer::modern(|heard| {
        let whole = event(&heard.response(json!({})));
        let mut steps = events(&[]);
        steps.push(Step::Send(whole.trim_end().into()));
        steps
    });
    let told = told(&server.url(), tool("x")).await;
    assert!(told.contains("closed the connection in the middle"), "{told}");
}

#[tokio::test]
async fn half_a_document_is_no_answer() {
    let server = RemoteServer::modern(|_| {
        send("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"jsonrpc\":\"2.0\",")
    });
    let told = told(&server.url(), tool("x")).await;
    assert!(told.contains("closed the connection in the middle"), "{told}");
}

#[tokio::test]
async fn an_answer_to_something_else_is_none() {
    let other = json!({ "jsonrpc": "2.0", "id": "lockgate-99", "result": {} });
    for streamed in [false, true] {
        let other = other.clone();
        let server =
            RemoteServer::modern(
                move |_| {
                    if streamed { events(std::slice::from_ref(&other)) } else { document(200, &other) }
                },
            );
        let told = told(&server.url(), tool("x")).await;
        assert!(told.contains("answered another request"), "{told}");
    }
}

#[tokio::test]
async fn what_is_not_mcp_is_not_passed_on() {
    let html = "<html><script>alert(1)</script>";
    for (headers, body, expected) in [
        ("content-type: text/html; charset=utf-8\r\n", html, "answered with a web page"),
        ("content-type: TEXT/PLAIN\r\n", "secret", "answered with text/plain, where MCP has"),
        ("", "{}", "does not say what its answer is"),
        ("content-type: application/json\r\n", html, "is not MCP: the message is not valid JSON"),
        ("content-type: application/json\r\n", "", "is not MCP"),
        ("content-type: application/json\r\n", "[]", "is not MCP: the batch is empty"),
        ("content-type: application/json\r\ncontent-encoding: gzip\r\n", "x", "compressed its answer"),
        ("content-type: text/event-stream\r\n", "data: {\n\n", "is not MCP"),
        ("content-type: text/event-stream\r\n", "data: \u{feff}{}\n\n", "is not MCP"),
    ] {
        let server = RemoteServer::modern(move |_| plain(200, headers, body));
        let told = told(&server.url(), tool("x")).await;
        assert!(told.contains(expected), "{expected}: {told}");
        assert!(!told.contains("alert") && !told.contains("secret"), "{told}");
    }
}

#[tokio::test]
async fn a_message_with_a_key_twice_is_refused() {
    let server = RemoteServer::modern(|heard| {
        let text = heard.response(json!({})).to_string().replace("\"result\":{}", "\"result\":{\"a\":1,\"a\":2}");
        plain(200, "content-type: application/json\r\n", &text)
    });
    let told = told(&server.url(), tool("x")).await;
    assert!(told.contains("the same key twice"), "{told}");
}

#[tokio::test]
async fn only_as_much_is_read_as_a_call_may_send() {
    let giant = |heard: &fake::Heard| {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n";
        let start = format!("{head}{{\"jsonrpc\":\"2.0\",\"id\":{},\"result\":{{\"a\":\"", heard.body["id"]);
        vec![Step::Send(start.into()), Step::Drip(vec![b'x'; 1 << 20], 64, Duration::ZERO)]
    };
    let server = RemoteServer::modern(giant);
    let line = remote(&server.url(), LONG, 2 << 20).open(Principal::local().into());
    let told = line.call(tool("x")).outcome().await.unwrap_err().message;
    assert!(told.contains("more than 2 MiB, its output limit"), "{told}");
    let line = remote(&server.url(), LONG, 4 << 30).open(Principal::local().into());
    let told = line.call(tool("x")).outcome().await.unwrap_err().message;
    assert!(told.contains("a message of more than 16 MiB"), "{told}");
}

#[tokio::test]
async fn a_flood_of_events_is_bounded_as_well() {
    for piece in [event(&notification("notifications/message", json!({}))), "data: x\n".repeat(100), "x".repeat(1000)] {
        let server = RemoteServer::modern(move |_| {
            let mut steps = events(&[]);
            steps.push(Step::Drip(piece.clone().into(), 200_000, Duration::ZERO));
            steps
        });
        let line = remote(&server.url(), LONG, 1 << 20).open(Principal::local().into());
        let told = line.call(tool("x")).outcome().await.unwrap_err().message;
        assert!(told.contains("output limit") || told.contains("more than 16 MiB"), "{told}");
    }
}

#[tokio::test]
async fn a_slow_answer_ends_at_the_time_limit() {
    let drip = |_: &fake::Heard| {
        let mut steps = events(&[]);
        steps.push(Step::Drip(b":".to_vec(), 1000, Duration::from_millis(20)));
        steps
    };
    let head = |_: &fake::Heard| vec![Step::Drip(b"HTTP/1.1 200 OK\r\nx: y\r\n".to_vec(), 1, LONG)];
    for server in [RemoteServer::modern(drip), RemoteServer::modern(|_| vec![Step::Hang]), RemoteServer::modern(head)] {
        let line = remote(&server.url(), Duration::from_millis(300), 1 << 20).open(Principal::local().into());
        let told = line.call(tool("x")).outcome().await.unwrap_err().message;
        assert!(told.contains("its time limit of 300ms"), "{told}");
    }
}

#[tokio::test]
async fn a_server_that_hangs_at_once_ends_at_the_time_limit() {
    let server = RemoteServer::playing(|_| vec![Step::Hang]);
    let line = remote(&server.url(), Duration::from_millis(300), 1 << 20).open(Principal::local().into());
    assert!(line.card().await.unwrap_err().message.contains("its time limit of 300ms"));
}

#[tokio::test]
async fn a_request_that_is_only_taken_has_no_answer() {
    let server = RemoteServer::modern(|_| plain(202, "", ""));
    let told = told(&server.url(), tool("x")).await;
    assert!(told.contains("promises no answer"), "{told}");
}
