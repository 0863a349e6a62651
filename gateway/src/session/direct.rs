//! A command's own requests to a server, without a client in between: those of a client of today that can be asked
//! nothing.

use std::sync::Arc;

use lockgate_runtime::message::{Json, Members, Request, RpcError, code, meta};
use lockgate_runtime::{Caller, Card, ClientSession, Era, Link, Principal, Server};
use serde::Serialize;

use super::method::Served;
use super::revision::MODERN;
use super::upstream;
use crate::lock::{Kind, Page, Surface, SurfaceError, Watch};
use crate::router::Asked;

/// The most pages of a list that are asked for: a server could go on for ever.
const MAX_PAGES: usize = 1000;

/// The most items of all pages of a list, and the most bytes.
const MAX_ITEMS: usize = 10_000;
const MAX_BYTES: usize = 64 << 20;

/// A line to a server of either era.
pub(crate) struct Direct {
    link: Link,
    watch: Option<Arc<Watch>>,
    card: Arc<Card>,
    /// What the client can do that we are.
    capabilities: Json,
}

/// A client that a server may see in us: some have more tools for those that can do more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guise {
    /// One that can be asked nothing.
    Plain,
    /// One that can do all that MCP has.
    Able,
}

impl Guise {
    /// What it can do (MCP schema, `ClientCapabilities`).
    fn capabilities(self) -> Json {
        match self {
            Self::Plain => Json::empty_object(),
            Self::Able => Json::of(&serde_json::json!({
                "roots": { "listChanged": true },
                "sampling": { "context": {}, "tools": {} },
                "elicitation": { "form": {}, "url": {} },
                "tasks": {
                    "list": {},
                    "cancel": {},
                    "requests": { "sampling": { "createMessage": {} }, "elicitation": { "create": {} } },
                },
            })),
        }
    }

    /// Asks a server for everything that a model reads of it, and adds that.
    ///
    /// # Errors
    /// Where it does not say all of it, or something else than what is there already.
    pub(crate) async fn survey(self, server: &Server, surface: &mut Surface) -> Result<(), SurveyError> {
        let capabilities = self.capabilities();
        let session = (self == Self::Able).then(|| ClientSession {
            revision: "2025-11-25".to_owned(),
            info: info(),
            capabilities: capabilities.clone(),
        });
        let link = server.open(Caller { principal: Principal::local(), session });
        let card = link.card().await?;
        Direct { link, watch: None, card, capabilities }.add_to(surface).await
    }
}

/// Who we are.
fn info() -> Json {
    Json::of(&serde_json::json!({ "name": "lockgate", "version": env!("CARGO_PKG_VERSION") }))
}

/// Why it is not known what a server says.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SurveyError {
    /// It answers with an error, or not at all.
    #[error("{}", .0.message)]
    Rpc(RpcError),
    /// What it says cannot be understood.
    #[error(transparent)]
    Surface(#[from] SurfaceError),
}

impl From<RpcError> for SurveyError {
    fn from(error: RpcError) -> Self {
        Self::Rpc(error)
    }
}

impl Direct {
    /// Connects to the server, where that is what it takes. It is held to its lock, if there is one.
    ///
    /// # Errors
    /// Where it cannot be reached.
    pub(crate) async fn to(link: Link, watch: Option<Arc<Watch>>) -> Result<Self, RpcError> {
        let card = link.card().await?;
        Ok(Self { link, watch, card, capabilities: Json::empty_object() })
    }

    /// Calls a tool.
    ///
    /// # Errors
    /// Where `params` is no object.
    pub(crate) fn call_tool(&self, params: Json) -> Result<Asked, RpcError> {
        self.send("tools/call", params)
    }

    /// What a call of a tool came to.
    ///
    /// # Errors
    /// Where that is an error.
    pub(crate) fn called(&self, outcome: Result<Json, RpcError>) -> Result<Json, RpcError> {
        upstream::outcome(self.era(), Served::CallTool, outcome)
    }

    /// All pages of a list, each as the server's result.
    ///
    /// # Errors
    /// What the server answered instead, or where the list has no end.
    pub(crate) async fn list(&self, kind: Kind) -> Result<Vec<(Json, Page)>, SurveyError> {
        #[derive(Serialize)]
        struct Params<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            cursor: Option<&'a Json>,
        }
        let (mut pages, mut cursor): (Vec<(Json, Page)>, Option<Json>) = (Vec::new(), None);
        let (mut count, mut bytes) = (0, 0);
        while pages.len() < MAX_PAGES && count <= MAX_ITEMS && bytes <= MAX_BYTES {
            let asked = self.send(kind.method(), Json::of(&Params { cursor: cursor.as_ref() }))?;
            let result = upstream::outcome(self.era(), Served::List, asked.outcome().await)?;
            let page = Page::read(kind, &result)?;
            let next = page.next.clone();
            count += page.items.len();
            bytes += result.as_str().len();
            pages.push((result, page));
            match next {
                None => return Ok(pages),
                Some(next) if cursor.is_some_and(|cursor| cursor.as_str() == next.as_str()) => break,
                Some(next) => cursor = Some(next),
            }
        }
        let message = format!("the server's answer to {} does not come to an end", kind.method());
        Err(RpcError::new(code::INTERNAL_ERROR, message).into())
    }

    /// Adds everything that a model reads of it. A list that it does not say it has is empty.
    ///
    /// # Errors
    /// Where it does not say all of it, or something else than what is there already.
    async fn add_to(&self, surface: &mut Surface) -> Result<(), SurveyError> {
        surface.introduce(self.card.instructions.as_deref())?;
        let capabilities = self.card.capabilities.members().unwrap_or_default();
        for kind in Kind::ALL {
            let part = match kind {
                Kind::Tool => "tools",
                Kind::Prompt => "prompts",
                Kind::Resource | Kind::ResourceTemplate => "resources",
            };
            if capabilities.get(part).is_none() {
                continue;
            }
            match self.list(kind).await {
                Ok(pages) => {
                    for (_, page) in pages {
                        surface.add(kind, page)?;
                    }
                }
                // As servers with resources often have no templates.
                Err(SurveyError::Rpc(error)) if error.code == code::METHOD_NOT_FOUND => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn era(&self) -> Era {
        self.card.era
    }

    fn send(&self, method: &str, params: Json) -> Result<Asked, RpcError> {
        let mut of_request = Members::default();
        of_request.set(meta::PROTOCOL_VERSION, Json::of(&MODERN));
        of_request.set(meta::CLIENT_CAPABILITIES, self.capabilities.clone());
        of_request.set(meta::CLIENT_INFO, info());
        let mut members = params.members().unwrap_or_default();
        members.set("_meta", of_request.to_json());
        let params = upstream::params(self.era(), members.to_json())?;
        Asked::new(&self.link, Request { method: method.to_owned(), params }, self.watch.clone())
    }
}
