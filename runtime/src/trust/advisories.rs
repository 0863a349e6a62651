//! Reads the snapshot of advisories that a policy names: a folder with files in the OSV format, or one such file.
//!
//! Whole ecosystems have some hundred thousand advisories. An index of a snapshot that has not changed is therefore kept,
//! so that what it holds of a few packages need not be looked for in all of it each time something is judged.

mod listing;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use tempfile::NamedTempFile;

use self::listing::Listing;
use super::vulnerability::{Index, Snapshot, Source, write_index};
use crate::artifact::Digest;
use crate::files;

/// A snapshot of at most so many bytes is read as fast as an index of it.
const MIN_INDEXED_BYTES: u64 = 64 * 1024;

/// Where indexes of snapshots are kept.
#[derive(Debug, Clone)]
pub(crate) struct Advisories {
    folder: PathBuf,
}

impl Advisories {
    /// Indexes are kept in this folder, which need not be there. It is for its owner alone.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Opens a snapshot.
    ///
    /// # Errors
    /// Where there is none, or a part of it cannot be listed.
    pub(crate) fn open(&self, path: &Path, now: Timestamp) -> io::Result<Snapshot> {
        let listing = Listing::of(path)?;
        // Without an index it takes longer: whatever is in its way is in no way of a look-up.
        let index = self.index(path, &listing, now).ok().flatten();
        Ok(Snapshot { files: listing.files(), index })
    }

    /// The index of a snapshot as it is now, made if need be; nothing where it has none.
    fn index(&self, path: &Path, listing: &Listing, now: Timestamp) -> io::Result<Option<Index>> {
        if listing.bytes() < MIN_INDEXED_BYTES || !listing.is_settled(now) {
            return Ok(None);
        }
        let kept = self.folder.join(Digest::of(path.as_os_str().as_encoded_bytes()).hex());
        let state = listing.state();
        let open = || match files::open(&kept)? {
            Some(file) => Index::open(Box::new(file), state),
            None => Ok(None),
        };
        if let Some(index) = open()? {
            return Ok(Some(index));
        }
        files::private_folder(&self.folder)?;
        let folder = File::open(&self.folder)?;
        folder.lock()?;
        // Somebody else may have been at it meanwhile.
        if let Some(index) = open()? {
            return Ok(Some(index));
        }
        let mut made = NamedTempFile::new_in(&self.folder)?;
        let mut out = BufWriter::new(made.as_file_mut());
        write_index(listing.files(), state, now, &mut out).map_err(io::Error::other)?;
        out.flush()?;
        drop(out);
        if Listing::of(path)?.state() != state {
            return Ok(None);
        }
        made.as_file().sync_all()?;
        made.persist(&kept)?;
        open()
    }
}

impl Source for File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, begins: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.read_exact_at(bytes, begins)
    }
}

#[cfg(test)]
mod tests;
