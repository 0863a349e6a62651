//! Whether provenance is what a policy asks for, and what a certificate says.

use serde::Serialize;

use super::rules::ProvenanceRules;
use super::source::SourceUri;
use super::{Provenance, shown};

/// What the certificate of a signature says of the build that made it (Fulcio, `docs/oid-info.md`), once it was verified.
/// Empty where a person signed.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CertificateClaims<'a> {
    /// Who signed: the name in the certificate (SAN).
    pub(crate) subject: &'a str,
    /// Build Signer URI (1.3.6.1.4.1.57264.1.9).
    pub(crate) build_signer: Option<&'a str>,
    /// Source Repository URI (….1.12).
    pub(crate) source_repository: Option<&'a str>,
    /// Source Repository Ref (….1.14).
    pub(crate) source_ref: Option<&'a str>,
    /// Source Repository Digest (….1.13).
    pub(crate) source_commit: Option<&'a str>,
    /// Run Invocation URI (….1.21).
    pub(crate) run: Option<&'a str>,
}

/// One reason why an artifact may not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ProvenanceFault {
    pub(crate) reason: ProvenanceReason,
    /// What is wrong, in words.
    pub(crate) problem: String,
    /// What would help.
    pub(crate) fix: String,
}

/// Why provenance is not what a policy asks for, as a code that stays the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ProvenanceReason {
    /// Another builder built it.
    OtherBuilder,
    /// It was built in another way.
    OtherBuildType,
    /// It was built from another repository.
    OtherSource,
    /// It does not say from which repository it was built.
    NoSource,
    /// It was built from another branch or tag.
    OtherRef,
    /// It does not say from which branch or tag it was built.
    NoRef,
    /// The certificate of its signature names another builder.
    BuilderNotOfCertificate,
    /// The certificate of its signature names another repository, branch, tag or commit.
    SourceNotOfCertificate,
}

impl ProvenanceReason {
    /// The code.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::OtherBuilder => "other-builder",
            Self::OtherBuildType => "other-build-type",
            Self::OtherSource => "other-source",
            Self::NoSource => "no-source",
            Self::OtherRef => "other-ref",
            Self::NoRef => "no-ref",
            Self::BuilderNotOfCertificate => "builder-not-of-certificate",
            Self::SourceNotOfCertificate => "source-not-of-certificate",
        }
    }
}

impl ProvenanceRules {
    /// Checks provenance. `certificate` is that of the signature by which it was authenticated, if it had one.
    pub(crate) fn check(
        &self,
        provenance: &Provenance,
        certificate: Option<&CertificateClaims<'_>>,
    ) -> Vec<ProvenanceFault> {
        let mut faults = self.check_claims(provenance);
        if let Some(certificate) = certificate {
            faults.extend(certificate.check(provenance));
        }
        faults
    }

    fn check_claims(&self, provenance: &Provenance) -> Vec<ProvenanceFault> {
        let mut faults = Vec::new();
        if let Some(rule) = self.builder.as_ref().filter(|rule| !rule.is_met_by(&provenance.builder)) {
            let fix = written("builder", &provenance.builder);
            let problem = format!("it was built by {}, and not by {}", shown(&provenance.builder), rule.0);
            faults.push(ProvenanceFault { reason: ProvenanceReason::OtherBuilder, problem, fix });
        }
        if let Some(rule) = self.build_type.as_ref().filter(|rule| **rule != provenance.build_type) {
            let fix = written("build-type", &provenance.build_type);
            let problem = format!("it was built as {} says, and not as {rule} says", shown(&provenance.build_type));
            faults.push(ProvenanceFault { reason: ProvenanceReason::OtherBuildType, problem, fix });
        }
        let source = provenance.source.as_ref();
        if let Some(rule) = &self.source {
            match source.map(|source| &source.repository) {
                Some(repository) if repository == rule => {}
                Some(repository) => faults.push(ProvenanceFault {
                    reason: ProvenanceReason::OtherSource,
                    problem: format!("it was built from {}, and not from {rule}", shown(&repository.to_string())),
                    fix: written("source", &repository.to_string()),
                }),
                None => faults.push(ProvenanceFault {
                    reason: ProvenanceReason::NoSource,
                    problem: format!("it does not say that it was built from {rule}, nor from any repository"),
                    fix: "ask the publisher for provenance that names the source, or leave out `source`".to_owned(),
                }),
            }
        }
        if let Some(rule) = &self.git_ref {
            match source.and_then(|source| source.git_ref.as_deref()) {
                Some(git_ref) if rule.is_met_by(git_ref) => {}
                Some(git_ref) => faults.push(ProvenanceFault {
                    reason: ProvenanceReason::OtherRef,
                    problem: format!("it was built from {}, and not from {}", shown(git_ref), rule.0),
                    fix: written("ref", git_ref),
                }),
                None => faults.push(ProvenanceFault {
                    reason: ProvenanceReason::NoRef,
                    problem: format!("it does not say that it was built from {}, nor from any branch or tag", rule.0),
                    fix: "ask the publisher for provenance that names the ref, or leave out `ref`".to_owned(),
                }),
            }
        }
        faults
    }
}

impl CertificateClaims<'_> {
    /// Whether the build that signed is the build that it speaks of.
    fn check(&self, provenance: &Provenance) -> Option<ProvenanceFault> {
        let fix = "whoever signed it speaks of a build that was not theirs: do not run it, and tell the publisher";
        let fault = |reason, problem| Some(ProvenanceFault { reason, problem, fix: fix.to_owned() });
        let is_signer = |signer: &str| {
            let id = provenance.builder.as_str();
            let is_build = id.contains("://");
            // A builder may leave its version out; its certificate never does.
            is_build && (signer == id || signer.strip_prefix(id).is_some_and(|version| version.starts_with('@')))
        };
        // BuildKit names the run that it is part of (`…/actions/runs/1/attempts/1`, or without the attempt), and so does the
        // certificate: it is this run or another, and there is no other that it could speak of.
        let is_run = |run: &str| {
            let id = provenance.builder.as_str();
            let attempt = run.strip_prefix(id).and_then(|rest| rest.strip_prefix("/attempts/"));
            let is_attempt = attempt.is_some_and(|n| !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit()));
            run.contains("/runs/") && (run == id || (id.contains("/runs/") && is_attempt))
        };
        let is_by_signer = self.build_signer.is_some_and(is_signer) || is_signer(self.subject);
        if !is_by_signer && !self.run.is_some_and(is_run) {
            let signer = self.build_signer.unwrap_or(self.subject);
            let problem =
                format!("it says that {} built it, and {} signed it", shown(&provenance.builder), shown(signer));
            return fault(ProvenanceReason::BuilderNotOfCertificate, problem);
        }
        let source = provenance.source.as_ref()?;
        let pairs = [
            (Some(source.repository.to_string()), self.source_repository.map(canonical)),
            (source.git_ref.clone(), self.source_ref.map(str::to_owned)),
            (source.commit.clone(), self.source_commit.map(str::to_owned)),
        ];
        for (said, certified) in pairs {
            match (said, certified) {
                (Some(said), Some(certified)) if said != certified => {
                    let (said, certified) = (shown(&said), shown(&certified));
                    let problem =
                        format!("it says that it was built from {said}, and was signed by a build of {certified}");
                    return fault(ProvenanceReason::SourceNotOfCertificate, problem);
                }
                _ => {}
            }
        }
        None
    }
}

/// The line of a policy that would let it through. A stranger's words that would end the string are not offered.
fn written(rule: &str, words: &str) -> String {
    let is_plain =
        words.len() <= 200 && words.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'));
    if is_plain {
        return format!("where you trust it, write {rule} = \"{words}\"");
    }
    "nobody should trust it: it is no plain address".to_owned()
}

/// As a predicate's address is written.
fn canonical(uri: &str) -> String {
    SourceUri::parse(uri).map_or_else(|_| uri.to_owned(), |(uri, _)| uri.to_string())
}
