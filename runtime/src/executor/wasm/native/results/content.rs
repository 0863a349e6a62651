//! Blocks of content and what belongs to them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::super::super::bindings::lockgate::mcp::types as wit;
use super::{Failure, object, parse_object, with_extra};
use crate::message::{Json, ObjectWriter};

/// MCP schema, `ContentBlock`.
pub(super) fn content(block: wit::Content) -> Result<Json, Failure> {
    match block {
        wit::Content::Text(wit::TextContent { text, annotations: hints, meta }) => {
            let object = ObjectWriter::new().with("type", "text").with("text", text);
            Ok(object.maybe("annotations", annotations(hints)).maybe("_meta", parse_object("_meta", meta)?).finish())
        }
        wit::Content::Image(media) => media_content("image", media),
        wit::Content::Audio(media) => media_content("audio", media),
        wit::Content::Link(item) => resource_item(ObjectWriter::new().with("type", "resource_link"), item),
        wit::Content::Embedded(wit::EmbeddedResource { contents: inner, annotations: hints, meta }) => {
            let object = ObjectWriter::new().with("type", "resource").with("resource", contents(inner)?);
            Ok(object.maybe("annotations", annotations(hints)).maybe("_meta", parse_object("_meta", meta)?).finish())
        }
        wit::Content::Other(text) => object("content block", text),
    }
}

fn media_content(kind: &str, media: wit::MediaContent) -> Result<Json, Failure> {
    let wit::MediaContent { data, mime_type, annotations: hints, meta } = media;
    let object = ObjectWriter::new()
        .with("type", kind)
        .with("data", BASE64.encode(data))
        .with("mimeType", mime_type)
        .maybe("annotations", annotations(hints));
    Ok(object.maybe("_meta", parse_object("_meta", meta)?).finish())
}

/// MCP schema, `TextResourceContents` and `BlobResourceContents`.
pub(super) fn contents(contents: wit::ResourceContents) -> Result<Json, Failure> {
    let wit::ResourceContents { uri, mime_type, body, meta } = contents;
    let object = ObjectWriter::new().with("uri", uri).maybe("mimeType", mime_type);
    let object = match body {
        wit::ResourceBody::Text(text) => object.with("text", text),
        wit::ResourceBody::Blob(bytes) => object.with("blob", BASE64.encode(bytes)),
    };
    Ok(object.maybe("_meta", parse_object("_meta", meta)?).finish())
}

/// MCP schema, `Resource`; with `object` started by a `type`, `ResourceLink`.
pub(super) fn resource_item(object: ObjectWriter, item: wit::ResourceItem) -> Result<Json, Failure> {
    let wit::ResourceItem {
        uri,
        name,
        title,
        description,
        mime_type,
        size,
        icons: pictures,
        annotations: hints,
        meta,
        extra,
    } = item;
    let object = object
        .with("uri", uri)
        .with("name", name)
        .maybe("title", title)
        .maybe("description", description)
        .maybe("mimeType", mime_type)
        .maybe("size", size)
        .maybe("icons", icons(pictures))
        .maybe("annotations", annotations(hints))
        .maybe("_meta", parse_object("_meta", meta)?);
    with_extra(object, extra)
}

/// MCP schema, `Annotations`.
pub(super) fn annotations(hints: Option<wit::Annotations>) -> Option<Json> {
    let wit::Annotations { audience, priority, last_modified } = hints?;
    let audience = audience.map(|roles| roles.into_iter().map(role).collect::<Vec<_>>());
    let object = ObjectWriter::new()
        .maybe("audience", audience)
        .maybe("priority", priority.filter(|priority| priority.is_finite()))
        .maybe("lastModified", last_modified);
    Some(object.finish())
}

/// MCP schema, `Role`.
pub(super) fn role(role: wit::Role) -> &'static str {
    match role {
        wit::Role::User => "user",
        wit::Role::Assistant => "assistant",
    }
}

/// MCP schema, `Icon`. Other sources than `https:` and `data:` are left out (MCP, "Icons", security).
pub(in super::super) fn icons(icons: Vec<wit::Icon>) -> Option<Vec<Json>> {
    let icon = |icon| {
        let wit::Icon { src, mime_type, sizes, theme } = icon;
        if !src.starts_with("https://") && !src.starts_with("data:") {
            return None;
        }
        let theme = theme.map(|theme| match theme {
            wit::IconTheme::Light => "light",
            wit::IconTheme::Dark => "dark",
        });
        let object = ObjectWriter::new().with("src", src).maybe("mimeType", mime_type).maybe("sizes", sizes);
        Some(object.maybe("theme", theme).finish())
    };
    let icons: Vec<Json> = icons.into_iter().filter_map(icon).collect();
    if icons.is_empty() { None } else { Some(icons) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(block: wit::Content) -> String {
        content(block).ok().unwrap().as_str().to_owned()
    }

    #[test]
    fn text_keeps_its_annotations_and_meta() {
        let hints = wit::Annotations {
            audience: Some(vec![wit::Role::User, wit::Role::Assistant]),
            priority: Some(0.5),
            last_modified: Some("2025-01-12T15:00:58Z".to_owned()),
        };
        let meta = Some(r#"{"x":1.0}"#.to_owned());
        assert_eq!(
            json(wit::Content::Text(wit::TextContent { text: "a\"b".to_owned(), annotations: Some(hints), meta })),
            r#"{"type":"text","text":"a\"b","annotations":{"audience":["user","assistant"],"priority":0.5,"lastModified":"2025-01-12T15:00:58Z"},"_meta":{"x":1.0}}"#
        );
    }

    #[test]
    fn bytes_become_base64() {
        let media = wit::MediaContent {
            data: vec![0xfb, 0xff],
            mime_type: "image/png".to_owned(),
            annotations: None,
            meta: None,
        };
        assert_eq!(json(wit::Content::Image(media)), r#"{"type":"image","data":"+/8=","mimeType":"image/png"}"#);
    }

    #[test]
    fn a_block_of_an_unknown_type_passes_as_it_is() {
        let block = r#"{"type":"future","n":1.50}"#;
        assert_eq!(json(wit::Content::Other(block.to_owned())), block);
        assert!(content(wit::Content::Other("{".to_owned())).is_err());
        assert!(content(wit::Content::Other(r#"{"a":1,"a":2}"#.to_owned())).is_err());
    }

    #[test]
    fn icons_from_elsewhere_are_left_out() {
        let icon = |src: &str| wit::Icon { src: src.to_owned(), mime_type: None, sizes: None, theme: None };
        assert!(icons(vec![icon("javascript:alert(1)"), icon("file:///etc/passwd")]).is_none());
        assert_eq!(icons(vec![icon("https://a.example/i.png"), icon("http://a.example/i.png")]).unwrap().len(), 1);
    }
}
