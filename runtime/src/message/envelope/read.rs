//! From the bytes of one message to what it is.
//!
//! Whatever is decided on is read here once, from the text that is forwarded. A text that two readers could understand
//! differently is refused.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, SeqAccess, Visitor};

use super::super::{Id, Json, Members, Notification, Request, RpcError, code, meta};
use super::{Incoming, Message, Refusal};

/// The most messages in one batch: each needs an answer, which is longer than the shortest message.
const MAX_BATCH: usize = 256;

/// The members of an envelope.
const ENVELOPE: &[&str] = &["jsonrpc", "id", "method", "params", "result", "error"];

/// The members of `params` that anybody here decides on.
const PARAMS: &[&str] = &[
    "_meta",
    "argument",
    "arguments",
    "capabilities",
    "clientInfo",
    "context",
    "cursor",
    "inputResponses",
    "level",
    "name",
    "notifications",
    "protocolVersion",
    "ref",
    "requestId",
    "requestState",
    "uri",
];

impl Incoming {
    /// Reads what was received. Never fails: what cannot be read becomes its own answer.
    pub fn parse(bytes: &[u8]) -> Self {
        let Ok(text) = str::from_utf8(bytes) else {
            return Self::refused(None, code::PARSE_ERROR, "the message is not valid UTF-8");
        };
        match Json::parse(text) {
            Ok(json) if json.as_str().trim_start().starts_with('[') => Self::batch(&json),
            Ok(json) => Self::single(&json),
            Err(error) if error.is_well_formed() => {
                Self::refused(id_of_unchecked(text), code::INVALID_REQUEST, error.to_string())
            }
            Err(error) => Self::refused(None, code::PARSE_ERROR, format!("the message is not valid JSON: {error}")),
        }
    }

    fn batch(json: &Json) -> Self {
        match json.read::<Batch>() {
            Ok(Batch(messages)) if messages.is_empty() => {
                Self::refused(None, code::INVALID_REQUEST, "the batch is empty")
            }
            Ok(Batch(messages)) => Self::Batch(messages),
            Err(error) => Self::refused(None, code::INVALID_REQUEST, error.to_string()),
        }
    }

    fn single(json: &Json) -> Self {
        let Ok(envelope) = json.members() else {
            return Self::refused(None, code::INVALID_REQUEST, "a message is an object");
        };
        if let Some(name) = envelope.lookalike(ENVELOPE) {
            return Self::refused(None, code::INVALID_REQUEST, lookalike("the message", name));
        }
        match (envelope.get("method").is_some(), envelope.get("result").is_some() || envelope.get("error").is_some()) {
            (true, false) => Self::call(&envelope),
            (false, true) => Self::Message(response(&envelope)),
            (true, true) => {
                Self::refused(None, code::INVALID_REQUEST, "a message with a method has neither `result` nor `error`")
            }
            (false, false) => {
                let id = envelope.read("id").ok().flatten();
                Self::refused(id, code::INVALID_REQUEST, "a message has a `method`, a `result` or an `error`")
            }
        }
    }

    /// A request, or a notification where there is no id.
    fn call(envelope: &Members<'_>) -> Self {
        let Ok(id) = envelope.read::<Id>("id") else {
            return Self::refused(None, code::INVALID_REQUEST, "an id is a string or a number");
        };
        if !is_version_2(envelope) {
            return Self::refused(id, code::INVALID_REQUEST, "`jsonrpc` must be \"2.0\"");
        }
        let Ok(Some(method)) = envelope.read::<String>("method") else {
            return Self::refused(id, code::INVALID_REQUEST, "`method` must be a string");
        };
        match (id, params(envelope)) {
            (Some(id), Ok(params)) => Self::Message(Message::Request { id, request: Request { method, params } }),
            (None, Ok(params)) => Self::Message(Message::Notification(Notification { method, params })),
            (Some(id), Err(message)) => Self::refused(Some(id), code::INVALID_PARAMS, message),
            (None, Err(_)) => Self::Ignored,
        }
    }

    fn refused(id: Option<Id>, code: i64, message: impl Into<String>) -> Self {
        Self::Refused(Refusal { id, error: RpcError::new(code, message) })
    }
}

/// The messages of a batch. Too many are not read: each takes much more memory than text.
struct Batch(Vec<Incoming>);

impl<'de> Deserialize<'de> for Batch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BatchVisitor;
        impl<'de> Visitor<'de> for BatchVisitor {
            type Value = Batch;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Batch, A::Error> {
                let mut messages = Vec::new();
                while let Some(message) = items.next_element::<Json>()? {
                    if messages.len() == MAX_BATCH {
                        let message = format_args!("a batch has at most {MAX_BATCH} messages; send several");
                        return Err(A::Error::custom(message));
                    }
                    messages.push(Incoming::single(&message));
                }
                Ok(Batch(messages))
            }
        }
        deserializer.deserialize_seq(BatchVisitor)
    }
}

/// The id of a message that has a key twice, so that its sender need not wait for ever. Nothing where any key could be
/// taken for the id's.
fn id_of_unchecked(text: &str) -> Option<Id> {
    let envelope: Members<'_> = serde_json::from_str(text).ok()?;
    let is_unambiguous =
        envelope.lookalike(&["id"]).is_none() && envelope.iter().filter(|(key, _)| *key == "id").count() == 1;
    if is_unambiguous { envelope.read("id").ok().flatten() } else { None }
}

fn is_version_2(envelope: &Members<'_>) -> bool {
    matches!(envelope.read::<String>("jsonrpc"), Ok(Some(version)) if version == "2.0")
}

fn params(envelope: &Members<'_>) -> Result<Json, String> {
    let Ok(Some(params)) = envelope.read::<Json>("params") else {
        return Ok(Json::empty_object());
    };
    check(&params)?;
    Ok(params)
}

fn check(params: &Json) -> Result<(), String> {
    let members = params.members().map_err(|_| "`params` must be an object")?;
    if let Some(name) = members.lookalike(PARAMS) {
        return Err(lookalike("`params`", name));
    }
    let meta: Members<'_> = members.read("_meta").map_err(|_| "`_meta` must be an object")?.unwrap_or_default();
    match meta.lookalike(meta::OF_CLIENTS) {
        Some(name) => Err(lookalike("`_meta`", name)),
        None => Ok(()),
    }
}

fn lookalike(place: &str, name: &str) -> String {
    format!("a key of {place} differs from `{name}` in nothing but case or escapes")
}

/// A response is never answered: one that cannot be read ends its request with an error.
fn response(envelope: &Members<'_>) -> Message {
    let id = envelope.read("id").ok().flatten();
    let outcome = match (envelope.read::<Json>("result"), envelope.read::<RpcError>("error")) {
        (Ok(Some(result)), Ok(None)) if is_version_2(envelope) && result.is_object() => Ok(result),
        (Ok(None), Ok(Some(error))) if is_version_2(envelope) => Err(error),
        _ => Err(RpcError::new(code::INVALID_REQUEST, "the response is not of JSON-RPC's form")),
    };
    Message::Response { id, outcome }
}

#[cfg(test)]
mod tests;
