//! Several messages at once, which MCP had in one revision alone.

use std::sync::Arc;

use lockgate_runtime::message::{Incoming, Message, Refusal, Request, RpcError, code};
use tokio::sync::mpsc;

use super::budget::Charge;
use super::outbox::{Outbox, Outgoing, Reply, outbox};
use super::{Session, modern};

impl Session {
    /// Takes a batch. Its answers are sent together, in the order they come, once there are all.
    pub(super) async fn batch(self: &Arc<Self>, client: &Outbox, messages: Vec<Incoming>, bytes: usize) {
        if !self.legacy().is_some_and(|legacy| legacy.revision.has_batches()) {
            let message = "batches were a part of MCP 2025-03-26 alone; send one message a line";
            let outcome = Err(RpcError::new(code::INVALID_REQUEST, message));
            return client.send(Message::Response { id: None, outcome }).await;
        }
        let introductions = messages.len() * self.introduction();
        let charge = Arc::new(self.circle.budget().admit(bytes + introductions, messages.len()).await);
        let (answer, answers) = outbox();
        tokio::spawn(gather(answers, client.clone(), Arc::clone(&charge)));
        let reply = Reply { answer, before: client.clone() };
        for message in messages {
            match message {
                Incoming::Message(Message::Request { id, request }) => match check(&request) {
                    Ok(()) => self.request(id, request, Arc::clone(&charge), reply.clone()).await,
                    Err(error) => reply.answer.send(Message::Response { id: Some(id), outcome: Err(error) }).await,
                },
                Incoming::Message(Message::Notification(notification)) => self.notification(&notification),
                Incoming::Message(Message::Response { id: Some(id), outcome }) => self.questions.answer(&id, outcome),
                Incoming::Refused(Refusal { id, error }) => {
                    reply.answer.send(Message::Response { id, outcome: Err(error) }).await;
                }
                Incoming::Message(Message::Response { id: None, .. }) | Incoming::Batch(_) | Incoming::Ignored => {}
            }
        }
    }
}

/// What may not be in a batch: the beginning of a session (MCP 2025-03-26, "Initialization"), and what later revisions
/// send.
fn check(request: &Request) -> Result<(), RpcError> {
    if request.method == "initialize" || modern::is_modern(request)? {
        return Err(RpcError::new(code::INVALID_REQUEST, "this request cannot be part of a batch; send it alone"));
    }
    Ok(())
}

/// Collects the answers to a batch until all requests are answered or cancelled. Where there are none, nothing is sent.
async fn gather(mut answers: mpsc::Receiver<Outgoing>, client: Outbox, charge: Arc<Charge>) {
    let (mut batch, mut held) = (Vec::new(), Vec::new());
    while let Some(answer) = answers.recv().await {
        match answer {
            Outgoing::Message(message) => {
                if let Message::Response { outcome: Ok(result), .. } = &message {
                    held.push(charge.answered(result.as_str().len()));
                }
                batch.push(message);
            }
            Outgoing::Batch(messages) => batch.extend(messages),
        }
    }
    if !batch.is_empty() {
        client.send(Outgoing::Batch(batch)).await;
    }
}
