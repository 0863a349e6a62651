//! Servers that are closed while others have lines to them.

use std::sync::Arc;

use tokio::sync::watch;

use crate::message::{RpcError, code};

/// Whether a server was closed, and why. All clones are of the same server.
#[derive(Clone, Default)]
pub(crate) struct Closing(Arc<watch::Sender<Option<Arc<str>>>>);

impl Closing {
    /// Closes the server, for good.
    pub(crate) fn close(&self, reason: &str) {
        self.0.send_if_modified(|closed| {
            let is_first = closed.is_none();
            closed.get_or_insert_with(|| reason.into());
            is_first
        });
    }

    /// # Errors
    /// Once it is closed.
    pub(crate) fn check(&self) -> Result<(), RpcError> {
        self.0.borrow().as_deref().map_or(Ok(()), |reason| Err(closed(reason)))
    }

    /// Waits until it is closed. That is what everybody is answered who still wants something.
    pub(crate) async fn closed(&self) -> RpcError {
        let mut closing = self.0.subscribe();
        let reason = closing.wait_for(Option::is_some).await;
        // The sender lives as long as this does.
        closed(reason.ok().as_deref().and_then(Option::as_deref).unwrap_or_default())
    }

    /// Gives up on `work` when it is closed.
    ///
    /// # Errors
    /// As `work`, or where it is closed before.
    pub(crate) async fn or_closed<T>(&self, work: impl Future<Output = Result<T, RpcError>>) -> Result<T, RpcError> {
        tokio::select! {
            biased;
            closed = self.closed() => Err(closed),
            done = work => done,
        }
    }
}

fn closed(reason: &str) -> RpcError {
    RpcError::new(code::INTERNAL_ERROR, format!("the server was taken away: {reason}"))
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use crate::message::{Answer, Json, Request};
    use crate::principal::Principal;
    use crate::server::{Card, Era, Link, Server};

    fn request() -> Request {
        Request { method: "tools/call".to_owned(), params: Json::empty_object() }
    }

    #[tokio::test]
    async fn nothing_of_a_server_comes_through_once_it_is_closed() {
        let (asked, mut calls) = mpsc::unbounded_channel();
        let server = Server::of_links(move |caller| {
            let card = Card {
                era: Era::Modern,
                server_info: Json::empty_object(),
                capabilities: Json::empty_object(),
                instructions: None,
            };
            let asked = asked.clone();
            Link::to_function(card, caller.principal, move |_, answers| drop(asked.send(answers)))
        });
        let link = server.open(Principal::local());
        let [waiting, answered] = [(); 2].map(|()| link.call(request()));
        let (_waiting, answers) = (calls.recv().await.unwrap(), calls.recv().await.unwrap());
        answers.send(Answer::Done(Ok(Json::empty_object()))).unwrap();
        server.close("it is denied");
        server.close("it is denied twice");
        for call in [waiting, answered, link.call(request()), server.open(Principal::local()).call(request())] {
            assert_eq!(call.outcome().await.unwrap_err().message, "the server was taken away: it is denied");
        }
        assert!(link.card().await.is_err());
        assert!(calls.try_recv().is_err(), "it was asked something more");
    }
}
