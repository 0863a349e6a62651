//! The MCP server `brave`: searches of the web by the Brave Search API.
//!
//! It answers as the JavaScript server `@brave/brave-search-mcp-server` does, but for one thing: it has no key. The host
//! adds the key to its requests. [`api`] is what it asks, the other modules are the tools; this file is the contract's
//! side of it.

mod api;
mod context;
mod images;
mod local;
mod news;
mod pick;
mod summarizer;
mod videos;
mod web;

use std::env;

use guest::{
    Answer, Server,
    bindings::exports::lockgate::mcp::identity::Card,
    js,
    schema::{Fault, Issue, Step},
};
use serde_json::{Map, Value};

use crate::api::Api;

struct Brave;

guest::bindings::export!(Brave with_types_in guest::bindings);

macro_rules! tools {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../tools/", $name, ".json")))),*]
    };
}

impl Server for Brave {
    const TOOLS: &'static [(&'static str, &'static str)] = tools![
        "brave_web_search",
        "brave_local_search",
        "brave_video_search",
        "brave_image_search",
        "brave_news_search",
        "brave_summarizer",
        "brave_llm_context",
        "brave_place_search",
    ];

    fn card() -> Card {
        Card {
            name: "brave-search-mcp-server".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            title: Some("Brave Search MCP Server".to_owned()),
            description: Some("Searches of the web by the Brave Search API".to_owned()),
            website_url: None,
            icons: Vec::new(),
            instructions: Some(
                "Use this server to search the Web for various types of data via the Brave Search API.".to_owned(),
            ),
            extensions: None,
            experimental: None,
        }
    }

    /// As many as two variables leave: one names all there are to be, the other those there are not.
    fn offers(tool: &str) -> bool {
        let names = |variable| env::var(variable).unwrap_or_default();
        let (enabled, disabled) = (names("BRAVE_MCP_ENABLED_TOOLS"), names("BRAVE_MCP_DISABLED_TOOLS"));
        offers(tool, &enabled, &disabled)
    }

    fn prepare(tool: &str, arguments: &mut Map<String, Value>) {
        prepare(tool, arguments);
    }

    fn refine(tool: &str, arguments: &Map<String, Value>, issues: &mut Vec<Issue>) {
        refine(tool, arguments, issues);
    }

    fn call(tool: &str, arguments: &Map<String, Value>) -> Result<Answer, String> {
        call(tool, arguments, &Api::granted())
    }
}

fn call(tool: &str, arguments: &Map<String, Value>, api: &Api) -> Result<Answer, String> {
    match tool {
        "brave_web_search" => web::search(arguments, api),
        "brave_local_search" => local::search(arguments, api),
        "brave_video_search" => videos::search(arguments, api),
        "brave_image_search" => images::search(arguments, api),
        "brave_news_search" => news::search(arguments, api),
        "brave_summarizer" => Ok(summarizer::summary(arguments, api)),
        "brave_llm_context" => context::for_models(arguments, api),
        "brave_place_search" => context::places(arguments, api),
        _ => Err(format!("Tool {tool} not found")),
    }
}

fn offers(tool: &str, enabled: &str, disabled: &str) -> bool {
    let names = |text: &str, name: &str| text.split_whitespace().any(|known| known == name);
    if enabled.trim().is_empty() { !names(disabled, tool) } else { names(enabled, tool) }
}

/// Takes spaces away, as the schemas of two tools do.
fn prepare(tool: &str, arguments: &mut Map<String, Value>) {
    let trimmed: &[&str] = match tool {
        "brave_llm_context" => &["query"],
        "brave_place_search" => &["query", "location"],
        _ => &[],
    };
    for name in trimmed {
        if let Some(Value::String(text)) = arguments.get_mut(*name) {
            *text = js::trim(text).to_owned();
        }
    }
    if tool == "brave_place_search" && arguments.get("query").and_then(Value::as_str) == Some("") {
        arguments.shift_remove("query");
    }
}

/// What the reference checks beyond what its schemas say.
fn refine(tool: &str, arguments: &Map<String, Value>, issues: &mut Vec<Issue>) {
    const MAX_WORDS: usize = 50;
    let of = |name: &str| [Step::Name(name.to_owned())];
    if arguments.get("query").and_then(Value::as_str).is_some_and(|query| js::words(query) > MAX_WORDS) {
        let place = issues.iter().take_while(|issue| issue.path == of("query")).count();
        let message = format!("Query cannot exceed {MAX_WORDS} words");
        issues.insert(place, Issue { path: of("query").into(), message, fault: Fault::Form });
    }
    for issue in issues.iter_mut().filter(|issue| issue.fault == Fault::Pattern && issue.path == of("freshness")) {
        issue.message = match tool {
            "brave_llm_context" => "Use 'pd', 'pw', 'pm', 'py', or a custom range as YYYY-MM-DDtoYYYY-MM-DD.",
            _ => {
                "Use 'pd', 'pw', 'pm', or 'py' for a relative discovery window, or a custom range as \
                 YYYY-MM-DDtoYYYY-MM-DD (e.g. 2022-04-01to2022-07-30)."
            }
        }
        .to_owned();
    }
}

#[cfg(test)]
mod tests;
