//! Messages as events of a stream (HTML, "Server-sent events").

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream::unfold;

use super::super::one_line::OneLine;
use crate::session::Outgoing;

/// The events of one answer, as text.
pub(super) type Events = Pin<Box<dyn Stream<Item = Bytes> + Send>>;

/// After how long without a message something else is sent: clients give up streams that say nothing for minutes.
pub(super) const QUIET: Duration = Duration::from_secs(30);

/// What comes next in a stream.
pub(super) enum Next {
    /// A message.
    Message(Outgoing),
    /// Nothing, for [`QUIET`].
    Nothing,
}

/// A stream of what `next` gives, until it gives nothing.
pub(super) fn events<S, F>(state: S, next: impl FnMut(S) -> F + Send + 'static) -> Events
where
    S: Send + 'static,
    F: Future<Output = Option<(Next, S)>> + Send + 'static,
{
    let mut next = next;
    Box::pin(unfold(state, move |state| {
        let next = next(state);
        async move { next.await.map(|(next, state)| (text(&next), state)) }
    }))
}

fn text(next: &Next) -> Bytes {
    match next {
        Next::Nothing => Bytes::from_static(b":\n\n"),
        Next::Message(message) => {
            let mut text = b"event: message\ndata: ".to_vec();
            // Memory takes all, and nothing of ours cannot be written.
            let _ = serde_json::to_writer(OneLine(&mut text), message);
            text.extend_from_slice(b"\n\n");
            text.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use lockgate_runtime::message::{Id, Json, Message};

    use super::*;

    #[test]
    fn a_message_is_one_event_whatever_line_breaks_it_came_with() {
        let result = Json::parse("{\r\n\n\"event\": \"\\ndata: x\"\r}").unwrap();
        let message = Message::Response { id: Some(Id::of("1")), outcome: Ok(result) };
        let text = text(&Next::Message(message.into()));
        let expected =
            "event: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":\"1\",\"result\":{   \"event\": \"\\ndata: x\" }}\n\n";
        assert_eq!(text, expected);
    }
}
