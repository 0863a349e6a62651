//! `lockgate push`: make a component an artifact that others can pull, and vouch for it.

use std::path::{Path, PathBuf};

use clap::Args;
use lockgate_runtime::{Digest, InvalidPredicate, Predicate, Published, PushTarget, Signer, Transferred};
use serde::Serialize;

use super::pull::print;
use super::signer::{Known, SignerArgs, beside, known, reason};
use super::trusting::Trusting;
use super::{Common, Format, block_on, output};
use crate::error::{CommandError, Kind};
use crate::files;
use crate::report::Detail;

/// The largest file that is read as an SBOM or provenance, in bytes.
const MAX_PREDICATE_BYTES: u64 = 40 << 20;

#[derive(Debug, Args)]
pub(super) struct PushArgs {
    /// The component
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where to push it, as REGISTRY/REPOSITORY:TAG or oci-layout:DIR:TAG
    #[arg(value_name = "REF")]
    destination: PushTarget,
    #[command(flatten)]
    signer: SignerArgs,
    /// With --sign: attest this SBOM of it (SPDX or CycloneDX, JSON)
    #[arg(long, requires = "sign", value_name = "FILE")]
    sbom: Vec<PathBuf>,
    /// With --sign: attest how it was built (SLSA provenance, or an in-toto statement with it, JSON)
    #[arg(long, requires = "sign", value_name = "FILE")]
    provenance: Vec<PathBuf>,
}

pub(super) fn execute(common: &Common, args: PushArgs) -> Result<(), CommandError> {
    let PushArgs { file, destination, signer, sbom, provenance } = args;
    let signer = signer.read(predicates(&sbom, &provenance)?)?;
    let config = common.config()?;
    let runtime = common.runtime(Detail::Brief, &config, &Trusting::default())?;
    let Some(signer) = signer else {
        let pushed = block_on(async { Ok(runtime.push(file, &destination).await?) })?;
        return print(common, &destination.to_string(), &pushed);
    };
    let published = block_on(async { Ok(runtime.publish(file, &destination, &signer).await?) })?;
    print_published(common, &destination.to_string(), &published, &signer)
}

/// Reads all that is attested.
fn predicates(sboms: &[PathBuf], provenance: &[PathBuf]) -> Result<Vec<Predicate>, CommandError> {
    let sboms = sboms.iter().map(|path| predicate(path, "SBOM", Predicate::sbom));
    let provenance = provenance.iter().map(|path| predicate(path, "provenance", Predicate::provenance));
    sboms.chain(provenance).collect()
}

fn predicate(
    path: &Path,
    what: &str,
    read: impl Fn(&str) -> Result<Predicate, InvalidPredicate>,
) -> Result<Predicate, CommandError> {
    let unusable = |problem: String| {
        CommandError::new(Kind::Usage, format!("{} cannot be attested as {what}: {problem}", path.display()))
            .hint("nothing was pushed; correct it, or push without it")
    };
    let bytes = files::read(path, MAX_PREDICATE_BYTES).map_err(|error| unusable(reason(&error)))?;
    let text = String::from_utf8(bytes).map_err(|_| unusable("it is no UTF-8 text".to_owned()))?;
    read(&text).map_err(|error| unusable(error.to_string()))
}

/// Prints by which digest it can be pulled, and what users need to trust it.
fn print_published(
    common: &Common,
    reference: &str,
    published: &Published,
    signer: &Signer,
) -> Result<(), CommandError> {
    #[derive(Serialize)]
    struct Document<'a> {
        reference: &'a str,
        digest: Digest,
        component: Digest,
        bytes: u64,
        scope: &'a str,
        #[serde(flatten)]
        known: Known<'a>,
    }
    let Published { transferred: Transferred { manifest: digest, component, bytes }, scope, identity } = published;
    let (digest, component, bytes) = (*digest, *component, *bytes);
    match common.format {
        Format::Json => {
            let known = known(signer, identity.as_ref());
            output::json(&Document { reference, digest, component, bytes, scope, known })
        }
        Format::Text => {
            let more = beside(signer).map(|words| format!("\n\nand {words}")).unwrap_or_default();
            output::text_line(&format!("{digest}\n\nUsers write into their trust.toml:\n\n{scope}{more}"))
        }
    }
}
