//! What is asked of a client with a session: requests in the other direction, which ended with MCP 2025-11-25.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lockgate_runtime::message::{Id, Json, Message, Notification, Request, RpcError, code};
use serde::Serialize;
use tokio::sync::oneshot;

use super::outbox::Outbox;

type Answer = Result<Json, RpcError>;

/// The questions that a client has not answered yet.
#[derive(Debug, Default)]
pub(super) struct Questions(Mutex<Open>);

#[derive(Debug, Default)]
struct Open {
    asked: u64,
    /// Nobody answers any more.
    closed: bool,
    waiting: HashMap<Id, oneshot::Sender<Answer>>,
}

/// A question that was asked. Dropping it unanswered takes it back.
pub(super) struct Question {
    id: Id,
    answer: oneshot::Receiver<Answer>,
    client: Outbox,
    questions: Arc<Questions>,
}

impl Questions {
    /// Asks `client` what `request` makes of a name that no other question has. Where it cannot be reached, the question
    /// stays unanswered.
    pub(super) async fn ask(self: &Arc<Self>, client: &Outbox, request: impl FnOnce(&str) -> Request) -> Question {
        let (answered, answer) = oneshot::channel();
        let (name, closed) = {
            let mut open = self.lock();
            open.asked += 1;
            let name = format!("lockgate-{}", open.asked);
            if !open.closed {
                open.waiting.insert(Id::of(&name), answered);
            }
            (name, open.closed)
        };
        let question = Question { id: Id::of(&name), answer, client: client.clone(), questions: Arc::clone(self) };
        let asked = Message::Request { id: question.id.clone(), request: request(&name) };
        if !closed && !client.deliver(asked).await {
            self.lock().waiting.remove(&question.id);
        }
        question
    }

    /// Takes an answer of the client. One to nothing that was asked is ignored.
    pub(super) fn answer(&self, id: &Id, answer: Answer) {
        if let Some(waiting) = self.lock().waiting.remove(id) {
            // Whoever asked may just have been cancelled.
            let _ = waiting.send(answer);
        }
    }

    /// Ends all questions: the client has said its last word.
    pub(super) fn close(&self) {
        let mut open = self.lock();
        open.closed = true;
        open.waiting.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Question {
    /// Waits for the answer.
    pub(super) async fn answer(mut self) -> Answer {
        (&mut self.answer)
            .await
            .unwrap_or_else(|_| Err(RpcError::new(code::INTERNAL_ERROR, "it went away before it answered")))
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct CancelledParams<'a> {
            request_id: &'a Id,
        }
        if self.questions.lock().waiting.remove(&self.id).is_none() {
            return;
        }
        let params = Json::of(&CancelledParams { request_id: &self.id });
        let cancelled = Notification { method: "notifications/cancelled".to_owned(), params };
        // Best effort, as dropping cannot wait: an answer that still comes is ignored.
        self.client.send_if_room(Message::Notification(cancelled));
    }
}
