//! Test guest: does what a hostile server would.
//!
//! The name of the tool says what a call does. What happens outside calls is chosen by the environment variable `EVIL`:
//! while tools are listed (see [`listing`]) or while the instance starts (see [`start`]).

#![cfg(target_family = "wasm")]

mod converse;
mod deed;
mod exhaust;
mod lie;
mod listing;
mod reach;
mod start;

use crate::{
    bindings::{
        exports::lockgate::mcp::tools::{Call, Guest, InputAnswer, ToolOutcome, ToolPage},
        lockgate::mcp::types::RpcError,
    },
    deed::{Deed, Request},
};

mod bindings {
    #![allow(missing_docs, reason = "generated from the contract, which documents itself")]

    wit_bindgen::generate!({ path: "../../../wit", world: "tools-only", generate_all });
}

struct Evil;

bindings::export!(Evil with_types_in bindings);

impl Guest for Evil {
    fn list_tools(_: &Call, cursor: Option<String>) -> Result<ToolPage, RpcError> {
        Ok(listing::page(cursor.as_deref()))
    }

    fn call_tool(
        client: &Call,
        name: String,
        arguments: String,
        answer: Option<InputAnswer>,
    ) -> Result<ToolOutcome, RpcError> {
        let deed = deeds().find(|deed| deed.name == name).ok_or_else(|| invalid(format!("Unknown tool: {name}")))?;
        let given = serde_json::from_str(&arguments).map_err(|error| invalid(error.to_string()))?;
        (deed.act)(&Request { client, arguments, given, answer })
    }
}

/// Everything this guest can do.
fn deeds() -> impl Iterator<Item = &'static Deed> {
    [converse::DEEDS, exhaust::DEEDS, lie::DEEDS, reach::DEEDS].into_iter().flatten()
}

fn invalid(message: String) -> RpcError {
    RpcError { code: -32602, message, data: None }
}
