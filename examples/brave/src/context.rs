//! `brave_llm_context` and `brave_place_search`: answers that are given on as they are.

use guest::{Answer, schema};
use serde_json::{Map, Value};

use crate::api::{Api, Endpoint};

/// Arguments that are sent as headers.
const HEADERS: [&str; 11] = [
    "x-loc-lat",
    "x-loc-long",
    "x-loc-city",
    "x-loc-state",
    "x-loc-state-name",
    "x-loc-country",
    "x-loc-postal-code",
    "api-version",
    "accept",
    "cache-control",
    "user-agent",
];

pub(crate) fn for_models(arguments: &Map<String, Value>, api: &Api) -> Result<Answer, String> {
    let response = ask(Endpoint::LlmContext, arguments, api)?;
    let tool: Value =
        serde_json::from_str(include_str!("../tools/brave_llm_context.json")).map_err(|error| error.to_string())?;
    let mut issues = Vec::new();
    let payload = match schema::parse(&tool["outputSchema"], Some(&response), &mut issues) {
        Some(payload) if issues.is_empty() => payload,
        _ => schema::tree(&issues),
    };
    let is_error = !issues.is_empty();
    Ok(Answer { structured: Some(payload.clone()), is_error, ..Answer::texts([payload.to_string()]) })
}

pub(crate) fn places(arguments: &Map<String, Value>, api: &Api) -> Result<Answer, String> {
    let response = ask(Endpoint::PlaceSearch, arguments, api)?;
    Ok(Answer { structured: Some(response.clone()), ..Answer::texts([response.to_string()]) })
}

fn ask(endpoint: Endpoint, arguments: &Map<String, Value>, api: &Api) -> Result<Value, String> {
    let is_header = |name: &str| HEADERS.contains(&name);
    let (headers, parameters): (Map<_, _>, Map<_, _>) =
        arguments.clone().into_iter().partition(|(name, _)| is_header(name));
    api.ask(endpoint, &parameters, &headers)
}
