//! JSON without line breaks.

use std::io::{self, Write};

/// Keeps JSON on one line. A text that passes through may have line breaks; JSON has them only where it may as well
/// have spaces.
pub(super) struct OneLine<W>(pub(super) W);

impl<W: Write> Write for OneLine<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            None => self.0.write(bytes),
            Some(0) => self.0.write(b" "),
            Some(line_break) => self.0.write(&bytes[..line_break]),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
