//! The MCP server `time`: what time it is in a zone, and what a time there is elsewhere.
//!
//! It answers as the Python reference server of the same name does, needs no rights, and carries the time zone database
//! inside. [`tools`] holds what it does; this file is the contract's side of it.

mod arguments;
mod conversion;
mod moment;
mod tools;
mod zone;

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

use crate::{
    bindings::{
        exports::lockgate::mcp::{
            identity::{self, Card},
            tools::{Call, InputAnswer, Tool, ToolAnnotations, ToolOutcome, ToolOutput, ToolPage},
        },
        lockgate::mcp::types::{Content, RpcError, TextContent},
    },
    tools::{Answer, Failure, TOOLS},
    zone::Zone,
};

mod bindings {
    #![allow(missing_docs, reason = "generated from the contract, which documents itself")]

    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package lockgate:time;

            world time {
                include lockgate:mcp/tools-only@0.1.0;
                export lockgate:mcp/identity@0.1.0;
            }
        ",
        world: "lockgate:time/time",
        generate_all,
    });
}

struct Time;

bindings::export!(Time with_types_in bindings);

impl identity::Guest for Time {
    fn describe() -> Card {
        Card {
            name: "mcp-time".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            title: Some("Time".to_owned()),
            description: Some("The time in every time zone, and conversion between zones".to_owned()),
            website_url: None,
            icons: Vec::new(),
            instructions: None,
            extensions: None,
            experimental: None,
        }
    }
}

impl bindings::exports::lockgate::mcp::tools::Guest for Time {
    fn list_tools(_: &Call, _: Option<String>) -> Result<ToolPage, RpcError> {
        let local = local_zone()?;
        let tools = TOOLS.iter().map(|tool| listed(tool, &local)).collect();
        Ok(ToolPage { tools, next_cursor: None, cache: None, meta: None })
    }

    fn call_tool(_: &Call, name: String, arguments: String, _: Option<InputAnswer>) -> Result<ToolOutcome, RpcError> {
        match tools::call(&name, &arguments, now()?) {
            Ok(Answer { text, structured }) => Ok(outcome(text, Some(structured), false)),
            Err(Failure::Refused(reason)) => Ok(outcome(reason, None, true)),
            Err(Failure::UnknownTool) => Err(error(INVALID_PARAMS, format!("Unknown tool: {name}"))),
        }
    }
}

/// The zone that `TZ` names, as far as anybody has granted that variable.
fn local_zone() -> Result<Zone, RpcError> {
    let named = std::env::var("TZ").ok().and_then(|name| Zone::find(&name).ok());
    named.map_or_else(|| Zone::find("UTC"), Ok).map_err(|unknown| error(INTERNAL_ERROR, unknown.to_string()))
}

fn now() -> Result<Timestamp, RpcError> {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).map_err(|invalid| error(INTERNAL_ERROR, invalid.to_string()))
}

fn listed(tool: &tools::Tool, local: &Zone) -> Tool {
    Tool {
        name: tool.name.to_owned(),
        title: None,
        description: Some(tool.description.to_owned()),
        input_schema: tool.input_schema(local),
        output_schema: Some(tool.output_schema.to_owned()),
        annotations: Some(ToolAnnotations {
            title: None,
            read_only: Some(true),
            destructive: Some(false),
            idempotent: Some(true),
            open_world: Some(false),
        }),
        icons: Vec::new(),
        meta: None,
        extra: None,
    }
}

fn outcome(text: String, structured: Option<String>, is_error: bool) -> ToolOutcome {
    let content = vec![Content::Text(TextContent { text, annotations: None, meta: None })];
    ToolOutcome::Complete(ToolOutput { content, structured, is_error, meta: None })
}

const INVALID_PARAMS: i32 = -32602;
const INTERNAL_ERROR: i32 = -32603;

fn error(code: i32, message: String) -> RpcError {
    RpcError { code, message, data: None }
}
