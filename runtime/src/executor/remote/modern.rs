//! Servers of MCP 2026-07-28: every request stands for itself, and its answer comes back on the same exchange.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderMap;
use serde::Deserialize;
use tokio::sync::mpsc;

use super::endpoint::Endpoint;
use super::failure::Failure;
use super::messages::Messages;
use super::mirrored::Mirrored;
use super::{MODERN, headers, introduction};
use crate::message::{Answer, Id, Json, Message, Notification, ObjectWriter, Request, RpcError, code, meta};
use crate::server::{Card, Era};
use crate::untrusted::Untrusted;

/// The most pages of tools that are asked for: a server could go on for ever.
const MAX_PAGES: usize = 100;

/// The revisions that begin with `initialize`, the newest first.
const LEGACY: [&str; 4] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];

/// A server of this era, as one principal uses it.
pub(super) struct Modern {
    endpoint: Arc<Endpoint>,
    ids: AtomicU64,
    card: Arc<Card>,
    mirrored: Mirrored,
}

/// Which era a server is of.
pub(super) enum Found {
    /// This one, and this is what it says of itself.
    Modern(Card),
    /// The one before, as far as it can be told: it does not know what it was asked.
    Older,
}

impl Modern {
    pub(super) fn new(endpoint: Arc<Endpoint>, card: Card) -> Self {
        Self { endpoint, ids: AtomicU64::new(1), card: Arc::new(card), mirrored: Mirrored::default() }
    }

    pub(super) fn card(&self) -> &Arc<Card> {
        &self.card
    }

    /// Sends a request, and waits for its result. Dropped before, it is cancelled: that the exchange ends tells the
    /// server so.
    pub(super) async fn call(
        &self,
        request: &Request,
        answers: &mpsc::UnboundedSender<Answer>,
        bytes: u64,
    ) -> Result<Json, Failure> {
        let hear = |notification| {
            // Nobody listens any more: the call is about to be ended.
            let _ = answers.send(Answer::Notification(notification));
        };
        match (&*request.method, self.send(request, bytes, &hear).await) {
            ("tools/list", Ok(list)) => Ok(self.mirrored.learn(list)),
            // The server did not run it, as a header is not what its list of tools asks for now.
            ("tools/call", Err(Failure::Answered(error))) if error.code == code::HEADER_MISMATCH => {
                self.list_tools(bytes).await?;
                self.send(request, bytes, &hear).await
            }
            (_, outcome) => outcome,
        }
    }

    async fn send(&self, request: &Request, bytes: u64, hear: impl Fn(Notification)) -> Result<Json, Failure> {
        let token = format!("lockgate-{}", self.ids.fetch_add(1, Ordering::Relaxed));
        let mut more = HeaderMap::new();
        if request.method == "tools/call" {
            self.mirrored.add_to(&mut more, &request.params);
        }
        exchange(&self.endpoint, &token, request, more, bytes, hear).await
    }

    /// Learns which headers the tools ask for now.
    async fn list_tools(&self, bytes: u64) -> Result<(), Failure> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Page {
            next_cursor: Option<String>,
        }
        let mut params = Json::empty_object();
        for _ in 0..MAX_PAGES {
            let list = self.send(&Request { method: "tools/list".to_owned(), params }, bytes, drop).await?;
            let Ok(Page { next_cursor: Some(cursor) }) = self.mirrored.learn(list).read() else { return Ok(()) };
            params = ObjectWriter::new().with("cursor", cursor).finish();
        }
        Ok(())
    }
}

/// Asks a server what it is.
///
/// # Errors
/// Where that does not tell its era either: it is down, guarded, or something else altogether.
pub(super) async fn discover(endpoint: &Endpoint, name: &str, bytes: u64) -> Result<Found, Failure> {
    let request = Request { method: "server/discover".to_owned(), params: Json::empty_object() };
    match exchange(endpoint, "lockgate-0", &request, HeaderMap::new(), bytes, drop).await {
        Ok(result) => read_discovery(&result, name),
        Err(failure) => is_older(failure).map(|()| Found::Older),
    }
}

/// Decides whether a server that did not say what it is, is of the era before. Whatever says that something is in the
/// way, says nothing of the era: a server that is down for a moment would else be taken for another one.
fn is_older(failure: Failure) -> Result<(), Failure> {
    match failure {
        Failure::Answered(error) if error.code == code::UNSUPPORTED_PROTOCOL_VERSION => is_older_by_list(error),
        // Only servers of this era know these.
        Failure::Answered(error) if [code::HEADER_MISMATCH, code::MISSING_CLIENT_CAPABILITY].contains(&error.code) => {
            Err(Failure::Answered(error))
        }
        // Older ones have many words for a request that they do not know, or that comes before `initialize`.
        Failure::Answered(_) | Failure::NoAnswer => Ok(()),
        Failure::Status(status) => match status.as_u16() {
            401 | 403 | 407 | 408 | 502 | 504 => Err(Failure::Status(status)),
            _ => Ok(()),
        },
        other => Err(other),
    }
}

/// A server that names its revisions may still speak one of the era before.
fn is_older_by_list(error: RpcError) -> Result<(), Failure> {
    #[derive(Deserialize)]
    struct Data {
        supported: Vec<String>,
    }
    let Some(Ok(Data { supported })) = error.data.as_ref().map(|data| data.read()) else {
        return Err(Failure::Answered(error));
    };
    older_of(supported)
}

fn older_of(supported: Vec<String>) -> Result<(), Failure> {
    if supported.iter().any(|revision| LEGACY.contains(&revision.as_str())) {
        return Ok(());
    }
    Err(Failure::OtherRevisions(supported.into_iter().map(Untrusted::new).collect()))
}

/// Reads the result of `server/discover` (MCP schema, `DiscoverResult`).
fn read_discovery(result: &Json, name: &str) -> Result<Found, Failure> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct DiscoverResult {
        supported_versions: Vec<String>,
        #[serde(default = "Json::empty_object")]
        capabilities: Json,
        instructions: Option<String>,
        #[serde(rename = "_meta", default = "Json::empty_object")]
        meta: Json,
    }
    let result: DiscoverResult = result.read().map_err(|_| Failure::Introduction("answer to server/discover"))?;
    if !result.supported_versions.iter().any(|revision| revision == MODERN) {
        return older_of(result.supported_versions).map(|()| Found::Older);
    }
    if !result.capabilities.is_object() {
        return Err(Failure::Introduction("`capabilities`"));
    }
    let meta = result.meta.members().map_err(|_| Failure::Introduction("`_meta`"))?;
    let info: Option<Json> = meta.read(meta::SERVER_INFO).ok().flatten().filter(Json::is_object);
    Ok(Found::Modern(Card {
        era: Era::Modern,
        server_info: info.unwrap_or_else(|| introduction::nameless(name)),
        capabilities: result.capabilities,
        instructions: result.instructions,
    }))
}

/// Sends one request as `token`, with more headers than all have, and waits for its result.
async fn exchange(
    endpoint: &Endpoint,
    token: &str,
    request: &Request,
    more: HeaderMap,
    bytes: u64,
    hear: impl Fn(Notification),
) -> Result<Json, Failure> {
    let id = Id::of(token);
    let (params, asked) = introduced(&request.params, token)?;
    let request = Request { method: request.method.clone(), params };
    let mut headers = headers::modern(&request)?;
    headers.extend(more);
    let reply = endpoint.post(headers, &Message::Request { id: id.clone(), request }, bytes).await?;
    let mut messages = reply.messages.ok_or(Failure::NoAnswer)?;
    let outcome = outcome(&mut messages, &id, |message| {
        // A server of this era asks nothing by itself (MCP 2026-07-28, "Receiving Messages").
        if let Message::Notification(notification) = message
            && let Some(notification) = passed_on(notification, asked.as_deref())
        {
            hear(notification);
        }
    });
    outcome.await?.ok_or(Failure::Broken)?.map_err(Failure::Answered)
}

/// The answer to the request with this id; nothing where the messages end without one.
async fn outcome(
    messages: &mut Messages,
    id: &Id,
    mut hear: impl FnMut(Message),
) -> Result<Option<Result<Json, RpcError>>, Failure> {
    while let Some(message) = messages.next().await? {
        match message {
            Message::Response { id: Some(answered), outcome } if answered == *id => return Ok(Some(outcome)),
            // It could not read which request that was.
            Message::Response { id: None, outcome: Err(error) } => return Ok(Some(Err(error))),
            Message::Response { .. } => return Err(Failure::OtherAnswer),
            other => hear(other),
        }
    }
    Ok(None)
}

/// A notification as links carry it. Progress is passed on only under the token that it was asked for with, and comes
/// without it.
fn passed_on(notification: Notification, asked: Option<&str>) -> Option<Notification> {
    if notification.method != "notifications/progress" {
        return Some(notification);
    }
    let mut params = notification.params.members().ok()?;
    let reported: Option<String> = params.read(meta::PROGRESS_TOKEN).ok()?;
    if asked.is_none() || reported.as_deref() != asked {
        return None;
    }
    params.remove(meta::PROGRESS_TOKEN);
    let params = params.to_json();
    Some(Notification { params, ..notification })
}

/// Parameters with what every request of this era says of its client, and the token for progress, if that is asked for.
/// What is known of the client stays; its token becomes ours, as several clients may use the same one.
fn introduced(params: &Json, token: &str) -> Result<(Json, Option<String>), Failure> {
    let invalid = |_| Failure::Answered(RpcError::new(code::INVALID_PARAMS, "`params` and `_meta` must be objects"));
    let mut params = params.members().map_err(invalid)?;
    let given: Json = params.read("_meta").map_err(invalid)?.unwrap_or_else(Json::empty_object);
    let mut meta = given.members().map_err(invalid)?;
    meta.set(meta::PROTOCOL_VERSION, Json::of(&MODERN));
    if meta.get(meta::CLIENT_CAPABILITIES).is_none() {
        meta.set(meta::CLIENT_CAPABILITIES, Json::empty_object());
    }
    if meta.get(meta::CLIENT_INFO).is_none() {
        meta.set(meta::CLIENT_INFO, introduction::ours());
    }
    let asked = meta.get(meta::PROGRESS_TOKEN).is_some().then(|| token.to_owned());
    if let Some(token) = &asked {
        meta.set(meta::PROGRESS_TOKEN, Json::of(token));
    }
    let meta = meta.to_json();
    params.set("_meta", meta);
    Ok((params.to_json(), asked))
}
