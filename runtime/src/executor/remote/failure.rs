//! How an exchange with a remote server goes wrong, and what the client is told: what failed, why, and what to do next.

use std::time::Duration;

use http::StatusCode;
use url::Url;

use super::sse::EventTooLong;
use crate::message::{RpcError, code};
use crate::sandbox::{BrokerError, Unreachable};
use crate::spec::ServerName;
use crate::untrusted::Untrusted;

/// Why a request has no result.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server answered with an error of the protocol.
    Answered(RpcError),
    /// The server answered with an error of HTTP alone.
    Status(StatusCode),
    /// The server has too much to do. It may have said when to come back.
    Busy(StatusCode, Option<Duration>),
    /// The server sends one elsewhere: to this origin, where that can be read.
    Moved(Option<String>),
    /// The session that the request names is over.
    SessionLost,
    /// The server took the request for something that needs no answer.
    NoAnswer,
    /// The answer is of another type than JSON and server-sent events.
    NotMcp(Option<Untrusted>),
    /// The answer is compressed, which was not asked for.
    Compressed,
    /// The answer is no message that could be read, for this reason.
    Unreadable(String),
    /// The answer is to another request.
    OtherAnswer,
    /// The answer, or what comes with it, is longer than the server's limit of bytes.
    OutputLimit,
    /// An event or message is longer than it may ever be, in bytes.
    TooLong(usize),
    /// The answer ended in the middle.
    Broken,
    /// It was not done in time.
    TimedOut,
    /// No request was sent, or its answer did not begin.
    Broker(BrokerError),
    /// The server speaks no revision of MCP that is spoken here, but these.
    OtherRevisions(Vec<Untrusted>),
    /// The server introduced itself with something that is not MCP: this part of it.
    Introduction(&'static str),
    /// The request is for a method that no header can carry.
    UnfitMethod,
}

/// What a message says of the server and its limits.
pub(super) struct About<'a> {
    pub(super) name: &'a ServerName,
    pub(super) url: &'a Url,
    pub(super) has_credential: bool,
    pub(super) time: Duration,
    pub(super) output: u64,
}

impl From<BrokerError> for Failure {
    fn from(error: BrokerError) -> Self {
        Self::Broker(error)
    }
}

impl From<EventTooLong> for Failure {
    fn from(EventTooLong(limit): EventTooLong) -> Self {
        Self::TooLong(limit)
    }
}

impl Failure {
    /// What the client is told. Of the URL it shows the origin alone: the rest of it may be a secret.
    pub(super) fn into_rpc_error(self, about: &About<'_>) -> RpcError {
        let About { name, url, has_credential, time, output } = about;
        let origin = url.origin().ascii_serialization();
        let message = match self {
            Self::Answered(error) => return error,
            Self::UnfitMethod => {
                return RpcError::new(code::METHOD_NOT_FOUND, "a method has letters, digits and / alone");
            }
            Self::Status(status) => status_message(status, name, *has_credential, &origin),
            Self::Busy(status, again) => {
                let again = again.map_or_else(|| "later".to_owned(), |wait| format!("in {} s", wait.as_secs()));
                format!("{origin} has too much to do now ({status}); nothing is retried here: try again {again}")
            }
            Self::Moved(Some(host)) => format!(
                "the server has moved: {origin} redirects to {host}, and redirects are not followed; if you trust that host, write its URL as the server's source"
            ),
            Self::Moved(None) => {
                format!("the server has moved: {origin} redirects elsewhere; ask its operator for the new URL")
            }
            Self::SessionLost => format!("{origin} ends every session at once; ask its operator whether it is well"),
            Self::NoAnswer => format!("{origin} took the request and promises no answer, which is not MCP"),
            Self::NotMcp(kind) => not_mcp(kind, &origin),
            Self::Compressed => {
                format!("{origin} compressed its answer without being asked to; a proxy in front of it may do so")
            }
            Self::Unreadable(reason) => {
                format!("the answer of {origin} is not MCP: {}", Untrusted::new(reason).to_line(300))
            }
            Self::OtherAnswer => format!("{origin} answered another request than the one it was sent"),
            Self::OutputLimit => {
                let mib = output >> 20;
                format!("the call was ended when it sent more than {mib} MiB, its output limit; ask for less at a time")
            }
            Self::TooLong(limit) => {
                format!("{origin} sent a message of more than {} MiB; ask for less at a time", limit >> 20)
            }
            Self::Broken => {
                format!(
                    "{origin} closed the connection in the middle of its answer; whether it did the work is not known"
                )
            }
            Self::TimedOut => {
                format!(
                    "{origin} had not answered when the call was ended at its time limit of {time:?}; `--time` raises it"
                )
            }
            Self::Broker(error @ (BrokerError::NotGranted(_) | BrokerError::StandIn(_))) => {
                format!("a request to {origin} was not sent: {error}")
            }
            Self::Broker(BrokerError::Dial(error)) => unreachable_message(&error.reason(), &origin),
            Self::OtherRevisions(revisions) => {
                let names = Vec::from_iter(revisions.iter().take(8).map(|revision| revision.to_line(32))).join(", ");
                format!(
                    "{origin} speaks only revisions of MCP that are not spoken here: {names}; update Lockgate, or ask its operator"
                )
            }
            Self::Introduction(part) => {
                format!("{origin} does not introduce itself as a server of MCP: its {part} is not of MCP's form")
            }
        };
        RpcError::new(code::INTERNAL_ERROR, message)
    }
}

fn status_message(status: StatusCode, name: &ServerName, has_credential: bool, origin: &str) -> String {
    let credential = || match has_credential {
        true => "it was sent the credential of its grant: a new one may be needed".to_owned(),
        false => format!(
            "if it needs a credential, keep it with `lockgate secret set {name}.token`, and write into the configuration:\n\n[servers.{name}.grant.credentials.token]\nsecret = \"{name}.token\"\nheader = \"Authorization\"\nformat = \"Bearer {{}}\"\n"
        ),
    };
    match status {
        StatusCode::UNAUTHORIZED => format!("{origin} wants to know who is calling ({status}); {}", credential()),
        StatusCode::FORBIDDEN => format!("{origin} does not allow this ({status}); {}", credential()),
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
            format!("{origin} has no MCP endpoint of today at this URL ({status}); check the path, which often is /mcp")
        }
        status if status.is_server_error() => {
            format!("{origin} failed ({status}); its operator's log says why")
        }
        status => format!("{origin} refused the request ({status})"),
    }
}

fn not_mcp(kind: Option<Untrusted>, origin: &str) -> String {
    match kind {
        Some(kind) if kind.expose() == "text/html" => {
            format!("{origin} answered with a web page, not with MCP; check the URL: the endpoint's path often is /mcp")
        }
        Some(kind) => format!(
            "{origin} answered with {}, where MCP has application/json or text/event-stream; check the URL",
            kind.to_line(80)
        ),
        None => {
            format!("{origin} does not say what its answer is, where MCP has application/json or text/event-stream")
        }
    }
}

fn unreachable_message(reason: &Unreachable, origin: &str) -> String {
    match reason {
        Unreachable::UnknownName => format!("{origin} cannot be found: its name is not known here; check the URL"),
        Unreachable::NotPublic => format!(
            "{origin} leads to an address that is not of the public internet; only a URL that writes that address out reaches it"
        ),
        Unreachable::OwnListener => format!("{origin} is where Lockgate itself listens, which no server may reach"),
        Unreachable::Refused => format!("{origin} refuses connections; is the server running, and on this port?"),
        Unreachable::TimedOut => format!("{origin} does not take the connection; is the server running?"),
        Unreachable::Tls(reason) => format!(
            "{origin} cannot be trusted: {}; the certificate of an authority of your own goes into `[network] roots`",
            reason.to_line(300)
        ),
        Unreachable::Other(reason) => format!("{origin} cannot be reached: {}", reason.to_line(300)),
    }
}
