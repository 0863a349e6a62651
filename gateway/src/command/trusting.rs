//! Whom a command trusts: the policy's file, and what is waived for this once.

use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use clap::Args;
use lockgate_runtime::{Digest, SignerKey, TrustPolicy};

use crate::config::{Config, FilesBeside, MAX_POLICY_BYTES, OWN_FILE, ReadPolicy, own_trust};
use crate::environment::Folders;
use crate::error::{CommandError, Kind};
use crate::files;

/// The name of the person's policy in the configuration folder.
pub(super) const OWN_POLICY: &str = "trust.toml";

/// Where an administrator says what all of this machine may trust at most.
pub(super) const MACHINE_POLICY: &str = "/etc/lockgate/trust.toml";

/// The heading of these flags in the help.
const TRUST: &str = "Whom to trust (trust.toml in the configuration folder; without it, Docker's own images alone)";

#[derive(Debug, Clone, Default, Args)]
pub(super) struct Trusting {
    #[command(flatten)]
    policy: PolicyFile,
    /// Run this manifest once though nobody vouches for it; a bad signature is never overlooked
    #[arg(long = "allow-unsigned", help_heading = TRUST, value_name = "DIGEST")]
    waived: Vec<Digest>,
}

#[derive(Debug, Clone, Default, Args)]
pub(super) struct PolicyFile {
    /// Use this trust policy in place of trust.toml
    #[arg(long = "trust-policy", help_heading = TRUST, value_name = "FILE")]
    policy: Option<PathBuf>,
}

/// Whom this run trusts.
#[derive(Debug, Clone, Default)]
pub(super) struct Trust {
    /// What the machine trusts at most.
    pub(super) ceiling: Option<ReadPolicy>,
    pub(super) policy: ReadPolicy,
    /// The manifests that run though nobody vouches for them.
    pub(super) waived: Vec<Digest>,
}

impl Trusting {
    /// Reads what the flags, or else the person's policy, say; and what the machine's says, which nothing lifts.
    pub(super) fn read(&self, folders: &Folders, config: &Config) -> Result<Trust, CommandError> {
        let policy = self.policy.read(folders, config.trust.clone())?;
        Ok(Trust { ceiling: machine_ceiling(folders)?, policy, waived: self.waived.clone() })
    }

    /// Reads the person's policy alone, whatever else is configured.
    pub(super) fn read_own(&self, folders: &Folders) -> Result<ReadPolicy, CommandError> {
        let configured = match own_trust(folders) {
            // What is in a file of its own does not wait for another to be in order.
            Err(_) if self.policy.policy.is_some() || folders.config.join(OWN_POLICY).exists() => None,
            configured => configured?,
        };
        self.policy.read(folders, configured)
    }

    /// Where the person's policy is read from, or would be if there were one.
    pub(super) fn places(&self, folder: &Path) -> Vec<PathBuf> {
        let own = [OWN_POLICY, OWN_FILE].map(|name| folder.join(name));
        self.policy.policy.iter().cloned().chain(own).collect()
    }
}

impl From<PolicyFile> for Trusting {
    fn from(policy: PolicyFile) -> Self {
        Self { policy, waived: Vec::new() }
    }
}

impl PolicyFile {
    /// Reads the policy; `configured` is the one in the configuration. Without any, only what is shipped is trusted.
    fn read(&self, folders: &Folders, configured: Option<ReadPolicy>) -> Result<ReadPolicy, CommandError> {
        let own = folders.config.join(OWN_POLICY);
        match (&self.policy, configured) {
            (Some(path), _) => read_whole(path, folders)?.ok_or_else(|| unusable(path, "there is no such file")),
            (None, None) => Ok(read_whole(&own, folders)?.unwrap_or_else(|| ReadPolicy {
                policy: TrustPolicy::default().in_file(own.display().to_string()),
                files: Vec::new(),
            })),
            (None, Some(_)) if own.exists() => {
                let message = format!("there is a [trust] in the configuration, and {} as well", own.display());
                Err(CommandError::new(Kind::Usage, message).hint("keep one of them"))
            }
            (None, Some(configured)) => Ok(configured),
        }
    }
}

/// What the machine trusts at most, if it has a policy.
pub(super) fn machine_ceiling(folders: &Folders) -> Result<Option<ReadPolicy>, CommandError> {
    read_whole(Path::new(MACHINE_POLICY), folders)
}

/// Reads a policy of its own file, with the files that it is made of. Nothing where there is none.
fn read_whole(path: &Path, folders: &Folders) -> Result<Option<ReadPolicy>, CommandError> {
    let mut files = Vec::new();
    let policy = read_policy(path, folders, &mut files)?;
    Ok(policy.map(|policy| ReadPolicy { policy, files }))
}

/// Reads a policy of its own file, and adds the files that it is made of. Nothing where there is none.
pub(super) fn read_policy(
    path: &Path,
    folders: &Folders,
    files: &mut Vec<PathBuf>,
) -> Result<Option<TrustPolicy>, CommandError> {
    let text = match read_file(path) {
        Ok(bytes) => String::from_utf8(bytes).map_err(|_| unusable(path, "it is no UTF-8 text"))?,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unusable(path, &error.to_string())),
    };
    let mut beside = FilesBeside::new(path)?.with_roots(folders.roots());
    let policy = TrustPolicy::read(&text, &mut beside).map_err(|error| unusable(path, &error.to_string()))?;
    files.extend(beside.into_files());
    Ok(Some(policy.in_file(path.display().to_string())))
}

/// Reads a policy or a key.
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, Error> {
    files::read(path, MAX_POLICY_BYTES)
}

/// Reads a signer's public key, which is called what its path is.
pub(super) fn read_key(path: &Path) -> Result<(String, SignerKey), CommandError> {
    let name = path.display().to_string();
    let unusable =
        |problem: String| CommandError::new(Kind::Usage, format!("the key {name} cannot be used: {problem}"));
    let bytes = read_file(path).map_err(|error| unusable(error.to_string()))?;
    let key = SignerKey::from_pem(&String::from_utf8_lossy(&bytes)).map_err(|error| unusable(error.to_string()))?;
    Ok((name, key))
}

fn unusable(path: &Path, problem: &str) -> CommandError {
    CommandError::new(Kind::Usage, format!("the trust policy {} cannot be used: {problem}", path.display()))
        .hint("nothing runs until it can be read: correct it, or take it away to trust nobody")
}
