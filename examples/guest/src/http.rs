//! A GET request and its response, over `wasi:http`.

use std::fmt;

use wasip2::{
    http::{
        outgoing_handler::handle,
        types::{ErrorCode, Fields, HeaderError, IncomingResponse, OutgoingBody, OutgoingRequest, Scheme},
    },
    io::streams::StreamError,
};

/// The most that is read of a response's body, in bytes.
const MAX_BODY: usize = 8 << 20;

/// What came back.
#[derive(Debug)]
pub struct Response {
    /// Its status, as 200.
    pub status: u16,
    /// Its body.
    pub body: Vec<u8>,
}

/// Asks for `url`, an `http:` or `https:` URL without a fragment, and waits for all of the response.
///
/// # Errors
/// Where the host does not allow the request, nobody answers, or the answer breaks off or is too long.
pub fn get(url: &str, headers: &[(String, Vec<u8>)]) -> Result<Response, Failure> {
    let (scheme, rest) = match url.split_once("://") {
        Some(("https", rest)) => (Scheme::Https, rest),
        Some(("http", rest)) => (Scheme::Http, rest),
        _ => return Err(Failure::Refused("the URL")),
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let refused = |part| move |()| Failure::Refused(part);
    let request = OutgoingRequest::new(Fields::from_list(headers)?);
    request.set_scheme(Some(&scheme)).map_err(refused("the scheme"))?;
    request.set_authority(Some(authority)).map_err(refused("the authority"))?;
    request.set_path_with_query(Some(path)).map_err(refused("the path"))?;
    let body = request.body().map_err(refused("the body"))?;
    let pending = handle(request, None)?;
    OutgoingBody::finish(body, None)?;
    pending.subscribe().block();
    let answer = pending.get().ok_or(Failure::Refused("waiting"))?.map_err(refused("waiting"))?;
    let response = answer?;
    Ok(Response { status: response.status(), body: read(&response)? })
}

fn read(response: &IncomingResponse) -> Result<Vec<u8>, Failure> {
    let body = response.consume().map_err(|()| Failure::Refused("reading"))?;
    let stream = body.stream().map_err(|()| Failure::Refused("reading"))?;
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(1 << 16) {
            Ok(chunk) if bytes.len() + chunk.len() <= MAX_BODY => bytes.extend(chunk),
            Ok(_) => return Err(Failure::TooLong),
            Err(StreamError::Closed) => return Ok(bytes),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Why there is no response.
#[derive(Debug)]
pub enum Failure {
    /// The host does not take this part of the request.
    Refused(&'static str),
    /// A header is not one.
    Header(HeaderError),
    /// The request did not go out, or no answer came.
    Exchange(ErrorCode),
    /// The answer broke off.
    Stream(StreamError),
    /// The answer has more than [`MAX_BODY`] bytes.
    TooLong,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(part) => write!(f, "refused by the host: {part}"),
            Self::Header(error) => write!(f, "header: {error}"),
            Self::Exchange(error) => write!(f, "{error}"),
            Self::Stream(error) => write!(f, "stream: {error}"),
            Self::TooLong => write!(f, "the answer has more than {} MiB", MAX_BODY >> 20),
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
