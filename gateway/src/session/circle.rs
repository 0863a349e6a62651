//! What the clients of one principal have together.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use lockgate_runtime::Principal;

use super::Session;
use super::budget::Budget;
use crate::policy::Listed;

/// The clients of one principal at one place: they may hold so much together, and are told of the same changes.
#[derive(Clone)]
pub(crate) struct Circle {
    listed: Arc<Listed>,
    budget: Budget,
    /// Those that are told of changes; nothing where there is one client alone.
    members: Option<Arc<Mutex<Vec<Weak<Session>>>>>,
}

impl Circle {
    /// Of one client, who is the person at this machine.
    pub(super) fn of_one() -> Self {
        Self { listed: Arc::new(Listed::only(Principal::local())), budget: Budget::new(), members: None }
    }

    /// Of any number of clients, among `principals`: those that may use this gateway at all.
    pub(crate) fn of_many(principals: &BTreeSet<Principal>) -> Self {
        let listed = Arc::new(Listed::of(principals.clone()));
        Self { listed, budget: Budget::new(), members: Some(Arc::default()) }
    }

    /// Of the same principal's clients at another place.
    pub(crate) fn elsewhere(&self) -> Self {
        Self { members: self.members.as_ref().map(|_| Arc::default()), ..self.clone() }
    }

    /// Whether its client is the only one.
    pub(super) fn is_of_one(&self) -> bool {
        self.members.is_none()
    }

    pub(super) fn listed(&self) -> &Listed {
        &self.listed
    }

    pub(super) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Lets `session` be told of changes that others bring about.
    pub(super) fn join(&self, session: &Arc<Session>) {
        if let Some(mut members) = self.lock() {
            members.retain(|member| member.strong_count() > 0);
            if !members.iter().any(|member| member.as_ptr() == Arc::as_ptr(session)) {
                members.push(Arc::downgrade(session));
            }
        }
    }

    /// The sessions that are told of changes, without `session` itself.
    pub(super) fn others(&self, session: &Session) -> Vec<Arc<Session>> {
        let members = self.lock();
        let others = members.iter().flat_map(|members| members.iter()).filter_map(Weak::upgrade);
        others.filter(|other| !std::ptr::eq(&**other, session)).collect()
    }

    fn lock(&self) -> Option<MutexGuard<'_, Vec<Weak<Session>>>> {
        self.members.as_ref().map(|members| members.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
