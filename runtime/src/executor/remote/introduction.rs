//! Who we say we are, and what is known of a server that does not say who it is (MCP schema, `Implementation`).

use crate::message::{Json, ObjectWriter};

/// The gateway, as the client of a server.
pub(super) fn ours() -> Json {
    ObjectWriter::new().with("name", "lockgate").with("version", env!("CARGO_PKG_VERSION")).finish()
}

/// A server by its name in the configuration.
pub(super) fn nameless(name: &str) -> Json {
    ObjectWriter::new().with("name", name).with("version", "unknown").finish()
}
