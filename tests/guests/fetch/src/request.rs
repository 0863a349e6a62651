//! The arguments of `fetch`.

use serde_json::{Map, Value};
use wasip2::http::types::{Method, Scheme};

/// A request as it is to be sent.
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) scheme: Scheme,
    pub(crate) authority: String,
    pub(crate) path_with_query: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Option<String>,
}

impl Request {
    pub(crate) fn parse(arguments: &str) -> Result<Self, String> {
        let given: Map<String, Value> = serde_json::from_str(arguments).map_err(|error| error.to_string())?;
        let text = |name: &str| given.get(name).and_then(Value::as_str);
        let (scheme, authority, path_with_query) = text("url").and_then(split).ok_or("url is not an absolute URL")?;
        Ok(Self {
            method: method(text("method").unwrap_or("GET")),
            scheme,
            authority,
            path_with_query,
            headers: headers(given.get("headers"))?,
            body: text("body").map(str::to_owned),
        })
    }
}

/// Takes a URL apart without judging its parts, so that tests can send what a careful client would not.
fn split(url: &str) -> Option<(Scheme, String, String)> {
    let (scheme, rest) = url.split_once("://")?;
    let scheme = match scheme {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.to_owned()),
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path_with_query) = rest.split_at(end);
    let slash = if path_with_query.starts_with('/') { "" } else { "/" };
    Some((scheme, authority.to_owned(), format!("{slash}{path_with_query}")))
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "CONNECT" => Method::Connect,
        "OPTIONS" => Method::Options,
        "TRACE" => Method::Trace,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    }
}

fn headers(given: Option<&Value>) -> Result<Vec<(String, Vec<u8>)>, String> {
    let Some(given) = given else {
        return Ok(Vec::new());
    };
    let header = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.as_bytes().to_vec()));
    let headers = given.as_object().and_then(|headers| headers.iter().map(header).collect());
    headers.ok_or_else(|| "headers is not an object of strings".to_owned())
}
