//! What it takes at least to have something done on another thread.

use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use crate::measure::Samples;

/// The median time from waking a sleeping thread to being woken by it.
pub(crate) fn there_and_back(times: usize) -> Duration {
    let (ask, asked) = sync_channel::<()>(1);
    let (answer, answered) = sync_channel::<()>(1);
    let other = std::thread::spawn(move || while asked.recv().is_ok() && answer.send(()).is_ok() {});
    let mut samples = Samples::default();
    for _ in 0..times {
        let start = Instant::now();
        ask.send(()).expect("the other thread listens");
        answered.recv().expect("the other thread answers");
        samples.add(start.elapsed());
    }
    drop(ask);
    other.join().expect("the other thread ends");
    samples.median()
}
