//! Prompts: one to fill in, and one that asks.

use crate::{
    Probe,
    bindings::{
        exports::lockgate::mcp::prompts::{
            Call, Guest, InputAnswer, Prompt, PromptArgument, PromptMessage, PromptOutcome, PromptOutput, PromptPage,
        },
        lockgate::mcp::types::{Content, Role, RpcError},
    },
    parts::{answered, cache, embedded, extra, icons, image, invalid, meta, plain, questions, text_contents},
};

impl Guest for Probe {
    fn list_prompts(_: &Call, cursor: Option<String>) -> Result<PromptPage, RpcError> {
        let (prompts, next_cursor) = match cursor.as_deref() {
            None => (vec![greet_prompt()], Some("second page".to_owned())),
            Some("second page") => (vec![ask_prompt()], None),
            Some(_) => return Err(invalid("unknown cursor".to_owned(), None)),
        };
        Ok(PromptPage { prompts, next_cursor, cache: cache(), meta: meta() })
    }

    fn get_prompt(
        _: &Call,
        name: String,
        arguments: Vec<(String, String)>,
        answer: Option<InputAnswer>,
    ) -> Result<PromptOutcome, RpcError> {
        match (name.as_str(), answer) {
            ("greet", _) => greet(&arguments),
            ("ask", None) => Ok(PromptOutcome::InputRequired(questions())),
            ("ask", Some(answer)) => Ok(complete(vec![says(Role::User, plain(answered(&answer)))])),
            _ => Err(invalid(format!("Unknown prompt: {name}"), None)),
        }
    }
}

fn greet(arguments: &[(String, String)]) -> Result<PromptOutcome, RpcError> {
    let value = |name: &str| arguments.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let name = value("name").ok_or_else(|| invalid("Missing required argument: name".to_owned(), None))?;
    let style = value("style").unwrap_or("plain");
    Ok(complete(vec![
        says(Role::User, plain(format!("Greet {name} in a {style} way."))),
        says(Role::User, image()),
        says(Role::Assistant, embedded(text_contents())),
    ]))
}

fn says(role: Role, content: Content) -> PromptMessage {
    PromptMessage { role, content }
}

fn complete(messages: Vec<PromptMessage>) -> PromptOutcome {
    let description = Some("A prompt, filled in".to_owned());
    PromptOutcome::Complete(PromptOutput { description, messages, meta: meta() })
}

/// A prompt with every field.
fn greet_prompt() -> Prompt {
    Prompt {
        name: "greet".to_owned(),
        title: Some("Greet".to_owned()),
        description: Some("Greets somebody".to_owned()),
        arguments: vec![
            PromptArgument {
                name: "name".to_owned(),
                title: Some("Name".to_owned()),
                description: Some("Whom to greet".to_owned()),
                required: Some(true),
            },
            PromptArgument { name: "style".to_owned(), title: None, description: None, required: Some(false) },
        ],
        icons: icons(),
        meta: meta(),
        extra: extra(),
    }
}

/// A prompt with no more fields than it must have.
fn ask_prompt() -> Prompt {
    Prompt {
        name: "ask".to_owned(),
        title: None,
        description: None,
        arguments: Vec::new(),
        icons: Vec::new(),
        meta: None,
        extra: None,
    }
}
