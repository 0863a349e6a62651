//! How long a command may compute before it looks at its stdin again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::super::engine::{GuestClock, Ticking};

/// What a command's running costs. The clock of guests ticks for it, except while it waits for its client.
pub(super) struct Patience {
    clock: Arc<GuestClock>,
    time: Duration,
    state: Mutex<State>,
}

struct State {
    busy_since: Instant,
    ticking: Option<Ticking>,
}

/// The command waits for its client, until this is dropped.
pub(super) struct Waiting<'a>(&'a Patience);

impl Patience {
    /// The command begins to compute, and may do so for `time` before it waits for its client.
    pub(super) fn new(clock: &Arc<GuestClock>, time: Duration) -> Self {
        let state = Mutex::new(State { busy_since: Instant::now(), ticking: Some(clock.tick()) });
        Self { clock: Arc::clone(clock), time, state }
    }

    /// Whether it has computed for too long.
    pub(super) fn is_over(&self) -> bool {
        self.state().busy_since.elapsed() >= self.time
    }

    /// The command waits for its client.
    pub(super) fn wait(&self) -> Waiting<'_> {
        self.state().ticking = None;
        Waiting(self)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.busy_since = Instant::now();
        state.ticking = Some(self.0.clock.tick());
    }
}
