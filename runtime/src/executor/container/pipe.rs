//! A container's streams as a connection: one message a line (MCP, "stdio").

use std::pin::Pin;
use std::time::Duration;

use bollard::container::LogOutput;
use futures_util::StreamExt;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::engine::Streams;
use super::log::GuestLog;
use super::tenancy::{Container, GRACE};
use crate::executor::peer::Connection;
use crate::message::{Incoming, Message, Refusal};

/// The longest message that is read, in bytes.
const MAX_LINE: usize = 16 << 20;

/// How many messages wait, in either direction.
const WAITING: usize = 4;

/// How long to wait for the exit code of a container whose output has ended.
const EXIT_TIME: Duration = Duration::from_secs(3);

/// A running container. Whoever lets go of the connection ends it.
pub(super) struct Pipe {
    pub(super) container: Container,
    pub(super) streams: Streams,
    pub(super) exit: JoinHandle<Option<i64>>,
    pub(super) log: GuestLog,
}

impl Pipe {
    /// The connection. Needs the threads of containers.
    pub(super) fn open(self) -> Connection {
        let (outgoing, messages) = mpsc::channel(WAITING);
        let (says, incoming) = mpsc::channel(WAITING);
        let (end, reason) = oneshot::channel();
        tokio::spawn(self.run(messages, says, end));
        Connection { outgoing, incoming, end: reason }
    }

    async fn run(self, messages: mpsc::Receiver<Message>, says: mpsc::Sender<Incoming>, end: oneshot::Sender<String>) {
        let Self { container, streams: Streams { mut output, input }, mut exit, log } = self;
        let writing = Writing(tokio::spawn(write(messages, input)));
        let reading = async {
            let mut lines = Lines::default();
            while let Some(Ok(part)) = output.next().await {
                match part {
                    LogOutput::StdOut { message } | LogOutput::Console { message } => {
                        for line in lines.take(&message) {
                            // The peer has gone: the other branch is ready, too.
                            let Some(incoming) = read(line, &log) else { continue };
                            if says.send(incoming).await.is_err() {
                                return;
                            }
                        }
                    }
                    LogOutput::StdErr { message } => log.stderr(&message),
                    LogOutput::StdIn { .. } => {}
                }
            }
        };
        let ended = tokio::select! {
            () = reading => true,
            () = says.closed() => false,
            () = container.tenancy().closing() => false,
        };
        // With the connection, its stdin ends.
        drop((writing, output));
        let code = tokio::time::timeout(if ended { EXIT_TIME } else { GRACE }, &mut exit).await;
        exit.abort();
        if ended {
            let code = code.ok().and_then(Result::ok).flatten();
            let _ = end.send(with_last_words(&reason(code), &log));
        }
    }
}

/// Writes until the pipe is dropped.
struct Writing(JoinHandle<()>);

impl Drop for Writing {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn write(mut messages: mpsc::Receiver<Message>, mut input: Pin<Box<dyn AsyncWrite + Send>>) {
    while let Some(message) = messages.recv().await {
        // A message of ours is always written.
        let Ok(mut line) = serde_json::to_vec(&message) else { continue };
        // JSON has line breaks only where it may as well have spaces.
        line.iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
        line.push(b'\n');
        if input.write_all(&line).await.is_err() || input.flush().await.is_err() {
            // Its stdin is closed: its output says whether it has ended.
            return;
        }
    }
}

/// What a line says; nothing where it is no message.
fn read(line: Line, log: &GuestLog) -> Option<Incoming> {
    let Line::Text(text) = line else {
        log.noise(format!("(a line of more than {} MiB was skipped)", MAX_LINE >> 20).as_bytes());
        return None;
    };
    match Incoming::parse(&text) {
        Incoming::Refused(Refusal { id: None, .. }) => {
            log.noise(&text);
            None
        }
        incoming => Some(incoming),
    }
}

fn reason(code: Option<i64>) -> String {
    match code {
        // The engine removes it at once, and with it the word on why it was killed.
        Some(137) => {
            "its container was killed, as it is when it runs out of memory; `--memory` raises the limit".into()
        }
        Some(code) => format!("its container exited with code {code}"),
        None => "the engine let go of its container".to_owned(),
    }
}

/// Adds what the container wrote last.
pub(super) fn with_last_words(reason: &str, log: &GuestLog) -> String {
    match log.last_words() {
        Some(words) => format!("{reason}; it wrote last:\n  {words}"),
        None => reason.to_owned(),
    }
}

/// Puts lines together from parts.
#[derive(Default)]
struct Lines {
    begun: Vec<u8>,
    too_long: bool,
}

enum Line {
    /// Without its end. It is not blank.
    Text(Vec<u8>),
    /// More than [`MAX_LINE`] bytes, which were thrown away.
    TooLong,
}

impl Lines {
    /// The lines that end in this part.
    fn take(&mut self, mut part: &[u8]) -> Vec<Line> {
        let mut lines = Vec::new();
        while let Some(end) = part.iter().position(|&byte| byte == b'\n') {
            self.add(&part[..end]);
            part = &part[end + 1..];
            let text = std::mem::take(&mut self.begun);
            if std::mem::take(&mut self.too_long) {
                lines.push(Line::TooLong);
            } else if !text.trim_ascii().is_empty() {
                lines.push(Line::Text(text));
            }
        }
        self.add(part);
        lines
    }

    fn add(&mut self, bytes: &[u8]) {
        if self.too_long || self.begun.len() + bytes.len() > MAX_LINE {
            self.begun = Vec::new();
            self.too_long = true;
        } else {
            self.begun.extend_from_slice(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(parts: &[&[u8]]) -> Vec<Option<Vec<u8>>> {
        let mut lines = Lines::default();
        let all = parts.iter().flat_map(|part| lines.take(part));
        all.map(|line| if let Line::Text(text) = line { Some(text) } else { None }).collect()
    }

    fn text(text: &str) -> Option<Vec<u8>> {
        Some(text.as_bytes().to_vec())
    }

    #[test]
    fn lines_are_put_together_from_parts() {
        assert_eq!(lines(&[b"a\nb", b"c\n\n \t\nd", b"\n", b"e"]), [text("a"), text("bc"), text("d")]);
    }

    #[test]
    fn a_line_that_is_too_long_is_thrown_away_as_it_comes() {
        let chunk = vec![b'x'; 1 << 20];
        let mut parts: Vec<&[u8]> = vec![&chunk; 17];
        parts.push(b"\nnext\n");
        assert_eq!(lines(&parts), [None, text("next")]);
        let mut longest: Vec<&[u8]> = vec![&chunk; 16];
        longest.push(b"\n");
        assert_eq!(lines(&longest)[0].as_ref().unwrap().len(), MAX_LINE);
    }

    proptest::proptest! {
        #[test]
        fn however_it_is_cut_the_lines_are_the_same(bytes in "[a\n ]{0,40}", cut in 0usize..40) {
            let bytes = bytes.as_bytes();
            let (front, back) = bytes.split_at(cut.min(bytes.len()));
            proptest::prop_assert_eq!(lines(&[bytes]), lines(&[front, back]));
        }
    }
}
