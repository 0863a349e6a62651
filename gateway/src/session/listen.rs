//! Telling a client of changes (MCP, "Subscriptions").

use std::sync::Arc;

use lockgate_runtime::message::{Id, Json, Members, Message, Notification, Request, RpcError, meta};
use serde::Serialize;

use super::Session;
use super::flights::Lasts;
use super::outbox::Reply;
use super::request::Step;
use super::subscriptions::{Filter, with_subscription};
use crate::names::Shown;

impl Session {
    /// Opens a subscription: it is acknowledged first, and lasts until it is cancelled or the session ends.
    pub(super) fn listen(self: &Arc<Self>, id: &Id, request: &Request, reply: &Reply) -> Result<Step, RpcError> {
        let may_know = |uri: &str| self.permit(&request.method, Shown::Uri(uri)).is_ok();
        let filter = Filter::read(&request.params)?.honoured(self.offers(), may_know);
        let listening = self.subscriptions.place(id, filter)?;
        let (session, id, client) = (Arc::clone(self), id.clone(), reply.before.clone());
        self.circle.join(self);
        let mut closing = session.closing.subscribe();
        let work = async move {
            client.send(Message::Notification(acknowledgement(listening.filter(), &id))).await;
            listening.begin();
            session.hear_all().await;
            // It only fails without a session, which is here.
            let _ = closing.wait_for(|closing| *closing).await;
            drop(listening);
            Ok(farewell(&id, &session.server_info().await))
        };
        Ok(Step::Work(Lasts::ForTheSession, Box::pin(work)))
    }

    /// Tells the client, and others that would see it too, that something changed, if they want to know.
    pub(super) async fn announce(&self, notification: &Notification) {
        self.tell(notification).await;
        for other in self.circle.others(self) {
            for told in other.told(notification) {
                // Nobody waits for somebody else's client.
                other.outbox.send_if_room(Message::Notification(told));
            }
        }
    }

    /// Tells the client alone.
    pub(super) async fn tell(&self, notification: &Notification) {
        for told in self.told(notification) {
            self.outbox.send(Message::Notification(told)).await;
        }
    }

    fn told(&self, notification: &Notification) -> Vec<Notification> {
        self.subscriptions.tell(notification, self.offers(), self.legacy().is_some())
    }
}

/// MCP schema, `SubscriptionsAcknowledgedNotification`.
fn acknowledgement(filter: &Filter, id: &Id) -> Notification {
    #[derive(Serialize)]
    struct AcknowledgedParams<'a> {
        notifications: &'a Filter,
    }
    let params = Json::of(&AcknowledgedParams { notifications: filter });
    let method = "notifications/subscriptions/acknowledged".to_owned();
    with_subscription(&Notification { method, params }, id)
}

/// MCP schema, `SubscriptionsListenResult`.
fn farewell(id: &Id, server_info: &Json) -> Json {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct ListenResult {
        result_type: &'static str,
        #[serde(rename = "_meta")]
        meta: Json,
    }
    let mut meta = Members::default();
    meta.set(meta::SUBSCRIPTION_ID, Json::of(id));
    meta.set(meta::SERVER_INFO, server_info.clone());
    Json::of(&ListenResult { result_type: "complete", meta: meta.to_json() })
}
