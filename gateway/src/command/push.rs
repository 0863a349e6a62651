//! `lockgate push`: make a component an artifact that others can pull.

use std::path::PathBuf;

use clap::Args;
use lockgate_runtime::PushTarget;

use super::pull::print;
use super::trusting::Trusting;
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
    destination: PushTarget,
}

pub(super) fn execute(common: &Common, args: PushArgs) -> Result<(), CommandError> {
    let PushArgs { file, destination } = args;
    let config = common.config()?;
    let runtime = common.runtime(Detail::Brief, &config, &Trusting::default())?;
    let pushed = block_on(async { Ok(runtime.push(file, &destination).await?) })?;
    print(common, &destination.to_string(), &pushed)
}
