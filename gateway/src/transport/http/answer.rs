//! Answers as HTTP.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use lockgate_runtime::message::{Id, Message, RpcError, code};
use tokio::sync::OwnedSemaphorePermit;

use super::events::Events;
use crate::session::Outgoing;

/// What a request is answered with.
pub(super) type Answer = Response<Content>;

/// The body of an answer.
pub(super) enum Content {
    /// All of it, with its part of what long answers may have together.
    Whole(Option<Bytes>, #[expect(dead_code, reason = "it counts by being there")] Option<OwnedSemaphorePermit>),
    /// As it happens.
    Events(Events),
}

/// An answer without a body.
pub(super) fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Content::Whole(None, None));
    *answer.status_mut() = status;
    answer
}

/// An answer that is JSON.
pub(super) fn json(status: StatusCode, text: Bytes, room: Option<OwnedSemaphorePermit>) -> Answer {
    let mut answer = Response::new(Content::Whole(Some(text), room));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

/// An answer that goes on.
pub(super) fn events(events: Events) -> Answer {
    let mut answer = Response::new(Content::Events(events));
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// A message as JSON. Nothing of ours cannot be written.
pub(super) fn to_json(outgoing: &Outgoing) -> Bytes {
    serde_json::to_vec(outgoing).unwrap_or_default().into()
}

/// The answer to a request that no session takes.
pub(super) struct Refusal {
    status: StatusCode,
    header: Option<(HeaderName, &'static str)>,
    id: Option<Id>,
    error: RpcError,
}

impl Refusal {
    /// Says why.
    pub(super) fn new(status: StatusCode, message: &str) -> Self {
        Self::of(status, RpcError::new(code::INVALID_REQUEST, message))
    }

    /// Says what a program may understand.
    pub(super) fn of(status: StatusCode, error: RpcError) -> Self {
        Self { status, header: None, id: None, error }
    }

    /// With the id of the request, where that could be read.
    pub(super) fn to(self, id: Option<Id>) -> Self {
        Self { id, ..self }
    }

    /// With a header that its status asks for.
    pub(super) fn with(self, name: HeaderName, value: &'static str) -> Self {
        Self { header: Some((name, value)), ..self }
    }

    pub(super) fn into_answer(self) -> Answer {
        let Self { status, header, id, error } = self;
        let message = Message::Response { id, outcome: Err(error) };
        let mut answer = json(status, to_json(&message.into()), None);
        if let Some((name, value)) = header {
            answer.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        answer
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(text, _) => Poll::Ready(text.take().map(|text| Ok(Frame::data(text)))),
            Self::Events(events) => {
                events.as_mut().poll_next(context).map(|text| text.map(|text| Ok(Frame::data(text))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None, _))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(text, _) => SizeHint::with_exact(text.as_ref().map_or(0, |text| text.len() as u64)),
            Self::Events(_) => SizeHint::default(),
        }
    }
}
