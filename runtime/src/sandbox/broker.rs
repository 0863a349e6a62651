//! The one door for a guest's side effects: what it may send is decided here, on plain data.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use url::Url;

use super::HttpRule;
use crate::dial::{DialError, Dialler};

/// The longest request body that a guest may send, in bytes.
pub(crate) const MAX_REQUEST_BODY: usize = 4 * 1024 * 1024;

/// Decides on a server's outgoing requests, and makes them.
#[derive(Clone)]
pub(crate) struct Broker {
    dialler: Dialler,
    rules: Arc<[HttpRule]>,
}

/// A request of a guest.
#[derive(Debug, Clone)]
pub(crate) struct HttpRequest {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// The head of an answer; the body follows as it arrives.
pub(crate) struct HttpResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: reqwest::Body,
}

/// Why a guest's request was not answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BrokerError {
    #[error("no rule allows this request; to allow it: --allow-http \"{0}\"")]
    NotGranted(String),
    #[error(transparent)]
    Dial(#[from] DialError),
}

impl Broker {
    pub(crate) fn new(dialler: Dialler, rules: impl IntoIterator<Item = HttpRule>) -> Self {
        Self { dialler, rules: rules.into_iter().collect() }
    }

    /// A broker with the same rules, and with connections that it shares with nobody.
    ///
    /// # Errors
    /// Where TLS cannot be set up.
    pub(crate) fn isolated(&self) -> Result<Self, BrokerError> {
        Ok(Self { dialler: self.dialler.isolated()?, ..self.clone() })
    }

    /// Sends a request that a rule allows. The answer may be a redirect: the guest asks again, and is judged again.
    pub(crate) async fn http(&self, request: HttpRequest) -> Result<HttpResponse, BrokerError> {
        let rule = self.rule(&request.method, &request.url)?;
        let HttpRequest { method, mut url, headers, body } = request;
        url.set_fragment(None);
        let mut outgoing = http::Request::new(reqwest::Body::from(body));
        *outgoing.method_mut() = method;
        *outgoing.headers_mut() = headers;
        *outgoing.uri_mut() = url.as_str().parse().map_err(|_| DialError::NoHost)?;
        let (head, body) = self.dialler.send(outgoing, &url, rule.literal_address().is_some()).await?.into_parts();
        Ok(HttpResponse { status: head.status, headers: head.headers, body })
    }
}

impl Broker {
    /// The rule that allows a request. Asked before its body is read, too: what is refused costs no memory.
    pub(crate) fn rule(&self, method: &Method, url: &Url) -> Result<&HttpRule, BrokerError> {
        let rule = self.rules.iter().find(|rule| rule.allows(method, url));
        rule.ok_or_else(|| BrokerError::NotGranted(rule_for(method, url)))
    }
}

/// The narrowest rule that would allow a request to this host.
fn rule_for(method: &Method, url: &Url) -> String {
    format!("{method} {}/", url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_without_a_rule_names_the_rule_that_would_allow_it() {
        let broker = Broker::new(Dialler::new(&[]).unwrap(), ["GET https://example.com/".parse().unwrap()]);
        let request = HttpRequest {
            method: Method::POST,
            url: Url::parse("https://example.com/x?secret").unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        };
        let error = broker.http(request).await.err().unwrap().to_string();
        assert_eq!(error, "no rule allows this request; to allow it: --allow-http \"POST https://example.com/\"");
    }

    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_is_not_dialled() {
        let broker = Broker::new(Dialler::new(&[]).unwrap(), ["http://localhost:9/".parse().unwrap()]);
        let request = HttpRequest {
            method: Method::GET,
            url: Url::parse("http://localhost:9/").unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        };
        assert!(matches!(broker.http(request).await, Err(BrokerError::Dial(DialError::Failed(_)))));
    }
}
