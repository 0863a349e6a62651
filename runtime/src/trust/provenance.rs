//! Where an artifact comes from, as its builder claims it: SLSA provenance 0.2 and 1.
//!
//! ```text
//! predicate of an authenticated statement ─ Provenance::read ─▶ Provenance ─ ProvenanceRules::check ─▶ faults
//! ```
//!
//! What a predicate says is worth as much as the word of whoever signed it. Where that was a build with a certificate,
//! the certificate says as well which builder and which source it was, and both have to say the same.

mod check;
mod rules;
mod slsa;
mod source;

use std::collections::BTreeMap;

use serde::Serialize;

pub(crate) use check::{CertificateClaims, ProvenanceFault};
pub(crate) use rules::ProvenanceRules;
pub(crate) use slsa::TYPES;
pub(crate) use source::SourceUri;

use crate::untrusted::Untrusted;

/// What a builder says of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Provenance {
    pub(crate) version: SlsaVersion,
    /// Who built it: a URI (`builder.id`).
    pub(crate) builder: String,
    /// How it was built: a URI.
    pub(crate) build_type: String,
    /// What it was built from, where the build type says so in a way that is known.
    pub(crate) source: Option<BuildSource>,
    /// What went into the build.
    pub(crate) materials: Vec<Material>,
}

/// The version of the predicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum SlsaVersion {
    /// `https://slsa.dev/provenance/v0.2`
    #[serde(rename = "0.2")]
    V0_2,
    /// `https://slsa.dev/provenance/v1`
    #[serde(rename = "1")]
    V1,
}

/// What an artifact was built from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BuildSource {
    pub(crate) repository: SourceUri,
    /// The branch or tag, as `refs/tags/v1`.
    pub(crate) git_ref: Option<String>,
    /// The commit.
    pub(crate) commit: Option<String>,
}

/// Something that went into a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Material {
    pub(crate) uri: Untrusted,
    /// By algorithm.
    pub(crate) digests: BTreeMap<String, String>,
}

/// Provenance in a few words. It is a claim, whoever signed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ProvenanceSummary {
    slsa: SlsaVersion,
    builder: String,
    build_type: String,
    source: Option<String>,
    #[serde(rename = "ref")]
    git_ref: Option<String>,
    commit: Option<String>,
    materials: usize,
}

impl Provenance {
    /// It in a few words.
    pub(crate) fn summary(&self) -> ProvenanceSummary {
        let source = self.source.as_ref();
        ProvenanceSummary {
            slsa: self.version,
            builder: self.builder.clone(),
            build_type: self.build_type.clone(),
            source: source.map(|source| source.repository.to_string()),
            git_ref: source.and_then(|source| source.git_ref.clone()),
            commit: source.and_then(|source| source.commit.clone()),
            materials: self.materials.len(),
        }
    }
}

impl ProvenanceSummary {
    /// One line for a person, as `built by https://… from https://github.com/acme/tools at refs/tags/v1`.
    pub fn line(&self) -> String {
        let mut line = format!("built by {}", shown(&self.builder));
        if let Some(source) = &self.source {
            line.push_str(&format!(" from {}", shown(source)));
        }
        if let Some(git_ref) = &self.git_ref {
            line.push_str(&format!(" at {}", shown(git_ref)));
        }
        if let Some(commit) = &self.commit {
            line.push_str(&format!(" ({})", shown(commit.get(..12).unwrap_or(commit))));
        }
        line
    }
}

/// A stranger's words as part of a sentence for a person.
fn shown(words: &str) -> String {
    Untrusted::new(words).to_line(160)
}

#[cfg(test)]
mod tests;
