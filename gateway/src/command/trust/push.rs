//! `lockgate trust push`: publishes a policy, so that the policies of others can include it.

use std::collections::BTreeMap;
use std::io::Error;
use std::path::{Path, PathBuf};

use clap::Args;
use lockgate_runtime::{Digest, PolicyFiles, PublishedPolicy, PushTarget, Signer, TrustPolicy};
use serde::Serialize;

use super::super::signer::{Known, SignerArgs, beside, known};
use super::super::trusting::{Trusting, read_file};
use super::super::{Common, Format, block_on, output};
use crate::config::FilesBeside;
use crate::error::{CommandError, Kind};
use crate::report::Detail;

#[derive(Debug, Args)]
pub(super) struct PushArgs {
    /// The policy; the keys and trust roots that it names go along
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where to push it, as REGISTRY/REPOSITORY:TAG
    #[arg(value_name = "REF")]
    destination: PushTarget,
    #[command(flatten)]
    signer: SignerArgs,
}

pub(super) fn execute(common: &Common, args: PushArgs) -> Result<(), CommandError> {
    let PushArgs { file, destination, signer } = args;
    let signer = signer.read(Vec::new())?.ok_or_else(|| {
        CommandError::new(Kind::Usage, "nobody follows a policy that nobody signed")
            .hint("nothing was pushed; write --sign KEY.pem, or --sign with --identity-token and who you are")
    })?;
    if let PushTarget::Layout { .. } = destination {
        return Err(CommandError::new(Kind::Usage, "a policy is followed in a registry, where it was signed to be")
            .hint("nothing was pushed; name the place as REGISTRY/REPOSITORY:TAG"));
    }
    let (text, files) = read(&file)?;
    let config = common.config()?;
    let runtime = common.runtime(Detail::Brief, &config, &Trusting::default())?;
    let published = block_on(async { Ok(runtime.publish_policy(text, files, &destination, &signer).await?) })?;
    print(common, &destination.to_string(), &published, &signer)
}

/// Prints by which digest it can be pulled, and what others need to follow it.
fn print(common: &Common, reference: &str, published: &PublishedPolicy, signer: &Signer) -> Result<(), CommandError> {
    #[derive(Serialize)]
    struct Document<'a> {
        reference: &'a str,
        digest: Digest,
        include: &'a str,
        #[serde(flatten)]
        known: Known<'a>,
    }
    let PublishedPolicy { manifest: digest, include, identity } = published;
    let (digest, known) = (*digest, known(signer, identity.as_ref()));
    match common.format {
        Format::Json => output::json(&Document { reference, digest, include, known }),
        Format::Text => {
            let more = beside(signer).map(|words| format!("\n\nand {words}")).unwrap_or_default();
            output::text_line(&format!(
                "{digest}\n\nPublish it again before it is older than their max-age. Those who follow it write into their trust.toml:\n\n{include}{more}"
            ))
        }
    }
}

/// A policy that others may include, with the files that it is made of.
fn read(file: &Path) -> Result<(String, BTreeMap<String, Vec<u8>>), CommandError> {
    let unusable = |problem: String| {
        CommandError::new(Kind::Usage, format!("{} cannot be pushed: {problem}", file.display()))
            .hint("nothing was pushed")
    };
    let bytes = read_file(file).map_err(|error| unusable(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| unusable("it is no UTF-8 text".to_owned()))?;
    let mut packing = Packing { beside: FilesBeside::new(file)?, files: BTreeMap::new() };
    let policy = TrustPolicy::read(&text, &mut packing).map_err(|error| unusable(error.to_string()))?;
    policy.includable().map_err(|problem| unusable(problem.to_owned()))?;
    Ok((text, packing.files))
}

/// Takes along what a policy reads.
struct Packing {
    beside: FilesBeside,
    files: BTreeMap<String, Vec<u8>>,
}

impl PolicyFiles for Packing {
    fn read(&mut self, path: &Path) -> Result<Vec<u8>, Error> {
        let name = path.to_str().ok_or_else(|| Error::other("its name is no UTF-8 text"))?;
        let bytes = self.beside.read(path)?;
        self.files.insert(name.to_owned(), bytes.clone());
        Ok(bytes)
    }

    fn path(&mut self, path: &Path) -> Result<PathBuf, Error> {
        TrustPolicy::everybodys_path(path)
    }
}
