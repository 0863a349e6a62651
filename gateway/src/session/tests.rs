//! A session between a client that the test plays and a server that is a function.

mod any_order;
mod batches;
mod cancelling;
mod circle;
mod eras;
mod legacy;
mod limits;
mod modern;
mod notifications;
mod older_servers;
mod questions_bridged;
mod questions_passed_on;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use lockgate_runtime::message::{Answer, Incoming, Json, Notification, Request, RpcError};
use lockgate_runtime::{Card, Era, Link, Principal, Server};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{Outgoing, Session, outbox};
use crate::servers::View;

/// What a server that is a function answers into.
type Answers = mpsc::UnboundedSender<Answer>;

/// The client's end of a session.
struct Client {
    session: Arc<Session>,
    outgoing: mpsc::Receiver<Outgoing>,
    asked: Arc<Mutex<Vec<Request>>>,
}

/// A server with all capabilities, and a client that has said nothing yet.
fn connect(serve: impl Fn(Request, Answers) + Send + Sync + 'static) -> Client {
    let all = json!({
        "completions": {}, "logging": {}, "prompts": { "listChanged": true },
        "resources": { "listChanged": true, "subscribe": true }, "tools": { "listChanged": true },
    });
    connect_to(&all, Principal::local(), serve)
}

fn connect_to(
    capabilities: &Value,
    principal: Principal,
    serve: impl Fn(Request, Answers) + Send + Sync + 'static,
) -> Client {
    let card = Card {
        era: Era::Modern,
        server_info: Json::of(&json!({ "name": "fake", "version": "1.2.3" })),
        capabilities: Json::of(capabilities),
        instructions: Some("Be nice.".to_owned()),
    };
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    let serve = Arc::new(serve);
    let server = Server::of_links(move |caller| {
        let (log, serve) = (Arc::clone(&log), Arc::clone(&serve));
        Link::to_function(card.clone(), caller.principal, move |request, answers| {
            log.lock().unwrap().push(request.clone());
            serve(request, answers);
        })
    });
    let view = View::of("fake".parse().unwrap(), server);
    let (outbox, outgoing) = outbox();
    Client { session: Session::new(view, principal, outbox), outgoing, asked }
}

impl Client {
    /// Says something, and returns when the session would take more.
    async fn say(&self, message: impl ToString) {
        let text = message.to_string();
        self.session.receive(Incoming::parse(text.as_bytes()), text.len()).await;
    }

    /// The next thing the client is sent.
    async fn hear(&mut self) -> Value {
        let next = tokio::time::timeout(Duration::from_secs(20), self.outgoing.recv());
        serde_json::to_value(next.await.expect("nothing is sent").expect("the session is over")).unwrap()
    }

    /// Sends a request and hears its answer, which is the next thing that is sent.
    async fn ask(&mut self, request: Value) -> Value {
        self.say(request).await;
        self.hear().await
    }

    /// Begins a session with `initialize`.
    async fn initialize(&mut self, version: &str, capabilities: Value) -> Value {
        let params = json!({
            "protocolVersion": version, "capabilities": capabilities, "clientInfo": { "name": "test", "version": "0" },
        });
        let welcome = self.ask(request("init", "initialize", params)).await;
        self.say(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
        welcome
    }

    /// Ends the session as a client does that has said all, and returns all it is still sent.
    async fn leave(self) -> Vec<Value> {
        let Self { session, mut outgoing, .. } = self;
        session.close();
        drop(session);
        let mut rest = Vec::new();
        while let Some(outgoing) = outgoing.recv().await {
            rest.push(serde_json::to_value(outgoing).unwrap());
        }
        rest
    }

    /// The parameters of what the server was asked so far.
    fn asked(&self) -> Vec<Value> {
        self.asked.lock().unwrap().iter().map(|request| request.params.read().unwrap()).collect()
    }
}

fn request(id: impl Into<Value>, method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id.into(), "method": method, "params": params })
}

/// `params` with what a modern client says of itself.
fn modern(params: Value) -> Value {
    modern_with(json!({}), params)
}

fn modern_with(capabilities: Value, mut params: Value) -> Value {
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2026-07-28".into();
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = capabilities;
    params
}

fn cancelled(id: impl Into<Value>) -> Value {
    json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": id.into() } })
}

fn result(id: impl Into<Value>, result: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id.into(), "result": result })
}

/// The id and the code of an error.
fn error(answer: &Value) -> (Value, i64) {
    (answer["id"].clone(), answer["error"]["code"].as_i64().unwrap_or_else(|| panic!("{answer} is no error")))
}

fn done(answers: &Answers, result: Value) {
    let _ = answers.send(Answer::Done(Ok(Json::of(&result))));
}

fn failed(answers: &Answers, code: i64) {
    let _ = answers.send(Answer::Done(Err(RpcError::new(code, "no"))));
}

fn notify(answers: &Answers, method: &str, params: Value) {
    let notification = Notification { method: method.to_owned(), params: Json::of(&params) };
    let _ = answers.send(Answer::Notification(notification));
}

/// A server that answers everything with the same result.
fn always(answer: Value) -> impl Fn(Request, Answers) + Send + Sync {
    move |_, answers| done(&answers, answer.clone())
}

/// A server that never answers; what it was asked is kept so that it is not cancelled by accident.
fn never() -> (impl Fn(Request, Answers) + Send + Sync, mpsc::UnboundedReceiver<Answers>) {
    let (begun, calls) = mpsc::unbounded_channel();
    (move |_, answers| drop(begun.send(answers)), calls)
}
