//! The URL of a remote server, and single exchanges with it.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::BodyExt;
use serde::Deserialize;
use url::Url;

use super::failure::Failure;
use super::headers;
use super::messages::{Messages, content_type, whole};
use crate::message::{Json, Message, RpcError};
use crate::sandbox::{Broker, HttpRequest, HttpResponse};

/// How much of an answer that is an error is read, in bytes.
const MAX_ERROR: u64 = 64 * 1024;

/// The longest time that a server may ask one to wait for, as far as it is passed on.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 3600);

/// Where a server is, for one principal: connections are shared with nobody else.
pub(super) struct Endpoint {
    url: Url,
    broker: Broker,
}

/// How a message was answered.
pub(super) struct Reply {
    /// The session that the server began with this answer.
    pub(super) session: Option<HeaderValue>,
    /// What the answer holds; nothing where the server says that it only took the message.
    pub(super) messages: Option<Messages>,
}

impl Endpoint {
    pub(super) fn new(url: Url, broker: Broker) -> Self {
        Self { url, broker }
    }

    /// Sends a message. All of its answer may have `bytes`.
    pub(super) async fn post(&self, mut headers: HeaderMap, message: &Message, bytes: u64) -> Result<Reply, Failure> {
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let body = Json::of(message).as_str().to_owned();
        let response = self.send(Method::POST, headers, body.into()).await?;
        let session = response.headers.get(headers::SESSION_ID).cloned();
        if matches!(response.status, StatusCode::ACCEPTED | StatusCode::NO_CONTENT) {
            return Ok(Reply { session, messages: None });
        }
        Ok(Reply { session, messages: Some(Messages::of(response, bytes)?) })
    }

    /// Opens a stream for what the server says by itself.
    pub(super) async fn get(&self, mut headers: HeaderMap, bytes: u64) -> Result<Messages, Failure> {
        headers.insert(header::ACCEPT, HeaderValue::from_static("text/event-stream"));
        Messages::of(self.send(Method::GET, headers, Bytes::new()).await?, bytes)
    }

    /// Says that a session is over.
    pub(super) async fn delete(&self, headers: HeaderMap) -> Result<(), Failure> {
        self.send(Method::DELETE, headers, Bytes::new()).await.map(drop)
    }

    /// Sends a request, and sees to it that its answer is none of failure.
    async fn send(&self, method: Method, headers: HeaderMap, body: Bytes) -> Result<HttpResponse, Failure> {
        let names_session = headers.contains_key(headers::SESSION_ID);
        let request = HttpRequest { method, url: self.url.clone(), headers, body };
        let response = self.broker.http(request).await?;
        let status = response.status;
        if status.is_success() {
            return Ok(response);
        }
        if status.is_redirection() {
            return Err(Failure::Moved(self.target(&response)));
        }
        // What such an answer says besides is for another session.
        if status == StatusCode::NOT_FOUND && names_session {
            return Err(Failure::SessionLost);
        }
        if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            return Err(Failure::Busy(status, retry_after(&response)));
        }
        Err(rpc_error(response).await.map_or(Failure::Status(status), Failure::Answered))
    }

    /// The origin that an answer sends one to.
    fn target(&self, response: &HttpResponse) -> Option<String> {
        let location = response.headers.get(header::LOCATION)?.to_str().ok()?;
        let target = self.url.join(location).ok()?;
        target.host_str()?;
        Some(target.origin().ascii_serialization())
    }
}

/// The error of the protocol that an answer holds, if it does. Nothing else of the answer is ever shown.
async fn rpc_error(response: HttpResponse) -> Option<RpcError> {
    #[derive(Deserialize)]
    struct ErrorResponse {
        jsonrpc: String,
        error: RpcError,
    }
    // Whoever guards a server answers so, and what would help is known better here.
    if matches!(response.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
        || content_type(&response).as_deref() != Some("application/json")
    {
        return None;
    }
    let body = whole(response.body.map_err(|_| Failure::Broken).boxed_unsync(), MAX_ERROR).await.ok()?;
    let answer: ErrorResponse = Json::parse(String::from_utf8(body).ok()?).ok()?.read().ok()?;
    (answer.jsonrpc == "2.0").then_some(answer.error)
}

fn retry_after(response: &HttpResponse) -> Option<Duration> {
    let seconds = response.headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}
