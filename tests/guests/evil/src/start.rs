//! What happens before any call: while the instance is made.

use std::env;

use crate::exhaust::spin;

/// Makes `start` a constructor, which runs while the component is instantiated.
#[used]
#[unsafe(link_section = ".init_array")]
static START: extern "C" fn() = start;

extern "C" fn start() {
    match env::var("EVIL").as_deref() {
        Ok("start-loop") => spin(),
        Ok("start-trap") => core::arch::wasm32::unreachable(),
        _ => {}
    }
}
