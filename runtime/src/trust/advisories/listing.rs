//! The files of a snapshot, and by what it is told that they have changed.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};

use crate::artifact::Digest;
use crate::files::open_at_once;
use crate::trust::vulnerability::{SnapshotFile, SnapshotFiles};

/// How deep folders may stand inside each other: OSV's own have one folder for each ecosystem.
const MAX_DEPTH: usize = 8;

/// What was written this short a time ago may be written again without a later time.
const SETTLED: SignedDuration = SignedDuration::from_secs(2);

/// The files of a snapshot, in one order on every machine.
pub(super) struct Listing(Vec<Listed>);

struct Listed {
    path: PathBuf,
    meta: Metadata,
}

impl Listing {
    /// Lists a file, or a folder. Folders inside it belong to it, links to folders do not. Only regular files count.
    ///
    /// # Errors
    /// Where there is none, or a part of it cannot be listed.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let mut listed = Vec::new();
        let meta = path.metadata()?;
        if meta.is_file() {
            listed.push(Listed { path: path.to_owned(), meta });
        } else {
            list(path, 0, &mut listed)?;
        }
        listed.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(Self(listed))
    }

    /// How large the files are together, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.0.iter().map(|Listed { meta, .. }| meta.len()).fold(0, u64::saturating_add)
    }

    /// Whether whoever writes one of them from now on leaves another [state](Self::state).
    pub(super) fn is_settled(&self, now: Timestamp) -> bool {
        let Ok(latest) = now.checked_sub(SETTLED) else { return false };
        self.0.iter().all(|Listed { meta, .. }| meta.ctime() < latest.as_second())
    }

    /// What changes whenever one of them does. When a file was changed, unlike when it was written, is nothing that
    /// its owner sets. An index of another version of this program may hold less.
    pub(super) fn state(&self) -> Digest {
        let mut text = Vec::from(env!("CARGO_PKG_VERSION"));
        for Listed { path, meta } in &self.0 {
            text.extend(path.as_os_str().as_encoded_bytes());
            text.push(0);
            for number in [meta.dev(), meta.ino(), meta.len()] {
                text.extend(number.to_le_bytes());
            }
            for number in [meta.ctime(), meta.ctime_nsec()] {
                text.extend(number.to_le_bytes());
            }
        }
        Digest::of(&text)
    }

    /// Their content, each opened when it is its turn.
    pub(super) fn files(&self) -> SnapshotFiles {
        let paths: Vec<PathBuf> = self.0.iter().map(|Listed { path, .. }| path.clone()).collect();
        Box::new(paths.into_iter().map(|path| file(&path)))
    }
}

fn list(folder: &Path, depth: usize, listed: &mut Vec<Listed>) -> io::Result<()> {
    if depth > MAX_DEPTH {
        return Err(io::Error::other("its folders stand too deep inside each other"));
    }
    for entry in folder.read_dir()? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            list(&path, depth + 1, listed)?;
        } else if let Some(meta) = path.metadata().ok().filter(Metadata::is_file) {
            listed.push(Listed { path, meta });
        }
    }
    Ok(())
}

fn file(path: &Path) -> io::Result<SnapshotFile> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(SnapshotFile { name, content: Box::new(open_at_once(path)?) })
}
