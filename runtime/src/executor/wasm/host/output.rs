//! A guest's stdout and stderr: log lines of a stranger, some of which are shown.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use super::Sandbox;
use crate::settings::{Event, Hooks};
use crate::spec::ServerName;
use crate::untrusted::Untrusted;

/// What one call may write to the log, in bytes. The rest is taken and forgotten.
const MAX_LOGGED: usize = 64 * 1024;

/// What is taken in one write, in bytes.
const CHUNK: usize = 64 * 1024;

/// Both streams of one call: their lines share one budget.
#[derive(Clone)]
pub(in crate::executor::wasm) struct GuestOutput(Arc<Lines>);

struct Lines {
    server: ServerName,
    hooks: Hooks,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    line: Vec<u8>,
    logged: usize,
}

impl GuestOutput {
    pub(super) fn new(sandbox: &Sandbox) -> Self {
        Self(Arc::new(Lines { server: sandbox.server.clone(), hooks: sandbox.hooks.clone(), state: Mutex::default() }))
    }

    fn take(&self, bytes: &[u8]) {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let room = MAX_LOGGED.saturating_sub(state.logged);
        if room == 0 {
            return;
        }
        let kept = &bytes[..bytes.len().min(room)];
        state.logged += kept.len();
        for part in kept.split_inclusive(|&byte| byte == b'\n') {
            state.line.extend_from_slice(part);
            if part.ends_with(b"\n") {
                self.0.write_out(&mut state.line);
            }
        }
        if state.logged == MAX_LOGGED {
            self.0.write_out(&mut state.line);
            let mut rest = b"(what it writes further in this call is not shown)".to_vec();
            self.0.write_out(&mut rest);
        }
    }
}

impl Lines {
    fn write_out(&self, line: &mut Vec<u8>) {
        let text = String::from_utf8_lossy(line).trim_end().to_owned();
        line.clear();
        if !text.is_empty() {
            (self.hooks.event)(Event::GuestWrote { server: self.server.clone(), line: Untrusted::new(text) });
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        let mut line = std::mem::take(&mut self.state.get_mut().unwrap_or_else(PoisonError::into_inner).line);
        self.write_out(&mut line);
    }
}

impl IsTerminal for GuestOutput {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for GuestOutput {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // Asked for by WASI 0.3 alone, which is not given.
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for GuestOutput {
    async fn ready(&mut self) {}
}

impl OutputStream for GuestOutput {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.take(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(CHUNK)
    }
}
