//! What comes of a request.

use std::pin::Pin;
use std::sync::{Arc, PoisonError};

use lockgate_runtime::message::{Id, Json, Message, Request, RpcError, code};
use lockgate_runtime::{Card, Era, Link, Untrusted};

use super::budget::Charge;
use super::call::Passage;
use super::client::Client;
use super::flights::Lasts;
use super::method::{self, Method, Served};
use super::outbox::Reply;
use super::{Session, legacy, modern, rename, upstream};
use crate::names::{ServerId, Shown, Target};
use crate::policy::{self, Permit};
use crate::router::Asked;

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
            (Method::Serve(Served::List), _) if !self.router.names().is_one() => {
                let session = Arc::clone(self);
                let list = async move { session.list_of_all(&request.method, &request.params).await };
                let work = async move {
                    let list = list.await?;
                    Ok(if client.era() == Era::Legacy { legacy::without_modern_members(&list) } else { list })
                };
                Ok(Step::Work(Lasts::UntilAnswered(charge), Box::pin(work)))
            }
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
                let level = legacy::log_level(&request.params)?;
                legacy.set_log_level(level);
                let session = Arc::clone(self);
                let work = async move {
                    session.pass_on_level(level).await;
                    Ok(Json::empty_object())
                };
                Ok(Step::Work(Lasts::UntilAnswered(charge), Box::pin(work)))
            }
            (Method::Subscribe, _) if self.offers().subscriptions => {
                let uri = method::uri(&request.params)?;
                self.permit(&request.method, Shown::Uri(&uri))?;
                self.subscriptions.subscribe(uri)?;
                Ok(self.pass_on_and_answer(request, charge))
            }
            (Method::Unsubscribe, _) if self.offers().subscriptions => {
                self.subscriptions.unsubscribe(&method::uri(&request.params)?);
                Ok(self.pass_on_and_answer(request, charge))
            }
            (Method::Ping, _) => Ok(Step::Result(Json::empty_object())),
            (Method::SetLevel | Method::Subscribe | Method::Unsubscribe, _) => Err(unknown()),
        }
    }

    fn pass_on_and_answer(self: &Arc<Self>, request: Request, charge: Arc<Charge>) -> Step {
        let session = Arc::clone(self);
        let work = async move {
            session.pass_on_subscription(request).await?;
            Ok(Json::empty_object())
        };
        Step::Work(Lasts::UntilAnswered(charge), Box::pin(work))
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

    /// Decides whether the client may send a request about `item`, and whose that is.
    pub(super) fn permit(&self, method: &str, item: Shown<'_>) -> Result<(Permit, Target), RpcError> {
        let target = self.router.names().resolve(item)?;
        Ok((policy::decide(self.circle.listed(), self.router.principal(), method, &target)?, target))
    }

    /// Decides whether the client may send a request that names nothing.
    pub(super) fn permit_for(&self, server: ServerId, method: &str) -> Result<(Permit, Target), RpcError> {
        let target = Target { server, item: None };
        Ok((policy::decide(self.circle.listed(), self.router.principal(), method, &target)?, target))
    }

    /// The server that a request is for, and the request as that server takes it, with the permit to send it.
    pub(super) async fn address(self: &Arc<Self>, served: Served, request: Request) -> Result<Addressed, RpcError> {
        let (permit, target) = match served.item(&request.params)? {
            Some(item) => self.permit(&request.method, item.shown())?,
            None => self.permit_for(ServerId::FIRST, &request.method)?,
        };
        let link = self.link(target.server).await?;
        if let Some(item) = &target.item {
            self.router.check_item(target.server, &request.method, item)?;
        }
        let era = match link.known_card() {
            Some(card) => card.era,
            None => link.card().await?.era,
        };
        let params = match &target.item {
            Some(own) if !self.router.names().is_one() => rename::params(served, &request.params, own)?,
            _ => request.params,
        };
        let request = Request { method: request.method, params: upstream::params(era, params)? };
        Ok(Addressed { permit, server: target.server, link, era, request })
    }

    /// Sends a request to its server, exactly as it was decided on.
    pub(super) fn send(&self, addressed: Addressed) -> Result<Asked, RpcError> {
        let Addressed { permit, server, link, era: _, request } = addressed;
        self.router.call(&permit, server, &link, request)
    }

    /// What the gateway says of itself to this client: of a single server, that server's own words.
    pub(super) async fn card(self: &Arc<Self>) -> Result<Arc<Card>, RpcError> {
        if self.router.names().is_one() {
            let link = self.link(ServerId::FIRST).await?;
            return self.router.card(ServerId::FIRST, &link).await;
        }
        Ok(Arc::new(self.card_of_all()))
    }

    /// Who the client is told it speaks with.
    pub(super) async fn server_info(self: &Arc<Self>) -> Json {
        self.card().await.map_or_else(|_| Json::empty_object(), |card| card.server_info.clone())
    }
}

/// The answer to a method that clients of an era do not have.
pub(super) fn unknown_method(name: &str) -> RpcError {
    let name = Untrusted::new(name).to_line(64);
    RpcError::new(code::METHOD_NOT_FOUND, format!("there is no method `{name}` here for MCP of this era"))
}

/// A request that was decided on, and the way to its server.
pub(super) struct Addressed {
    permit: Permit,
    pub(super) server: ServerId,
    link: Link,
    pub(super) era: Era,
    request: Request,
}
