//! The sessions of older clients (MCP 2025-11-25, "Session Management").

use std::collections::HashMap;
use std::fmt::Write;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lockgate_runtime::Principal;
use rustix::rand::{GetRandomFlags, getrandom};
use tokio::sync::watch;

use super::Guest;
use super::place::Place;
use crate::session::{Mailbox, Session};

/// How long a session lasts that nobody uses.
const IDLE: Duration = Duration::from_secs(30 * 60);

/// The sessions of one principal. A further one takes the place of the one that was not used for longest: clients
/// forget to end theirs, and begin anew where they find one ended.
const MAX_EACH: usize = 64;

/// All sessions, by their ids.
#[derive(Default)]
pub(super) struct Sessions(Mutex<HashMap<String, Arc<Open>>>);

/// A session that has begun.
pub(super) struct Open {
    session: Arc<Session>,
    mailbox: Arc<Mailbox>,
    principal: Principal,
    place: Place,
    uses: AtomicUsize,
    used: Mutex<Instant>,
    /// The number of the stream that is told what the session is told unasked.
    stream: watch::Sender<u64>,
    ended: watch::Sender<bool>,
}

/// A session in use, which does not end by itself meanwhile.
pub(super) struct Use(Arc<Open>);

/// All sessions of a principal are in use.
pub(super) struct TooMany;

impl Sessions {
    /// Keeps a session that has begun, and gives the id by which it is found.
    pub(super) fn keep(
        &self,
        guest: &Guest,
        session: Arc<Session>,
        mailbox: Arc<Mailbox>,
    ) -> Result<io::Result<String>, TooMany> {
        let id = match new_id() {
            Ok(id) => id,
            Err(error) => return Ok(Err(error)),
        };
        let open = Arc::new(Open {
            session,
            mailbox,
            principal: guest.principal.clone(),
            place: guest.place.clone(),
            uses: AtomicUsize::new(0),
            used: Mutex::new(Instant::now()),
            stream: watch::Sender::new(0),
            ended: watch::Sender::new(false),
        });
        let mut sessions = self.lock();
        if sessions.values().filter(|open| open.principal == guest.principal).count() >= MAX_EACH {
            let unused = sessions.iter().filter(|(_, open)| open.principal == guest.principal && !open.is_used());
            let oldest = unused.min_by_key(|(_, open)| *open.used()).map(|(id, _)| id.clone()).ok_or(TooMany)?;
            if let Some(open) = sessions.remove(&oldest) {
                open.end();
            }
        }
        sessions.insert(id.clone(), open);
        Ok(Ok(id))
    }

    /// The session of this id, if it is the guest's.
    pub(super) fn find(&self, id: &str, guest: &Guest) -> Option<Use> {
        let sessions = self.lock();
        let open = sessions.get(id).filter(|open| open.is_of(guest))?;
        // Counted while nobody can take it out.
        Some(Use::of(open))
    }

    /// Ends the session of this id, if it is the guest's.
    pub(super) fn end(&self, id: &str, guest: &Guest) -> bool {
        let mut sessions = self.lock();
        if !sessions.get(id).is_some_and(|open| open.is_of(guest)) {
            return false;
        }
        if let Some(open) = sessions.remove(id) {
            open.end();
        }
        true
    }

    /// Ends the sessions that nobody has used for long.
    pub(super) fn end_unused(&self) {
        self.end_unused_for(IDLE);
    }

    fn end_unused_for(&self, idle: Duration) {
        self.lock().retain(|_, open| {
            let stays = open.is_used() || open.used().elapsed() < idle;
            if !stays {
                open.end();
            }
            stays
        });
    }

    /// Ends all.
    pub(super) fn end_all(&self) {
        self.lock().drain().for_each(|(_, open)| open.end());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Open>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn is_of(&self, guest: &Guest) -> bool {
        self.principal == guest.principal && self.place == guest.place
    }

    fn is_used(&self) -> bool {
        self.uses.load(Ordering::Acquire) > 0
    }

    fn used(&self) -> MutexGuard<'_, Instant> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self) {
        self.ended.send_replace(true);
        self.session.close();
        self.session.cancel_all();
    }
}

impl Use {
    fn of(open: &Arc<Open>) -> Self {
        open.uses.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(open))
    }

    pub(super) fn session(&self) -> &Arc<Session> {
        &self.0.session
    }

    pub(super) fn mailbox(&self) -> &Mailbox {
        &self.0.mailbox
    }

    /// Becomes the one stream of the session: the one before it ends.
    pub(super) fn take_stream(&self) -> (u64, watch::Receiver<u64>) {
        let mut number = 0;
        self.0.stream.send_modify(|last| {
            *last += 1;
            number = *last;
        });
        (number, self.0.stream.subscribe())
    }

    /// Is ready when the session ends.
    pub(super) fn ended(&self) -> watch::Receiver<bool> {
        self.0.ended.subscribe()
    }
}

impl Drop for Use {
    fn drop(&mut self) {
        *self.0.used() = Instant::now();
        self.0.uses.fetch_sub(1, Ordering::AcqRel);
    }
}

/// 128 random bits. The system gives up to 256 bytes whole (getrandom(2)).
fn new_id() -> io::Result<String> {
    let mut random = [0_u8; 16];
    getrandom(&mut random, GetRandomFlags::empty())?;
    let mut id = String::with_capacity(2 * random.len());
    for byte in random {
        let _ = write!(id, "{byte:02x}");
    }
    Ok(id)
}

#[cfg(test)]
mod tests {
    use lockgate_runtime::{Link, Server};

    use super::*;
    use crate::servers::View;
    use crate::session::Outbox;

    fn guest(name: &str) -> Guest {
        let server = Server::of_links(|caller| {
            let card = lockgate_runtime::Card {
                era: lockgate_runtime::Era::Modern,
                server_info: lockgate_runtime::message::Json::empty_object(),
                capabilities: lockgate_runtime::message::Json::empty_object(),
                instructions: None,
            };
            Link::to_function(card, caller.principal, |_, _| ())
        });
        let view = View::of("fake".parse().unwrap(), server);
        Guest { principal: Principal::named(name).unwrap(), place: Place::All, view }
    }

    fn begin(sessions: &Sessions, guest: &Guest) -> Option<String> {
        let mailbox = Arc::new(Mailbox::default());
        let outbox = Outbox::Mailbox(Arc::clone(&mailbox));
        let session = Session::new(guest.view.clone(), guest.principal.clone(), outbox);
        sessions.keep(guest, session, mailbox).ok().map(Result::unwrap)
    }

    #[test]
    fn a_session_that_nobody_uses_ends_and_one_in_use_does_not() {
        let (sessions, ann) = (Sessions::default(), guest("ann"));
        let (unused, used) = (begin(&sessions, &ann).unwrap(), begin(&sessions, &ann).unwrap());
        let in_use = sessions.find(&used, &ann).unwrap();
        let ended = sessions.find(&unused, &ann).unwrap().ended();
        sessions.end_unused_for(Duration::from_secs(3600));
        assert!(!*ended.borrow());
        sessions.end_unused_for(Duration::ZERO);
        assert!(*ended.borrow());
        assert!(sessions.find(&unused, &ann).is_none());
        drop(in_use);
        assert!(sessions.find(&used, &ann).is_some());
        sessions.end_unused_for(Duration::ZERO);
        assert!(sessions.find(&used, &ann).is_none());
    }

    #[test]
    fn a_principal_whose_sessions_are_all_in_use_gets_no_more_and_others_do() {
        let (sessions, ann) = (Sessions::default(), guest("ann"));
        let ids: Vec<String> = (0..MAX_EACH).map(|_| begin(&sessions, &ann).unwrap()).collect();
        let mut uses: Vec<Use> = ids.iter().map(|id| sessions.find(id, &ann).unwrap()).collect();
        assert!(begin(&sessions, &ann).is_none());
        assert!(begin(&sessions, &guest("bob")).is_some());
        // What is not in use any more makes room.
        drop(uses.remove(5));
        assert!(begin(&sessions, &ann).is_some());
        assert!(sessions.find(&ids[5], &ann).is_none());
    }

    #[test]
    fn ids_are_found_by_their_own_principal_at_their_own_place() {
        let (sessions, ann) = (Sessions::default(), guest("ann"));
        let id = begin(&sessions, &ann).unwrap();
        assert!(sessions.find(&id, &guest("bob")).is_none() && !sessions.end(&id, &guest("bob")));
        let elsewhere = Guest { place: Place::One("fake".to_owned()), ..guest("ann") };
        assert!(sessions.find(&id, &elsewhere).is_none() && !sessions.end(&id, &elsewhere));
        assert!(sessions.end(&id, &ann) && !sessions.end(&id, &ann));
    }

    #[test]
    fn a_new_stream_takes_the_place_of_the_one_before() {
        let (sessions, ann) = (Sessions::default(), guest("ann"));
        let id = begin(&sessions, &ann).unwrap();
        let used = sessions.find(&id, &ann).unwrap();
        let (first, newest) = used.take_stream();
        assert_eq!(*newest.borrow(), first);
        let (second, _) = used.take_stream();
        assert_eq!(*newest.borrow(), second);
        assert_ne!(first, second);
    }
}
