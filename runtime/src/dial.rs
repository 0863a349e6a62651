//! The one way out: every outgoing connection of this program is made here.
//!
//! A name is resolved once, and only its public addresses are connected to; what a person wrote as a literal address is
//! connected to as it is. Redirects are answers like any other; there are no proxies from the environment, no cookies,
//! and no switch that turns certificate checks off.

use std::error::Error;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::Certificate;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::Url;

use crate::address::{is_public, literal};
use crate::untrusted::Untrusted;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Makes outgoing connections.
#[derive(Clone)]
pub(crate) struct Dialler {
    /// Made for the first request: it reads the system's certificate authorities, which takes longer than the rest of
    /// a program's start, and most diallers of a server that asks for nothing outside never need it.
    client: Arc<OnceLock<reqwest::Client>>,
    roots: Arc<[Certificate]>,
    /// Where this program itself listens.
    own: Arc<[SocketAddr]>,
}

/// Why no connection was made, or why it broke.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    #[error("{0} is not an address of the public internet; only a rule that writes this address out reaches it")]
    NotPublic(IpAddr),
    #[error("{0} has no public address")]
    NoPublicAddress(String),
    #[error("the name {0} is not known")]
    UnknownName(String, #[source] std::io::Error),
    #[error("this is where Lockgate itself listens, which no server may reach")]
    OwnListener,
    #[error("the URL has no host")]
    NoHost,
    #[error("the request failed")]
    Failed(#[source] reqwest::Error),
    #[error("TLS could not be set up")]
    Setup(#[source] reqwest::Error),
}

/// Why a server was not reached, as far as it can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unreachable {
    /// No resolver knows its name.
    UnknownName,
    /// What it leads to is not dialled.
    NotPublic,
    /// It is this program itself.
    OwnListener,
    /// Nobody listens there.
    Refused,
    /// Nobody answered in time.
    TimedOut,
    /// It is not who it should be, or speaks no TLS.
    Tls(Untrusted),
    /// Anything else.
    Other(Untrusted),
}

impl DialError {
    /// Whether an address was not dialled because it is not one of the public internet.
    pub(crate) fn is_forbidden(&self) -> bool {
        matches!(self.reason(), Unreachable::NotPublic | Unreachable::OwnListener)
    }

    /// Whether no connection came about, so that nobody got the request.
    pub(crate) fn is_unreachable(&self) -> bool {
        matches!(self, Self::Failed(error) if error.is_connect())
    }

    /// What stands behind an error.
    pub(crate) fn reason(&self) -> Unreachable {
        let mut innermost = String::new();
        let mut cause: Option<&(dyn Error + 'static)> = Some(self);
        let mut timed_out = false;
        while let Some(error) = cause {
            match error.downcast_ref() {
                Some(Self::UnknownName(..)) => return Unreachable::UnknownName,
                Some(Self::NotPublic(_) | Self::NoPublicAddress(_)) => return Unreachable::NotPublic,
                Some(Self::OwnListener) => return Unreachable::OwnListener,
                Some(Self::Failed(error)) => timed_out |= error.is_timeout(),
                Some(Self::NoHost | Self::Setup(_)) | None => {}
            }
            if let Some(error) = error.downcast_ref().map(unwrapped) {
                match error.kind() {
                    io::ErrorKind::ConnectionRefused => return Unreachable::Refused,
                    io::ErrorKind::TimedOut => return Unreachable::TimedOut,
                    // What TLS finds wrong with the other side.
                    io::ErrorKind::InvalidData => return Unreachable::Tls(Untrusted::new(error.to_string())),
                    io::ErrorKind::UnexpectedEof if error.to_string().contains("tls") => {
                        return Unreachable::Tls(Untrusted::new(error.to_string()));
                    }
                    _ => {}
                }
            }
            innermost = error.to_string();
            cause = error.source();
        }
        if timed_out { Unreachable::TimedOut } else { Unreachable::Other(Untrusted::new(innermost)) }
    }
}

/// The error that others of its kind are wrapped around; their `source` passes it over.
fn unwrapped(mut error: &io::Error) -> &io::Error {
    while let Some(inner) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
        error = inner;
    }
    error
}

impl Dialler {
    /// Trusts the system's certificate authorities, and those of `roots`: each a PEM file's content.
    ///
    /// # Errors
    /// With something else in `roots`.
    pub(crate) fn new(roots: &[Vec<u8>]) -> Result<Self, DialError> {
        let mut certificates = Vec::new();
        for pem in roots {
            certificates.extend(Certificate::from_pem_bundle(pem).map_err(DialError::Setup)?);
        }
        Ok(Self { client: Arc::default(), roots: certificates.into(), own: Arc::default() })
    }

    /// A dialler that never connects to these addresses, whoever wrote them out.
    pub(crate) fn sparing(self, own: &[SocketAddr]) -> Self {
        Self { own: own.into(), ..self }
    }

    /// A dialler with connections of its own: what is kept open for one server and principal is used for no other.
    pub(crate) fn isolated(&self) -> Self {
        Self { client: Arc::default(), ..self.clone() }
    }

    /// Sends one request. `written_out` says that a person wrote this very address as a literal.
    ///
    /// # Errors
    /// Where this address is not dialled, TLS cannot be set up (as without any root certificates), or no answer came.
    pub(crate) async fn send(
        &self,
        request: http::Request<reqwest::Body>,
        url: &Url,
        written_out: bool,
    ) -> Result<http::Response<reqwest::Body>, DialError> {
        if !url.has_host() {
            return Err(DialError::NoHost);
        }
        // A literal address is never asked of a resolver, so it is checked here.
        let literal = literal(url);
        if let Some(address) = literal.filter(|address| !written_out && !is_public(*address)) {
            return Err(DialError::NotPublic(address));
        }
        if literal.is_some_and(|address| self.is_own(address, url.port_or_known_default())) {
            return Err(DialError::OwnListener);
        }
        let request = reqwest::Request::try_from(request).map_err(DialError::Failed)?;
        let response = self.client()?.execute(request).await.map_err(DialError::Failed)?;
        Ok(response.into())
    }

    fn client(&self) -> Result<&reqwest::Client, DialError> {
        match self.client.get() {
            Some(client) => Ok(client),
            None => client(&self.roots).map(|client| self.client.get_or_init(|| client)),
        }
    }

    /// Whether this program itself listens there. What leads to no address in particular leads to this machine.
    fn is_own(&self, address: IpAddr, port: Option<u16>) -> bool {
        let address = address.to_canonical();
        let leads_to = |own: &SocketAddr| address == own.ip() || address.is_unspecified();
        self.own.iter().any(|own| Some(own.port()) == port && leads_to(own))
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that builds a client")]
fn client(roots: &[Certificate]) -> Result<reqwest::Client, DialError> {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .dns_resolver(PublicOnly)
        .tls_certs_merge(roots.iter().cloned())
        .build()
        .map_err(DialError::Setup)
}

/// Resolves names to their public addresses alone: the addresses it gives are the ones that are connected to.
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found = tokio::net::lookup_host((host.as_str(), 0)).await;
            let found = found.map_err(|error| DialError::UnknownName(host.clone(), error))?;
            let public: Vec<SocketAddr> = found.filter(|address| is_public(address.ip())).collect();
            if public.is_empty() {
                return Err(DialError::NoPublicAddress(host).into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}
