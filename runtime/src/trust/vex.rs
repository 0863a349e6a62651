//! What a publisher says of vulnerabilities that do not concern an artifact: OpenVEX 0.2, and CycloneDX 1.4 to 1.6.
//!
//! Such words take advisories away, so they count only where somebody whom the policy names signed them.

mod cyclonedx;
mod openvex;

use jiff::Timestamp;

use super::sbom::{self, Package, Purl};
use crate::artifact::Digest;

/// The predicate type of OpenVEX documents (<https://github.com/openvex/spec>; a version may follow).
pub(crate) const OPENVEX_PREDICATE: &str = "https://openvex.dev/ns";

/// The largest OpenVEX document that is read, in bytes.
const MAX_DOCUMENT_BYTES: usize = 8 << 20;

/// The most statements of one document, and vulnerabilities, products and parts of one statement.
const MAX_STATEMENTS: usize = 10_000;

/// The most products that all statements of a document have together.
const MAX_PRODUCTS: usize = 100_000;

/// What one document says.
#[derive(Debug, Clone)]
pub(crate) struct Vex {
    statements: Vec<Statement>,
}

/// One statement: what it says of some vulnerabilities of some packages.
#[derive(Debug, Clone)]
struct Statement {
    /// Every name of the vulnerability.
    names: Vec<String>,
    products: Vec<Product>,
    is_harmless: bool,
    at: Option<Timestamp>,
}

/// What a statement is about.
#[derive(Debug, Clone)]
enum Product {
    /// The artifact, and so all that is in it.
    Artifact,
    /// One package, in one version where it says one.
    Package(Purl),
}

/// Why a text says nothing of vulnerabilities.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum VexProblem {
    /// Its predicate type is of another kind of statement.
    #[error("a statement of this type is no VEX document")]
    OtherType,
    /// It is not what its type says.
    #[error("it is no VEX document that can be read: {0}")]
    Unreadable(String),
}

impl Vex {
    /// Reads a document. `subjects` are the manifests that its statement was signed for, and that are judged now.
    ///
    /// # Errors
    /// See [`VexProblem`].
    pub(crate) fn read(predicate_type: &str, predicate: &str, subjects: &[Digest]) -> Result<Self, VexProblem> {
        let is_openvex = predicate_type.strip_prefix(OPENVEX_PREDICATE).is_some_and(|rest| {
            rest.is_empty() || rest.strip_prefix("/v0.").is_some_and(|version| version.starts_with(['0', '2']))
        });
        let statements = if is_openvex {
            openvex::read(predicate, subjects)?
        } else if sbom::Sbom::is_predicate_type(predicate_type) && predicate_type.starts_with(sbom::CYCLONEDX_PREDICATE)
        {
            cyclonedx::read(predicate)?
        } else {
            return Err(VexProblem::OtherType);
        };
        Ok(Self { statements })
    }
}

/// Whether documents say that none of these names of one vulnerability concerns a package. Of several statements the
/// newest counts; where that cannot be told, one that does not clear it.
pub(crate) fn clears(documents: &[Vex], names: &[String], package: &Package) -> bool {
    let statements = documents.iter().flat_map(|document| &document.statements);
    let about = statements.filter(|statement| statement.is_about(names, package));
    about.max_by_key(|statement| (statement.at, !statement.is_harmless)).is_some_and(|statement| statement.is_harmless)
}

impl Statement {
    fn is_about(&self, names: &[String], package: &Package) -> bool {
        let is_named = self.names.iter().any(|name| names.iter().any(|other| other.eq_ignore_ascii_case(name)));
        is_named && self.products.iter().any(|product| product.has(package))
    }
}

impl Product {
    fn has(&self, package: &Package) -> bool {
        let Self::Package(named) = self else { return true };
        package.purls.iter().any(|purl| {
            let version = purl.version.as_deref().or(package.version.as_deref());
            named.is_same_package(purl) && (named.version.is_none() || named.version.as_deref() == version)
        })
    }
}

impl VexProblem {
    fn unreadable(error: &impl std::fmt::Display) -> Self {
        Self::Unreadable(crate::untrusted::Untrusted::new(error.to_string()).to_line(200))
    }
}

#[cfg(test)]
mod tests;
