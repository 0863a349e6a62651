//! Whom a command trusts: the policy's file, and what is waived for this once.

use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use clap::Args;
use lockgate_runtime::{Digest, TrustPolicy};

use crate::error::{CommandError, Kind};
use crate::files;

/// The largest policy or key that is read, in bytes.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// The heading of these flags in the help.
const TRUST: &str = "Whom to trust (trust.toml in the configuration folder; without it, nobody)";

#[derive(Debug, Default, Args)]
pub(super) struct Trusting {
    #[command(flatten)]
    policy: PolicyFile,
    /// Run this manifest once though nobody vouches for it; a bad signature is never overlooked
    #[arg(long = "allow-unsigned", help_heading = TRUST, value_name = "DIGEST")]
    waived: Vec<Digest>,
}

#[derive(Debug, Default, Args)]
pub(super) struct PolicyFile {
    /// Use this trust policy in place of trust.toml
    #[arg(long = "trust-policy", help_heading = TRUST, value_name = "FILE")]
    policy: Option<PathBuf>,
}

/// Whom this run trusts.
#[derive(Debug, Default)]
pub(super) struct Trust {
    pub(super) policy: TrustPolicy,
    /// The manifests that run though nobody vouches for them.
    pub(super) waived: Vec<Digest>,
    /// The files that say so, which no server may touch.
    pub(super) files: Vec<PathBuf>,
}

impl Trusting {
    /// Reads what the flags, or else the person's policy, say.
    pub(super) fn read(&self, config: &Path) -> Result<Trust, CommandError> {
        let trust = self.policy.read(config)?;
        Ok(Trust { waived: self.waived.clone(), ..trust })
    }
}

impl From<PolicyFile> for Trusting {
    fn from(policy: PolicyFile) -> Self {
        Self { policy, waived: Vec::new() }
    }
}

impl PolicyFile {
    /// Reads the policy. Without a file in the configuration folder, nobody is trusted.
    fn read(&self, config: &Path) -> Result<Trust, CommandError> {
        let path = self.policy.clone().unwrap_or_else(|| config.join("trust.toml"));
        let text = match read_file(&path) {
            Ok(bytes) => String::from_utf8(bytes).map_err(|_| unusable(&path, "it is no UTF-8 text"))?,
            Err(error) if error.kind() == ErrorKind::NotFound && self.policy.is_none() => {
                let policy = TrustPolicy::default().in_file(path.display().to_string());
                return Ok(Trust { policy, ..Trust::default() });
            }
            Err(error) => return Err(unusable(&path, &error.to_string())),
        };
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut files = vec![path.clone()];
        let mut read_key = |key: &Path| {
            let key = folder.join(key);
            files.push(key.clone());
            read_file(&key)
        };
        let policy = TrustPolicy::read(&text, &mut read_key).map_err(|error| unusable(&path, &error.to_string()))?;
        let files = files.iter().map(std::path::absolute).collect::<Result<_, _>>()?;
        Ok(Trust { policy: policy.in_file(path.display().to_string()), waived: Vec::new(), files })
    }
}

/// Reads a policy or a key.
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, Error> {
    files::read(path, MAX_FILE_BYTES)
}

fn unusable(path: &Path, problem: &str) -> CommandError {
    CommandError::new(Kind::Usage, format!("the trust policy {} cannot be used: {problem}", path.display()))
        .hint("nothing runs until it can be read: correct it, or take it away to trust nobody")
}
