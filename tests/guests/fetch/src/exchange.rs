//! One request and its response, over `wasi:http`.

use std::fmt;

use serde_json::{Map, Value, json};
use wasip2::{
    http::{
        outgoing_handler::handle,
        types::{ErrorCode, Fields, HeaderError, IncomingBody, IncomingResponse, OutgoingBody, OutgoingRequest},
    },
    io::streams::StreamError,
};

use crate::request::Request;

/// What `blocking-write-and-flush` takes at once.
const CHUNK: usize = 4096;

/// Sends a request, and waits for all of the response.
pub(crate) fn send(request: &Request) -> Result<Value, Failure> {
    let outgoing = prepare(request)?;
    let body = outgoing.body().map_err(|()| Failure::Refused("body"))?;
    let pending = handle(outgoing, None)?;
    write(body, request.body.as_deref().unwrap_or_default())?;
    pending.subscribe().block();
    let response =
        pending.get().ok_or(Failure::Refused("waiting"))?.map_err(|()| Failure::Refused("a second get"))??;
    Ok(json!({
        "status": response.status(),
        "headers": headers(&response),
        "body": String::from_utf8_lossy(&read(&response)?),
    }))
}

fn prepare(request: &Request) -> Result<OutgoingRequest, Failure> {
    let refused = |part| move |()| Failure::Refused(part);
    let outgoing = OutgoingRequest::new(Fields::from_list(&request.headers)?);
    outgoing.set_method(&request.method).map_err(refused("method"))?;
    outgoing.set_scheme(Some(&request.scheme)).map_err(refused("scheme"))?;
    outgoing.set_authority(Some(&request.authority)).map_err(refused("authority"))?;
    outgoing.set_path_with_query(Some(&request.path_with_query)).map_err(refused("path"))?;
    Ok(outgoing)
}

fn write(body: OutgoingBody, text: &str) -> Result<(), Failure> {
    {
        let stream = body.write().map_err(|()| Failure::Refused("body"))?;
        for chunk in text.as_bytes().chunks(CHUNK) {
            stream.blocking_write_and_flush(chunk)?;
        }
    }
    Ok(OutgoingBody::finish(body, None)?)
}

fn headers(response: &IncomingResponse) -> Value {
    let mut headers = Map::new();
    for (name, value) in response.headers().entries() {
        let values = headers.entry(name).or_insert_with(|| json!([]));
        if let Value::Array(values) = values {
            values.push(String::from_utf8_lossy(&value).into());
        }
    }
    Value::Object(headers)
}

fn read(response: &IncomingResponse) -> Result<Vec<u8>, Failure> {
    let body: IncomingBody = response.consume().map_err(|()| Failure::Refused("reading"))?;
    let stream = body.stream().map_err(|()| Failure::Refused("reading"))?;
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(1 << 16) {
            Ok(chunk) => bytes.extend(chunk),
            Err(StreamError::Closed) => return Ok(bytes),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Why there is no response.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The host does not take this part of the request.
    Refused(&'static str),
    Header(HeaderError),
    Exchange(ErrorCode),
    Stream(StreamError),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(part) => write!(f, "refused by the host: {part}"),
            Self::Header(error) => write!(f, "header: {error}"),
            Self::Exchange(error) => write!(f, "{error}"),
            Self::Stream(error) => write!(f, "stream: {error}"),
        }
    }
}

impl From<HeaderError> for Failure {
    fn from(error: HeaderError) -> Self {
        Self::Header(error)
    }
}

impl From<ErrorCode> for Failure {
    fn from(error: ErrorCode) -> Self {
        Self::Exchange(error)
    }
}

impl From<StreamError> for Failure {
    fn from(error: StreamError) -> Self {
        Self::Stream(error)
    }
}
