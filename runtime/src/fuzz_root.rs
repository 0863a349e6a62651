//! The root of a second crate, which `fuzz/` builds: whatever reads the bytes of strangers before they are trusted, and
//! nothing that runs them. So the first crate shows none of it to anybody, and an engine need not be built to fuzz a
//! parser.

#![allow(dead_code, unused_imports, reason = "much of these rooms is for those that this crate leaves out")]

mod address;
mod artifact;
mod dial;
mod files;
mod fuzzed;
pub mod message;
mod principal;
mod sandbox;
mod secret;
mod settings;
mod spec;
mod trust;
mod untrusted;

pub use fuzzed::*;
