//! How much of one client's work is under way at once: requests until their answers are sent, and the answers that wait
//! to be.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The bytes of all requests and answers under way.
const BYTES: usize = 64 << 20;

/// The number of requests under way.
const REQUESTS: usize = 1024;

/// What a request costs at least. One number thus bounds both the bytes and the requests.
const LEAST: usize = BYTES / REQUESTS;

/// What the requests of one client, or of those that share it, may hold.
#[derive(Clone)]
pub(super) struct Budget {
    all: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

/// A request's part of the budget, until it is dropped.
pub(super) struct Charge {
    cost: u32,
    _held: Option<Held>,
    all: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

/// A part of the budget, until it is dropped.
pub(super) struct Held(#[expect(dead_code, reason = "it counts by being there")] OwnedSemaphorePermit);

impl Budget {
    /// Requests that wait for the client (its answer to a question) get half of the budget: with all of it, a client
    /// whose next request has to wait could not be heard answering.
    pub(super) fn new() -> Self {
        Self { all: Arc::new(Semaphore::new(BYTES)), waiting: Arc::new(Semaphore::new(BYTES / 2)) }
    }

    /// Waits until `messages` messages of `bytes` bytes altogether fit in.
    pub(super) async fn admit(&self, bytes: usize, messages: usize) -> Charge {
        // What costs more than half is admitted alone, so that it can still wait for the client.
        let cost = bytes.max(messages.saturating_mul(LEAST)).min(BYTES / 2);
        let cost = u32::try_from(cost).unwrap_or(u32::MAX);
        // It is never closed, which is the only way to fail.
        let held = Arc::clone(&self.all).acquire_many_owned(cost).await.ok().map(Held);
        Charge { cost, _held: held, all: Arc::clone(&self.all), waiting: Arc::clone(&self.waiting) }
    }
}

impl Charge {
    /// Lets the request wait for the client; nothing where too many do already.
    pub(super) fn wait_for_client(&self) -> Option<Held> {
        Arc::clone(&self.waiting).try_acquire_many_owned(self.cost).ok().map(Held)
    }

    /// Counts an answer of `bytes` bytes that is there and waits to be sent. It takes what is left of the budget, if
    /// need be: no further request is admitted then, but the answer is not kept from being sent.
    pub(super) fn answered(&self, bytes: usize) -> Option<Held> {
        let cost = u32::try_from(bytes.min(self.all.available_permits())).unwrap_or(u32::MAX);
        Arc::clone(&self.all).try_acquire_many_owned(cost).ok().map(Held)
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
    async fn answers_that_wait_keep_further_requests_out() {
        let budget = Budget::new();
        let charge = budget.admit(10, 1).await;
        let answers = [charge.answered(BYTES / 2), charge.answered(BYTES)];
        assert_eq!(fitting(&budget, 10).await.len(), 0);
        drop(answers);
        assert_eq!(fitting(&budget, 10).await.len(), REQUESTS - 1);
    }

    #[tokio::test]
    async fn requests_that_wait_for_the_client_never_fill_the_budget() {
        let budget = Budget::new();
        let charges = fitting(&budget, 10).await;
        let waiting: Vec<_> = charges.iter().map_while(Charge::wait_for_client).collect();
        assert_eq!(waiting.len(), REQUESTS / 2);
    }
}
