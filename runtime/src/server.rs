//! A running server, and one client's line to it.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::executor::wasm::NativeServer;
use crate::message::{Answer, Json, Request, RpcError, code};
use crate::principal::Principal;

/// The revisions of MCP that a server speaks. Only the gateway's sessions translate between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Era {
    /// Up to 2025-11-25: a session that starts with `initialize`.
    Legacy,
    /// From 2026-07-28 on: every request stands for itself.
    Modern,
}

/// What a server says of itself; the same for every caller.
#[derive(Debug, Clone)]
pub struct Card {
    /// The revisions it speaks.
    pub era: Era,
    /// The object `serverInfo` (MCP schema, `Implementation`).
    pub server_info: Json,
    /// The object `capabilities` (MCP schema, `ServerCapabilities`).
    pub capabilities: Json,
    /// How to use the server, for a model.
    pub instructions: Option<String>,
}

/// How an executor serves the calls of one principal.
pub(crate) trait Serve: Send + Sync {
    /// Starts the request and returns at once.
    fn call(&self, request: Request) -> Call;
}

/// One client's line to a server. Whatever stands behind it is used for this principal alone.
#[derive(Clone)]
pub struct Link {
    card: Arc<Card>,
    principal: Principal,
    serve: Arc<dyn Serve>,
}

impl Link {
    pub(crate) fn new(card: Arc<Card>, principal: Principal, serve: Arc<dyn Serve>) -> Self {
        Self { card, principal, serve }
    }

    /// A link to a function, which answers on a task of its own: for tests of what stands in front of links.
    pub fn to_function<F>(card: Card, principal: Principal, answer: F) -> Self
    where
        F: Fn(Request, mpsc::UnboundedSender<Answer>) + Send + Sync + 'static,
    {
        struct Function<F>(F);
        impl<F: Fn(Request, mpsc::UnboundedSender<Answer>) + Send + Sync> Serve for Function<F> {
            fn call(&self, request: Request) -> Call {
                let (sender, answers) = mpsc::unbounded_channel();
                (self.0)(request, sender);
                Call::new(answers, || ())
            }
        }
        Self::new(Arc::new(card), principal, Arc::new(Function(answer)))
    }

    /// What the server says of itself.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// Whose line it is.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Sends a request and returns at once; needs no async context.
    pub fn call(&self, request: Request) -> Call {
        self.serve.call(request)
    }
}

/// A request on its way. Dropping it cancels the work.
pub struct Call {
    answers: mpsc::UnboundedReceiver<Answer>,
    cancel: Option<Box<dyn FnOnce() + Send>>,
}

impl Call {
    pub(crate) fn new(answers: mpsc::UnboundedReceiver<Answer>, cancel: impl FnOnce() + Send + 'static) -> Self {
        Self { answers, cancel: Some(Box::new(cancel)) }
    }

    /// Whether an answer is there already.
    pub fn has_answer(&self) -> bool {
        !self.answers.is_empty()
    }

    /// The next answer; nothing after [`Answer::Done`].
    pub async fn next(&mut self) -> Option<Answer> {
        self.cancel.as_ref()?;
        let answer = self.answers.recv().await.unwrap_or_else(|| {
            let message = "the server ended without an answer";
            Answer::Done(Err(RpcError::new(code::INTERNAL_ERROR, message)))
        });
        if matches!(answer, Answer::Done(_)) {
            self.cancel = None;
        }
        Some(answer)
    }

    /// Waits for the end, and drops what is said on the way.
    ///
    /// # Errors
    /// What the server, or the way to it, answered instead of a result.
    pub async fn outcome(mut self) -> Result<Json, RpcError> {
        loop {
            match self.next().await {
                Some(Answer::Done(outcome)) => return outcome,
                Some(Answer::Notification(_)) => {}
                None => return Err(RpcError::new(code::INTERNAL_ERROR, "the call was already answered")),
            }
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Some(cancel) = self.cancel.take() {
            cancel();
        }
    }
}

/// A server that runs. It never asks who a client is: its links do.
pub struct Server(Executor);

enum Executor {
    Native(NativeServer),
}

impl Server {
    pub(crate) fn native(server: NativeServer) -> Self {
        Self(Executor::Native(server))
    }

    /// What the server says of itself.
    pub fn card(&self) -> &Card {
        match &self.0 {
            Executor::Native(server) => server.card(),
        }
    }

    /// A line to the server for one principal.
    pub fn open(&self, principal: Principal) -> Link {
        match &self.0 {
            Executor::Native(server) => server.open(principal),
        }
    }
}
