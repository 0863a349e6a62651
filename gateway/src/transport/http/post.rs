//! One message, or one batch, and what is answered on the same connection.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{self, Body};
use hyper::{StatusCode, header};
use lockgate_runtime::message::{Id, Incoming, Message, Refusal as Unreadable, Request, RpcError, code};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

use super::super::MAX_MESSAGE;
use super::answer::{self, Answer, Refusal};
use super::events::{Next, QUIET, events};
use super::headers::{Headers, SESSION_ID};
use super::sessions::Use;
use super::stream::unknown_session;
use super::{Front, Guest, LONG};
use crate::session::{Alone, Mailbox, Outbox, Outgoing, Session, check_spoken, neither_era, outbox};

/// How long a client may take to send a message.
const BODY_TIME: Duration = Duration::from_secs(30);

/// After how long without an answer the answer begins nevertheless, as a stream: clients give up where nothing comes.
const PATIENCE: Duration = Duration::from_secs(10);

/// What has to stay while a request is answered.
enum Holds {
    /// The session of one request alone, which ends with it: whoever goes away wants no answer any more.
    Alone(OneRequest),
    /// A session, which stays.
    Session(#[expect(dead_code, reason = "it counts by being there")] Use),
}

/// A session of one request. Dropping it cancels what is under way.
struct OneRequest(Arc<Session>);

/// What comes of one request.
struct Answers {
    messages: mpsc::Receiver<Outgoing>,
    holds: Holds,
    closing: watch::Receiver<bool>,
    /// What was taken out and is still to be passed on.
    first: Option<Outgoing>,
    done: bool,
    took_leave: bool,
}

impl Front {
    /// Takes what a client posts.
    pub(super) async fn post(
        self: &Arc<Self>,
        guest: Guest,
        headers: &Headers<'_>,
        body: body::Incoming,
    ) -> Result<Answer, Refusal> {
        headers.check_content()?;
        headers.check_accept(&["application/json", "text/event-stream"])?;
        let (text, _room) = self.read(body).await?;
        match Incoming::parse(&text) {
            Incoming::Message(Message::Request { id, request }) => {
                let answered = self.request(guest, headers, &id, request, text.len()).await;
                answered.map_err(|refusal| refusal.to(Some(id)))
            }
            Incoming::Message(Message::Notification(notification)) => {
                headers.check_method(&notification.method).map_err(invalid)?;
                let incoming = Incoming::Message(Message::Notification(notification));
                self.aside(&guest, headers, incoming, text.len()).await
            }
            incoming @ Incoming::Message(Message::Response { .. }) => {
                self.aside(&guest, headers, incoming, text.len()).await
            }
            incoming @ Incoming::Batch(_) => {
                let used = self.session(&guest, headers)?;
                self.in_session(used, incoming, text.len()).await
            }
            Incoming::Refused(Unreadable { id, error }) => Err(invalid(error).to(id)),
            Incoming::Ignored => Err(Refusal::new(StatusCode::BAD_REQUEST, "the notification is not of MCP's form")),
        }
    }

    /// Answers a request of either era. What it says of itself decides, and its headers have to agree.
    async fn request(
        self: &Arc<Self>,
        guest: Guest,
        headers: &Headers<'_>,
        id: &Id,
        request: Request,
        bytes: usize,
    ) -> Result<Answer, Refusal> {
        if let Some(alone) = Alone::read(&request).map_err(invalid)? {
            headers.check(&alone).map_err(invalid)?;
            alone.check().map_err(|error| match error.code {
                code::METHOD_NOT_FOUND => Refusal::of(StatusCode::NOT_FOUND, error),
                _ => invalid(error),
            })?;
            let incoming = Incoming::Message(Message::Request { id: id.clone(), request });
            return Ok(self.alone(guest, incoming, bytes).await);
        }
        let begins = request.method == "initialize";
        if !self.has_sessions(headers)? {
            return Err(invalid(if begins { begins_without_sessions() } else { neither_era() }));
        }
        let incoming = Incoming::Message(Message::Request { id: id.clone(), request });
        if begins && headers.session_id().map_err(invalid)?.is_none() {
            return self.initialize(&guest, incoming, bytes).await;
        }
        let used = self.session(&guest, headers)?;
        self.in_session(used, incoming, bytes).await
    }

    /// Answers a request that says everything itself.
    async fn alone(self: &Arc<Self>, guest: Guest, incoming: Incoming, bytes: usize) -> Answer {
        let (reply, messages) = outbox();
        let circle = self.circle(&guest);
        let session = OneRequest(Session::among(circle, guest.view, guest.principal, reply));
        session.0.receive(incoming, bytes).await;
        self.conclude(messages, Holds::Alone(session)).await
    }

    /// Answers a request, or a batch, in its session.
    async fn in_session(self: &Arc<Self>, used: Use, incoming: Incoming, bytes: usize) -> Result<Answer, Refusal> {
        let (reply, messages) = outbox();
        used.session().receive_into(&reply, incoming, bytes).await;
        drop(reply);
        Ok(self.conclude(messages, Holds::Session(used)).await)
    }

    /// Begins a session.
    async fn initialize(self: &Arc<Self>, guest: &Guest, incoming: Incoming, bytes: usize) -> Result<Answer, Refusal> {
        let mailbox = Arc::new(Mailbox::default());
        let outbox_of_session = Outbox::Mailbox(Arc::clone(&mailbox));
        let session =
            Session::among(self.circle(guest), guest.view.clone(), guest.principal.clone(), outbox_of_session);
        let (reply, mut messages) = outbox();
        session.receive_into(&reply, incoming, bytes).await;
        drop(reply);
        let Some(answer) = messages.recv().await else {
            return Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the session did not begin"));
        };
        let begun = matches!(&answer, Outgoing::Message(Message::Response { outcome: Ok(_), .. }));
        let mut answer = self.whole(&answer, false).await;
        if begun {
            let failed = |message: &str| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, message);
            let id = self
                .sessions
                .keep(guest, session, mailbox)
                .map_err(|_| failed("too many sessions are in use; end some first"))?
                .ok()
                .and_then(|id| header::HeaderValue::try_from(id).ok())
                .ok_or_else(|| failed("the system gives no random numbers"))?;
            answer.headers_mut().insert(SESSION_ID, id);
        }
        Ok(answer)
    }

    /// Takes a message that is not answered.
    async fn aside(
        self: &Arc<Self>,
        guest: &Guest,
        headers: &Headers<'_>,
        incoming: Incoming,
        bytes: usize,
    ) -> Result<Answer, Refusal> {
        // Without sessions, there is nothing that it could be about.
        if self.has_sessions(headers)? {
            self.session(guest, headers)?.session().receive(incoming, bytes).await;
        }
        Ok(answer::empty(StatusCode::ACCEPTED))
    }

    /// Whether the client speaks a revision that has sessions. One that says nothing is an old one.
    fn has_sessions(&self, headers: &Headers<'_>) -> Result<bool, Refusal> {
        match headers.protocol_version().map_err(invalid)? {
            Some(version) => check_spoken(version).map_err(invalid),
            None => Ok(true),
        }
    }

    /// The session that a message belongs to.
    fn session(&self, guest: &Guest, headers: &Headers<'_>) -> Result<Use, Refusal> {
        self.has_sessions(headers)?;
        match headers.session_id().map_err(invalid)? {
            Some(id) => self.sessions.find(id, guest).ok_or_else(unknown_session),
            None => Err(invalid(neither_era())),
        }
    }

    /// Waits for the first that comes of a request, and answers with it alone where it is the answer.
    async fn conclude(&self, mut messages: mpsc::Receiver<Outgoing>, holds: Holds) -> Answer {
        let first = match tokio::time::timeout(PATIENCE, messages.recv()).await {
            Ok(Some(first)) if is_answer(&first) => {
                return self.whole(&first, matches!(holds, Holds::Alone(_))).await;
            }
            Ok(Some(first)) => Some(first),
            // The request was cancelled, or what was sent needs no answer.
            Ok(None) => return answer::empty(StatusCode::ACCEPTED),
            Err(_) => None,
        };
        let closing = self.closing.clone();
        let answers = Answers { messages, holds, closing, first, done: false, took_leave: false };
        answer::events(events(answers, Answers::next))
    }

    /// One message as an answer, to a request that stands for itself or to one of a session.
    async fn whole(&self, outgoing: &Outgoing, stands_alone: bool) -> Answer {
        let text = answer::to_json(outgoing);
        let room = room(&self.writing, text.len()).await;
        answer::json(status(outgoing, stands_alone), text, room)
    }

    /// Reads a message to its end, with its part of what long messages may have together.
    async fn read(&self, body: body::Incoming) -> Result<(Bytes, Option<OwnedSemaphorePermit>), Refusal> {
        let too_long = || {
            let message = format!("a message has at most {} MiB", MAX_MESSAGE >> 20);
            Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, &message)
        };
        let declared = body.size_hint().upper().and_then(|upper| usize::try_from(upper).ok());
        if declared.is_some_and(|declared| declared > MAX_MESSAGE) {
            return Err(too_long());
        }
        let read = async {
            let room = room(&self.reading, declared.unwrap_or(MAX_MESSAGE)).await;
            Limited::new(body, MAX_MESSAGE).collect().await.map(|text| (text.to_bytes(), room))
        };
        match tokio::time::timeout(BODY_TIME, read).await {
            Ok(Ok(read)) => Ok(read),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_long()),
            Ok(Err(_)) => Err(Refusal::new(StatusCode::BAD_REQUEST, "the message broke off")),
            Err(_) => Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, "the message did not come in time")),
        }
    }
}

/// Waits until a long text has room among others. A short one needs none.
async fn room(all: &Arc<Semaphore>, bytes: usize) -> Option<OwnedSemaphorePermit> {
    if bytes <= LONG {
        return None;
    }
    let bytes = u32::try_from(bytes.min(super::LONG_BYTES)).unwrap_or(u32::MAX);
    // It is never closed, which is the only way to fail.
    Arc::clone(all).acquire_many_owned(bytes).await.ok()
}

fn invalid(error: RpcError) -> Refusal {
    Refusal::of(StatusCode::BAD_REQUEST, error)
}

fn begins_without_sessions() -> RpcError {
    let message = "the header MCP-Protocol-Version names a revision without sessions, and `initialize` begins one";
    RpcError::new(code::HEADER_MISMATCH, message)
}

fn is_answer(outgoing: &Outgoing) -> bool {
    matches!(outgoing, Outgoing::Message(Message::Response { .. }) | Outgoing::Batch(_))
}

/// An error is an answer like any other, unless MCP gives it a status of its own, as it does for newer clients. What has
/// no id could not be read.
fn status(outgoing: &Outgoing, stands_alone: bool) -> StatusCode {
    match outgoing {
        Outgoing::Message(Message::Response { outcome: Err(error), id })
            if id.is_none() || (stands_alone && error.code == code::MISSING_CLIENT_CAPABILITY) =>
        {
            StatusCode::BAD_REQUEST
        }
        _ => StatusCode::OK,
    }
}

impl Answers {
    async fn next(mut self) -> Option<(Next, Self)> {
        if self.done {
            return None;
        }
        let first = self.first.take();
        let next = match first {
            Some(first) => Some(Next::Message(first)),
            None => self.wait().await,
        };
        let next = next?;
        self.done = matches!(&next, Next::Message(message) if is_answer(message));
        Some((next, self))
    }

    async fn wait(&mut self) -> Option<Next> {
        loop {
            tokio::select! {
                biased;
                message = self.messages.recv() => return message.map(Next::Message),
                _ = self.closing.wait_for(|closing| *closing), if !self.took_leave => {
                    self.took_leave = true;
                    if let Holds::Alone(session) = &self.holds {
                        // Subscriptions are ended in good form.
                        session.0.close();
                    }
                }
                () = tokio::time::sleep(QUIET) => return Some(Next::Nothing),
            }
        }
    }
}

impl Drop for OneRequest {
    fn drop(&mut self) {
        self.0.close();
        self.0.cancel_all();
    }
}
