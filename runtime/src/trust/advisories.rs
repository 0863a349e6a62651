//! Reads the snapshot of advisories that a policy names: a folder with files in the OSV format, or one such file.

use std::fs::File;
use std::io;
use std::path::Path;

use super::vulnerability::{SnapshotFile, SnapshotFiles};

/// Opens a snapshot. Only regular files count, and nothing waits for a FIFO.
///
/// # Errors
/// Where there is none.
pub(crate) fn open(path: &Path) -> io::Result<SnapshotFiles> {
    if path.is_file() {
        return Ok(Box::new(std::iter::once(file(path))));
    }
    let mut paths = Vec::new();
    for entry in path.read_dir()? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json" || extension == "jsonl") && path.is_file() {
            paths.push(path);
        }
    }
    // In one order on every machine.
    paths.sort();
    Ok(Box::new(paths.into_iter().map(|path| file(&path))))
}

fn file(path: &Path) -> io::Result<SnapshotFile> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(SnapshotFile { name, content: Box::new(File::open(path)?) })
}
