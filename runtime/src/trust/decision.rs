//! How an artifact was judged, and on what grounds. Plain data that can be printed.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Basis;
use super::policy::LogRule;
use crate::artifact::Digest;

/// How an artifact was judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// What was asked for.
    pub reference: String,
    /// The manifest that it is now; of an image, the index comes before the platform's own.
    pub manifests: Vec<Digest>,
    /// The scope of the policy that it falls under, as it is written there; none where only the default holds.
    pub scope: Option<String>,
    /// What came out.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// What was checked, in this order, in words.
    pub checked: Vec<String>,
}

/// What came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Verdict {
    /// It may run.
    Accepted {
        /// Why.
        basis: Basis,
        /// The manifest that was signed, reviewed or waived.
        #[serde(skip_serializing_if = "Option::is_none")]
        manifest: Option<Digest>,
        /// Who signed it, each key once.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        signers: Vec<SignedBy>,
    },
    /// It may not run.
    Refused {
        /// Why, as a code that stays the same.
        reason: Reason,
        /// Why, in words.
        problem: String,
        /// What would let it run.
        remedies: Vec<Remedy>,
    },
}

/// A trusted key that signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignedBy {
    /// What the policy calls the key.
    pub key: String,
    /// The digest of the key.
    pub fingerprint: Digest,
    /// Whether its signature had to be logged.
    pub log: LogRule,
}

/// What would let an artifact run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Remedy {
    /// When it is right to do so, and where it is written.
    pub when: String,
    /// What is written, exactly.
    pub write: String,
}

/// Why an artifact may not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// No scope is for it, and the default is to reject.
    NoScope,
    /// Its scope wants a signature, and nobody signed it.
    Unsigned,
    /// Its scope has reviewed digests alone, and not this one.
    NotReviewed,
    /// There are signatures, and none is by a key that its scope trusts, or it was altered.
    UnknownSigner,
    /// What lies in the place for signatures is none.
    NoSignature,
    /// Whether there are signatures could not be found out.
    SignaturesUnavailable,
    /// What a trusted key signed is not what cosign writes.
    PayloadUnreadable,
    /// A trusted key signed another type of statement.
    OtherStatement,
    /// A trusted key signed another manifest.
    OtherDigest,
    /// A trusted key signed for another repository.
    OtherRepository,
    /// A trusted key signed without naming a repository.
    NoRepository,
    /// A trusted key signed, and it was not logged, which the scope asks for.
    NotLogged,
    /// What should show that a signature was logged cannot be read.
    LogUnreadable,
    /// What should show that a signature was logged does not.
    LogMismatch,
    /// The keys of the transparency log that are shipped inside cannot be used.
    NoLogKeys,
}

impl Decision {
    /// What was judged, with its digest.
    pub(crate) fn named(&self) -> String {
        match self.manifests.first().map(ToString::to_string) {
            Some(digest) if !self.reference.ends_with(&digest) => format!("{} ({digest})", self.reference),
            _ => self.reference.clone(),
        }
    }
}

impl Reason {
    /// Whether a person may let it run for once. Bad signatures, and those that might be there, are never overlooked.
    pub(crate) fn can_be_waived(self) -> bool {
        matches!(self, Self::NoScope | Self::Unsigned | Self::NotReviewed)
    }

    /// Why, in words that follow the name of the artifact.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::NoScope => "your trust policy has no scope for it, and rejects what has none",
            Self::Unsigned => "nobody signed it, and its scope wants a signature",
            Self::NotReviewed => "its digest is not among those that its scope has as reviewed",
            Self::UnknownSigner => "it is signed, but not by a key that its scope trusts; or its signature was altered",
            Self::NoSignature => "what lies in the place for its signatures is none",
            Self::SignaturesUnavailable => "whether it is signed could not be found out",
            Self::PayloadUnreadable => "a trusted key signed something that cannot be read",
            Self::OtherStatement => "a trusted key signed another type of statement",
            Self::OtherDigest => "its signature is for other content: it was copied here, or the content was changed",
            Self::OtherRepository => "its signature is for another repository: it was copied here",
            Self::NoRepository => "its signature names no repository, so it counts in none",
            Self::NotLogged => "its signature was not logged, and its scope wants that",
            Self::LogUnreadable => "what should show that its signature was logged cannot be read",
            Self::LogMismatch => {
                "what should show that its signature was logged was made for another signature, by another log, or was altered"
            }
            Self::NoLogKeys => "the keys of the transparency log inside this program cannot be used",
        }
    }
}

/// The code.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}
