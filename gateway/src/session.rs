//! One client, whichever revision of MCP it speaks.
//!
//! Links speak MCP 2026-07-28, where every request stands for itself. This room is the only one that knows of older
//! revisions, in which a client begins a session and is asked questions in it. Both may come on one stream at any time:
//! a client that found out with `server/discover` what is spoken here may still begin a session.

mod alone;
mod ask;
mod batch;
mod budget;
mod call;
mod circle;
mod client;
mod direct;
mod flights;
mod heard;
mod input;
mod legacy;
mod level;
mod listen;
mod method;
mod modern;
mod offers;
mod outbox;
mod progress;
mod questions;
mod rename;
mod request;
mod revision;
mod several;
mod subscriptions;
mod upstream;

use std::sync::{Arc, Mutex, PoisonError};

use lockgate_runtime::Principal;
use lockgate_runtime::message::{Id, Incoming, Message, Notification, Refusal};
use serde::Deserialize;
use tokio::sync::watch;

pub(crate) use self::alone::{Alone, check_spoken, neither_era};
pub(crate) use self::circle::Circle;
use self::client::Legacy;
pub(crate) use self::direct::{Direct, Guise, SurveyError};
use self::flights::Flights;
use self::offers::Offers;
use self::outbox::Reply;
pub(crate) use self::outbox::{Mailbox, Outbox, Outgoing, outbox};
use self::questions::Questions;
use self::subscriptions::Subscriptions;
use crate::names::ServerId;
use crate::router::Router;
use crate::servers::View;

/// One client: what it said of itself, what it waits for, and the way to it.
pub(crate) struct Session {
    router: Router,
    outbox: Outbox,
    circle: Circle,
    flights: Arc<Flights>,
    questions: Arc<Questions>,
    subscriptions: Arc<Subscriptions>,
    /// The client of a session in the older sense, if it began one.
    legacy: Mutex<Option<Arc<Legacy>>>,
    closing: watch::Sender<bool>,
}

impl Session {
    /// A client of `principal` that sees `view`, and is sent what comes out of `outbox`.
    pub(crate) fn new(view: View, principal: Principal, outbox: Outbox) -> Arc<Self> {
        Self::among(Circle::of_one(), view, principal, outbox)
    }

    /// As [`new`](Self::new), for one of several clients.
    pub(crate) fn among(circle: Circle, view: View, principal: Principal, outbox: Outbox) -> Arc<Self> {
        Arc::new(Self {
            router: Router::new(view, principal),
            questions: Arc::default(),
            outbox,
            circle,
            flights: Arc::default(),
            subscriptions: Arc::default(),
            legacy: Mutex::default(),
            closing: watch::Sender::new(false),
        })
    }

    /// Takes what was received, of `bytes` bytes. Returns once the next may be taken: where too much is under way, or
    /// waits to be sent, that is later. Needs a tokio runtime, on which the work is done.
    pub(crate) async fn receive(self: &Arc<Self>, incoming: Incoming, bytes: usize) {
        self.receive_into(&self.outbox, incoming, bytes).await;
    }

    /// As [`receive`](Self::receive), where all that comes of it goes to `client`.
    pub(crate) async fn receive_into(self: &Arc<Self>, client: &Outbox, incoming: Incoming, bytes: usize) {
        match incoming {
            Incoming::Message(Message::Request { id, request }) => {
                let charge = self.circle.budget().admit(bytes + self.introduction(), 1).await;
                self.request(id, request, Arc::new(charge), Reply::to(client)).await;
            }
            Incoming::Message(Message::Notification(notification)) => self.notification(&notification),
            Incoming::Message(Message::Response { id: Some(id), outcome }) => self.questions.answer(&id, outcome),
            // Whatever could not be read, it was no request: there is nothing to end.
            Incoming::Message(Message::Response { id: None, .. }) | Incoming::Ignored => {}
            Incoming::Refused(Refusal { id, error }) => {
                client.send(Message::Response { id, outcome: Err(error) }).await;
            }
            Incoming::Batch(messages) => self.batch(client, messages, bytes).await,
        }
    }

    /// The client has said its last word: its questions stay unanswered, its subscriptions end. What else is under way
    /// is finished.
    pub(crate) fn close(&self) {
        self.closing.send_replace(true);
        self.questions.close();
    }

    /// Ends what is under way, unanswered.
    pub(crate) fn cancel_all(&self) {
        self.flights.cancel_all();
    }

    fn legacy(&self) -> Option<Arc<Legacy>> {
        self.legacy.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the servers offer, as far as it is known.
    fn offers(&self) -> Offers {
        match self.router.known_card(ServerId::FIRST) {
            Some(card) if self.router.names().is_one() => Offers::read(&card.capabilities),
            _ => Offers::ALL,
        }
    }

    /// How many bytes each request of this client is made longer by.
    fn introduction(&self) -> usize {
        self.legacy().map_or(0, |legacy| legacy.introduction())
    }

    fn notification(&self, notification: &Notification) {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct CancelledParams {
            request_id: Id,
        }
        // All others say what nothing here depends on; an older server may want to know that roots changed.
        if notification.method == "notifications/roots/list_changed" {
            self.pass_on_to_servers(notification);
        }
        if notification.method == "notifications/cancelled"
            && let Ok(cancelled) = notification.params.read::<CancelledParams>()
        {
            self.flights.cancel(&cancelled.request_id);
        }
    }
}

#[cfg(test)]
mod tests;
