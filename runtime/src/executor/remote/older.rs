//! Servers of MCP 2025-11-25 and before: the messages of one session go over many exchanges. Here they become the two
//! ends of one connection.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;
use tokio::sync::{Mutex as AsyncMutex, Semaphore, mpsc, oneshot};
use tokio::task::{AbortHandle, JoinSet};

use super::endpoint::{Endpoint, Reply};
use super::failure::Failure;
use super::messages::Messages;
use super::sessions::OpenSession;
use super::{Site, headers};
use crate::executor::peer::{CallLimits, Connect, Connection, Listeners, Peer};
use crate::message::{Id, Incoming, Json, Message, Notification, Request, RpcError, code};
use crate::principal::Principal;
use crate::server::ClientSession;

/// How many messages wait at either end of a connection.
const WAITING: usize = 16;

/// How many notifications and answers are on their way at a time. A server that takes none holds up itself alone.
const MAX_ASIDE: usize = 16;

/// How long a server may take to take a notification or an answer.
const ASIDE_TIME: Duration = Duration::from_secs(10);

/// How long a server may take to hear that a session is over.
const FAREWELL: Duration = Duration::from_secs(2);

/// How long to wait before a stream is opened again, where the server does not say.
const RETRY: Duration = Duration::from_secs(1);

/// The shortest and the longest time to wait before that, whatever the server says.
const RETRY_BOUNDS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(60));

/// How often resuming an answer may fail.
const MAX_FAILURES: u32 = 3;

/// Connects to a server of this era.
pub(super) struct Older(pub(super) Arc<Site>);

impl Connect for Older {
    fn connect(
        self: Arc<Self>,
        principal: Principal,
        session: Option<ClientSession>,
        listeners: Arc<Listeners>,
    ) -> BoxFuture<'static, Result<Peer, RpcError>> {
        Box::pin(async move {
            let site = Arc::clone(&self.0);
            let account = site.account(&principal);
            let endpoint = account.endpoint(&site);
            let (outgoing, to_send) = mpsc::channel(WAITING);
            let (received, incoming) = mpsc::channel(WAITING);
            // The connection ends with the peer alone: what goes wrong, goes wrong for single messages.
            let (_never, end) = oneshot::channel();
            let carrier = Carrier {
                endpoint,
                received,
                session: Mutex::default(),
                renewing: AsyncMutex::default(),
                site: Arc::clone(&site),
            };
            site.threads.spawn(Arc::new(carrier).run(to_send));
            let connection = Connection { outgoing, incoming, end };
            let limits = CallLimits { time: site.time, output: site.output, concurrency: site.concurrency };
            let peer = Peer::connect(connection, session.as_ref(), limits, listeners);
            peer.await.map_err(|error| RpcError::new(code::INTERNAL_ERROR, error.to_string()))
        })
    }
}

/// Carries the messages of one session.
struct Carrier {
    endpoint: Arc<Endpoint>,
    received: mpsc::Sender<Incoming>,
    session: Mutex<Session>,
    /// Held while a lost session is begun again.
    renewing: AsyncMutex<()>,
    site: Arc<Site>,
}

/// What the server knows a session by.
#[derive(Default, Clone)]
struct Session {
    /// How often it was begun.
    generation: u64,
    /// Its id; some servers give none.
    id: Option<HeaderValue>,
    /// The revision that is spoken in it.
    revision: Option<HeaderValue>,
    /// What began it.
    initialize: Option<Request>,
}

impl Carrier {
    /// Carries messages until the peer has no more.
    async fn run(self: Arc<Self>, mut to_send: mpsc::Receiver<Message>) {
        // All that is under way ends with these.
        let mut exchanges = JoinSet::new();
        let mut requests: HashMap<Id, AbortHandle> = HashMap::new();
        let aside = Arc::new(Semaphore::new(MAX_ASIDE));
        let open = self.site.sessions.begin();
        while let Some(message) = next(&mut to_send, &open).await {
            while exchanges.try_join_next().is_some() {}
            requests.retain(|_, exchange| !exchange.is_finished());
            let carrier = Arc::clone(&self);
            match message {
                Message::Request { id, request } => {
                    let exchange = exchanges.spawn(carrier.request(id.clone(), request));
                    requests.insert(id, exchange);
                }
                Message::Notification(notification) if notification.method == "notifications/initialized" => {
                    // The server may refuse requests before it has heard this.
                    carrier.aside(&Message::Notification(notification)).await;
                    exchanges.spawn(carrier.listen());
                }
                message => {
                    if let Some(exchange) = cancelled(&message).and_then(|id| requests.remove(&id)) {
                        exchange.abort();
                    }
                    // Never closed.
                    let permit = Arc::clone(&aside).acquire_owned().await;
                    exchanges.spawn(async move {
                        carrier.aside(&message).await;
                        drop(permit);
                    });
                }
            }
        }
        exchanges.shutdown().await;
        self.end().await;
    }

    /// Sends a notification or an answer. Where the server does not take it, there is nobody to tell.
    async fn aside(&self, message: &Message) {
        let headers = self.session().headers();
        let _ = tokio::time::timeout(ASIDE_TIME, self.endpoint.post(headers, message, 0)).await;
    }

    /// Sends a request, and passes on all that comes back for it. Its answer comes in any case.
    async fn request(self: Arc<Self>, id: Id, request: Request) {
        if let Err(failure) = self.exchange(&id, &request).await {
            let outcome = Err(failure.into_rpc_error(&self.site.about()));
            self.pass_on(Message::Response { id: Some(id), outcome }).await;
        }
    }

    async fn exchange(&self, id: &Id, request: &Request) -> Result<(), Failure> {
        let message = Message::Request { id: id.clone(), request: request.clone() };
        if request.method == "initialize" {
            let (session, outcome) = self.initialize(&message).await?;
            *self.session() = Session { initialize: Some(request.clone()), ..session };
            self.pass_on(Message::Response { id: Some(id.clone()), outcome }).await;
            return Ok(());
        }
        let session = self.session().clone();
        let reply = match self.endpoint.post(session.headers(), &message, self.site.output).await {
            // It did not run the request, as it knows no such session: asking again asks once.
            Err(Failure::SessionLost) => {
                self.renew(session.generation).await?;
                let headers = self.session().headers();
                self.endpoint.post(headers, &message, self.site.output).await?
            }
            reply => reply?,
        };
        self.follow(id, reply.messages.ok_or(Failure::NoAnswer)?).await
    }

    /// Passes on what comes for a request until it is answered, over as many exchanges as that takes.
    async fn follow(&self, id: &Id, mut messages: Messages) -> Result<(), Failure> {
        loop {
            match messages.next().await {
                Ok(Some(Message::Response { id: answered, outcome })) => {
                    // Without an id, the server could not read which request that was.
                    if answered.as_ref().is_some_and(|answered| answered != id)
                        || (answered.is_none() && outcome.is_ok())
                    {
                        return Err(Failure::OtherAnswer);
                    }
                    self.pass_on(Message::Response { id: Some(id.clone()), outcome }).await;
                    return Ok(());
                }
                Ok(Some(message)) => self.pass_on(message).await,
                Ok(None) | Err(Failure::Broken) => {
                    let (place, bytes) = (messages.resume().ok_or(Failure::Broken)?, messages.bytes_left());
                    messages = self.resume(place, bytes).await?;
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    /// Goes on where an answer broke off (MCP 2025-11-25, "Resumability and Redelivery"). Only the time limit of the call
    /// ends a server that breaks off for ever.
    async fn resume(&self, (last, wait): (HeaderValue, Option<Duration>), bytes: u64) -> Result<Messages, Failure> {
        let mut failures = 0;
        loop {
            tokio::time::sleep(bounded(wait.unwrap_or(RETRY))).await;
            let mut headers = self.session().headers();
            headers.insert(headers::LAST_EVENT_ID, last.clone());
            match self.endpoint.get(headers, bytes).await {
                Ok(messages) => return Ok(messages),
                Err(_) if failures + 1 == MAX_FAILURES => return Err(Failure::Broken),
                Err(Failure::Broker(_) | Failure::Busy(..)) => failures += 1,
                Err(_) => return Err(Failure::Broken),
            }
        }
    }

    /// Hears what the server says by itself, as long as the connection lasts; not at all where it does not offer that.
    async fn listen(self: Arc<Self>) {
        let (mut failures, mut last, mut wait) = (0_u32, None, RETRY);
        loop {
            let session = self.session().clone();
            let mut headers = session.headers();
            if let Some(last) = last.take() {
                headers.insert(headers::LAST_EVENT_ID, last);
            }
            failures = match self.endpoint.get(headers, u64::MAX).await {
                Ok(mut messages) => {
                    let heard = self.hear(&mut messages).await;
                    if let Some((id, retry)) = messages.resume() {
                        (last, wait) = (Some(id), retry.unwrap_or(RETRY));
                    }
                    if heard { 0 } else { failures.saturating_add(1) }
                }
                Err(Failure::SessionLost) => {
                    // A server that loses it each time is asked ever more rarely.
                    let _ = self.renew(session.generation).await;
                    failures.saturating_add(1)
                }
                Err(Failure::Broker(_) | Failure::Busy(..) | Failure::Broken) => failures.saturating_add(1),
                Err(Failure::Status(status)) if status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED => {
                    failures.saturating_add(1)
                }
                Err(_) => return,
            };
            tokio::time::sleep(bounded(wait.saturating_mul(1 << failures.min(6)))).await;
        }
    }

    /// Passes on what comes on a stream that belongs to no request; whether anything came.
    async fn hear(&self, messages: &mut Messages) -> bool {
        let mut heard = false;
        while let Ok(Some(message)) = messages.next().await {
            heard = true;
            // Answers come on the exchanges of their requests.
            if !matches!(message, Message::Response { .. }) {
                self.pass_on(message).await;
            }
        }
        heard
    }

    /// Begins the session again, unless somebody has since `generation`.
    async fn renew(&self, generation: u64) -> Result<(), Failure> {
        let _renewing = self.renewing.lock().await;
        let lost = self.session().clone();
        let (true, Some(request)) = (lost.generation == generation, lost.initialize) else { return Ok(()) };
        let id = Id::of(&format!("lockgate-again-{generation}"));
        let (session, outcome) = self.initialize(&Message::Request { id, request: request.clone() }).await?;
        outcome.map_err(Failure::Answered)?;
        *self.session() = Session { generation: generation + 1, initialize: Some(request), ..session };
        let params = Json::empty_object();
        self.aside(&Message::Notification(Notification { method: "notifications/initialized".to_owned(), params }))
            .await;
        Ok(())
    }

    /// Begins a session, and gives what the server says of itself.
    async fn initialize(&self, message: &Message) -> Result<(Session, Result<Json, RpcError>), Failure> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Spoken {
            protocol_version: String,
        }
        let Reply { session: id, messages } = self.endpoint.post(headers::common(), message, self.site.output).await?;
        let mut messages = messages.ok_or(Failure::NoAnswer)?;
        let outcome = loop {
            match messages.next().await?.ok_or(Failure::Broken)? {
                Message::Response { outcome, .. } => break outcome,
                // Before a session has begun, there is nothing to say in it.
                Message::Notification(_) | Message::Request { .. } => {}
            }
        };
        let spoken = outcome.as_ref().ok().and_then(|result| result.read::<Spoken>().ok());
        let revision = spoken.and_then(|spoken| HeaderValue::from_str(&spoken.protocol_version).ok());
        Ok((Session { id, revision, ..Session::default() }, outcome))
    }

    /// Says that the session is over, where it has an id to say so by.
    async fn end(&self) {
        let session = self.session().clone();
        if session.id.is_some() {
            // Some servers do not let clients end sessions; those end by themselves.
            let _ = tokio::time::timeout(FAREWELL, self.endpoint.delete(session.headers())).await;
        }
    }

    async fn pass_on(&self, message: Message) {
        // The peer has gone: so does this soon.
        let _ = self.received.send(Incoming::Message(message)).await;
    }

    fn session(&self) -> MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    /// What every message of the session carries.
    fn headers(&self) -> HeaderMap {
        let mut headers = headers::common();
        for (name, value) in [(headers::SESSION_ID, &self.id), (headers::PROTOCOL_VERSION, &self.revision)] {
            if let Some(value) = value {
                headers.insert(name, value.clone());
            }
        }
        headers
    }
}

/// The next message to carry; nothing once the session is to end.
async fn next(to_send: &mut mpsc::Receiver<Message>, open: &OpenSession) -> Option<Message> {
    tokio::select! {
        message = to_send.recv() => message,
        () = open.closing() => None,
    }
}

/// The id of the request that a message gives up.
fn cancelled(message: &Message) -> Option<Id> {
    let Message::Notification(notification) = message else { return None };
    if notification.method != "notifications/cancelled" {
        return None;
    }
    notification.params.members().ok()?.read("requestId").ok().flatten()
}

fn bounded(wait: Duration) -> Duration {
    wait.clamp(RETRY_BOUNDS.0, RETRY_BOUNDS.1)
}
