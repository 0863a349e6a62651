//! `lockgate push`: make a component an artifact that others can pull, and vouch for it.

use std::io::{Error, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use clap::Args;
use lockgate_runtime::{
    Digest, InvalidPredicate, Predicate, PublishError, Published, PushTarget, Signing, SigningError, SigningKey,
    Transferred,
};
use serde::Serialize;
use zeroize::Zeroizing;

use super::pull::print;
use super::trusting::Trusting;
use super::{Common, Format, block_on, output};
use crate::error::{CommandError, Kind};
use crate::files;
use crate::report::{Detail, write_line};

/// The largest file that is read as a private key, in bytes.
const MAX_KEY_BYTES: u64 = 16 * 1024;

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
    /// Sign it with this private key (PEM as `openssl genpkey` writes it; ECDSA on P-256 or Ed25519)
    #[arg(long, value_name = "KEY.pem")]
    sign: Option<PathBuf>,
    /// With --sign: attest this SBOM of it (SPDX or CycloneDX, JSON)
    #[arg(long, requires = "sign", value_name = "FILE")]
    sbom: Vec<PathBuf>,
    /// With --sign: attest how it was built (SLSA provenance, or an in-toto statement with it, JSON)
    #[arg(long, requires = "sign", value_name = "FILE")]
    provenance: Vec<PathBuf>,
}

pub(super) fn execute(common: &Common, args: PushArgs) -> Result<(), CommandError> {
    let PushArgs { file, destination, sign, sbom, provenance } = args;
    let signing = sign.map(|key| signing(&key, &sbom, &provenance)).transpose()?;
    let config = common.config()?;
    let runtime = common.runtime(Detail::Brief, &config, &Trusting::default())?;
    let Some(signing) = signing else {
        let pushed = block_on(async { Ok(runtime.push(file, &destination).await?) })?;
        return print(common, &destination.to_string(), &pushed);
    };
    let published = block_on(async { Ok(runtime.publish(file, &destination, &signing).await?) })?;
    print_published(common, &destination.to_string(), &published, &signing)
}

/// Reads the key, and all that is attested.
pub(super) fn signing(key: &Path, sboms: &[PathBuf], provenance: &[PathBuf]) -> Result<Signing, CommandError> {
    let sboms = sboms.iter().map(|path| predicate(path, "SBOM", Predicate::sbom));
    let provenance = provenance.iter().map(|path| predicate(path, "provenance", Predicate::provenance));
    let predicates = sboms.chain(provenance).collect::<Result<_, _>>()?;
    Ok(Signing::new(read_key(key)?, public_name(key), predicates))
}

fn read_key(path: &Path) -> Result<SigningKey, CommandError> {
    let unusable = |problem: String| {
        CommandError::new(Kind::Usage, format!("the key {} cannot be used: {problem}", path.display()))
    };
    let bytes = files::read(path, MAX_KEY_BYTES).map(Zeroizing::new).map_err(|error| unusable(reason(&error)))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| unusable("it is no text".to_owned()))?;
    let key = SigningKey::from_pem(text).map_err(|error| unusable(error.to_string()))?;
    if std::fs::metadata(path).is_ok_and(|meta| meta.mode() & 0o077 != 0) {
        write_line(&format!(
            "warning: others on this machine can read the private key {0}; to change that: chmod 600 {0}",
            path.display()
        ));
    }
    Ok(key)
}

/// What users call the public key: as the private one, with the ending that cosign gives it.
fn public_name(key: &Path) -> String {
    let stem = key.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' };
    format!("{}.pub", stem.chars().map(plain).collect::<String>())
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

fn reason(error: &Error) -> String {
    if error.kind() == ErrorKind::NotFound { "there is no such file".to_owned() } else { error.to_string() }
}

/// Prints by which digest it can be pulled, and what users need to trust it.
fn print_published(
    common: &Common,
    reference: &str,
    published: &Published,
    signing: &Signing,
) -> Result<(), CommandError> {
    #[derive(Serialize)]
    #[serde(rename_all = "kebab-case")]
    struct Document<'a> {
        reference: &'a str,
        digest: Digest,
        component: Digest,
        bytes: u64,
        scope: &'a str,
        public_key: &'a str,
    }
    let Published { transferred: Transferred { manifest: digest, component, bytes }, scope } = published;
    let (digest, component, bytes) = (*digest, *component, *bytes);
    match common.format {
        Format::Json => {
            output::json(&Document { reference, digest, component, bytes, scope, public_key: signing.public_pem() })
        }
        Format::Text => output::text_line(&format!(
            "{digest}\n\nUsers write into their trust.toml:\n\n{scope}\n\nand keep this public key beside it, as {}. Tell them both where they know you:\n\n{}",
            signing.public_name(),
            signing.public_pem()
        )),
    }
}

impl From<PublishError> for CommandError {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Push(error) => error.into(),
            PublishError::Signing(problem) => {
                let kind = if problem == SigningError::Key { Kind::Failed } else { Kind::Usage };
                Self::from_error(kind, &problem).hint("nothing was pushed")
            }
            PublishError::Partly { .. } => Self::from_error(Kind::Failed, &error)
                .hint("once that is put right, run the same command again: what is there is not sent a second time"),
        }
    }
}
