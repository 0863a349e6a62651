//! How a server runs. What an artifact is decides who runs it.

#[allow(dead_code, unused_imports, reason = "the first executor that needs it is being built")]
pub(crate) mod peer;
pub(crate) mod wasm;
