//! From a trust policy as a person writes it to one that can be held to.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use jiff::SignedDuration;
use toml::Spanned;

use super::roots::Roots;
use super::signer::Reader;
use super::written::{Builtin, WrittenAttestations, WrittenInclude, WrittenScope, WrittenSigner, WrittenTrustPolicy};
use super::{Attestations, Include, PolicyFiles, Scope, TrustPolicy, plain, shipped};
use crate::artifact::{Digest, InvalidDigest, Reference, Selector};
use crate::trust::authority::{Authority, Who};
use crate::trust::root::{InvalidRoot, PUBLIC_GOOD, TrustRoot};
use crate::trust::scope::Pattern;
use crate::trust::statement::SIGNATURE_PREDICATE;
use crate::trust::{provenance, sbom, time};

/// Why a text is no trust policy: nothing of it is used.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct InvalidTrustPolicy {
    line: usize,
    problem: String,
}

/// What is wrong, and where in the text.
pub(super) struct Problem {
    at: usize,
    problem: String,
}

impl TrustPolicy {
    /// Reads a policy from the text of its file.
    ///
    /// # Errors
    /// Where anything in it is unknown, doubled, missing, or cannot be meant or held to: with its line.
    pub fn read(text: &str, files: &mut dyn PolicyFiles) -> Result<Self, InvalidTrustPolicy> {
        plain::check(text, None).map_err(|problem| problem.in_text(text))?;
        let written = toml::from_str(text).map_err(|error: toml::de::Error| {
            let at = error.span().map_or(0, |span| span.start);
            Problem { at, problem: error.message().replace('\n', "; ") }.in_text(text)
        })?;
        Self::checked(written, files).map_err(|problem| problem.in_text(text))
    }

    /// Reads a policy that was the table `trust` of another file, of which this is the whole text.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn of_written(
        text: &str,
        written: WrittenTrustPolicy,
        files: &mut dyn PolicyFiles,
    ) -> Result<Self, InvalidTrustPolicy> {
        plain::check(text, Some("trust")).map_err(|problem| problem.in_text(text))?;
        Self::checked(written, files).map_err(|problem| problem.in_text(text))
    }

    fn checked(written: WrittenTrustPolicy, files: &mut dyn PolicyFiles) -> Result<Self, Problem> {
        let WrittenTrustPolicy { default, shipped, deny, roots, includes, scopes: written } = written;
        let roots = Roots::of_tables(roots, files)?;
        let by_tuf = roots.by_tuf();
        let mut reader = Reader { files, roots };
        let mut scopes: Vec<Scope> = Vec::new();
        for scope in written {
            let scope = reader.scope(scope, &scopes)?;
            scopes.push(scope);
        }
        let mut included: Vec<Arc<Include>> = Vec::new();
        for include in includes {
            let include = reader.include(include, &included)?;
            included.push(Arc::new(include));
        }
        Ok(Self {
            place: String::new(),
            written: true,
            default,
            without_shipped: !shipped,
            denied: digests(deny)?,
            roots: by_tuf,
            scopes,
            includes: included,
            fetched: Vec::new(),
        })
    }
}

impl Reader<'_> {
    fn scope(&mut self, scope: Spanned<WrittenScope>, others: &[Scope]) -> Result<Scope, Problem> {
        let start = scope.span();
        let WrittenScope {
            pattern,
            builtin,
            root,
            mode,
            signers,
            threshold,
            signatures,
            digests: reviewed,
            attestations,
            sbom,
            provenance,
        } = scope.into_inner();
        let place = pattern.span();
        let written = pattern.into_inner();
        let pattern = Pattern::parse(&written).map_err(|error| problem(&place, format!("`{written}`: {error}")))?;
        if others.iter().any(|scope| scope.pattern == pattern) {
            return Err(problem(&place, format!("`{written}`: another scope is for the same repositories")));
        }
        let mut scope = Scope::new(written, pattern);
        scope.mode = mode;
        scope.digests = digests(reviewed)?;
        scope.signers = self.signers(signers)?;
        if let Some(signatures) = signatures {
            let place = signatures.span();
            let repository = signature_repository(&scope, &signatures.into_inner());
            scope.signatures = Some(repository.map_err(|error| problem(&place, error))?);
        }
        for asked in attestations {
            let asked = self.attestations(asked, &scope)?;
            scope.attestations.push(asked);
        }
        let root = root.map(|root| self.builtin_root(root, builtin.as_ref())).transpose()?;
        if let Some(builtin) = builtin {
            let added = shipped::add(*builtin.get_ref(), root, &mut scope);
            added.map_err(|error| problem(&builtin.span(), error))?;
        }
        scope.threshold = threshold_of(threshold, scope.signers.len())?;
        if let Some(sbom) = sbom {
            let place = sbom.span();
            let mut rules = sbom.into_inner();
            let found = rules.snapshot_from(|path| self.files.path(path));
            found.map_err(|error| problem(&place, format!("`vulnerabilities`: {error}")))?;
            attested(&scope, &sbom::TYPES, "an SBOM").map_err(|error| problem(&place, error))?;
            scope.sbom = Some(rules);
        }
        if let Some(provenance) = provenance {
            let place = provenance.span();
            attested(&scope, &provenance::TYPES, "provenance").map_err(|error| problem(&place, error))?;
            scope.provenance = Some(provenance.into_inner());
        }
        if !scope.has_requirements() && scope.digests.is_empty() {
            let nothing = "it has neither signers nor attestations nor digests: nothing could ever run";
            return Err(problem(&start, format!("`{}`: {nothing}", scope.written)));
        }
        Ok(scope)
    }

    /// The trust root that is to count for a builtin.
    fn builtin_root(
        &mut self,
        root: Spanned<String>,
        builtin: Option<&Spanned<Builtin>>,
    ) -> Result<Arc<TrustRoot>, Problem> {
        let place = root.span();
        let Some(builtin) = builtin else {
            let alone =
                "`root` stands beside the `key` or `issuer` that it is for; beside `match` it is for a `builtin`";
            return Err(problem(&place, alone.to_owned()));
        };
        if !builtin.get_ref().is_logged() {
            let unused = "what this `builtin` stands for needs neither log nor timestamp: leave out `root`";
            return Err(problem(&place, unused.to_owned()));
        }
        self.roots.named(root.get_ref(), self.files).map_err(|error| problem(&place, error))
    }

    fn include(&mut self, include: WrittenInclude, others: &[Arc<Include>]) -> Result<Include, Problem> {
        let WrittenInclude { policy, signers, threshold, max_age, refresh } = include;
        let place = policy.span();
        let bad = |error: String| problem(&place, error);
        let written = policy.into_inner();
        let reference: Reference = written.parse().map_err(|error| bad(format!("`{written}`: {error}")))?;
        if !matches!(reference.selector(), Selector::Tag(_)) {
            return Err(bad(format!("`{written}` is one policy for ever: name a tag, which its newest one has")));
        }
        if others.iter().any(|other| other.reference == reference) {
            return Err(bad(format!("`{written}` is included twice")));
        }
        let signers = self.signers(signers)?;
        if signers.is_empty() {
            return Err(bad(format!("`{written}`: nobody is named whose policy it has to be; give `signers`")));
        }
        let threshold = threshold_of(threshold, signers.len())?;
        let refresh = refresh.map(|refresh| age("refresh", &refresh)).transpose()?;
        Ok(Include::new(reference, signers, threshold, age("max-age", &max_age)?, refresh))
    }

    fn signers(&mut self, written: Vec<Spanned<WrittenSigner>>) -> Result<Vec<Arc<Authority>>, Problem> {
        let mut signers: Vec<Arc<Authority>> = Vec::new();
        for signer in written {
            let place = signer.span();
            let signer = self.signer(signer.get_ref()).map_err(|error| problem(&place, error))?;
            if let Some(same) = signers.iter().find(|known| known.is_one_with(&signer)) {
                let twice = match signer.who {
                    Who::Key(_) => format!("`{}` and `{}` are the same key", same.name, signer.name),
                    Who::Keyless { .. } => format!("{} is there twice", signer.name),
                };
                return Err(problem(&place, twice));
            }
            signers.push(Arc::new(signer));
        }
        Ok(signers)
    }

    fn attestations(&mut self, asked: WrittenAttestations, scope: &Scope) -> Result<Attestations, Problem> {
        let WrittenAttestations { predicate_type, signers } = asked;
        let place = predicate_type.span();
        let predicate_type = predicate_type.into_inner();
        let bad = |text: String| Err(problem(&place, text));
        if !Attestations::is_type(&predicate_type) {
            return bad(format!("`{predicate_type}` is no type of attestation, as https://spdx.dev/Document"));
        }
        if predicate_type == SIGNATURE_PREDICATE {
            return bad(format!("`{predicate_type}` is a signature: name its signers under `signers` of the scope"));
        }
        if scope.attestations.iter().any(|other| other.types.contains(&predicate_type)) {
            return bad(format!("`{predicate_type}` is there twice"));
        }
        let signers = if signers.is_empty() { scope.signers.clone() } else { self.signers(signers)? };
        if signers.is_empty() {
            return bad(format!("`{predicate_type}`: nobody is named who could attest it; give `signers`"));
        }
        Ok(Attestations { types: vec![predicate_type], signers })
    }
}

/// Checks that somebody is named who could attest one of these types.
fn attested(scope: &Scope, types: &[&str], what: &str) -> Result<(), String> {
    if types.iter().any(|known| !scope.attesters(known).is_empty()) {
        return Ok(());
    }
    Err(format!("nobody is named who could attest {what}: give `signers`, or `attestations` with its type"))
}

/// Where signatures lie that are not beside the artifact.
fn signature_repository(scope: &Scope, written: &str) -> Result<Reference, String> {
    if scope.pattern == Pattern::Layouts {
        return Err("signatures of a folder lie in it: `signatures` cannot be held to here".to_owned());
    }
    let invalid = || format!("`{written}` is no repository, as docker.io/mcp/signatures");
    match Pattern::parse(written) {
        Ok(Pattern::Exactly(_)) => format!("{written}:signatures").parse().map_err(|_| invalid()),
        _ => Err(invalid()),
    }
}

fn digests(written: Vec<Spanned<String>>) -> Result<BTreeSet<Digest>, Problem> {
    let mut digests = BTreeSet::new();
    for digest in written {
        let value: Digest =
            digest.get_ref().parse().map_err(|error: InvalidDigest| problem(&digest.span(), error.to_string()))?;
        if !digests.insert(value) {
            return Err(problem(&digest.span(), "this digest is there twice".to_owned()));
        }
    }
    Ok(digests)
}

/// How many of so many signers it takes.
fn threshold_of(written: Option<Spanned<usize>>, signers: usize) -> Result<usize, Problem> {
    let Some(written) = written else { return Ok(1) };
    within(*written.get_ref(), signers).map_err(|error| problem(&written.span(), error))
}

fn age(key: &str, written: &Spanned<String>) -> Result<SignedDuration, Problem> {
    let text = written.get_ref();
    let wrong = "is no time from 1s to 3650d: write a whole number and s, m, h, d or w, as 1d";
    time::parse_age(text).ok_or_else(|| problem(&written.span(), format!("{key} = \"{text}\" {wrong}")))
}

fn within(threshold: usize, signers: usize) -> Result<usize, String> {
    match threshold {
        0 => Err("a threshold of 0 would let everything through; leave it out for 1".to_owned()),
        n if n > signers => Err(format!("{n} signers can never have signed where {signers} are named")),
        n => Ok(n),
    }
}

pub(super) fn problem(place: &Range<usize>, problem: String) -> Problem {
    Problem { at: place.start, problem }
}

impl InvalidTrustPolicy {
    /// Of a policy that no file holds.
    pub(super) fn of_root(error: InvalidRoot) -> Self {
        Self { line: 1, problem: format!("the trust root `{PUBLIC_GOOD}`: {error}") }
    }
}

impl Problem {
    fn in_text(self, text: &str) -> InvalidTrustPolicy {
        let line = text.get(..self.at).unwrap_or(text).matches('\n').count() + 1;
        InvalidTrustPolicy { line, problem: self.problem }
    }
}
