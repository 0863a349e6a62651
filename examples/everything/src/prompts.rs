//! Prompts: without arguments, with some that can be completed, and with a resource inside.

use rmcp::ErrorData;
use serde_json::{Value, json};

use crate::resources;

/// What an argument can be completed to.
const LANGUAGES: [&str; 4] = ["German", "Greek", "Hindi", "Nepali"];

pub(crate) fn list() -> Value {
    json!([
        { "name": "simple", "title": "Simple", "description": "A prompt without arguments" },
        {
            "name": "translate",
            "title": "Translate",
            "description": "A prompt with arguments; the language can be completed",
            "arguments": [
                { "name": "text", "description": "What to translate", "required": true },
                { "name": "language", "description": "Into which language", "required": false },
            ],
        },
        { "name": "about-a-resource", "description": "A prompt that holds a resource" },
    ])
}

pub(crate) fn get(name: &str, arguments: &Value) -> Result<Value, ErrorData> {
    let message = |content: Value| json!({ "role": "user", "content": content });
    let text = |text: String| message(json!({ "type": "text", "text": text }));
    let messages = match name {
        "simple" => vec![text("Say hello.".to_owned())],
        "translate" => {
            let words = arguments["text"].as_str();
            let words = words.ok_or_else(|| ErrorData::invalid_params("`text` must be there, and a string", None))?;
            let language = arguments["language"].as_str().unwrap_or("German");
            vec![text(format!("Translate into {language}: {words}"))]
        }
        "about-a-resource" => vec![
            text("What is this?".to_owned()),
            message(json!({ "type": "resource", "resource": resources::read(resources::TEXT)? })),
        ],
        _ => return Err(ErrorData::invalid_params(format!("there is no prompt {name}"), None)),
    };
    Ok(json!({ "description": name, "messages": messages }))
}

pub(crate) fn complete(start: &str) -> Vec<&'static str> {
    let begins = |language: &&str| language.to_lowercase().starts_with(&start.to_lowercase());
    LANGUAGES.into_iter().filter(begins).collect()
}
