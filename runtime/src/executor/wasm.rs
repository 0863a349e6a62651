//! Servers that are WASI components: each call gets a fresh instance in a sandbox that starts empty.
//!
//! ```text
//! bytes ─ component::describe ─▶ shape, imports ─ code::Compiler ─▶ Component ─ native::Server ─▶ instance for each call
//! ```
//!
//! Invariant: this process compiles nothing. Stranger's code is compiled by a child that can be killed ([`worker`]),
//! and what it gives is kept under a key of this machine ([`code`]).

mod client;
mod code;
mod command;
mod component;
mod engine;
mod host;
mod imports;
mod native;
mod open_at;
mod read_directory;
mod set_times_at;
pub(crate) mod worker;

pub use code::CodeError;
pub(crate) use code::Compiler;
pub(crate) use command::CommandServer;
pub(crate) use component::describe;
pub use component::{DescribeError, Description, Form, Shape};
pub(crate) use engine::Engine;
pub use engine::{EngineError, Profile};
pub(crate) use host::Sandbox;
pub use imports::MissingImport;
pub(crate) use imports::check_imports;
pub(crate) use native::NativeServer;
pub use native::StartError;

/// The bindings that wasmtime generates from `wit/`.
#[allow(unreachable_pub, clippy::all, reason = "generated")]
pub(crate) mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "lockgate:mcp/server",
        imports: { default: trappable },
        exports: { default: async },
        with: { "lockgate:mcp/client.call": super::client::CallContext },
    });
}
