use super::*;

/// A server that asks `questions`, one after another, and then answers with what it was told.
fn asks(questions: Vec<Value>) -> impl Fn(Request, Answers) + Send + Sync {
    move |request, answers| {
        let params: Value = request.params.read().unwrap();
        let asked = params["requestState"].as_str().map_or(0, |state| state.parse().unwrap());
        match questions.get(asked) {
            Some(question) => {
                let state = (asked + 1).to_string();
                done(
                    &answers,
                    json!({ "resultType": "input_required", "inputRequests": question, "requestState": state }),
                );
            }
            None => done(&answers, json!({ "resultType": "complete", "told": params["inputResponses"] })),
        }
    }
}

fn form() -> Value {
    json!({ "method": "elicitation/create", "params": { "message": "?", "requestedSchema": { "type": "object" } } })
}

fn call() -> Value {
    request("call", "tools/call", json!({ "name": "x", "arguments": { "a": 1 } }))
}

async fn client(serve: impl Fn(Request, Answers) + Send + Sync + 'static) -> Client {
    let mut client = connect(serve);
    client.initialize("2025-11-25", json!({ "elicitation": { "form": {}, "url": {} }, "roots": {} })).await;
    client
}

#[tokio::test]
async fn a_client_is_asked_in_its_session_and_the_server_told_what_it_answered() {
    let mut client = client(asks(vec![json!({ "who": form() })])).await;
    let asked = client.ask(call()).await;
    assert_eq!(asked, request("lockgate-1", "elicitation/create", form()["params"].clone()));
    let answer = json!({ "action": "accept", "content": { "name": "me" } });
    assert_eq!(
        client.ask(result("lockgate-1", answer.clone())).await,
        result("call", json!({ "told": { "who": answer } }))
    );
    let calls = client.asked();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[1]["inputResponses"], json!({ "who": answer }));
    assert_eq!(calls[1]["requestState"], "1");
    assert_eq!(calls[1]["arguments"], json!({ "a": 1 }));
    assert_eq!(calls[1]["_meta"], calls[0]["_meta"]);
}

#[tokio::test]
async fn a_server_may_ask_several_things_at_once_and_again() {
    let first = json!({ "a": form(), "b": { "method": "roots/list" } });
    let mut client = client(asks(vec![first, json!({ "c": form() })])).await;
    let (one, two) = (client.ask(call()).await, client.hear().await);
    assert_eq!((&one["method"], &two["method"]), (&json!("elicitation/create"), &json!("roots/list")));
    assert_eq!(two["params"], json!({}));
    client.say(result(two["id"].clone(), json!({ "roots": [] }))).await;
    let three = client.ask(result(one["id"].clone(), json!({ "action": "decline" }))).await;
    assert_eq!(three["id"], "lockgate-3");
    let told = client.ask(result(three["id"].clone(), json!({ "action": "cancel" }))).await;
    assert_eq!(told, result("call", json!({ "told": { "c": { "action": "cancel" } } })));
    assert_eq!(client.asked()[1]["inputResponses"], json!({ "a": { "action": "decline" }, "b": { "roots": [] } }));
}

#[tokio::test]
async fn a_page_to_open_gets_the_id_that_only_one_revision_has() {
    let page =
        json!({ "method": "elicitation/create", "params": { "mode": "url", "message": "?", "url": "https://a" } });
    for (version, id) in [("2025-11-25", json!("lockgate-1")), ("2025-06-18", Value::Null)] {
        let mut client = connect(asks(vec![json!({ "a": page })]));
        client.initialize(version, json!({ "elicitation": { "url": {} } })).await;
        assert_eq!(client.ask(call()).await["params"]["elicitationId"], id);
    }
}

#[tokio::test]
async fn a_tool_whose_client_cannot_be_asked_fails_in_words_that_the_model_can_read() {
    let mut client = connect(asks(vec![json!({ "a": form() })]));
    client.initialize("2025-11-25", json!({})).await;
    let answer = client.ask(call()).await;
    assert_eq!(answer["result"]["isError"], true);
    let text = answer["result"]["content"][0]["text"].as_str().unwrap();
    assert_eq!(text, "the server wants to ask something that this client cannot: it does not declare elicitation");
    assert_eq!(client.asked().len(), 1);
    let prompt = client.ask(request(2, "prompts/get", json!({ "name": "p" }))).await;
    assert_eq!(error(&prompt), (2.into(), -32021));
}

#[tokio::test]
async fn what_a_client_refuses_to_answer_ends_the_call_and_takes_back_the_rest() {
    let mut client = client(asks(vec![json!({ "a": form(), "b": form() })])).await;
    client.ask(call()).await;
    client.hear().await;
    let refusal =
        json!({ "jsonrpc": "2.0", "id": "lockgate-1", "error": { "code": -1, "message": "I do not want to" } });
    assert_eq!(client.ask(refusal).await, cancelled("lockgate-2"));
    let answer = client.hear().await;
    let text = answer["result"]["content"][0]["text"].as_str().unwrap();
    assert_eq!(text, "the client did not answer elicitation/create: I do not want to");
}

#[tokio::test]
async fn a_cancelled_call_takes_back_what_it_asked_and_is_not_answered() {
    let mut client = client(asks(vec![json!({ "a": form() })])).await;
    client.ask(call()).await;
    client.say(cancelled("call")).await;
    assert_eq!(client.hear().await, cancelled("lockgate-1"));
    client.say(result("lockgate-1", json!({ "action": "accept" }))).await;
    assert_eq!(client.asked().len(), 1);
    assert!(client.leave().await.is_empty());
}

#[tokio::test]
async fn a_client_that_leaves_has_not_answered() {
    let mut client = client(asks(vec![json!({ "a": form() })])).await;
    client.ask(call()).await;
    let rest = client.leave().await;
    assert_eq!(rest.len(), 1);
    assert_eq!(rest[0]["result"]["isError"], true);
}

#[tokio::test]
async fn a_server_that_never_stops_asking_is_stopped() {
    let mut client = client(asks(vec![json!({ "a": form() }); 100])).await;
    client.say(call()).await;
    for _ in 0..16 {
        let asked = client.hear().await;
        client.say(result(asked["id"].clone(), json!({ "action": "accept" }))).await;
    }
    assert_eq!(error(&client.hear().await), ("call".into(), -32603));
    assert_eq!(client.asked().len(), 16);
}

#[tokio::test]
async fn a_server_that_only_wants_to_be_called_again_is() {
    let mut client = client(asks(vec![json!({})])).await;
    assert_eq!(client.ask(call()).await, result("call", json!({ "told": null })));
    assert_eq!(client.asked()[1].get("inputResponses"), None);
}

#[tokio::test]
async fn where_mcp_has_no_questions_they_are_an_error_of_the_server() {
    let mut client = client(asks(vec![json!({ "a": form() })])).await;
    assert_eq!(error(&client.ask(request(1, "tools/list", json!({}))).await), (1.into(), -32603));
}

#[tokio::test]
async fn progress_keeps_growing_over_all_rounds_of_a_call() {
    let rounds = asks(vec![json!({ "a": form() })]);
    let mut client = client(move |request, answers| {
        notify(&answers, "notifications/progress", json!({ "progress": 1 }));
        rounds(request, answers);
    })
    .await;
    client.say(request("call", "tools/call", json!({ "name": "x", "_meta": { "progressToken": 1 } }))).await;
    assert_eq!(client.hear().await["method"], "notifications/progress");
    assert_eq!(client.hear().await["method"], "elicitation/create");
    let answer = client.ask(result("lockgate-1", json!({ "action": "accept" }))).await;
    assert_eq!(answer["id"], "call");
}
