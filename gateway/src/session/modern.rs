//! What is special about clients of MCP 2026-07-28 and later: every request says everything itself.

use lockgate_runtime::Card;
use lockgate_runtime::message::{Json, Members, Request, RpcError, code, meta};
use serde::Serialize;

use super::client::{Modern, meta_of};
use super::revision::{MODERN, spoken};

/// Whether a request is of this era. Either key does: their prefix is MCP's own, so that older clients never send them.
pub(super) fn is_modern(request: &Request) -> Result<bool, RpcError> {
    let meta = meta_of(&request.params)?;
    Ok(meta.get(meta::PROTOCOL_VERSION).is_some() || meta.get(meta::CLIENT_CAPABILITIES).is_some())
}

/// The revision that a request of this era says it speaks; nothing where it is of another.
pub(super) fn version(request: &Request) -> Result<Option<String>, RpcError> {
    let meta = meta_of(&request.params)?;
    if meta.get(meta::PROTOCOL_VERSION).is_none() && meta.get(meta::CLIENT_CAPABILITIES).is_none() {
        return Ok(None);
    }
    let version = required::<String>(&meta, meta::PROTOCOL_VERSION)?;
    match required::<Json>(&meta, meta::CLIENT_CAPABILITIES)?.is_object() {
        true => Ok(Some(version)),
        false => Err(invalid(meta::CLIENT_CAPABILITIES)),
    }
}

/// Reads what a request says of its client (MCP, "`_meta`", per-request protocol fields).
pub(super) fn client(request: &Request) -> Result<Modern, RpcError> {
    let meta = meta_of(&request.params)?;
    let version = required::<String>(&meta, meta::PROTOCOL_VERSION)?;
    let capabilities = required::<Json>(&meta, meta::CLIENT_CAPABILITIES)?;
    if !capabilities.is_object() {
        return Err(invalid(meta::CLIENT_CAPABILITIES));
    }
    let log_level = meta.read(meta::LOG_LEVEL).map_err(|_| invalid(meta::LOG_LEVEL))?;
    if version != MODERN {
        return Err(unsupported(&version));
    }
    Ok(Modern { capabilities, log_level })
}

/// The answer to a client that neither began a session nor says everything itself.
pub(super) fn neither_era() -> RpcError {
    let message = format!(
        "the request says nothing of its client: begin a session with `initialize`, or put `{}` and `{}` into `_meta`",
        meta::PROTOCOL_VERSION,
        meta::CLIENT_CAPABILITIES
    );
    RpcError::new(code::INVALID_PARAMS, message)
}

/// The result of `server/discover` (MCP schema, `DiscoverResult`).
pub(super) fn discover(card: &Card) -> Json {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct DiscoverResult<'a> {
        result_type: &'static str,
        supported_versions: [&'static str; 1],
        capabilities: &'a Json,
        #[serde(skip_serializing_if = "Option::is_none")]
        instructions: Option<&'a str>,
        ttl_ms: u64,
        cache_scope: &'static str,
        #[serde(rename = "_meta")]
        meta: Json,
    }
    let mut meta = Members::default();
    meta.set(meta::SERVER_INFO, card.server_info.clone());
    Json::of(&DiscoverResult {
        result_type: "complete",
        // What a client may write into `_meta`: revisions with sessions are not among it.
        supported_versions: [MODERN],
        capabilities: &card.capabilities,
        instructions: card.instructions.as_deref(),
        // The next start may run another server under the same command.
        ttl_ms: 0,
        cache_scope: "private",
        meta: meta.to_json(),
    })
}

fn required<'a, T: serde::Deserialize<'a>>(meta: &'a Members<'_>, key: &str) -> Result<T, RpcError> {
    match meta.read(key) {
        Ok(Some(value)) => Ok(value),
        Ok(None) => Err(RpcError::new(code::INVALID_PARAMS, format!("`{key}` is missing in `_meta`"))),
        Err(_) => Err(invalid(key)),
    }
}

fn invalid(key: &str) -> RpcError {
    RpcError::new(code::INVALID_PARAMS, format!("`{key}` in `_meta` is not of MCP's form"))
}

pub(super) fn unsupported(requested: &str) -> RpcError {
    #[derive(Serialize)]
    struct Data<'a> {
        supported: Vec<&'static str>,
        requested: &'a str,
    }
    let data = Some(Json::of(&Data { supported: spoken(), requested }));
    RpcError { data, ..RpcError::new(code::UNSUPPORTED_PROTOCOL_VERSION, "this revision of MCP is not spoken here") }
}
