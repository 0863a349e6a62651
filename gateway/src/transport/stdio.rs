//! MCP on two byte streams: one message a line (MCP, "stdio").
//!
//! Two threads serve a client. One reads and parses; the other runs the session and writes. They are apart from the
//! caller's runtime because both may wait for the client at any time, and because inherited descriptors cannot be made
//! non-blocking: whoever shares them would notice. That everything but reading is on one thread saves a message the way
//! through a scheduler: of all arrangements tried, this had the least time between a line and its answer.

mod lines;
mod patient;
mod writer;

use std::io::{ErrorKind, Read, Write};
use std::pin::pin;
use std::thread;
use std::time::Duration;

use lockgate_runtime::Principal;
use lockgate_runtime::message::{Incoming, Refusal, RpcError, code};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinError;

use self::lines::{Line, Lines, MAX_LINE};
use crate::servers::View;
use crate::session::{Session, outbox};

/// How many lines may be read before the session takes the first.
const READ_AHEAD: usize = 4;

/// How long a client may take to read its last messages once the gateway wants to end.
const GRACE: Duration = Duration::from_secs(1);

/// Why a client is not served any more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    /// There is no thread or runtime for it.
    #[error("the session could not be started")]
    Start(#[source] std::io::Error),
    /// Its messages could not be read.
    #[error("the client's messages could not be read")]
    Read(#[source] std::io::Error),
    /// It could not be written to.
    #[error("the client could not be written to")]
    Write(#[source] std::io::Error),
    /// A fault of this program.
    #[error("the session broke off; this is a fault of Lockgate, please report it")]
    Broken,
}

/// Something that was read.
struct Received {
    incoming: Incoming,
    bytes: usize,
}

/// Serves the client at the other ends of `input` and `output` until it has no more to say and is answered, or hangs
/// up, or `shutdown` is ready, which ends its calls. A thread that waits for the client is left behind then, and takes
/// nothing more from it. Needs a tokio runtime that has its timers.
///
/// # Errors
/// See [`ServeError`]. A client that hangs up is none.
pub(crate) async fn serve(
    view: View,
    principal: Principal,
    input: impl Read + Send + 'static,
    output: impl Write + Send + 'static,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let (lines, received) = mpsc::channel(READ_AHEAD);
    let (stop, stopped) = watch::channel(false);
    let (end, ended) = oneshot::channel();
    let threads = [
        thread::Builder::new().name("client-in".to_owned()).spawn(move || read(input, &lines)),
        thread::Builder::new().name("client".to_owned()).spawn(move || {
            // Nobody listens where the caller gave up.
            let _ = end.send(converse(view, principal, received, output, stopped));
        }),
    ];
    for thread in threads {
        thread.map_err(ServeError::Start)?;
    }
    let mut ended = pin!(ended);
    let end = tokio::select! {
        end = &mut ended => end,
        () = shutdown => {
            stop.send_replace(true);
            match tokio::time::timeout(GRACE, ended).await {
                Ok(end) => end,
                // It does not read: nothing more can be told it.
                Err(_) => return Ok(()),
            }
        }
    };
    end.unwrap_or(Err(ServeError::Broken))
}

/// Reads until there is nothing more, or nobody to tell.
fn read(input: impl Read, session: &mpsc::Sender<Result<Received, std::io::Error>>) {
    let mut lines = Lines::new(input);
    while let Some(line) = lines.next().transpose() {
        let received = line.map(|line| match line {
            Line::Text(text) => Received { bytes: text.len(), incoming: Incoming::parse(&text) },
            Line::TooLong => Received { bytes: 0, incoming: too_long() },
        });
        let failed = received.is_err();
        if session.blocking_send(received).is_err() || failed {
            return;
        }
    }
}

fn too_long() -> Incoming {
    let message = format!("a message has at most {} MiB; this one was skipped", MAX_LINE >> 20);
    Incoming::Refused(Refusal { id: None, error: RpcError::new(code::INVALID_REQUEST, message) })
}

/// Runs the session, and writes what it sends.
fn converse(
    view: View,
    principal: Principal,
    received: mpsc::Receiver<Result<Received, std::io::Error>>,
    output: impl Write + Send + 'static,
    stopped: watch::Receiver<bool>,
) -> Result<(), ServeError> {
    // One that waits for messages and pauses only: what blocks it is the client, and then there is nothing else to do.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(ServeError::Start)?;
    // Whatever is still under way when this returns goes with the runtime: its calls are cancelled.
    runtime.block_on(run(view, principal, received, output, stopped))
}

async fn run(
    view: View,
    principal: Principal,
    received: mpsc::Receiver<Result<Received, std::io::Error>>,
    output: impl Write + Send + 'static,
    mut stopped: watch::Receiver<bool>,
) -> Result<(), ServeError> {
    let (outbox, outgoing) = outbox();
    let mut writer = tokio::spawn(writer::write(outgoing, output));
    let session = Session::new(view, principal, outbox);
    let mut was_stopped = false;
    let heard = tokio::select! {
        written = &mut writer => return hung_up(written),
        // Whoever stopped waiting for the session does not want it to go on.
        _ = stopped.wait_for(|stopped| *stopped) => {
            was_stopped = true;
            session.cancel_all();
            Ok(())
        }
        heard = hear(&session, received) => heard,
    };
    session.close();
    // The writer ends once nobody can send any more: this session, and each request that is under way.
    drop(session);
    tokio::select! {
        written = writer => hung_up(written)?,
        _ = stopped.wait_for(|stopped| *stopped), if !was_stopped => {}
    }
    heard.map_err(ServeError::Read)
}

/// Gives the session all that is received.
async fn hear(
    session: &std::sync::Arc<Session>,
    mut received: mpsc::Receiver<Result<Received, std::io::Error>>,
) -> Result<(), std::io::Error> {
    while let Some(message) = received.recv().await {
        let Received { incoming, bytes } = message?;
        session.receive(incoming, bytes).await;
    }
    Ok(())
}

/// How the writing ended. A client may leave at any time.
fn hung_up(written: Result<Result<(), std::io::Error>, JoinError>) -> Result<(), ServeError> {
    match written {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => Ok(()),
        Ok(Err(error)) => Err(ServeError::Write(error)),
        Err(_) => Err(ServeError::Broken),
    }
}

#[cfg(test)]
mod tests;
