//! Who this server is, with every field.

use serde_json::json;

use crate::{
    Probe,
    bindings::exports::lockgate::mcp::identity::{Card, Guest},
    parts::icons,
};

impl Guest for Probe {
    fn describe() -> Card {
        Card {
            name: "probe".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            title: Some("Probe".to_owned()),
            description: Some("One of everything that MCP can say".to_owned()),
            website_url: Some("https://example.com/probe".to_owned()),
            icons: icons(),
            instructions: Some("Use `echo` to hear yourself.".to_owned()),
            extensions: Some(json!({ "com.example/probe": { "level": 1 } }).to_string()),
            experimental: Some(json!({ "probing": {} }).to_string()),
        }
    }
}
