//! What the lists and results of this guest are put together from. Every optional field is filled in somewhere.

use serde_json::json;

use crate::bindings::lockgate::mcp::types::{
    Annotations, CacheHint, CacheScope, Content, EmbeddedResource, Icon, IconTheme, InputAnswer, InputRequired,
    MediaContent, ResourceBody, ResourceContents, ResourceItem, Role, RpcError, TextContent,
};

pub(crate) const PNG: &[u8] = include_bytes!("../media/dot.png");
pub(crate) const WAV: &[u8] = include_bytes!("../media/tick.wav");

/// Metadata whose key no part of MCP knows.
pub(crate) fn meta() -> Option<String> {
    Some(json!({ "com.example/probe": { "kept": [1, 2.5, "three", null] } }).to_string())
}

/// A member that no part of MCP knows.
pub(crate) fn extra() -> Option<String> {
    Some(json!({ "x-probe": { "kept": true } }).to_string())
}

pub(crate) fn annotations() -> Option<Annotations> {
    Some(Annotations {
        audience: Some(vec![Role::User, Role::Assistant]),
        priority: Some(0.5),
        last_modified: Some("2026-11-22T12:00:00Z".to_owned()),
    })
}

pub(crate) fn icons() -> Vec<Icon> {
    vec![
        Icon {
            src: "https://example.com/probe.png".to_owned(),
            mime_type: Some("image/png".to_owned()),
            sizes: Some(vec!["48x48".to_owned(), "96x96".to_owned()]),
            theme: Some(IconTheme::Light),
        },
        Icon {
            src: "data:image/svg+xml,%3Csvg%20xmlns='http://www.w3.org/2000/svg'/%3E".to_owned(),
            mime_type: None,
            sizes: Some(vec!["any".to_owned()]),
            theme: Some(IconTheme::Dark),
        },
    ]
}

pub(crate) fn cache() -> Option<CacheHint> {
    Some(CacheHint { ttl_ms: 60_000, scope: CacheScope::Public })
}

/// Text and nothing more.
pub(crate) fn plain(text: impl Into<String>) -> Content {
    Content::Text(TextContent { text: text.into(), annotations: None, meta: None })
}

pub(crate) fn image() -> Content {
    Content::Image(media(PNG, "image/png"))
}

fn media(data: &[u8], mime_type: &str) -> MediaContent {
    MediaContent { data: data.to_vec(), mime_type: mime_type.to_owned(), annotations: annotations(), meta: meta() }
}

/// One block of every type.
pub(crate) fn every_content() -> Vec<Content> {
    vec![
        Content::Text(TextContent { text: "text".to_owned(), annotations: annotations(), meta: meta() }),
        image(),
        Content::Audio(media(WAV, "audio/wav")),
        Content::Link(text_item()),
        embedded(text_contents()),
        embedded(blob_contents()),
        Content::Other(json!({ "type": "com.example/new", "value": { "kept": true } }).to_string()),
    ]
}

pub(crate) fn embedded(contents: ResourceContents) -> Content {
    Content::Embedded(EmbeddedResource { contents, annotations: annotations(), meta: meta() })
}

/// A resource with every field.
pub(crate) fn text_item() -> ResourceItem {
    ResourceItem {
        uri: "probe:///text".to_owned(),
        name: "text".to_owned(),
        title: Some("A text".to_owned()),
        description: Some("A resource with every field".to_owned()),
        mime_type: Some("text/plain".to_owned()),
        size: Some(5),
        icons: icons(),
        annotations: annotations(),
        meta: meta(),
        extra: extra(),
    }
}

/// A resource with no more fields than it must have.
pub(crate) fn blob_item() -> ResourceItem {
    ResourceItem {
        uri: "probe:///blob".to_owned(),
        name: "blob".to_owned(),
        title: None,
        description: None,
        mime_type: None,
        size: None,
        icons: Vec::new(),
        annotations: None,
        meta: None,
        extra: None,
    }
}

pub(crate) fn text_contents() -> ResourceContents {
    ResourceContents {
        uri: "probe:///text".to_owned(),
        mime_type: Some("text/plain".to_owned()),
        body: ResourceBody::Text("probe".to_owned()),
        meta: meta(),
    }
}

pub(crate) fn blob_contents() -> ResourceContents {
    ResourceContents {
        uri: "probe:///blob".to_owned(),
        mime_type: Some("image/png".to_owned()),
        body: ResourceBody::Blob(PNG.to_vec()),
        meta: None,
    }
}

/// Asks the client in each of the three ways there are.
pub(crate) fn questions() -> InputRequired {
    let form = json!({
        "method": "elicitation/create",
        "params": {
            "mode": "form",
            "message": "What is your name?",
            "requestedSchema": {
                "type": "object",
                "properties": { "name": { "type": "string", "title": "Name" } },
                "required": ["name"],
            },
        },
    });
    let sampling = json!({
        "method": "sampling/createMessage",
        "params": {
            "messages": [{ "role": "user", "content": { "type": "text", "text": "Say something nice" } }],
            "maxTokens": 50,
        },
    });
    let roots = json!({ "method": "roots/list" });
    let requests = [("form", form), ("sampling", sampling), ("roots", roots)];
    InputRequired {
        requests: requests.map(|(key, request)| (key.to_owned(), request.to_string())).into(),
        state: Some("state of the probe".to_owned()),
        meta: meta(),
    }
}

/// What came back, as JSON, so that tests see all of it.
pub(crate) fn answered(answer: &InputAnswer) -> String {
    let responses: Vec<_> = answer.responses.iter().map(|(key, json)| format!("\"{key}\":{json}")).collect();
    format!("{{\"responses\":{{{}}},\"state\":{}}}", responses.join(","), json!(answer.state))
}

pub(crate) fn invalid(message: String, data: Option<String>) -> RpcError {
    RpcError { code: -32602, message, data }
}
