//! What all remote servers of this process share: the threads of their connections, and the sessions that are to be
//! ended before the process is.

use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;

/// How long all servers together may take to hear that their sessions are over.
const FAREWELL: Duration = Duration::from_secs(3);

/// All remote servers of this process. Dropping it ends their sessions.
#[derive(Default)]
pub(crate) struct Remotes {
    threads: OnceLock<tokio::runtime::Runtime>,
    sessions: Arc<Sessions>,
}

/// The sessions that are open.
#[derive(Default)]
pub(super) struct Sessions {
    open: Mutex<usize>,
    gone: Condvar,
    closing: watch::Sender<bool>,
}

/// An open session, or one that is being ended.
pub(super) struct OpenSession(Arc<Sessions>);

impl Remotes {
    /// The threads of connections: a client's own may end before them, or know no network.
    ///
    /// # Errors
    /// Where the system gives none.
    pub(super) fn threads(&self) -> std::io::Result<Handle> {
        if self.threads.get().is_none() {
            let mut threads = tokio::runtime::Builder::new_multi_thread();
            let made = threads.worker_threads(2).thread_name("remotes").enable_all().build()?;
            // Of two made at the same time, one is not needed.
            if let Err(unused) = self.threads.set(made) {
                unused.shutdown_background();
            }
        }
        self.threads.get().map(|threads| threads.handle().clone()).ok_or_else(|| std::io::ErrorKind::NotFound.into())
    }

    pub(super) fn sessions(&self) -> &Arc<Sessions> {
        &self.sessions
    }

    /// Ends all sessions, and waits a little for their servers to hear it. No message goes to them any more.
    pub(crate) fn close(&self) {
        self.sessions.closing.send_replace(true);
        let open = self.sessions.open.lock().unwrap_or_else(PoisonError::into_inner);
        // Sessions that are not ended even then end by themselves, some day.
        drop(self.sessions.gone.wait_timeout_while(open, FAREWELL, |open| *open > 0));
    }
}

impl Drop for Remotes {
    fn drop(&mut self) {
        self.close();
        // Whoever drops it may be on threads that must not wait.
        if let Some(threads) = self.threads.take() {
            threads.shutdown_background();
        }
    }
}

impl Sessions {
    /// A session that is ended before the process is, as long as it is held.
    pub(super) fn begin(self: &Arc<Self>) -> OpenSession {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        OpenSession(Arc::clone(self))
    }
}

impl OpenSession {
    /// Ready once all sessions are to end.
    pub(super) async fn closing(&self) {
        // The sender lives as long as this does.
        let _ = self.0.closing.subscribe().wait_for(|closing| *closing).await;
    }
}

impl Drop for OpenSession {
    fn drop(&mut self) {
        *self.0.open.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.gone.notify_all();
    }
}
