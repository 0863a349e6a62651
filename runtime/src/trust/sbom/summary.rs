//! An SBOM in a few words.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::licence::Licence;
use super::{Format, Sbom};
use crate::untrusted::Untrusted;

/// The most names of one kind in a summary.
const MAX_SHOWN: usize = 20;

/// What a publisher says is inside. It is a claim, whoever signed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SbomSummary {
    format: Format,
    version: &'static str,
    /// How many packages it names, without the artifact itself.
    pub packages: usize,
    /// How many of them have no package URL, so that no advisory can be looked up for them.
    pub without_purl: usize,
    /// How many of them say nothing of their licence, or nothing that a machine can judge.
    pub without_licence: usize,
    /// The licences that most of them have, with how many.
    #[serde(serialize_with = "exposed_counts")]
    licences: Vec<(Untrusted, usize)>,
    #[serde(serialize_with = "exposed")]
    authors: Vec<Untrusted>,
    #[serde(serialize_with = "exposed")]
    tools: Vec<Untrusted>,
    created: Option<jiff::Timestamp>,
    /// What a person should know of it, where it was checked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

impl Sbom {
    /// It in a few words.
    pub(crate) fn summary(&self) -> SbomSummary {
        let packages = || self.packages.iter().filter(|package| !package.is_subject);
        let mut counts = BTreeMap::<&str, (Untrusted, usize)>::new();
        for licence in packages().flat_map(|package| &package.licences).map(Licence::written) {
            counts.entry(licence.expose()).or_insert_with(|| (licence.clone(), 0)).1 += 1;
        }
        let mut licences: Vec<(Untrusted, usize)> = counts.into_values().collect();
        licences.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        licences.truncate(MAX_SHOWN);
        let first = |names: &[Untrusted]| names.iter().take(MAX_SHOWN).cloned().collect();
        SbomSummary {
            format: self.format,
            version: self.version,
            packages: packages().count(),
            without_purl: packages().filter(|package| package.purls.is_empty()).count(),
            without_licence: packages()
                .filter(|package| package.licences.is_empty() || package.licences.iter().any(|one| one.is_unknown()))
                .count(),
            licences,
            authors: first(&self.authors),
            tools: first(&self.tools),
            created: self.created,
            remarks: Vec::new(),
        }
    }
}

impl SbomSummary {
    /// It, with what came out of a check besides faults.
    pub(crate) fn with_remarks(self, remarks: Vec<String>) -> Self {
        Self { remarks, ..self }
    }

    /// One line for a person, as `SPDX 2.3, 12 packages (MIT 7, Apache-2.0 5), by Acme with syft 1.0, 2026-01-02`.
    pub fn line(&self) -> String {
        let shown = |names: &[Untrusted]| {
            let names: Vec<String> = names.iter().take(3).map(|name| name.to_line(40)).collect();
            names.join(" and ")
        };
        let counted = |(name, count): &(Untrusted, usize)| format!("{} {count}", name.to_line(40));
        let licences: Vec<String> = self.licences.iter().take(4).map(counted).collect();
        let packages = if self.packages == 1 { "package" } else { "packages" };
        let mut line = format!("{} {}, {} {packages}", self.format, self.version, self.packages);
        if !licences.is_empty() {
            line.push_str(&format!(" ({})", licences.join(", ")));
        }
        if !self.authors.is_empty() {
            line.push_str(&format!(", by {}", shown(&self.authors)));
        }
        if !self.tools.is_empty() {
            line.push_str(&format!(", with {}", shown(&self.tools)));
        }
        if let Some(created) = self.created {
            line.push_str(&format!(", {}", created.strftime("%Y-%m-%d")));
        }
        line
    }
}

/// JSON frames a stranger's words itself.
fn exposed<S: Serializer>(words: &[Untrusted], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(words.iter().map(Untrusted::expose))
}

fn exposed_counts<S: Serializer>(counts: &[(Untrusted, usize)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(counts.iter().map(|(words, count)| (words.expose(), count)))
}
