//! What a server says and asks outside of calls.

use super::*;
use crate::server::{Question, ServerMessage};

async fn question(messages: &mut mpsc::Receiver<ServerMessage>) -> Question {
    match tokio::time::timeout(DEADLINE, messages.recv()).await.unwrap().unwrap() {
        ServerMessage::Question(question) => question,
        ServerMessage::Notification(notification) => panic!("{notification:?}"),
    }
}

fn elicitation(id: impl Into<Value>) -> Value {
    json!({"jsonrpc": "2.0", "id": id.into(), "method": "elicitation/create", "params": {"message": "who?"}})
}

#[tokio::test]
async fn a_question_goes_to_the_client_and_its_answer_back() {
    let (_peer, mut fake, listeners) = connected(Some(&session()), LIMITS).await;
    let mut messages = listeners.listen();
    fake.say(elicitation("q/1")).await;
    let asked = question(&mut messages).await;
    assert_eq!(asked.request.method, "elicitation/create");
    assert_eq!(asked.request.params.as_str(), r#"{"message":"who?"}"#);
    asked.answer(Ok(Json::of(&json!({"action": "decline"}))));
    let answer = fake.hear().await;
    assert_eq!(answer, json!({"jsonrpc": "2.0", "id": "q/1", "result": {"action": "decline"}}));
}

#[tokio::test]
async fn what_nobody_answers_is_answered_with_an_error() {
    let (_peer, mut fake, listeners) = connected(Some(&session()), LIMITS).await;
    fake.say(elicitation(1)).await;
    assert_eq!(fake.hear().await["error"]["code"], code::METHOD_NOT_FOUND, "nobody listens");
    let mut messages = listeners.listen();
    fake.say(elicitation(2)).await;
    drop(question(&mut messages).await);
    assert_eq!(fake.hear().await["error"]["code"], code::METHOD_NOT_FOUND, "the question was dropped");
    drop(messages);
    fake.say(elicitation(3)).await;
    assert_eq!(fake.hear().await["error"]["code"], code::METHOD_NOT_FOUND, "the listener has gone");
}

#[tokio::test]
async fn the_shared_connection_asks_nobody_but_answers_a_ping() {
    let (_peer, mut fake, listeners) = connected(None, LIMITS).await;
    let _messages = listeners.listen();
    fake.say(elicitation(1)).await;
    assert_eq!(fake.hear().await["error"]["code"], code::METHOD_NOT_FOUND);
    fake.say(json!({"jsonrpc": "2.0", "id": 2, "method": "ping"})).await;
    assert_eq!(fake.hear().await, json!({"jsonrpc": "2.0", "id": 2, "result": {}}));
}

#[tokio::test]
async fn a_request_that_cannot_be_read_is_answered() {
    let (_peer, mut fake, _) = connected(Some(&session()), LIMITS).await;
    fake.say_text(r#"{"jsonrpc":"2.0","id":"x","method":"elicitation/create","params":[1]}"#).await;
    let answer = fake.hear().await;
    assert_eq!((answer["id"].clone(), answer["error"]["code"].clone()), (json!("x"), json!(code::INVALID_PARAMS)));
}

#[tokio::test]
async fn more_questions_than_a_client_can_bear_are_refused() {
    let (_peer, mut fake, listeners) = connected(Some(&session()), LIMITS).await;
    let _messages = listeners.listen();
    for id in 0..17 {
        fake.say(elicitation(id)).await;
    }
    let refused = fake.hear().await;
    assert_eq!((refused["id"].clone(), refused["error"]["code"].clone()), (json!(16), json!(code::INTERNAL_ERROR)));
}

#[tokio::test]
async fn the_time_of_a_call_stands_still_while_its_client_is_asked() {
    let limits = CallLimits { time: Duration::from_millis(300), ..LIMITS };
    let (peer, mut fake, listeners) = connected(Some(&session()), limits).await;
    let mut messages = listeners.listen();
    let mut slow = call(&peer, json!({}));
    let id = fake.hear().await["id"].clone();
    fake.say(elicitation(1)).await;
    let asked = question(&mut messages).await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    asked.answer(Ok(Json::empty_object()));
    assert_eq!(fake.hear().await["id"], 1);
    fake.answer(&id, json!({"done": true})).await;
    assert_eq!(slow.end().await.1.unwrap(), json!({"done": true}));
}

#[tokio::test]
async fn a_question_that_was_withdrawn_is_not_answered() {
    let (_peer, mut fake, listeners) = connected(Some(&session()), LIMITS).await;
    let mut messages = listeners.listen();
    fake.say(elicitation(1)).await;
    let asked = question(&mut messages).await;
    let params = json!({"requestId": 1});
    fake.say(json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params})).await;
    fake.say(json!({"jsonrpc": "2.0", "id": 2, "method": "ping"})).await;
    assert_eq!(fake.hear().await["id"], 2);
    asked.answer(Ok(Json::empty_object()));
    fake.say(json!({"jsonrpc": "2.0", "id": 3, "method": "ping"})).await;
    assert_eq!(fake.hear().await["id"], 3);
}

#[tokio::test]
async fn a_flood_of_notifications_is_lost_and_holds_nothing_up() {
    let (peer, mut fake, listeners) = connected(None, LIMITS).await;
    let mut lazy = listeners.listen();
    let changed = json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"});
    let long = json!({"jsonrpc": "2.0", "method": "notifications/x", "params": {"x": "x".repeat(300_000)}});
    fake.say(long).await;
    for _ in 0..10_000 {
        fake.say(changed.clone()).await;
    }
    let mut after = call(&peer, json!({}));
    let id = fake.hear().await["id"].clone();
    fake.answer(&id, json!({})).await;
    assert!(after.end().await.1.is_ok());
    let mut heard = 0;
    while let Ok(message) = lazy.try_recv() {
        assert!(matches!(&message, ServerMessage::Notification(n) if n.method != "notifications/x"), "{message:?}");
        heard += 1;
    }
    assert_eq!(heard, 64);
}

#[tokio::test]
async fn a_server_that_asks_without_reading_is_held_up_by_nothing_of_ours() {
    let (peer, mut fake, _) = connected(None, LIMITS).await;
    for id in 0..1000 {
        fake.say(json!({"jsonrpc": "2.0", "id": id, "method": "ping"})).await;
    }
    let mut after = call(&peer, json!({}));
    let id = loop {
        let heard = fake.hear().await;
        if heard["method"] == "tools/call" {
            break heard["id"].clone();
        }
    };
    fake.answer(&id, json!({})).await;
    assert!(after.end().await.1.is_ok());
}

#[tokio::test]
async fn what_a_client_says_by_itself_reaches_the_server() {
    let (peer, mut fake, _) = connected(Some(&session()), LIMITS).await;
    let method = "notifications/roots/list_changed".to_owned();
    peer.notify(Notification { method, params: Json::empty_object() });
    assert_eq!(fake.hear().await["method"], "notifications/roots/list_changed");
}
