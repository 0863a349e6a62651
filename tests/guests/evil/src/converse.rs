//! Talks with the client, well behaved or not.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Duration,
};

use serde_json::{Map, Value, json};

use crate::{
    bindings::{
        exports::lockgate::mcp::tools::{InputAnswer, ToolOutcome, ToolOutput},
        lockgate::mcp::{
            client::{ListKind, LogLevel},
            types::InputRequired,
        },
    },
    deed::{Deed, Outcome, Request, found, output, said},
};

pub(crate) const DEEDS: &[Deed] = &[
    Deed::new("ok", "Returns \"ok\"", |_| said("ok")),
    Deed::new("echo", "Returns its arguments", echo),
    Deed::new("fail", "Fails, as a tool may", |_| {
        Ok(ToolOutcome::Complete(ToolOutput { is_error: true, ..output("failed, as asked".to_owned()) }))
    }),
    Deed::new("count", "Returns how often it was called in this instance", count),
    Deed::new("meta", "Returns the metadata of the request", meta),
    Deed::new("progress", "Tells of progress in three steps", progress),
    Deed::new("log", "Logs one message on each level", log),
    Deed::new("list-changed", "Says that the tools have changed", list_changed),
    Deed::new("is-cancelled", "Works until the client gives up, then logs it", is_cancelled),
    Deed::new("ask", "Asks the user for a name, and returns what came back", ask),
    Deed::new("ask-forever", "Asks the user again and again", |_| ask_for_name()),
];

fn echo(request: &Request<'_>) -> Outcome {
    let structured = Some(request.arguments.clone());
    Ok(ToolOutcome::Complete(ToolOutput { structured, ..output(request.arguments.clone()) }))
}

fn count(_: &Request<'_>) -> Outcome {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let calls = CALLS.fetch_add(1, Ordering::Relaxed) + 1;
    found(&json!({ "calls": calls }))
}

fn meta(request: &Request<'_>) -> Outcome {
    said(request.client.meta().unwrap_or_else(|| "none".to_owned()))
}

fn progress(request: &Request<'_>) -> Outcome {
    for step in 1..=3 {
        request.client.progress(f64::from(step), Some(3.0), Some(&format!("step {step}")));
    }
    said("ok")
}

fn log(request: &Request<'_>) -> Outcome {
    let levels = [
        (LogLevel::Debug, "debug"),
        (LogLevel::Info, "info"),
        (LogLevel::Notice, "notice"),
        (LogLevel::Warning, "warning"),
        (LogLevel::Error, "error"),
        (LogLevel::Critical, "critical"),
        (LogLevel::Alert, "alert"),
        (LogLevel::Emergency, "emergency"),
    ];
    for (level, name) in levels {
        request.client.log(level, &json!({ "level": name }).to_string(), Some("evil"));
    }
    said("ok")
}

fn list_changed(request: &Request<'_>) -> Outcome {
    request.client.list_changed(ListKind::Tools);
    said("ok")
}

fn is_cancelled(request: &Request<'_>) -> Outcome {
    while !request.client.is_cancelled() {
        thread::sleep(Duration::from_millis(10));
    }
    request.client.log(LogLevel::Warning, "\"the client gave up\"", Some("evil"));
    said("cancelled")
}

fn ask(request: &Request<'_>) -> Outcome {
    let Some(InputAnswer { responses, state }) = &request.answer else {
        return ask_for_name();
    };
    let parsed = |json: &str| serde_json::from_str(json).unwrap_or_else(|_| Value::String(json.to_owned()));
    let responses: Map<String, Value> = responses.iter().map(|(key, json)| (key.clone(), parsed(json))).collect();
    found(&json!({ "responses": responses, "state": state }))
}

fn ask_for_name() -> Outcome {
    let question = json!({
        "method": "elicitation/create",
        "params": {
            "mode": "form",
            "message": "What is your name?",
            "requestedSchema": {
                "type": "object",
                "properties": { "name": { "type": "string" } },
                "required": ["name"],
            },
        },
    });
    Ok(ToolOutcome::InputRequired(InputRequired {
        requests: vec![("name".to_owned(), question.to_string())],
        state: Some("s1".to_owned()),
        meta: None,
    }))
}
