//! `lockgate push`: make a component an artifact that others can pull.

use std::path::PathBuf;

use clap::Args;
use lockgate_runtime::Destination;

use super::pull::print;
use super::{Common, block_on};
use crate::error::CommandError;
use crate::report::Detail;

#[derive(Debug, Args)]
pub(super) struct PushArgs {
    /// The component
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where to push it, as REGISTRY/REPOSITORY:TAG or oci-layout:DIR:TAG
    #[arg(value_name = "REF")]
    destination: Destination,
    /// Start the credential program that Docker's configuration names
    #[arg(long)]
    credential_programs: bool,
}

pub(super) fn execute(common: &Common, args: PushArgs) -> Result<(), CommandError> {
    let PushArgs { file, destination, credential_programs } = args;
    let runtime = common.runtime_with(Detail::Brief, credential_programs)?;
    let pushed = block_on(async { Ok(runtime.push(file, &destination).await?) })?;
    print(common, &destination.to_string(), &pushed)
}
