//! stdin and stdout for a runtime on a platform with one thread and nothing that wakes it: before it would go to sleep,
//! it waits for stdin, and for time if somebody does.

use std::cell::Cell;
use std::future::poll_fn;
use std::io::{Read, Write};
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::{Builder, Runtime};

/// Whoever waits for stdin.
static READER: Mutex<Option<Waker>> = Mutex::new(None);

/// Whoever waits for time, and until when.
static SLEEPERS: Mutex<Vec<(Instant, Waker)>> = Mutex::new(Vec::new());

thread_local! {
    /// Whether there is something on stdin, as far as is known.
    static READABLE: Cell<bool> = const { Cell::new(false) };
}

/// A runtime on this one thread. Its own timers are for `rmcp`, which has some when it ends: then stdin has ended as well,
/// and nobody waits for it.
pub(crate) fn runtime() -> std::io::Result<Runtime> {
    Builder::new_current_thread().enable_time().on_thread_park(wait).build()
}

/// Waits for stdin or the next sleeper, and wakes whoever waited for it.
fn wait() {
    let next = sleepers().iter().map(|(until, _)| *until).min();
    if reads(next) {
        READABLE.set(true);
        if let Some(reader) = READER.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take() {
            reader.wake();
        }
    }
    let now = Instant::now();
    let mut sleepers = sleepers();
    for (_, sleeper) in sleepers.extract_if(.., |(until, _)| *until <= now) {
        sleeper.wake();
    }
}

fn sleepers() -> std::sync::MutexGuard<'static, Vec<(Instant, Waker)>> {
    SLEEPERS.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Whether stdin can be read, waited for until `next`: for ever, without one.
#[cfg(target_os = "wasi")]
fn reads(next: Option<Instant>) -> bool {
    use wasip1::{
        CLOCKID_MONOTONIC, EVENTTYPE_CLOCK, EVENTTYPE_FD_READ, Event, Subscription, SubscriptionClock,
        SubscriptionFdReadwrite, SubscriptionU, SubscriptionUU, poll_oneoff,
    };
    let read = SubscriptionUU { fd_read: SubscriptionFdReadwrite { file_descriptor: 0 } };
    let stdin = Subscription { userdata: 0, u: SubscriptionU { tag: EVENTTYPE_FD_READ.raw(), u: read } };
    let mut subscriptions = vec![stdin];
    if let Some(next) = next {
        let nanoseconds = next.saturating_duration_since(Instant::now()).as_nanos();
        let timeout = u64::try_from(nanoseconds).unwrap_or(u64::MAX);
        let clock = SubscriptionClock { id: CLOCKID_MONOTONIC, timeout, precision: 0, flags: 0 };
        let u = SubscriptionU { tag: EVENTTYPE_CLOCK.raw(), u: SubscriptionUU { clock } };
        subscriptions.push(Subscription { userdata: 1, u });
    }
    let mut events = Vec::<Event>::with_capacity(subscriptions.len());
    // SAFETY: there is room for one event for each subscription, and as many are valid as the call says.
    unsafe {
        match poll_oneoff(subscriptions.as_ptr(), events.as_mut_ptr(), subscriptions.len()) {
            Ok(count) => events.set_len(count.min(subscriptions.len())),
            // Then reading says what is wrong.
            Err(_) => return true,
        }
    }
    events.iter().any(|event| event.userdata == 0)
}

/// On other platforms, stdin is simply read: it blocks, which is good enough to try this program.
#[cfg(not(target_os = "wasi"))]
fn reads(next: Option<Instant>) -> bool {
    if let Some(next) = next {
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    next.is_none()
}

/// Sleeps.
pub(crate) async fn sleep(time: Duration) {
    let until = Instant::now() + time;
    poll_fn(|context| {
        if Instant::now() >= until {
            return Poll::Ready(());
        }
        sleepers().push((until, context.waker().clone()));
        Poll::Pending
    })
    .await;
}

/// The messages of the client.
pub(crate) struct Stdin;

impl AsyncRead for Stdin {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        if !READABLE.take() {
            *READER.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(context.waker().clone());
            return Poll::Pending;
        }
        let read = std::io::stdin().lock().read(buffer.initialize_unfilled());
        Poll::Ready(read.map(|count| buffer.advance(count)))
    }
}

/// The messages to the client. Writing waits for whoever reads: there is nothing else to do meanwhile.
pub(crate) struct Stdout;

impl AsyncWrite for Stdout {
    fn poll_write(self: Pin<&mut Self>, _context: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Poll::Ready(std::io::stdout().lock().write(bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(std::io::stdout().lock().flush())
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.poll_flush(context)
    }
}
