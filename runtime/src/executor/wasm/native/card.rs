//! What a native server says of itself.

use serde_json::json;
use wasmtime::Store;
use wasmtime::component::Instance;

use super::super::bindings::exports::lockgate::mcp::identity;
use super::super::host::Host;
use super::results::{icons, parse_object};
use super::{Failure, Inner, Parts};
use crate::message::{Json, ObjectWriter};
use crate::server::{Card, Era};
use crate::spec::ServerName;

/// What a component says of itself, in the words of MCP.
pub(super) struct Said {
    server_info: Json,
    instructions: Option<String>,
    extensions: Option<Json>,
    experimental: Option<Json>,
}

/// The card of a server that says nothing of itself: its name here, and what it exports.
pub(super) fn nameless(name: &ServerName, parts: &Parts) -> Card {
    let mut capabilities = serde_json::Map::new();
    // Any component may say that a list or a resource changed, and write to the log.
    capabilities.insert("logging".to_owned(), json!({}));
    if parts.tools.is_some() {
        capabilities.insert("tools".to_owned(), json!({"listChanged": true}));
    }
    if parts.resources.is_some() {
        capabilities.insert("resources".to_owned(), json!({"listChanged": true, "subscribe": true}));
    }
    if parts.prompts.is_some() {
        capabilities.insert("prompts".to_owned(), json!({"listChanged": true}));
    }
    if parts.completions.is_some() {
        capabilities.insert("completions".to_owned(), json!({}));
    }
    Card {
        era: Era::Modern,
        server_info: Json::of(&json!({"name": name, "version": "0.0.0"})),
        capabilities: Json::of(&capabilities),
        instructions: None,
    }
}

/// The card with what the component said added.
pub(super) fn introduced(said: Said, nameless: &Card) -> Card {
    let capabilities = ObjectWriter::new()
        .maybe("extensions", said.extensions)
        .maybe("experimental", said.experimental)
        .rest_of(Some(&nameless.capabilities));
    Card {
        era: nameless.era,
        server_info: said.server_info,
        capabilities: capabilities.map_or_else(|_| nameless.capabilities.clone(), ObjectWriter::finish),
        instructions: said.instructions,
    }
}

/// Asks the component who it is.
pub(super) async fn ask(server: &Inner, store: &mut Store<Host>, instance: &Instance) -> Result<Said, Failure> {
    let Some(indices) = &server.parts.identity else {
        return Err(Failure::Ended(wasmtime::Error::msg("the component has no identity")));
    };
    let identity = indices.load(&mut *store, instance)?;
    let identity::Card {
        name,
        version,
        title,
        description,
        website_url,
        icons: pictures,
        instructions,
        extensions,
        experimental,
    } = identity.call_describe(store).await?;
    let server_info = ObjectWriter::new()
        .with("name", name)
        .with("version", version)
        .maybe("title", title)
        .maybe("description", description)
        .maybe("websiteUrl", website_url)
        .maybe("icons", icons(pictures))
        .finish();
    Ok(Said {
        server_info,
        instructions,
        extensions: parse_object("extensions", extensions)?,
        experimental: parse_object("experimental", experimental)?,
    })
}
