//! The child that compiles: it reads a component on stdin and writes native code to stdout.
//!
//! It gets the bytes of a stranger and nothing else, and can be killed at any time. The parent bounds its wall time;
//! it bounds its own processor time and memory before it reads a byte.

use std::io::{Read, Write};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wit_component::ComponentEncoder;

use super::component::{DescribeError, Description, Form, Shape, describe};
use super::engine::{Profile, generating};

/// The processor time of one compilation, over all cores, in seconds.
const CPU_SECONDS: u64 = 600;

/// The address space of one compilation, in bytes: a guest of 12 MB peaks near 400 MiB, and every thread reserves some.
const ADDRESS_SPACE: u64 = 8 << 30;

/// Why nothing was compiled. The message goes to the parent, which shows it as a stranger's words.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The component could not be read, or the code not be written.
    #[error("the component could not be passed on")]
    Io(#[from] std::io::Error),
    /// It is no server.
    #[error(transparent)]
    Describe(#[from] DescribeError),
    /// A core module could not be made a component.
    #[error("the core module cannot be adapted: {0}")]
    Adapt(String),
    /// The engine refused it.
    #[error("the component is not valid: {0}")]
    Compile(String),
}

/// Compiles what `input` holds for `profile`, and writes the code to `output`.
///
/// # Errors
/// See [`WorkerError`].
pub fn run(profile: Profile, mut input: impl Read, mut output: impl Write) -> Result<(), WorkerError> {
    limit(Resource::Cpu, CPU_SECONDS);
    limit(Resource::As, ADDRESS_SPACE);
    limit(Resource::Core, 0);
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes)?;
    let Description { form, shape, .. } = describe(&bytes)?;
    let component = match (form, shape) {
        (Form::Component, _) => bytes,
        (Form::CoreModule, Shape::Native(_)) => adapt(&bytes, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER)?,
        (Form::CoreModule, Shape::Command) => adapt(&bytes, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER)?,
    };
    let engine = wasmtime::Engine::new(&generating(profile)).map_err(compile_error)?;
    let code = engine.precompile_component(&component).map_err(compile_error)?;
    output.write_all(&code)?;
    output.flush()?;
    Ok(())
}

fn compile_error(error: wasmtime::Error) -> WorkerError {
    WorkerError::Compile(format!("{error:#}"))
}

/// Makes a component of a `wasm32-wasip1` module.
fn adapt(module: &[u8], adapter: &[u8]) -> Result<Vec<u8>, WorkerError> {
    let encode = || {
        ComponentEncoder::default()
            .validate(true)
            .module(module)?
            .adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, adapter)?
            .encode()
    };
    encode().map_err(|error| WorkerError::Adapt(format!("{error:#}")))
}

/// Lowers a limit of this process; one that is lower already stays.
fn limit(resource: Resource, most: u64) {
    let current = getrlimit(resource);
    let lower = |limit: Option<u64>| Some(limit.map_or(most, |limit| limit.min(most)));
    // A limit that cannot be set leaves the parent's: it kills the child when its time is over.
    let _ = setrlimit(resource, Rlimit { current: lower(current.current), maximum: lower(current.maximum) });
}
