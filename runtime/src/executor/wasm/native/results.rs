//! What a guest answers, written as MCP's JSON (revision 2026-07-28). Every record is taken apart without `..`, so that
//! a new field of the contract cannot be forgotten here.

mod content;
mod lists;

use super::super::bindings::exports::lockgate::mcp::{completions, prompts, resources, tools};
use super::super::bindings::lockgate::mcp::types as wit;
use super::Failure;
use crate::message::{Json, ObjectWriter, RpcError};
pub(super) use content::icons;
use content::{content, contents, role};
pub(super) use lists::{prompt_page, resource_page, template_page, tool_page};

/// The most suggestions that a completion may have (MCP schema, `CompleteResult`).
const MAX_SUGGESTIONS: usize = 100;

/// A question of the guest to the client, its parts checked.
pub(super) struct Asked {
    requests: Json,
    pub(super) state: Option<String>,
    meta: Option<Json>,
}

/// Reads a guest's JSON.
pub(super) fn parse(part: &'static str, text: Option<String>) -> Result<Option<Json>, Failure> {
    text.map(|text| Json::parse(text).map_err(|error| Failure::Malformed { part, error })).transpose()
}

/// Reads a guest's JSON object.
pub(super) fn parse_object(part: &'static str, text: Option<String>) -> Result<Option<Json>, Failure> {
    match parse(part, text)? {
        Some(json) if !json.is_object() => Err(Failure::NotAnObject(part)),
        object => Ok(object),
    }
}

fn object(part: &'static str, text: String) -> Result<Json, Failure> {
    parse_object(part, Some(text))?.ok_or(Failure::NotAnObject(part))
}

/// Adds the members of `extra` that have no field of their own.
fn with_extra(object: ObjectWriter, extra: Option<String>) -> Result<Json, Failure> {
    let extra = parse_object("extra", extra)?;
    let object = object.rest_of(extra.as_ref());
    Ok(object.map_err(|error| Failure::Malformed { part: "extra", error })?.finish())
}

fn complete() -> ObjectWriter {
    ObjectWriter::new().with("resultType", "complete")
}

/// Without a hint an answer is for this caller, and only now.
fn with_cache(object: ObjectWriter, cache: Option<wit::CacheHint>) -> ObjectWriter {
    let (ttl_ms, scope) = match cache {
        Some(wit::CacheHint { ttl_ms, scope: wit::CacheScope::Public }) => (ttl_ms, "public"),
        Some(wit::CacheHint { ttl_ms, scope: wit::CacheScope::Private }) => (ttl_ms, "private"),
        None => (0, "private"),
    };
    object.with("ttlMs", ttl_ms).with("cacheScope", scope)
}

/// The error of the protocol that a guest answered with.
pub(super) fn rpc_error(error: wit::RpcError) -> Failure {
    let wit::RpcError { code, message, data } = error;
    match parse("error's data", data) {
        Ok(data) => Failure::Answered(RpcError { code: code.into(), message, data }),
        Err(malformed) => malformed,
    }
}

/// MCP schema, `CallToolResult`.
pub(super) fn tool_output(output: tools::ToolOutput) -> Result<Json, Failure> {
    let tools::ToolOutput { content: blocks, structured, is_error, meta } = output;
    let blocks = blocks.into_iter().map(content).collect::<Result<Vec<Json>, Failure>>()?;
    Ok(complete()
        .with("content", blocks)
        .maybe("structuredContent", parse("structured content", structured)?)
        .maybe("isError", is_error.then_some(true))
        .maybe("_meta", parse_object("_meta", meta)?)
        .finish())
}

/// MCP schema, `ReadResourceResult`.
pub(super) fn resource_output(output: resources::ResourceOutput) -> Result<Json, Failure> {
    let resources::ResourceOutput { contents: parts, cache, meta } = output;
    let parts = parts.into_iter().map(contents).collect::<Result<Vec<Json>, Failure>>()?;
    let result = with_cache(complete().with("contents", parts), cache);
    Ok(result.maybe("_meta", parse_object("_meta", meta)?).finish())
}

/// MCP schema, `GetPromptResult`.
pub(super) fn prompt_output(output: prompts::PromptOutput) -> Result<Json, Failure> {
    let prompts::PromptOutput { description, messages, meta } = output;
    let message = |message| -> Result<Json, Failure> {
        let prompts::PromptMessage { role: by, content: block } = message;
        Ok(ObjectWriter::new().with("role", role(by)).with("content", content(block)?).finish())
    };
    let messages = messages.into_iter().map(message).collect::<Result<Vec<Json>, Failure>>()?;
    Ok(complete()
        .maybe("description", description)
        .with("messages", messages)
        .maybe("_meta", parse_object("_meta", meta)?)
        .finish())
}

/// MCP schema, `CompleteResult`.
pub(super) fn suggestions(suggestions: completions::Suggestions) -> Result<Json, Failure> {
    let completions::Suggestions { mut values, total, has_more, meta } = suggestions;
    let cut = values.len() > MAX_SUGGESTIONS;
    values.truncate(MAX_SUGGESTIONS);
    let completion = ObjectWriter::new()
        .with("values", values)
        .maybe("total", total)
        .maybe("hasMore", if cut { Some(true) } else { has_more })
        .finish();
    Ok(complete().with("completion", completion).maybe("_meta", parse_object("_meta", meta)?).finish())
}

/// Checks a question of the guest.
pub(super) fn asked(asked: wit::InputRequired) -> Result<Asked, Failure> {
    let wit::InputRequired { requests, state, meta } = asked;
    let mut object = ObjectWriter::new();
    let mut keys = std::collections::HashSet::new();
    for (key, request) in requests {
        // Of two with the same key only one could be answered.
        if keys.insert(key.clone()) {
            object = object.with(&key, self::object("input request", request)?);
        }
    }
    Ok(Asked { requests: object.finish(), state, meta: parse_object("_meta", meta)? })
}

/// MCP schema, `InputRequiredResult`.
pub(super) fn input_required(asked: Asked, sealed_state: Option<String>) -> Json {
    let Asked { requests, state: _, meta } = asked;
    ObjectWriter::new()
        .with("resultType", "input_required")
        .with("inputRequests", requests)
        .maybe("requestState", sealed_state)
        .maybe("_meta", meta)
        .finish()
}
