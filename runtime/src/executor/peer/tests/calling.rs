//! Calls, and what a server answers to them.

use super::*;

#[tokio::test]
async fn answers_find_their_calls_in_any_order() {
    let (peer, mut fake, _) = connected(None, LIMITS).await;
    let mut calls: Vec<TestCall> = (0..4).map(|number| call(&peer, json!({"number": number}))).collect();
    let mut heard = Vec::new();
    for _ in 0..4 {
        heard.push(fake.hear().await);
    }
    for request in heard.iter().rev() {
        fake.answer(&request["id"], json!({"number": request["params"]["number"]})).await;
    }
    for (number, call) in calls.iter_mut().enumerate() {
        assert_eq!(call.end().await.1.unwrap(), json!({"number": number}));
    }
}

#[tokio::test]
async fn unknown_ids_second_answers_and_noise_reach_nobody() {
    let (peer, mut fake, _) = connected(None, LIMITS).await;
    let mut one = call(&peer, json!({}));
    let id = fake.hear().await["id"].clone();
    fake.answer(&json!(4711), json!({"wrong": true})).await;
    fake.answer(&json!(id.to_string()), json!({"wrong": "an id as text"})).await;
    for noise in ["", "{", "null", "[]", "garbage", r#"{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"?"}}"#] {
        fake.say_text(noise).await;
    }
    fake.answer(&id, json!({"right": 1})).await;
    fake.answer(&id, json!({"right": 2})).await;
    assert_eq!(one.end().await.1.unwrap(), json!({"right": 1}));
    assert!(one.next().await.is_none());
    assert!(!peer.is_closed());
}

#[tokio::test]
async fn several_answers_in_one_batch_are_taken_apart() {
    let (peer, mut fake, _) = connected(None, LIMITS).await;
    let (mut one, mut two) = (call(&peer, json!({})), call(&peer, json!({})));
    let (first, second) = (fake.hear().await["id"].clone(), fake.hear().await["id"].clone());
    let answer = |id: Value| json!({"jsonrpc": "2.0", "id": id, "result": {}});
    fake.say(json!([answer(first), answer(second)])).await;
    assert!(one.end().await.1.is_ok() && two.end().await.1.is_ok());
}

#[tokio::test]
async fn an_error_is_passed_on_as_it_is() {
    let (peer, mut fake, _) = connected(None, LIMITS).await;
    let mut call = call(&peer, json!({}));
    let id = fake.hear().await["id"].clone();
    let error = json!({"code": -32002, "message": "not found", "data": {"uri": "x"}});
    fake.say(json!({"jsonrpc": "2.0", "id": id, "error": error})).await;
    let passed_on = call.end().await.1.unwrap_err();
    assert_eq!(serde_json::to_value(passed_on).unwrap(), error);
}

#[tokio::test]
async fn an_answer_that_two_readers_could_understand_differently_ends_its_call() {
    let (peer, mut fake, _) = connected(None, LIMITS).await;
    let mut call = call(&peer, json!({}));
    let id = fake.hear().await["id"].clone();
    fake.say_text(&format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"a":1,"a":2}}}}"#)).await;
    let error = call.error().await;
    assert!(error.starts_with("the server's answer cannot be read: "), "{error}");
}

#[tokio::test]
async fn the_end_of_the_connection_ends_every_call_with_the_reason() {
    let (peer, mut fake, _) = connected(None, CallLimits { concurrency: 2, ..LIMITS }).await;
    let mut calls: Vec<TestCall> = (0..3).map(|_| call(&peer, json!({}))).collect();
    for _ in 0..2 {
        fake.hear().await;
    }
    fake.leave("it was killed");
    for call in &mut calls {
        assert_eq!(call.error().await, "the connection to the server ended: it was killed");
    }
    assert!(peer.is_closed());
    let mut late = call(&peer, json!({}));
    assert_eq!(late.error().await, "the connection to the server ended: it was killed");
}

#[tokio::test]
async fn dropping_the_peer_ends_the_connection_and_its_calls() {
    let (peer, mut fake, _) = connected(Some(&session()), LIMITS).await;
    fake.say(json!({"jsonrpc": "2.0", "id": 1, "method": "roots/list"})).await;
    assert_eq!(fake.hear().await["error"]["code"], code::METHOD_NOT_FOUND);
    drop(peer);
    tokio::time::timeout(DEADLINE, fake.says.closed()).await.unwrap();
    assert!(tokio::time::timeout(DEADLINE, fake.heard.recv()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_cancelled_call_is_cancelled_at_the_server_and_its_answer_forgotten() {
    let (peer, mut fake, _) = connected(None, LIMITS).await;
    let mut cancelled = call(&peer, json!({}));
    let id = fake.hear().await["id"].clone();
    drop(cancelled.cancel.take());
    let told = fake.hear().await;
    assert_eq!(told["method"], "notifications/cancelled");
    assert_eq!(told["params"]["requestId"], id);
    fake.answer(&id, json!({})).await;
    assert!(cancelled.next().await.is_none());
    let mut next = call(&peer, json!({}));
    let id = fake.hear().await["id"].clone();
    fake.answer(&id, json!({})).await;
    assert!(next.end().await.1.is_ok());
}

#[tokio::test]
async fn a_call_that_takes_too_long_is_ended_and_cancelled_at_the_server() {
    let (peer, mut fake, _) = connected(None, CallLimits { time: Duration::from_millis(300), ..LIMITS }).await;
    let mut slow = call(&peer, json!({}));
    fake.hear().await;
    let error = slow.error().await;
    assert!(error.contains("at its time limit of 300ms"), "{error}");
    assert_eq!(fake.hear().await["method"], "notifications/cancelled");
}

#[tokio::test]
async fn further_calls_wait_and_those_that_wait_can_be_cancelled() {
    let (peer, mut fake, _) = connected(None, CallLimits { concurrency: 1, ..LIMITS }).await;
    let mut one = call(&peer, json!({"number": 1}));
    let first = fake.hear().await;
    let mut two = call(&peer, json!({"number": 2}));
    drop(two.cancel.take());
    assert!(two.next().await.is_none());
    let mut three = call(&peer, json!({"number": 3}));
    fake.answer(&first["id"], json!({})).await;
    assert!(one.end().await.1.is_ok());
    let third = fake.hear().await;
    assert_eq!(third["params"]["number"], 3);
    fake.answer(&third["id"], json!({})).await;
    assert!(three.end().await.1.is_ok());
}

#[tokio::test]
async fn progress_has_a_token_of_our_own_and_reaches_the_call_that_wants_it() {
    let (peer, mut fake, _) = connected(None, LIMITS).await;
    let (mut one, mut two, mut three) = (
        call(&peer, json!({"n": 1, "_meta": {"progressToken": "same", "other": 1.50}})),
        call(&peer, json!({"n": 2, "_meta": {"progressToken": "same"}})),
        call(&peer, json!({"n": 3})),
    );
    let mut heard: Vec<Value> = Vec::new();
    for _ in 0..3 {
        heard.push(fake.hear().await);
    }
    heard.sort_by_key(|request| request["params"]["n"].as_i64());
    assert_eq!(heard[0]["params"]["_meta"]["other"], 1.5);
    let token = |index: usize| heard[index]["params"]["_meta"]["progressToken"].clone();
    assert_ne!(token(0), token(1));
    assert_eq!(token(2), Value::Null);
    for (token, progress) in [(token(0), 1), (token(1), 2), (heard[2]["id"].clone(), 3), (json!("same"), 4)] {
        let params = json!({"progressToken": token, "progress": progress, "extra": "kept"});
        fake.say(json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": params})).await;
    }
    for request in &heard {
        fake.answer(&request["id"], json!({})).await;
    }
    let progress = |number: u8| vec![format!(r#"notifications/progress {{"progress":{number},"extra":"kept"}}"#)];
    assert_eq!(one.end().await.0, progress(1));
    assert_eq!(two.end().await.0, progress(2));
    assert_eq!(three.end().await.0, Vec::<String>::new());
}

#[tokio::test]
async fn a_call_is_answered_with_no_more_than_its_output_limit() {
    let (peer, mut fake, _) = connected(None, CallLimits { output: 10_000, ..LIMITS }).await;
    let mut long = call(&peer, json!({}));
    let id = fake.hear().await["id"].clone();
    fake.answer(&id, json!({"text": "x".repeat(10_000)})).await;
    let error = long.error().await;
    assert!(error.contains("its output limit"), "{error}");
    assert_eq!(fake.hear().await["method"], "notifications/cancelled");

    let mut many = call(&peer, json!({"_meta": {"progressToken": 1}}));
    let token = fake.hear().await["params"]["_meta"]["progressToken"].clone();
    let flood = async {
        for progress in 0..1000 {
            let params = json!({"progressToken": token, "progress": progress});
            fake.say(json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": params})).await;
        }
    };
    flood.await;
    let (said, outcome) = many.end().await;
    assert!(said.len() < 50, "{}", said.len());
    assert!(outcome.unwrap_err().message.contains("its output limit"));
}

#[tokio::test]
async fn a_log_line_belongs_to_the_only_call_and_otherwise_to_whoever_listens() {
    let (peer, mut fake, listeners) = connected(None, LIMITS).await;
    let mut messages = listeners.listen();
    let log = |data: u8| json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"data": data}});
    fake.say(log(0)).await;
    let mut one = call(&peer, json!({}));
    let first = fake.hear().await["id"].clone();
    fake.say(log(1)).await;
    let mut two = call(&peer, json!({}));
    let second = fake.hear().await["id"].clone();
    fake.say(log(2)).await;
    fake.answer(&first, json!({})).await;
    fake.answer(&second, json!({})).await;
    assert_eq!(one.end().await.0, [r#"notifications/message {"data":1}"#]);
    assert_eq!(two.end().await.0, Vec::<String>::new());
    for expected in [r#"{"data":0}"#, r#"{"data":2}"#] {
        match messages.recv().await.unwrap() {
            crate::server::ServerMessage::Notification(notification) => {
                assert_eq!(notification.params.as_str(), expected);
            }
            crate::server::ServerMessage::Question(_) => panic!("a question"),
        }
    }
}
