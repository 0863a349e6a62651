//! Who signs what is pushed: whoever has a key, or whom a token names.

mod identity;
mod named;

use std::io::{Error, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use clap::Args;
use lockgate_runtime::{Predicate, PublishError, Signer, SignerIdentity, Signing, SigningError, SigningKey};
use serde::Serialize;
use zeroize::Zeroizing;

use self::identity::Identity;
use crate::error::{CommandError, Kind};
use crate::files;
use crate::report::write_line;

/// The largest file that is read as a private key, in bytes.
const MAX_KEY_BYTES: u64 = 16 * 1024;

#[derive(Debug, Args)]
pub(super) struct SignerArgs {
    /// Sign it with this private key (PEM as `openssl genpkey` writes it; ECDSA on P-256 or Ed25519), or, without one, by
    /// --identity-token
    #[arg(long, num_args = 0..=1, value_name = "KEY.pem")]
    sign: Option<Option<PathBuf>>,
    #[command(flatten)]
    identity: Identity,
}

/// What others need to know of a signer, besides how their policies name them, as it is printed.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Known<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<Named<'a>>,
}

#[derive(Serialize)]
struct Named<'a> {
    issuer: &'a str,
    subject: &'a str,
}

impl SignerArgs {
    /// Reads who signs, and attests all of these; nothing where nobody is to sign.
    pub(super) fn read(self, predicates: Vec<Predicate>) -> Result<Option<Signer>, CommandError> {
        let Self { sign: Some(key), identity } = self else { return Ok(None) };
        let usage = |problem: &str| CommandError::new(Kind::Usage, problem).hint("nothing was pushed");
        match (key, identity.is_given()) {
            (Some(_), true) => Err(usage("sign with a key or by an identity token, not with both")),
            (Some(key), false) => {
                let signing = Signing::new(read_key(&key)?, public_name(&key), predicates);
                Ok(Some(Signer::Key(Box::new(signing))))
            }
            (None, true) => Ok(Some(Signer::Identity(Box::new(identity.read(predicates)?)))),
            (None, false) => Err(usage(
                "nobody is named who signs; write --sign KEY.pem, or --sign with --identity-token and who you are",
            )),
        }
    }
}

/// What others need to know of a signer.
pub(super) fn known<'a>(signer: &'a Signer, identity: Option<&'a SignerIdentity>) -> Known<'a> {
    let public_key = match signer {
        Signer::Key(signing) => Some(signing.public_pem()),
        Signer::Identity(_) => None,
    };
    let named = |SignerIdentity { issuer, subject }: &'a SignerIdentity| Named {
        issuer: issuer.expose(),
        subject: subject.expose(),
    };
    Known { public_key, identity: identity.map(named) }
}

/// What users keep beside their policy, in words that follow what they write into it; nothing where they have it.
pub(super) fn beside(signer: &Signer) -> Option<String> {
    match signer {
        Signer::Key(signing) => Some(format!(
            "keep this public key beside it, as {}. Tell them both where they know you:\n\n{}",
            signing.public_name(),
            signing.public_pem()
        )),
        Signer::Identity(keyless) => {
            let instance = keyless.instance();
            let root = || format!("keep the keys of your instance beside it, as {}.", instance.root_name());
            (!instance.is_public_good()).then(root)
        }
    }
}

fn read_key(path: &Path) -> Result<SigningKey, CommandError> {
    let unusable = |problem: String| {
        CommandError::new(Kind::Usage, format!("the key {} cannot be used: {problem}", named::shown(path)))
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

/// Why a file that a person named was not read.
pub(super) fn reason(error: &Error) -> String {
    if error.kind() == ErrorKind::NotFound { "there is no such file".to_owned() } else { error.to_string() }
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
