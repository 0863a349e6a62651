//! How an artifact was judged, and on what grounds. Plain data that can be printed.

use serde::Serialize;

use super::Basis;
use super::provenance::ProvenanceSummary;
use super::reason::Reason;
use super::sbom::SbomSummary;
use crate::artifact::Digest;

/// How an artifact was judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// What was asked for.
    pub reference: String,
    /// The manifest that it is now; of an image, the index comes before the platform's own.
    pub manifests: Vec<Digest>,
    /// When it was judged (RFC 3339).
    pub at: String,
    /// The scope of the policy that it falls under, as it is written there; none where only the default holds.
    pub scope: Option<String>,
    /// Where that is written.
    pub policy: String,
    /// What came out.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// What its scope asks for, and who met it, or why nobody did.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requirements: Vec<Requirement>,
    /// What is inside, as those say who are trusted for that.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sboms: Vec<SbomSummary>,
    /// How it was built, as those say who are trusted for that.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub provenance: Vec<ProvenanceSummary>,
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
        /// Who vouches for it, each once.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        signers: Vec<SignedBy>,
        /// What its scope asks for in vain, where it runs all the same.
        #[serde(skip_serializing_if = "Option::is_none")]
        warning: Option<Problem>,
    },
    /// It may not run.
    Refused {
        /// Why.
        #[serde(flatten)]
        why: Problem,
        /// What would let it run.
        remedies: Vec<Remedy>,
    },
}

/// Why something may not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// As a code that stays the same.
    pub reason: Reason,
    /// In words.
    pub problem: String,
}

/// Something that a scope asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Requirement {
    /// What it is: `signature`, `attestation TYPE`, `sbom`, `provenance`.
    pub what: String,
    /// Whether it is met.
    pub held: bool,
    /// Who met it, each once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<SignedBy>,
    /// Why nobody did.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub why: Option<Problem>,
    /// What is wrong besides, each once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Problem>,
    /// How much more is wrong than is listed.
    #[serde(skip_serializing_if = "is_zero")]
    pub more: usize,
}

/// A trusted signer that signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignedBy {
    /// What the policy calls the signer: the path of a key, or a subject and who vouches for it.
    pub name: String,
    /// The digest of the key, or whom the certificate names, safe to show.
    pub identity: String,
    /// Under which trust root a certificate, log or timestamp counts; none for a key that was asked for none of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
    /// Whether it is shown to be in a transparency log.
    pub logged: bool,
    /// When it signed, where somebody else says so (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

/// What would let an artifact run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Remedy {
    /// When it is right to do so, and where it is written.
    pub when: String,
    /// What is written, exactly.
    pub write: String,
}

impl Decision {
    /// What was judged, with its digest.
    pub(crate) fn named(&self) -> String {
        match self.manifests.first().map(ToString::to_string) {
            Some(digest) if !self.reference.ends_with(&digest) => format!("{} ({digest})", self.reference),
            _ => self.reference.clone(),
        }
    }

    /// Who vouches for it.
    pub fn signers(&self) -> &[SignedBy] {
        match &self.verdict {
            Verdict::Accepted { signers, .. } => signers,
            Verdict::Refused { .. } => &[],
        }
    }
}

/// The most problems that are listed beside the first.
const MAX_ALSO: usize = 9;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands every field over by reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl SignedBy {
    /// Whether a key signed, and no certificate says whose it is.
    pub fn is_by_key(&self) -> bool {
        self.identity.parse::<Digest>().is_ok()
    }
}

impl Requirement {
    /// Adds what is wrong: the first is why it is not met.
    pub(crate) fn refuse(&mut self, problems: impl IntoIterator<Item = Problem>) {
        for problem in problems {
            self.held = false;
            match &self.why {
                None => self.why = Some(problem),
                Some(why) if *why == problem || self.also.contains(&problem) => {}
                Some(_) if self.also.len() < MAX_ALSO => self.also.push(problem),
                Some(_) => self.more += 1,
            }
        }
    }
}

impl From<Reason> for Problem {
    fn from(reason: Reason) -> Self {
        Self { reason, problem: reason.words().to_owned() }
    }
}

impl Problem {
    /// The reason, with more words.
    pub(crate) fn with(reason: Reason, more: impl std::fmt::Display) -> Self {
        Self { reason, problem: format!("{}: {more}", reason.words()) }
    }
}
