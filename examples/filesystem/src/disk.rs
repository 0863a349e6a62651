//! What is asked of the system beyond the standard library: names in a folder, and the granted directories.

#[cfg(not(target_family = "wasm"))]
mod native;
#[cfg(target_family = "wasm")]
mod wasi;

use std::{
    fs::{self, File},
    io::{Read, Write},
};

#[cfg(not(target_family = "wasm"))]
use self::native as system;
#[cfg(target_family = "wasm")]
use self::wasi as system;
use crate::fault::Fault;

/// The most that is read of a file at once, in bytes: an answer holds it twice, and the host takes 16 MiB.
pub(crate) const MAX_READ: u64 = 5 << 20;
/// The most names that are taken from one folder.
const MAX_NAMES: usize = 100_000;

/// Something in a folder.
#[derive(Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Directory,
    Link,
    /// A file, or what is no file either.
    Other,
    /// Its name cannot be said in Unicode, so nothing can be done with it.
    Unnamed,
}

/// The granted directories, at their paths in here, in the order of the grant.
pub(crate) fn granted() -> Vec<String> {
    system::granted()
}

/// What is in a folder, in the order of its names' bytes.
///
/// # Errors
/// As a text that says what was refused.
pub(crate) fn list(folder: &str) -> Result<Vec<Entry>, String> {
    let refused = |fault: Fault| fault.at(&format!("scandir '{folder}'"));
    let mut entries = Vec::new();
    for entry in system::list(folder).map_err(refused)? {
        entries.push(entry.map_err(refused)?);
        if entries.len() > MAX_NAMES {
            return Err(format!("Too many entries: '{folder}' has more than {MAX_NAMES}"));
        }
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

/// Opens a file to read it.
///
/// # Errors
/// As a text that says what was refused.
pub(crate) fn open(path: &str) -> Result<File, String> {
    let file = File::open(path).map_err(|error| Fault::from(error).at(&format!("open '{path}'")))?;
    if fs::metadata(path).is_ok_and(|about| about.is_dir()) {
        return Err(Fault::EISDIR.at("read"));
    }
    Ok(file)
}

/// Reads a whole file.
///
/// # Errors
/// As a text that says what was refused, or that the file has more than [`MAX_READ`] bytes.
pub(crate) fn read(path: &str) -> Result<Vec<u8>, String> {
    let file = open(path)?;
    let mut bytes = Vec::new();
    file.take(MAX_READ + 1).read_to_end(&mut bytes).map_err(|error| Fault::from(error).at("read"))?;
    if bytes.len() as u64 > MAX_READ { Err(too_large(path)) } else { Ok(bytes) }
}

/// That a file cannot be read at once.
pub(crate) fn too_large(path: &str) -> String {
    let mib = MAX_READ >> 20;
    format!(
        "File too large: '{path}' has more than the {mib} MiB that are read at once; use read_text_file with head or tail"
    )
}

/// Writes a whole file, a new one or in place of what it holds.
///
/// The reference writes a new file and puts it in the old one's place. WASI gives no way to carry the permissions of
/// the old one over, so a private file would become one that all can read: here it stays the same file.
///
/// # Errors
/// As a text that says what was refused.
pub(crate) fn write(path: &str, text: &str) -> Result<(), String> {
    let mut file = File::create(path).map_err(|error| Fault::from(error).at(&format!("open '{path}'")))?;
    file.write_all(text.as_bytes()).map_err(|error| Fault::from(error).at("write"))
}
