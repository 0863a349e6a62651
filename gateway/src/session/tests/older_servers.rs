//! A server of the older era behind clients of both.

use lockgate_runtime::message::{Notification, Request};
use lockgate_runtime::{Question, ServerMessage};

use super::*;

const CAPABILITIES: &str = r#"{"logging":{},"tools":{"listChanged":true},"resources":{"subscribe":true}}"#;

/// A client in front of an older server, and what that server says by itself.
fn connect_to_older(serve: impl Fn(Request, Answers) + Send + Sync + 'static) -> (Client, mpsc::Sender<ServerMessage>) {
    let (says, messages) = mpsc::channel(8);
    let messages = Mutex::new(Some(messages));
    let card = Card {
        era: Era::Legacy,
        server_info: Json::of(&json!({ "name": "older", "version": "1" })),
        capabilities: Json::parse(CAPABILITIES).unwrap(),
        instructions: None,
    };
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (log, serve) = (Arc::clone(&asked), Arc::new(serve));
    let server = Server::of_links(move |caller| {
        let (log, serve) = (Arc::clone(&log), Arc::clone(&serve));
        let said = messages.lock().unwrap().take().unwrap_or_else(|| mpsc::channel(1).1);
        Link::to_speaking_function(card.clone(), caller.principal, said, move |request, answers| {
            log.lock().unwrap().push(request.clone());
            serve(request, answers);
        })
    });
    let (outbox, outgoing) = outbox();
    let view = View::of("older".parse().unwrap(), server);
    (Client { session: Session::new(view, Principal::local(), outbox), outgoing, asked }, says)
}

fn answering(result: Value) -> impl Fn(Request, Answers) + Send + Sync + 'static {
    move |_, answers| {
        let _ = answers.send(Answer::Done(Ok(Json::of(&result))));
    }
}

#[tokio::test]
async fn a_client_of_today_is_answered_in_todays_shape_and_the_server_asked_in_its_own() {
    let (mut client, _) = connect_to_older(answering(json!({ "content": [], "x": 1 })));
    let answer = client.ask(request(1, "tools/call", modern(json!({ "name": "a" })))).await;
    assert_eq!(answer["result"], json!({ "content": [], "x": 1, "resultType": "complete" }));
    assert_eq!(client.asked(), [json!({ "name": "a" })]);
    let discovered = client.ask(request(2, "server/discover", modern(json!({})))).await;
    assert_eq!(discovered["result"]["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "older");
}

#[tokio::test]
async fn an_older_client_hears_what_the_server_says_by_itself() {
    let (mut client, says) = connect_to_older(answering(json!({ "content": [] })));
    client.initialize("2025-06-18", json!({})).await;
    client.ask(request(1, "tools/call", json!({ "name": "a" }))).await;
    let changed = Notification { method: "notifications/tools/list_changed".to_owned(), params: Json::empty_object() };
    says.send(ServerMessage::Notification(changed)).await.unwrap();
    assert_eq!(client.hear().await["method"], "notifications/tools/list_changed");
    let log = |level: &str| {
        let params = Json::of(&json!({ "level": level, "data": level }));
        ServerMessage::Notification(Notification { method: "notifications/message".to_owned(), params })
    };
    says.send(log("debug")).await.unwrap();
    says.send(log("error")).await.unwrap();
    assert_eq!(client.hear().await["params"]["data"], "error");
}

#[tokio::test]
async fn an_older_clients_level_subscriptions_and_roots_reach_the_server() {
    let (mut client, _says) = connect_to_older(answering(json!({})));
    client.initialize("2025-06-18", json!({ "roots": {} })).await;
    client.ask(request(1, "logging/setLevel", json!({ "level": "error" }))).await;
    client.ask(request(2, "resources/subscribe", json!({ "uri": "a:b" }))).await;
    client.say(json!({ "jsonrpc": "2.0", "method": "notifications/roots/list_changed" })).await;
    let asked = client.asked.lock().unwrap();
    let methods: Vec<&str> = asked.iter().map(|request| &*request.method).collect();
    assert!(methods.contains(&"logging/setLevel"), "{methods:?}");
    assert!(methods.contains(&"resources/subscribe"), "{methods:?}");
    assert!(methods.contains(&"notifications/roots/list_changed"), "{methods:?}");
}

#[tokio::test]
async fn a_server_that_was_taken_away_is_told_nothing_and_its_calls_end() {
    let (kept, unanswered) = std::sync::mpsc::channel();
    let (mut client, _says) = connect_to_older(move |request, answers| {
        if request.params.as_str().contains("slow") {
            return kept.send(answers).unwrap();
        }
        let _ = answers.send(Answer::Done(Ok(Json::of(&json!({ "content": [] })))));
    });
    client.initialize("2025-06-18", json!({ "roots": {} })).await;
    client.ask(request(1, "tools/call", json!({ "name": "a" }))).await;
    client.say(request(2, "tools/call", json!({ "name": "slow" }))).await;
    let _unanswered = loop {
        match unanswered.try_recv() {
            Ok(answers) => break answers,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    let before = client.asked().len();
    let router = &client.session.router;
    let server = router.names().servers().next().unwrap();
    router.view().slot(server).unwrap().take_away("its digest is denied");
    assert!(router.opened(server).is_none());
    let ended = client.hear().await;
    assert_eq!(ended["id"], 2);
    assert!(ended["error"]["message"].as_str().unwrap().contains("its digest is denied"), "{ended}");
    client.ask(request(3, "logging/setLevel", json!({ "level": "error" }))).await;
    client.say(json!({ "jsonrpc": "2.0", "method": "notifications/roots/list_changed" })).await;
    let refused = client.ask(request(4, "tools/call", json!({ "name": "a" }))).await;
    assert!(refused["error"]["message"].as_str().unwrap().contains("its digest is denied"), "{refused}");
    assert_eq!(client.asked().len(), before);
}

/// Asks the client's session a question as an older server does.
async fn ask_client(says: &mpsc::Sender<ServerMessage>, method: &str, params: Value) -> Answered {
    let (question, answer) = Question::new(Request { method: method.to_owned(), params: Json::of(&params) });
    says.send(ServerMessage::Question(question)).await.unwrap();
    answer
}

type Answered = tokio::sync::oneshot::Receiver<Result<Json, RpcError>>;

#[tokio::test]
async fn a_question_is_passed_on_to_a_client_that_can_be_asked() {
    let (mut client, says) = connect_to_older(answering(json!({ "content": [] })));
    client.initialize("2025-06-18", json!({ "elicitation": {} })).await;
    client.ask(request(1, "tools/call", json!({ "name": "a" }))).await;
    let answer = ask_client(&says, "elicitation/create", json!({ "message": "Name?", "requestedSchema": {} })).await;
    let question = client.hear().await;
    assert_eq!((&question["method"], &question["params"]["message"]), (&json!("elicitation/create"), &json!("Name?")));
    client.say(json!({ "jsonrpc": "2.0", "id": question["id"], "result": { "action": "decline" } })).await;
    assert_eq!(answer.await.unwrap().unwrap().as_str(), r#"{"action":"decline"}"#);
}

#[tokio::test]
async fn a_question_that_the_client_cannot_be_asked_is_refused() {
    let (mut client, says) = connect_to_older(answering(json!({ "content": [] })));
    client.initialize("2025-06-18", json!({})).await;
    client.ask(request(1, "tools/call", json!({ "name": "a" }))).await;
    for method in ["elicitation/create", "sampling/createMessage", "roots/list", "tasks/get"] {
        let refused = ask_client(&says, method, json!({})).await.await.unwrap().unwrap_err();
        assert_eq!(refused.code, -32601, "{method}");
    }
    assert!(client.leave().await.is_empty());
}
