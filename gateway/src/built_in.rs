//! The servers shipped inside this program.

use lockgate_runtime::BuiltIns;

/// Every server that `make examples` built, if this program was built with them.
#[cfg(feature = "built-in-servers")]
pub(crate) const SERVERS: BuiltIns = &[
    ("brave", include_bytes!("../../examples/dist/brave.wasm")),
    ("filesystem", include_bytes!("../../examples/dist/filesystem.wasm")),
    ("time", include_bytes!("../../examples/dist/time.wasm")),
];

/// None: this program was built without the feature `built-in-servers`.
#[cfg(not(feature = "built-in-servers"))]
pub(crate) const SERVERS: BuiltIns = &[];

/// Whether a server of this name is shipped.
pub(crate) fn has(name: &str) -> bool {
    SERVERS.iter().any(|(known, _)| *known == name)
}

/// Which names there are, as a sentence.
pub(crate) fn sentence() -> String {
    if SERVERS.is_empty() {
        return "this build has no servers inside; `make build` makes one that has".to_owned();
    }
    let names: Vec<&str> = SERVERS.iter().map(|(name, _)| *name).collect();
    format!("the servers built in are: {}", names.join(", "))
}
