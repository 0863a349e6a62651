//! What a server says, one message after the other. Nothing here waits for anybody.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, JoinSet};

use super::Shared;
use crate::message::{Id, Incoming, Json, Message, Notification, Refusal, Request, RpcError, code};
use crate::server::Question;

/// How many questions of a server wait for their answers at a time. Further ones are refused.
const MAX_QUESTIONS: usize = 16;

/// The longest question that is passed on, in bytes.
const MAX_QUESTION: usize = 1 << 20;

/// How long a question waits for its answer.
const QUESTION_TIME: Duration = Duration::from_secs(15 * 60);

/// How long to wait for the reason that a connection ended for.
const REASON_TIME: Duration = Duration::from_secs(5);

/// Takes what a server says.
pub(super) struct Reader {
    shared: Arc<Shared>,
    /// Those that wait for answers: they end with the reader.
    questions: JoinSet<()>,
    asked: HashMap<Id, AbortHandle>,
}

impl Reader {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, questions: JoinSet::new(), asked: HashMap::new() }
    }

    /// Reads to the end of the connection, and ends its calls.
    pub(super) async fn run(mut self, mut incoming: mpsc::Receiver<Incoming>, end: oneshot::Receiver<String>) {
        while let Some(message) = incoming.recv().await {
            self.take(message);
        }
        let reason = tokio::time::timeout(REASON_TIME, end).await;
        let reason = reason.ok().and_then(Result::ok).unwrap_or_else(|| "it was closed".to_owned());
        self.shared.calls.end(&reason);
    }

    fn take(&mut self, incoming: Incoming) {
        match incoming {
            Incoming::Message(Message::Response { id: Some(id), outcome }) => {
                self.shared.calls.answer(&id, outcome);
            }
            Incoming::Message(Message::Request { id, request }) => self.question(id, request),
            Incoming::Message(Message::Notification(notification)) => self.notification(notification),
            Incoming::Batch(messages) => messages.into_iter().for_each(|message| self.take(message)),
            Incoming::Refused(Refusal { id: Some(id), error }) => self.refused(id, error),
            // The server could not read something, or said something that cannot be read: nobody knows what.
            Incoming::Message(Message::Response { id: None, .. })
            | Incoming::Refused(Refusal { id: None, .. })
            | Incoming::Ignored => {}
        }
    }

    /// A message that cannot be read: the answer to a call of ours, or a request of the server's.
    fn refused(&self, id: Id, error: RpcError) {
        let message = format!("the server's answer cannot be read: {}", error.message);
        if !self.shared.calls.answer(&id, Err(RpcError::new(code::INTERNAL_ERROR, message))) {
            self.reply(id, Err(error));
        }
    }

    fn question(&mut self, id: Id, request: Request) {
        if request.method == "ping" {
            return self.reply(id, Ok(Json::empty_object()));
        }
        if !self.shared.may_ask {
            return self.reply(id, Err(nobody_answers(&request.method)));
        }
        while self.questions.try_join_next().is_some() {}
        if self.questions.len() >= MAX_QUESTIONS || request.params.as_str().len() > MAX_QUESTION {
            let message = "the client is asked too much at a time";
            return self.reply(id, Err(RpcError::new(code::INTERNAL_ERROR, message)));
        }
        self.asked.retain(|_, question| !question.is_finished());
        let unanswered = nobody_answers(&request.method);
        let (question, answer) = Question::new(request);
        let (outgoing, still) = (self.shared.outgoing.clone(), self.shared.stopwatch.stop());
        self.shared.listeners.ask(question);
        let waiting = self.questions.spawn({
            let id = id.clone();
            async move {
                let outcome = match tokio::time::timeout(QUESTION_TIME, answer).await {
                    Ok(Ok(outcome)) => outcome,
                    // Dropped: nobody listens, or whoever did has gone.
                    Ok(Err(_)) => Err(unanswered),
                    Err(_) => Err(RpcError::new(code::INTERNAL_ERROR, "the client did not answer in time")),
                };
                drop(still);
                // Where the connection has ended, nobody waits for the answer.
                let _ = outgoing.send(Message::Response { id: Some(id), outcome }).await;
            }
        });
        self.asked.insert(id, waiting);
    }

    fn notification(&mut self, notification: Notification) {
        match notification.method.as_str() {
            "notifications/progress" => self.progress(notification),
            "notifications/cancelled" => self.withdrawn(&notification.params),
            // A server logs while it works: with one call open, that is the one it works on.
            "notifications/message" => {
                if let Some(notification) = self.shared.calls.notify_only(notification) {
                    self.shared.listeners.tell(&notification);
                }
            }
            _ => self.shared.listeners.tell(&notification),
        }
    }

    fn progress(&self, notification: Notification) {
        let Notification { method, params } = notification;
        let Ok(mut members) = params.members() else { return };
        let Ok(Some(token)) = members.read::<Id>("progressToken") else { return };
        members.remove("progressToken");
        let params = members.to_json();
        self.shared.calls.progress(&token, Notification { method, params });
    }

    /// The server does not want to know any more.
    fn withdrawn(&mut self, params: &Json) {
        let id = params.members().ok().and_then(|members| members.read::<Id>("requestId").ok().flatten());
        if let Some(question) = id.and_then(|id| self.asked.remove(&id)) {
            question.abort();
        }
    }

    /// Answers the server at once. Lost where it does not read: then it does not hear this either.
    fn reply(&self, id: Id, outcome: Result<Json, RpcError>) {
        let _ = self.shared.outgoing.try_send(Message::Response { id: Some(id), outcome });
    }
}

fn nobody_answers(method: &str) -> RpcError {
    RpcError::new(code::METHOD_NOT_FOUND, format!("the client does not serve {method}"))
}
