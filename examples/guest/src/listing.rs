//! A tool of `tools/list`, from JSON to the contract.

use serde_json::{Map, Value};

use crate::bindings::exports::lockgate::mcp::tools::{Tool, ToolAnnotations};

/// Reads a tool; what the contract does not name goes along as it is.
pub(crate) fn tool(json: &str) -> Result<Tool, serde_json::Error> {
    let mut tool: Map<String, Value> = serde_json::from_str(json)?;
    let mut schema = |name| tool.remove(name).map(|schema: Value| schema.to_string());
    let (input_schema, output_schema) = (schema("inputSchema"), schema("outputSchema"));
    let mut text = |name| match tool.remove(name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    let (name, title, description) = (text("name"), text("title"), text("description"));
    let annotations = tool.remove("annotations").map(|hints| ToolAnnotations {
        title: hints["title"].as_str().map(str::to_owned),
        read_only: hints["readOnlyHint"].as_bool(),
        destructive: hints["destructiveHint"].as_bool(),
        idempotent: hints["idempotentHint"].as_bool(),
        open_world: hints["openWorldHint"].as_bool(),
    });
    Ok(Tool {
        name: name.unwrap_or_default(),
        title,
        description,
        input_schema: input_schema.unwrap_or_default(),
        output_schema,
        annotations,
        icons: Vec::new(),
        meta: None,
        extra: (!tool.is_empty()).then(|| Value::Object(tool).to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_of_a_tool_gets_over() {
        let json = r#"{"name":"a","title":"A","description":"d","inputSchema":{"type":"object"},
            "annotations":{"title":"t","readOnlyHint":true},"execution":{"taskSupport":"forbidden"}}"#;
        let tool = tool(json).unwrap();
        assert_eq!(
            (tool.name.as_str(), tool.title.as_deref(), tool.description.as_deref()),
            ("a", Some("A"), Some("d"))
        );
        assert_eq!((tool.input_schema.as_str(), tool.output_schema), (r#"{"type":"object"}"#, None));
        let hints = tool.annotations.unwrap();
        assert_eq!((hints.title.as_deref(), hints.read_only, hints.destructive), (Some("t"), Some(true), None));
        assert_eq!(tool.extra.as_deref(), Some(r#"{"execution":{"taskSupport":"forbidden"}}"#));
    }
}
