//! What tests are made of.

pub(crate) mod bundles;
mod client;
pub(crate) mod cosign;
mod engine;
mod front;
mod guests;
mod home;
mod listener;
mod lockgate;
mod oci_registry;
pub(crate) mod own_registry;
mod process;
#[allow(dead_code, reason = "the unit tests of the runtime use the rest of it")]
pub(crate) mod remote_server;
pub(crate) mod sigstore;
pub(crate) mod tls;
mod transcript;
pub(crate) mod tuf;

pub(crate) use client::{Client, modern};
pub(crate) use engine::Engine;
pub(crate) use front::Front;
pub(crate) use guests::{brave, everything, evil, fetch, filesystem, probe, time, wasm_file};
pub(crate) use home::Home;
pub(crate) use listener::Listener;
pub(crate) use lockgate::Lockgate;
pub(crate) use oci_registry::OciRegistry;
pub(crate) use process::{Ended, Process};

/// The most that any process of a test may take. It is only there to make a failure of what would be a hang.
pub(crate) const DEADLINE: std::time::Duration = std::time::Duration::from_secs(120);

/// A folder of one test, whose path has no links in it, as grants want it.
pub(crate) fn folder() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap();
    (folder, path)
}
