//! A guest's outgoing HTTP requests: collected into plain data, and decided on by the broker.

use std::sync::Arc;

use bytes::Bytes;
use http::header;
use http_body_util::{BodyExt, Limited};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::Sandbox;
use crate::sandbox::{Broker, BrokerError, HttpRequest, MAX_REQUEST_BODY};
use crate::settings::{Event, Hooks};
use crate::spec::ServerName;
use crate::untrusted::Untrusted;

/// The way from one instance to the broker.
pub(in crate::executor::wasm) struct GuestHttp {
    server: ServerName,
    broker: Arc<Broker>,
    hooks: Hooks,
}

type Sent =
    Result<(http::Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>), wasmtime_wasi_http::Error>;

impl GuestHttp {
    pub(super) fn new(sandbox: &Sandbox) -> Self {
        Self { server: sandbox.server.clone(), broker: Arc::clone(&sandbox.broker), hooks: sandbox.hooks.clone() }
    }
}

impl WasiHttpHooks for GuestHttp {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _sent: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let (broker, hooks, server) = (Arc::clone(&self.broker), self.hooks.clone(), self.server.clone());
        Box::new(async move {
            let first_byte = options.and_then(|options| options.first_byte_timeout);
            let request = plain(request).await?;
            let answer = match first_byte {
                Some(timeout) => tokio::time::timeout(timeout, broker.http(request))
                    .await
                    .map_err(|_| Error::ConnectionReadTimeout)?,
                None => broker.http(request).await,
            };
            let answer = answer.map_err(|error| {
                let (code, reason) = guest_error(&error);
                (hooks.event)(Event::RequestRefused { server, reason: Untrusted::new(reason) });
                code
            })?;
            let mut response =
                http::Response::new(answer.body.map_err(|_| Error::HttpResponseIncomplete).boxed_unsync());
            *response.status_mut() = answer.status;
            *response.headers_mut() = answer.headers;
            let done: Box<dyn Future<Output = _> + Send> = Box::new(async { Ok(()) });
            Ok((response, done))
        })
    }
}

/// The request as data: its URL read once, its body in memory, and without what only a connection decides.
async fn plain(request: http::Request<WasiBody>) -> Result<HttpRequest, Error> {
    let (head, body) = request.into_parts();
    let url = url::Url::parse(&head.uri.to_string()).map_err(|_| Error::HttpRequestUriInvalid)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::HttpRequestUriInvalid);
    }
    let mut headers = head.headers;
    // The client writes them from the URL and the body that are sent.
    headers.remove(header::HOST);
    headers.remove(header::CONTENT_LENGTH);
    let body = Limited::new(body, MAX_REQUEST_BODY).collect().await;
    let body: Bytes = body.map_err(|_| Error::HttpRequestBodySize(None))?.to_bytes();
    Ok(HttpRequest { method: head.method, url, headers, body })
}

/// What the guest is told, and what the log is told: a guest learns nothing of the network that it was not granted.
fn guest_error(error: &BrokerError) -> (Error, String) {
    let code = match error {
        BrokerError::NotGranted(_) => Error::HttpRequestDenied,
        BrokerError::Dial(_) => Error::DestinationUnavailable,
    };
    let mut reason = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        reason = format!("{reason}: {error}");
        source = error.source();
    }
    (code, reason)
}
