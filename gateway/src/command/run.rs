//! `lockgate run`: serves a server to one client on stdin and stdout.

use std::os::fd::AsFd;

use clap::Args;
use lockgate_runtime::Principal;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

use super::selection::Selection;
use super::trusting::Trusting;
use super::{Common, block_on};
use crate::error::{CommandError, Kind};
use crate::report::Detail;
use crate::servers::View;
use crate::transport::hang_up::hung_up;
use crate::transport::stdio;

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    trusting: Trusting,
}

pub(super) fn execute(common: &Common, args: RunArgs) -> Result<(), CommandError> {
    let spec = args.selection.spec()?;
    allow_many_files();
    let runtime = common.runtime_trusting(Detail::Full, &args.trusting)?;
    block_on(async {
        let plan = runtime.resolve(spec).await?;
        let server = runtime.start(&plan).await?;
        let view = View::of(plan.name.clone(), server);
        let (mut terminated, mut interrupted) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let stdout = std::io::stdout().as_fd().try_clone_to_owned()?;
        let shutdown = async move {
            tokio::select! {
                _ = terminated.recv() => {}
                _ = interrupted.recv() => {}
                () = hung_up(stdout) => {}
            }
        };
        stdio::serve(view, Principal::local(), std::io::stdin(), std::io::stdout(), shutdown)
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
