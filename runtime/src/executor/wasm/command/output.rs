//! A command's stdout: messages to the client, one a line.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use tokio::sync::mpsc;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

use crate::message::Incoming;

/// The longest message, in bytes.
const MAX_LINE: usize = 16 << 20;

/// What is taken in one write, in bytes.
const CHUNK: usize = 64 * 1024;

/// What a guest writes to. All handles to it are one stream; a guest whose messages nobody takes waits.
#[derive(Clone)]
pub(super) struct Output(Arc<Shared>);

struct Shared {
    messages: mpsc::Sender<Incoming>,
    state: Mutex<State>,
    garbage: Garbage,
}

/// Takes a line that is no message.
type Garbage = Box<dyn Fn(&[u8]) + Send + Sync>;

#[derive(Default)]
struct State {
    line: Vec<u8>,
    /// Read, and not yet taken.
    waiting: VecDeque<Incoming>,
}

impl Output {
    /// Sends what is written as `messages`; lines that are none go to `garbage`.
    pub(super) fn new(messages: mpsc::Sender<Incoming>, garbage: impl Fn(&[u8]) + Send + Sync + 'static) -> Self {
        Self(Arc::new(Shared { messages, state: Mutex::default(), garbage: Box::new(garbage) }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands over what is waiting, as far as there is room.
    fn hand_over(&self, state: &mut State) -> StreamResult<()> {
        while let Some(message) = state.waiting.pop_front() {
            match self.0.messages.try_send(message) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(message)) => {
                    state.waiting.push_front(message);
                    return Ok(());
                }
                Err(mpsc::error::TrySendError::Closed(_)) => return Err(StreamError::Closed),
            }
        }
        Ok(())
    }

    fn take_line(&self, state: &mut State) {
        let line = std::mem::take(&mut state.line);
        let text = line.trim_ascii();
        if text.is_empty() {
            return;
        }
        match Incoming::parse(text) {
            // No message at all: a line of a log, say, that went to the wrong stream.
            Incoming::Refused(refusal) if refusal.id.is_none() => (self.0.garbage)(text),
            incoming => state.waiting.push_back(incoming),
        }
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {
        // Room for one message; a connection that has ended is noticed at the next write.
        if !self.state().waiting.is_empty() {
            let _ = self.0.messages.reserve().await;
        }
    }
}

impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let mut state = self.state();
        for part in bytes.split_inclusive(|&byte| byte == b'\n') {
            if state.line.len() + part.len() > MAX_LINE {
                return Err(StreamError::trap("a message has at most 16 MiB"));
            }
            state.line.extend_from_slice(part);
            if part.ends_with(b"\n") {
                self.take_line(&mut state);
            }
        }
        self.hand_over(&mut state)
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        let mut state = self.state();
        self.hand_over(&mut state)?;
        Ok(if state.waiting.is_empty() { CHUNK } else { 0 })
    }
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // Asked for by WASI 0.3 alone, which is not given.
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}
