//! A guest's outgoing HTTP requests: collected into plain data, and decided on by the broker.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::header;
use http_body_util::{BodyExt, Limited};
use tokio::sync::Semaphore;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::Sandbox;
use crate::principal::Principal;
use crate::sandbox::{BrokerError, Brokers, HttpRequest, MAX_REQUEST_BODY};
use crate::settings::{Event, Hooks};
use crate::spec::ServerName;
use crate::untrusted::Untrusted;

/// The requests that one instance has under way; further ones wait. With [`MAX_REQUEST_BODY`] it bounds their memory.
const MAX_REQUESTS: usize = 8;

/// The refusals of one call that are written to the log. The guest is told of all.
const MAX_REFUSALS_LOGGED: usize = 16;

/// Headers that some servers take for another method or path than the one that was judged.
const OVERRIDES: [&str; 5] =
    ["x-http-method", "x-http-method-override", "x-method-override", "x-original-url", "x-rewrite-url"];

/// The way from one instance to the broker.
pub(in crate::executor::wasm) struct GuestHttp {
    server: ServerName,
    brokers: Arc<Brokers>,
    principal: Option<Principal>,
    hooks: Hooks,
    under_way: Arc<Semaphore>,
    refusals: Arc<AtomicUsize>,
}

type Sent =
    Result<(http::Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>), wasmtime_wasi_http::Error>;

impl GuestHttp {
    pub(super) fn new(sandbox: &Sandbox, principal: Option<&Principal>) -> Self {
        Self {
            server: sandbox.server.clone(),
            brokers: Arc::clone(&sandbox.brokers),
            principal: principal.cloned(),
            hooks: sandbox.hooks.clone(),
            under_way: Arc::new(Semaphore::new(MAX_REQUESTS)),
            refusals: Arc::default(),
        }
    }

    /// Tells the guest, and the log, that a request was not sent.
    fn refusing(&self) -> impl Fn(BrokerError) -> Error + Send + 'static {
        let (hooks, server, refusals) = (self.hooks.clone(), self.server.clone(), Arc::clone(&self.refusals));
        move |error| {
            let (code, reason) = guest_error(&error);
            if refusals.fetch_add(1, Ordering::Relaxed) < MAX_REFUSALS_LOGGED {
                (hooks.event)(Event::RequestRefused { server: server.clone(), reason: Untrusted::new(reason) });
            }
            code
        }
    }
}

impl WasiHttpHooks for GuestHttp {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _sent: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let broker = self.brokers.of(self.principal.as_ref());
        let (under_way, refused) = (Arc::clone(&self.under_way), self.refusing());
        Box::new(async move {
            // Never closed, and if it were, one request more would do no harm.
            let _under_way = under_way.acquire().await;
            let first_byte = options.and_then(|options| options.first_byte_timeout);
            let url = url(request.uri())?;
            broker.rule(request.method(), &url).map_err(&refused)?;
            let request = plain(request, url).await?;
            let answer = match first_byte {
                Some(timeout) => tokio::time::timeout(timeout, broker.http(request))
                    .await
                    .map_err(|_elapsed| Error::ConnectionReadTimeout)?,
                None => broker.http(request).await,
            };
            let answer = answer.map_err(&refused)?;
            let mut response =
                http::Response::new(answer.body.map_err(|_| Error::HttpResponseIncomplete).boxed_unsync());
            *response.status_mut() = answer.status;
            *response.headers_mut() = answer.headers;
            let done: Box<dyn Future<Output = _> + Send> = Box::new(async { Ok(()) });
            Ok((response, done))
        })
    }
}

/// The URL, read once: what is judged is what is sent.
fn url(uri: &http::Uri) -> Result<url::Url, Error> {
    let url = url::Url::parse(&uri.to_string()).map_err(|_| Error::HttpRequestUriInvalid)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::HttpRequestUriInvalid);
    }
    Ok(url)
}

/// The request as data: its body in memory, and without what a connection decides or a server may be misled by.
async fn plain(request: http::Request<WasiBody>, url: url::Url) -> Result<HttpRequest, Error> {
    let (head, body) = request.into_parts();
    let mut headers = head.headers;
    // The client writes them from the URL and the body that are sent.
    headers.remove(header::HOST);
    headers.remove(header::CONTENT_LENGTH);
    for name in OVERRIDES {
        headers.remove(name);
    }
    let body = Limited::new(body, MAX_REQUEST_BODY).collect().await;
    let body: Bytes = body.map_err(|_| Error::HttpRequestBodySize(None))?.to_bytes();
    Ok(HttpRequest { method: head.method, url, headers, body })
}

/// What the guest is told, and what the log is told: a guest learns nothing of the network that it was not granted.
fn guest_error(error: &BrokerError) -> (Error, String) {
    let code = match error {
        BrokerError::NotGranted(_) | BrokerError::StandIn(_) => Error::HttpRequestDenied,
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
