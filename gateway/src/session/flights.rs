//! The requests of a client that are under way.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lockgate_runtime::message::{Id, Json, Message, RpcError, code};
use tokio::task::AbortHandle;

use super::budget::{Charge, Held};
use super::outbox::Outbox;

/// Every request that waits for its answer, under the id its client gave it.
#[derive(Debug, Default)]
pub(super) struct Flights(Mutex<HashMap<Id, Flight>>);

#[derive(Debug)]
struct Flight {
    task: AbortHandle,
    lasts_for_the_session: bool,
}

/// How long a request stays under way.
pub(super) enum Lasts {
    /// Until its answer is sent, and costs as much as long.
    UntilAnswered(Arc<Charge>),
    /// As long as the session.
    ForTheSession,
}

impl Flights {
    /// Does the work of a request, and sends its outcome. A request that was cancelled meanwhile is not answered.
    ///
    /// # Errors
    /// Where another request with the same id is under way.
    pub(super) fn launch(
        self: &Arc<Self>,
        id: Id,
        lasts: Lasts,
        work: impl Future<Output = Result<Json, RpcError>> + Send + 'static,
        reply: Outbox,
    ) -> Result<(), RpcError> {
        // Locked until the flight is in the table: its task cannot land before it took off.
        let mut flights = self.lock();
        let Entry::Vacant(place) = flights.entry(id.clone()) else {
            return Err(taken());
        };
        let lasts_for_the_session = matches!(lasts, Lasts::ForTheSession);
        let table = Arc::clone(self);
        let task = tokio::spawn(async move {
            let outcome = work.await;
            let landed = table.lock().remove(&id).is_some();
            if landed {
                let _held = lasts.answered(&outcome);
                reply.send(Message::Response { id: Some(id), outcome }).await;
            }
        });
        place.insert(Flight { task: task.abort_handle(), lasts_for_the_session });
        Ok(())
    }

    /// Whether no request with this id is under way.
    ///
    /// # Errors
    /// Where one is.
    pub(super) fn check_free(&self, id: &Id) -> Result<(), RpcError> {
        if self.lock().contains_key(id) { Err(taken()) } else { Ok(()) }
    }

    /// Ends a request without an answer. An id that is not under way is ignored: the answer and the cancellation may
    /// have crossed.
    pub(super) fn cancel(&self, id: &Id) {
        if let Some(flight) = self.lock().remove(id) {
            flight.task.abort();
        }
    }

    /// Ends all requests but those that last for the session.
    pub(super) fn cancel_all(&self) {
        self.lock().retain(|_, flight| {
            if !flight.lasts_for_the_session {
                flight.task.abort();
            }
            flight.lasts_for_the_session
        });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Id, Flight>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lasts {
    fn answered(&self, outcome: &Result<Json, RpcError>) -> Option<Held> {
        match (self, outcome) {
            (Self::UntilAnswered(charge), Ok(result)) => charge.answered(result.as_str().len()),
            (Self::UntilAnswered(_), Err(_)) | (Self::ForTheSession, _) => None,
        }
    }
}

fn taken() -> RpcError {
    RpcError::new(code::INVALID_REQUEST, "a request with this id is under way already; give each its own")
}
