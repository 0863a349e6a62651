use super::*;

/// A server that says something, and is done.
fn says(what: Vec<(&'static str, Value)>) -> impl Fn(Request, Answers) + Send + Sync {
    move |_, answers| {
        for (method, params) in &what {
            notify(&answers, method, params.clone());
        }
        done(&answers, json!({ "resultType": "complete" }));
    }
}

const PROGRESS: &str = "notifications/progress";
const MESSAGE: &str = "notifications/message";
const TOOLS: &str = "notifications/tools/list_changed";
const UPDATED: &str = "notifications/resources/updated";

/// What the client is sent before the answer to a call.
async fn heard(client: &mut Client, params: Value) -> Vec<(String, Value)> {
    client.say(request("call", "tools/call", params)).await;
    let mut heard = Vec::new();
    loop {
        let message = client.hear().await;
        if message.get("result").is_some() {
            return heard;
        }
        heard.push((message["method"].as_str().unwrap().to_owned(), message["params"].clone()));
    }
}

#[tokio::test]
async fn progress_is_reported_under_the_token_of_the_request_and_only_if_it_has_one() {
    let mut client = connect(says(vec![(PROGRESS, json!({ "progress": 1 })), (PROGRESS, json!({ "progress": 1 }))]));
    client.initialize("2025-11-25", json!({})).await;
    let reported = [(PROGRESS.to_owned(), json!({ "progress": 1, "progressToken": "t" }))];
    let with_token = json!({ "name": "x", "_meta": { "progressToken": "t" } });
    assert_eq!(heard(&mut client, with_token.clone()).await, reported);
    assert_eq!(heard(&mut client, modern(with_token)).await, reported);
    assert_eq!(heard(&mut client, json!({ "name": "x" })).await, []);
    assert_eq!(heard(&mut client, modern(json!({ "name": "x" }))).await, []);
}

#[tokio::test]
async fn modern_clients_get_the_log_messages_they_asked_for_with_the_request() {
    let levels = ["debug", "info", "warning", "emergency", "shout"];
    let mut client = connect(says(levels.map(|level| (MESSAGE, json!({ "level": level, "data": [1] }))).to_vec()));
    let call = |level: &str| modern(json!({ "name": "x", "_meta": { "io.modelcontextprotocol/logLevel": level } }));
    let levels =
        |heard: Vec<(String, Value)>| heard.into_iter().map(|(_, params)| params["level"].clone()).collect::<Vec<_>>();
    assert_eq!(levels(heard(&mut client, call("debug")).await), ["debug", "info", "warning", "emergency"]);
    assert_eq!(levels(heard(&mut client, call("notice")).await), ["warning", "emergency"]);
    assert_eq!(heard(&mut client, modern(json!({ "name": "x" }))).await, []);
}

#[tokio::test]
async fn clients_with_a_session_get_the_log_messages_they_asked_for_last() {
    let mut client =
        connect(says(["debug", "info", "error"].map(|level| (MESSAGE, json!({ "level": level }))).to_vec()));
    client.initialize("2025-11-25", json!({})).await;
    assert_eq!(heard(&mut client, json!({ "name": "x" })).await.len(), 2);
    for (level, count) in [("debug", 3), ("error", 1), ("critical", 0)] {
        let set = request(1, "logging/setLevel", json!({ "level": level }));
        assert_eq!(client.ask(set).await, result(1, json!({})));
        assert_eq!(heard(&mut client, json!({ "name": "x" })).await.len(), count, "{level}");
        let told = client.asked().pop().unwrap();
        assert_eq!(told["_meta"]["io.modelcontextprotocol/logLevel"], level);
    }
    let set = request(1, "logging/setLevel", json!({ "level": "loud" }));
    assert_eq!(error(&client.ask(set).await), (1.into(), -32602));
}

#[tokio::test]
async fn a_server_that_offers_no_log_is_not_heard() {
    let mut client = connect_to(&json!({}), Principal::local(), says(vec![(MESSAGE, json!({ "level": "error" }))]));
    client.initialize("2025-11-25", json!({})).await;
    assert_eq!(heard(&mut client, json!({ "name": "x" })).await, []);
}

#[tokio::test]
async fn what_is_no_notification_of_mcp_goes_nowhere() {
    let mut client = connect(says(vec![("notifications/nonsense", json!({})), ("ping", json!({}))]));
    client.initialize("2025-11-25", json!({})).await;
    assert_eq!(heard(&mut client, json!({ "name": "x" })).await, []);
}

#[tokio::test]
async fn a_session_hears_of_lists_that_changed_and_of_resources_it_subscribed_to() {
    let changes = vec![(TOOLS, json!({})), (UPDATED, json!({ "uri": "a:1" })), (UPDATED, json!({ "uri": "a:2" }))];
    let mut client = connect(says(changes));
    client.initialize("2025-11-25", json!({})).await;
    let tools = [(TOOLS.to_owned(), json!({}))];
    assert_eq!(heard(&mut client, json!({ "name": "x" })).await, tools);
    let subscribe = |method: &str| request(1, method, json!({ "uri": "a:2" }));
    assert_eq!(client.ask(subscribe("resources/subscribe")).await, result(1, json!({})));
    let updated = (UPDATED.to_owned(), json!({ "uri": "a:2" }));
    assert_eq!(heard(&mut client, json!({ "name": "x" })).await, [tools[0].clone(), updated]);
    assert_eq!(client.ask(subscribe("resources/unsubscribe")).await, result(1, json!({})));
    assert_eq!(heard(&mut client, json!({ "name": "x" })).await, tools);
}

#[tokio::test]
async fn a_listener_is_acknowledged_first_and_then_hears_what_it_asked_for() {
    let changes = vec![
        (TOOLS, json!({ "_meta": { "x": 1 } })),
        ("notifications/prompts/list_changed", json!({})),
        (UPDATED, json!({ "uri": "a:1" })),
        (UPDATED, json!({ "uri": "a:2" })),
    ];
    let mut client = connect(says(changes));
    assert_eq!(heard(&mut client, modern(json!({ "name": "x" }))).await, []);
    let filter = json!({ "toolsListChanged": true, "promptsListChanged": false, "resourceSubscriptions": ["a:2"] });
    let listen = request("l", "subscriptions/listen", modern(json!({ "notifications": filter })));
    let subscription = json!({ "io.modelcontextprotocol/subscriptionId": "l" });
    assert_eq!(
        client.ask(listen).await,
        json!({
            "jsonrpc": "2.0",
            "method": "notifications/subscriptions/acknowledged",
            "params": {
                "notifications": { "toolsListChanged": true, "resourceSubscriptions": ["a:2"] },
                "_meta": subscription,
            },
        })
    );
    let expected = [
        (TOOLS.to_owned(), json!({ "_meta": { "x": 1, "io.modelcontextprotocol/subscriptionId": "l" } })),
        (UPDATED.to_owned(), json!({ "uri": "a:2", "_meta": subscription })),
    ];
    assert_eq!(heard(&mut client, modern(json!({ "name": "x" }))).await, expected);
    client.say(cancelled("l")).await;
    assert_eq!(heard(&mut client, modern(json!({ "name": "x" }))).await, []);
    assert!(client.leave().await.is_empty());
}

#[tokio::test]
async fn a_listener_is_promised_only_what_the_server_offers() {
    let mut client = connect_to(&json!({ "prompts": { "listChanged": true } }), Principal::local(), always(json!({})));
    let filter = json!({
        "toolsListChanged": true, "promptsListChanged": true, "resourcesListChanged": true,
        "resourceSubscriptions": ["a:1"], "other": 1,
    });
    let listen = request(1, "subscriptions/listen", modern(json!({ "notifications": filter })));
    assert_eq!(client.ask(listen).await["params"]["notifications"], json!({ "promptsListChanged": true }));
    for params in [json!({}), json!({ "notifications": 1 }), json!({ "notifications": { "toolsListChanged": "yes" } })]
    {
        let listen = request(2, "subscriptions/listen", modern(params));
        assert_eq!(error(&client.ask(listen).await), (2.into(), -32602));
    }
}

#[tokio::test]
async fn listeners_are_told_apart_and_end_with_the_session() {
    let mut client = connect(says(vec![(TOOLS, json!({}))]));
    for id in [1, 2] {
        let filter = json!({ "toolsListChanged": true });
        client.ask(request(id, "subscriptions/listen", modern(json!({ "notifications": filter })))).await;
    }
    let heard = heard(&mut client, modern(json!({ "name": "x" }))).await;
    let mut told: Vec<_> =
        heard.iter().map(|(_, params)| params["_meta"]["io.modelcontextprotocol/subscriptionId"].as_i64()).collect();
    told.sort();
    assert_eq!(told, [Some(1), Some(2)]);
    let mut rest = client.leave().await;
    rest.sort_by_key(|answer| answer["id"].as_i64());
    for (answer, id) in rest.iter().zip([1, 2]) {
        let meta = json!({
            "io.modelcontextprotocol/subscriptionId": id,
            "io.modelcontextprotocol/serverInfo": { "name": "fake", "version": "1.2.3" },
        });
        assert_eq!(*answer, result(id, json!({ "resultType": "complete", "_meta": meta })));
    }
    assert_eq!(rest.len(), 2);
}
