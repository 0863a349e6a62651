//! Lines to a server that has to be connected to: at their first use, and again after the connection has ended.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot};

use super::{Listeners, Peer};
use crate::message::{Answer, Notification, Request, RpcError, code};
use crate::principal::Principal;
use crate::server::{Call, Caller, Card, ClientSession, Closing, Link, Serve, ServerMessage};

/// Whoever can make a connection to a server.
pub(crate) trait Connect: Send + Sync + 'static {
    /// Makes one, for `principal` alone. What the server says outside of calls goes to `listeners`.
    fn connect(
        self: Arc<Self>,
        principal: Principal,
        session: Option<ClientSession>,
        listeners: Arc<Listeners>,
    ) -> BoxFuture<'static, Result<Peer, RpcError>>;
}

/// How long a connection stays open that nobody uses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Idle {
    /// The one that clients of the newer era share: they do not know that there is one.
    pub(crate) shared: Duration,
    /// The one of an older client's session, which may count on what the server remembers.
    pub(crate) session: Duration,
}

impl Idle {
    /// Of what runs on this machine and takes its memory. What clients of the newer era share can be started again at
    /// any time; what an older client's session remembers would be lost.
    pub(crate) const HERE: Self = Self { shared: Duration::from_secs(5 * 60), session: Duration::from_secs(60 * 60) };
    /// Of what runs elsewhere: an open session costs nothing here, and its server may remember things in it.
    pub(crate) const ELSEWHERE: Self =
        Self { shared: Duration::from_secs(60 * 60), session: Duration::from_secs(24 * 60 * 60) };
}

/// All lines to one server. Whoever is connected to is so for one principal: for one session of an older client, or for
/// all other clients together.
pub(crate) struct Lines<C> {
    connect: Arc<C>,
    idle: Idle,
    threads: Handle,
    closing: Closing,
    shared: Mutex<HashMap<Principal, Arc<Line<C>>>>,
}

impl<C: Connect> Lines<C> {
    /// Connections are made and kept on `threads`, which have to outlive the clients' own.
    pub(crate) fn new(connect: C, idle: Idle, threads: Handle) -> Self {
        Self { connect: Arc::new(connect), idle, threads, closing: Closing::default(), shared: Mutex::default() }
    }

    /// Ends all connections, with every call on them, and makes none any more.
    pub(crate) fn close(&self, reason: &str) {
        self.closing.close(reason);
    }

    /// A line for one caller. Nothing is connected to yet.
    pub(crate) fn open(&self, caller: Caller) -> Link {
        let Caller { principal, session } = caller;
        let line = match session {
            Some(session) => self.line(principal.clone(), Some(session), self.idle.session),
            None => {
                let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
                let line = shared
                    .entry(principal.clone())
                    .or_insert_with(|| self.line(principal.clone(), None, self.idle.shared));
                Arc::clone(line)
            }
        };
        Link::new(principal, Arc::new(Handed(line)))
    }

    fn line(&self, principal: Principal, session: Option<ClientSession>, idle: Duration) -> Arc<Line<C>> {
        Arc::new(Line {
            connect: Arc::clone(&self.connect),
            principal,
            session,
            idle,
            threads: self.threads.clone(),
            closing: self.closing.clone(),
            card: OnceLock::new(),
            listeners: Arc::default(),
            peer: AsyncMutex::default(),
        })
    }
}

struct Line<C> {
    connect: Arc<C>,
    principal: Principal,
    session: Option<ClientSession>,
    idle: Duration,
    threads: Handle,
    closing: Closing,
    card: OnceLock<Arc<Card>>,
    listeners: Arc<Listeners>,
    peer: AsyncMutex<Option<Arc<Peer>>>,
}

impl<C: Connect> Line<C> {
    /// The connection; a new one where there is none, or none any more. Whoever gives up waiting for it leaves it to
    /// those who come next.
    async fn peer(self: &Arc<Self>) -> Result<Arc<Peer>, RpcError> {
        let line = Arc::clone(self);
        let connecting = self.threads.spawn(async move {
            let mut slot = line.peer.lock().await;
            line.closing.check()?;
            if let Some(peer) = slot.as_ref().filter(|peer| !peer.is_closed()) {
                return Ok(Arc::clone(peer));
            }
            // What is left of the last one goes first.
            *slot = None;
            let connect = Arc::clone(&line.connect);
            let made = connect.connect(line.principal.clone(), line.session.clone(), Arc::clone(&line.listeners));
            let peer = Arc::new(line.closing.or_closed(made).await?);
            let _ = line.card.set(Arc::clone(peer.card()));
            *slot = Some(Arc::clone(&peer));
            let closing = line.closing.clone();
            tokio::spawn(close_when_unused(Arc::downgrade(&line), Arc::downgrade(&peer), line.idle, closing));
            Ok(peer)
        });
        let broken = |_| RpcError::new(code::INTERNAL_ERROR, "the connection to the server could not be made");
        connecting.await.map_err(broken)?
    }
}

/// Ends a connection that nobody has used for this long, and any when its server is closed.
async fn close_when_unused<C>(line: Weak<Line<C>>, peer: Weak<Peer>, idle: Duration, closing: Closing) {
    loop {
        let Some(left) = peer.upgrade().map(|peer| idle.saturating_sub(peer.idle_for())) else { return };
        if !left.is_zero() {
            tokio::select! {
                () = tokio::time::sleep(left) => continue,
                _ = closing.closed() => {}
            }
        }
        let Some(line) = line.upgrade() else { return };
        let mut slot = line.peer.lock().await;
        match slot.as_ref() {
            Some(current) if Weak::ptr_eq(&Arc::downgrade(current), &peer) => {
                // A call may have come while this waited for the lock.
                if current.idle_for() >= idle || closing.check().is_err() {
                    *slot = None;
                    return;
                }
            }
            _ => return,
        }
    }
}

/// A line as links hold it.
struct Handed<C>(Arc<Line<C>>);

impl<C: Connect> Serve for Handed<C> {
    fn known_card(&self) -> Option<Arc<Card>> {
        self.0.card.get().cloned()
    }

    fn card(&self) -> BoxFuture<'_, Result<Arc<Card>, RpcError>> {
        Box::pin(async move {
            match self.known_card() {
                Some(card) => Ok(card),
                None => Ok(Arc::clone(self.0.peer().await?.card())),
            }
        })
    }

    fn call(&self, request: Request) -> Call {
        let (answers, receiver) = mpsc::unbounded_channel();
        let (cancel, cancelled) = oneshot::channel::<()>();
        let line = Arc::clone(&self.0);
        self.0.threads.spawn(async move {
            let mut cancelled = std::pin::pin!(async {
                // Dropped or sent: both mean that nobody waits any more.
                let _ = cancelled.await;
            });
            let peer = tokio::select! {
                peer = line.peer() => peer,
                () = &mut cancelled => return,
            };
            match peer {
                Ok(peer) => tokio::select! {
                    biased;
                    // Dropped with the call, the connection ends.
                    closed = line.closing.closed() => drop(answers.send(Answer::Done(Err(closed)))),
                    () = peer.serve(request, answers.clone(), cancelled) => {}
                },
                Err(error) => drop(answers.send(Answer::Done(Err(error)))),
            }
        });
        Call::new(receiver, move || drop(cancel))
    }

    fn notify(&self, notification: Notification) {
        // What nobody is connected to yet need not be told what has changed.
        if let Ok(slot) = self.0.peer.try_lock()
            && let Some(peer) = &*slot
        {
            peer.notify(notification);
        }
    }

    fn messages(&self) -> Option<mpsc::Receiver<ServerMessage>> {
        Some(self.0.listeners.listen())
    }
}
