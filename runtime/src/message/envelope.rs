//! What goes over a stream (JSON-RPC 2.0, §4 to §6; MCP, "Messages"), as it is written, and as it is read.

mod read;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::{Id, Json, Notification, Request, RpcError};

/// What one side sends to the other.
#[derive(Debug, Clone)]
pub enum Message {
    /// Wants an answer.
    Request {
        /// What the answer will carry.
        id: Id,
        /// What is asked.
        request: Request,
    },
    /// Wants none.
    Notification(Notification),
    /// Is one. Without an id it belongs to a request that its sender could not read.
    Response {
        /// The id of the request.
        id: Option<Id>,
        /// How the request ended.
        outcome: Result<Json, RpcError>,
    },
}

/// What was received.
#[derive(Debug)]
pub enum Incoming {
    /// A message.
    Message(Message),
    /// Several at once (MCP 2025-03-26 alone).
    Batch(Vec<Incoming>),
    /// Something to answer with an error.
    Refused(Refusal),
    /// Something wrong that nobody waits for an answer to.
    Ignored,
}

/// The answer to something that is no message.
#[derive(Debug)]
pub struct Refusal {
    /// The id, where one could be read.
    pub id: Option<Id>,
    /// What is wrong.
    pub error: RpcError,
}

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut envelope = serializer.serialize_struct("Message", 4)?;
        envelope.serialize_field("jsonrpc", "2.0")?;
        match self {
            Self::Request { id, request } => {
                envelope.serialize_field("id", id)?;
                envelope.serialize_field("method", &request.method)?;
                envelope.serialize_field("params", &request.params)?;
            }
            Self::Notification(notification) => {
                envelope.serialize_field("method", &notification.method)?;
                envelope.serialize_field("params", &notification.params)?;
            }
            Self::Response { id, outcome } => {
                envelope.serialize_field("id", id)?;
                match outcome {
                    Ok(result) => envelope.serialize_field("result", result)?,
                    Err(error) => envelope.serialize_field("error", error)?,
                }
            }
        }
        envelope.end()
    }
}
