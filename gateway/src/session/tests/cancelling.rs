use super::*;

/// A call that is under way.
async fn calling(client: &Client, calls: &mut mpsc::UnboundedReceiver<Answers>, id: impl Into<Value>) -> Answers {
    client.say(request(id, "tools/call", modern(json!({ "name": "x" })))).await;
    calls.recv().await.unwrap()
}

#[tokio::test]
async fn a_cancelled_call_ends_at_the_server_and_is_not_answered() {
    let (serve, mut calls) = never();
    let client = connect(serve);
    let call = calling(&client, &mut calls, 1).await;
    client.say(cancelled(1)).await;
    call.closed().await;
    done(&call, json!({}));
    assert!(client.leave().await.is_empty());
}

#[tokio::test]
async fn ids_of_other_types_and_unknown_ones_cancel_nothing() {
    let (serve, mut calls) = never();
    let mut client = connect(serve);
    let call = calling(&client, &mut calls, 1).await;
    for other in [json!("1"), json!(2), json!(null), json!({})] {
        client.say(cancelled(other)).await;
    }
    done(&call, json!({ "x": 1 }));
    assert_eq!(client.hear().await, result(1, json!({ "x": 1 })));
    client.say(cancelled(1)).await;
    assert!(client.leave().await.is_empty());
}

#[tokio::test]
async fn an_answer_that_crosses_its_cancellation_is_sent_once_or_never() {
    for _ in 0..100 {
        let (serve, mut calls) = never();
        let client = connect(serve);
        let call = calling(&client, &mut calls, 1).await;
        tokio::join!(client.say(cancelled(1)), async { done(&call, json!({})) }, client.say(cancelled(1)));
        assert!(client.leave().await.len() <= 1);
    }
}

#[tokio::test]
async fn a_request_that_is_cancelled_before_it_began_is_not_answered() {
    let client = connect(always(json!({})));
    client.say(request(1, "tools/list", modern(json!({})))).await;
    client.say(cancelled(1)).await;
    assert!(client.leave().await.is_empty());
}

#[tokio::test]
async fn the_id_of_a_cancelled_request_is_free_again() {
    let (serve, mut calls) = never();
    let mut client = connect(serve);
    calling(&client, &mut calls, 1).await;
    client.say(cancelled(1)).await;
    let call = calling(&client, &mut calls, 1).await;
    done(&call, json!({ "second": true }));
    assert_eq!(client.hear().await, result(1, json!({ "second": true })));
}

#[tokio::test]
async fn an_id_that_is_under_way_is_refused() {
    let (serve, mut calls) = never();
    let mut client = connect(serve);
    let call = calling(&client, &mut calls, "a").await;
    for method in ["tools/list", "server/discover"] {
        assert_eq!(error(&client.ask(request("a", method, modern(json!({})))).await), ("a".into(), -32600), "{method}");
    }
    done(&call, json!({}));
    assert_eq!(client.hear().await, result("a", json!({})));
    assert!(client.ask(request("a", "server/discover", modern(json!({})))).await["result"].is_object());
}

#[tokio::test]
async fn when_all_is_cancelled_calls_end_without_and_subscriptions_with_an_answer() {
    let (serve, mut calls) = never();
    let mut client = connect(serve);
    let call = calling(&client, &mut calls, 1).await;
    client.ask(request(2, "subscriptions/listen", modern(json!({ "notifications": {} })))).await;
    client.session.cancel_all();
    call.closed().await;
    let rest = client.leave().await;
    assert_eq!(rest.len(), 1);
    assert_eq!(rest[0]["id"], 2);
}

#[tokio::test]
async fn calls_under_way_are_finished_when_the_client_has_said_all() {
    let (serve, mut calls) = never();
    let client = connect(serve);
    let call = calling(&client, &mut calls, 1).await;
    let (rest, ()) = tokio::join!(client.leave(), async move { done(&call, json!({ "x": 1 })) });
    assert_eq!(rest, [result(1, json!({ "x": 1 }))]);
}
