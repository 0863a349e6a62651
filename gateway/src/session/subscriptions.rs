//! Who is told what changes.

mod filter;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lockgate_runtime::message::{Id, Json, Members, Notification, RpcError, code, meta};

use self::filter::Change;
pub(super) use self::filter::Filter;
use super::offers::Offers;

/// The most bytes that subscriptions of one client hold.
const MAX_BYTES: usize = 1 << 20;

/// What a subscription, and each of its URIs, costs beyond its text.
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
        let uris = filter.uris().map(|uri| COST + uri.len()).sum::<usize>();
        let bytes = COST + Json::of(id).as_str().len() + uris;
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

/// The notification as a listener gets it.
pub(super) fn with_subscription(notification: &Notification, id: &Id) -> Notification {
    let mut params = notification.params.members().unwrap_or_default();
    let mut meta: Members<'_> = params.read("_meta").ok().flatten().unwrap_or_default();
    meta.set(meta::SUBSCRIPTION_ID, Json::of(id));
    let meta = meta.to_json();
    params.set("_meta", meta);
    Notification { method: notification.method.clone(), params: params.to_json() }
}
