//! Messages as lines.

use std::io::{self, BufWriter, Write};

use tokio::sync::mpsc;

use super::super::one_line::OneLine;
use super::patient::Patient;
use crate::session::Outgoing;

/// Small messages are written together, up to this many bytes; larger ones are not copied.
const TOGETHER: usize = 64 << 10;

/// Writes messages until there are no more. It blocks its thread while the client does not read: what would be written
/// next then stays where it is.
pub(super) async fn write(mut messages: mpsc::Receiver<Outgoing>, output: impl Write) -> io::Result<()> {
    let mut output = BufWriter::with_capacity(TOGETHER, Patient(output));
    while let Some(message) = messages.recv().await {
        write_line(&mut output, &message)?;
        while let Ok(message) = messages.try_recv() {
            write_line(&mut output, &message)?;
        }
        output.flush()?;
    }
    Ok(())
}

fn write_line(output: &mut impl Write, message: &Outgoing) -> io::Result<()> {
    serde_json::to_writer(OneLine(&mut *output), message)?;
    output.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use lockgate_runtime::message::{Id, Json, Message};

    use super::*;

    #[test]
    fn a_message_is_one_line_whatever_line_breaks_it_came_with() {
        let result = Json::parse("{\r\n  \"a\": \"x\\ny\"\n}").unwrap();
        let message = Message::Response { id: Some(Id::of("1")), outcome: Ok(result) };
        let mut line = Vec::new();
        write_line(&mut line, &message.into()).unwrap();
        let line = String::from_utf8(line).unwrap();
        assert_eq!(line, "{\"jsonrpc\":\"2.0\",\"id\":\"1\",\"result\":{    \"a\": \"x\\ny\" }}\n");
    }
}
