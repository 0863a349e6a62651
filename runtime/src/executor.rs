//! How a server runs. What an artifact is decides who runs it.

pub(crate) mod container;
pub(crate) mod peer;
pub(crate) mod remote;
pub(crate) mod wasm;
