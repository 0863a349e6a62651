//! What is special about clients of MCP 2025-11-25 and before: a session that begins with `initialize`, and requests
//! and results without what later revisions added.

use lockgate_runtime::Card;
use lockgate_runtime::message::{Json, Members, RpcError, code, meta};
use serde::{Deserialize, Serialize};

use super::client::{Legacy, meta_of};
use super::level::Level;
use super::method::Served;
use super::revision::{MODERN, Revision};

/// How much a client may say of itself, in bytes: it is repeated in every request to a server.
const MAX_INTRODUCTION: usize = 1 << 20;

/// The members of results that came with MCP 2026-07-28.
const MODERN_MEMBERS: [&str; 3] = ["resultType", "ttlMs", "cacheScope"];

/// Begins a session: what the client said of itself (MCP schema, `InitializeRequestParams`).
pub(super) fn begin(params: &Json) -> Result<Legacy, RpcError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct InitializeParams {
        protocol_version: String,
        #[serde(default = "Json::empty_object")]
        capabilities: Json,
        #[serde(default = "Json::empty_object")]
        client_info: Json,
    }
    let invalid = |message: String| RpcError::new(code::INVALID_PARAMS, message);
    let said: InitializeParams = params
        .read()
        .map_err(|error| invalid(format!("the parameters of initialize are not of MCP's form: {error}")))?;
    if !said.capabilities.is_object() || !said.client_info.is_object() {
        return Err(invalid("`capabilities` and `clientInfo` must be objects".to_owned()));
    }
    let client = Legacy::new(Revision::negotiate(&said.protocol_version), said.client_info, said.capabilities);
    if client.introduction() > MAX_INTRODUCTION {
        return Err(invalid(format!("`capabilities` and `clientInfo` have at most {MAX_INTRODUCTION} bytes together")));
    }
    Ok(client)
}

/// The result of `initialize` (MCP schema, `InitializeResult`).
pub(super) fn welcome(revision: Revision, card: &Card) -> Json {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct InitializeResult<'a> {
        protocol_version: &'static str,
        capabilities: &'a Json,
        server_info: &'a Json,
        #[serde(skip_serializing_if = "Option::is_none")]
        instructions: Option<&'a str>,
    }
    Json::of(&InitializeResult {
        protocol_version: revision.as_str(),
        capabilities: &card.capabilities,
        server_info: &card.server_info,
        instructions: card.instructions.as_deref(),
    })
}

/// Reads the parameters of `logging/setLevel`.
pub(super) fn log_level(params: &Json) -> Result<Level, RpcError> {
    #[derive(Deserialize)]
    struct SetLevelParams {
        level: Level,
    }
    let params: SetLevelParams = params
        .read()
        .map_err(|error| RpcError::new(code::INVALID_PARAMS, format!("`level` is no level of RFC 5424: {error}")))?;
    Ok(params.level)
}

/// Parameters as links take them: they say of the client what its session knows.
pub(super) fn modernise(params: &Json, client: &Legacy) -> Result<Json, RpcError> {
    let mut meta = meta_of(params)?;
    meta.set(meta::PROTOCOL_VERSION, Json::of(&MODERN));
    meta.set(meta::CLIENT_INFO, client.info.clone());
    meta.set(meta::CLIENT_CAPABILITIES, client.capabilities.clone());
    meta.set(meta::LOG_LEVEL, Json::of(&client.log_level().as_str()));
    let mut params = params.members().unwrap_or_default();
    params.set("_meta", meta.to_json());
    Ok(params.to_json())
}

/// The result as older clients know it.
pub(super) fn result(mut members: Members<'_>) -> Json {
    for member in MODERN_MEMBERS {
        members.remove(member);
    }
    members.to_json()
}

/// A result of our own as older clients know it.
pub(super) fn without_modern_members(list: &Json) -> Json {
    list.members().map_or_else(|_| list.clone(), result)
}

/// A server's error as older clients know it: an unknown resource had a code of its own.
pub(super) fn error(served: Served, error: RpcError) -> RpcError {
    if served == Served::ReadResource && error.code == code::INVALID_PARAMS {
        return RpcError { code: code::LEGACY_RESOURCE_NOT_FOUND, ..error };
    }
    error
}
