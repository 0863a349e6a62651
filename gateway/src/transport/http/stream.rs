//! What the session of an older client is told unasked, and its end.

use std::sync::Arc;

use hyper::StatusCode;
use tokio::sync::watch;

use super::answer::{self, Answer, Refusal};
use super::events::{Next, QUIET, events};
use super::headers::Headers;
use super::sessions::Use;
use super::{Front, Guest};
use crate::session::check_spoken;

struct Stream {
    used: Use,
    number: u64,
    newest: watch::Receiver<u64>,
    ended: watch::Receiver<bool>,
    closing: watch::Receiver<bool>,
}

impl Front {
    /// Opens the stream of a session, in place of the one that was open before: its client may have lost that without
    /// anybody noticing.
    pub(super) fn stream(self: &Arc<Self>, guest: &Guest, headers: &Headers<'_>) -> Result<Answer, Refusal> {
        let used = self.find(guest, headers)?;
        headers.check_accept(&["text/event-stream"])?;
        let (number, newest) = used.take_stream();
        let ended = used.ended();
        let stream = Stream { used, number, newest, ended, closing: self.closing.clone() };
        Ok(answer::events(events(stream, Stream::next)))
    }

    /// Ends a session.
    pub(super) fn delete(&self, guest: &Guest, headers: &Headers<'_>) -> Result<Answer, Refusal> {
        let id = self.session_id(headers)?;
        if self.sessions.end(id, guest) { Ok(answer::empty(StatusCode::NO_CONTENT)) } else { Err(unknown_session()) }
    }

    /// The session that a request without a message means.
    fn find(&self, guest: &Guest, headers: &Headers<'_>) -> Result<Use, Refusal> {
        self.sessions.find(self.session_id(headers)?, guest).ok_or_else(unknown_session)
    }

    fn session_id<'a>(&self, headers: &Headers<'a>) -> Result<&'a str, Refusal> {
        let invalid = |error| Refusal::of(StatusCode::BAD_REQUEST, error);
        let has_sessions = match headers.protocol_version().map_err(invalid)? {
            Some(version) => check_spoken(version).map_err(invalid)?,
            None => true,
        };
        if !has_sessions {
            return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "this revision of MCP has POST alone")
                .with(hyper::header::ALLOW, "POST"));
        }
        headers.session_id().map_err(invalid)?.ok_or_else(|| {
            Refusal::new(
                StatusCode::BAD_REQUEST,
                "the header Mcp-Session-Id is missing; GET and DELETE are for sessions",
            )
        })
    }
}

/// The answer to an id that is no session, any more, or somebody else's: there is no way to tell.
pub(super) fn unknown_session() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "there is no such session; begin one with `initialize`")
}

impl Stream {
    async fn next(mut self) -> Option<(Next, Self)> {
        let number = self.number;
        let next = tokio::select! {
            biased;
            _ = self.newest.wait_for(|newest| *newest != number) => None,
            _ = self.ended.wait_for(|ended| *ended) => None,
            _ = self.closing.wait_for(|closing| *closing) => None,
            message = self.used.mailbox().take() => Some(Next::Message(message)),
            () = tokio::time::sleep(QUIET) => Some(Next::Nothing),
        };
        next.map(|next| (next, self))
    }
}
