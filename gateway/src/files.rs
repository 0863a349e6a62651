//! Reading files that a person names.

use std::fs::File;
use std::io::{Error, ErrorKind, Read};
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
