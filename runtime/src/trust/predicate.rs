//! What an author attests of an artifact: files that were read as what they are before anybody signs them.

use super::provenance::Provenance;
use super::sbom::Sbom;

/// Something to attest, as the predicate of a statement (in-toto Attestation Framework, `spec/v1/predicate.md`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Predicate {
    kind: &'static str,
    text: String,
    summary: String,
}

/// Why a file cannot be attested.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidPredicate(String);

impl Predicate {
    /// An SBOM: SPDX 2.2 or 2.3, or CycloneDX 1.4 to 1.6, as JSON.
    ///
    /// # Errors
    /// Where nobody could verify it later: see what is refused of those that are pulled.
    pub fn sbom(text: String) -> Result<Self, InvalidPredicate> {
        let sbom = Sbom::read_document(&text).map_err(|problem| InvalidPredicate(problem.to_string()))?;
        Ok(Self { kind: sbom.predicate_type(), summary: sbom.summary().line(), text })
    }

    /// SLSA provenance 0.2 or 1: the predicate alone, without a statement around it.
    ///
    /// # Errors
    /// As for [`sbom`](Self::sbom).
    pub fn provenance(text: String) -> Result<Self, InvalidPredicate> {
        let (kind, provenance) =
            Provenance::read_document(&text).map_err(|problem| InvalidPredicate(problem.to_string()))?;
        Ok(Self { kind, summary: provenance.summary().line(), text })
    }

    /// Its type, as statements name it.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// The JSON, as it was given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it says, in one line for a person.
    pub fn summary(&self) -> &str {
        &self.summary
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_attested_as_what_it_is() {
        let sbom = Predicate::sbom(include_str!("../../../tests/data/sbom/npm.spdx-2.3.json").to_owned()).unwrap();
        assert_eq!(sbom.kind(), "https://spdx.dev/Document");
        assert!(sbom.summary().starts_with("SPDX 2.3, 3 packages"));
        let sbom = include_str!("../../../tests/data/sbom/npm.cyclonedx-1.5.json");
        assert_eq!(Predicate::sbom(sbom.to_owned()).unwrap().kind(), "https://cyclonedx.org/bom");
        let old = r#"{"builder": {"id": "https://acme.example/b"}, "buildType": "https://acme.example/t"}"#;
        let new = r#"{"buildDefinition": {"buildType": "https://acme.example/t", "externalParameters": {}},
            "runDetails": {"builder": {"id": "https://acme.example/b"}}}"#;
        for (text, kind) in [(old, "https://slsa.dev/provenance/v0.2"), (new, "https://slsa.dev/provenance/v1")] {
            let provenance = Predicate::provenance(text.to_owned()).unwrap();
            assert_eq!((provenance.kind(), provenance.text()), (kind, text));
            assert_eq!(provenance.summary(), "built by https://acme.example/b");
        }
    }

    #[test]
    fn what_nobody_could_verify_is_not_attested() {
        for text in ["", "{}", "hello", r#"{"spdxVersion": "SPDX-2.3", "packages": []}"#] {
            assert!(Predicate::sbom(text.to_owned()).is_err(), "{text}");
            assert!(Predicate::provenance(text.to_owned()).is_err(), "{text}");
        }
        // Both at once would be read as either.
        let both = r#"{"builder": {"id": "x"}, "buildType": "x", "runDetails": {"builder": {"id": "y"}},
            "buildDefinition": {"buildType": "y", "externalParameters": {}}}"#;
        assert!(Predicate::provenance(both.to_owned()).is_err());
    }
}
