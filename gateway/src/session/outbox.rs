//! What is on its way to the client.

use lockgate_runtime::message::Message;
use serde::Serialize;
use tokio::sync::mpsc;

/// How many messages may wait to be sent. Whoever sends more waits, and what it would read next stays where it is.
const WAITING: usize = 64;

/// What a client is sent at once.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Outgoing {
    /// One message.
    Message(Message),
    /// The answers to a batch.
    Batch(Vec<Message>),
}

/// A way to one client, or into the answers of one batch.
#[derive(Debug, Clone)]
pub(crate) struct Outbox(mpsc::Sender<Outgoing>);

/// An outbox, and what comes out of it once all its clones are gone or while they are not.
pub(crate) fn outbox() -> (Outbox, mpsc::Receiver<Outgoing>) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (Outbox(sender), receiver)
}

impl Outbox {
    /// Sends, and waits where too much waits already. To a client that is gone, nothing is sent.
    pub(crate) async fn send(&self, outgoing: impl Into<Outgoing>) {
        let _ = self.0.send(outgoing.into()).await;
    }

    /// Sends if there is room.
    pub(crate) fn send_if_room(&self, outgoing: impl Into<Outgoing>) {
        let _ = self.0.try_send(outgoing.into());
    }
}

impl From<Message> for Outgoing {
    fn from(message: Message) -> Self {
        Self::Message(message)
    }
}
