//! What a tool of this guest is made of.

use serde_json::{Map, Value, json};

use crate::{
    bindings::{
        exports::lockgate::mcp::tools::{Call, InputAnswer, Tool, ToolOutcome, ToolOutput},
        lockgate::mcp::types::{Content, RpcError, TextContent},
    },
    invalid,
};

/// One tool: how it is listed, and what it does.
pub(crate) struct Deed {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    /// Names and JSON types of its arguments, all of them required.
    pub(crate) arguments: &'static [(&'static str, &'static str)],
    pub(crate) output_schema: Option<&'static str>,
    pub(crate) act: fn(&Request<'_>) -> Outcome,
}

/// How a call ends, unless it ends the instance.
pub(crate) type Outcome = Result<ToolOutcome, RpcError>;

impl Deed {
    /// A tool without arguments.
    pub(crate) const fn new(name: &'static str, description: &'static str, act: fn(&Request<'_>) -> Outcome) -> Self {
        Self { name, description, arguments: &[], output_schema: None, act }
    }

    /// The same with arguments.
    pub(crate) const fn with(self, arguments: &'static [(&'static str, &'static str)]) -> Self {
        Self { arguments, ..self }
    }

    /// The same with a promise about what it returns.
    pub(crate) const fn returning(self, schema: &'static str) -> Self {
        Self { output_schema: Some(schema), ..self }
    }

    pub(crate) fn listed(&self) -> Tool {
        let properties: Map<String, Value> =
            self.arguments.iter().map(|(name, kind)| ((*name).to_owned(), json!({ "type": kind }))).collect();
        let required: Vec<&str> = self.arguments.iter().map(|(name, _)| *name).collect();
        Tool {
            name: self.name.to_owned(),
            title: None,
            description: Some(self.description.to_owned()),
            input_schema: json!({ "type": "object", "properties": properties, "required": required }).to_string(),
            output_schema: self.output_schema.map(str::to_owned),
            annotations: None,
            icons: Vec::new(),
            meta: None,
            extra: None,
        }
    }
}

/// A call, with its arguments read.
pub(crate) struct Request<'a> {
    pub(crate) client: &'a Call,
    /// The arguments as they came.
    pub(crate) arguments: String,
    pub(crate) given: Map<String, Value>,
    pub(crate) answer: Option<InputAnswer>,
}

impl Request<'_> {
    pub(crate) fn text(&self, name: &str) -> Result<&str, RpcError> {
        self.given.get(name).and_then(Value::as_str).ok_or_else(|| invalid(format!("{name} is not a string")))
    }

    pub(crate) fn number(&self, name: &str) -> Result<u64, RpcError> {
        self.given.get(name).and_then(Value::as_u64).ok_or_else(|| invalid(format!("{name} is not a number")))
    }
}

/// Ends a call well, with text alone.
pub(crate) fn said(text: impl Into<String>) -> Outcome {
    Ok(ToolOutcome::Complete(output(text.into())))
}

/// Ends a call well, with the same as data and as text.
pub(crate) fn found(data: &Value) -> Outcome {
    Ok(ToolOutcome::Complete(ToolOutput { structured: Some(data.to_string()), ..output(data.to_string()) }))
}

/// Ends a call as the work did: with what it found, or as a failure of the tool.
pub(crate) fn done<E: ToString>(work: Result<Value, E>) -> Outcome {
    match work {
        Ok(data) => found(&data),
        Err(error) => Ok(ToolOutcome::Complete(ToolOutput { is_error: true, ..output(error.to_string()) })),
    }
}

/// What a call gives back, with text alone so far.
pub(crate) fn output(text: String) -> ToolOutput {
    let content = vec![Content::Text(TextContent { text, annotations: None, meta: None })];
    ToolOutput { content, structured: None, is_error: false, meta: None }
}
