use super::*;

#[tokio::test]
async fn a_client_that_discovered_may_still_begin_a_session_and_go_on_without() {
    let mut client = connect(always(json!({ "resultType": "complete", "ttlMs": 0, "cacheScope": "private", "x": 1 })));
    let discovered = client.ask(request(1, "server/discover", modern(json!({})))).await;
    assert_eq!(discovered["result"]["resultType"], "complete");
    let welcome = client.initialize("2025-11-25", json!({})).await;
    assert_eq!(welcome["result"]["protocolVersion"], "2025-11-25");
    let with_session = client.ask(request(2, "tools/list", json!({}))).await;
    assert_eq!(with_session["result"], json!({ "x": 1 }));
    let without = client.ask(request(3, "tools/list", modern(json!({})))).await;
    assert_eq!(without["result"]["resultType"], "complete");
    assert_eq!(client.ask(request(4, "ping", json!({}))).await, result(4, json!({})));
    assert_eq!(error(&client.ask(request(5, "ping", modern(json!({})))).await), (5.into(), -32601));
}

#[tokio::test]
async fn initialize_begins_a_session_even_if_it_looks_modern() {
    let mut client = connect(always(json!({})));
    let params = modern(json!({ "protocolVersion": "2026-07-28", "capabilities": {}, "clientInfo": {} }));
    let welcome = client.ask(request(1, "initialize", params)).await;
    assert_eq!(welcome["result"]["protocolVersion"], "2025-11-25");
}

#[tokio::test]
async fn what_a_session_knows_of_the_client_says_nothing_about_modern_requests() {
    let mut client = connect(always(json!({ "resultType": "complete" })));
    client.initialize("2025-11-25", json!({ "elicitation": {} })).await;
    client.ask(request(1, "tools/list", modern(json!({})))).await;
    assert_eq!(client.asked()[0]["_meta"]["io.modelcontextprotocol/clientCapabilities"], json!({}));
}

#[tokio::test]
async fn a_modern_request_without_its_version_is_not_taken_for_one_of_the_session() {
    let mut client = connect(always(json!({})));
    client.initialize("2025-11-25", json!({})).await;
    let params = json!({ "_meta": { "io.modelcontextprotocol/clientCapabilities": {} } });
    assert_eq!(error(&client.ask(request(1, "tools/list", params)).await), (1.into(), -32602));
}

#[tokio::test]
async fn answers_carry_the_ids_as_they_came() {
    let mut client = connect(always(json!({})));
    for id in ["1", r#""1""#, "-0.5", "123456789012345678901234567890", r#""\u00e9\/""#, r#""""#] {
        client.say(format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#)).await;
        let answer = serde_json::to_string(&client.outgoing.recv().await.unwrap()).unwrap();
        assert_eq!(answer, format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#));
    }
}

#[tokio::test]
async fn what_is_no_message_is_answered_and_the_session_goes_on() {
    let mut client = connect(always(json!({})));
    for (text, code) in [
        ("garbage", -32700),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":true,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","ID":1,"method":"ping"}"#, -32600),
        ("[]", -32600),
    ] {
        client.say(text).await;
        assert_eq!(error(&client.hear().await), (Value::Null, code), "{text}");
    }
    assert_eq!(client.ask(request(1, "ping", json!({}))).await, result(1, json!({})));
}

#[tokio::test]
async fn notifications_and_answers_that_nobody_waits_for_are_ignored() {
    let mut client = connect(always(json!({})));
    for message in [
        json!({ "jsonrpc": "2.0", "method": "notifications/roots/list_changed" }),
        json!({ "jsonrpc": "2.0", "method": "nonsense", "params": [] }),
        json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": null } }),
        json!({ "jsonrpc": "2.0", "id": "lockgate-1", "result": {} }),
        json!({ "jsonrpc": "2.0", "id": null, "error": { "code": -32700, "message": "?" } }),
    ] {
        client.say(message).await;
    }
    assert_eq!(client.ask(request(1, "ping", json!({}))).await, result(1, json!({})));
    assert!(client.leave().await.is_empty());
}
