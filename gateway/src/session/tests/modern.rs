use super::*;

const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

#[tokio::test]
async fn discover_says_what_the_server_is() {
    let mut client = connect(always(json!({})));
    let server = json!({
        "resultType": "complete",
        "supportedVersions": ["2026-07-28"],
        "capabilities": {
            "completions": {}, "logging": {}, "prompts": { "listChanged": true },
            "resources": { "listChanged": true, "subscribe": true }, "tools": { "listChanged": true },
        },
        "instructions": "Be nice.",
        "ttlMs": 0,
        "cacheScope": "private",
        "_meta": { "io.modelcontextprotocol/serverInfo": { "name": "fake", "version": "1.2.3" } },
    });
    assert_eq!(client.ask(request("d", "server/discover", modern(json!({})))).await, result("d", server));
}

#[tokio::test]
async fn a_request_that_says_not_all_of_its_client_is_invalid() {
    let mut client = connect(always(json!({})));
    for meta in [
        json!({ VERSION: "2026-07-28" }),
        json!({ CAPABILITIES: {} }),
        json!({ VERSION: 20260728, CAPABILITIES: {} }),
        json!({ VERSION: null, CAPABILITIES: {} }),
        json!({ VERSION: "2026-07-28", CAPABILITIES: [] }),
        json!({ VERSION: "2026-07-28", CAPABILITIES: null }),
        json!({ VERSION: "2026-07-28", CAPABILITIES: {}, "io.modelcontextprotocol/logLevel": "loud" }),
        json!({ VERSION: "2026-07-28", CAPABILITIES: {}, "progressToken": {} }),
    ] {
        let answer = client.ask(request(1, "tools/list", json!({ "_meta": meta }))).await;
        assert_eq!(error(&answer), (1.into(), -32602), "{meta}");
    }
    assert!(client.asked().is_empty());
}

#[tokio::test]
async fn a_revision_that_is_not_spoken_is_answered_with_those_that_are() {
    let mut client = connect(always(json!({})));
    for version in ["2099-01-01", "2025-11-25", ""] {
        let params = json!({ "_meta": { VERSION: version, CAPABILITIES: {} } });
        let answer = client.ask(request(1, "server/discover", params)).await;
        assert_eq!(error(&answer), (1.into(), -32022));
        let supported = ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];
        assert_eq!(answer["error"]["data"], json!({ "supported": supported, "requested": version }));
    }
}

#[tokio::test]
async fn methods_that_were_removed_are_unknown() {
    let mut client = connect(always(json!({})));
    for method in ["ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe", "nonsense"] {
        assert_eq!(error(&client.ask(request(1, method, modern(json!({})))).await), (1.into(), -32601), "{method}");
    }
}

#[tokio::test]
async fn requests_and_results_pass_through_as_they_came() {
    let answer = r#"{"resultType":"complete","ttlMs":0, "cacheScope":"private","tools":[1.50]}"#;
    let mut client = connect(move |_, answers| {
        let _ = answers.send(Answer::Done(Ok(Json::parse(answer).unwrap())));
    });
    let params = format!(r#"{{ "name":"x", "_meta":{{"{VERSION}":"2026-07-28","{CAPABILITIES}":{{ }}}},"n":1e2}}"#);
    client.say(format!(r#"{{"jsonrpc":"2.0","id":1.0,"method":"tools/call","params":{params}}}"#)).await;
    let outgoing = client.outgoing.recv().await.unwrap();
    let expected = format!(r#"{{"jsonrpc":"2.0","id":1.0,"result":{answer}}}"#);
    assert_eq!(serde_json::to_string(&outgoing).unwrap(), expected);
    assert_eq!(client.asked.lock().unwrap()[0].params.as_str(), params);
}

#[tokio::test]
async fn an_unknown_resource_is_an_invalid_parameter() {
    let mut client = connect(|_, answers| failed(&answers, -32602));
    let answer = client.ask(request(1, "resources/read", modern(json!({ "uri": "a:b" })))).await;
    assert_eq!(error(&answer), (1.into(), -32602));
}

#[tokio::test]
async fn an_error_of_the_server_is_passed_on_with_its_data() {
    let mut client = connect(|_, answers| {
        let data = Some(Json::of(&json!({ "why": [1] })));
        let _ = answers.send(Answer::Done(Err(RpcError { data, ..RpcError::new(-5, "no") })));
    });
    let answer = client.ask(request(1, "tools/call", modern(json!({ "name": "x" })))).await;
    assert_eq!(answer["error"], json!({ "code": -5, "message": "no", "data": { "why": [1] } }));
}

#[tokio::test]
async fn a_server_that_ends_without_an_answer_is_an_error() {
    let mut client = connect(|_, answers| drop(answers));
    assert_eq!(error(&client.ask(request(1, "tools/list", modern(json!({})))).await), (1.into(), -32603));
}

#[tokio::test]
async fn a_result_of_an_extension_is_passed_on() {
    let task = json!({ "resultType": "task", "taskId": "1" });
    let mut client = connect(always(task.clone()));
    assert_eq!(client.ask(request(1, "tools/call", modern(json!({ "name": "x" })))).await, result(1, task));
}

#[tokio::test]
async fn who_has_no_permit_does_not_reach_the_server() {
    let mut client = connect_to(&json!({}), Principal::named("bob").unwrap(), always(json!({})));
    let answer = client.ask(request(1, "tools/call", modern(json!({ "name": "x" })))).await;
    assert_eq!(error(&answer), (1.into(), -32600));
    assert_eq!(answer["error"]["data"], json!({ "reason": "unknown-principal" }));
    assert!(client.asked().is_empty());
}
