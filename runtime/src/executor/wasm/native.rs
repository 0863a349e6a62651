//! Components of the native shape: one function of `lockgate:mcp` for each request, in an instance of its own.

mod card;
pub(super) mod failure;
mod params;
mod request;
mod results;
mod seal;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, mpsc};
use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre};

use super::bindings::exports::lockgate::mcp as exports;
use super::client::Outlet;
use super::code::Loaded;
use super::component::{Description, Shape};
use super::engine::Engine;
use super::host::{Host, Sandbox, Streams, linker};
use crate::message::{Answer, Json, Request, RpcError};
use crate::plan::Plan;
use crate::principal::Principal;
use crate::server::{Call, Card, Link, Serve};
use failure::Failure;
use seal::Sealer;

/// How long a cancelled guest may go on, to undo what it began.
const GRACE: Duration = Duration::from_millis(500);

/// Why a component does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its exports or imports are not of the types the contract says.
    #[error("the component does not keep the contract of its interfaces: {0}")]
    Contract(String),
    /// The system gives no random numbers for the keys that a server needs.
    #[error("the system gives no random numbers")]
    Random(#[source] std::io::Error),
    /// It failed while it said who it is.
    #[error("the server does not start: {0}")]
    Describe(String),
}

/// A component that is ready to serve.
pub(crate) struct NativeServer(Arc<Inner>);

struct Inner {
    engine: Arc<Engine>,
    sandbox: Sandbox,
    instances: InstancePre<Host>,
    parts: Parts,
    limits: CallLimits,
    running: Arc<Semaphore>,
    sealer: Sealer,
    card: Arc<Card>,
}

/// The interfaces that a component exports.
struct Parts {
    tools: Option<exports::tools::GuestIndices>,
    resources: Option<exports::resources::GuestIndices>,
    prompts: Option<exports::prompts::GuestIndices>,
    completions: Option<exports::completions::GuestIndices>,
    identity: Option<exports::identity::GuestIndices>,
}

/// What one call may use.
#[derive(Clone, Copy)]
struct CallLimits {
    time: Duration,
    output: u64,
    memory: u64,
}

impl NativeServer {
    /// Links the component, and asks it who it is.
    pub(crate) async fn start(
        engine: Arc<Engine>,
        loaded: Loaded,
        plan: &Plan,
        component: &Description,
        sandbox: Sandbox,
    ) -> Result<Self, StartError> {
        let contract = |error: wasmtime::Error| StartError::Contract(failure::one_line(&error));
        let instances = linker(&engine, &plan.grant)
            .and_then(|linker| linker.instantiate_pre(&loaded.component))
            .map_err(contract)?;
        let nothing = BTreeSet::new();
        let served = match &component.shape {
            Shape::Native(served) => served,
            Shape::Command => &nothing,
        };
        let parts = Parts::find(&instances, served, &component.exports).map_err(contract)?;
        let mut inner = Inner {
            engine,
            sandbox,
            instances,
            limits: CallLimits {
                time: plan.limits.time.value,
                output: plan.limits.output.value,
                memory: plan.limits.memory.value,
            },
            running: Arc::new(Semaphore::new(plan.limits.concurrency.value)),
            sealer: Sealer::new(loaded.digest).map_err(StartError::Random)?,
            card: Arc::new(card::nameless(&plan.name, &parts)),
            parts,
        };
        if inner.parts.identity.is_some() {
            inner = Self::introduced(inner).await?;
        }
        Ok(Self(Arc::new(inner)))
    }

    /// The server with the card that its component gave, which is stranger's code like any call.
    async fn introduced(inner: Inner) -> Result<Inner, StartError> {
        let guests = inner.engine.guests.clone();
        let task = guests.spawn(async move {
            let (answers, _nobody) = mpsc::unbounded_channel();
            let outlet = Outlet::new(answers, inner.limits.output, Arc::default(), None);
            let card = inner.within_limits(None, outlet, card::ask).await;
            (inner, card)
        });
        let (mut inner, card) = task.await.map_err(|error| StartError::Describe(error.to_string()))?;
        let said = card.map_err(|failure| StartError::Describe(failure.into_rpc_error(&inner.limits).message))?;
        inner.card = Arc::new(card::introduced(said, &inner.card));
        Ok(inner)
    }

    /// A line to it for one principal.
    pub(crate) fn open(&self, principal: Principal) -> Link {
        let serve = PrincipalsLine { server: Arc::clone(&self.0), principal: principal.clone() };
        Link::new(principal, Arc::new(serve))
    }
}

impl Parts {
    fn find(
        instances: &InstancePre<Host>,
        served: &BTreeSet<String>,
        all: &BTreeSet<String>,
    ) -> wasmtime::Result<Self> {
        let serves = |part: &str| served.contains(part);
        let identity = all.iter().any(|export| export.starts_with("lockgate:mcp/identity@"));
        Ok(Self {
            tools: serves("tools").then(|| exports::tools::GuestIndices::new(instances)).transpose()?,
            resources: serves("resources").then(|| exports::resources::GuestIndices::new(instances)).transpose()?,
            prompts: serves("prompts").then(|| exports::prompts::GuestIndices::new(instances)).transpose()?,
            completions: serves("completions")
                .then(|| exports::completions::GuestIndices::new(instances))
                .transpose()?,
            identity: identity.then(|| exports::identity::GuestIndices::new(instances)).transpose()?,
        })
    }
}

/// One principal's line to the server.
struct PrincipalsLine {
    server: Arc<Inner>,
    principal: Principal,
}

impl Serve for PrincipalsLine {
    fn known_card(&self) -> Option<Arc<Card>> {
        Some(Arc::clone(&self.server.card))
    }

    fn call(&self, request: Request) -> Call {
        let (answers, receiver) = mpsc::unbounded_channel();
        let cancelled = Arc::new(AtomicBool::new(false));
        let (server, principal) = (Arc::clone(&self.server), self.principal.clone());
        let guests = server.engine.guests.clone();
        let flag = Arc::clone(&cancelled);
        let task = guests.spawn(async move {
            let outcome = server.serve(&principal, &request, answers.clone(), flag).await;
            // Nobody listens any more: the call was cancelled.
            let _ = answers.send(Answer::Done(outcome));
        });
        Call::new(receiver, move || {
            cancelled.store(true, Ordering::Release);
            guests.spawn(async move {
                tokio::time::sleep(GRACE).await;
                task.abort();
            });
        })
    }
}

impl Inner {
    async fn serve(
        &self,
        principal: &Principal,
        request: &Request,
        answers: mpsc::UnboundedSender<Answer>,
        cancelled: Arc<AtomicBool>,
    ) -> Result<Json, RpcError> {
        // Neither semaphore is ever closed; if one were, running without its bound would still be within the pool's.
        let _mine = self.running.acquire().await;
        let _of_all = self.engine.instances.acquire().await;
        if cancelled.load(Ordering::Acquire) {
            return Err(RpcError::new(crate::message::code::INTERNAL_ERROR, "the call was cancelled"));
        }
        let outlet = Outlet::new(answers, self.limits.output, cancelled, params::meta(request));
        self.within_limits(Some(principal), outlet, async |server, store, instance| {
            let result = request::serve(server, principal, request, store, instance).await?;
            store.data_mut().outlet.charge(result.as_str().len()).map_err(wasmtime::Error::from)?;
            Ok(result)
        })
        .await
        .map_err(|failure| failure.into_rpc_error(&self.limits))
    }

    /// Makes an instance for a principal, if it is one's, and lets `work` use it. Both end with the limits, whatever the guest does.
    async fn within_limits<T>(
        &self,
        principal: Option<&Principal>,
        outlet: Outlet,
        work: impl AsyncFnOnce(&Self, &mut Store<Host>, &Instance) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let deadline = Instant::now() + self.limits.time;
        let _ticking = self.engine.clock.tick();
        let may_go_on = move || Instant::now() < deadline;
        let mut store = self.sandbox.store(&self.engine, principal, outlet, Streams::Log, may_go_on)?;
        let run = async {
            let instance = self.instances.instantiate_async(&mut store).await?;
            work(self, &mut store, &instance).await
        };
        // The guest's own time ends at a tick; this ends the waiting for something outside of it.
        let done = tokio::time::timeout_at(deadline.into(), run).await.unwrap_or(Err(Failure::TimedOut));
        done.map_err(|failure| failure.with_memory(store.data().hit_memory_limit()))
    }
}
