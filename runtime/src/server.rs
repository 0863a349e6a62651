//! A running server, and one client's line to it.

mod closing;

use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};

pub(crate) use self::closing::Closing;
use crate::executor::container::ContainerServer;
use crate::executor::remote::RemoteServer;
use crate::executor::wasm::{CommandServer, NativeServer};
use crate::message::{Answer, Json, Notification, Request, RpcError, code};
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

impl Card {
    /// Whether the server says that it writes log messages.
    pub fn offers_logging(&self) -> bool {
        self.capabilities.members().is_ok_and(|capabilities| capabilities.get("logging").is_some())
    }
}

/// Who opens a line to a server.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who is calling.
    pub principal: Principal,
    /// The session of an older client, which gets a connection of its own to a server of that era. All other clients of
    /// one principal share one.
    pub session: Option<ClientSession>,
}

/// What an older client said when its session began (MCP 2025-11-25, `InitializeRequestParams`).
#[derive(Debug, Clone)]
pub struct ClientSession {
    /// The revision that is spoken with it.
    pub revision: String,
    /// The object `clientInfo`.
    pub info: Json,
    /// The object `capabilities`.
    pub capabilities: Json,
}

impl From<Principal> for Caller {
    fn from(principal: Principal) -> Self {
        Self { principal, session: None }
    }
}

/// What a server of the older era says by itself, outside of any call.
#[derive(Debug)]
pub enum ServerMessage {
    /// Something that happened, as `notifications/tools/list_changed`.
    Notification(Notification),
    /// Something it wants to know of its client, as `elicitation/create`.
    Question(Question),
}

/// A request of a server to its client. Dropped without an answer, it is answered with an error.
#[derive(Debug)]
pub struct Question {
    /// What it asks for.
    pub request: Request,
    reply: oneshot::Sender<Result<Json, RpcError>>,
}

impl Question {
    /// A question, and where its answer arrives.
    pub fn new(request: Request) -> (Self, oneshot::Receiver<Result<Json, RpcError>>) {
        let (reply, answer) = oneshot::channel();
        (Self { request, reply }, answer)
    }

    /// Answers it. Where the server has gone, nobody hears it.
    pub fn answer(self, outcome: Result<Json, RpcError>) {
        let _ = self.reply.send(outcome);
    }
}

/// How an executor serves one caller.
pub(crate) trait Serve: Send + Sync {
    /// What the server says of itself, if that is known without asking it.
    fn known_card(&self) -> Option<Arc<Card>>;

    /// What the server says of itself. Connects to it first, where that is what it takes.
    fn card(&self) -> BoxFuture<'_, Result<Arc<Card>, RpcError>> {
        let card = self.known_card();
        Box::pin(async move { card.ok_or_else(|| RpcError::new(code::INTERNAL_ERROR, "the server is not there")) })
    }

    /// Starts the request and returns at once. It is of the era that the card says.
    fn call(&self, request: Request) -> Call;

    /// Passes on what a client says without asking, as `notifications/roots/list_changed`.
    fn notify(&self, _notification: Notification) {}

    /// What the server says outside of calls; nothing where it has no way to.
    fn messages(&self) -> Option<mpsc::Receiver<ServerMessage>> {
        None
    }
}

/// One client's line to a server. Whatever stands behind it is used for this principal alone.
#[derive(Clone)]
pub struct Link {
    principal: Principal,
    serve: Arc<dyn Serve>,
    closing: Closing,
}

impl Link {
    pub(crate) fn new(principal: Principal, serve: Arc<dyn Serve>) -> Self {
        Self { principal, serve, closing: Closing::default() }
    }

    /// A link to a function, which answers on a task of its own: for tests of what stands in front of links.
    pub fn to_function<F>(card: Card, principal: Principal, answer: F) -> Self
    where
        F: Fn(Request, mpsc::UnboundedSender<Answer>) + Send + Sync + 'static,
    {
        let (_, nothing) = mpsc::channel(1);
        Self::to_speaking_function(card, principal, nothing, answer)
    }

    /// As [`to_function`](Self::to_function), for a server that also says `messages` by itself.
    pub fn to_speaking_function<F>(
        card: Card,
        principal: Principal,
        messages: mpsc::Receiver<ServerMessage>,
        answer: F,
    ) -> Self
    where
        F: Fn(Request, mpsc::UnboundedSender<Answer>) + Send + Sync + 'static,
    {
        struct Function<F> {
            card: Arc<Card>,
            messages: Mutex<Option<mpsc::Receiver<ServerMessage>>>,
            answer: F,
        }
        impl<F: Fn(Request, mpsc::UnboundedSender<Answer>) + Send + Sync> Serve for Function<F> {
            fn known_card(&self) -> Option<Arc<Card>> {
                Some(Arc::clone(&self.card))
            }

            fn call(&self, request: Request) -> Call {
                let (sender, answers) = mpsc::unbounded_channel();
                (self.answer)(request, sender);
                Call::new(answers, || ())
            }

            fn notify(&self, notification: Notification) {
                let Notification { method, params } = notification;
                drop(self.call(Request { method, params }));
            }

            fn messages(&self) -> Option<mpsc::Receiver<ServerMessage>> {
                self.messages.lock().unwrap_or_else(PoisonError::into_inner).take()
            }
        }
        let messages = Mutex::new(Some(messages));
        Self::new(principal, Arc::new(Function { card: Arc::new(card), messages, answer }))
    }

    /// What the server says of itself, if that is known without asking it.
    pub fn known_card(&self) -> Option<Arc<Card>> {
        self.serve.known_card()
    }

    /// What the server says of itself. A container is started for it, a remote server connected to.
    ///
    /// # Errors
    /// Where the server cannot be reached, or does not introduce itself.
    pub async fn card(&self) -> Result<Arc<Card>, RpcError> {
        self.closing.or_closed(self.serve.card()).await
    }

    /// Whose line it is.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Sends a request and returns at once; needs no async context. It has to be of the era that the card says.
    pub fn call(&self, request: Request) -> Call {
        if let Err(closed) = self.closing.check() {
            return Call::answered(closed);
        }
        let mut call = self.serve.call(request);
        call.closing = Some(self.closing.clone());
        call
    }

    /// Passes on what a client says without asking. Servers of the newer era are told nothing this way.
    pub fn notify(&self, notification: Notification) {
        if self.closing.check().is_ok() {
            self.serve.notify(notification);
        }
    }

    /// What the server says outside of calls, from now on; nothing where it has no way to.
    pub fn messages(&self) -> Option<mpsc::Receiver<ServerMessage>> {
        self.serve.messages()
    }
}

/// A request on its way. Dropping it cancels the work.
pub struct Call {
    answers: mpsc::UnboundedReceiver<Answer>,
    cancel: Option<Box<dyn FnOnce() + Send>>,
    /// Whether the server was closed meanwhile, where somebody could.
    closing: Option<Closing>,
}

impl Call {
    pub(crate) fn new(answers: mpsc::UnboundedReceiver<Answer>, cancel: impl FnOnce() + Send + 'static) -> Self {
        Self { answers, cancel: Some(Box::new(cancel)), closing: None }
    }

    /// One that nobody works on.
    fn answered(error: RpcError) -> Self {
        let (answer, answers) = mpsc::unbounded_channel();
        let _ = answer.send(Answer::Done(Err(error)));
        Self::new(answers, || ())
    }

    /// Whether an answer is there already.
    pub fn has_answer(&self) -> bool {
        !self.answers.is_empty()
    }

    /// The next answer; nothing after [`Answer::Done`].
    pub async fn next(&mut self) -> Option<Answer> {
        self.cancel.as_ref()?;
        let closing = self.closing.clone();
        let closed = async {
            match &closing {
                Some(closing) => closing.closed().await,
                None => pending().await,
            }
        };
        let answer = tokio::select! {
            biased;
            // What it has answered already does not come through either.
            closed = closed => {
                self.cancel.take().into_iter().for_each(|cancel| cancel());
                Answer::Done(Err(closed))
            }
            answer = self.answers.recv() => answer.unwrap_or_else(|| {
                let message = "the server ended without an answer";
                Answer::Done(Err(RpcError::new(code::INTERNAL_ERROR, message)))
            }),
        };
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
pub struct Server {
    executor: Executor,
    closing: Closing,
}

enum Executor {
    Native(NativeServer),
    Command(CommandServer),
    Container(ContainerServer),
    Remote(RemoteServer),
    /// For tests of what stands in front of servers.
    Fake(Box<dyn Fn(Caller) -> Link + Send + Sync>),
}

impl Server {
    pub(crate) fn native(server: NativeServer) -> Self {
        Self::of(Executor::Native(server))
    }

    pub(crate) fn command(server: CommandServer) -> Self {
        Self::of(Executor::Command(server))
    }

    pub(crate) fn container(server: ContainerServer) -> Self {
        Self::of(Executor::Container(server))
    }

    pub(crate) fn remote(server: RemoteServer) -> Self {
        Self::of(Executor::Remote(server))
    }

    fn of(executor: Executor) -> Self {
        Self { executor, closing: Closing::default() }
    }

    /// A server whose lines a function makes: for tests of what stands in front of servers.
    pub fn of_links(open: impl Fn(Caller) -> Link + Send + Sync + 'static) -> Self {
        Self::of(Executor::Fake(Box::new(open)))
    }

    /// A line to the server for one client.
    pub fn open(&self, caller: impl Into<Caller>) -> Link {
        let caller = caller.into();
        let link = match &self.executor {
            Executor::Native(server) => server.open(caller.principal),
            Executor::Command(server) => server.open(caller),
            Executor::Container(server) => server.open(caller),
            Executor::Remote(server) => server.open(caller),
            Executor::Fake(open) => open(caller),
        };
        Link { closing: self.closing.clone(), ..link }
    }

    /// Ends all that runs of it and every call, whoever has a line to it, and starts nothing of it any more.
    pub fn close(&self, reason: &str) {
        self.closing.close(reason);
        match &self.executor {
            Executor::Command(server) => server.close(reason),
            Executor::Container(server) => server.close(reason),
            Executor::Remote(server) => server.close(reason),
            // What runs of these runs for a call, and ends with it.
            Executor::Native(_) | Executor::Fake(_) => {}
        }
    }
}
