//! `lockgate compile-worker`: the child that compiles. Only Lockgate itself starts it.

use clap::{Args, ValueEnum};
use lockgate_runtime::{Profile, compile_worker};

use crate::error::{CommandError, Kind};

#[derive(Debug, Args)]
pub(super) struct CompileWorkerArgs {
    #[arg(value_enum)]
    profile: ProfileName,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ProfileName {
    Pooled,
    Small,
}

pub(super) fn execute(args: &CompileWorkerArgs) -> Result<(), CommandError> {
    let profile = match args.profile {
        ProfileName::Pooled => Profile::Pooled,
        ProfileName::Small => Profile::Small,
    };
    compile_worker(profile, std::io::stdin().lock(), std::io::stdout().lock())
        .map_err(|error| CommandError::from_error(Kind::Failed, &error))
}
