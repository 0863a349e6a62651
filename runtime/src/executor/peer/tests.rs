//! A peer in front of a server made of channels, which says what a stranger might.

mod asking;
mod calling;
mod introducing;
mod lines;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::*;
use crate::message::code;

/// The most that any wait of a test takes.
const DEADLINE: Duration = Duration::from_secs(20);

const LIMITS: CallLimits = CallLimits { time: DEADLINE, output: 1 << 20, concurrency: 4 };

/// The server's end of a connection.
struct Fake {
    heard: mpsc::Receiver<Message>,
    says: mpsc::Sender<Incoming>,
    end: Option<oneshot::Sender<String>>,
}

fn connection() -> (Connection, Fake) {
    let (outgoing, heard) = mpsc::channel(8);
    let (says, incoming) = mpsc::channel(8);
    let (end, ended) = oneshot::channel();
    (Connection { outgoing, incoming, end: ended }, Fake { heard, says, end: Some(end) })
}

impl Fake {
    /// The next message, as it goes over a stream.
    async fn hear(&mut self) -> Value {
        let message = tokio::time::timeout(DEADLINE, self.heard.recv()).await.unwrap().unwrap();
        serde_json::to_value(message).unwrap()
    }

    async fn say(&self, message: Value) {
        self.say_text(&message.to_string()).await;
    }

    async fn say_text(&self, text: &str) {
        self.says.send(Incoming::parse(text.as_bytes())).await.unwrap();
    }

    async fn answer(&self, id: &Value, result: Value) {
        self.say(json!({"jsonrpc": "2.0", "id": id, "result": result})).await;
    }

    /// Hears `initialize`, and introduces itself.
    async fn introduce(&mut self) -> Value {
        let asked = self.hear().await;
        let introduction = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "fake", "version": "1"},
            "instructions": "be kind",
        });
        self.answer(&asked["id"], introduction).await;
        assert_eq!(self.hear().await["method"], "notifications/initialized");
        asked["params"].clone()
    }

    fn leave(mut self, reason: &str) {
        self.end.take().unwrap().send(reason.to_owned()).unwrap();
    }
}

fn session() -> ClientSession {
    ClientSession {
        revision: "2025-06-18".to_owned(),
        info: Json::of(&json!({"name": "old", "version": "9"})),
        capabilities: Json::of(&json!({"elicitation": {}})),
    }
}

/// A peer of a server that has introduced itself.
async fn connected(session: Option<&ClientSession>, limits: CallLimits) -> (Arc<Peer>, Fake, Arc<Listeners>) {
    let (connection, mut fake) = connection();
    let listeners = Arc::<Listeners>::default();
    let peer = Peer::connect(connection, session, limits, Arc::clone(&listeners));
    let (peer, _) = tokio::join!(peer, fake.introduce());
    (Arc::new(peer.unwrap()), fake, listeners)
}

/// A call as a line makes it.
struct TestCall {
    answers: mpsc::UnboundedReceiver<Answer>,
    cancel: Option<oneshot::Sender<()>>,
}

fn call(peer: &Arc<Peer>, params: Value) -> TestCall {
    let (answers, receiver) = mpsc::unbounded_channel();
    let (cancel, cancelled) = oneshot::channel::<()>();
    let peer = Arc::clone(peer);
    tokio::spawn(async move {
        let request = Request { method: "tools/call".to_owned(), params: Json::of(&params) };
        peer.serve(request, answers, async move { drop(cancelled.await) }).await;
    });
    TestCall { answers: receiver, cancel: Some(cancel) }
}

impl TestCall {
    async fn next(&mut self) -> Option<Answer> {
        tokio::time::timeout(DEADLINE, self.answers.recv()).await.unwrap()
    }

    /// How it ends, and what was said before.
    async fn end(&mut self) -> (Vec<String>, Result<Value, RpcError>) {
        let mut said = Vec::new();
        loop {
            match self.next().await.unwrap() {
                Answer::Notification(notification) => {
                    said.push(format!("{} {}", notification.method, notification.params.as_str()));
                }
                Answer::Done(outcome) => return (said, outcome.map(|result| result.read().unwrap())),
            }
        }
    }

    async fn error(&mut self) -> String {
        self.end().await.1.unwrap_err().message
    }
}
