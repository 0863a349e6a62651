//! `brave_summarizer`.

use std::{thread, time::Duration};

use guest::Answer;
use serde_json::{Map, Value};

use crate::{
    api::{Api, Endpoint},
    pick::{at, member, some_items, string},
};

/// How often a summary is asked for until it is complete.
const ATTEMPTS: usize = 20;
/// How long to wait after a failure.
const PAUSE: Duration = Duration::from_millis(50);

pub(crate) fn summary(arguments: &Map<String, Value>, api: &Api) -> Answer {
    let complete = (0..ATTEMPTS).find_map(|_| match api.ask(Endpoint::Summarizer, arguments, &Map::new()) {
        Ok(response) => (member(&response, "status")? == "complete").then_some(response),
        Err(_) => {
            thread::sleep(PAUSE);
            None
        }
    });
    let complete = complete.unwrap_or_default();
    let parts = some_items(&complete, "summary");
    if parts.is_empty() {
        return Answer::failed("Unable to retrieve a Summarizer summary.".to_owned());
    }
    Answer::texts([parts.iter().map(part).collect()])
}

fn part(part: &Value) -> String {
    match member(part, "type").and_then(Value::as_str) {
        Some("token") => {
            member(part, "data").filter(|data| !data.is_null()).map_or_else(String::new, |data| string(Some(data)))
        }
        Some("inline_reference") => format!(" ({})", string(at(part, &["data", "url"]))),
        _ => String::new(),
    }
}
