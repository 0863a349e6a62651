//! What an author attests of an artifact: files that were read as what they are before anybody signs them.

use super::provenance::{self, Provenance};
use super::sbom::Sbom;
use super::statement::Statement;
use crate::artifact::Digest;
use crate::message::Json;

/// Something to attest, as the predicate of a statement (in-toto Attestation Framework, `spec/v1/predicate.md`).
#[derive(Debug, Clone)]
pub struct Predicate {
    kind: &'static str,
    json: Json,
    summary: String,
    /// What the statement that it was read from is about; none where the predicate stood alone.
    subjects: Option<Vec<Digest>>,
    says: Says,
}

/// What it says that a policy can ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Says {
    /// What is inside.
    Sbom,
    /// How it was built.
    Provenance(Vec<Rule>),
}

/// One rule of a policy: its key and its value.
type Rule = (&'static str, String);

/// Why a file cannot be attested.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidPredicate(String);

impl Predicate {
    /// An SBOM: SPDX 2.2 or 2.3, or CycloneDX 1.4 to 1.6, as JSON.
    ///
    /// # Errors
    /// Where nobody could verify it later: see what is refused of those that are pulled.
    pub fn sbom(text: &str) -> Result<Self, InvalidPredicate> {
        let sbom = Sbom::read_document(text).map_err(invalid)?;
        let json = Json::parse(text).map_err(invalid)?;
        let (kind, summary) = (sbom.predicate_type(), sbom.summary().line());
        Ok(Self { kind, json, summary, subjects: None, says: Says::Sbom })
    }

    /// SLSA provenance 0.2 or 1: the predicate alone, or a whole in-toto statement, which has to be about what is pushed.
    ///
    /// # Errors
    /// As for [`sbom`](Self::sbom).
    pub fn provenance(text: &str) -> Result<Self, InvalidPredicate> {
        let json = Json::parse(text).map_err(invalid)?;
        if json.members().map_err(invalid)?.get("_type").is_none() {
            let (kind, provenance) = Provenance::read_document(text).map_err(invalid)?;
            return Ok(Self::of_provenance(kind, json, &provenance, None));
        }
        let statement = Statement::read(text.as_bytes())
            .map_err(|_| InvalidPredicate("it is no in-toto statement that can be read".to_owned()))?;
        let Statement { subjects, predicate_type, predicate } = statement;
        let provenance = Provenance::read(&predicate_type, predicate.as_str()).map_err(invalid)?;
        let kind = provenance::TYPES.into_iter().find(|kind| *kind == predicate_type);
        let kind = kind.ok_or_else(|| InvalidPredicate("it is no SLSA provenance 0.2 or 1".to_owned()))?;
        let subjects = subjects.into_iter().map(|subject| subject.sha256).collect();
        Ok(Self::of_provenance(kind, predicate, &provenance, Some(subjects)))
    }

    fn of_provenance(kind: &'static str, json: Json, provenance: &Provenance, subjects: Option<Vec<Digest>>) -> Self {
        let says = Says::Provenance(rules(provenance));
        Self { kind, json, summary: provenance.summary().line(), subjects, says }
    }

    /// Its type, as statements name it.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// What it says, in one line for a person.
    pub fn summary(&self) -> &str {
        &self.summary
    }

    /// As it was given.
    pub(crate) fn json(&self) -> &Json {
        &self.json
    }

    /// What it is, for a person.
    pub(crate) fn what(&self) -> &'static str {
        match self.says {
            Says::Sbom => "its SBOM",
            Says::Provenance(_) => "its provenance",
        }
    }

    /// Whether it may be said of something that has all of these digests. One that stood alone may be said of anything.
    pub(crate) fn is_about(&self, digests: &[Digest]) -> bool {
        self.subjects.as_ref().is_none_or(|subjects| subjects.iter().any(|subject| digests.contains(subject)))
    }

    /// What a policy can ask for of artifacts that have all of these: by its name there, with its rules.
    pub(crate) fn rules(all: &[Self]) -> Vec<(&'static str, Vec<Rule>)> {
        let has_sbom = all.iter().any(|predicate| predicate.says == Says::Sbom);
        let mut builds = all.iter().filter_map(|predicate| match &predicate.says {
            Says::Provenance(rules) => Some(rules.clone()),
            Says::Sbom => None,
        });
        // Rules hold for every build: of several, only what all of them say.
        let build = builds.next().map(|first| {
            builds.fold(first, |common, other| common.into_iter().filter(|rule| other.contains(rule)).collect())
        });
        let sbom = has_sbom.then(|| ("sbom", Vec::new()));
        sbom.into_iter().chain(build.map(|rules| ("provenance", rules))).collect()
    }
}

/// What holds for the next version as well: the builder without its own version, and the source.
fn rules(provenance: &Provenance) -> Vec<Rule> {
    let builder = provenance.builder.split_once('@').map_or(&*provenance.builder, |(id, _)| id);
    // Others cannot be written in a policy.
    let is_uri = builder.contains("://") && builder.chars().all(|c| c.is_ascii_graphic());
    let builder = is_uri.then(|| ("builder", builder.to_owned()));
    let source = provenance.source.as_ref().map(|source| ("source", source.repository.to_string()));
    builder.into_iter().chain(source).collect()
}

fn invalid(error: impl std::fmt::Display) -> InvalidPredicate {
    InvalidPredicate(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_attested_as_what_it_is() {
        let sbom = Predicate::sbom(include_str!("../../../tests/data/sbom/npm.spdx-2.3.json")).unwrap();
        assert_eq!(sbom.kind(), "https://spdx.dev/Document");
        assert!(sbom.summary().starts_with("SPDX 2.3, 3 packages"));
        let sbom = include_str!("../../../tests/data/sbom/npm.cyclonedx-1.5.json");
        assert_eq!(Predicate::sbom(sbom).unwrap().kind(), "https://cyclonedx.org/bom");
        let old = r#"{"builder": {"id": "https://acme.example/b"}, "buildType": "https://acme.example/t"}"#;
        let new = r#"{"buildDefinition": {"buildType": "https://acme.example/t", "externalParameters": {}},
            "runDetails": {"builder": {"id": "https://acme.example/b"}}}"#;
        for (text, kind) in [(old, "https://slsa.dev/provenance/v0.2"), (new, "https://slsa.dev/provenance/v1")] {
            let provenance = Predicate::provenance(text).unwrap();
            assert_eq!((provenance.kind(), provenance.json().as_str()), (kind, text));
            assert_eq!(provenance.summary(), "built by https://acme.example/b");
        }
    }

    #[test]
    fn what_nobody_could_verify_is_not_attested() {
        for text in ["", "{}", "hello", r#"{"spdxVersion": "SPDX-2.3", "packages": []}"#] {
            assert!(Predicate::sbom(text).is_err(), "{text}");
            assert!(Predicate::provenance(text).is_err(), "{text}");
        }
        // Both at once would be read as either.
        let both = r#"{"builder": {"id": "x"}, "buildType": "x", "runDetails": {"builder": {"id": "y"}},
            "buildDefinition": {"buildType": "y", "externalParameters": {}}}"#;
        assert!(Predicate::provenance(both).is_err());
    }
}
