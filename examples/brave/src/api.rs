//! The Brave Search API.

use std::env;

use guest::js;
use serde_json::{Map, Value};

/// Where the API is, unless the variable `BRAVE_API_URL` says otherwise.
const BASE: &str = "https://api.search.brave.com";

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Images,
    LlmContext,
    LocalDescriptions,
    News,
    PlaceSearch,
    Summarizer,
    Videos,
    Web,
}

impl Endpoint {
    fn path(self) -> &'static str {
        match self {
            Self::Images => "/res/v1/images/search",
            Self::LlmContext => "/res/v1/llm/context",
            Self::LocalDescriptions => "/res/v1/local/descriptions",
            Self::News => "/res/v1/news/search",
            Self::PlaceSearch => "/res/v1/local/place_search",
            Self::Summarizer => "/res/v1/summarizer/search",
            Self::Videos => "/res/v1/videos/search",
            Self::Web => "/res/v1/web/search",
        }
    }
}

/// Sends a request for a URL with headers, and gives the response's status and body.
type Send = dyn Fn(&str, &[(String, Vec<u8>)]) -> Result<(u16, Vec<u8>), String>;

/// The way to the API.
pub(crate) struct Api {
    base: String,
    send: Box<Send>,
}

impl Api {
    /// The one that this component was given. Which requests go out, and with which key, is for the host to say.
    pub(crate) fn granted() -> Self {
        let base = env::var("BRAVE_API_URL").ok().filter(|url| !url.is_empty()).unwrap_or_else(|| BASE.to_owned());
        Self::new(&base, send)
    }

    pub(crate) fn new(
        base: &str,
        send: impl Fn(&str, &[(String, Vec<u8>)]) -> Result<(u16, Vec<u8>), String> + 'static,
    ) -> Self {
        Self { base: base.trim_end_matches('/').to_owned(), send: Box::new(send) }
    }

    /// Asks, and gives the answer's JSON.
    ///
    /// # Errors
    /// Where no answer comes, it is no JSON, or has another status than 200 to 299: then with what the API says.
    pub(crate) fn ask(
        &self,
        endpoint: Endpoint,
        parameters: &Map<String, Value>,
        headers: &Map<String, Value>,
    ) -> Result<Value, String> {
        let query = query(endpoint, parameters);
        let mark = if query.is_empty() { "" } else { "?" };
        let url = format!("{}{}{mark}{query}", self.base, endpoint.path());
        let mut sent = vec![("accept".to_owned(), b"application/json".to_vec())];
        for (name, value) in headers {
            sent.retain(|(known, _)| known != name);
            sent.push((name.clone(), header_value(&js::string(value))?));
        }
        let (status, body) = (self.send)(&url, &sent)?;
        let json = serde_json::from_slice::<Value>(&body).map(js::normal);
        if (200..300).contains(&status) {
            return json.map_err(|error| format!("The answer is not valid JSON: {error}"));
        }
        let told = match json {
            Ok(json) => serde_json::to_string_pretty(&json).map_err(|error| error.to_string())?,
            Err(_) => String::from_utf8_lossy(&body).into_owned(),
        };
        Err(format!("{status} {}\n{told}", reason(status)))
    }
}

#[cfg(target_family = "wasm")]
fn send(url: &str, headers: &[(String, Vec<u8>)]) -> Result<(u16, Vec<u8>), String> {
    match guest::http::get(url, headers) {
        Ok(response) => Ok((response.status, response.body)),
        Err(failure) => Err(format!("fetch failed: {failure}")),
    }
}

#[cfg(not(target_family = "wasm"))]
fn send(_: &str, _: &[(String, Vec<u8>)]) -> Result<(u16, Vec<u8>), String> {
    Err("fetch failed: not a component".to_owned())
}

fn query(endpoint: Endpoint, parameters: &Map<String, Value>) -> String {
    let mut pairs: Vec<(&str, String)> = Vec::new();
    for (name, value) in parameters {
        match (name.as_str(), value) {
            ("ids", Value::Array(ids)) if endpoint == Endpoint::LocalDescriptions => {
                pairs.extend(ids.iter().map(|id| ("ids", js::string(id))));
            }
            // With it, a search that is to be summarized would find nothing else.
            ("result_filter", _) if parameters.get("summary") == Some(&Value::Bool(true)) => {}
            ("result_filter", Value::Array(filter)) if filter.is_empty() => {}
            ("goggles", value) => {
                let candidates = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
                pairs.extend(candidates.iter().filter_map(goggle).map(|goggle| ("goggles", goggle)));
            }
            (_, Value::Null) => {}
            ("query", value) => pairs.push(("q", js::string(value))),
            (name, value) => pairs.push((name, js::string(value))),
        }
    }
    pairs.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect::<Vec<_>>().join("&")
}

/// A goggle's rules, or the `https:` URL of some.
fn goggle(value: &Value) -> Option<String> {
    let text = js::trim(value.as_str()?);
    let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    let is_url = matches!(scheme.as_deref(), Some("http" | "https"));
    let usable = !text.is_empty() && (!is_url || (scheme.as_deref() == Some("https") && guest::schema::is_url(text)));
    usable.then(|| text.to_owned())
}

/// As a form is encoded (WHATWG URL, "application/x-www-form-urlencoded").
fn encoded(text: &str) -> String {
    let mut result = String::new();
    for byte in text.bytes() {
        match byte {
            b' ' => result.push('+'),
            b'*' | b'-' | b'.' | b'_' => result.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => result.push(char::from(byte)),
            byte => result.push_str(&format!("%{byte:02X}")),
        }
    }
    result
}

/// A header's value in Latin 1, as `fetch` sends it.
fn header_value(text: &str) -> Result<Vec<u8>, String> {
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    let byte = |(place, c): (usize, char)| {
        u8::try_from(c).map_err(|_| {
            let value = u32::from(c);
            format!(
                "Cannot convert argument to a ByteString because the character at index {place} has a value of {value} \
                 which is greater than 255."
            )
        })
    };
    text.chars().enumerate().map(byte).collect()
}

/// The words that belong to a status (RFC 9110, §15, and RFC 6585); the answer's own do not get in here.
fn reason(status: u16) -> &'static str {
    match status {
        301 => "Moved Permanently",
        302 => "Found",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Payload Too Large",
        414 => "URI Too Long",
        422 => "Unprocessable Entity",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "",
    }
}

#[cfg(test)]
mod tests;
