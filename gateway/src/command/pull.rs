//! `lockgate pull`: bring a component to this machine.

use clap::Args;
use lockgate_runtime::{Digest, Reference, Transferred};
use serde::Serialize;

use super::trusting::Trusting;
use super::{Common, Format, block_on, output};
use crate::error::CommandError;
use crate::report::Detail;

#[derive(Debug, Args)]
pub(super) struct PullArgs {
    /// What to pull, as REGISTRY/REPOSITORY:TAG or REGISTRY/REPOSITORY@sha256:DIGEST
    #[arg(value_name = "REF")]
    reference: Reference,
}

pub(super) fn execute(common: &Common, args: PullArgs) -> Result<(), CommandError> {
    let PullArgs { reference } = args;
    let config = common.config()?;
    let runtime = common.runtime(Detail::Brief, &config, &Trusting::default())?;
    let pulled = block_on(async { Ok(runtime.pull(&reference).await?) })?;
    print(common, &reference.to_string(), &pulled)
}

/// Prints by which digest an artifact can be pulled.
pub(super) fn print(common: &Common, reference: &str, transferred: &Transferred) -> Result<(), CommandError> {
    #[derive(Serialize)]
    struct Document<'a> {
        reference: &'a str,
        digest: Digest,
        component: Digest,
        bytes: u64,
    }
    let Transferred { manifest, component, bytes } = *transferred;
    match common.format {
        Format::Json => output::json(&Document { reference, digest: manifest, component, bytes }),
        Format::Text => output::text_line(&manifest.to_string()),
    }
}
