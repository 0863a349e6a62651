//! The one door for a guest's side effects: what it may send is decided here, on plain data.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use url::Url;

use super::credentials::StandInLeaves;
use super::{Credentials, HttpRule};
use crate::dial::{DialError, Dialler};
use crate::principal::Principal;

/// The longest request body that a guest may send, in bytes.
pub(crate) const MAX_REQUEST_BODY: usize = 4 * 1024 * 1024;

/// How many principals' connections one server keeps open. Whoever was away longest makes new ones.
const MAX_PRINCIPALS: usize = 64;

/// Decides on a server's outgoing requests, and makes them.
#[derive(Clone)]
pub(crate) struct Broker {
    dialler: Dialler,
    rules: Arc<[HttpRule]>,
    credentials: Arc<Credentials>,
}

/// The brokers of one server: each principal's decides the same, and has connections of its own.
pub(crate) struct Brokers {
    server: Broker,
    /// The last one is the one that was used last.
    principals: Mutex<Vec<(Option<Principal>, Broker)>>,
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
    StandIn(#[from] StandInLeaves),
    #[error(transparent)]
    Dial(#[from] DialError),
}

impl Broker {
    pub(crate) fn new(
        dialler: Dialler,
        rules: impl IntoIterator<Item = HttpRule>,
        credentials: Arc<Credentials>,
    ) -> Self {
        Self { dialler, rules: rules.into_iter().collect(), credentials }
    }

    /// Sends a request that a rule allows, with the credentials that go where it goes. The answer may be a redirect: the
    /// guest asks again, and is judged again.
    pub(crate) async fn http(&self, mut request: HttpRequest) -> Result<HttpResponse, BrokerError> {
        request.url.set_fragment(None);
        let rule = self.rule(&request.method, &request.url)?;
        let redactor = self.credentials.put_into(&mut request)?;
        let HttpRequest { method, url, headers, body } = request;
        let mut outgoing = http::Request::new(reqwest::Body::from(body));
        *outgoing.method_mut() = method;
        *outgoing.headers_mut() = headers;
        *outgoing.uri_mut() = url.as_str().parse().map_err(|_| DialError::NoHost)?;
        let (mut head, body) = self.dialler.send(outgoing, &url, rule.literal_address().is_some()).await?.into_parts();
        redactor.headers(&mut head.headers);
        Ok(HttpResponse { status: head.status, headers: head.headers, body: redactor.body(body) })
    }

    /// The variables that the server gets for its credentials: stand-ins, and values that its grant reveals.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.credentials.variables()
    }

    /// The same decisions, with connections that are used for nobody else.
    fn isolated(&self) -> Self {
        Self { dialler: self.dialler.isolated(), ..self.clone() }
    }
}

impl Brokers {
    pub(crate) fn new(server: Broker) -> Self {
        Self { server, principals: Mutex::default() }
    }

    /// The broker for a principal's calls; for none, the one for what a server does by itself.
    pub(crate) fn of(&self, principal: Option<&Principal>) -> Broker {
        let mut principals = self.principals.lock().unwrap_or_else(PoisonError::into_inner);
        let known = principals.iter().position(|(known, _)| known.as_ref() == principal);
        let entry = match known {
            Some(position) => principals.remove(position),
            None => (principal.cloned(), self.server.isolated()),
        };
        if principals.len() >= MAX_PRINCIPALS {
            principals.remove(0);
        }
        let broker = entry.1.clone();
        principals.push(entry);
        broker
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
mod tests;
