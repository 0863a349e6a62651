//! How a session of the older era begins (MCP 2025-11-25, "Lifecycle").

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::Shared;
use crate::message::{Json, Message, Notification, Request, RpcError};
use crate::server::{Card, ClientSession, Era};
use crate::untrusted::Untrusted;

/// The revisions of the older era, the newest first.
const REVISIONS: [&str; 4] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];

/// How much a server may say of itself, in bytes: it is kept, and told to every client.
const MAX_INTRODUCTION: usize = 1 << 20;

/// Why a server is not spoken with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IntroductionError {
    /// The connection ended first.
    #[error("the server did not introduce itself: {0}")]
    Ended(String),
    /// It did not answer, or answered with an error.
    #[error("the server did not introduce itself: {0}")]
    Failed(String),
    /// It speaks a revision that is not known here.
    #[error("the server speaks revision `{}` of MCP, which is none of {}", .0.to_line(40), REVISIONS.join(", "))]
    Revision(Untrusted),
    /// What it says of itself cannot be read.
    #[error("what the server says of itself is not of MCP's form: {0}")]
    Malformed(String),
    /// It says too much.
    #[error("the server says more of itself than {MAX_INTRODUCTION} bytes")]
    TooLong,
}

/// MCP schema, `InitializeRequestParams`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InitializeParams<'a> {
    protocol_version: &'a str,
    capabilities: Json,
    client_info: Json,
}

/// MCP schema, `InitializeResult`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InitializeResult {
    protocol_version: String,
    #[serde(default = "Json::empty_object")]
    capabilities: Json,
    #[serde(default = "Json::empty_object")]
    server_info: Json,
    #[serde(default)]
    instructions: Option<String>,
}

impl Shared {
    /// Begins the session.
    pub(super) async fn introduce(&self, session: Option<&ClientSession>) -> Result<Card, IntroductionError> {
        let request = Request { method: "initialize".to_owned(), params: params(session) };
        // A notification that comes before the session has begun belongs to nobody.
        let (answers, _nobody) = mpsc::unbounded_channel();
        let outcome = self.exchange(request, &answers, std::future::pending()).await;
        let failed = |error: RpcError| match self.calls.closed() {
            Some(_) => IntroductionError::Ended(error.message),
            None => IntroductionError::Failed(error.message),
        };
        let nothing = || IntroductionError::Failed("there was no answer".to_owned());
        let card = card(&outcome.ok_or_else(nothing)?.map_err(failed)?)?;
        let initialized = Notification { method: "notifications/initialized".to_owned(), params: Json::empty_object() };
        // Where it cannot be sent, the first call says why.
        let sent = self.outgoing.send(Message::Notification(initialized));
        let _ = tokio::time::timeout(self.limits.time.min(Duration::from_secs(5)), sent).await;
        Ok(card)
    }
}

fn params(session: Option<&ClientSession>) -> Json {
    #[derive(Serialize)]
    struct Implementation {
        name: &'static str,
        title: &'static str,
        version: &'static str,
    }
    Json::of(&match session {
        Some(session) => InitializeParams {
            protocol_version: &session.revision,
            capabilities: session.capabilities.clone(),
            client_info: session.info.clone(),
        },
        None => InitializeParams {
            protocol_version: REVISIONS[0],
            capabilities: Json::empty_object(),
            client_info: Json::of(&Implementation {
                name: "lockgate",
                title: "Lockgate",
                version: env!("CARGO_PKG_VERSION"),
            }),
        },
    })
}

fn card(result: &Json) -> Result<Card, IntroductionError> {
    if result.as_str().len() > MAX_INTRODUCTION {
        return Err(IntroductionError::TooLong);
    }
    let said: InitializeResult = result.read().map_err(|error| IntroductionError::Malformed(error.to_string()))?;
    if !REVISIONS.contains(&said.protocol_version.as_str()) {
        return Err(IntroductionError::Revision(Untrusted::new(said.protocol_version)));
    }
    if !said.capabilities.is_object() || !said.server_info.is_object() {
        return Err(IntroductionError::Malformed("`capabilities` and `serverInfo` must be objects".to_owned()));
    }
    Ok(Card {
        era: Era::Legacy,
        server_info: said.server_info,
        capabilities: said.capabilities,
        instructions: said.instructions,
    })
}
