//! One client's line to a remote server, and what all lines of a principal share.

use std::sync::{Arc, OnceLock};

use futures_util::future::BoxFuture;
use tokio::sync::{OnceCell, mpsc};

use super::Site;
use super::endpoint::Endpoint;
use super::failure::Failure;
use super::modern::{Found, Modern, discover};
use crate::message::{Answer, Notification, Request, RpcError, code};
use crate::principal::Principal;
use crate::server::{Call, Card, Link, Serve, ServerMessage};

/// A principal's use of a server: its connections, and which era was found over them.
pub(super) struct Account {
    principal: Principal,
    endpoint: OnceLock<Arc<Endpoint>>,
    era: OnceCell<Era>,
}

/// The era that a server was found to speak.
enum Era {
    Modern(Modern),
    Older,
}

/// One client's line.
pub(super) struct Line {
    site: Arc<Site>,
    account: Arc<Account>,
    /// Its line for the case that the server is of the older era. It connects when it is used.
    older: Link,
}

impl Account {
    pub(super) fn of(principal: Principal) -> Self {
        Self { principal, endpoint: OnceLock::new(), era: OnceCell::new() }
    }

    pub(super) fn endpoint(&self, site: &Site) -> Arc<Endpoint> {
        let endpoint = || Arc::new(Endpoint::new(site.url.clone(), site.brokers.of(Some(&self.principal))));
        Arc::clone(self.endpoint.get_or_init(endpoint))
    }

    /// Which era the server is of: it is asked once. An attempt that fails is none.
    async fn era(&self, site: &Site) -> Result<&Era, Failure> {
        let found = self.era.get_or_try_init(|| async {
            let endpoint = self.endpoint(site);
            Ok(match discover(&endpoint, site.name.as_str(), site.output).await? {
                Found::Modern(card) => Era::Modern(Modern::new(endpoint, card)),
                Found::Older => Era::Older,
            })
        });
        site.in_time(found).await
    }
}

impl Line {
    pub(super) fn new(site: Arc<Site>, account: Arc<Account>, older: Link) -> Self {
        Self { site, account, older }
    }
}

impl Serve for Line {
    fn known_card(&self) -> Option<Arc<Card>> {
        match self.account.era.get()? {
            Era::Modern(modern) => Some(Arc::clone(modern.card())),
            Era::Older => self.older.known_card(),
        }
    }

    fn card(&self) -> BoxFuture<'_, Result<Arc<Card>, RpcError>> {
        let (site, account, older) = (Arc::clone(&self.site), Arc::clone(&self.account), self.older.clone());
        // The thread of a client need not be one on which connections can be made.
        let asked = self.site.threads.spawn(async move {
            match account.era(&site).await {
                Ok(Era::Modern(modern)) => Ok(Arc::clone(modern.card())),
                Ok(Era::Older) => older.card().await,
                Err(failure) => Err(failure.into_rpc_error(&site.about())),
            }
        });
        let broken = |_| RpcError::new(code::INTERNAL_ERROR, "the server was not asked what it is: this program ends");
        Box::pin(async move { asked.await.map_err(broken)? })
    }

    fn call(&self, request: Request) -> Call {
        let (answers, receiver) = mpsc::unbounded_channel();
        let (site, account, older) = (Arc::clone(&self.site), Arc::clone(&self.account), self.older.clone());
        let task = self.site.threads.spawn(async move {
            let outcome = match account.era(&site).await {
                Ok(Era::Modern(modern)) => site.call(modern, &request, &answers).await,
                Ok(Era::Older) => return relay(older.call(request), &answers).await,
                Err(failure) => Err(failure),
            };
            let outcome = outcome.map_err(|failure| failure.into_rpc_error(&site.about()));
            // Nobody listens any more: the call was cancelled.
            let _ = answers.send(Answer::Done(outcome));
        });
        Call::new(receiver, move || task.abort())
    }

    fn notify(&self, notification: Notification) {
        if let Some(Era::Older) = self.account.era.get() {
            self.older.notify(notification);
        }
    }

    fn messages(&self) -> Option<mpsc::Receiver<ServerMessage>> {
        // Those of the newer era say something only when asked to, in calls.
        self.older.messages()
    }
}

/// Passes on what a call says until it is done. Ended before, the call is dropped, and so cancelled.
async fn relay(mut call: Call, answers: &mpsc::UnboundedSender<Answer>) {
    while let Some(answer) = call.next().await {
        // Nobody listens any more: the call is about to be dropped.
        let _ = answers.send(answer);
    }
}
