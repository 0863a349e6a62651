//! Reading files that a person names, and writing those that are this program's.

use std::fs::File;
use std::io::{Error, ErrorKind, Read, Write};
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
    let mut bytes = Vec::new();
    File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
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
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new("/")))?;
    file.write_all(content)?;
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
