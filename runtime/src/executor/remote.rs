//! Servers that somebody else runs, over Streamable HTTP (MCP, "Transports").
//!
//! ```text
//! Link ─ line ─┬─ modern ──────── endpoint ─ Broker ─▶ the server
//!              └─ peer ─ older ┘
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
mod mirrored;
mod modern;
mod older;
mod sessions;
mod sse;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};
use url::Url;

use self::failure::{About, Failure};
use self::line::{Account, Line};
use self::modern::Modern;
use self::older::Older;
pub(crate) use self::sessions::Remotes;
use self::sessions::Sessions;
use crate::executor::peer::{Idle, Lines};
use crate::message::{Answer, Json, Request};
use crate::plan::Plan;
use crate::principal::Principal;
use crate::sandbox::{Broker, Brokers, Credential, Grant, HttpRule, InvalidGrant, Limits};
use crate::server::{Caller, Link};
use crate::spec::{Origin, Remote, ServerName, Sourced};

/// The revision whose requests stand for themselves.
const MODERN: &str = "2026-07-28";

/// A server that somebody else runs. It is connected to when something is first asked of it.
pub(crate) struct RemoteServer {
    site: Arc<Site>,
    older: Lines<Older>,
}

/// Where a server is, what its calls may use, and who uses it.
struct Site {
    name: ServerName,
    url: Url,
    brokers: Brokers,
    has_credential: bool,
    time: Duration,
    output: u64,
    concurrency: usize,
    running: Semaphore,
    threads: Handle,
    sessions: Arc<Sessions>,
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
    let in_variable = |credential: &Credential| {
        let placeholder = credential.header.as_ref().and_then(|header| header.placeholder.as_ref());
        placeholder.or(credential.reveal_env.as_ref()).is_some()
    };
    let asked = [
        (!arguments.is_empty(), "its arguments"),
        (!grant.dirs.is_empty(), "directories"),
        (!grant.env.is_empty(), "variables"),
        (grant.credentials.iter().any(|credential| in_variable(&credential.value)), "the variable of a credential"),
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
    /// A server as it was planned; `broker` sends what [`rule`] lets pass.
    ///
    /// # Errors
    /// Where the system gives no threads.
    pub(crate) fn new(plan: &Plan, remote: &Remote, broker: Broker, remotes: &Remotes) -> std::io::Result<Self> {
        let threads = remotes.threads()?;
        let site = Arc::new(Site {
            name: plan.name.clone(),
            url: remote.url().clone(),
            brokers: Brokers::new(broker),
            has_credential: !plan.grant.credentials.is_empty(),
            time: plan.limits.time.value,
            output: plan.limits.output.value,
            concurrency: plan.limits.concurrency.value,
            running: Semaphore::new(plan.limits.concurrency.value),
            threads: threads.clone(),
            sessions: Arc::clone(remotes.sessions()),
            accounts: Mutex::default(),
        });
        Ok(Self { older: Lines::new(Older(Arc::clone(&site)), Idle::ELSEWHERE, threads), site })
    }

    /// A line to it for one client.
    pub(crate) fn open(&self, caller: Caller) -> Link {
        let principal = caller.principal.clone();
        let account = self.site.account(&principal);
        Link::new(principal, Arc::new(Line::new(Arc::clone(&self.site), account, self.older.open(caller))))
    }

    /// Ends all connections to it.
    pub(crate) fn close(&self, reason: &str) {
        self.older.close(reason);
    }
}

impl Site {
    /// What a principal has of the server. There are as many as principals were written into the configuration.
    fn account(&self, principal: &Principal) -> Arc<Account> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let account = accounts.entry(principal.clone());
        Arc::clone(account.or_insert_with(|| Arc::new(Account::of(principal.clone()))))
    }

    async fn call(
        &self,
        modern: &Modern,
        request: &Request,
        answers: &mpsc::UnboundedSender<Answer>,
    ) -> Result<Json, Failure> {
        let exchange = modern.call(request, answers, self.output);
        // It lasts until its client wants no more, and costs the server little.
        if request.method == "subscriptions/listen" {
            return exchange.await;
        }
        // Never closed.
        let _running = self.running.acquire().await;
        self.in_time(exchange).await
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        tokio::time::timeout(self.time, work).await.unwrap_or(Err(Failure::TimedOut))
    }

    fn about(&self) -> About<'_> {
        About {
            name: &self.name,
            url: &self.url,
            has_credential: self.has_credential,
            time: self.time,
            output: self.output,
        }
    }
}

#[cfg(test)]
mod tests;
