//! Clients that send too much, too slowly, or something that is no HTTP.

use serde_json::json;

use super::gateway::{Gateway, modern_request};
use crate::support::{evil, probe};

const MAX: usize = 16 << 20;

#[test]
fn a_message_has_a_greatest_length_however_it_is_sent() {
    let gateway = Gateway::start(&probe());
    let mut client = gateway.connect();
    // Refused before it is sent.
    let head = client.head("POST", "/mcp", &[("Content-Length", &(MAX + 1).to_string())]);
    client.bytes(head);
    assert_eq!(client.response().error(), (413, -32600));
    // Refused while it is sent.
    let mut client = gateway.connect();
    let head = client.head("POST", "/mcp", &[("Transfer-Encoding", "chunked")]);
    client.bytes(head);
    let chunk = format!("100000\r\n{}\r\n", "x".repeat(1 << 20));
    for _ in 0..17 {
        if !client.try_bytes(&chunk) {
            break;
        }
    }
    assert_eq!(client.response().error(), (413, -32600));
    // The longest is read.
    let mut client = gateway.connect();
    let mut message =
        modern_request(1, "tools/call", json!({ "name": "echo", "arguments": { "text": "x" }, "padding": "" }))
            .to_string();
    let padding = "x".repeat(MAX - message.len());
    message = message.replace("\"padding\":\"\"", &format!("\"padding\":\"{padding}\""));
    assert_eq!(message.len(), MAX);
    let headers = [("MCP-Protocol-Version", "2026-07-28"), ("Mcp-Method", "tools/call"), ("Mcp-Name", "echo")];
    client.send("POST", "/mcp", &headers, &message);
    let answer = client.response();
    assert_eq!((answer.status, &answer.json()["id"]), (200, &1.into()));
    gateway.stop();
}

#[test]
fn a_message_may_come_in_pieces() {
    let gateway = Gateway::start(&probe());
    let mut client = gateway.connect();
    let message = modern_request(1, "tools/list", json!({})).to_string();
    let head = client.head(
        "POST",
        "/mcp",
        &[("Transfer-Encoding", "chunked"), ("MCP-Protocol-Version", "2026-07-28"), ("Mcp-Method", "tools/list")],
    );
    let chunks: String = message
        .as_bytes()
        .chunks(7)
        .map(|part| format!("{:x}\r\n{}\r\n", part.len(), str::from_utf8(part).unwrap()))
        .collect();
    for byte in format!("{head}{chunks}0\r\n\r\n").bytes() {
        client.bytes([byte]);
    }
    assert_eq!(client.response().status, 200);
}

#[test]
fn requests_that_come_together_are_answered_in_turn() {
    let gateway = Gateway::start(&evil());
    let mut client = gateway.connect();
    client.set("MCP-Protocol-Version", "2026-07-28");
    client.set("Mcp-Method", "tools/call");
    let mut all = String::new();
    for id in 0..50 {
        let (name, arguments) = if id % 10 == 0 { ("sleep", json!({ "ms": 50 })) } else { ("ok", json!({})) };
        let message = modern_request(id, "tools/call", json!({ "name": name, "arguments": arguments })).to_string();
        all += &client.head("POST", "/mcp", &[("Mcp-Name", name), ("Content-Length", &message.len().to_string())]);
        all += &message;
    }
    client.bytes(all);
    for id in 0..50 {
        assert_eq!(client.response().json()["id"], id);
    }
}

#[test]
fn a_head_has_a_greatest_length_and_number_of_headers() {
    let gateway = Gateway::start(&probe());
    let mut client = gateway.connect();
    let head = client.head("POST", "/mcp", &[("X-Large", &"x".repeat(40 << 10))]);
    client.try_bytes(head);
    assert_eq!(client.response().status, 431);
    assert!(client.is_closed());
    let mut client = gateway.connect();
    let many: Vec<(String, String)> = (0..100).map(|number| (format!("X-{number}"), "x".to_owned())).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (&**name, &**value)).collect();
    let head = client.head("POST", "/mcp", &many);
    client.try_bytes(head);
    assert_eq!(client.response().status, 431);
    let mut client = gateway.connect();
    let head = client.head("POST", &format!("/{}", "x".repeat(40 << 10)), &[]);
    client.try_bytes(head);
    assert!(matches!(client.response().status, 414 | 431));
    gateway.stop();
}

#[test]
fn what_is_no_http_is_refused_and_takes_nobody_away() {
    let gateway = Gateway::start(&probe());
    for bytes in [
        &b"garbage\r\n\r\n"[..],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /mcp HTTP/9.9\r\n\r\n",
        b"POST /mcp HTTP/1.1\r\nHost: x\r\nHost : y\r\n\r\n",
        b"POST /mcp HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /mcp HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST /mcp HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\n",
        b"POST /mcp HTTP/1.1\r\nHost: a\0b\r\n\r\n",
    ] {
        let mut client = gateway.connect();
        client.bytes(bytes);
        let status = client.status_if_any();
        assert!(status.is_none_or(|status| (400..=505).contains(&status)), "{:?}: {status:?}", bytes.escape_ascii());
    }
    assert_eq!(gateway.connect().modern(1, "tools/list", json!({})).status, 200);
    gateway.stop();
}

#[test]
fn clients_that_say_nothing_do_not_keep_others_out() {
    let gateway = Gateway::start(&probe());
    let silent: Vec<_> = (0..100).map(|_| gateway.connect()).collect();
    let mut halfway = gateway.connect();
    halfway.bytes("POST /mcp HTTP/1.1\r\nHost:");
    let mut without_body = gateway.connect();
    let head = without_body.head("POST", "/mcp", &[("Content-Length", "100")]);
    without_body.bytes(head + "{");
    assert_eq!(gateway.connect().modern(1, "tools/list", json!({})).status, 200);
    // They do not keep the gateway from ending, either.
    gateway.stop();
    drop(silent);
}
