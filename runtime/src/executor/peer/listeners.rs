//! Who hears what a server says outside of calls.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use crate::message::Notification;
use crate::server::{Question, ServerMessage};

/// How many messages wait for a listener that does not listen. Further ones are lost.
const WAITING: usize = 64;

/// The longest notification that is passed on, in bytes: with [`WAITING`], it bounds what is held for a listener.
const MAX_NOTIFICATION: usize = 256 << 10;

/// Everybody who took a server's messages. They outlive a connection.
#[derive(Default)]
pub(crate) struct Listeners(Mutex<Vec<mpsc::Sender<ServerMessage>>>);

impl Listeners {
    /// What is said from now on.
    pub(crate) fn listen(&self) -> mpsc::Receiver<ServerMessage> {
        let (sender, receiver) = mpsc::channel(WAITING);
        let mut listeners = self.lock();
        listeners.retain(|listener| !listener.is_closed());
        listeners.push(sender);
        receiver
    }

    /// Tells everybody.
    pub(super) fn tell(&self, notification: &Notification) {
        if notification.params.as_str().len() > MAX_NOTIFICATION {
            return;
        }
        for listener in &*self.lock() {
            // Lost where the listener has gone, or does not listen.
            let _ = listener.try_send(ServerMessage::Notification(notification.clone()));
        }
    }

    /// Asks whoever came last. Where nobody listens, the question is dropped, and so answered with an error.
    pub(super) fn ask(&self, question: Question) {
        let mut message = ServerMessage::Question(question);
        for listener in self.lock().iter().rev() {
            match listener.try_send(message) {
                Ok(()) => return,
                Err(mpsc::error::TrySendError::Full(back) | mpsc::error::TrySendError::Closed(back)) => message = back,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<mpsc::Sender<ServerMessage>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
