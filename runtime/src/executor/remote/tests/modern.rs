//! Servers of MCP 2026-07-28 that keep to it.

use serde_json::json;

use super::fake::{RemoteServer, Step, event, events, notification};
use super::*;
use crate::server::Era;

#[tokio::test]
async fn a_server_says_what_it_is_and_answers_with_json() {
    let server = RemoteServer::modern(|heard| heard.result(json!({ "resultType": "complete", "x": [1.50, {}] })));
    let line = line(&server.url());
    assert!(line.known_card().is_none());
    let card = line.card().await.unwrap();
    assert_eq!((card.era, card.instructions.as_deref()), (Era::Modern, Some("Ask nicely.")));
    assert_eq!(value(&card.server_info), json!({ "name": "far", "version": "7" }));
    assert_eq!(value(&card.capabilities), json!({ "tools": {} }));
    assert!(line.known_card().is_some());
    let outcome = line.call(tool("add")).outcome().await.unwrap();
    assert_eq!(outcome.as_str(), r#"{"resultType":"complete","x":[1.5,{}]}"#);
    assert_eq!(server.methods(), ["server/discover", "tools/call"]);
}

#[tokio::test]
async fn requests_say_everything_themselves_in_headers_and_body() {
    let server = RemoteServer::modern(|heard| heard.result(json!({})));
    let line = line(&server.url());
    line.call(tool("größe")).outcome().await.unwrap();
    let given = json!({
        "uri": "a:b",
        "_meta": {
            "x": 1,
            "progressToken": 7,
            "io.modelcontextprotocol/clientInfo": { "name": "person", "version": "1" },
            "io.modelcontextprotocol/clientCapabilities": { "roots": {} },
        },
    });
    line.call(request("resources/read", given)).outcome().await.unwrap();
    let [discover, call, read] = &server.heard()[..] else { panic!("{:?}", server.methods()) };
    for heard in [discover, call, read] {
        assert_eq!((&*heard.verb, &*heard.path), ("POST", "/mcp"));
        assert_eq!(heard.header("mcp-protocol-version"), "2026-07-28");
        assert_eq!(heard.header("mcp-method"), heard.method());
        assert_eq!(heard.header("accept"), "application/json, text/event-stream");
        assert_eq!(heard.header("content-type"), "application/json");
        assert!(heard.header("user-agent").starts_with("lockgate/"));
        assert!(!heard.headers.contains_key("cookie") && !heard.headers.contains_key("mcp-session-id"));
        assert_eq!(heard.body["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
    }
    assert_eq!(call.header("mcp-name"), "=?base64?Z3LDtsOfZQ==?=");
    assert_eq!(call.body["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"], json!({}));
    assert_eq!(call.body["params"]["_meta"]["io.modelcontextprotocol/clientInfo"]["name"], "lockgate");
    assert_eq!(read.header("mcp-name"), "a:b");
    let meta = &read.body["params"]["_meta"];
    assert_eq!((&meta["x"], &meta["io.modelcontextprotocol/clientInfo"]["name"]), (&json!(1), &json!("person")));
    assert_eq!(meta["io.modelcontextprotocol/clientCapabilities"], json!({ "roots": {} }));
    assert_eq!(meta["progressToken"], read.body["id"]);
}

#[tokio::test]
async fn what_is_said_on_the_way_comes_before_the_answer() {
    let server = RemoteServer::modern(|heard| {
        let stranger = json!({ "progressToken": "somebody-else", "progress": 9 });
        events(&[
            heard.progress(1),
            notification("notifications/progress", stranger),
            notification("notifications/message", json!({ "level": "info", "data": "x" })),
            json!({ "jsonrpc": "2.0", "id": "q", "method": "roots/list" }),
            heard.progress(2),
            heard.response(json!({ "done": true })),
            heard.progress(3),
        ])
    });
    let asked = request("tools/call", json!({ "name": "slow", "_meta": { "progressToken": "mine" } }));
    let (notifications, outcome) = all(line(&server.url()).call(asked)).await;
    let said: Vec<(&str, Value)> = notifications.iter().map(|said| (&*said.method, value(&said.params))).collect();
    assert_eq!(
        said,
        [
            ("notifications/progress", json!({ "progress": 1 })),
            ("notifications/message", json!({ "level": "info", "data": "x" })),
            ("notifications/progress", json!({ "progress": 2 })),
        ]
    );
    assert_eq!(outcome.unwrap(), json!({ "done": true }));
}

#[tokio::test]
async fn nobody_who_did_not_ask_for_progress_hears_of_it() {
    let server = RemoteServer::modern(|heard| {
        let stray = json!({ "progressToken": heard.body["id"], "progress": 1 });
        events(&[notification("notifications/progress", stray), heard.response(json!({}))])
    });
    let (notifications, outcome) = all(line(&server.url()).call(tool("x"))).await;
    assert_eq!((notifications.len(), outcome.unwrap()), (0, json!({})));
}

#[tokio::test]
async fn a_call_that_is_dropped_ends_its_exchange() {
    let server = RemoteServer::modern(|heard| {
        let mut steps = events(&[heard.progress(1)]);
        steps.push(Step::Hang);
        steps
    });
    let line = line(&server.url());
    let mut call = line.call(request("tools/call", json!({ "name": "slow", "_meta": { "progressToken": 1 } })));
    assert!(matches!(call.next().await, Some(Answer::Notification(_))));
    drop(call);
    tokio::task::spawn_blocking(move || server.wait_for_hang_up()).await.unwrap();
}

#[tokio::test]
async fn a_call_before_any_answer_is_ended_as_well() {
    let server = RemoteServer::modern(|_| vec![Step::Hang]);
    let line = line(&server.url());
    let call = line.call(tool("slow"));
    let server = tokio::task::spawn_blocking(move || {
        server.wait_for(|heard| heard.method() == "tools/call");
        server
    });
    let server = server.await.unwrap();
    drop(call);
    tokio::task::spawn_blocking(move || server.wait_for_hang_up()).await.unwrap();
}

#[tokio::test]
async fn the_servers_own_errors_pass_with_their_data() {
    for status in [200, 400, 404, 500] {
        let server = RemoteServer::modern(move |heard| heard.error(status, -32602, json!({ "a": 1 })));
        let error = result(&server.url(), tool("x")).await.unwrap_err();
        assert_eq!((error.code, &*error.message), (-32602, "no"), "{status}");
        assert_eq!(error.data.map(|data| value(&data)), Some(json!({ "a": 1 })));
    }
}

#[tokio::test]
async fn a_list_of_changes_outlasts_the_time_of_a_call() {
    let server = RemoteServer::modern(|heard| {
        let change = notification("notifications/tools/list_changed", json!({}));
        let mut steps = events(&[]);
        steps.push(Step::Drip(b":\n".to_vec(), 10, Duration::from_millis(50)));
        steps.push(Step::Send(event(&change).into()));
        steps.push(Step::Send(event(&heard.response(json!({}))).into()));
        steps
    });
    let line = remote(&server.url(), Duration::from_millis(200), 1 << 20).open(Principal::local().into());
    let (notifications, outcome) = all(line.call(request("subscriptions/listen", json!({})))).await;
    assert_eq!(notifications.len(), 1);
    outcome.unwrap();
}

#[tokio::test]
async fn a_server_is_asked_once_what_it_is() {
    let server = RemoteServer::modern(|heard| heard.result(json!({})));
    let remote = remote(&server.url(), LONG, 1 << 20);
    let mut calls = Vec::new();
    for _ in 0..8 {
        calls.push(remote.open(Principal::local().into()).call(tool("x")));
    }
    for call in calls {
        call.outcome().await.unwrap();
    }
    let other = Principal::named("other").unwrap();
    remote.open(other.into()).call(tool("x")).outcome().await.unwrap();
    let discovered = server.methods().iter().filter(|method| *method == "server/discover").count();
    assert_eq!(discovered, 2, "once for each principal");
}

/// Tools of which one asks for a header, and one cannot be called as it asks to be.
fn tools() -> Value {
    let tool = |name: &str, annotation: &str| {
        let region = json!({ "type": "string", "x-mcp-header": annotation });
        json!({ "name": name, "inputSchema": { "type": "object", "properties": { "region": region } } })
    };
    json!({ "resultType": "complete", "tools": [tool("sql", "Region"), tool("odd", "not a name")] })
}

#[tokio::test]
async fn arguments_stand_in_the_headers_that_their_tool_asks_for() {
    let server = RemoteServer::modern(|heard| match (heard.method(), heard.header("mcp-param-region")) {
        ("tools/list", _) => heard.result(tools()),
        ("tools/call", "here") => heard.result(json!({})),
        _ => heard.error(400, -32020, Value::Null),
    });
    let asked = request("tools/call", json!({ "name": "sql", "arguments": { "region": "here" } }));
    let first = line(&server.url());
    // Not listed before: the server's refusal makes it so, once.
    first.call(asked.clone()).outcome().await.unwrap();
    first.call(asked.clone()).outcome().await.unwrap();
    assert_eq!(server.methods(), ["server/discover", "tools/call", "tools/list", "tools/call", "tools/call"]);
    let second = line(&server.url());
    let listed = second.call(request("tools/list", json!({}))).outcome().await.unwrap();
    assert_eq!(value(&listed)["tools"].as_array().unwrap().len(), 1);
    second.call(asked).outcome().await.unwrap();
    let refused = second.call(tool("sql")).outcome().await.unwrap_err();
    assert_eq!(refused.code, -32020);
}
