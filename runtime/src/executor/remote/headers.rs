//! What of a request stands in its headers, too (MCP 2026-07-28, "Request Metadata").

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::failure::Failure;
use crate::message::Request;

pub(super) const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
pub(super) const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
pub(super) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");

/// What every request carries. Some hosts refuse requests that do not say what sent them.
pub(super) fn common() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::USER_AGENT, HeaderValue::from_static(concat!("lockgate/", env!("CARGO_PKG_VERSION"))));
    headers
}

/// What every request of MCP 2026-07-28 carries.
///
/// # Errors
/// Where the method is none that fits into a header.
pub(super) fn modern(request: &Request) -> Result<HeaderMap, Failure> {
    let mut headers = common();
    headers.insert(PROTOCOL_VERSION, HeaderValue::from_static(super::MODERN));
    // Only names and parameters may be encoded.
    let method = HeaderValue::from_str(&request.method).map_err(|_| Failure::UnfitMethod)?;
    headers.insert(METHOD, method);
    let key = match &*request.method {
        "tools/call" | "prompts/get" => "name",
        "resources/read" => "uri",
        _ => return Ok(headers),
    };
    // Whoever is asked for something without a name says so better than we could.
    if let Ok(Some(name)) = request.params.members().and_then(|members| members.read::<String>(key)) {
        headers.insert(NAME, encoded(&name));
    }
    Ok(headers)
}

/// A text as the value of a header: as it is where that is safe, else in Base64 between two marks ("Value Encoding").
pub(super) fn encoded(text: &str) -> HeaderValue {
    let looks_encoded = text.starts_with("=?base64?") && text.ends_with("?=");
    let is_printable = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    let is_plain = is_printable && text.trim() == text && !looks_encoded;
    let encoded = || format!("=?base64?{}?=", STANDARD.encode(text));
    let value = if is_plain { text.to_owned() } else { encoded() };
    // Both are printable ASCII.
    HeaderValue::try_from(value).unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::message::Json;

    #[test]
    fn values_are_encoded_as_the_specification_shows() {
        for (text, value) in [
            ("us-west1", "us-west1"),
            ("Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="),
            (" padded ", "=?base64?IHBhZGRlZCA=?="),
            ("line1\nline2", "=?base64?bGluZTEKbGluZTI=?="),
            ("=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="),
            ("", ""),
        ] {
            assert_eq!(encoded(text), value);
        }
    }

    #[test]
    fn requests_name_their_method_and_what_they_are_about() {
        let headers = |method: &str, params: &str| {
            let request = Request { method: method.to_owned(), params: Json::parse(params).unwrap() };
            let headers = modern(&request).ok()?;
            let value = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap().to_owned());
            Some((value(METHOD), value(NAME)))
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(headers("tools/call", r#"{"name":"a","uri":"b"}"#), Some((some("tools/call"), some("a"))));
        assert_eq!(headers("prompts/get", r#"{"name":"\u0061"}"#), Some((some("prompts/get"), some("a"))));
        assert_eq!(
            headers("resources/read", r#"{"name":"a","uri":"b:c"}"#),
            Some((some("resources/read"), some("b:c")))
        );
        assert_eq!(headers("tools/list", r#"{"name":"a"}"#), Some((some("tools/list"), None)));
        assert_eq!(headers("tools/call", r#"{"name":1}"#), Some((some("tools/call"), None)));
        assert_eq!(headers("tools/call\r\nx: y", "{}"), None);
    }

    proptest! {
        #[test]
        fn any_text_comes_back(text in "\\PC{0,20}|(?s).{0,20}|=\\?base64\\?.{0,5}\\?=") {
            let value = encoded(&text);
            let value = value.to_str().unwrap();
            prop_assert_eq!(value.trim(), value);
            let inner = value.strip_prefix("=?base64?").and_then(|value| value.strip_suffix("?="));
            let back = inner.map_or_else(|| value.to_owned(), |inner| String::from_utf8(STANDARD.decode(inner).unwrap()).unwrap());
            prop_assert_eq!(back, text);
        }
    }
}
