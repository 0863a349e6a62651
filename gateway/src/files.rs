//! Reading files that a person names, and writing those that are this program's.

use std::fs::{File, Metadata};
use std::io::{Error, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, fchown};
use std::path::Path;

/// Reads a whole file of at most `most` bytes.
///
/// # Errors
/// What the system said; [`ErrorKind::FileTooLarge`] for a larger one, [`ErrorKind::InvalidInput`] for what is no regular
/// file.
pub(crate) fn read(path: &Path, most: u64) -> Result<Vec<u8>, Error> {
    // Asked before opening: opening a FIFO would wait for somebody to write to it.
    if !std::fs::metadata(path)?.is_file() {
        return Err(Error::new(ErrorKind::InvalidInput, "it is not a regular file"));
    }
    let file = File::open(path)?;
    // With room for all of it: what grows leaves halves of a secret behind in memory.
    let length = file.metadata()?.len().min(most) + 1;
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    file.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(Error::new(ErrorKind::FileTooLarge, format!("it is larger than {} MiB", most >> 20)));
    }
    Ok(bytes)
}

/// Puts a file in its place when all of it is on the disk, so that nobody ever reads half of it. Only its owner may.
///
/// # Errors
/// What the system said. What was there before is there still.
pub(crate) fn replace(path: &Path, content: &[u8]) -> Result<(), Error> {
    place(path, content, None)
}

/// Puts a file in the place of a person's, as whose it stays, for all who may read that one.
///
/// # Errors
/// As [`replace`]; [`ErrorKind::PermissionDenied`] where nobody may write it.
pub(crate) fn replace_alike(path: &Path, content: &[u8]) -> Result<(), Error> {
    let known = match std::fs::metadata(path) {
        Ok(known) => Some(known),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    // Renaming would get round that.
    if known.as_ref().is_some_and(|known| known.permissions().readonly()) {
        return Err(Error::new(ErrorKind::PermissionDenied, "it is read-only"));
    }
    place(path, content, known.as_ref())
}

fn place(path: &Path, content: &[u8], alike: Option<&Metadata>) -> Result<(), Error> {
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new("/")))?;
    file.write_all(content)?;
    if let Some(alike) = alike {
        let own = file.as_file().metadata()?;
        if (own.uid(), own.gid()) != (alike.uid(), alike.gid()) {
            fchown(file.as_file(), Some(alike.uid()), Some(alike.gid()))?;
        }
        // At last: a change of owner may take bits away.
        file.as_file().set_permissions(alike.permissions())?;
    }
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_whole_or_not_at_all() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"four").unwrap();
        assert_eq!(read(file.path(), 4).unwrap(), b"four");
        assert_eq!(read(file.path(), 3).unwrap_err().kind(), ErrorKind::FileTooLarge);
        assert_eq!(read(Path::new("/"), 4).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}
