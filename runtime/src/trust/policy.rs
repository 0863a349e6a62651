//! The trust policy: whose signatures, and which reviewed digests, let an artifact run.

mod file;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub use file::InvalidTrustPolicy;

use super::key::SignerKey;
use super::scope::{Name, Pattern};
use crate::artifact::Digest;

/// Who is trusted for what. Without any rule it rejects everything.
#[derive(Debug, Clone, Default)]
pub struct TrustPolicy {
    /// The file that a person reads and writes it in, for messages.
    place: String,
    /// Whether anybody has written it.
    written: bool,
    default: Fallback,
    scopes: Vec<Scope>,
}

/// What holds for artifacts that no scope is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Fallback {
    /// They do not run.
    #[default]
    Reject,
    /// They run, and are shown as not verified at every start.
    AllowUnsigned,
}

/// One rule: what lets artifacts of some repositories run. It has a signer or a digest.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    /// What it is for, as it was written.
    pub(crate) written: String,
    pattern: Pattern,
    /// Whose signature is enough.
    pub(crate) signers: Vec<Signer>,
    /// Manifests that a person reviewed.
    pub(crate) digests: BTreeSet<Digest>,
}

/// A key that signs, and whether its signatures count without having been logged.
#[derive(Debug, Clone)]
pub(crate) struct Signer {
    /// What the policy calls it: the path of its file, as it was written.
    pub(crate) name: String,
    pub(crate) key: SignerKey,
    pub(crate) log: LogRule,
}

/// Whether a signature has to be in the transparency log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogRule {
    /// It counts only with a promise of Sigstore's public log to keep it (a signed entry timestamp).
    Required,
    /// Whether it was logged is not looked at.
    Ignore,
}

impl Scope {
    /// Whether it stands for a key on the command line, and in no file.
    pub(crate) fn is_of_command_line(&self) -> bool {
        self.pattern == Pattern::Everything
    }
}

impl TrustPolicy {
    /// A policy of one key, for everything.
    pub fn of_key(name: String, key: SignerKey, log: LogRule) -> Self {
        let signers = vec![Signer { name, key, log }];
        let scope =
            Scope { written: "--key".to_owned(), pattern: Pattern::Everything, signers, digests: BTreeSet::new() };
        Self { scopes: vec![scope], ..Self::default() }
    }

    /// The same policy, which messages say is written in this file.
    pub fn in_file(self, place: String) -> Self {
        Self { place, ..self }
    }

    /// Where to write something into it, in words.
    pub(crate) fn place(&self) -> &str {
        if self.place.is_empty() { "trust.toml" } else { &self.place }
    }

    /// Whether anybody has written it.
    pub(crate) fn is_written(&self) -> bool {
        self.written
    }

    /// The most specific scope for this name.
    pub(crate) fn scope(&self, name: &Name) -> Option<&Scope> {
        self.scopes.iter().filter(|scope| scope.pattern.matches(name)).max_by_key(|scope| scope.pattern.specificity())
    }

    /// What holds where there is none.
    pub(crate) fn fallback(&self) -> Fallback {
        self.default
    }
}
