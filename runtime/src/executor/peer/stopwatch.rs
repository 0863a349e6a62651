//! Time that stands still while a person is asked.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// The least that is waited before looking again, while the time stands still.
const PAUSE: Duration = Duration::from_millis(50);

/// What a connection has spent waiting for its client.
#[derive(Default, Clone)]
pub(super) struct Stopwatch(Arc<Mutex<Stopped>>);

#[derive(Default)]
struct Stopped {
    by: usize,
    since: Option<Instant>,
    before: Duration,
}

/// The time stands still while one of these is there.
pub(super) struct Still(Stopwatch);

impl Stopwatch {
    /// Stops the time until the value is dropped.
    pub(super) fn stop(&self) -> Still {
        let mut stopped = self.lock();
        stopped.by += 1;
        stopped.since.get_or_insert_with(Instant::now);
        Still(self.clone())
    }

    /// Ready once this much time has counted from now on.
    pub(super) async fn counts(&self, time: Duration) {
        let (start, before) = (Instant::now(), self.stopped_so_far());
        loop {
            let still = self.stopped_so_far().saturating_sub(before);
            let left = time.saturating_sub(start.elapsed().saturating_sub(still));
            if left.is_zero() {
                return;
            }
            sleep(if still.is_zero() { left } else { left.max(PAUSE) }).await;
        }
    }

    fn stopped_so_far(&self) -> Duration {
        let stopped = self.lock();
        stopped.before + stopped.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn lock(&self) -> MutexGuard<'_, Stopped> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Still {
    fn drop(&mut self) {
        let mut stopped = self.0.lock();
        stopped.by -= 1;
        if stopped.by == 0
            && let Some(since) = stopped.since.take()
        {
            stopped.before += since.elapsed();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_person_takes_does_not_count() {
        let stopwatch = Stopwatch::default();
        let start = Instant::now();
        let counting = tokio::spawn({
            let stopwatch = stopwatch.clone();
            async move { stopwatch.counts(Duration::from_millis(40)).await }
        });
        let (one, two) = (stopwatch.stop(), stopwatch.stop());
        sleep(Duration::from_millis(100)).await;
        drop(one);
        sleep(Duration::from_millis(100)).await;
        assert!(!counting.is_finished());
        drop(two);
        counting.await.unwrap();
        assert!(start.elapsed() >= Duration::from_millis(200));
    }
}
