//! Tools: every kind of content, structured results, progress, log messages, changes, and questions to the client.

use std::time::Duration;

use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};
use serde_json::{Value, json};

use crate::{Everything, model, resources, stdin};

/// A picture of one pixel.
const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=";

/// A moment of silence (RIFF WAVE, no samples).
const SILENCE: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=";

pub(crate) fn list() -> Value {
    let tool = |name: &str, description: &str, properties: Value, required: Value| {
        let schema = json!({ "type": "object", "properties": properties, "required": required });
        json!({ "name": name, "description": description, "inputSchema": schema })
    };
    let string = json!({ "type": "string" });
    let mut add = tool(
        "add",
        "Adds two numbers, and answers with structure",
        json!({ "a": { "type": "number" }, "b": { "type": "number" } }),
        json!(["a", "b"]),
    );
    let sum = json!({ "sum": { "type": "number" } });
    add["outputSchema"] = json!({ "type": "object", "properties": sum, "required": ["sum"] });
    add["annotations"] = json!({ "readOnlyHint": true, "idempotentHint": true });
    json!([
        tool("echo", "Answers with what it is told", json!({ "text": string }), json!(["text"])),
        add,
        tool("content", "Answers with every kind of content", json!({}), json!([])),
        tool("fail", "Answers with an error", json!({}), json!([])),
        tool(
            "wait",
            "Waits, and says how far it is",
            json!({ "steps": { "type": "integer", "minimum": 1, "maximum": 100 } }),
            json!(["steps"]),
        ),
        tool("log", "Writes a log message of each level", json!({}), json!([])),
        tool("change", "Says that its tools, and the resources subscribed to, have changed", json!({}), json!([])),
        tool("elicit", "Asks the person for a name", json!({}), json!([])),
        tool("sample", "Asks the client's model", json!({ "prompt": string }), json!(["prompt"])),
        tool("roots", "Asks which folders the client works on", json!({}), json!([])),
        tool("environment", "Answers with the names of its environment variables", json!({}), json!([])),
    ])
}

pub(crate) async fn call(
    server: &Everything,
    name: &str,
    arguments: &Value,
    context: &RequestContext<RoleServer>,
) -> Result<Value, ErrorData> {
    let string = |key: &str| {
        let value = arguments[key].as_str();
        value.ok_or_else(|| ErrorData::invalid_params(format!("`{key}` must be there, and a string"), None))
    };
    let number = |key: &str| {
        let value = arguments[key].as_f64();
        value.ok_or_else(|| ErrorData::invalid_params(format!("`{key}` must be there, and a number"), None))
    };
    match name {
        "echo" => Ok(text(string("text")?)),
        "add" => {
            let structured = json!({ "sum": number("a")? + number("b")? });
            let content = [json!({ "type": "text", "text": structured.to_string() })];
            Ok(json!({ "content": content, "structuredContent": structured }))
        }
        "content" => Ok(json!({ "content": [
            { "type": "text", "text": "a text", "annotations": { "audience": ["user"], "priority": 0.5 } },
            { "type": "image", "data": PIXEL, "mimeType": "image/png" },
            { "type": "audio", "data": SILENCE, "mimeType": "audio/wav" },
            { "type": "resource_link", "uri": resources::BYTES, "name": "bytes" },
            { "type": "resource", "resource": resources::read(resources::TEXT)? },
        ] })),
        "fail" => Ok(json!({ "content": [{ "type": "text", "text": "failed, as asked" }], "isError": true })),
        "wait" => wait(number("steps")?, context).await,
        "log" => log(context).await,
        "change" => change(server, context).await,
        "elicit" => elicit(context).await,
        "sample" => sample(string("prompt")?, context).await,
        "roots" => {
            let roots = context.peer.list_roots().await.map_err(unanswered)?;
            Ok(text(&serde_json::to_string(&roots.roots).unwrap_or_default()))
        }
        "environment" => Ok(text(&Vec::from_iter(std::env::vars().map(|(name, _)| name)).join(" "))),
        _ => Err(ErrorData::invalid_params(format!("there is no tool {name}"), None)),
    }
}

fn text(text: &str) -> Value {
    json!({ "content": [{ "type": "text", "text": text }] })
}

fn unanswered(error: impl std::fmt::Display) -> ErrorData {
    ErrorData::internal_error(format!("the client did not answer: {error}"), None)
}

async fn wait(steps: f64, context: &RequestContext<RoleServer>) -> Result<Value, ErrorData> {
    let steps = steps.clamp(1.0, 100.0).round();
    let token = context.meta.get_progress_token();
    let mut step = 1.0;
    while step <= steps {
        stdin::sleep(Duration::from_millis(20)).await;
        if let Some(token) = &token {
            let progress = json!({ "progressToken": token, "progress": step, "total": steps, "message": "waiting" });
            // Whoever has gone does not want to know.
            let _ = context.peer.notify_progress(model(progress)?).await;
        }
        step += 1.0;
    }
    Ok(text(&format!("waited {steps} steps")))
}

async fn log(context: &RequestContext<RoleServer>) -> Result<Value, ErrorData> {
    for level in ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"] {
        let message = model(json!({ "level": level, "logger": "everything", "data": level }))?;
        let _ = context.peer.notify_logging_message(message).await;
    }
    Ok(text("logged"))
}

async fn change(server: &Everything, context: &RequestContext<RoleServer>) -> Result<Value, ErrorData> {
    let _ = context.peer.notify_tool_list_changed().await;
    for uri in server.0.all() {
        let _ = context.peer.notify_resource_updated(model(json!({ "uri": uri }))?).await;
    }
    Ok(text("changed"))
}

async fn elicit(context: &RequestContext<RoleServer>) -> Result<Value, ErrorData> {
    let properties = json!({ "name": { "type": "string", "title": "Name" } });
    let schema = json!({ "type": "object", "properties": properties, "required": ["name"] });
    let question = model(json!({ "mode": "form", "message": "What is your name?", "requestedSchema": schema }))?;
    let answer = context.peer.create_elicitation(question).await.map_err(unanswered)?;
    Ok(text(&serde_json::to_string(&answer).unwrap_or_default()))
}

async fn sample(prompt: &str, context: &RequestContext<RoleServer>) -> Result<Value, ErrorData> {
    let message = json!({ "role": "user", "content": { "type": "text", "text": prompt } });
    let question = model(json!({ "messages": [message], "maxTokens": 100 }))?;
    let answer = context.peer.create_message(question).await.map_err(unanswered)?;
    Ok(text(&serde_json::to_string(&answer).unwrap_or_default()))
}
