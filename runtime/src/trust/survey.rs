//! What can be known of an artifact that nobody is trusted for yet: who signed it, what is inside, how it was built.

use std::sync::Arc;

use serde::Serialize;

use super::authority::Authority;
use super::claimed::Claimed;
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
    /// The item of a scope's `signers` that trusts them.
    pub line: String,
    /// Whether they signed the artifact itself, and did not only attest something of it.
    pub signed: bool,
}

impl Surveyed {
    pub(super) fn new(authority: &Authority, signed: bool) -> Self {
        let name = authority.name.escape_debug().to_string();
        Self { name, line: remedy::signer(authority), signed }
    }
}

/// Those who can be told apart: who signed with a key that nobody has at hand cannot.
pub(super) fn identities(claimed: &[Claimed]) -> (Vec<Arc<Authority>>, bool) {
    let mut identities = Vec::new();
    let mut with_a_key = false;
    for claimed in claimed {
        match claimed {
            Claimed::Identity(authority) => identities.push(Arc::clone(authority)),
            Claimed::Key { .. } => with_a_key = true,
        }
    }
    (identities, with_a_key)
}
