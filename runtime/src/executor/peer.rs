//! One connection to a server of the older era (MCP 2025-11-25 and before), whatever carries its messages.
//!
//! The server is a stranger: it may say anything at any time, or nothing. Nothing it says makes this side wait, and all
//! that is held for it is bounded.

mod calls;
mod introduction;
mod line;
mod listeners;
mod reader;
mod stopwatch;

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;

use self::calls::{Calls, End};
use self::reader::Reader;
use self::stopwatch::Stopwatch;
use crate::message::{Answer, Id, Incoming, Json, Members, Message, Notification, Request, RpcError, code, meta};
use crate::sandbox::Limits;
use crate::server::{Card, ClientSession};

pub(crate) use self::introduction::IntroductionError;
pub(crate) use self::line::{Connect, Idle, Lines};
pub(crate) use self::listeners::Listeners;

/// How long a server that does not read may keep this side from telling it that a call was given up.
const FAREWELL: Duration = Duration::from_secs(1);

/// The two ends of a connection. Whoever carries the messages ends with the peer: `outgoing` gives nothing more then,
/// and nobody takes what goes to `incoming`. Both are bounded; a few messages are enough.
pub(crate) struct Connection {
    /// What goes to the server.
    pub(crate) outgoing: mpsc::Sender<Message>,
    /// What comes from it. Where this ends, the connection has ended.
    pub(crate) incoming: mpsc::Receiver<Incoming>,
    /// Why it ended, as half a sentence after "the connection to the server ended: "; sent before `incoming` ends.
    pub(crate) end: oneshot::Receiver<String>,
}

/// What the calls of one connection may use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallLimits {
    /// The wall time of one call, from when it is sent. It stands still while the client is asked something.
    pub(crate) time: Duration,
    /// What one call may be answered with in all, in bytes.
    pub(crate) output: u64,
    /// How many calls the server has at a time; further ones wait.
    pub(crate) concurrency: usize,
}

impl From<&Limits> for CallLimits {
    fn from(limits: &Limits) -> Self {
        Self { time: limits.time.value, output: limits.output.value, concurrency: limits.concurrency.value }
    }
}

/// A server that has introduced itself. Dropping it ends the connection, and with it every call.
pub(crate) struct Peer {
    open: Open,
    card: Arc<Card>,
}

/// An open connection. Dropping it ends it, and every call on it.
struct Open {
    shared: Arc<Shared>,
    reader: JoinHandle<()>,
}

/// What the calls and the reader of a connection share.
struct Shared {
    outgoing: mpsc::Sender<Message>,
    calls: Calls,
    permits: Semaphore,
    limits: CallLimits,
    stopwatch: Stopwatch,
    listeners: Arc<Listeners>,
    /// Whether the server was told that it may ask things.
    may_ask: bool,
}

impl Peer {
    /// Begins a session with the server: as this older client, or for all others together. Whatever the server says
    /// outside of calls goes to `listeners`. Has to be awaited on a runtime that outlives the connection: what goes on in
    /// the background runs there.
    ///
    /// # Errors
    /// See [`IntroductionError`].
    pub(crate) async fn connect(
        connection: Connection,
        session: Option<&ClientSession>,
        limits: CallLimits,
        listeners: Arc<Listeners>,
    ) -> Result<Self, IntroductionError> {
        let Connection { outgoing, incoming, end } = connection;
        let shared = Arc::new(Shared {
            outgoing,
            calls: Calls::default(),
            permits: Semaphore::new(limits.concurrency),
            limits,
            stopwatch: Stopwatch::default(),
            listeners,
            may_ask: session.is_some(),
        });
        let reader = tokio::spawn(Reader::new(Arc::clone(&shared)).run(incoming, end));
        let open = Open { shared, reader };
        let card = open.shared.introduce(session).await?;
        Ok(Self { open, card: Arc::new(card) })
    }

    /// What the server said of itself.
    pub(crate) fn card(&self) -> &Arc<Card> {
        &self.card
    }

    /// Whether the connection has ended.
    pub(crate) fn is_closed(&self) -> bool {
        self.open.shared.calls.closed().is_some()
    }

    /// For how long no call has been open or waiting.
    pub(crate) fn idle_for(&self) -> Duration {
        self.open.shared.calls.idle_for(Instant::now())
    }

    /// Sends a request of the older era, and passes on what the server says to it: the last is [`Answer::Done`]. Where
    /// `cancelled` is ready before that, the server is told so and nothing more is passed on.
    pub(crate) async fn serve(
        &self,
        request: Request,
        answers: mpsc::UnboundedSender<Answer>,
        cancelled: impl Future<Output = ()>,
    ) {
        let _busy = self.open.shared.calls.busy();
        if let Some(outcome) = self.open.shared.exchange(request, &answers, cancelled).await {
            // Nobody listens any more: the call was cancelled.
            let _ = answers.send(Answer::Done(outcome));
        }
    }

    /// Tells the server something. Lost where the server does not read what it is sent.
    pub(crate) fn notify(&self, notification: Notification) {
        let _ = self.open.shared.outgoing.try_send(Message::Notification(notification));
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.reader.abort();
        self.shared.calls.end("it was closed here");
    }
}

/// Why a call ends without an answer of the server's.
enum GivenUp {
    Cancelled,
    TimedOut,
    TooLong,
}

impl Shared {
    /// Nothing where the call was cancelled.
    async fn exchange(
        &self,
        request: Request,
        answers: &mpsc::UnboundedSender<Answer>,
        cancelled: impl Future<Output = ()>,
    ) -> Option<Result<Json, RpcError>> {
        let mut cancelled = pin!(cancelled);
        let _permit = tokio::select! {
            // The semaphore is never closed.
            permit = self.permits.acquire() => permit,
            () = &mut cancelled => return None,
        };
        let (call, ended) = match self.calls.open(answers.clone(), self.limits.output, wants_progress(&request)) {
            Ok(open) => open,
            Err(reason) => return Some(Err(disconnected(&reason))),
        };
        let request = if wants_progress(&request) { with_token(request, call.id()) } else { request };
        let message = Message::Request { id: call.id().clone(), request };
        let answered = async {
            // Where nobody takes messages any more, the reader knows why.
            let _ = self.outgoing.send(message).await;
            ended.await
        };
        let given_up = tokio::select! {
            end = answered => match end {
                Ok(End::Answered(outcome)) => return Some(outcome),
                Ok(End::Disconnected(reason)) => return Some(Err(disconnected(&reason))),
                Ok(End::TooLong) => GivenUp::TooLong,
                Err(_) => return Some(Err(disconnected("it broke off"))),
            },
            () = &mut cancelled => GivenUp::Cancelled,
            () = self.stopwatch.counts(self.limits.time) => GivenUp::TimedOut,
        };
        let id = call.id().clone();
        drop(call);
        self.tell_given_up(id, &given_up).await;
        let message = match given_up {
            GivenUp::Cancelled => return None,
            GivenUp::TimedOut => {
                format!("the call was ended at its time limit of {:?}; `--time` raises it", self.limits.time)
            }
            GivenUp::TooLong => {
                let mib = self.limits.output >> 20;
                format!("the call was ended when it sent more than {mib} MiB, its output limit; ask for less at a time")
            }
        };
        Some(Err(RpcError::new(code::INTERNAL_ERROR, message)))
    }

    /// MCP, "Cancellation".
    async fn tell_given_up(&self, id: Id, given_up: &GivenUp) {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct CancelledParams {
            request_id: Id,
            reason: &'static str,
        }
        let reason = match given_up {
            GivenUp::Cancelled => "the client cancelled it",
            GivenUp::TimedOut => "it took too long",
            GivenUp::TooLong => "its answer is too long",
        };
        let params = Json::of(&CancelledParams { request_id: id, reason });
        let message = Message::Notification(Notification { method: "notifications/cancelled".to_owned(), params });
        // A server that does not read does not hear it.
        let _ = tokio::time::timeout(FAREWELL, self.outgoing.send(message)).await;
    }
}

fn disconnected(reason: &str) -> RpcError {
    RpcError::new(code::INTERNAL_ERROR, format!("the connection to the server ended: {reason}"))
}

fn wants_progress(request: &Request) -> bool {
    let Ok(params) = request.params.members() else { return false };
    matches!(params.read::<Members<'_>>("_meta"), Ok(Some(meta)) if meta.get(meta::PROGRESS_TOKEN).is_some())
}

/// The request with our own token in the place of the client's: several clients may use the same one.
fn with_token(request: Request, id: &Id) -> Request {
    let Request { method, params } = request;
    let replaced = params.members().ok().and_then(|mut members| {
        let meta = {
            let mut meta: Members<'_> = members.read("_meta").ok()??;
            meta.set(meta::PROGRESS_TOKEN, Json::of(id));
            meta.to_json()
        };
        members.set("_meta", meta);
        Some(members.to_json())
    });
    Request { method, params: replaced.unwrap_or(params) }
}

#[cfg(test)]
mod tests;
