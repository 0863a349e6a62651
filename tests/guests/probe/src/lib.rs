//! Test guest: one of everything that MCP can say, to see that nothing is lost on the way.
//!
//! Its tool `echo` does as little as a tool can, for measuring what the way costs.

#![cfg(target_family = "wasm")]

mod completions;
mod identity;
mod parts;
mod prompts;
mod resources;
mod tools;

mod bindings {
    #![allow(missing_docs, reason = "generated from the contract, which documents itself")]

    wit_bindgen::generate!({ path: "../../../wit", world: "server", generate_all });
}

struct Probe;

bindings::export!(Probe with_types_in bindings);
