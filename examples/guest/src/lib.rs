//! What servers have in common that were ported from JavaScript: their side of the contract, the validator of their
//! arguments, and HTTP.
//!
//! A server implements [`Server`] and exports itself with `guest::bindings::export!(Name with_types_in guest::bindings)`.

#[cfg(target_family = "wasm")]
pub mod http;
pub mod js;
mod listing;
pub mod schema;

use serde_json::{Map, Value};

use crate::{
    bindings::{
        exports::lockgate::mcp::{
            identity::{self, Card},
            tools::{self, Call, InputAnswer, ToolOutcome, ToolOutput, ToolPage},
        },
        lockgate::mcp::types::{Content, RpcError, TextContent},
    },
    schema::Issue,
};

/// The contract, generated.
pub mod bindings {
    #![allow(missing_docs, reason = "generated from the contract, which documents itself")]

    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package lockgate:guest;

            world guest {
                include lockgate:mcp/tools-only@0.1.0;
                export lockgate:mcp/identity@0.1.0;
            }
        ",
        world: "lockgate:guest/guest",
        generate_all,
        pub_export_macro: true,
        default_bindings_module: "guest::bindings",
    });
}

/// The most that an answer may hold, in bytes; the host takes 16 MiB.
const MAX_ANSWER: usize = 15 << 20;

/// A server with tools that are written down as JSON, as the reference lists them.
pub trait Server {
    /// The tools in their order: each with its name, and the object of `tools/list`.
    const TOOLS: &'static [(&'static str, &'static str)];

    /// Who it is.
    fn card() -> Card;

    /// Whether it offers this tool now.
    fn offers(_tool: &str) -> bool {
        true
    }

    /// Mends arguments before they are validated.
    fn prepare(_tool: &str, _arguments: &mut Map<String, Value>) {}

    /// Adds to what the validator found, or words it otherwise.
    fn refine(_tool: &str, _arguments: &Map<String, Value>, _issues: &mut Vec<Issue>) {}

    /// Calls a tool with arguments that fit its schema. An error is read by the model.
    fn call(tool: &str, arguments: &Map<String, Value>) -> Result<Answer, String>;
}

/// What a tool gives back.
#[derive(Debug)]
pub struct Answer {
    /// For the model.
    pub content: Vec<Content>,
    /// For programs.
    pub structured: Option<Value>,
    /// Whether it tells of a failure.
    pub is_error: bool,
}

impl Answer {
    /// Some texts.
    pub fn texts(texts: impl IntoIterator<Item = String>) -> Self {
        Self { content: texts.into_iter().map(text).collect(), structured: None, is_error: false }
    }

    /// A text that says why there is no answer.
    pub fn failed(reason: String) -> Self {
        Self { is_error: true, ..Self::texts([reason]) }
    }
}

/// A text as a piece of content.
pub fn text(text: String) -> Content {
    Content::Text(TextContent { text, annotations: None, meta: None })
}

impl<S: Server> identity::Guest for S {
    fn describe() -> Card {
        S::card()
    }
}

impl<S: Server> tools::Guest for S {
    fn list_tools(_: &Call, _: Option<String>) -> Result<ToolPage, RpcError> {
        let offered = S::TOOLS.iter().filter(|(name, _)| S::offers(name));
        let tools = offered.map(|(_, json)| listing::tool(json)).collect::<Result<_, _>>();
        let tools = tools.map_err(|error: serde_json::Error| failure(INTERNAL_ERROR, error.to_string()))?;
        Ok(ToolPage { tools, next_cursor: None, cache: None, meta: None })
    }

    fn call_tool(_: &Call, name: String, arguments: String, _: Option<InputAnswer>) -> Result<ToolOutcome, RpcError> {
        let tool = S::TOOLS.iter().find(|(known, _)| *known == name && S::offers(known));
        let (name, json) = tool.ok_or_else(|| failure(INVALID_PARAMS, format!("Tool {name} not found")))?;
        let answer = called::<S>(name, json, &arguments).unwrap_or_else(Answer::failed);
        Ok(ToolOutcome::Complete(output(answer)))
    }
}

fn called<S: Server>(name: &str, json: &str, arguments: &str) -> Result<Answer, String> {
    let invalid = |reason: String| format!("MCP error {INVALID_PARAMS}: {reason}");
    let tool: Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let mut given: Map<String, Value> =
        serde_json::from_str(arguments).map_err(|error| invalid(format!("Input validation error: {error}")))?;
    S::prepare(name, &mut given);
    let mut issues = Vec::new();
    let checked = schema::parse(&tool["inputSchema"], Some(&Value::Object(given.clone())), &mut issues);
    S::refine(name, &given, &mut issues);
    let checked = match checked {
        Some(Value::Object(checked)) if issues.is_empty() => checked,
        _ => {
            let told = schema::told(&issues);
            return Err(invalid(format!("Input validation error: Invalid arguments for tool {name}: {told}")));
        }
    };
    let answer = S::call(name, &checked)?;
    if let (Some(schema), false) = (tool.get("outputSchema"), answer.is_error) {
        schema::parse(schema, answer.structured.as_ref(), &mut issues);
        if !issues.is_empty() {
            let told = schema::told(&issues);
            let reason = format!("Output validation error: Invalid structured content for tool {name}: {told}");
            return Err(invalid(reason));
        }
    }
    Ok(answer)
}

fn output(answer: Answer) -> ToolOutput {
    let structured = answer.structured.map(|value| value.to_string());
    let size = answer.content.iter().map(size).sum::<usize>() + structured.as_ref().map_or(0, String::len);
    if size > MAX_ANSWER {
        let reason =
            format!("The answer is too large: {size} bytes, with a limit of {MAX_ANSWER}; ask for less at a time");
        return ToolOutput { content: vec![text(reason)], structured: None, is_error: true, meta: None };
    }
    ToolOutput { content: answer.content, structured, is_error: answer.is_error, meta: None }
}

/// About what a piece of content is on its way to the client.
fn size(content: &Content) -> usize {
    let encoded = |bytes: usize| bytes.div_ceil(3) * 4;
    match content {
        Content::Text(text) => escaped_size(&text.text),
        Content::Image(media) | Content::Audio(media) => encoded(media.data.len()),
        Content::Embedded(embedded) => match &embedded.contents.body {
            bindings::lockgate::mcp::types::ResourceBody::Text(text) => escaped_size(text),
            bindings::lockgate::mcp::types::ResourceBody::Blob(bytes) => encoded(bytes.len()),
        },
        Content::Link(_) | Content::Other(_) => 0,
    }
}

/// The length of a text within JSON.
fn escaped_size(text: &str) -> usize {
    text.bytes()
        .map(|byte| {
            if matches!(byte, b'"' | b'\\' | b'\n' | b'\r' | b'\t') {
                2
            } else if byte < 0x20 {
                6
            } else {
                1
            }
        })
        .sum()
}

const INVALID_PARAMS: i32 = -32602;
const INTERNAL_ERROR: i32 = -32603;

fn failure(code: i32, message: String) -> RpcError {
    RpcError { code, message, data: None }
}
