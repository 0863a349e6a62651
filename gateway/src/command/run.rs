//! `lockgate run`: serves servers to one client on stdin and stdout, or to many over HTTP.

use std::os::fd::AsFd;
use std::sync::Arc;

use clap::Args;
use lockgate_runtime::Principal;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

use super::listen::Listen;
use super::locking::{Locking, Starter};
use super::rejudging::Rejudging;
use super::selection::{Chosen, Selections};
use super::trusting::Trusting;
use super::{Common, block_on};
use crate::error::{CommandError, Kind};
use crate::report::{self, Detail};
use crate::servers::{Servers, Slot, Started};
use crate::transport::hang_up::hung_up;
use crate::transport::{http, stdio};

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    selection: Selections,
    #[command(flatten)]
    listen: Listen,
    #[command(flatten)]
    locking: Locking,
    #[command(flatten)]
    trusting: Trusting,
}

pub(super) fn execute(common: &Common, args: RunArgs) -> Result<(), CommandError> {
    let config = common.config()?;
    let chosen = args.selection.servers(&config)?;
    allow_many_files();
    let opened = args.listen.open(common)?;
    let listeners = opened.iter().map(|opened| opened.listening.address()).collect();
    let trust = args.trusting.read(&common.folders()?, &config)?;
    let rejudging = Rejudging::new(common, args.trusting.clone(), trust.clone())?;
    let runtime = Arc::new(common.runtime_behind(listeners, Detail::Full, &config, trust)?);
    let starter = Starter::open(Arc::clone(&runtime), common, &config, &args.locking, &args.trusting, &chosen)?;
    starter.note_unlocked();
    let served = block_on(async {
        let servers = Arc::new(start(starter, chosen).await?);
        // Ends with everything else that runs here.
        tokio::spawn(rejudging.go_on(Arc::clone(&runtime), Arc::clone(&servers)));
        let (mut terminated, mut interrupted) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        if let Some(opened) = opened {
            opened.announce();
            let shutdown = async move {
                tokio::select! {
                    _ = terminated.recv() => {}
                    _ = interrupted.recv() => {}
                }
            };
            http::serve(opened.listening, servers, opened.access, shutdown).await?;
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
async fn start(starter: Starter, mut chosen: Vec<Chosen>) -> Result<Servers, CommandError> {
    let mut slots = Vec::new();
    if chosen.len() == 1
        && let Some(only) = chosen.pop()
    {
        let name = only.spec.name.clone();
        slots.push(Slot::ready(name, starter.start(only).await?));
    }
    let starter = Arc::new(starter);
    for chosen in chosen {
        let (name, prefix) = (chosen.spec.name.clone(), chosen.prefix.clone());
        slots.push(Slot::starting(name, prefix, start_one(Arc::clone(&starter), chosen)));
    }
    Servers::new(slots, |line| report::write_line(&line)).map_err(|error| CommandError::from_error(Kind::Usage, &error))
}

async fn start_one(starter: Arc<Starter>, chosen: Chosen) -> Result<Started, String> {
    let name = chosen.spec.name.clone();
    starter.start(chosen).await.map_err(|error| {
        report::write_block(&format!("[{name}] does not start: "), &error);
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
