//! What older servers say by themselves, outside of any call: changes, log messages, and questions to their client.

use std::sync::{Arc, Weak};

use lockgate_runtime::message::{Json, Message, Notification, Request, RpcError, code};
use lockgate_runtime::{Era, Link, Question, ServerMessage};
use serde::Serialize;
use tokio::sync::mpsc;

use super::input;
use super::level::Level;
use super::rename::Shower;
use super::{Session, method};
use crate::names::{ServerId, Shown};

impl Session {
    /// The line to a server. From the first time on, a client with a session hears what an older server says by itself.
    pub(super) async fn link(self: &Arc<Self>, server: ServerId) -> Result<Link, RpcError> {
        let link = self.router.link(server).await?;
        if self.legacy().is_some() {
            self.hear(server, &link).await?;
        }
        Ok(link)
    }

    /// Passes on what an older server says by itself, from now on. Once for each server is enough.
    pub(super) async fn hear(self: &Arc<Self>, server: ServerId, link: &Link) -> Result<(), RpcError> {
        if link.known_card().is_some_and(|card| card.era == Era::Modern) || !self.router.is_first_hearing(server) {
            return Ok(());
        }
        let card = link.card().await?;
        if let Some(messages) = link.messages() {
            tokio::spawn(pass_on_all(Arc::downgrade(self), server, messages));
        }
        if let Some(legacy) = self.legacy().filter(|_| card.offers_logging()) {
            // A server that cannot be told goes on with the level it has.
            let _ = link.call(set_level(legacy.log_level())).outcome().await;
        }
        Ok(())
    }

    /// Hears all servers that run.
    pub(super) async fn hear_all(self: &Arc<Self>) {
        for server in self.router.names().servers() {
            if let Some(link) = self.router.running(server) {
                // One that cannot be reached has nothing to say.
                let _ = self.hear(server, &link).await;
            }
        }
    }

    /// Tells the older servers how important log messages have to be.
    pub(super) async fn pass_on_level(self: &Arc<Self>, level: Level) {
        for link in self.older_links() {
            let _ = link.call(set_level(level)).outcome().await;
        }
    }

    /// Tells the older servers what their client says without being asked.
    pub(super) fn pass_on_to_servers(&self, notification: &Notification) {
        for link in self.older_links() {
            link.notify(notification.clone());
        }
    }

    /// Asks an older server to say when a resource changes, or not to any more; others say it anyway.
    pub(super) async fn pass_on_subscription(self: &Arc<Self>, request: Request) -> Result<(), RpcError> {
        let uri = method::uri(&request.params)?;
        let (permit, target) = self.permit(&request.method, Shown::Uri(&uri))?;
        let link = self.link(target.server).await?;
        if link.card().await?.era == Era::Modern {
            return Ok(());
        }
        #[derive(Serialize)]
        struct Params {
            uri: Option<String>,
        }
        let request = Request { method: request.method, params: Json::of(&Params { uri: target.item }) };
        self.router.call(&permit, target.server, &link, request)?.outcome().await.map(drop)
    }

    fn older_links(&self) -> Vec<Link> {
        let running = self.router.names().servers().filter_map(|server| self.router.opened(server));
        running.filter(|link| link.known_card().is_some_and(|card| card.era == Era::Legacy)).collect()
    }

    /// Asks the client what an older server wants to know, where it said that it can be asked.
    async fn pass_on_question(&self, server: ServerId, request: &Request) -> Result<Json, RpcError> {
        let question = input::Question::of(request)
            .map_err(|_| RpcError::new(code::METHOD_NOT_FOUND, format!("there is no {} here", request.method)))?;
        let Some(legacy) = self.legacy() else {
            return Err(RpcError::new(code::METHOD_NOT_FOUND, "this client cannot be asked"));
        };
        if !question.is_covered_by(&legacy.capabilities.members().unwrap_or_default()) {
            let message = format!("the client did not say that it can be asked for {}", question.method());
            return Err(RpcError::new(code::METHOD_NOT_FOUND, message));
        }
        self.permit_for(server, question.method())?;
        self.questions.ask(&self.outbox, |name| question.to_request(legacy.revision, name)).await.answer().await
    }
}

/// Passes on until the server, or the session, is gone.
async fn pass_on_all(session: Weak<Session>, server: ServerId, mut messages: mpsc::Receiver<ServerMessage>) {
    while let Some(message) = messages.recv().await {
        // A server that was taken away has no say any more.
        let Some(session) = session.upgrade().filter(|session| session.router.running(server).is_some()) else {
            return;
        };
        match message {
            ServerMessage::Notification(notification) => {
                let shower = Shower { names: session.router.names(), server };
                session.hear_notification(shower.notification(notification)).await;
            }
            ServerMessage::Question(question) => {
                tokio::spawn(answer(session, server, question));
            }
        }
    }
}

async fn answer(session: Arc<Session>, server: ServerId, question: Question) {
    let outcome = session.pass_on_question(server, &question.request).await;
    question.answer(outcome);
}

impl Session {
    async fn hear_notification(&self, notification: Notification) {
        match &*notification.method {
            "notifications/message" => {
                let wanted = self
                    .legacy()
                    .is_some_and(|legacy| Level::of(&notification).is_some_and(|level| level >= legacy.log_level()));
                if wanted {
                    self.outbox.send(Message::Notification(notification)).await;
                }
            }
            _ => self.tell(&notification).await,
        }
    }
}

fn set_level(level: Level) -> Request {
    #[derive(Serialize)]
    struct Params {
        level: &'static str,
    }
    Request { method: "logging/setLevel".to_owned(), params: Json::of(&Params { level: level.as_str() }) }
}
