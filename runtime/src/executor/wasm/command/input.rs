//! A command's stdin: the client's messages, one a line.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncRead;
use tokio::sync::mpsc;
use wasmtime_wasi::cli::{IsTerminal, StdinStream};
use wasmtime_wasi::p2::{InputStream, Pollable, StreamError, StreamResult};

use super::patience::Patience;
use crate::message::{Json, Message};

/// What a guest reads from. All handles to it are one stream.
#[derive(Clone)]
pub(super) struct Input(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    patience: Arc<Patience>,
}

struct State {
    messages: mpsc::Receiver<Message>,
    /// What is left of the line that is being read.
    line: Bytes,
    ended: bool,
}

impl Input {
    /// Reads `messages`; whoever waits for one is waiting for its client.
    pub(super) fn new(messages: mpsc::Receiver<Message>, patience: Arc<Patience>) -> Self {
        let state = Mutex::new(State { messages, line: Bytes::new(), ended: false });
        Self(Arc::new(Shared { state, patience }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Ready once there is something to read, or nothing more comes.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if !self.line.is_empty() || self.ended {
            return Poll::Ready(());
        }
        self.messages.poll_recv(context).map(|message| self.take(message))
    }

    fn take(&mut self, message: Option<Message>) {
        match message {
            Some(message) => self.line = Bytes::from(format!("{}\n", Json::of(&message).as_str())),
            None => self.ended = true,
        }
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Input {
    async fn ready(&mut self) {
        let _waiting = self.0.patience.wait();
        poll_fn(|context| self.state().poll(context)).await;
    }
}

impl InputStream for Input {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let mut state = self.state();
        if state.line.is_empty() && !state.ended {
            match state.messages.try_recv() {
                Ok(message) => state.take(Some(message)),
                Err(mpsc::error::TryRecvError::Disconnected) => state.ended = true,
                Err(mpsc::error::TryRecvError::Empty) => {}
            }
        }
        if state.line.is_empty() && state.ended {
            return Err(StreamError::Closed);
        }
        let size = size.min(state.line.len());
        Ok(state.line.split_to(size))
    }
}

impl IsTerminal for Input {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdinStream for Input {
    fn async_stream(&self) -> Box<dyn AsyncRead + Send + Sync> {
        // Asked for by WASI 0.3 alone, which is not given.
        Box::new(tokio::io::empty())
    }

    fn p2_stream(&self) -> Box<dyn InputStream> {
        Box::new(self.clone())
    }
}
