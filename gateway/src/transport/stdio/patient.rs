//! Streams that somebody else may have made non-blocking.

use std::io::{self, ErrorKind, Read, Write};
use std::thread;
use std::time::Duration;

/// How long to wait before trying again.
const PAUSE: Duration = Duration::from_millis(1);

/// Waits where the stream says it would have to. A descriptor that was inherited shares its flags with other processes,
/// as the shell and what ran before in the same terminal; they are theirs as well, and are left as they are.
pub(super) struct Patient<T>(pub(super) T);

impl<R: Read> Read for Patient<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        patiently(|| self.0.read(buffer))
    }
}

impl<W: Write> Write for Patient<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        patiently(|| self.0.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        patiently(|| self.0.flush())
    }
}

fn patiently<T>(mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match attempt() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(PAUSE),
            done => return done,
        }
    }
}
