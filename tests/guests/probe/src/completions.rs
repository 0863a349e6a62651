//! Suggestions for the argument of a prompt, and for the variable of a template.

use crate::{
    Probe,
    bindings::{
        exports::lockgate::mcp::completions::{Call, Guest, Suggestions, Target},
        lockgate::mcp::types::RpcError,
    },
    parts::{invalid, meta},
};

const STYLES: [&str; 3] = ["formal", "friendly", "funny"];
const NAMES: [&str; 2] = ["Ada", "Alan"];

impl Guest for Probe {
    fn complete(
        _: &Call,
        target: Target,
        argument: String,
        typed: String,
        known: Vec<(String, String)>,
    ) -> Result<Suggestions, RpcError> {
        match (&target, argument.as_str()) {
            (Target::Prompt(prompt), "style") if prompt == "greet" => Ok(among(&STYLES, &typed, &known)),
            (Target::Prompt(prompt), "name") if prompt == "greet" => Ok(among(&NAMES, &typed, &known)),
            (Target::Resource(_), "name") => Ok(among(&NAMES, &typed, &known)),
            _ => Err(invalid(format!("Nothing is known about {argument}"), None)),
        }
    }
}

/// The values that begin with what is typed; then those already filled in, so that tests see that they came.
fn among(values: &[&str], typed: &str, known: &[(String, String)]) -> Suggestions {
    let fitting = values.iter().filter(|value| value.starts_with(typed)).map(|value| (*value).to_owned());
    let filled_in = known.iter().map(|(name, value)| format!("{name}={value}"));
    let values: Vec<String> = fitting.chain(filled_in).collect();
    Suggestions { total: u64::try_from(values.len()).ok(), values, has_more: Some(false), meta: meta() }
}
