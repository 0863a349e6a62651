//! Pictures, sounds, and other bytes.

use base64::{Engine, engine::general_purpose::STANDARD};
use guest::{
    Answer,
    bindings::lockgate::mcp::types::{Content, EmbeddedResource, MediaContent, ResourceBody, ResourceContents},
};
use serde_json::json;

use crate::{disk, path};

/// Reads a file as what its name says it is.
///
/// # Errors
/// As a text that says what was refused, or that the file is too large.
pub(crate) fn read(path: &str) -> Result<Answer, String> {
    let data = disk::read(path)?;
    let mime_type = mime_type(&path::extension(path));
    let kind = mime_type.split('/').next().unwrap_or_default();
    let encoded = STANDARD.encode(&data);
    let (content, block) = if kind == "application" {
        let uri = path::url(path);
        let block = json!({ "type": "resource", "resource": { "uri": uri, "mimeType": mime_type, "blob": encoded } });
        let mime_type = Some(mime_type.to_owned());
        let contents = ResourceContents { uri, mime_type, body: ResourceBody::Blob(data), meta: None };
        (Content::Embedded(EmbeddedResource { contents, annotations: None, meta: None }), block)
    } else {
        let block = json!({ "type": kind, "data": encoded, "mimeType": mime_type });
        let media = MediaContent { data, mime_type: mime_type.to_owned(), annotations: None, meta: None };
        (if kind == "image" { Content::Image(media) } else { Content::Audio(media) }, block)
    };
    Ok(Answer { content: vec![content], structured: Some(json!({ "content": [block] })), is_error: false })
}

fn mime_type(extension: &str) -> &'static str {
    match extension {
        ".png" => "image/png",
        ".jpg" | ".jpeg" => "image/jpeg",
        ".gif" => "image/gif",
        ".webp" => "image/webp",
        ".bmp" => "image/bmp",
        ".svg" => "image/svg+xml",
        ".mp3" => "audio/mpeg",
        ".wav" => "audio/wav",
        ".ogg" => "audio/ogg",
        ".flac" => "audio/flac",
        _ => "application/octet-stream",
    }
}
