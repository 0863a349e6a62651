//! Lines of bounded length.

use std::io::{self, BufRead, BufReader, Read};

use super::super::MAX_MESSAGE;
use super::patient::Patient;

/// The longest line that is read, in bytes.
pub(super) const MAX_LINE: usize = MAX_MESSAGE;

/// How much is asked of the system at once.
const CHUNK: usize = 64 << 10;

/// What stands in one line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// The line without its end. It is not blank.
    Text(Vec<u8>),
    /// More than [`MAX_LINE`] bytes, which were thrown away.
    TooLong,
}

/// Reads lines. They end in `\n`, before which there may be a `\r`; the last one may have no end.
pub(super) struct Lines<R>(BufReader<Patient<R>>);

impl<R: Read> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self(BufReader::with_capacity(CHUNK, Patient(input)))
    }

    /// The next line that is not blank; nothing where there are no more.
    pub(super) fn next(&mut self) -> io::Result<Option<Line>> {
        loop {
            match self.any()? {
                Some(Line::Text(text)) if text.trim_ascii().is_empty() => {}
                line => return Ok(line),
            }
        }
    }

    fn any(&mut self) -> io::Result<Option<Line>> {
        let mut text = Vec::new();
        // One byte more than is allowed, so that the end of the longest line is still seen, and its `\r`.
        let limit = MAX_LINE as u64 + 2;
        if self.0.by_ref().take(limit).read_until(b'\n', &mut text)? == 0 {
            return Ok(None);
        }
        if text.last() == Some(&b'\n') {
            text.pop();
        } else if text.len() > MAX_LINE {
            drop(text);
            self.0.skip_until(b'\n')?;
            return Ok(Some(Line::TooLong));
        }
        if text.last() == Some(&b'\r') {
            text.pop();
        }
        Ok(Some(if text.len() > MAX_LINE { Line::TooLong } else { Line::Text(text) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(input: impl Read) -> Vec<Line> {
        let mut lines = Lines::new(input);
        std::iter::from_fn(|| lines.next().unwrap()).collect()
    }

    fn text(text: &str) -> Line {
        Line::Text(text.as_bytes().to_vec())
    }

    #[test]
    fn lines_end_in_a_line_feed_with_or_without_a_carriage_return_or_with_the_input() {
        assert_eq!(lines(&b"a\nb\r\nc"[..]), [text("a"), text("b"), text("c")]);
        assert_eq!(lines(&b"a\rb\n"[..]), [text("a\rb")]);
    }

    #[test]
    fn blank_lines_are_skipped() {
        assert_eq!(lines(&b"\n\r\n  \t\na\n\n"[..]), [text("a")]);
        assert_eq!(lines(&b""[..]), []);
    }

    #[test]
    fn a_line_of_the_greatest_length_is_read_and_a_longer_one_skipped() {
        let longest = vec![b'x'; MAX_LINE];
        for end in [&b"\n"[..], b"\r\n", b""] {
            assert_eq!(lines(longest.chain(end)), [Line::Text(longest.clone())], "{end:?}");
            assert_eq!(lines(longest.chain(&b"x"[..]).chain(end)), [Line::TooLong], "{end:?}");
        }
    }

    #[test]
    fn a_line_of_100_mib_is_thrown_away_as_it_comes_and_the_next_is_read() {
        let input = io::repeat(b'x').take(100 << 20).chain(&b"\nnext\n"[..]);
        assert_eq!(lines(input), [Line::TooLong, text("next")]);
    }

    #[test]
    fn an_input_that_comes_byte_by_byte_is_read_alike() {
        /// Gives one byte at a time, and now and then says that there is none yet.
        struct Dripping(Vec<u8>, bool);
        impl Read for Dripping {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.1 = !self.1;
                match (self.1, self.0.is_empty()) {
                    (true, _) => Err(io::ErrorKind::WouldBlock.into()),
                    (false, true) => Ok(0),
                    (false, false) => {
                        buffer[0] = self.0.remove(0);
                        Ok(1)
                    }
                }
            }
        }
        assert_eq!(lines(Dripping(b"ab\r\n\nc".to_vec(), false)), [text("ab"), text("c")]);
    }
}
