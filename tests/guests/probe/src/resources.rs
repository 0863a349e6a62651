//! Resources: text, bytes, several at once, and those of a template.

use serde_json::json;

use crate::{
    Probe,
    bindings::{
        exports::lockgate::mcp::resources::{
            Call, Guest, InputAnswer, ResourceOutcome, ResourceOutput, ResourcePage, ResourceTemplate, TemplatePage,
        },
        lockgate::mcp::types::{ResourceBody, ResourceContents, RpcError},
    },
    parts::{
        annotations, answered, blob_contents, blob_item, cache, extra, icons, invalid, meta, questions, text_contents,
        text_item,
    },
};

/// What stands before the name in the URIs of the template.
const GREETING: &str = "probe:///greeting/";

impl Guest for Probe {
    fn list_resources(_: &Call, cursor: Option<String>) -> Result<ResourcePage, RpcError> {
        let (resources, next_cursor) = match cursor.as_deref() {
            None => (vec![text_item()], Some("second page".to_owned())),
            Some("second page") => (vec![blob_item()], None),
            Some(_) => return Err(invalid("unknown cursor".to_owned(), None)),
        };
        Ok(ResourcePage { resources, next_cursor, cache: cache(), meta: meta() })
    }

    fn list_templates(_: &Call, _: Option<String>) -> Result<TemplatePage, RpcError> {
        let template = ResourceTemplate {
            uri_template: format!("{GREETING}{{name}}"),
            name: "greeting".to_owned(),
            title: Some("A greeting".to_owned()),
            description: Some("A template with every field".to_owned()),
            mime_type: Some("text/plain".to_owned()),
            icons: icons(),
            annotations: annotations(),
            meta: meta(),
            extra: extra(),
        };
        Ok(TemplatePage { templates: vec![template], next_cursor: None, cache: cache(), meta: meta() })
    }

    fn read_resource(_: &Call, uri: String, answer: Option<InputAnswer>) -> Result<ResourceOutcome, RpcError> {
        let contents = match (uri.as_str(), answer) {
            ("probe:///text", _) => vec![text_contents()],
            ("probe:///blob", _) => vec![blob_contents()],
            ("probe:///both", _) => vec![text_contents(), blob_contents()],
            ("probe:///ask", None) => return Ok(ResourceOutcome::InputRequired(questions())),
            ("probe:///ask", Some(answer)) => vec![text(&uri, answered(&answer))],
            _ => match uri.strip_prefix(GREETING) {
                Some(name) => vec![text(&uri, format!("Hello, {name}!"))],
                None => return Err(unknown(&uri)),
            },
        };
        Ok(ResourceOutcome::Complete(ResourceOutput { contents, cache: cache(), meta: meta() }))
    }
}

fn text(uri: &str, text: String) -> ResourceContents {
    ResourceContents { uri: uri.to_owned(), mime_type: None, body: ResourceBody::Text(text), meta: None }
}

fn unknown(uri: &str) -> RpcError {
    invalid("Resource not found".to_owned(), Some(json!({ "uri": uri }).to_string()))
}
