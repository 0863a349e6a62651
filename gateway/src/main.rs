//! `lockgate`: one program between MCP clients and the servers that strangers wrote.
//!
//! A client's message goes through these rooms: `transport` (bytes) → `session` (one client and its era) → `names` →
//! `policy` (a permit, or none) → `router` → a link of the runtime. Beside them: `command` (one file a subcommand),
//! `environment` (the only place that reads it), `built_in`, `lock` (whether servers are what they were), `report`
//! (stderr) and `error` (exit codes).

mod built_in;
mod catalog;
mod command;
mod config;
mod environment;
mod error;
mod files;
mod lock;
mod names;
mod policy;
mod report;
mod router;
mod servers;
mod session;
mod sources;
mod tokens;
mod transport;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    command::execute(command::CommandLine::parse())
}
