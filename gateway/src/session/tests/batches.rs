use super::*;

/// The answers in a batch, by their ids.
fn by_id(batch: &Value) -> std::collections::BTreeMap<String, Value> {
    let answers = batch.as_array().unwrap_or_else(|| panic!("{batch} is no batch"));
    answers.iter().map(|answer| (answer["id"].to_string(), answer.clone())).collect()
}

#[tokio::test]
async fn the_answers_to_a_batch_come_together() {
    let mut client = connect(always(json!({ "x": 1 })));
    client.initialize("2025-03-26", json!({})).await;
    let batch = json!([
        request(1, "tools/list", json!({})),
        { "jsonrpc": "2.0", "method": "notifications/initialized" },
        request(2, "ping", json!({})),
        request("3", "nonsense", json!({})),
        1,
        { "jsonrpc": "2.0", "id": "x", "result": {} },
    ]);
    let answers = by_id(&client.ask(batch).await);
    assert_eq!(answers.keys().collect::<Vec<_>>(), [r#""3""#, "1", "2", "null"]);
    assert_eq!(answers["1"]["result"], json!({ "x": 1 }));
    assert_eq!(answers["2"]["result"], json!({}));
    assert_eq!(error(&answers[r#""3""#]).1, -32601);
    assert_eq!(error(&answers["null"]).1, -32600);
    assert!(client.leave().await.is_empty());
}

#[tokio::test]
async fn a_batch_that_asks_for_nothing_is_not_answered() {
    let mut client = connect(always(json!({})));
    client.initialize("2025-03-26", json!({})).await;
    client.say(json!([{ "jsonrpc": "2.0", "method": "notifications/initialized" }])).await;
    assert!(client.leave().await.is_empty());
}

#[tokio::test]
async fn an_empty_batch_is_refused() {
    let mut client = connect(always(json!({})));
    client.initialize("2025-03-26", json!({})).await;
    assert_eq!(error(&client.ask(json!([])).await), (Value::Null, -32600));
}

#[tokio::test]
async fn batches_are_refused_outside_the_one_revision_that_has_them() {
    let batch = json!([request(1, "ping", json!({}))]);
    assert_eq!(error(&connect(always(json!({}))).ask(batch.clone()).await), (Value::Null, -32600));
    for version in ["2024-11-05", "2025-06-18", "2025-11-25"] {
        let mut client = connect(always(json!({})));
        client.initialize(version, json!({})).await;
        assert_eq!(error(&client.ask(batch.clone()).await), (Value::Null, -32600), "{version}");
    }
}

#[tokio::test]
async fn neither_a_beginning_nor_a_modern_request_can_be_part_of_a_batch() {
    let mut client = connect(always(json!({})));
    client.initialize("2025-03-26", json!({})).await;
    let batch = json!([
        request(1, "initialize", json!({ "protocolVersion": "2025-11-25" })),
        request(2, "tools/list", modern(json!({}))),
    ]);
    let answers = by_id(&client.ask(batch).await);
    assert_eq!((error(&answers["1"]).1, error(&answers["2"]).1), (-32600, -32600));
    assert!(client.asked().is_empty());
}

#[tokio::test]
async fn a_cancelled_request_is_missing_in_the_answers_to_its_batch() {
    let (serve, _calls) = never();
    let mut client = connect(serve);
    client.initialize("2025-03-26", json!({})).await;
    client.say(json!([request(1, "tools/list", json!({})), request(2, "ping", json!({}))])).await;
    client.say(cancelled(1)).await;
    assert_eq!(client.hear().await, json!([result(2, json!({}))]));
}

#[tokio::test]
async fn two_requests_of_a_batch_with_the_same_id_are_one_and_an_error() {
    let (serve, mut calls) = never();
    let mut client = connect(serve);
    client.initialize("2025-03-26", json!({})).await;
    client.say(json!([request(1, "tools/list", json!({})), request(1, "tools/list", json!({}))])).await;
    done(&calls.recv().await.unwrap(), json!({}));
    let answers = client.hear().await;
    assert_eq!(answers.as_array().unwrap().len(), 2);
    assert_eq!(error(&answers[0]), (1.into(), -32600));
    assert_eq!(answers[1], result(1, json!({})));
}
