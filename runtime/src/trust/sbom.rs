//! What is inside an artifact, as its publisher claims it: SPDX 2.2 and 2.3, and CycloneDX 1.4 to 1.6, in one model.
//!
//! ```text
//! predicate of an authenticated statement ─ Sbom::read ─▶ Sbom ─ SbomRules::check ─▶ SbomFindings
//! ```
//!
//! Nothing here asks who vouches for a document: a statement that was not authenticated is not worth reading.

mod bounded;
mod check;
mod cyclonedx;
mod licence;
mod purl;
mod rules;
mod spdx;
mod summary;

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

pub(crate) use bounded::list;
pub(crate) use check::{OpenSnapshot, SbomFault, SbomFindings};
pub(crate) use licence::Licence;
pub(crate) use purl::{Purl, comparable_name};
pub(crate) use rules::SbomRules;
pub use summary::SbomSummary;

use crate::message::Json;
use crate::untrusted::Untrusted;

/// The largest document that is read, in bytes. The largest real ones have a few MiB.
pub(crate) const MAX_DOCUMENT_BYTES: usize = 40 << 20;

/// The most packages of one document.
const MAX_PACKAGES: usize = 100_000;

/// The predicate type of SPDX documents (<https://spdx.dev/Document>; a version may follow).
pub(crate) const SPDX_PREDICATE: &str = "https://spdx.dev/Document";

/// The predicate type of CycloneDX documents (CycloneDX, "in-toto attestations"; a version may follow).
pub(crate) const CYCLONEDX_PREDICATE: &str = "https://cyclonedx.org/bom";

/// What a document says. It names at least one package besides the artifact itself.
#[derive(Debug, Clone)]
pub(crate) struct Sbom {
    pub(crate) format: Format,
    /// The version of the format, as `2.3`.
    pub(crate) version: &'static str,
    pub(crate) packages: Vec<Package>,
    /// Who wrote it.
    pub(crate) authors: Vec<Untrusted>,
    /// What wrote it.
    pub(crate) tools: Vec<Untrusted>,
    pub(crate) created: Option<Timestamp>,
    /// Whether it says which package needs which.
    pub(crate) has_relationships: bool,
}

/// How a document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    Spdx,
    CycloneDx,
}

/// One package of a document.
#[derive(Debug, Clone)]
pub(crate) struct Package {
    /// Whether it is the artifact itself that the document is about.
    pub(crate) is_subject: bool,
    pub(crate) name: Untrusted,
    pub(crate) version: Option<String>,
    /// Who it is known as; several where the document says so.
    pub(crate) purls: Vec<Purl>,
    /// Whether it has another unique name: a CPE or a SWID.
    pub(crate) has_other_id: bool,
    /// What it may be used under. All of them hold together: what its author declared, and what the document's concluded.
    pub(crate) licences: Vec<Licence>,
    pub(crate) supplier: Option<Untrusted>,
    /// How the document itself refers to it.
    pub(crate) reference: Option<String>,
}

/// Why a text is no SBOM that can be judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SbomProblem {
    /// Its predicate type is of another kind of statement.
    #[error("a statement of this type is no SBOM: {SPDX_PREDICATE} and {CYCLONEDX_PREDICATE} are")]
    OtherType,
    /// The document is of another format, or version, than its predicate type says.
    #[error("it is announced as {announced}, and holds {found}")]
    Disagrees {
        /// What the predicate type says.
        announced: String,
        /// What is there.
        found: String,
    },
    /// It is neither.
    #[error("it is neither SPDX nor CycloneDX: it has no `spdxVersion` and no `bomFormat`")]
    NoFormat,
    /// It is both.
    #[error("it says that it is SPDX and CycloneDX at once")]
    TwoFormats,
    /// Its format has versions that can be read, and it is none.
    #[error("its version {0} cannot be read here: SPDX 2.2 and 2.3, and CycloneDX 1.4, 1.5 and 1.6 can")]
    OtherVersion(String),
    /// It is not what its format says.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// It is larger than anything that is read.
    #[error("it is larger than {} MiB", MAX_DOCUMENT_BYTES >> 20)]
    TooLarge,
    /// It lists more than is read.
    #[error("it lists more than {most} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The bound.
        most: usize,
    },
    /// It lists nothing: whoever made it has not looked inside.
    #[error(
        "it lists no package besides the artifact itself, which says that nobody looked, and not that nothing is inside"
    )]
    NoPackages,
}

/// The keys that say what a document is.
const TELLING_KEYS: [&str; 9] = [
    "spdxVersion",
    "bomFormat",
    "specVersion",
    "packages",
    "relationships",
    "creationInfo",
    "components",
    "metadata",
    "dependencies",
];

/// The versions that are read.
const VERSIONS: [(Format, &str); 5] = [
    (Format::Spdx, "2.2"),
    (Format::Spdx, "2.3"),
    (Format::CycloneDx, "1.4"),
    (Format::CycloneDx, "1.5"),
    (Format::CycloneDx, "1.6"),
];

impl Sbom {
    /// Reads the predicate of a statement that was authenticated. The predicate type and the document must agree.
    ///
    /// # Errors
    /// Where it is no SBOM, is of another format or version than announced, could be read in two ways, is too large, or
    /// lists no packages.
    pub(crate) fn read(predicate_type: &str, predicate: &Json) -> Result<Self, SbomProblem> {
        let (format, announced) = announced(predicate_type).ok_or(SbomProblem::OtherType)?;
        let sbom = Self::of(predicate)?;
        if format == sbom.format && announced.is_none_or(|version| version == sbom.version) {
            return Ok(sbom);
        }
        let announced = announced.map_or_else(|| format.to_string(), |version| format!("{format} {version}"));
        Err(SbomProblem::Disagrees { announced: line(&announced), found: format!("{} {}", sbom.format, sbom.version) })
    }

    /// Reads a document that says itself what it is, as a file does.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(crate) fn read_document(text: &str) -> Result<Self, SbomProblem> {
        if text.len() > MAX_DOCUMENT_BYTES {
            return Err(SbomProblem::TooLarge);
        }
        Self::of(&Json::parse(text).map_err(|error| SbomProblem::unreadable(&error))?)
    }

    fn of(json: &Json) -> Result<Self, SbomProblem> {
        if json.as_str().len() > MAX_DOCUMENT_BYTES {
            return Err(SbomProblem::TooLarge);
        }
        let members = json.members().map_err(|error| SbomProblem::unreadable(&error))?;
        // Another reader could see another document.
        if let Some(key) = members.lookalike(&TELLING_KEYS) {
            return Err(SbomProblem::Unreadable(format!("a key looks like `{key}`, and is written otherwise")));
        }
        let text_at = |key: &str| members.read::<String>(key).map_err(|error| SbomProblem::unreadable(&error));
        let (format, found) = match (text_at("spdxVersion")?, text_at("bomFormat")?) {
            (Some(version), None) => (Format::Spdx, version.strip_prefix("SPDX-").unwrap_or_default().to_owned()),
            (None, Some(format)) if format == "CycloneDX" => {
                (Format::CycloneDx, text_at("specVersion")?.unwrap_or_default())
            }
            (Some(_), Some(_)) => return Err(SbomProblem::TwoFormats),
            (None, _) => return Err(SbomProblem::NoFormat),
        };
        let known = VERSIONS.iter().find(|(of, version)| *of == format && *version == found);
        let (_, version) = known.ok_or_else(|| SbomProblem::OtherVersion(format!("{format} {}", line(&found))))?;
        let sbom = match format {
            Format::Spdx => spdx::read(json, version)?,
            Format::CycloneDx => cyclonedx::read(json, version)?,
        };
        if sbom.packages.iter().all(|package| package.is_subject) {
            return Err(SbomProblem::NoPackages);
        }
        Ok(sbom)
    }

    /// The predicate type under which it is attested.
    pub(crate) fn predicate_type(&self) -> &'static str {
        match self.format {
            Format::Spdx => SPDX_PREDICATE,
            Format::CycloneDx => CYCLONEDX_PREDICATE,
        }
    }

    /// Whether a predicate type is that of SBOMs.
    pub(crate) fn is_predicate_type(predicate_type: &str) -> bool {
        announced(predicate_type).is_some()
    }
}

/// The types of attestations that are SBOMs, without their versions.
pub(crate) const TYPES: [&str; 2] = [SPDX_PREDICATE, CYCLONEDX_PREDICATE];

/// What a predicate type announces: a format, and its version where it says one.
fn announced(predicate_type: &str) -> Option<(Format, Option<&str>)> {
    [(SPDX_PREDICATE, Format::Spdx), (CYCLONEDX_PREDICATE, Format::CycloneDx)].into_iter().find_map(
        |(known, format)| {
            let rest = predicate_type.strip_prefix(known)?;
            if rest.is_empty() {
                return Some((format, None));
            }
            let version = rest.strip_prefix('/')?;
            Some((format, Some(version.strip_prefix('v').unwrap_or(version))))
        },
    )
}

impl Package {
    /// What to call it, with its version, in a line for a person.
    pub(crate) fn shown(&self) -> String {
        let name = self.purls.first().map_or_else(|| self.name.expose().to_owned(), Purl::full_name);
        match self.best_version() {
            Some(version) => line(&format!("{name} {version}")),
            None => line(&name),
        }
    }

    /// The version: that of its package URL, or the one beside it.
    pub(crate) fn best_version(&self) -> Option<&str> {
        self.purls.iter().find_map(|purl| purl.version.as_deref()).or(self.version.as_deref())
    }
}

impl SbomProblem {
    fn unreadable(error: &impl fmt::Display) -> Self {
        Self::Unreadable(line(&error.to_string()))
    }

    /// Why, as a code that stays the same.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::OtherType => "sbom-other-type",
            Self::Disagrees { .. } => "sbom-disagrees",
            Self::NoFormat => "sbom-no-format",
            Self::TwoFormats => "sbom-two-formats",
            Self::OtherVersion(_) => "sbom-other-version",
            Self::Unreadable(_) => "sbom-unreadable",
            Self::TooLarge | Self::TooMany { .. } => "sbom-too-large",
            Self::NoPackages => "sbom-empty",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Spdx => "SPDX",
            Self::CycloneDx => "CycloneDX",
        })
    }
}

/// A stranger's words as part of a sentence for a person.
fn line(words: &str) -> String {
    Untrusted::new(words).to_line(120)
}

/// A stranger's words that are there and say something.
fn said(words: Option<String>) -> Option<Untrusted> {
    words.filter(|words| !matches!(words.trim(), "" | "NOASSERTION" | "NONE")).map(Untrusted::new)
}

#[cfg(test)]
mod tests;
