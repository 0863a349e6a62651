//! One request and its answer: asked again where that may help, with proof of who asks where that is wanted.

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use serde::Deserialize;
use url::Url;

use super::body::{Body, Stop, innermost, said_length};
use super::breach::Breach;
use super::detour::Detour;
use super::pace::{is_passing, retry_after};
use super::{Access, Registry};
use crate::artifact::DepotError;
use crate::message::Json;
use crate::settings::Event;
use crate::untrusted::Untrusted;

/// The most of an answer's explanation that is read, in bytes.
const MAX_EXPLANATION: u64 = 16 * 1024;

/// How much of a body is sent at a time, in bytes.
const PART: usize = 256 * 1024;

/// A request that can be made several times.
pub(super) struct Request {
    method: Method,
    pub(super) url: Url,
    access: Access,
    headers: HeaderMap,
    body: Bytes,
    /// Told how much of the body was sent.
    sent: Option<std::sync::Arc<dyn Fn(u64) + Send + Sync>>,
}

/// A small answer that was read to its end.
pub(super) struct Answer {
    /// As it says, without parameters, in lower case.
    pub(super) media_type: String,
    pub(super) headers: HeaderMap,
    pub(super) bytes: Vec<u8>,
}

/// Why there is no answer.
enum NoAnswer {
    /// It may be answered a little later.
    Passing(Breach, String),
    Final(DepotError),
}

impl Request {
    pub(super) fn new(method: Method, url: Url, access: Access) -> Self {
        Self { method, url, access, headers: HeaderMap::new(), body: Bytes::new(), sent: None }
    }

    /// Adds a header. What is no header's value is left out: all of ours are.
    pub(super) fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    pub(super) fn secret_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    pub(super) fn body(self, media_type: &str, body: Bytes) -> Self {
        let length = body.len().to_string();
        Self { body, ..self }.header(header::CONTENT_TYPE, media_type).header(header::CONTENT_LENGTH, &length)
    }

    pub(super) fn telling(self, sent: impl Fn(u64) + Send + Sync + 'static) -> Self {
        Self { sent: Some(std::sync::Arc::new(sent)), ..self }
    }

    fn build(&self, authorization: Option<HeaderValue>) -> Result<http::Request<reqwest::Body>, http::Error> {
        let body = match self.sent.clone() {
            Some(sent) => {
                let (body, parts) = (self.body.clone(), (0..self.body.len()).step_by(PART));
                reqwest::Body::wrap_stream(stream::iter(parts.collect::<Vec<_>>().into_iter().map(move |from| {
                    let to = body.len().min(from + PART);
                    sent(to as u64);
                    Ok::<_, std::convert::Infallible>(body.slice(from..to))
                })))
            }
            None => reqwest::Body::from(self.body.clone()),
        };
        let mut request = http::Request::builder().method(&self.method).uri(self.url.as_str()).body(body)?;
        *request.headers_mut() = self.headers.clone();
        if let Some(authorization) = authorization {
            request.headers_mut().insert(header::AUTHORIZATION, authorization);
        }
        Ok(request)
    }
}

impl Registry {
    /// Asks the registry itself, and proves who asks where it wants to know.
    pub(super) async fn exchange(&self, request: &Request) -> Result<Response<reqwest::Body>, DepotError> {
        let used = self.authorization(request.access);
        let response = self.patiently(request, used.clone()).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        // Of several that are asked at the same time, one gets the proof, and all use it.
        let asking = self.0.authenticating.lock().await;
        let meanwhile = self.authorization(request.access).filter(|now| used.as_ref() != Some(now));
        let authorization = match meanwhile {
            Some(authorization) => authorization,
            None => self.authenticate(response.headers(), request.access).await?,
        };
        drop(asking);
        self.patiently(request, Some(authorization)).await
    }

    /// Asks, and asks again where that may help.
    pub(super) async fn patiently(
        &self,
        request: &Request,
        authorization: Option<HeaderValue>,
    ) -> Result<Response<reqwest::Body>, DepotError> {
        let pace = self.0.shared.pace;
        let mut attempt = 1;
        loop {
            let (breach, problem, wait) = match self.send(request, authorization.clone()).await {
                Ok(response) if is_passing(response.status()) => {
                    let wait = pace.wait(attempt, Some(response.headers()));
                    let asked = retry_after(response.headers()).filter(|_| wait.is_none());
                    let later =
                        asked.map_or_else(String::new, |time| format!(", and asks to wait {} s", time.as_secs()));
                    (Breach::Status, format!("{}{later}", self.explanation(response).await), wait)
                }
                Ok(response) => return Ok(response),
                Err(NoAnswer::Passing(breach, problem)) => (breach, problem, pace.wait(attempt, None)),
                Err(NoAnswer::Final(error)) => return Err(error),
            };
            let Some(wait) = wait else {
                return Err(self.broken(breach, format!("{problem} (asked {attempt} times)")));
            };
            self.tell(Event::AskingAgain { registry: self.name().to_owned(), problem: Untrusted::new(problem), wait });
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }

    async fn send(
        &self,
        request: &Request,
        authorization: Option<HeaderValue>,
    ) -> Result<Response<reqwest::Body>, NoAnswer> {
        let endpoint = self.endpoint().map_err(NoAnswer::Final)?;
        let outgoing = request.build(authorization);
        let outgoing = outgoing.map_err(|error| NoAnswer::Final(self.broken(Breach::Form, error.to_string())))?;
        let url = &request.url;
        let pace = self.0.shared.pace;
        // An answer may come only after all of the body was sent.
        let patience = if request.body.is_empty() {
            pace.idle
        } else {
            pace.deadline(request.body.len() as u64).saturating_duration_since(std::time::Instant::now())
        };
        let sent = self.0.shared.dialler.send(outgoing, url, endpoint.wrote_out(url));
        match tokio::time::timeout(patience, sent).await {
            Err(_elapsed) => Err(NoAnswer::Final(self.broken(Breach::Slow, "it takes too long to answer"))),
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) if error.is_forbidden() => {
                let host = url.host_str().unwrap_or_default();
                let problem = format!("{host} is not dialled: {}", innermost(&error));
                Err(NoAnswer::Final(self.not_followed((Detour::Address, problem))))
            }
            Ok(Err(error)) if error.is_unreachable() => Err(NoAnswer::Final(DepotError::Unreachable {
                registry: self.name().to_owned(),
                problem: format!("{}: {}", url.host_str().unwrap_or_default(), innermost(&error)),
            })),
            Ok(Err(error)) => {
                Err(NoAnswer::Passing(Breach::Connection, format!("the connection broke: {}", innermost(&error))))
            }
        }
    }

    /// Reads a small answer to its end.
    pub(super) async fn read_small(&self, request: &Request, cap: u64, wanted: &str) -> Result<Answer, DepotError> {
        let answer = self.read_unless(&[], request, cap, wanted).await?;
        answer.ok_or_else(|| DepotError::None(wanted.to_owned()))
    }

    /// Reads a small answer to its end, unless its status is one of `missing`.
    pub(super) async fn read_unless(
        &self,
        missing: &[StatusCode],
        request: &Request,
        cap: u64,
        wanted: &str,
    ) -> Result<Option<Answer>, DepotError> {
        let pace = self.0.shared.pace;
        let mut attempt = 1;
        loop {
            let response = self.exchange(request).await?;
            if missing.contains(&response.status()) {
                return Ok(None);
            }
            if response.status() != StatusCode::OK {
                return Err(self.unexpected(response, wanted).await);
            }
            let headers = response.headers().clone();
            let said = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
            let said = said.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            let too_large = |size| DepotError::AnswerTooLarge { wanted: wanted.to_owned(), size, cap };
            if let Some(size) = said_length(&response).filter(|size| *size > cap) {
                return Err(too_large(size));
            }
            let mut body = Body::new(response.into_body(), pace.idle, pace.deadline(0));
            let problem = match body.all(cap).await {
                Ok(bytes) => return Ok(Some(Answer { media_type: said, headers, bytes })),
                Err(Stop::TooLong { read }) => return Err(too_large(read)),
                Err(Stop::Slow) => return Err(self.broken(Breach::Slow, "its answer comes too slowly")),
                Err(Stop::Broken(problem)) => format!("its answer broke off: {problem}"),
            };
            let Some(wait) = pace.wait(attempt, None) else { return Err(self.broken(Breach::Connection, problem)) };
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }

    /// The error that an answer is. A clean 404 is the registry's own word that there is none; one of somebody between,
    /// as a proxy's page, is not.
    pub(super) async fn unexpected(&self, response: Response<reqwest::Body>, wanted: &str) -> DepotError {
        let status = response.status();
        if response.status().is_redirection() {
            return self.not_followed((
                Detour::UnexpectedRedirect,
                format!("it redirects {wanted}, which no registry has to"),
            ));
        }
        let pace = self.0.shared.pace;
        let body = Body::new(response.into_body(), pace.idle, pace.deadline(0)).all(MAX_EXPLANATION).await;
        let explained = body.as_deref().ok().and_then(explained);
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                self.denied(explained.unwrap_or_else(|| status.to_string()), wanted).await
            }
            StatusCode::NOT_FOUND if explained.is_some() || body.is_ok_and(|body| body.is_empty()) => {
                DepotError::None(wanted.to_owned())
            }
            _ => self.broken(Breach::Status, said(status, explained)),
        }
    }

    async fn explanation(&self, response: Response<reqwest::Body>) -> String {
        let status = response.status();
        let pace = self.0.shared.pace;
        let body = Body::new(response.into_body(), pace.idle, pace.deadline(0)).all(MAX_EXPLANATION).await;
        said(status, body.ok().as_deref().and_then(explained))
    }

    pub(super) fn tell(&self, event: Event) {
        (self.0.shared.hooks.event)(event);
    }
}

fn said(status: StatusCode, explained: Option<String>) -> String {
    let words = explained.map_or_else(String::new, |words| format!(": {words}"));
    format!("it answers {status}{words}")
}

/// A registry's own words for an error (OCI Distribution Specification, "Error Codes"), safe to show.
fn explained(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Errors {
        errors: Vec<Problem>,
    }
    #[derive(Deserialize)]
    struct Problem {
        code: String,
        #[serde(default)]
        message: String,
    }
    let errors: Errors = Json::parse(std::str::from_utf8(body).ok()?).ok()?.read().ok()?;
    let problem = errors.errors.first()?;
    Some(Untrusted::new(format!("{} {}", problem.code, problem.message).trim()).to_line(300))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registrys_words_are_told_from_a_strangers_page() {
        let words =
            explained(br#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest\u001b[2J unknown","detail":{}}]}"#);
        assert_eq!(words.as_deref(), Some("MANIFEST_UNKNOWN manifest\\u{1b}[2J unknown"));
        assert_eq!(explained(br#"{"errors":[{"code":"DENIED"}]}"#).as_deref(), Some("DENIED"));
        for page in ["", "<html>404</html>", "{}", r#"{"errors":[]}"#, r#"{"errors":"x"}"#, "\u{1}"] {
            assert_eq!(explained(page.as_bytes()), None, "{page}");
        }
    }
}
