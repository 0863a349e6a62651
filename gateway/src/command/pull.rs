//! `lockgate pull`: bring a component to this machine, or an artifact with all that speaks for it into a folder.

use std::path::{Path, PathBuf};

use clap::Args;
use lockgate_runtime::{Copied, Digest, InvalidReference, Reference, Transferred};
use serde::Serialize;

use super::trusting::Trusting;
use super::{Common, Format, block_on, output};
use crate::error::CommandError;
use crate::report::{Detail, write_line};

#[derive(Debug, Args)]
pub(super) struct PullArgs {
    /// What to pull, as REGISTRY/REPOSITORY:TAG or REGISTRY/REPOSITORY@sha256:DIGEST; with --to, also docker://IMAGE
    #[arg(value_name = "REF", value_parser = parse_reference)]
    reference: Named,
    /// Copy it with its signatures and attestations into a folder in the OCI layout, to use it as oci-layout:DIR
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// With --to: bring signatures from this repository, too
    #[arg(long, value_name = "REGISTRY/REPOSITORY", requires = "to", value_parser = parse_repository)]
    signatures: Option<Reference>,
}

/// A reference, and whether it is one of an image.
#[derive(Debug, Clone)]
struct Named {
    reference: Reference,
    is_image: bool,
}

pub(super) fn execute(common: &Common, args: PullArgs) -> Result<(), CommandError> {
    let PullArgs { reference: Named { reference, is_image }, to, signatures } = args;
    let config = common.config()?;
    let runtime = common.runtime(Detail::Brief, &config, &Trusting::default())?;
    if let Some(folder) = to {
        let copied = block_on(async { Ok(runtime.copy(&reference, signatures.as_ref(), &folder).await?) })?;
        return print_copied(common, &reference, &folder, &copied);
    }
    if is_image {
        let message = "the container engine pulls images itself, when they run";
        let hint = format!("to copy this one into a folder: lockgate pull docker://{reference} --to DIR");
        return Err(CommandError::new(crate::error::Kind::Usage, message).hint(hint));
    }
    let pulled = block_on(async { Ok(runtime.pull(&reference).await?) })?;
    print(common, &reference.to_string(), &pulled)
}

fn parse_reference(text: &str) -> Result<Named, InvalidReference> {
    match text.strip_prefix("docker://") {
        Some(image) => Ok(Named { reference: Reference::of_image(image)?, is_image: true }),
        None => Ok(Named { reference: text.parse()?, is_image: false }),
    }
}

/// A repository. Which tag it is asked for does not matter.
fn parse_repository(text: &str) -> Result<Reference, String> {
    let reference = format!("{text}:any").parse();
    reference.map_err(|_| "it is no repository; write REGISTRY/REPOSITORY, as docker.io/mcp/signatures".to_owned())
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

fn print_copied(common: &Common, reference: &Reference, folder: &Path, copied: &Copied) -> Result<(), CommandError> {
    #[derive(Serialize)]
    #[serde(rename_all = "kebab-case")]
    struct Document<'a> {
        reference: &'a Reference,
        digest: Digest,
        folder: &'a Path,
        manifests: usize,
        bytes: u64,
        left_out: usize,
    }
    let Copied { manifest: digest, manifests, bytes, left_out } = *copied;
    if left_out > 0 {
        write_line(&format!(
            "warning: {left_out} things beside it were not copied: they are not there any more, too large, or too many"
        ));
    }
    match common.format {
        Format::Json => output::json(&Document { reference, digest, folder, manifests, bytes, left_out }),
        Format::Text => output::text_line(&digest.to_string()),
    }
}
