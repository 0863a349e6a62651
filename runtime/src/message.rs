//! What walks along a [`Link`](crate::Link): requests down, answers up. Plain data, in the shape of MCP 2026-07-28.
//!
//! A message that passes through is not re-typed: parameters and results stay the text they came as ([`Json`]), and
//! unknown members survive. What is decided on is read from that same text.

mod envelope;
mod id;
mod json;
mod members;
pub mod meta;
mod object;

pub use envelope::{Incoming, Message, Refusal};
pub use id::{Id, InvalidId};
pub use json::{Json, JsonError, MAX_DEPTH};
pub use members::{Members, same_but_for_case};
pub(crate) use object::ObjectWriter;

use serde::{Deserialize, Serialize};

/// One request to a server, in the modern shape: `_meta` inside `params` carries what older revisions keep in a session.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method, as `tools/call`.
    pub method: String,
    /// The parameters: always an object, `{}` where a client sent none.
    pub params: Json,
}

/// What a server says in answer to one request. The last one is [`Answer::Done`].
#[derive(Debug, Clone)]
pub enum Answer {
    /// Something on the way, as `notifications/progress` or `notifications/message`.
    Notification(Notification),
    /// The end of the request.
    Done(Result<Json, RpcError>),
}

/// A message without an answer. `params` of a progress notification carries no `progressToken`: the session that asked
/// for progress knows which token its client gave.
#[derive(Debug, Clone)]
pub struct Notification {
    /// The method, as `notifications/progress`.
    pub method: String,
    /// The parameters: always an object.
    pub params: Json,
}

/// A failure of the protocol (JSON-RPC 2.0, §5.1). The message is for the client, and may hold a stranger's words.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RpcError {
    /// A code of JSON-RPC or MCP, see [`code`].
    pub code: i64,
    /// One sentence.
    pub message: String,
    /// Anything more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Json>,
}

impl RpcError {
    /// An error without `data`.
    pub fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None }
    }
}

/// The codes that Lockgate itself answers with (JSON-RPC 2.0, §5.1; MCP 2026-07-28, "Error Codes").
pub mod code {
    /// The text is no JSON.
    pub const PARSE_ERROR: i64 = -32700;
    /// The JSON is no request.
    pub const INVALID_REQUEST: i64 = -32600;
    /// Nobody serves this method.
    pub const METHOD_NOT_FOUND: i64 = -32601;
    /// The parameters are of the wrong form, or name something unknown.
    pub const INVALID_PARAMS: i64 = -32602;
    /// The server failed.
    pub const INTERNAL_ERROR: i64 = -32603;
    /// A resource is unknown, in revisions up to 2025-11-25; later ones say [`INVALID_PARAMS`].
    pub const LEGACY_RESOURCE_NOT_FOUND: i64 = -32002;
    /// A header says something else than the body, or is missing where the body needs one.
    pub const HEADER_MISMATCH: i64 = -32020;
    /// The request needs a capability the client did not declare.
    pub const MISSING_CLIENT_CAPABILITY: i64 = -32021;
    /// The client speaks a revision that is not spoken here.
    pub const UNSUPPORTED_PROTOCOL_VERSION: i64 = -32022;
}
