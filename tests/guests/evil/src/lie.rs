//! Returns what the contract forbids, or what breaks whoever handles it carelessly.

use crate::{
    bindings::exports::lockgate::mcp::tools::{ToolOutcome, ToolOutput},
    deed::{Deed, Outcome, output, said},
};

pub(crate) const DEEDS: &[Deed] = &[
    Deed::new("bad-json", "Returns half an object as data", |_| structured("{\"a\":")),
    Deed::new("duplicate-json", "Returns an object with a key twice", |_| structured("{\"a\":1,\"a\":2}")),
    Deed::new("trailing-json", "Returns two values as one", |_| structured("{} {}")),
    Deed::new("multiline-json", "Returns data over several lines", |_| structured("{\r\n  \"a\":\n1\n}\n")),
    Deed::new("deep-json", "Returns arrays nested a hundred thousand deep", |_| {
        let depth = 100_000;
        structured(&format!("{}{}", "[".repeat(depth), "]".repeat(depth)))
    }),
    Deed::new("bad-meta", "Returns metadata that is no JSON", |_| meta("not json")),
    Deed::new("array-meta", "Returns metadata that is no object", |_| meta("[1, 2]")),
    Deed::new("escapes", "Returns text that controls terminals", |_| {
        said("\u{1b}]0;owned\u{7}\u{1b}[2J\u{202e}\r\nnext")
    }),
    Deed::new("broken-promise", "Returns a string where its schema promises an object with a number", |_| {
        structured("\"no number\"")
    })
    .returning(r#"{"type":"object","properties":{"n":{"type":"number"}},"required":["n"]}"#),
];

fn structured(json: &str) -> Outcome {
    Ok(ToolOutcome::Complete(ToolOutput { structured: Some(json.to_owned()), ..output("lie".to_owned()) }))
}

fn meta(json: &str) -> Outcome {
    Ok(ToolOutcome::Complete(ToolOutput { meta: Some(json.to_owned()), ..output("lie".to_owned()) }))
}
