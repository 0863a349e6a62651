//! The form of a trust policy, as a person writes it: strict TOML, where everything keeps its place for messages.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::{Fallback, Mode};
use crate::trust::authority::Need;
use crate::trust::identity::Claim;
use crate::trust::provenance::ProvenanceRules;
use crate::trust::sbom::SbomRules;

/// A trust policy that was read as TOML, and of which nothing is checked yet: in a file of its own, or the table
/// `[trust]` of a configuration file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenTrustPolicy {
    pub(super) default: Fallback,
    /// Whether the scopes that are shipped with this program hold where no other does.
    #[serde(default = "yes")]
    pub(super) shipped: bool,
    #[serde(default)]
    pub(super) deny: Vec<Spanned<String>>,
    #[serde(default, rename = "include")]
    pub(super) includes: Vec<WrittenInclude>,
    /// Trust roots that come by TUF, by the names that signers use.
    #[serde(default)]
    pub(super) roots: BTreeMap<Spanned<String>, Spanned<WrittenRoot>>,
    #[serde(default, rename = "scope")]
    pub(super) scopes: Vec<Spanned<WrittenScope>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenRoot {
    /// Where it comes from: a URL, or the name of an instance whose first metadata is shipped.
    pub(super) tuf: String,
    /// The file with the metadata that trust in it begins with.
    pub(super) root: Option<String>,
    /// What the trusted root is called there.
    pub(super) target: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenScope {
    #[serde(rename = "match")]
    pub(super) pattern: Spanned<String>,
    pub(super) builtin: Option<Spanned<Builtin>>,
    /// Whose log and timestamps count for the signers that `builtin` stands for; others name their own.
    pub(super) root: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) mode: Mode,
    #[serde(default)]
    pub(super) signers: Vec<Spanned<WrittenSigner>>,
    pub(super) threshold: Option<Spanned<usize>>,
    pub(super) signatures: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) digests: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) attestations: Vec<WrittenAttestations>,
    pub(super) sbom: Option<Spanned<SbomRules>>,
    pub(super) provenance: Option<Spanned<ProvenanceRules>>,
}

/// A policy that lies in a registry.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct WrittenInclude {
    pub(super) policy: Spanned<String>,
    pub(super) signers: Vec<Spanned<WrittenSigner>>,
    pub(super) threshold: Option<Spanned<usize>>,
    pub(super) max_age: Spanned<String>,
    pub(super) refresh: Option<Spanned<String>>,
}

/// Signers that are shipped with this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Builtin {
    /// Docker's key for the images of its MCP catalog, whose signatures lie in a repository of their own.
    DockerMcp,
    /// Docker's key for its hardened images, which signs their attestations.
    DockerHardened,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenAttestations {
    #[serde(rename = "type")]
    pub(super) predicate_type: Spanned<String>,
    #[serde(default)]
    pub(super) signers: Vec<Spanned<WrittenSigner>>,
}

/// A key, or an identity that a certificate names.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct WrittenSigner {
    pub(super) key: Option<String>,
    pub(super) issuer: Option<String>,
    pub(super) subject: Option<String>,
    pub(super) subject_pattern: Option<String>,
    pub(super) root: Option<String>,
    pub(super) log: Option<Need>,
    pub(super) sct: Option<Need>,
    pub(super) timestamp: Option<Need>,
    source: Option<String>,
    source_digest: Option<String>,
    source_ref: Option<String>,
    source_id: Option<String>,
    owner_id: Option<String>,
    workflow: Option<String>,
    signer: Option<String>,
    signer_digest: Option<String>,
    runner: Option<String>,
    trigger: Option<String>,
    environment: Option<String>,
}

impl WrittenSigner {
    /// What a certificate has to say besides.
    pub(super) fn claims(&self) -> BTreeMap<Claim, String> {
        let claims = [
            (Claim::Source, &self.source),
            (Claim::SourceDigest, &self.source_digest),
            (Claim::SourceRef, &self.source_ref),
            (Claim::SourceId, &self.source_id),
            (Claim::OwnerId, &self.owner_id),
            (Claim::Workflow, &self.workflow),
            (Claim::Signer, &self.signer),
            (Claim::SignerDigest, &self.signer_digest),
            (Claim::Runner, &self.runner),
            (Claim::Trigger, &self.trigger),
            (Claim::Environment, &self.environment),
        ];
        claims.into_iter().filter_map(|(claim, value)| Some((claim, value.clone()?))).collect()
    }
}

fn yes() -> bool {
    true
}
