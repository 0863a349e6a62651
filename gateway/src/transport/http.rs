//! MCP over HTTP (MCP, "Streamable HTTP"), in both eras, for clients on this machine.
//!
//! A request passes these in turn: `door` (is it meant for this listener, and whose is it), `place` (which servers),
//! `post` (one message and its answer) or `stream` (what a session is told unasked). `sessions` holds the older
//! clients' sessions; requests of newer clients each stand for themselves.

mod answer;
mod connection;
mod door;
mod events;
mod headers;
mod impatient;
mod listener;
mod place;
mod post;
mod sessions;
mod stream;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::{Method, Request, StatusCode, body, header};
use lockgate_runtime::Principal;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use self::answer::{Answer, Refusal};
use self::door::Door;
use self::headers::Headers;
pub(crate) use self::listener::{Address, ListenError, Listening};
use self::place::Place;
use self::sessions::Sessions;
use super::MAX_MESSAGE;
use crate::servers::{Servers, View};
use crate::session::Circle;
use crate::tokens::Access;

/// The connections that are open at the same time; further ones wait to be accepted.
const MAX_CONNECTIONS: usize = 512;

/// How long what is under way may take once the gateway wants to end.
const GRACE: Duration = Duration::from_secs(5);

/// How often sessions that nobody uses are looked for.
const SWEEP: Duration = Duration::from_secs(60);

/// The bytes of all long messages that are being read, and of all long answers that are being written.
const LONG_BYTES: usize = 16 * MAX_MESSAGE;

/// What is longer counts among [`LONG_BYTES`].
const LONG: usize = 64 << 10;

/// All that connections share.
struct Front {
    door: Door,
    access: Access,
    servers: Arc<Servers>,
    all: View,
    circles: Mutex<HashMap<Principal, HashMap<Place, Circle>>>,
    sessions: Sessions,
    reading: Arc<Semaphore>,
    writing: Arc<Semaphore>,
    closing: watch::Receiver<bool>,
}

/// Serves clients until `shutdown` is ready and what is under way then is answered, or takes too long. Needs a tokio
/// runtime with its timers and I/O.
///
/// # Errors
/// Where the listener cannot be used.
pub(crate) async fn serve(
    listening: Listening,
    servers: Arc<Servers>,
    access: Access,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ListenError> {
    let (close, closing) = watch::channel(false);
    let door = Door::at(listening.address());
    let listener = listening.into_tokio()?;
    let front = Arc::new(Front {
        door,
        access,
        all: servers.all(),
        servers,
        circles: Mutex::default(),
        sessions: Sessions::default(),
        reading: Arc::new(Semaphore::new(LONG_BYTES)),
        writing: Arc::new(Semaphore::new(LONG_BYTES)),
        closing,
    });
    let mut connections = JoinSet::new();
    tokio::select! {
        () = listener::accept_all(&listener, &front, &mut connections) => {}
        () = sweep(&front.sessions) => {}
        () = shutdown => {}
    }
    drop(listener);
    close.send_replace(true);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    // Whoever is not done by then is cut off.
    let _ = tokio::time::timeout(GRACE, all_ended).await;
    front.sessions.end_all();
    Ok(())
}

async fn sweep(sessions: &Sessions) {
    loop {
        tokio::time::sleep(SWEEP).await;
        sessions.end_unused();
    }
}

impl Front {
    /// Answers one request.
    async fn answer(self: &Arc<Self>, request: Request<body::Incoming>) -> Answer {
        self.admit(request).await.unwrap_or_else(Refusal::into_answer)
    }

    async fn admit(self: &Arc<Self>, request: Request<body::Incoming>) -> Result<Answer, Refusal> {
        let (head, body) = request.into_parts();
        self.door.check(&head)?;
        let principal = door::principal(&self.access, &head.headers)?;
        let (place, view) = self.place(head.uri.path())?;
        let guest = Guest { principal, place, view };
        let headers = Headers(&head.headers);
        match head.method {
            Method::POST => self.post(guest, &headers, body).await,
            Method::GET => self.stream(&guest, &headers),
            Method::DELETE => self.delete(&guest, &headers),
            _ => Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "MCP has POST, GET and DELETE")
                .with(header::ALLOW, "POST, GET, DELETE")),
        }
    }

    /// The servers at a path.
    fn place(&self, path: &str) -> Result<(Place, View), Refusal> {
        let place = Place::read(path);
        let view = match &place {
            Some(Place::All) => Some(self.all.clone()),
            Some(Place::One(name)) => self.servers.one(name),
            None => None,
        };
        place.zip(view).ok_or_else(|| {
            Refusal::new(StatusCode::NOT_FOUND, "there is nothing here; MCP is at /mcp and /servers/NAME/mcp")
        })
    }

    /// What clients of a principal have together at a place.
    fn circle(&self, guest: &Guest) -> Circle {
        let mut circles = self.circles.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(circle) = circles.get(&guest.principal).and_then(|places| places.get(&guest.place)) {
            return circle.clone();
        }
        let places = circles.entry(guest.principal.clone()).or_default();
        let circle = match places.values().next() {
            Some(circle) => circle.elsewhere(),
            None => Circle::of_many(self.access.principals()),
        };
        places.insert(guest.place.clone(), circle.clone());
        circle
    }
}

/// Who asks, and what for.
struct Guest {
    principal: Principal,
    place: Place,
    view: View,
}

#[cfg(test)]
mod tests;
