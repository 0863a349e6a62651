//! How much of one client's work is under way at once.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The bytes of all requests that are not answered yet.
const BYTES: usize = 64 << 20;

/// The requests that are not answered yet.
const REQUESTS: usize = 1024;

/// What a request costs at least. One number thus bounds both the bytes and the requests.
const LEAST: usize = BYTES / REQUESTS;

/// What one client's requests may hold.
pub(super) struct Budget {
    requests: Arc<Semaphore>,
    questions: Arc<Semaphore>,
}

/// A request's part of the budget, until it is dropped.
pub(super) struct Charge {
    cost: u32,
    _held: Option<OwnedSemaphorePermit>,
    questions: Arc<Semaphore>,
}

/// That a request may wait for the client, until it is dropped.
pub(super) struct Waiting {
    _held: OwnedSemaphorePermit,
}

impl Budget {
    /// Requests that wait for the client (its answer to a question) get half of the budget: with all of it, a client
    /// whose next request has to wait could not be heard answering.
    pub(super) fn new() -> Self {
        Self { requests: Arc::new(Semaphore::new(BYTES)), questions: Arc::new(Semaphore::new(BYTES / 2)) }
    }

    /// Waits until `messages` messages of `bytes` bytes altogether fit in.
    pub(super) async fn admit(&self, bytes: usize, messages: usize) -> Charge {
        let cost = bytes.max(messages.saturating_mul(LEAST)).min(BYTES / 2);
        let cost = u32::try_from(cost).unwrap_or(u32::MAX);
        // It is never closed, which is the only way to fail.
        let held = self.requests.clone().acquire_many_owned(cost).await.ok();
        Charge { cost, _held: held, questions: self.questions.clone() }
    }
}

impl Charge {
    /// Lets the request wait for the client; nothing where too many do already.
    pub(super) fn wait_for_client(&self) -> Option<Waiting> {
        self.questions.clone().try_acquire_many_owned(self.cost).ok().map(|held| Waiting { _held: held })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many requests of `bytes` fit in.
    async fn fitting(budget: &Budget, bytes: usize) -> Vec<Charge> {
        let mut charges = Vec::new();
        loop {
            tokio::select! {
                biased;
                charge = budget.admit(bytes, 1) => charges.push(charge),
                () = std::future::ready(()) => return charges,
            }
        }
    }

    #[tokio::test]
    async fn small_requests_are_bounded_by_their_number_and_large_ones_by_their_bytes() {
        assert_eq!(fitting(&Budget::new(), 10).await.len(), REQUESTS);
        assert_eq!(fitting(&Budget::new(), 16 << 20).await.len(), 4);
    }

    #[tokio::test]
    async fn a_request_that_is_answered_makes_room_for_another() {
        let budget = Budget::new();
        let mut charges = fitting(&budget, 10).await;
        charges.pop();
        assert_eq!(fitting(&budget, 10).await.len(), 1);
    }

    #[tokio::test]
    async fn requests_that_wait_for_the_client_never_fill_the_budget() {
        let budget = Budget::new();
        let charges = fitting(&budget, 10).await;
        let waiting: Vec<_> = charges.iter().map_while(Charge::wait_for_client).collect();
        assert_eq!(waiting.len(), REQUESTS / 2);
    }
}
