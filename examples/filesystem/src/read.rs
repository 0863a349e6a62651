//! The first or last lines of a file, without reading the rest.

use std::{
    fs,
    io::{Read, Seek, SeekFrom},
};

use crate::{
    disk::{self, MAX_READ},
    edit::unix_lines,
    fault::Fault,
};

/// How much is read at a time, in bytes; where a fraction of a line is asked for, the reference's shows.
const CHUNK: usize = 1024;

/// All of a text file. What is not UTF-8 is replaced.
///
/// # Errors
/// As a text that says what was refused, or that the file is too large.
pub(crate) fn all(path: &str) -> Result<String, String> {
    let bytes = disk::read(path)?;
    Ok(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// The first lines.
///
/// # Errors
/// As a text that says what was refused, or that these lines are too many bytes.
pub(crate) fn head(path: &str, lines: f64) -> Result<String, String> {
    let mut file = disk::open(path)?;
    let (mut bytes, mut ends) = (Vec::new(), 0usize);
    let mut chunk = [0; CHUNK];
    while (ends as f64) < lines {
        let count = file.read(&mut chunk).map_err(|error| Fault::from(error).at("read"))?;
        if count == 0 {
            break;
        }
        ends += newlines(&chunk[..count]);
        bytes.extend_from_slice(&chunk[..count]);
        if bytes.len() as u64 > MAX_READ {
            return Err(disk::too_large(path));
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    let wanted = if lines > 0.0 { lines.ceil() as usize } else { 0 };
    // What stands behind the last line end is a line only if there is something.
    let lines = text.strip_suffix('\n').unwrap_or(&text).split('\n').take(wanted);
    Ok(if text.is_empty() { String::new() } else { lines.collect::<Vec<_>>().join("\n") })
}

/// The last lines. A line end at the end of the file begins one more, an empty one.
///
/// # Errors
/// As a text that says what was refused, or that these lines are too many bytes.
pub(crate) fn tail(path: &str, lines: f64) -> Result<String, String> {
    let stat = |error| Fault::from(error).at(&format!("stat '{path}'"));
    let mut place = fs::metadata(path).map_err(stat)?.len();
    if place == 0 {
        return Ok(String::new());
    }
    let mut file = disk::open(path)?;
    let read = |error| Fault::from(error).at("read");
    let (mut chunks, mut ends, mut size) = (Vec::new(), 0usize, 0);
    while place > 0 && (ends as f64) < lines {
        let count = place.min(CHUNK as u64);
        place -= count;
        let mut chunk = Vec::new();
        file.seek(SeekFrom::Start(place)).map_err(read)?;
        (&mut file).take(count).read_to_end(&mut chunk).map_err(read)?;
        ends += newlines(&chunk);
        size += count;
        chunks.push(chunk);
        if size > MAX_READ {
            return Err(disk::too_large(path));
        }
    }
    chunks.reverse();
    let text = unix_lines(&String::from_utf8_lossy(&chunks.concat()));
    let all: Vec<&str> = text.split('\n').collect();
    // As `slice(-lines)` does with fractions and negative numbers.
    let whole = lines.trunc() as i64;
    let first = if whole > 0 { all.len().saturating_sub(whole as usize) } else { whole.unsigned_abs() as usize };
    Ok(all.get(first..).unwrap_or_default().join("\n"))
}

fn newlines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: impl AsRef<[u8]>) -> (tempfile::TempDir, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, text).unwrap();
        let path = path.to_str().unwrap().to_owned();
        (folder, path)
    }

    #[test]
    fn the_first_lines() {
        let cases = [
            // text, lines, what is read
            ("a\nb\nc\n", 2.0, "a\nb"),
            ("a\nb\nc\n", 3.0, "a\nb\nc"),
            ("a\nb\nc\n", 9.0, "a\nb\nc"),
            ("a\nb", 9.0, "a\nb"),
            ("a\r\nb", 1.0, "a\r"),
            ("\n\na", 2.0, "\n"),
            ("\n", 5.0, ""),
            ("", 5.0, ""),
            ("a\nb\nc\n", 1.5, "a\nb"),
            ("a\nb\nc\n", -2.0, ""),
        ];
        for (text, lines, expected) in cases {
            let (_folder, path) = file(text);
            assert_eq!(head(&path, lines).unwrap(), expected, "{text:?} {lines}");
        }
    }

    #[test]
    fn the_last_lines() {
        let cases = [
            ("a\nb\nc\n", 2.0, "c\n"),
            ("a\nb\nc", 2.0, "b\nc"),
            ("a\nb\nc", 9.0, "a\nb\nc"),
            ("a\r\nb", 2.0, "a\nb"),
            ("a\nb", 0.5, "a\nb"),
            ("a\nb\nc", 1.5, "c"),
            ("a\nb", -1.0, ""),
            ("", 5.0, ""),
        ];
        for (text, lines, expected) in cases {
            let (_folder, path) = file(text);
            assert_eq!(tail(&path, lines).unwrap(), expected, "{text:?} {lines}");
        }
    }

    #[test]
    fn lines_longer_than_a_chunk_stay_whole() {
        let long = "é".repeat(3000);
        let (_folder, path) = file(format!("{long}\n{long}\n{long}"));
        assert_eq!(head(&path, 1.0).unwrap(), long);
        assert_eq!(tail(&path, 1.0).unwrap(), long);
    }

    #[test]
    fn what_is_not_utf_8_is_replaced() {
        let (_folder, path) = file([b'a', 0xff, b'\n', 0xe2, 0x82, b'b']);
        assert_eq!(all(&path).unwrap(), "a\u{fffd}\n\u{fffd}b");
        assert_eq!(head(&path, 1.0).unwrap(), "a\u{fffd}");
        assert_eq!(tail(&path, 1.0).unwrap(), "\u{fffd}b");
    }

    #[test]
    fn a_large_file_is_refused_unless_a_part_is_enough() {
        let (_folder, path) = file(format!("first\n{}\nlast", "x".repeat(6 << 20)));
        for refusal in [all(&path), head(&path, 2.0), tail(&path, 2.0)] {
            assert!(refusal.unwrap_err().starts_with("File too large: "));
        }
        assert_eq!((head(&path, 1.0).unwrap().as_str(), tail(&path, 1.0).unwrap().as_str()), ("first", "last"));
    }
}
