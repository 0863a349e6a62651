//! Tests from outside: the built program, on guests from `examples/dist`, as a person or a client uses it.
//!
//! Every test starts processes of its own, ends them, and leaves nothing behind. A snapshot is a transcript: the
//! command, its exit code, and what it wrote to stdout (`1>`) and stderr (`2>`).

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

mod attacks;
mod beside;
mod brave;
mod built_in;
mod cache;
mod catalog;
mod cli;
mod clients;
mod compiling;
mod container;
mod copy;
mod directories;
mod everything;
mod filesystem;
mod full_disk;
mod hostile;
mod house;
mod http;
mod http_front;
mod imports;
mod keyless;
mod layouts;
mod lock;
mod not_a_server;
mod registry;
mod registry_evil;
mod remote;
mod remote_real;
mod sandbox;
mod secrets;
mod several;
mod sign;
mod sigstore;
mod small_hosts;
mod stdio;
mod stdio_client;
mod stdio_load;
mod trust;
