//! The configured servers, which all clients share, and the view of them that one client has.

use std::sync::Arc;

use lockgate_runtime::message::{RpcError, code};
use lockgate_runtime::{Basis, Runs, Server, ServerName, Untrusted};
use tokio::sync::watch;

use crate::lock::Watch;
use crate::names::{Names, ServerId};

/// All servers of this gateway, in the order of the configuration. They start apart from each other: one that is slow,
/// broken or dead takes only itself away.
pub(crate) struct Servers {
    slots: Vec<Arc<Slot>>,
    tell: Tell,
}

/// A line for the person who runs this gateway.
type Tell = Arc<dyn Fn(String) + Send + Sync>;

/// A configured server, whatever has become of it.
pub(crate) struct Slot {
    name: ServerName,
    prefix: Option<String>,
    state: watch::Sender<State>,
}

/// What has become of a configured server.
#[derive(Clone)]
enum State {
    Starting,
    Ready(Arc<Started>),
    Failed(Arc<str>),
}

/// A server that runs.
pub(crate) struct Started {
    pub(crate) server: Server,
    /// Holds it to its lock, if it has one.
    pub(crate) watch: Option<Arc<Watch>>,
    /// What runs, by whose digests it may be denied.
    pub(crate) runs: Runs,
    /// Why it may.
    pub(crate) basis: Basis,
}

/// One that has no lock and nothing that could be denied.
#[cfg(test)]
impl From<Server> for Started {
    fn from(server: Server) -> Self {
        Self { server, watch: None, runs: Runs::Remote, basis: Basis::Host }
    }
}

/// The servers that a client sees, and how they are called there.
#[derive(Clone)]
pub(crate) struct View {
    slots: Arc<[Arc<Slot>]>,
    names: Arc<Names>,
    tell: Tell,
}

/// Two servers that could not be told apart.
#[derive(Debug, thiserror::Error)]
#[error("two servers are named {0}; give one another name: NAME=SERVER")]
pub(crate) struct SameName(String);

impl Servers {
    /// # Errors
    /// Where two have one name, or one prefix.
    pub(crate) fn new(slots: Vec<Slot>, tell: impl Fn(String) + Send + Sync + 'static) -> Result<Self, SameName> {
        let mut seen = std::collections::HashSet::new();
        for slot in &slots {
            if !seen.insert(slot.shown_name()) {
                return Err(SameName(slot.shown_name().to_owned()));
            }
        }
        Ok(Self { slots: slots.into_iter().map(Arc::new).collect(), tell: Arc::new(tell) })
    }

    /// All of them. Where there is only one, its names are as they are.
    pub(crate) fn all(&self) -> View {
        let names = match &*self.slots {
            [_] => Names::of_one(),
            slots => Names::of_many(slots.iter().map(|slot| (slot.name.to_string(), slot.shown_name().to_owned()))),
        };
        View { slots: self.slots.clone().into(), names: Arc::new(names), tell: Arc::clone(&self.tell) }
    }

    /// Those that were started, and of which something may run.
    pub(crate) fn started(&self) -> Vec<(Arc<Slot>, Arc<Started>)> {
        let of = |slot: &Arc<Slot>| Some((Arc::clone(slot), slot.current()?));
        self.slots.iter().filter_map(of).collect()
    }

    /// One alone, with its names as they are; nothing where there is none of this name.
    pub(crate) fn one(&self, name: &str) -> Option<View> {
        let slot = self.slots.iter().find(|slot| slot.name.as_str() == name)?;
        Some(View {
            slots: vec![Arc::clone(slot)].into(),
            names: Arc::new(Names::of_one()),
            tell: Arc::clone(&self.tell),
        })
    }
}

impl Slot {
    /// A server that runs already.
    pub(crate) fn ready(name: ServerName, started: impl Into<Started>) -> Self {
        let state = watch::Sender::new(State::Ready(Arc::new(started.into())));
        Self { name, prefix: None, state }
    }

    /// A server that is being started; `start` says what has become of it. Needs a tokio runtime.
    pub(crate) fn starting(
        name: ServerName,
        prefix: Option<String>,
        start: impl Future<Output = Result<Started, String>> + Send + 'static,
    ) -> Self {
        let state = watch::Sender::new(State::Starting);
        let says = state.clone();
        tokio::spawn(async move {
            says.send_replace(match start.await {
                Ok(started) => State::Ready(Arc::new(started)),
                Err(reason) => State::Failed(reason.into()),
            });
        });
        Self { name, prefix, state }
    }

    /// Takes the server away, for all clients, until the gateway starts again: what runs of it ends, and every call.
    pub(crate) fn take_away(&self, reason: &str) {
        if let State::Ready(started) = self.state.send_replace(State::Failed(reason.into())) {
            started.server.close(reason);
        }
    }

    /// What the server's own names are prefixed with where there are several.
    fn shown_name(&self) -> &str {
        self.prefix.as_deref().unwrap_or_else(|| self.name.as_str())
    }

    /// The server's name in the configuration.
    pub(crate) fn name(&self) -> &ServerName {
        &self.name
    }

    /// The server, if it runs and was not taken away.
    pub(crate) fn running(&self) -> Option<Arc<Started>> {
        self.current().filter(|started| started.check().is_ok())
    }

    /// What holds the server to its lock, if it runs and has one.
    pub(crate) fn watch(&self) -> Option<Arc<Watch>> {
        self.current()?.watch.clone()
    }

    fn current(&self) -> Option<Arc<Started>> {
        match &*self.state.borrow() {
            State::Ready(started) => Some(Arc::clone(started)),
            State::Starting | State::Failed(_) => None,
        }
    }

    /// The server, once it runs.
    ///
    /// # Errors
    /// Where it did not start, or was taken away, with the reason.
    pub(crate) async fn started(&self) -> Result<Arc<Started>, RpcError> {
        let unavailable = |reason: &str| {
            RpcError::new(code::INTERNAL_ERROR, format!("the server {} is not available: {reason}", self.name))
        };
        let mut state = self.state.subscribe();
        let state = state.wait_for(|state| !matches!(state, State::Starting)).await;
        match state.as_deref() {
            Ok(State::Ready(started)) => started.check().map(|()| Arc::clone(started)),
            Ok(State::Failed(reason)) => Err(unavailable(reason)),
            Ok(State::Starting) | Err(_) => Err(unavailable("its start was given up")),
        }
    }
}

impl Started {
    fn check(&self) -> Result<(), RpcError> {
        self.watch.as_ref().map_or(Ok(()), |watch| watch.check_there())
    }
}

impl View {
    /// A view of one server that runs already.
    #[cfg(test)]
    pub(crate) fn of(name: ServerName, server: Server) -> Self {
        Self {
            slots: vec![Arc::new(Slot::ready(name, server))].into(),
            names: Arc::new(Names::of_one()),
            tell: Arc::new(|_| ()),
        }
    }

    /// How the servers are called.
    pub(crate) fn names(&self) -> &Arc<Names> {
        &self.names
    }

    /// Tells the person that a server takes no part in what all servers answer together.
    pub(crate) fn left_out(&self, server: &str, reason: &str) {
        (self.tell)(format!("[{server}] left out: {}", Untrusted::new(reason).to_line(400)));
    }

    /// The server of this number. Numbers come from this view's own names.
    pub(crate) fn slot(&self, id: ServerId) -> Option<&Arc<Slot>> {
        self.slots.get(id.index())
    }
}
