//! Test guest: sends an HTTP request, to see where it may go and what the host adds to it.

#![cfg(target_family = "wasm")]

mod exchange;
mod request;

use serde_json::json;

use crate::{
    bindings::{
        exports::lockgate::mcp::tools::{Call, Guest, InputAnswer, Tool, ToolOutcome, ToolOutput, ToolPage},
        lockgate::mcp::types::{Content, RpcError, TextContent},
    },
    request::Request,
};

mod bindings {
    #![allow(missing_docs, reason = "generated from the contract, which documents itself")]

    wit_bindgen::generate!({ path: "../../../wit", world: "tools-only", generate_all });
}

struct Fetch;

bindings::export!(Fetch with_types_in bindings);

impl Guest for Fetch {
    fn list_tools(_: &Call, _: Option<String>) -> Result<ToolPage, RpcError> {
        Ok(ToolPage { tools: vec![fetch_tool()], next_cursor: None, cache: None, meta: None })
    }

    fn call_tool(_: &Call, name: String, arguments: String, _: Option<InputAnswer>) -> Result<ToolOutcome, RpcError> {
        if name != "fetch" {
            return Err(invalid(format!("Unknown tool: {name}")));
        }
        let request = Request::parse(&arguments).map_err(invalid)?;
        let (text, structured, is_error) = match exchange::send(&request) {
            Ok(response) => (response.to_string(), Some(response.to_string()), false),
            Err(failure) => (failure.to_string(), None, true),
        };
        let content = vec![Content::Text(TextContent { text, annotations: None, meta: None })];
        Ok(ToolOutcome::Complete(ToolOutput { content, structured, is_error, meta: None }))
    }
}

fn fetch_tool() -> Tool {
    let texts = json!({ "type": "object", "additionalProperties": { "type": "string" } });
    let lists = json!({ "type": "array", "items": { "type": "string" } });
    let input = json!({
        "type": "object",
        "properties": {
            "url": { "type": "string" },
            "method": { "type": "string", "default": "GET" },
            "headers": texts,
            "body": { "type": "string" },
        },
        "required": ["url"],
    });
    let output = json!({
        "type": "object",
        "properties": {
            "status": { "type": "integer" },
            "headers": { "type": "object", "additionalProperties": lists },
            "body": { "type": "string" },
        },
        "required": ["status", "headers", "body"],
    });
    Tool {
        name: "fetch".to_owned(),
        title: None,
        description: Some("Sends an HTTP request and returns the response".to_owned()),
        input_schema: input.to_string(),
        output_schema: Some(output.to_string()),
        annotations: None,
        icons: Vec::new(),
        meta: None,
        extra: None,
    }
}

fn invalid(message: String) -> RpcError {
    RpcError { code: -32602, message, data: None }
}
