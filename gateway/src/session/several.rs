//! What several servers say together: their lists, and what the gateway says of itself.
//!
//! One server that is slow, broken or dead takes only itself away: the lists have what the others answer in time.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use lockgate_runtime::message::{Json, Members, Request, RpcError, code};
use lockgate_runtime::{Card, Era};

use super::method::Served;
use super::rename::Shower;
use super::{Session, upstream};
use crate::lock::Kind;
use crate::names::ServerId;

/// How long the others wait for one server's list.
const PATIENCE: Duration = Duration::from_secs(10);

/// The most pages of one server's list, and the most items of all its pages.
const MAX_PAGES: usize = 100;
const MAX_ITEMS: usize = 10_000;

impl Session {
    /// The list that all servers have together, in the order of the configuration, on one page.
    pub(super) async fn list_of_all(self: &Arc<Self>, method: &str, params: &Json) -> Result<Json, RpcError> {
        let Some(member) = Kind::of_method(method).map(Kind::member) else {
            return Err(RpcError::new(code::METHOD_NOT_FOUND, "there is no such list"));
        };
        if params.members().is_ok_and(|params| params.get("cursor").is_some()) {
            return Err(RpcError::new(code::INVALID_PARAMS, "this list has one page: there is no cursor for it"));
        }
        let lists = self.router.names().servers().map(|server| async move {
            let list = tokio::time::timeout(PATIENCE, self.list_of_one(server, method, member, params)).await;
            let list = list.unwrap_or_else(|_| {
                let message = format!("it has not answered {method} within {} s", PATIENCE.as_secs());
                Err(RpcError::new(code::INTERNAL_ERROR, message))
            });
            list.inspect_err(|error| self.router.left_out(server, error))
        });
        let (mut items, mut failure, mut answered) = (Vec::new(), None, false);
        for list in join_all(lists).await {
            match list {
                Ok(list) => {
                    answered = true;
                    items.extend(list);
                }
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        match failure {
            Some(error) if !answered => Err(error),
            _ => Ok(page(member, &items)),
        }
    }

    /// All pages of one server's list, with the names that clients are shown. A server without this list has an empty
    /// one.
    async fn list_of_one(
        self: &Arc<Self>,
        server: ServerId,
        method: &str,
        member: &str,
        params: &Json,
    ) -> Result<Vec<Json>, RpcError> {
        let (permit, _) = self.permit_for(server, method)?;
        let link = self.link(server).await?;
        let era = link.card().await?.era;
        let shower = Shower { names: self.router.names(), server };
        let (mut items, mut params) = (Vec::new(), params.clone());
        for _ in 0..MAX_PAGES {
            let request = Request { method: method.to_owned(), params: upstream::params(era, params.clone())? };
            let outcome = self.router.call(&permit, server, &link, request)?.outcome().await;
            let page = match outcome {
                Err(error) if error.code == code::METHOD_NOT_FOUND => return Ok(items),
                outcome => upstream::outcome(era, Served::List, outcome)?,
            };
            let page = shower.result(Served::List, page);
            let malformed =
                |_| RpcError::new(code::INTERNAL_ERROR, format!("its answer to {method} is not of MCP's form"));
            let page = page.members().map_err(malformed)?;
            items.extend(page.read::<Vec<Json>>(member).map_err(malformed)?.unwrap_or_default());
            let Some(cursor) = page.read::<Json>("nextCursor").map_err(malformed)? else {
                return Ok(items);
            };
            if items.len() > MAX_ITEMS {
                break;
            }
            let mut next: Members<'_> = params.members().unwrap_or_default();
            next.set("cursor", cursor);
            let next = next.to_json();
            params = next;
        }
        Err(RpcError::new(code::INTERNAL_ERROR, format!("its answer to {method} does not come to an end")))
    }

    /// What the gateway says of itself where it stands for several servers. It waits for none of them.
    pub(super) fn card_of_all(&self) -> Card {
        let changes = serde_json::json!({ "listChanged": true });
        let capabilities = serde_json::json!({
            "completions": {}, "logging": {}, "prompts": changes, "tools": changes,
            "resources": { "listChanged": true, "subscribe": true },
        });
        let server_info = serde_json::json!({ "name": "lockgate", "version": env!("CARGO_PKG_VERSION") });
        let instructions: Vec<String> = self
            .router
            .names()
            .servers()
            .filter_map(|server| {
                let card = self.router.known_card(server)?;
                self.router.check_card(server, &card).ok()?;
                Some(format!("# {}\n\n{}", self.router.name(server), card.instructions.as_deref()?))
            })
            .collect();
        Card {
            era: Era::Modern,
            server_info: Json::of(&server_info),
            capabilities: Json::of(&capabilities),
            instructions: (!instructions.is_empty()).then(|| instructions.join("\n\n")),
        }
    }
}

/// MCP schema, `ListToolsResult` and its kin.
fn page(member: &'static str, items: &[Json]) -> Json {
    let mut page = Members::default();
    page.set("resultType", Json::of(&"complete"));
    page.set(member, Json::of(&items));
    page.set("ttlMs", Json::of(&0));
    page.set("cacheScope", Json::of(&"private"));
    page.to_json()
}
