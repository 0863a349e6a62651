//! Who is told what changes.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lockgate_runtime::message::{Id, Json, Members, Notification, RpcError, code, meta};
use serde::{Deserialize, Serialize};

use super::offers::Offers;

/// The most bytes that subscriptions of one client hold.
const MAX_BYTES: usize = 1 << 20;

/// What a subscription costs beyond its URIs.
const COST: usize = 256;

/// What one client wants to be told, in either era.
#[derive(Debug, Default)]
pub(super) struct Subscriptions(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// By `subscriptions/listen`, which each have a filter.
    listeners: HashMap<Id, Filter>,
    /// By `resources/subscribe`.
    resources: HashSet<String>,
    bytes: usize,
}

/// What to be told of (MCP schema, `SubscriptionFilter`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Filter {
    #[serde(skip_serializing_if = "is_false")]
    tools_list_changed: bool,
    #[serde(skip_serializing_if = "is_false")]
    prompts_list_changed: bool,
    #[serde(skip_serializing_if = "is_false")]
    resources_list_changed: bool,
    #[serde(skip_serializing_if = "HashSet::is_empty")]
    resource_subscriptions: HashSet<String>,
}

/// Something that changed.
enum Change {
    Tools,
    Prompts,
    Resources,
    Resource(String),
}

/// A listener's place, until it is dropped.
pub(super) struct Listening {
    id: Id,
    filter: Filter,
    bytes: usize,
    subscriptions: Arc<Subscriptions>,
}

impl Subscriptions {
    /// A place for the listener `id`, which is told nothing before it [begins](Listening::begin).
    pub(super) fn place(self: &Arc<Self>, id: &Id, filter: Filter) -> Result<Listening, RpcError> {
        let bytes = filter.cost() + Json::of(id).as_str().len();
        self.lock().hold(bytes)?;
        Ok(Listening { id: id.clone(), filter, bytes, subscriptions: Arc::clone(self) })
    }

    /// Tells the client's session when the resource changes, from now on.
    pub(super) fn subscribe(&self, uri: String) -> Result<(), RpcError> {
        let mut state = self.lock();
        if !state.resources.contains(&uri) {
            state.hold(COST + uri.len())?;
            state.resources.insert(uri);
        }
        Ok(())
    }

    /// Tells it no longer.
    pub(super) fn unsubscribe(&self, uri: &str) {
        let mut state = self.lock();
        if let Some(uri) = state.resources.take(uri) {
            state.bytes -= COST + uri.len();
        }
    }

    /// What the client is told of a change: as it is in its session, if it has one, and for each listener.
    pub(super) fn tell(&self, notification: &Notification, offers: Offers, has_session: bool) -> Vec<Notification> {
        let Some(change) = Change::read(notification).filter(|change| change.is_offered(offers)) else {
            return Vec::new();
        };
        let state = self.lock();
        let in_session = match &change {
            Change::Resource(uri) => has_session && state.resources.contains(uri),
            Change::Tools | Change::Prompts | Change::Resources => has_session,
        };
        let listeners = state.listeners.iter().filter(|(_, filter)| filter.lets_through(&change));
        let told = listeners.map(|(id, _)| with_subscription(notification, id));
        in_session.then(|| notification.clone()).into_iter().chain(told).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn hold(&mut self, bytes: usize) -> Result<(), RpcError> {
        if self.bytes + bytes > MAX_BYTES {
            let message = "too many subscriptions; cancel some first";
            return Err(RpcError::new(code::INVALID_REQUEST, message));
        }
        self.bytes += bytes;
        Ok(())
    }
}

impl Listening {
    /// Tells the listener what its filter lets through, from now on.
    pub(super) fn begin(&self) {
        self.subscriptions.lock().listeners.insert(self.id.clone(), self.filter.clone());
    }

    /// What it is told.
    pub(super) fn filter(&self) -> &Filter {
        &self.filter
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut state = self.subscriptions.lock();
        state.listeners.remove(&self.id);
        state.bytes -= self.bytes;
    }
}

impl Filter {
    /// Reads the parameters of `subscriptions/listen`.
    pub(super) fn read(params: &Json) -> Result<Self, RpcError> {
        #[derive(Deserialize)]
        struct ListenParams {
            notifications: Filter,
        }
        let params: ListenParams = params.read().map_err(|error| {
            RpcError::new(code::INVALID_PARAMS, format!("`notifications` is not of MCP's form: {error}"))
        })?;
        Ok(params.notifications)
    }

    /// What of it the server offers, and `may_know` allows.
    pub(super) fn honoured(self, offers: Offers, may_know: impl Fn(&str) -> bool) -> Self {
        let uris = self.resource_subscriptions.into_iter();
        Self {
            tools_list_changed: self.tools_list_changed && offers.tools_change,
            prompts_list_changed: self.prompts_list_changed && offers.prompts_change,
            resources_list_changed: self.resources_list_changed && offers.resources_change,
            resource_subscriptions: uris.filter(|uri| offers.subscriptions && may_know(uri)).collect(),
        }
    }

    fn lets_through(&self, change: &Change) -> bool {
        match change {
            Change::Tools => self.tools_list_changed,
            Change::Prompts => self.prompts_list_changed,
            Change::Resources => self.resources_list_changed,
            Change::Resource(uri) => self.resource_subscriptions.contains(uri),
        }
    }

    fn cost(&self) -> usize {
        COST + self.resource_subscriptions.iter().map(|uri| COST + uri.len()).sum::<usize>()
    }
}

impl Change {
    fn read(notification: &Notification) -> Option<Self> {
        match &*notification.method {
            "notifications/tools/list_changed" => Some(Self::Tools),
            "notifications/prompts/list_changed" => Some(Self::Prompts),
            "notifications/resources/list_changed" => Some(Self::Resources),
            "notifications/resources/updated" => {
                notification.params.members().ok()?.read("uri").ok()?.map(Self::Resource)
            }
            _ => None,
        }
    }

    fn is_offered(&self, offers: Offers) -> bool {
        match self {
            Self::Tools => offers.tools_change,
            Self::Prompts => offers.prompts_change,
            Self::Resources => offers.resources_change,
            Self::Resource(_) => offers.subscriptions,
        }
    }
}

/// The notification as a listener gets it.
pub(super) fn with_subscription(notification: &Notification, id: &Id) -> Notification {
    let mut params = notification.params.members().unwrap_or_default();
    let mut meta: Members<'_> = params.read("_meta").ok().flatten().unwrap_or_default();
    meta.set(meta::SUBSCRIPTION_ID, Json::of(id));
    let meta = meta.to_json();
    params.set("_meta", meta);
    Notification { method: notification.method.clone(), params: params.to_json() }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
fn is_false(value: &bool) -> bool {
    !value
}
