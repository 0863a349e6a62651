//! Servers that somebody else runs, over Streamable HTTP (MCP, "Transports").
//!
//! ```text
//! Link ─ line ─┬─ modern ──────── endpoint ─ Broker ─▶ the server
//!              └─ (not yet known: server/discover)
//! ```
//!
//! Nothing of such a server can be checked but whose it is, so nothing it says is believed: every answer is bounded in
//! time and bytes, no redirect is followed, and what is not MCP becomes an error that says what to do. Connections are
//! kept apart by principal.

mod endpoint;
mod failure;
mod headers;
mod introduction;
mod line;
mod messages;
mod modern;
mod sse;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use url::Url;

use self::failure::About;
use self::line::{Account, Line};
use crate::plan::Plan;
use crate::principal::Principal;
use crate::sandbox::{Broker, Grant, HttpRule, InvalidGrant, Limits};
use crate::server::{Caller, Link};
use crate::spec::{Origin, Remote, ServerName, Sourced};

/// The revision whose requests stand for themselves.
const MODERN: &str = "2026-07-28";

/// A server that somebody else runs. It is connected to when something is first asked of it.
pub(crate) struct RemoteServer(Arc<Inner>);

struct Inner {
    name: ServerName,
    url: Url,
    broker: Broker,
    time: Duration,
    output: u64,
    running: Semaphore,
    threads: Handle,
    accounts: Mutex<HashMap<Principal, Arc<Account>>>,
}

/// Something that a person asks for and that nobody can see to where a server runs elsewhere.
#[derive(Debug, thiserror::Error)]
#[error("a server at a URL runs elsewhere, where nothing here can see to {0}; leave it out, or run the server here")]
pub struct NotEnforced(&'static str);

/// Whether all that is asked for can be seen to. A server elsewhere has whatever its operator gives it: what is granted
/// here would only look like a bound.
///
/// # Errors
/// Names the first thing that cannot.
pub(crate) fn check(arguments: &[Sourced<String>], grant: &Grant, limits: &Limits) -> Result<(), NotEnforced> {
    let asked = [
        (!arguments.is_empty(), "its arguments"),
        (!grant.dirs.is_empty(), "directories"),
        (!grant.env.is_empty(), "variables"),
        (!grant.http.is_empty(), "which hosts it reaches"),
        (limits.memory.origin != Origin::Default, "its memory"),
    ];
    match asked.into_iter().find(|(is_asked, _)| *is_asked) {
        Some((_, what)) => Err(NotEnforced(what)),
        None => Ok(()),
    }
}

/// What is sent to a server, and nothing else is: these methods, to its URL's own origin.
///
/// # Errors
/// Where no rule can be written for its host.
pub(crate) fn rule(remote: &Remote) -> Result<HttpRule, InvalidGrant> {
    format!("POST,GET,DELETE {}", remote.url().origin().ascii_serialization()).parse()
}

impl RemoteServer {
    /// A server as it was planned; `broker` sends what [`rule`] lets pass. Its calls run on `threads`.
    pub(crate) fn new(plan: &Plan, remote: &Remote, broker: Broker, threads: Handle) -> Self {
        Self(Arc::new(Inner {
            name: plan.name.clone(),
            url: remote.url().clone(),
            broker,
            time: plan.limits.time.value,
            output: plan.limits.output.value,
            running: Semaphore::new(plan.limits.concurrency.value),
            threads,
            accounts: Mutex::default(),
        }))
    }

    /// A line to it for one client.
    pub(crate) fn open(&self, caller: Caller) -> Link {
        let Caller { principal, session: _ } = caller;
        let mut accounts = self.0.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let account = accounts.entry(principal.clone()).or_default();
        Link::new(principal, Arc::new(Line::new(Arc::clone(&self.0), Arc::clone(account))))
    }
}

impl Inner {
    fn about(&self) -> About<'_> {
        About { name: &self.name, url: &self.url, time: self.time, output: self.output }
    }
}

#[cfg(test)]
mod tests;
