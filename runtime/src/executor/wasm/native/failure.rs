//! How a call goes wrong, and what the client is told: what failed, why, and what to do next.

use super::super::client::OutputLimit;
use super::super::host::TimeLimit;
use super::CallLimits;
use crate::message::{JsonError, RpcError, code};
use crate::untrusted::Untrusted;

/// Why a call has no result.
pub(super) enum Failure {
    /// The guest, or whoever read the request, answered with an error of the protocol.
    Answered(RpcError),
    /// The guest answered with something that is not MCP.
    Malformed {
        /// Which part of its answer.
        part: &'static str,
        /// What is wrong with it.
        error: JsonError,
    },
    /// The guest answered with another JSON value where MCP has an object: this part of its answer.
    NotAnObject(&'static str),
    /// The guest was ended, or ended itself.
    Ended(wasmtime::Error),
    /// It was not done in time.
    TimedOut,
    /// It asked for more memory than it may have, and did not get over it.
    OutOfMemory,
}

impl From<wasmtime::Error> for Failure {
    fn from(error: wasmtime::Error) -> Self {
        if error.is::<TimeLimit>() { Self::TimedOut } else { Self::Ended(error) }
    }
}

impl From<RpcError> for Failure {
    fn from(error: RpcError) -> Self {
        Self::Answered(error)
    }
}

impl Failure {
    /// Blames the memory limit where a guest was refused memory and then crashed: that is how allocators give up.
    pub(super) fn with_memory(self, refused: bool) -> Self {
        match self {
            Self::Ended(error) if refused && !error.is::<OutputLimit>() => Self::OutOfMemory,
            other => other,
        }
    }

    pub(super) fn into_rpc_error(self, limits: &CallLimits) -> RpcError {
        let message = match self {
            Self::Answered(error) => return error,
            Self::Malformed { part, error } => {
                format!("the server's answer is not MCP: its {part} is no JSON that can be passed on ({error})")
            }
            Self::NotAnObject(part) => format!("the server's answer is not MCP: its {part} is no JSON object"),
            Self::TimedOut => {
                format!("the call was ended at its time limit of {:?}; `--time` raises it", limits.time)
            }
            Self::OutOfMemory => {
                let mib = limits.memory as f64 / f64::from(1 << 20);
                format!("the server ran out of memory at its limit of {mib} MiB; `--memory` raises it")
            }
            Self::Ended(error) if error.is::<OutputLimit>() => {
                let mib = limits.output >> 20;
                format!("the call was ended when it sent more than {mib} MiB, its output limit; ask for less at a time")
            }
            // WASI 0.2 passes on that a guest exited, not with which status.
            Self::Ended(error) if error.is::<wasmtime_wasi::I32Exit>() => {
                "the server exited in the middle of the call; the next call starts afresh".to_owned()
            }
            Self::Ended(error) => format!("the server crashed: {}; the next call starts afresh", one_line(&error)),
        };
        RpcError::new(code::INTERNAL_ERROR, message)
    }
}

/// The innermost cause, which for a trap is what the guest did.
pub(in crate::executor::wasm) fn one_line(error: &wasmtime::Error) -> String {
    let cause = match error.downcast_ref::<wasmtime::Trap>() {
        Some(trap) => trap.to_string(),
        None => host_limit(error).map_or_else(|| format!("{error:#}"), str::to_owned),
    };
    Untrusted::new(cause).to_line(300)
}

/// The bound of the host that a guest ran into, in words: the engine names its own parts. There is no type to tell
/// the last two by, so an engine that words them anew shows its own words again.
fn host_limit(error: &wasmtime::Error) -> Option<&'static str> {
    if matches!(error.downcast_ref(), Some(wasmtime::component::ResourceTableError::Full)) {
        return Some("it holds more than 10,000 things of the host at the same time");
    }
    let words = format!("{error:#}");
    if words.contains("fuel allocated for hostcalls") {
        return Some("it passed more than 16 MiB to the host at once");
    }
    if words.contains("requested len") {
        return Some("it asked for more than 1 MiB of random bytes at once");
    }
    None
}
