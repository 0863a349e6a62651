//! One client's line to a remote server, and what all lines of a principal share.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::{OnceCell, mpsc};

use super::Inner;
use super::endpoint::Endpoint;
use super::failure::Failure;
use super::modern::{Found, Modern, discover};
use crate::message::{Answer, Json, Request, RpcError};
use crate::server::{Call, Card, Serve};

/// A principal's use of a server: its connections, and which era was found over them.
#[derive(Default)]
pub(super) struct Account {
    endpoint: OnceCell<Arc<Endpoint>>,
    era: OnceCell<Era>,
}

/// The era that a server was found to speak.
#[derive(Clone)]
enum Era {
    Modern(Arc<Modern>),
}

/// One client's line.
pub(super) struct Line {
    server: Arc<Inner>,
    account: Arc<Account>,
}

impl Account {
    async fn endpoint(&self, server: &Inner) -> Result<Arc<Endpoint>, Failure> {
        let endpoint = self.endpoint.get_or_try_init(|| async {
            let broker = server.broker.isolated()?;
            Ok::<_, Failure>(Arc::new(Endpoint::new(server.url.clone(), broker)))
        });
        endpoint.await.cloned()
    }

    /// Which era the server is of: it is asked once. An attempt that fails is none.
    async fn era(&self, server: &Inner) -> Result<&Era, Failure> {
        let found = self.era.get_or_try_init(|| async {
            let endpoint = self.endpoint(server).await?;
            match discover(&endpoint, server.name.as_str(), server.output).await? {
                Found::Modern(card) => Ok(Era::Modern(Arc::new(Modern::new(endpoint, card)))),
                Found::Older => Err(Failure::NoAnswer),
            }
        });
        found.await
    }
}

impl Line {
    pub(super) fn new(server: Arc<Inner>, account: Arc<Account>) -> Self {
        Self { server, account }
    }
}

impl Serve for Line {
    fn known_card(&self) -> Option<Arc<Card>> {
        match self.account.era.get()? {
            Era::Modern(modern) => Some(Arc::clone(modern.card())),
        }
    }

    fn card(&self) -> BoxFuture<'_, Result<Arc<Card>, RpcError>> {
        Box::pin(async move {
            let card = async {
                match self.account.era(&self.server).await? {
                    Era::Modern(modern) => Ok(Arc::clone(modern.card())),
                }
            };
            self.server.in_time(card).await.map_err(|failure| failure.into_rpc_error(&self.server.about()))
        })
    }

    fn call(&self, request: Request) -> Call {
        let (answers, receiver) = mpsc::unbounded_channel();
        let (server, account) = (Arc::clone(&self.server), Arc::clone(&self.account));
        let task = self.server.threads.spawn(async move {
            let outcome = server.call(&account, &request, &answers).await;
            let outcome = outcome.map_err(|failure| failure.into_rpc_error(&server.about()));
            // Nobody listens any more: the call was cancelled.
            let _ = answers.send(Answer::Done(outcome));
        });
        Call::new(receiver, move || task.abort())
    }
}

impl Inner {
    async fn call(
        &self,
        account: &Account,
        request: &Request,
        answers: &mpsc::UnboundedSender<Answer>,
    ) -> Result<Json, Failure> {
        let exchange = async {
            match account.era(self).await? {
                Era::Modern(modern) => modern.call(request, answers, self.output).await,
            }
        };
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
}
