//! What can be known of an artifact that nobody is trusted for yet: who signed it, what is inside, how it was built.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;

use super::authority::Authority;
use super::claimed::{Claimant, Claimed};
use super::provenance::ProvenanceSummary;
use super::remedy;
use super::sbom::SbomSummary;
use crate::artifact::Digest;

/// What was found beside an artifact, for a person to decide on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Survey {
    /// What was asked for.
    pub reference: String,
    /// The name that a scope would be for.
    pub name: String,
    /// The manifest that it is now.
    pub manifest: Digest,
    /// Who signed it, as far as that can be shown, and what a policy would say to trust them.
    pub signers: Vec<Surveyed>,
    /// What is inside, as these signers say.
    pub sboms: Vec<SbomSummary>,
    /// How it was built, as these signers say.
    pub provenance: Vec<ProvenanceSummary>,
    /// What is not there, or cannot be shown, in words.
    pub missing: Vec<String>,
}

/// Somebody who signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Surveyed {
    /// Whom the certificate names and who vouches for that, or the path of a key; safe to show.
    pub name: String,
    /// The item that trusts them: of a scope's `signers`, or of its `attestations` where they signed nothing.
    pub line: String,
    /// Whether they signed the artifact itself, and did not only attest something of it.
    pub signed: bool,
    /// The types of what they attested of it.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub attested: BTreeSet<String>,
}

impl Surveyed {
    /// Somebody who signed or attested something; nothing where no policy has words for what they attested.
    pub(super) fn new(authority: &Authority, signed: bool, attested: BTreeSet<String>) -> Option<Self> {
        let name = authority.name.escape_debug().to_string();
        let item = remedy::signer(authority);
        let line = if signed { item } else { remedy::attestation(remedy::most_telling(&attested)?, &item) };
        Some(Self { name, line, signed, attested })
    }

    /// What of all that they attested is asked for of the next one.
    pub fn most_telling(&self) -> Option<&str> {
        remedy::most_telling(&self.attested)
    }
}

/// Those who can be told apart.
pub(super) fn named(claimed: &[Claimed]) -> Vec<Arc<Authority>> {
    let named = claimed.iter().filter_map(|claimed| match &claimed.who {
        Claimant::Named(authority) => Some(Arc::clone(authority)),
        Claimant::Key { .. } => None,
    });
    named.collect()
}

/// What is said of those who cannot: with which key they signed, nobody here knows.
pub(super) fn with_a_key(claimed: &[Claimed]) -> Option<&'static str> {
    let mut keys = claimed.iter().filter(|claimed| matches!(claimed.who, Claimant::Key { .. })).peekable();
    keys.peek()?;
    Some(if keys.any(|claimed| claimed.signed) {
        "it is signed with a key that is not known here; give it with --key FILE"
    } else {
        "something is attested of it with a key that is not known here; give it with --key FILE"
    })
}
