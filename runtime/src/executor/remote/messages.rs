//! One answer of HTTP as messages, whether it is a JSON document or a stream of events.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, header};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;

use super::failure::Failure;
use super::sse::EventParser;
use crate::message::{Incoming, Message};
use crate::sandbox::HttpResponse;
use crate::untrusted::Untrusted;

/// The longest message, in bytes.
pub(super) const MAX_MESSAGE: usize = 16 * 1024 * 1024;

/// What a message costs beyond its text: it is held in memory until the client takes it.
const COST_EACH: u64 = 256;

type Body = UnsyncBoxBody<Bytes, Failure>;

/// The messages of one answer, in their order.
pub(super) struct Messages {
    source: Source,
    /// Those that came at once with one that was taken.
    waiting: VecDeque<Message>,
    bytes_left: u64,
}

enum Source {
    /// One document, which has not been read yet, or nothing any more.
    Document(Option<Body>),
    Events(Box<Events>),
}

struct Events {
    body: Body,
    parser: EventParser,
    /// What came and is not parsed yet.
    chunk: Bytes,
}

impl Messages {
    /// Reads the head of an answer. Its messages may have `bytes` in all.
    pub(super) fn of(response: HttpResponse, bytes: u64) -> Result<Self, Failure> {
        let plain = HeaderValue::from_static("identity");
        if response.headers.get_all(header::CONTENT_ENCODING).iter().any(|encoding| encoding != plain) {
            return Err(Failure::Compressed);
        }
        let kind = content_type(&response);
        let body = response.body.map_err(|_| Failure::Broken).boxed_unsync();
        let source = match kind.as_deref() {
            Some("application/json") => Source::Document(Some(body)),
            Some("text/event-stream") => {
                Source::Events(Box::new(Events { body, parser: EventParser::new(MAX_MESSAGE), chunk: Bytes::new() }))
            }
            _ => return Err(Failure::NotMcp(kind.map(Untrusted::new))),
        };
        Ok(Self { source, waiting: VecDeque::new(), bytes_left: bytes })
    }

    /// The next message; nothing at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Message>, Failure> {
        loop {
            if let Some(message) = self.waiting.pop_front() {
                return Ok(Some(message));
            }
            let text = match &mut self.source {
                Source::Document(body) => match body.take() {
                    Some(body) => whole(body, self.bytes_left).await?,
                    None => return Ok(None),
                },
                Source::Events(events) => match events.next().await? {
                    Some(text) => text,
                    None => return Ok(None),
                },
            };
            let cost = COST_EACH.saturating_add(text.len() as u64);
            self.bytes_left = self.bytes_left.checked_sub(cost).ok_or(Failure::OutputLimit)?;
            collect(Incoming::parse(&text), &mut self.waiting)?;
        }
    }

    /// Where to resume from, and how long to wait before; nothing where the answer cannot be resumed.
    pub(super) fn resume(&self) -> Option<(HeaderValue, Option<Duration>)> {
        let Source::Events(events) = &self.source else { return None };
        let id = Some(events.parser.last_id()).filter(|id| !id.is_empty())?;
        Some((HeaderValue::from_bytes(id).ok()?, events.parser.retry()))
    }

    /// How many bytes there may still be.
    pub(super) fn bytes_left(&self) -> u64 {
        self.bytes_left
    }
}

impl Events {
    /// What the next event carries. Marks to resume from, and events of types that MCP does not have, are passed over.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        loop {
            let mut bytes = &*self.chunk;
            let event = self.parser.next(&mut bytes)?;
            let taken = self.chunk.len() - bytes.len();
            self.chunk = self.chunk.split_off(taken);
            match event {
                Some(event) if event.kind == b"message" && !event.data.is_empty() => return Ok(Some(event.data)),
                Some(_) => continue,
                None => {}
            }
            match self.body.frame().await {
                Some(frame) => self.chunk = frame?.into_data().unwrap_or_default(),
                None => return Ok(None),
            }
        }
    }
}

/// The type of an answer, without its parameters and in small letters.
pub(super) fn content_type(response: &HttpResponse) -> Option<String> {
    let value = response.headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// Reads a document of at most `limit` bytes.
pub(super) async fn whole(mut body: Body, limit: u64) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    while let Some(frame) = body.frame().await {
        let part = frame?.into_data().unwrap_or_default();
        if (text.len() + part.len()) as u64 > limit {
            return Err(Failure::OutputLimit);
        }
        if text.len() + part.len() > MAX_MESSAGE {
            return Err(Failure::TooLong(MAX_MESSAGE));
        }
        text.extend_from_slice(&part);
    }
    Ok(text)
}

/// Adds the messages of a text. Servers of MCP 2025-03-26 may send several at once.
fn collect(incoming: Incoming, into: &mut VecDeque<Message>) -> Result<(), Failure> {
    match incoming {
        Incoming::Message(message) => into.push_back(message),
        Incoming::Batch(messages) => messages.into_iter().try_for_each(|message| collect(message, into))?,
        Incoming::Refused(refusal) => return Err(Failure::Unreadable(refusal.error.message)),
        Incoming::Ignored => {}
    }
    Ok(())
}
