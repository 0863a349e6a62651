//! MCP 2026-07-28, in which every request stands for itself.

use serde_json::json;

use super::gateway::{Gateway, modern_request, request};
use crate::support::{evil, probe, time};

#[test]
fn requests_are_answered_one_after_the_other_on_one_connection() {
    let gateway = Gateway::start(&time());
    let mut client = gateway.connect();
    let discovered = client.modern(1, "server/discover", json!({})).json();
    assert_eq!(discovered["result"]["supportedVersions"], json!(["2026-07-28"]));
    for id in 2..20 {
        let params = json!({ "name": "get_current_time", "arguments": { "timezone": "UTC" } });
        let response = client.modern(id, "tools/call", params);
        assert_eq!((response.status, response.header("mcp-session-id")), (200, None));
        assert_eq!(
            (&response.json()["id"], &response.json()["result"]["resultType"]),
            (&id.into(), &"complete".into())
        );
    }
    gateway.stop();
}

#[test]
fn one_server_has_a_path_of_its_own_and_there_is_nothing_else() {
    let gateway = Gateway::start_with(&format!("clock={}", time()), &[]);
    let mut client = gateway.connect();
    let message = modern_request(1, "tools/list", json!({})).to_string();
    client.set("MCP-Protocol-Version", "2026-07-28");
    client.set("Mcp-Method", "tools/list");
    let listed = client.request("POST", "/servers/clock/mcp", &message);
    assert_eq!(listed.json()["result"]["tools"][0]["name"], "get_current_time");
    for path in ["/", "/servers/time/mcp", "/servers/clock", "/mcp/", "/servers/%63lock/mcp", "/servers/../mcp"] {
        assert_eq!(client.request("POST", path, &message).status, 404, "{path}");
    }
    // A token there is none.
    client.unset("Authorization");
    assert_eq!(client.request("POST", "/mcp?token=local-0123456789-0123456789-0123456789", &message).status, 401);
}

#[test]
fn headers_have_to_say_what_the_body_says() {
    let gateway = Gateway::start(&probe());
    let mut client = gateway.connect();
    let params = json!({ "name": "echo", "arguments": { "text": "hello" } });
    let message = modern_request(7, "tools/call", params).to_string();
    let good = [("MCP-Protocol-Version", "2026-07-28"), ("Mcp-Method", "tools/call"), ("Mcp-Name", "echo")];
    for encoded in ["echo", " echo ", "=?base64?ZWNobw==?="] {
        let headers = [good[0], good[1], ("Mcp-Name", encoded)];
        client.send("POST", "/mcp", &headers, &message);
        assert_eq!(client.response().status, 200, "{encoded}");
    }
    for (at, wrong) in [
        (0, None),
        (0, Some("2025-11-25")),
        (0, Some("2026-07-27")),
        (0, Some("")),
        (1, None),
        (1, Some("tools/list")),
        (1, Some("Tools/Call")),
        (2, None),
        (2, Some("other")),
        (2, Some("ECHO")),
        (2, Some("=?base64?b3RoZXI=?=")),
        (2, Some("=?base64?***?=")),
        (2, Some("=?base64?ZWNobw==")),
        (2, Some("=?base64?/w==?=")),
        (2, Some("\u{e9}cho")),
    ] {
        let headers: Vec<_> = good
            .iter()
            .enumerate()
            .filter_map(
                |(place, (name, value))| {
                    if place == at { wrong.map(|wrong| (*name, wrong)) } else { Some((*name, *value)) }
                },
            )
            .collect();
        client.send("POST", "/mcp", &headers, &message);
        let response = client.response();
        assert_eq!((response.error(), &response.json()["id"]), ((400, -32020), &7.into()), "{at} {wrong:?}");
    }
    let twice = [good[0], good[1], good[2], good[2]];
    client.send("POST", "/mcp", &twice, &message);
    assert_eq!(client.response().error(), (400, -32020));
    // A server's own name for a resource is compared as well.
    let read = modern_request(8, "resources/read", json!({ "uri": "probe:///text" })).to_string();
    let headers = [good[0], ("Mcp-Method", "resources/read"), ("Mcp-Name", "probe:///text")];
    client.send("POST", "/mcp", &headers, &read);
    assert_eq!(client.response().status, 200);
    let headers = [good[0], ("Mcp-Method", "resources/read"), ("Mcp-Name", "probe:///other")];
    client.send("POST", "/mcp", &headers, &read);
    assert_eq!(client.response().error(), (400, -32020));
}

#[test]
fn what_mcp_gives_a_status_has_it() {
    let gateway = Gateway::start(&probe());
    let mut client = gateway.connect();
    assert_eq!(client.modern(1, "no/such", json!({})).error(), (404, -32601));
    for removed in ["ping", "initialize", "logging/setLevel", "resources/subscribe"] {
        assert_eq!(client.modern(1, removed, json!({})).error(), (404, -32601), "{removed}");
    }
    assert_eq!(client.modern(1, "tools/call", json!({ "name": "no-such-tool" })).error(), (200, -32602));
    let versions = [("MCP-Protocol-Version", "2026-07-28"), ("Mcp-Method", "tools/list")];
    for meta in [
        json!({ "_meta": { "io.modelcontextprotocol/protocolVersion": "2026-07-28" } }),
        json!({ "_meta": { "io.modelcontextprotocol/clientCapabilities": {} } }),
        json!({ "_meta": {} }),
        json!({}),
        json!({ "_meta": { "io.modelcontextprotocol/protocolVersion": 1, "io.modelcontextprotocol/clientCapabilities": {} } }),
    ] {
        client.send("POST", "/mcp", &versions, &request(3, "tools/list", meta.clone()).to_string());
        let response = client.response();
        assert_eq!((response.error(), &response.json()["id"]), ((400, -32602), &3.into()), "{meta}");
    }
    let mut message = modern_request(4, "tools/list", json!({}));
    message["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2030-01-01".into();
    let headers = [("MCP-Protocol-Version", "2030-01-01"), ("Mcp-Method", "tools/list")];
    client.send("POST", "/mcp", &headers, &message.to_string());
    let response = client.response();
    assert_eq!(response.error(), (400, -32022));
    assert_eq!(response.json()["error"]["data"]["supported"][0], "2026-07-28");
}

#[test]
fn what_is_no_request_is_taken_or_refused() {
    let gateway = Gateway::start(&probe());
    let mut client = gateway.connect();
    client.set("MCP-Protocol-Version", "2026-07-28");
    let cancelled = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 1 } });
    let response = client.post(&cancelled);
    assert_eq!((response.status, &*response.body), (202, &b""[..]));
    assert_eq!(client.post(&json!({ "jsonrpc": "2.0", "id": 1, "result": {} })).status, 202);
    for (body, code) in [
        ("", -32700),
        ("garbage", -32700),
        ("{", -32700),
        ("\u{feff}{}", -32700),
        ("1", -32600),
        ("[]", -32600),
        ("{}", -32600),
        (r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"tools/list"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","METHOD":"x"}"#, -32600),
    ] {
        client.send("POST", "/mcp", &[("Content-Length", &body.len().to_string())], "");
        client.bytes(body);
        assert_eq!(client.response().error(), (400, code), "{body}");
    }
    let batch = json!([modern_request(1, "tools/list", json!({}))]);
    assert_eq!(client.post(&batch).status, 400);
}

#[test]
fn what_is_said_before_the_answer_makes_it_a_stream() {
    let gateway = Gateway::start(&evil());
    let mut client = gateway.connect();
    let params = json!({ "name": "progress", "arguments": {}, "_meta": { "progressToken": "mine" } });
    let response = client.modern(1, "tools/call", params);
    assert_eq!((response.status, response.header("cache-control")), (200, Some("no-store")));
    let events = response.events();
    assert_eq!(events.len(), 4, "{events:?}");
    for (step, event) in events[..3].iter().enumerate() {
        assert_eq!(event["params"]["progress"].as_f64(), Some(step as f64 + 1.0));
        assert_eq!(event["params"]["progressToken"], "mine");
    }
    assert_eq!(events[3]["id"], 1);
    // The connection goes on.
    assert_eq!(client.modern(2, "tools/call", json!({ "name": "ok" })).text(), "ok");
}

#[test]
fn questions_are_results_and_need_a_client_that_can_be_asked() {
    let gateway = Gateway::start(&evil());
    let mut client = gateway.connect();
    assert_eq!(client.modern(1, "tools/call", json!({ "name": "ask" })).error(), (400, -32021));
    let meta = json!({ "io.modelcontextprotocol/clientCapabilities": { "elicitation": {} } });
    let asked = client.modern(2, "tools/call", json!({ "name": "ask", "_meta": meta })).json();
    assert_eq!(asked["result"]["resultType"], "input_required", "{asked}");
}

#[test]
fn a_subscription_is_acknowledged_and_ends_with_a_farewell() {
    let gateway = Gateway::start(&evil());
    let mut client = gateway.connect();
    client.send_modern(5, "subscriptions/listen", json!({ "notifications": { "toolsListChanged": true } }));
    let (status, _) = client.response_head();
    assert_eq!(status, 200);
    let acknowledged = client.event().unwrap();
    assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged");
    gateway.signal(rustix::process::Signal::TERM);
    let farewell = client.event().unwrap();
    assert_eq!((&farewell["id"], &farewell["result"]["resultType"]), (&5.into(), &"complete".into()));
    assert_eq!(client.event(), None);
    assert_eq!(gateway.ended().code, Some(0));
}

#[test]
fn closing_the_connection_cancels_the_call() {
    let gateway = Gateway::start(&evil());
    // As many as there is room for, and more: each would take its whole time.
    for _ in 0..40 {
        let mut client = gateway.connect();
        client.send_modern(1, "tools/call", json!({ "name": "spin" }));
        drop(client);
    }
    assert_eq!(gateway.connect().modern(2, "tools/call", json!({ "name": "ok" })).text(), "ok");
    gateway.stop();
}
