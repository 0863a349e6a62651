//! The guests that `make examples` built.

use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// The folder with the servers for people; those for tests are in `test` below it.
pub(super) const DIST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/dist");

/// The server `brave`.
pub(crate) fn brave() -> String {
    server("brave")
}

/// The server `everything`.
pub(crate) fn everything() -> String {
    server("everything")
}

/// The server `filesystem`.
pub(crate) fn filesystem() -> String {
    server("filesystem")
}

/// The server `time`.
pub(crate) fn time() -> String {
    server("time")
}

/// The server of this name.
fn server(name: &str) -> String {
    existing(format!("{DIST}/{name}.wasm").into())
}

/// The guest that does what a hostile server would.
pub(crate) fn evil() -> String {
    guest("evil")
}

/// The guest that sends HTTP requests.
pub(crate) fn fetch() -> String {
    guest("fetch")
}

/// The guest that uses all of the contract.
pub(crate) fn probe() -> String {
    guest("probe")
}

/// The test guest of this name.
fn guest(name: &str) -> String {
    existing(format!("{DIST}/test/{name}.wasm").into())
}

fn existing(path: PathBuf) -> String {
    assert!(path.is_file(), "{} is not there; `make examples` builds it", path.display());
    path.canonicalize().unwrap().to_str().unwrap().to_owned()
}

/// All guests there are.
pub(super) fn all() -> Vec<PathBuf> {
    let below = |folder: &Path| {
        let entries = std::fs::read_dir(folder).map(|entries| entries.map(|entry| entry.unwrap().path()).collect());
        entries.unwrap_or_else(|_: std::io::Error| Vec::new())
    };
    let mut files = below(Path::new(DIST));
    files.extend(below(&Path::new(DIST).join("test")));
    files.retain(|path| path.extension().is_some_and(|extension| extension == "wasm"));
    files
}

/// A file of these bytes that looks like a component by its name.
pub(crate) fn wasm_file(bytes: &[u8]) -> NamedTempFile {
    let file = tempfile::Builder::new().prefix("server").suffix(".wasm").tempfile().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    file
}
