//! Components of the command shape: `wasi:cli/run` that speaks MCP of the older era on its stdin and stdout. One instance
//! serves one session of an older client, or all other clients of one principal together.

mod input;
mod output;
mod patience;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};
use wasmtime_wasi::I32Exit;
use wasmtime_wasi::p2::bindings::CommandPre;

use self::input::Input;
use self::output::Output;
use self::patience::Patience;
use super::client::Outlet;
use super::code::Loaded;
use super::engine::Engine;
use super::host::{Host, Sandbox, Streams, TimeLimit, linker};
use super::native::{StartError, failure};
use crate::executor::peer::{CallLimits, Connect, Connection, Idle, Lines, Listeners, Peer};
use crate::message::{Incoming, Message, RpcError, code};
use crate::plan::Plan;
use crate::principal::Principal;
use crate::server::{Caller, ClientSession, Link};
use crate::settings::Event;
use crate::untrusted::Untrusted;

/// How many messages wait in each direction; whoever sends more waits.
const WAITING: usize = 8;

/// How long an instance may take to end after its stdin has ended.
const GRACE: Duration = Duration::from_secs(2);

/// How much of a line that is no message is shown, in bytes.
const MAX_SHOWN: usize = 1000;

/// A component that is ready to be started for a client.
pub(crate) struct CommandServer(Lines<Command>);

struct Command {
    engine: Arc<Engine>,
    sandbox: Arc<Sandbox>,
    program: CommandPre<Host>,
    limits: CallLimits,
}

impl CommandServer {
    /// Links the component; it runs once somebody wants something of it.
    pub(crate) fn start(
        engine: Arc<Engine>,
        loaded: &Loaded,
        plan: &Plan,
        sandbox: Sandbox,
    ) -> Result<Self, StartError> {
        let contract = |error: wasmtime::Error| StartError::Contract(failure::one_line(&error));
        let program = linker(&engine, &plan.grant)
            .and_then(|linker| linker.instantiate_pre(&loaded.component))
            .and_then(CommandPre::new)
            .map_err(contract)?;
        let threads = engine.guests.clone();
        let command = Command { engine, sandbox: Arc::new(sandbox), program, limits: CallLimits::from(&plan.limits) };
        Ok(Self(Lines::new(command, Idle::HERE, threads)))
    }

    /// A line to it for one client.
    pub(crate) fn open(&self, caller: Caller) -> Link {
        self.0.open(caller)
    }

    /// Ends all that runs of it.
    pub(crate) fn close(&self, reason: &str) {
        self.0.close(reason);
    }
}

impl Connect for Command {
    fn connect(
        self: Arc<Self>,
        principal: Principal,
        session: Option<ClientSession>,
        listeners: Arc<Listeners>,
    ) -> BoxFuture<'static, Result<Peer, RpcError>> {
        Box::pin(async move {
            let (outgoing, to_guest) = mpsc::channel(WAITING);
            let (from_guest, incoming) = mpsc::channel(WAITING);
            let (ended, end) = oneshot::channel();
            let limits = self.limits;
            self.engine.guests.clone().spawn(self.live(principal, to_guest, from_guest, ended));
            let peer = Peer::connect(Connection { outgoing, incoming, end }, session.as_ref(), limits, listeners).await;
            peer.map_err(|error| RpcError::new(code::INTERNAL_ERROR, error.to_string()))
        })
    }
}

impl Command {
    /// Runs an instance until it ends, or nobody listens to it any more.
    async fn live(
        self: Arc<Self>,
        principal: Principal,
        to_guest: mpsc::Receiver<Message>,
        from_guest: mpsc::Sender<Incoming>,
        ended: oneshot::Sender<String>,
    ) {
        let patience = Arc::new(Patience::new(&self.engine.clock, self.limits.time));
        let (server, hooks) = (self.sandbox.server.clone(), self.sandbox.hooks.clone());
        let garbage = move |line: &[u8]| {
            let start = String::from_utf8_lossy(&line[..line.len().min(MAX_SHOWN)]).into_owned();
            (hooks.event)(Event::GuestWrote { server: server.clone(), line: Untrusted::new(start) });
        };
        let input = Input::new(to_guest, Arc::clone(&patience));
        let mut run = pin!(self.run(&principal, input, Output::new(from_guest.clone(), garbage), patience));
        tokio::select! {
            why = &mut run => {
                // Nobody asks where the connection was closed on this side.
                let _ = ended.send(why);
            }
            // Its stdin has ended as well: it may finish what it began.
            () = from_guest.closed() => drop(tokio::time::timeout(GRACE, run).await),
        }
    }

    /// Runs an instance, and says how it ended.
    async fn run(&self, principal: &Principal, input: Input, output: Output, patience: Arc<Patience>) -> String {
        // Never closed; if it were, running without its bound would still be within the pool's.
        let _of_all = self.engine.instances.acquire().await;
        let (answers, _nobody) = mpsc::unbounded_channel();
        // It has no way to say anything there: that is for components of the native shape.
        let outlet = Outlet::new(answers, 0, Arc::default(), None);
        let streams = Streams::Client { stdin: Box::new(input), stdout: Box::new(output) };
        let mut store =
            match self.sandbox.store(&self.engine, Some(principal), outlet, streams, move || !patience.is_over()) {
                Ok(store) => store,
                Err(error) => return failure::one_line(&error),
            };
        let ended = async {
            let command = self.program.instantiate_async(&mut store).await?;
            command.wasi_cli_run().call_run(&mut store).await
        };
        match ended.await {
            Ok(Ok(())) => "the server ended by itself".to_owned(),
            Ok(Err(())) => "the server ended with an error".to_owned(),
            Err(error) if store.data().hit_memory_limit() => {
                let mib = self.sandbox.memory >> 20;
                format!("the server needed more than {mib} MiB, its memory limit ({})", failure::one_line(&error))
            }
            Err(error) => match (error.downcast_ref::<I32Exit>(), error.downcast_ref::<TimeLimit>()) {
                (Some(I32Exit(code)), _) => format!("the server exited with code {code}"),
                (_, Some(TimeLimit)) => {
                    format!("the server computed for longer than {:?}, its time limit", self.limits.time)
                }
                _ => failure::one_line(&error),
            },
        }
    }
}
