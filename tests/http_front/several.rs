//! Several servers behind one listener: all together, and each at a path of its own.

use serde_json::json;

use super::gateway::{Gateway, modern_request};
use crate::support::{evil, probe, time};

#[test]
fn all_have_their_names_before_theirs_and_each_alone_has_none() {
    let clock = format!("clock={}", time());
    let evil = format!("evil={}", evil());
    let gateway = Gateway::start_with(&clock, &[&evil, &format!("p={}", probe())]);
    let mut client = gateway.connect();
    let call = |name: &str| json!({ "name": name, "arguments": { "text": "hello" } });
    assert_eq!(client.modern(1, "tools/call", call("p__echo")).text(), "hello");
    assert_eq!(client.modern(2, "tools/call", call("evil__ok")).text(), "ok");
    assert_eq!(client.modern(3, "tools/call", call("echo")).error().1, -32602);
    let mut alone = |name: &str| {
        let message = modern_request(4, "tools/call", call(name)).to_string();
        let headers = [("MCP-Protocol-Version", "2026-07-28"), ("Mcp-Method", "tools/call"), ("Mcp-Name", name)];
        client.send("POST", "/servers/p/mcp", &headers, &message);
        client.response()
    };
    assert_eq!(alone("echo").text(), "hello");
    // What it would be called among others is not its name here.
    assert!(alone("p__echo").json()["error"].is_object());
    // The names of a session are those of its place, too.
    let mut session = gateway.connect();
    session.initialize("2025-11-25", json!({}));
    assert_eq!(session.call(1, "p__echo", json!({ "text": "x" })).text(), "x");
    gateway.stop();
}
