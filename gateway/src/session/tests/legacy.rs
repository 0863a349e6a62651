use super::*;

#[tokio::test]
async fn every_revision_with_sessions_is_spoken_and_the_newest_to_those_who_ask_for_another() {
    for (asked, spoken) in [
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
        ("1.0", "2025-11-25"),
    ] {
        let welcome = connect(always(json!({}))).initialize(asked, json!({})).await;
        assert_eq!(welcome["result"]["protocolVersion"], spoken, "{asked}");
    }
}

#[tokio::test]
async fn initialize_says_what_the_server_is() {
    let welcome = connect(always(json!({}))).initialize("2025-11-25", json!({})).await;
    let server = json!({
        "protocolVersion": "2025-11-25",
        "capabilities": {
            "completions": {}, "logging": {}, "prompts": { "listChanged": true },
            "resources": { "listChanged": true, "subscribe": true }, "tools": { "listChanged": true },
        },
        "serverInfo": { "name": "fake", "version": "1.2.3" },
        "instructions": "Be nice.",
    });
    assert_eq!(welcome, result("init", server));
}

#[tokio::test]
async fn initialize_without_a_version_or_with_too_long_an_introduction_is_refused() {
    let mut client = connect(always(json!({})));
    for params in [
        json!({}),
        json!({ "protocolVersion": 1 }),
        json!({ "protocolVersion": "2025-11-25", "capabilities": 1 }),
        json!({ "protocolVersion": "2025-11-25", "clientInfo": { "name": "x".repeat(2 << 20) } }),
    ] {
        assert_eq!(error(&client.ask(request(1, "initialize", params)).await), (1.into(), -32602));
    }
    assert_eq!(error(&client.ask(request(2, "tools/list", json!({}))).await), (2.into(), -32602));
}

#[tokio::test]
async fn before_a_session_there_is_only_ping() {
    let mut client = connect(always(json!({})));
    assert_eq!(client.ask(request(1, "ping", json!({}))).await, result(1, json!({})));
    let answer = client.ask(request(2, "tools/list", json!({}))).await;
    assert_eq!(error(&answer), (2.into(), -32602));
    assert!(answer["error"]["message"].as_str().unwrap().contains("begin a session with `initialize`"), "{answer}");
    assert!(client.asked().is_empty());
}

#[tokio::test]
async fn the_server_is_told_what_the_session_knows_of_the_client() {
    let mut client = connect(always(json!({ "resultType": "complete" })));
    client.initialize("2025-06-18", json!({ "roots": {} })).await;
    let params =
        json!({ "name": "a", "arguments": { "x": 1 }, "vendor": 1, "_meta": { "progressToken": 7, "vendor/x": 2 } });
    client.ask(request(1, "tools/call", params)).await;
    let asked = json!({
        "name": "a", "arguments": { "x": 1 }, "vendor": 1,
        "_meta": {
            "progressToken": 7, "vendor/x": 2,
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "0" },
            "io.modelcontextprotocol/clientCapabilities": { "roots": {} },
            "io.modelcontextprotocol/logLevel": "info",
        },
    });
    assert_eq!(client.asked(), [asked]);
}

#[tokio::test]
async fn results_lose_what_later_revisions_added_and_nothing_else() {
    let list = r#"{"resultType":"complete","ttlMs":5,"tools":[{"ttlMs":1.50,"resultType":"x"}],"cacheScope":"public","new": [1]}"#;
    let mut client = connect(move |_, answers| {
        let _ = answers.send(Answer::Done(Ok(Json::parse(list).unwrap())));
    });
    client.initialize("2025-11-25", json!({})).await;
    client.say(request(1, "tools/list", json!({}))).await;
    let outgoing = client.outgoing.recv().await.unwrap();
    assert_eq!(
        serde_json::to_string(&outgoing).unwrap(),
        r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"ttlMs":1.50,"resultType":"x"}],"new":[1]}}"#
    );
}

#[tokio::test]
async fn an_unknown_resource_has_the_code_it_had_but_a_missing_uri_is_invalid() {
    let mut client = connect(|_, answers| failed(&answers, -32602));
    client.initialize("2025-11-25", json!({})).await;
    let read = |params| request(1, "resources/read", params);
    assert_eq!(error(&client.ask(read(json!({ "uri": "a:b" }))).await), (1.into(), -32002));
    assert_eq!(error(&client.ask(read(json!({}))).await), (1.into(), -32602));
    assert_eq!(error(&client.ask(request(2, "tools/call", json!({ "name": "x" }))).await), (2.into(), -32602));
}

#[tokio::test]
async fn methods_of_the_other_era_and_of_none_are_unknown() {
    let mut client = connect(always(json!({})));
    client.initialize("2025-11-25", json!({})).await;
    for method in ["server/discover", "subscriptions/listen", "tasks/list", "nonsense"] {
        assert_eq!(error(&client.ask(request(1, method, json!({}))).await), (1.into(), -32601), "{method}");
    }
}

#[tokio::test]
async fn what_the_server_does_not_offer_is_unknown() {
    let mut client = connect_to(&json!({ "resources": {} }), Principal::local(), always(json!({})));
    client.initialize("2025-11-25", json!({})).await;
    for (method, params) in [
        ("logging/setLevel", json!({ "level": "info" })),
        ("resources/subscribe", json!({ "uri": "a:b" })),
        ("resources/unsubscribe", json!({ "uri": "a:b" })),
    ] {
        assert_eq!(error(&client.ask(request(1, method, params)).await), (1.into(), -32601), "{method}");
    }
}

#[tokio::test]
async fn a_client_may_begin_its_session_again_as_somebody_else() {
    let mut client = connect(always(json!({ "resultType": "complete" })));
    client.initialize("2024-11-05", json!({})).await;
    client.initialize("2025-11-25", json!({ "sampling": {} })).await;
    client.ask(request(1, "tools/list", json!({}))).await;
    let said = &client.asked()[0]["_meta"]["io.modelcontextprotocol/clientCapabilities"];
    assert_eq!(*said, json!({ "sampling": {} }));
}

#[tokio::test]
async fn everything_else_a_session_asks_for_is_passed_on() {
    let mut client = connect(always(json!({ "resultType": "complete", "x": 1 })));
    client.initialize("2025-11-25", json!({})).await;
    for (method, params) in [
        ("tools/list", json!({ "cursor": "c" })),
        ("resources/list", json!({})),
        ("resources/templates/list", json!({})),
        ("resources/read", json!({ "uri": "a:b" })),
        ("prompts/list", json!({})),
        ("prompts/get", json!({ "name": "p" })),
        ("completion/complete", json!({ "ref": { "type": "ref/prompt", "name": "p" }, "argument": {} })),
    ] {
        assert_eq!(client.ask(request(1, method, params)).await, result(1, json!({ "x": 1 })), "{method}");
    }
}
