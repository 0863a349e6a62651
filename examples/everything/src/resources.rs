//! Resources: a text, some bytes, a template, and whoever wants to hear of their changes.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use rmcp::ErrorData;
use serde_json::{Value, json};

/// The URI of the text.
pub(crate) const TEXT: &str = "everything://text";

/// The URI of the bytes.
pub(crate) const BYTES: &str = "everything://bytes";

const NUMBERED: &str = "everything://numbered/";

pub(crate) fn list() -> Value {
    json!([
        { "uri": TEXT, "name": "text", "description": "A text", "mimeType": "text/plain" },
        { "uri": BYTES, "name": "bytes", "description": "Four bytes", "mimeType": "application/octet-stream" },
    ])
}

pub(crate) fn templates() -> Value {
    json!([{ "uriTemplate": "everything://numbered/{number}", "name": "numbered", "mimeType": "text/plain" }])
}

/// The contents of a resource (MCP schema, `ResourceContents`).
pub(crate) fn read(uri: &str) -> Result<Value, ErrorData> {
    match (uri, uri.strip_prefix(NUMBERED).map(str::parse::<u32>)) {
        (TEXT, _) => Ok(json!({ "uri": uri, "mimeType": "text/plain", "text": "This is a text." })),
        (BYTES, _) => Ok(json!({ "uri": uri, "mimeType": "application/octet-stream", "blob": "3q2+7w==" })),
        (_, Some(Ok(number))) => {
            Ok(json!({ "uri": uri, "mimeType": "text/plain", "text": format!("This is number {number}.") }))
        }
        _ => Err(ErrorData::resource_not_found(format!("there is no resource {uri}"), None)),
    }
}

/// Which resources a client wants to hear of.
#[derive(Clone, Default)]
pub(crate) struct Subscriptions(Arc<Mutex<BTreeSet<String>>>);

impl Subscriptions {
    pub(crate) fn add(&self, uri: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(uri);
    }

    pub(crate) fn remove(&self, uri: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(uri);
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}
