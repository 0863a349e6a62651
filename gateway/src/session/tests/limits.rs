use super::*;

/// Whether the session takes `message` now, and does not make its client wait.
async fn is_taken(client: &Client, message: Value) -> bool {
    tokio::select! {
        biased;
        () = client.say(message) => true,
        // Everything that could make room has had its turn.
        () = async { for _ in 0..1000 { tokio::task::yield_now().await } } => false,
    }
}

#[tokio::test]
async fn the_request_after_1024_waits_until_one_is_answered() {
    let (serve, mut calls) = never();
    let mut client = connect(serve);
    let call = |id: usize| request(id, "tools/call", modern(json!({ "name": "x" })));
    let mut begun = Vec::new();
    for id in 0..1024 {
        assert!(is_taken(&client, call(id)).await);
        begun.push(calls.recv().await.unwrap());
    }
    assert!(!is_taken(&client, call(1024)).await);
    // What needs no room is still heard.
    client.say(cancelled(0)).await;
    assert!(is_taken(&client, call(1024)).await);
    done(&calls.recv().await.unwrap(), json!({}));
    assert_eq!(client.hear().await["id"], 1024);
}

#[tokio::test]
async fn a_client_that_has_to_wait_can_still_answer_what_its_calls_ask() {
    let mut client = connect(|request, answers| {
        let params: Value = request.params.read().unwrap();
        let question = json!({ "method": "roots/list" });
        match params.get("inputResponses") {
            None => done(&answers, json!({ "resultType": "input_required", "inputRequests": { "a": question } })),
            Some(_) => done(&answers, json!({})),
        }
    });
    client.initialize("2025-11-25", json!({ "roots": {} })).await;
    // Nobody answers any question, and yet no request is kept waiting for ever.
    for id in 0..2000 {
        client.say(request(id, "tools/call", json!({ "name": "x" }))).await;
        client.hear().await;
    }
    client.say(result("lockgate-1", json!({ "roots": [] }))).await;
    assert_eq!(client.hear().await, result(0, json!({})));
}

#[tokio::test]
async fn subscriptions_hold_a_bounded_number_of_bytes() {
    let mut client = connect(always(json!({})));
    client.initialize("2025-11-25", json!({})).await;
    let subscribe =
        |nth: usize| request(nth, "resources/subscribe", json!({ "uri": format!("{nth}{}", "x".repeat(100_000)) }));
    for nth in 0..10 {
        assert_eq!(client.ask(subscribe(nth)).await, result(nth, json!({})));
    }
    assert_eq!(error(&client.ask(subscribe(10)).await), (10.into(), -32600));
    let listen = |id: &str| {
        let filter = json!({ "resourceSubscriptions": ["y".repeat(100_000)] });
        request(id, "subscriptions/listen", modern(json!({ "notifications": filter })))
    };
    assert_eq!(error(&client.ask(listen("a")).await), ("a".into(), -32600));
    let unsubscribe = request(11, "resources/unsubscribe", json!({ "uri": format!("0{}", "x".repeat(100_000)) }));
    assert_eq!(client.ask(unsubscribe).await, result(11, json!({})));
    for id in ["b", "c"] {
        assert_eq!(client.ask(listen(id)).await["method"], "notifications/subscriptions/acknowledged");
        client.say(cancelled(id)).await;
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn answers_that_wait_to_be_sent_are_bounded_by_their_number_and_by_their_bytes() {
    for (bytes, most) in [(10, 1024 + 64), (1 << 20, 64 + 64)] {
        let client = connect(always(json!({ "x": "x".repeat(bytes) })));
        let call = |id: usize| request(id, "tools/call", modern(json!({ "name": "x" })));
        let mut taken = 0;
        while taken <= most && is_taken(&client, call(taken)).await {
            taken += 1;
            tokio::task::yield_now().await;
        }
        assert!(taken <= most, "{taken} answers of {bytes} bytes");
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_is_not_listened_to_for_ever() {
    let mut client = connect(always(json!({})));
    let mut taken = 0;
    while is_taken(&client, request(taken, "ping", json!({}))).await {
        taken += 1;
    }
    assert_eq!(taken, 64);
    for id in 0..taken {
        assert_eq!(client.hear().await["id"], id);
    }
    assert!(is_taken(&client, request("next", "ping", json!({}))).await);
}
