//! What is on its way to the client.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lockgate_runtime::message::Message;
use serde::Serialize;
use tokio::sync::{Notify, mpsc};

/// How many messages may wait to be sent. Whoever sends more waits, and what it would read next stays where it is.
const WAITING: usize = 64;

/// How many messages, and how many of their bytes, wait in a mailbox for a client that may never look.
const MAILBOX_MESSAGES: usize = 64;
const MAILBOX_BYTES: usize = 1 << 20;

/// What a client is sent at once.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Outgoing {
    /// One message.
    Message(Message),
    /// The answers to a batch.
    Batch(Vec<Message>),
}

/// A way to one client, to one of its requests, or into the answers of one batch.
#[derive(Debug, Clone)]
pub(crate) enum Outbox {
    /// Somebody takes out what is put in, until they are gone.
    Stream(mpsc::Sender<Outgoing>),
    /// Somebody may come to look.
    Mailbox(Arc<Mailbox>),
}

/// Where what comes of one request goes.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    /// Its answer.
    pub(super) answer: Outbox,
    /// What is said and asked before.
    pub(super) before: Outbox,
}

/// An outbox, and what comes out of it once all its clones are gone or while they are not.
pub(crate) fn outbox() -> (Outbox, mpsc::Receiver<Outgoing>) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (Outbox::Stream(sender), receiver)
}

impl Outbox {
    /// Sends, and waits where too much waits already. To a client that is gone, nothing is sent.
    pub(crate) async fn send(&self, outgoing: impl Into<Outgoing>) {
        self.deliver(outgoing).await;
    }

    /// As [`send`](Self::send), and says whether somebody may still take it out.
    pub(super) async fn deliver(&self, outgoing: impl Into<Outgoing>) -> bool {
        match self {
            Self::Stream(sender) => sender.send(outgoing.into()).await.is_ok(),
            Self::Mailbox(mailbox) => mailbox.put(outgoing.into()),
        }
    }

    /// Sends if there is room.
    pub(crate) fn send_if_room(&self, outgoing: impl Into<Outgoing>) {
        match self {
            Self::Stream(sender) => drop(sender.try_send(outgoing.into())),
            Self::Mailbox(mailbox) => drop(mailbox.put(outgoing.into())),
        }
    }
}

impl Reply {
    /// All of it goes to one place.
    pub(super) fn to(client: &Outbox) -> Self {
        Self { answer: client.clone(), before: client.clone() }
    }
}

impl From<Message> for Outgoing {
    fn from(message: Message) -> Self {
        Self::Message(message)
    }
}

impl Outgoing {
    /// About how many bytes it has.
    fn weight(&self) -> usize {
        fn of(message: &Message) -> usize {
            let text = match message {
                Message::Request { request, .. } => request.params.as_str(),
                Message::Notification(notification) => notification.params.as_str(),
                Message::Response { outcome: Ok(result), .. } => result.as_str(),
                Message::Response { outcome: Err(error), .. } => &error.message,
            };
            text.len()
        }
        match self {
            Self::Message(message) => of(message),
            Self::Batch(messages) => messages.iter().map(of).sum(),
        }
    }
}

/// Messages for a client that is told of them when it comes. What does not fit in is lost: nobody waits for a client
/// that may never come.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    waiting: Mutex<Waiting>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    messages: VecDeque<Outgoing>,
    bytes: usize,
}

impl Mailbox {
    /// Whether it fits in.
    fn put(&self, outgoing: Outgoing) -> bool {
        let weight = outgoing.weight();
        {
            let mut waiting = self.lock();
            if waiting.messages.len() >= MAILBOX_MESSAGES || waiting.bytes + weight > MAILBOX_BYTES {
                return false;
            }
            waiting.bytes += weight;
            waiting.messages.push_back(outgoing);
        }
        self.arrived.notify_one();
        true
    }

    /// Takes out the next message, once there is one.
    pub(crate) async fn take(&self) -> Outgoing {
        loop {
            if let Some(outgoing) = self.take_if_any() {
                return outgoing;
            }
            self.arrived.notified().await;
        }
    }

    fn take_if_any(&self) -> Option<Outgoing> {
        let mut waiting = self.lock();
        let outgoing = waiting.messages.pop_front()?;
        waiting.bytes -= outgoing.weight();
        Some(outgoing)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use lockgate_runtime::message::{Json, Notification};

    use super::*;

    fn notification(bytes: usize) -> Message {
        let params = Json::of(&"x".repeat(bytes - 2));
        Message::Notification(Notification { method: "n".to_owned(), params })
    }

    #[tokio::test]
    async fn a_mailbox_keeps_so_many_messages_and_bytes_and_loses_the_rest() {
        let mailbox = Mailbox::default();
        let kept = (0..100).filter(|_| mailbox.put(notification(10).into())).count();
        assert_eq!(kept, MAILBOX_MESSAGES);
        for _ in 0..kept {
            mailbox.take().await;
        }
        assert!(mailbox.take_if_any().is_none());
        assert!(mailbox.put(notification(MAILBOX_BYTES).into()));
        assert!(!mailbox.put(notification(10).into()));
        mailbox.take().await;
        assert!(mailbox.put(notification(10).into()));
    }

    #[tokio::test]
    async fn whoever_waits_at_a_mailbox_is_told() {
        let mailbox = Arc::new(Mailbox::default());
        let waiting = tokio::spawn({
            let mailbox = Arc::clone(&mailbox);
            async move { mailbox.take().await.weight() }
        });
        tokio::task::yield_now().await;
        Outbox::Mailbox(mailbox).send(notification(10)).await;
        assert_eq!(waiting.await.unwrap(), 10);
    }
}
