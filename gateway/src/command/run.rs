//! `lockgate run`: serves servers to one client on stdin and stdout, or to many over HTTP.

use std::os::fd::AsFd;
use std::sync::Arc;

use clap::Args;
use lockgate_runtime::{Principal, Runtime, Server, Spec};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

use super::listen::Listen;
use super::selection::{Chosen, Selections};
use super::trusting::Trusting;
use super::{Common, block_on};
use crate::error::{CommandError, Kind};
use crate::report::{self, Detail};
use crate::servers::{Servers, Slot};
use crate::transport::hang_up::hung_up;
use crate::transport::{http, stdio};

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    selection: Selections,
    #[command(flatten)]
    listen: Listen,
    #[command(flatten)]
    trusting: Trusting,
}

pub(super) fn execute(common: &Common, args: RunArgs) -> Result<(), CommandError> {
    let config = common.config()?;
    let chosen = args.selection.servers(&config)?;
    allow_many_files();
    let opened = args.listen.open(common)?;
    let listeners = opened.iter().map(|opened| opened.listening.address()).collect();
    let runtime = Arc::new(common.runtime_behind(listeners, Detail::Full, &config, &args.trusting)?);
    let served = block_on(async {
        let servers = start(&runtime, chosen).await?;
        let (mut terminated, mut interrupted) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        if let Some(opened) = opened {
            opened.announce();
            let shutdown = async move {
                tokio::select! {
                    _ = terminated.recv() => {}
                    _ = interrupted.recv() => {}
                }
            };
            http::serve(opened.listening, Arc::new(servers), opened.access, shutdown).await?;
            return Ok(());
        }
        let stdout = std::io::stdout().as_fd().try_clone_to_owned()?;
        let shutdown = async move {
            tokio::select! {
                _ = terminated.recv() => {}
                _ = interrupted.recv() => {}
                () = hung_up(stdout) => {}
            }
        };
        stdio::serve(servers.all(), Principal::local(), std::io::stdin(), std::io::stdout(), shutdown)
            .await
            .map_err(|error| CommandError::from_error(Kind::Failed, &error))
    });
    // What is still being started may hold it yet.
    runtime.close();
    served
}

/// Starts the servers. A single one has to run before any client is served; of several, each comes when it is ready,
/// and one that does not start takes only itself away.
async fn start(runtime: &Arc<Runtime>, chosen: Vec<Chosen>) -> Result<Servers, CommandError> {
    let mut slots = Vec::new();
    if let [Chosen { spec, .. }] = &*chosen {
        let plan = runtime.resolve(spec.clone()).await?;
        slots.push(Slot::ready(plan.name.clone(), runtime.start(&plan).await?));
    } else {
        for Chosen { spec, prefix, .. } in chosen {
            let (runtime, name) = (Arc::clone(runtime), spec.name.clone());
            slots.push(Slot::starting(name, prefix, start_one(runtime, spec)));
        }
    }
    Servers::new(slots, |line| report::write_line(&line)).map_err(|error| CommandError::from_error(Kind::Usage, &error))
}

async fn start_one(runtime: Arc<Runtime>, spec: Spec) -> Result<Server, String> {
    let name = spec.name.clone();
    let started = async {
        let plan = runtime.resolve(spec).await?;
        Ok::<_, CommandError>(runtime.start(&plan).await?)
    };
    started.await.map_err(|error| {
        report::write_line(&format!(
            "[{name}] does not start: {}",
            error.text().trim_start_matches("lockgate: ").trim_end()
        ));
        error.message().to_owned()
    })
}

/// Raises the number of open files to what the system lets this program have: files and connections of all calls count
/// together, and the usual limit is for one person's shell.
fn allow_many_files() {
    let limit = getrlimit(Resource::Nofile);
    // Without it, fewer calls can hold files at the same time.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
