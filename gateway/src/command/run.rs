//! `lockgate run`: serves a server to one client on stdin and stdout, or to many over HTTP.

use std::os::fd::AsFd;
use std::sync::Arc;

use clap::Args;
use lockgate_runtime::Principal;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

use super::listen::Listen;
use super::selection::Selection;
use super::{Common, block_on};
use crate::error::{CommandError, Kind};
use crate::report::Detail;
use crate::servers::{Servers, Slot};
use crate::transport::hang_up::hung_up;
use crate::transport::{http, stdio};

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    listen: Listen,
}

pub(super) fn execute(common: &Common, args: RunArgs) -> Result<(), CommandError> {
    let spec = args.selection.spec()?;
    allow_many_files();
    let opened = args.listen.open(common)?;
    let listeners = opened.iter().map(|opened| opened.listening.address()).collect();
    let runtime = common.runtime_behind(listeners, Detail::Full)?;
    block_on(async {
        let plan = runtime.resolve(spec).await?;
        let server = runtime.start(&plan).await?;
        let servers = Servers::new(vec![Slot::ready(plan.name.clone(), server)])
            .map_err(|error| CommandError::from_error(Kind::Usage, &error))?;
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
    })
}

/// Raises the number of open files to what the system lets this program have: files and connections of all calls count
/// together, and the usual limit is for one person's shell.
fn allow_many_files() {
    let limit = getrlimit(Resource::Nofile);
    // Without it, fewer calls can hold files at the same time.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
