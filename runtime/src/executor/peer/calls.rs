//! The calls that a connection has open, by the ids they were sent with.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use crate::message::{Answer, Id, Json, Notification, RpcError};

/// What a notification costs beyond its text: it is held in memory until the client takes it.
const COST_EACH: u64 = 256;

/// How a call ends.
#[derive(Debug)]
pub(super) enum End {
    /// The server answered.
    Answered(Result<Json, RpcError>),
    /// The server said more than a call may be answered with.
    TooLong,
    /// There is no server any more, for this reason.
    Disconnected(Arc<str>),
}

/// The open calls of one connection.
#[derive(Default)]
pub(super) struct Calls(Arc<Mutex<Table>>);

#[derive(Default)]
struct Table {
    last_id: u64,
    open: HashMap<Id, OpenCall>,
    busy: usize,
    idle_since: Option<Instant>,
    closed: Option<Arc<str>>,
}

struct OpenCall {
    answers: mpsc::UnboundedSender<Answer>,
    ended: oneshot::Sender<End>,
    bytes_left: u64,
    wants_progress: bool,
}

/// An open call. Dropping it forgets the call: what is said to it later goes nowhere.
pub(super) struct CallGuard {
    id: Id,
    table: Arc<Mutex<Table>>,
}

/// Counts a call that is open, or waits to be.
pub(super) struct Busy(Arc<Mutex<Table>>);

impl Calls {
    /// A call under an id of its own, and where its end arrives.
    ///
    /// # Errors
    /// Where the connection has ended, with the reason.
    pub(super) fn open(
        &self,
        answers: mpsc::UnboundedSender<Answer>,
        bytes_left: u64,
        wants_progress: bool,
    ) -> Result<(CallGuard, oneshot::Receiver<End>), Arc<str>> {
        let mut table = lock(&self.0);
        if let Some(reason) = &table.closed {
            return Err(Arc::clone(reason));
        }
        table.last_id += 1;
        let id = Id::from(table.last_id);
        let (ended, end) = oneshot::channel();
        table.open.insert(id.clone(), OpenCall { answers, ended, bytes_left, wants_progress });
        Ok((CallGuard { id, table: Arc::clone(&self.0) }, end))
    }

    /// Counts a call until the guard is dropped.
    pub(super) fn busy(&self) -> Busy {
        lock(&self.0).busy += 1;
        Busy(Arc::clone(&self.0))
    }

    /// For how long there has been no call.
    pub(super) fn idle_for(&self, now: Instant) -> Duration {
        let mut table = lock(&self.0);
        if table.busy > 0 {
            return Duration::ZERO;
        }
        now.saturating_duration_since(*table.idle_since.get_or_insert(now))
    }

    /// Ends the call with this id; `false` where there is none.
    pub(super) fn answer(&self, id: &Id, outcome: Result<Json, RpcError>) -> bool {
        let mut table = lock(&self.0);
        let Some(call) = table.open.remove(id) else { return false };
        let bytes = match &outcome {
            Ok(result) => result.as_str().len(),
            Err(error) => error.message.len() + error.data.as_ref().map_or(0, |data| data.as_str().len()),
        };
        let fits = (bytes as u64).saturating_add(COST_EACH) <= call.bytes_left;
        // Whoever waited for it may have just given up.
        let _ = call.ended.send(if fits { End::Answered(outcome) } else { End::TooLong });
        true
    }

    /// Passes on progress to the call that asked for it.
    pub(super) fn progress(&self, token: &Id, notification: Notification) {
        let mut table = lock(&self.0);
        if table.open.get(token).is_some_and(|call| call.wants_progress) {
            table.notify(token, notification);
        }
    }

    /// Passes on a notification to the only open call; gives it back where there are none or several.
    pub(super) fn notify_only(&self, notification: Notification) -> Option<Notification> {
        let mut table = lock(&self.0);
        let mut ids = table.open.keys();
        match (ids.next().cloned(), ids.next()) {
            (Some(id), None) => {
                table.notify(&id, notification);
                None
            }
            _ => Some(notification),
        }
    }

    /// Ends every call, and opens no more.
    pub(super) fn end(&self, reason: &str) {
        let mut table = lock(&self.0);
        let reason = Arc::clone(table.closed.get_or_insert_with(|| reason.into()));
        for (_, call) in table.open.drain() {
            let _ = call.ended.send(End::Disconnected(Arc::clone(&reason)));
        }
    }

    /// Why the connection has ended, if it has.
    pub(super) fn closed(&self) -> Option<Arc<str>> {
        lock(&self.0).closed.clone()
    }
}

impl Table {
    fn notify(&mut self, id: &Id, notification: Notification) {
        let Some(call) = self.open.get_mut(id) else { return };
        let cost = COST_EACH.saturating_add(notification.params.as_str().len() as u64);
        match call.bytes_left.checked_sub(cost) {
            Some(left) => {
                call.bytes_left = left;
                // Nobody listens any more: the call is about to be given up.
                let _ = call.answers.send(Answer::Notification(notification));
            }
            None => {
                if let Some(call) = self.open.remove(id) {
                    let _ = call.ended.send(End::TooLong);
                }
            }
        }
    }
}

impl CallGuard {
    pub(super) fn id(&self) -> &Id {
        &self.id
    }
}

impl Drop for CallGuard {
    fn drop(&mut self) {
        lock(&self.table).open.remove(&self.id);
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut table = lock(&self.0);
        table.busy -= 1;
        table.idle_since = Some(Instant::now());
    }
}

fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}
