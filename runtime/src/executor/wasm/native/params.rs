//! The parameters of the requests that a native component serves, read from the text that was sent.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::message::{Json, Request, RpcError, code};

/// Reads the parameters as `T`; members that `T` does not name are left alone.
pub(super) fn read<T: for<'de> Deserialize<'de>>(request: &Request) -> Result<T, RpcError> {
    request.params.read().map_err(|error| {
        let message = format!("the parameters of {} are not of MCP's form: {error}", request.method);
        RpcError::new(code::INVALID_PARAMS, message)
    })
}

/// The object `_meta`, if there is one.
pub(super) fn meta(request: &Request) -> Option<Json> {
    #[derive(Deserialize)]
    struct WithMeta {
        #[serde(rename = "_meta")]
        meta: Option<Json>,
    }
    request.params.read::<WithMeta>().ok()?.meta
}

/// MCP schema, `PaginatedRequestParams`.
#[derive(Deserialize)]
pub(super) struct Page {
    pub(super) cursor: Option<String>,
}

/// MCP schema, `CallToolRequestParams`.
#[derive(Deserialize)]
pub(super) struct CallTool {
    pub(super) name: String,
    pub(super) arguments: Option<Json>,
}

/// MCP schema, `ReadResourceRequestParams`.
#[derive(Deserialize)]
pub(super) struct ReadResource {
    pub(super) uri: String,
}

/// MCP schema, `GetPromptRequestParams`.
#[derive(Deserialize)]
pub(super) struct GetPrompt {
    pub(super) name: String,
    #[serde(default)]
    pub(super) arguments: BTreeMap<String, String>,
}

/// The answer to an `input_required`, if the request carries one (MCP schema, `InputResponseRequestParams`).
#[derive(Deserialize)]
pub(super) struct Answered {
    #[serde(rename = "inputResponses")]
    pub(super) responses: Option<BTreeMap<String, Json>>,
    #[serde(rename = "requestState")]
    pub(super) state: Option<String>,
}

/// MCP schema, `CompleteRequestParams`.
#[derive(Deserialize)]
pub(super) struct Complete {
    #[serde(rename = "ref")]
    pub(super) reference: Reference,
    pub(super) argument: Argument,
    #[serde(default)]
    pub(super) context: Context,
}

#[derive(Deserialize)]
#[serde(tag = "type")]
pub(super) enum Reference {
    #[serde(rename = "ref/prompt")]
    Prompt { name: String },
    #[serde(rename = "ref/resource")]
    Resource { uri: String },
}

#[derive(Deserialize)]
pub(super) struct Argument {
    pub(super) name: String,
    pub(super) value: String,
}

#[derive(Deserialize, Default)]
pub(super) struct Context {
    #[serde(default)]
    pub(super) arguments: BTreeMap<String, String>,
}
