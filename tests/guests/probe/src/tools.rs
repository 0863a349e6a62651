//! Tools: one for every way a call can end.

use serde_json::{Map, Value, json};

use crate::{
    Probe,
    bindings::{
        exports::lockgate::mcp::tools::{
            Call, Guest, InputAnswer, Tool, ToolAnnotations, ToolOutcome, ToolOutput, ToolPage,
        },
        lockgate::mcp::{
            client::ListKind,
            types::{Content, RpcError},
        },
    },
    parts::{answered, cache, every_content, extra, icons, invalid, meta, plain, questions},
};

impl Guest for Probe {
    fn list_tools(_: &Call, cursor: Option<String>) -> Result<ToolPage, RpcError> {
        let (tools, next_cursor) = match cursor.as_deref() {
            None => (vec![echo_tool(), add_tool()], Some("second page".to_owned())),
            Some("second page") => (SIMPLE.map(|(name, description)| simple(name, description)).into(), None),
            Some(_) => return Err(invalid("unknown cursor".to_owned(), None)),
        };
        Ok(ToolPage { tools, next_cursor, cache: cache(), meta: meta() })
    }

    fn call_tool(
        client: &Call,
        name: String,
        arguments: String,
        answer: Option<InputAnswer>,
    ) -> Result<ToolOutcome, RpcError> {
        match (name.as_str(), answer) {
            ("echo", _) => echo(&arguments),
            ("add", _) => add(&arguments),
            ("content", _) => Ok(complete(ToolOutput { meta: meta(), ..output(every_content()) })),
            ("fail", _) => Ok(complete(ToolOutput { is_error: true, ..output(vec![plain("failed, as asked")]) })),
            ("refuse", _) => Err(refusal()),
            ("touch", _) => Ok(touch(client)),
            ("ask", None) => Ok(ToolOutcome::InputRequired(questions())),
            ("ask", Some(answer)) => Ok(structured(answered(&answer))),
            _ => Err(invalid(format!("Unknown tool: {name}"), None)),
        }
    }
}

fn echo(arguments: &str) -> Result<ToolOutcome, RpcError> {
    match read(arguments)?.remove("text") {
        Some(Value::String(text)) => Ok(complete(output(vec![plain(text)]))),
        _ => Err(invalid("text is not a string".to_owned(), None)),
    }
}

fn add(arguments: &str) -> Result<ToolOutcome, RpcError> {
    let given = read(arguments)?;
    let number =
        |name| given.get(name).and_then(Value::as_f64).ok_or_else(|| invalid(format!("{name} is not a number"), None));
    Ok(structured(json!({ "sum": number("a")? + number("b")? }).to_string()))
}

/// Says that everything has changed.
fn touch(client: &Call) -> ToolOutcome {
    for kind in [ListKind::Tools, ListKind::Prompts, ListKind::Resources] {
        client.list_changed(kind);
    }
    client.resource_updated("probe:///text");
    complete(output(vec![plain("touched")]))
}

fn refusal() -> RpcError {
    let data = json!({ "why": "as asked" }).to_string();
    RpcError { code: -32000, message: "refused, as asked".to_owned(), data: Some(data) }
}

fn read(arguments: &str) -> Result<Map<String, Value>, RpcError> {
    serde_json::from_str(arguments).map_err(|error| invalid(error.to_string(), None))
}

fn structured(json: String) -> ToolOutcome {
    complete(ToolOutput { structured: Some(json.clone()), ..output(vec![plain(json)]) })
}

fn complete(output: ToolOutput) -> ToolOutcome {
    ToolOutcome::Complete(output)
}

fn output(content: Vec<Content>) -> ToolOutput {
    ToolOutput { content, structured: None, is_error: false, meta: None }
}

/// The tools without arguments: name and description.
const SIMPLE: [(&str, &str); 5] = [
    ("content", "Returns one block of every type"),
    ("fail", "Fails, as a tool may"),
    ("refuse", "Is refused with an error of the protocol"),
    ("touch", "Says that every list and a resource have changed"),
    ("ask", "Asks the client in each way there is, and returns what came back"),
];

/// A tool with no more fields than it must have, but a description.
fn simple(name: &str, description: &str) -> Tool {
    Tool {
        name: name.to_owned(),
        title: None,
        description: Some(description.to_owned()),
        input_schema: json!({ "type": "object", "properties": {} }).to_string(),
        output_schema: None,
        annotations: None,
        icons: Vec::new(),
        meta: None,
        extra: None,
    }
}

fn echo_tool() -> Tool {
    let schema = json!({ "type": "object", "properties": { "text": { "type": "string" } }, "required": ["text"] });
    Tool { input_schema: schema.to_string(), ..simple("echo", "Returns its text") }
}

/// A tool with every field.
fn add_tool() -> Tool {
    let number = |name: &str| json!({ "type": "number", "description": format!("The {name} number") });
    let input = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": { "a": number("first"), "b": number("second") },
        "required": ["a", "b"],
        "additionalProperties": false,
    });
    let output = json!({ "type": "object", "properties": { "sum": number("resulting") }, "required": ["sum"] });
    Tool {
        name: "add".to_owned(),
        title: Some("Add".to_owned()),
        description: Some("Adds two numbers".to_owned()),
        input_schema: input.to_string(),
        output_schema: Some(output.to_string()),
        annotations: Some(ToolAnnotations {
            title: Some("Addition".to_owned()),
            read_only: Some(true),
            destructive: Some(false),
            idempotent: Some(true),
            open_world: Some(false),
        }),
        icons: icons(),
        meta: meta(),
        extra: extra(),
    }
}
