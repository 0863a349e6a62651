//! What comes of a request.

use std::pin::Pin;
use std::sync::{Arc, PoisonError};

use lockgate_runtime::message::{Id, Json, Message, Request, RpcError, code};
use lockgate_runtime::{Call, Card, Untrusted};

use super::budget::Charge;
use super::call::Passage;
use super::client::Client;
use super::flights::Lasts;
use super::method::{self, Method, Served};
use super::outbox::Reply;
use super::{Session, legacy, modern};
use crate::names::{ServerId, Shown, Target};
use crate::policy::{self, Permit};

/// What a request leads to.
pub(super) enum Step {
    /// Its result, at once.
    Result(Json),
    /// Work that takes a while.
    Work(Lasts, Work),
}

pub(super) type Work = Pin<Box<dyn Future<Output = Result<Json, RpcError>> + Send>>;

impl Session {
    /// Answers a request into `reply`, now or when its work is done.
    pub(super) async fn request(self: &Arc<Self>, id: Id, request: Request, charge: Arc<Charge>, reply: Reply) {
        let outcome = match self.begin(&id, request, charge, &reply) {
            Ok(Step::Work(lasts, work)) => match self.flights.launch(id.clone(), lasts, work, reply.answer.clone()) {
                Ok(()) => return,
                Err(error) => Err(error),
            },
            Ok(Step::Result(result)) => Ok(result),
            Err(error) => Err(error),
        };
        reply.answer.send(Message::Response { id: Some(id), outcome }).await;
    }

    /// Begins what a request asks for. What it changes in the session is changed when this returns.
    fn begin(
        self: &Arc<Self>,
        id: &Id,
        request: Request,
        charge: Arc<Charge>,
        reply: &Reply,
    ) -> Result<Step, RpcError> {
        self.flights.check_free(id)?;
        if request.method == "initialize" {
            return self.initialize(&request.params, charge);
        }
        let client = match self.client_of(&request)? {
            Some(client) => client,
            // Asking whether anybody is there needs no introduction.
            None if request.method == "ping" => return Ok(Step::Result(Json::empty_object())),
            None => return Err(modern::neither_era()),
        };
        let unknown = || unknown_method(&request.method);
        match (Method::of(&request.method, client.era()).ok_or_else(unknown)?, &client) {
            (Method::Serve(served), _) => {
                let passage = Passage::new(Arc::clone(self), client, served, request, Arc::clone(&charge), reply)?;
                Ok(Step::Work(Lasts::UntilAnswered(charge), Box::pin(passage.travel())))
            }
            (Method::Discover, _) => {
                let session = Arc::clone(self);
                let work = async move { Ok(modern::discover(&*session.card().await?)) };
                Ok(Step::Work(Lasts::UntilAnswered(charge), Box::pin(work)))
            }
            (Method::Listen, _) => self.listen(id, &request, reply),
            (Method::SetLevel, Client::Legacy(legacy)) if self.offers().logging => {
                legacy.set_log_level(legacy::log_level(&request.params)?);
                Ok(Step::Result(Json::empty_object()))
            }
            (Method::Subscribe, _) if self.offers().subscriptions => {
                let uri = method::uri(&request.params)?;
                self.permit(&request.method, Some(Shown::Uri(&uri)))?;
                self.subscriptions.subscribe(uri)?;
                Ok(Step::Result(Json::empty_object()))
            }
            (Method::Unsubscribe, _) if self.offers().subscriptions => {
                self.subscriptions.unsubscribe(&method::uri(&request.params)?);
                Ok(Step::Result(Json::empty_object()))
            }
            (Method::Ping, _) => Ok(Step::Result(Json::empty_object())),
            (Method::SetLevel | Method::Subscribe | Method::Unsubscribe, _) => Err(unknown()),
        }
    }

    /// Who sent a request; nothing where neither it nor a session says so.
    fn client_of(&self, request: &Request) -> Result<Option<Client>, RpcError> {
        if modern::is_modern(request)? {
            return Ok(Some(Client::Modern(modern::client(request)?)));
        }
        Ok(self.legacy().map(Client::Legacy))
    }

    /// Begins a session. A client may do so again, and is then who it says it is now.
    fn initialize(self: &Arc<Self>, params: &Json, charge: Arc<Charge>) -> Result<Step, RpcError> {
        let legacy = Arc::new(legacy::begin(params)?);
        self.router.begin(legacy.to_session());
        *self.legacy.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&legacy));
        self.circle.join(self);
        let session = Arc::clone(self);
        let work = async move { Ok(legacy::welcome(legacy.revision, &*session.card().await?)) };
        Ok(Step::Work(Lasts::UntilAnswered(charge), Box::pin(work)))
    }

    /// Decides whether the client may send a request; without an item, it is for the first server.
    pub(super) fn permit(&self, method: &str, item: Option<Shown<'_>>) -> Result<(Permit, Target), RpcError> {
        let target = match item {
            Some(item) => self.router.names().resolve(item)?,
            None => Target { server: ServerId::FIRST, item: None },
        };
        Ok((policy::decide(self.circle.listed(), self.router.principal(), method, &target)?, target))
    }

    /// Sends a request to its server, exactly as it was decided on.
    pub(super) async fn call(&self, served: Served, request: Request) -> Result<Call, RpcError> {
        let item = served.item(&request.params)?;
        let (permit, target) = self.permit(&request.method, served.shown(item.as_deref()))?;
        let link = self.router.link(target.server).await?;
        self.router.call(&permit, target.server, &link, request)
    }

    /// What the gateway says of itself to this client: of a single server, that server's own words.
    pub(super) async fn card(&self) -> Result<Arc<Card>, RpcError> {
        self.router.link(ServerId::FIRST).await?.card().await
    }

    /// Who the client is told it speaks with.
    pub(super) async fn server_info(&self) -> Json {
        self.card().await.map_or_else(|_| Json::empty_object(), |card| card.server_info.clone())
    }
}

/// The answer to a method that clients of an era do not have.
pub(super) fn unknown_method(name: &str) -> RpcError {
    let name = Untrusted::new(name).to_line(64);
    RpcError::new(code::METHOD_NOT_FOUND, format!("there is no method `{name}` here for MCP of this era"))
}
