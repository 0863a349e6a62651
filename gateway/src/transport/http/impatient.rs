//! A connection that does not wait for ever until somebody reads.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// How long nothing may be read of what is written.
const WRITE_TIME: Duration = Duration::from_secs(30);

/// Breaks off where the other side does not read.
pub(super) struct Impatient<T> {
    stream: T,
    time: Duration,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<T> Impatient<T> {
    pub(super) fn new(stream: T) -> Self {
        Self { stream, time: WRITE_TIME, waiting: None }
    }

    /// What became of an attempt to write, unless it took too long.
    fn timed<R>(&mut self, context: &mut Context<'_>, attempt: Poll<io::Result<R>>) -> Poll<io::Result<R>> {
        if attempt.is_ready() {
            self.waiting = None;
            return attempt;
        }
        let time = self.time;
        ready!(self.waiting.get_or_insert_with(|| Box::pin(sleep(time))).as_mut().poll(context));
        self.waiting = None;
        Poll::Ready(Err(ErrorKind::TimedOut.into()))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Impatient<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Impatient<T> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let attempt = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.timed(context, attempt)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let attempt = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.timed(context, attempt)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn writing_breaks_off_where_nobody_reads_and_goes_on_where_somebody_does() {
        let (mut reader, writer) = duplex(4);
        let mut writer = Impatient { stream: writer, time: Duration::from_millis(50), waiting: None };
        writer.write_all(b"1234").await.unwrap();
        assert_eq!(writer.write_all(b"5").await.unwrap_err().kind(), ErrorKind::TimedOut);
        let reading = tokio::spawn(async move {
            let mut read = [0; 8];
            reader.read_exact(&mut read).await.unwrap();
            read
        });
        writer.write_all(b"5678").await.unwrap();
        assert_eq!(reading.await.unwrap(), *b"12345678");
    }
}
