//! What a request says of itself in its headers (MCP, "Streamable HTTP", "Request Headers").

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::StatusCode;
use hyper::header::{self, HeaderMap, HeaderName};
use lockgate_runtime::Untrusted;
use lockgate_runtime::message::{RpcError, code};

use super::answer::Refusal;
use crate::session::Alone;

const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");
pub(super) const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");

/// The headers of a request.
pub(super) struct Headers<'a>(pub(super) &'a HeaderMap);

impl<'a> Headers<'a> {
    /// The revision of MCP that the client speaks, if it says so.
    pub(super) fn protocol_version(&self) -> Result<Option<&'a str>, RpcError> {
        self.one(&PROTOCOL_VERSION)
    }

    /// The session that is meant, if there is one.
    pub(super) fn session_id(&self) -> Result<Option<&'a str>, RpcError> {
        self.one(&SESSION_ID)
    }

    /// Whether the headers say the same as the request. Whoever stands in between may have decided on them.
    ///
    /// # Errors
    /// Names the header that does not.
    pub(super) fn check(&self, request: &Alone<'_>) -> Result<(), RpcError> {
        agree(&PROTOCOL_VERSION, self.protocol_version()?, request.version())?;
        agree(&METHOD, self.one(&METHOD)?, request.method())?;
        if let Some(name) = request.name()? {
            let said = self.one(&NAME)?;
            let decoded = said.map(decoded).transpose()?;
            agree(&NAME, decoded.as_deref(), &name)?;
        }
        Ok(())
    }

    /// Whether the header that names the method, if it is there, names this one.
    ///
    /// # Errors
    /// Where it names another.
    pub(super) fn check_method(&self, method: &str) -> Result<(), RpcError> {
        let said = self.one(&METHOD)?;
        if said.is_some() { agree(&METHOD, said, method) } else { Ok(()) }
    }

    /// Whether a message can be read.
    ///
    /// # Errors
    /// Where it is not JSON as it is. A web page cannot say so without being asked for its origin first.
    pub(super) fn check_content(&self) -> Result<(), Refusal> {
        let is_json = |value: &str| media_type(value).eq_ignore_ascii_case("application/json");
        let kind = self.one(&header::CONTENT_TYPE).ok().flatten();
        let plain = !self.0.contains_key(header::CONTENT_ENCODING);
        if plain && kind.is_some_and(is_json) {
            return Ok(());
        }
        Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "a message is sent as Content-Type: application/json"))
    }

    /// Whether the client takes all of `kinds`. One that says nothing takes everything (RFC 9110, §12.5.1).
    ///
    /// # Errors
    /// Where not.
    pub(super) fn check_accept(&self, kinds: &[&str]) -> Result<(), Refusal> {
        let accepted: Vec<&[u8]> = self
            .0
            .get_all(header::ACCEPT)
            .iter()
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
            .collect();
        let takes = |kind: &&str| {
            accepted.iter().filter_map(|range| str::from_utf8(range).ok()).map(media_type).any(|range| {
                let group = kind.split_once('/').map_or("", |(group, _)| group);
                range == "*/*"
                    || range.eq_ignore_ascii_case(kind)
                    || range.strip_suffix("/*").is_some_and(|range| range.eq_ignore_ascii_case(group))
            })
        };
        if accepted.is_empty() || kinds.iter().all(takes) {
            return Ok(());
        }
        let message = format!("the client must take these answers: Accept: {}", kinds.join(", "));
        Err(Refusal::new(StatusCode::NOT_ACCEPTABLE, &message))
    }

    /// The value of a header that is there at most once.
    fn one(&self, name: &HeaderName) -> Result<Option<&'a str>, RpcError> {
        let mut values = self.0.get_all(name).iter();
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => {
                value.to_str().map(Some).map_err(|_| mismatch(format!("the header {name} is not ASCII text")))
            }
            (Some(_), Some(_)) => Err(mismatch(format!("the header {name} is there twice"))),
        }
    }
}

fn agree(name: &HeaderName, header: Option<&str>, body: &str) -> Result<(), RpcError> {
    let body_line = || Untrusted::new(body).to_line(128);
    match header {
        Some(header) if header == body => Ok(()),
        Some(header) => {
            let header = Untrusted::new(header).to_line(128);
            Err(mismatch(format!("the header {name} says `{header}`, and the body `{}`", body_line())))
        }
        None => Err(mismatch(format!("the header {name} is missing; the body says `{}`", body_line()))),
    }
}

/// A value that may be `=?base64?…?=`, for what headers cannot hold as it is.
fn decoded(value: &str) -> Result<String, RpcError> {
    let Some(encoded) = value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) else {
        return Ok(value.to_owned());
    };
    let bytes = STANDARD.decode(encoded).ok();
    bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| mismatch(format!("the header {NAME} is not base64 of UTF-8")))
}

/// A media type without its parameters.
fn media_type(value: &str) -> &str {
    value.split_once(';').map_or(value, |(kind, _)| kind).trim()
}

fn mismatch(message: String) -> RpcError {
    RpcError::new(code::HEADER_MISMATCH, message)
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;
    use lockgate_runtime::message::{Json, Request};

    use super::*;

    fn request(name: &str) -> Request {
        let meta = serde_json::json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let params = Json::of(&serde_json::json!({ "name": name, "_meta": meta }));
        Request { method: "tools/call".to_owned(), params }
    }

    fn check(request: &Request, name: &[u8]) -> Result<(), i64> {
        let mut headers = HeaderMap::new();
        headers.insert(PROTOCOL_VERSION, HeaderValue::from_static("2026-07-28"));
        headers.insert(METHOD, HeaderValue::from_static("tools/call"));
        headers.insert(NAME, HeaderValue::from_bytes(name).unwrap());
        let alone = Alone::read(request).unwrap().unwrap();
        Headers(&headers).check(&alone).map_err(|error| error.code)
    }

    #[test]
    fn a_name_that_looks_encoded_has_to_be() {
        let strange = request("=?base64?eA==?=");
        assert_eq!(check(&strange, b"=?base64?eA==?="), Err(code::HEADER_MISMATCH));
        let encoded = format!("=?base64?{}?=", STANDARD.encode("=?base64?eA==?="));
        assert_eq!(check(&strange, encoded.as_bytes()), Ok(()));
        // Only the whole value is an encoding.
        assert_eq!(check(&request("a=?base64?eA==?="), b"a=?base64?eA==?="), Ok(()));
    }

    proptest::proptest! {
        #[test]
        fn any_name_agrees_with_itself_encoded(name in "\\PC{0,40}") {
            let encoded = format!("=?base64?{}?=", STANDARD.encode(&name));
            proptest::prop_assert_eq!(check(&request(&name), encoded.as_bytes()), Ok(()));
        }

        #[test]
        fn any_header_agrees_with_the_name_it_says_and_with_no_other(header in "[ -~]{0,60}", name in "[ -~]{0,4}") {
            let agrees = check(&request(&name), header.as_bytes()).is_ok();
            proptest::prop_assert_eq!(agrees, decoded(&header).is_ok_and(|said| said == name));
        }

        #[test]
        fn any_headers_are_read_without_a_panic(value in proptest::collection::vec(32_u8..=255, 0..40)) {
            let Ok(value) = HeaderValue::from_bytes(&value) else { return Ok(()) };
            let mut headers = HeaderMap::new();
            for name in [PROTOCOL_VERSION, METHOD, NAME, SESSION_ID, header::ACCEPT, header::CONTENT_TYPE] {
                headers.insert(name, value.clone());
            }
            let headers = Headers(&headers);
            let _ = (headers.session_id(), headers.check_content(), headers.check_accept(&["a/b"]), headers.check_method("x"));
        }
    }
}
