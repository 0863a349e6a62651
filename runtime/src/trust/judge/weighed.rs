//! All evidence, weighed by everybody whose word could count in a scope.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;

use super::Subject;
use super::requirements::{Outcome, SIGNATURE};
use crate::artifact::Digest;
use crate::trust::authority::Authority;
use crate::trust::claimed::{Claimant, Claimed, claimed};
use crate::trust::decision::{Problem, Requirement, SignedBy};
use crate::trust::evidence::{Evidence, Form};
use crate::trust::fault::Fault;
use crate::trust::gather::Found;
use crate::trust::identity::Identity;
use crate::trust::policy::{Scope, TrustPolicy};
use crate::trust::provenance::ProvenanceSummary;
use crate::trust::reason::Reason;
use crate::trust::sbom::{OpenSnapshot, SbomSummary};
use crate::trust::statement::Statement;
use crate::trust::time;
use crate::trust::weigh::{Authenticated, Said, SignerId, Weighing};

/// What a scope asks for, and what came of it.
pub(super) struct Weighed {
    pub(super) requirements: Vec<Requirement>,
    pub(super) sboms: Vec<SbomSummary>,
    pub(super) provenance: Vec<ProvenanceSummary>,
    /// In words.
    pub(super) checked: Vec<String>,
    /// Who made what nobody made that the scope trusts for it.
    pub(super) unknown: Vec<Claimed>,
    manifest: Option<Digest>,
    /// Whether somebody that the scope trusts made something that does not hold.
    has_bad: bool,
}

/// What is known of a subject: who vouches for which manifest, and what was attested.
pub(super) struct Known {
    pub(super) vouchers: Vec<Voucher>,
    pub(super) attested: Vec<Attested>,
    /// Why what might have been signatures does not count: of each, how far it came.
    pub(super) signature_faults: BTreeSet<Fault>,
    /// As much of what might have been attestations.
    pub(super) attestation_faults: BTreeSet<Fault>,
    /// Why what lay beside it besides was no evidence at all, where something did.
    pub(super) others: Option<Reason>,
}

/// Somebody who stands behind a manifest.
#[derive(Clone)]
pub(super) struct Voucher {
    pub(super) manifest: Digest,
    pub(super) by: Signer,
}

/// Something that somebody said of the subject.
pub(super) struct Attested {
    pub(super) statement: Arc<Statement>,
    /// Each of them said it.
    pub(super) by: Vec<Signer>,
}

/// Whoever signed, as the policy knows them.
#[derive(Clone)]
pub(super) struct Signer {
    pub(super) authority: Arc<Authority>,
    pub(super) id: SignerId,
    pub(super) identity: Option<Identity>,
    logged: bool,
    at: Option<SystemTime>,
}

impl Weighed {
    /// Weighs what was found by a scope. Strangers may be known by `roots`.
    pub(super) fn weigh(
        subject: &Subject,
        scope: &Scope,
        policy: &TrustPolicy,
        found: Found,
        now: SystemTime,
        open: OpenSnapshot<'_>,
    ) -> Self {
        let mut checked = Vec::new();
        for manifest in &subject.manifests {
            let beside = found.evidence.iter().filter(|evidence| evidence.about == *manifest).count();
            checked.push(format!("signatures and attestations of {manifest}: {beside}"));
        }
        checked.extend(found.oddities.iter().map(ToString::to_string));
        checked.extend(scope.root_states(now).iter().map(|state| format!("trust root {}", state.line())));
        let (known, strangers) = Known::of(subject, scope, found, now);
        let Outcome { requirements, sboms, provenance } = Outcome::of(subject, scope, &known, now, open);
        for by in requirements.iter().flat_map(|requirement| &requirement.by) {
            let line =
                format!("{} signed it: {}", by.name, if by.logged { "logged" } else { "not shown to be logged" });
            if !checked.contains(&line) {
                checked.push(line);
            }
        }
        let counted = |voucher: &&Voucher| {
            let identity = voucher.by.shown().identity;
            requirements.iter().flat_map(|requirement| &requirement.by).any(|by| by.identity == identity)
        };
        let vouched = known.vouchers.iter().filter(counted).map(|voucher| voucher.manifest);
        let manifest = subject.manifests.iter().find(|manifest| vouched.clone().any(|digest| digest == **manifest));
        // Who that is matters only where something is missing.
        let met = requirements.iter().all(|requirement| requirement.held);
        let mut unknown = if met { Vec::new() } else { claimed(subject, &strangers, policy, now) };
        let faults = known.signature_faults.iter().chain(&known.attestation_faults);
        let has_bad = faults.into_iter().any(|fault| fault.is_by_trusted());
        let mut weighed = Self {
            requirements,
            sboms,
            provenance,
            checked,
            unknown: Vec::new(),
            manifest: manifest.copied(),
            has_bad,
        };
        if weighed.lacks_signature() {
            unknown.extend(known.only_attested_by(&scope.signers));
        }
        weighed.unknown = unknown;
        weighed
    }

    /// Whether signatures are asked for, and there are not enough.
    pub(super) fn lacks_signature(&self) -> bool {
        self.requirements.iter().any(|requirement| requirement.what == SIGNATURE && !requirement.held)
    }

    /// Why it may not run: the first requirement that is not met though something is wrong, or else the first.
    pub(super) fn why(&self) -> Option<&Problem> {
        let mut problems = self.requirements.iter().filter_map(|requirement| requirement.why.as_ref());
        problems.clone().find(|why| !why.reason.can_be_waived()).or_else(|| problems.next())
    }

    /// Whether all that is wrong is that nobody says something.
    pub(super) fn can_be_waived(&self) -> bool {
        !self.has_bad && self.why().is_none_or(|why| why.reason.can_be_waived())
    }

    /// The manifest that was signed.
    pub(super) fn manifest(&self) -> Option<Digest> {
        self.manifest
    }

    /// Who met the requirements, each once.
    pub(super) fn signers(&self) -> Vec<SignedBy> {
        let mut signers: Vec<SignedBy> = Vec::new();
        for by in self.requirements.iter().flat_map(|requirement| &requirement.by) {
            if !signers.iter().any(|known| known.identity == by.identity) {
                signers.push(by.clone());
            }
        }
        signers
    }
}

impl Known {
    pub(super) fn of(subject: &Subject, scope: &Scope, found: Found, now: SystemTime) -> (Self, Vec<Evidence>) {
        let mut known = Self {
            vouchers: Vec::new(),
            attested: Vec::new(),
            signature_faults: BTreeSet::new(),
            attestation_faults: BTreeSet::new(),
            others: found.why_none(),
        };
        let (mut bare, mut unknown) = (Vec::new(), Vec::new());
        for evidence in found.evidence {
            if let Form::Statement { statement, carrier, by_index } = &evidence.form {
                bare.push((Statement::read(statement), *carrier, *by_index));
                continue;
            }
            if !known.add(subject, scope, &evidence, now) {
                unknown.push(evidence);
            }
        }
        for (statement, carrier, by_index) in bare {
            known.add_bare(subject, statement, carrier, by_index);
        }
        (known, unknown)
    }

    /// Adds what each authority of the scope says with this evidence; false where none of them made it.
    fn add(&mut self, subject: &Subject, scope: &Scope, evidence: &Evidence, now: SystemTime) -> bool {
        let (mut said_by, mut furthest): (Vec<(Said, Signer)>, Option<Fault>) = (Vec::new(), None);
        let mut weighing = Weighing::of(evidence);
        for authority in distinct(scope) {
            let authenticated = weighing.by(authority, now);
            match authenticated.and_then(|authenticated| of_this(authenticated, subject)) {
                Ok(Authenticated { said, signer: id, identity, logged, at }) => {
                    let authority = Arc::clone(authority);
                    said_by.push((said, Signer { authority, id, identity, logged, at }));
                }
                Err(fault) => furthest = furthest.max(Some(fault)),
            }
        }
        // What one of them accepts may still be a bad one of another.
        if let Some(fault) = furthest.filter(|fault| said_by.is_empty() || fault.is_by_trusted()) {
            let (signature, attestation) = match evidence.form {
                Form::SimpleSigning { .. } => (true, false),
                Form::Envelope { .. } | Form::Statement { .. } => (false, true),
                // What it is stands inside, and nobody that is trusted says so.
                Form::Bundle(_) => (true, true),
            };
            self.signature_faults.extend(signature.then_some(fault));
            self.attestation_faults.extend(attestation.then_some(fault));
        }
        if said_by.is_empty() {
            return furthest.is_some_and(Fault::is_by_trusted);
        }
        let mut attested: Option<Attested> = None;
        for (said, by) in said_by {
            match said {
                Said::Statement(statement) if !statement.is_signature() => {
                    attested.get_or_insert_with(|| Attested { statement, by: Vec::new() }).by.push(by);
                }
                Said::Payload(_) | Said::Manifest | Said::Statement(_) => {
                    self.vouchers.push(Voucher { manifest: evidence.about, by });
                }
            }
        }
        // An attestation of a manifest that only carries others says nothing of the subject.
        self.attested.extend(attested.filter(|_| subject.manifests.contains(&evidence.about)));
        true
    }

    /// Those of these signers who attested something, and signed nothing: they are trusted, and not for that.
    fn only_attested_by(&self, signers: &[Arc<Authority>]) -> Vec<Claimed> {
        let is_of = |by: &Signer, authority: &Arc<Authority>| Arc::ptr_eq(&by.authority, authority);
        let attested = signers.iter().map(|authority| {
            let said = self.attested.iter().filter(|said| said.by.iter().any(|by| is_of(by, authority)));
            let attested = said.map(|said| said.statement.predicate_type.clone()).collect();
            let signed = self.vouchers.iter().any(|voucher| is_of(&voucher.by, authority));
            Claimed { who: Claimant::Named(Arc::clone(authority)), signed, attested }
        });
        attested.filter(|claimed| !claimed.signed && !claimed.attested.is_empty()).collect()
    }

    /// Adds a statement that nobody signed: who stands behind the manifest that carries it, or behind the index that
    /// lists that one, says it.
    fn add_bare(
        &mut self,
        subject: &Subject,
        statement: Result<Statement, crate::trust::statement::StatementProblem>,
        carrier: Digest,
        by_index: bool,
    ) {
        let index = subject.manifests.first().filter(|_| by_index);
        let covers = |voucher: &&Voucher| voucher.manifest == carrier || Some(&voucher.manifest) == index;
        let by: Vec<Signer> = self.vouchers.iter().filter(covers).map(|voucher| voucher.by.clone()).collect();
        match statement {
            _ if by.is_empty() => drop(self.attestation_faults.insert(Fault::NotSigned)),
            Err(problem) => drop(self.attestation_faults.insert(Fault::Statement(problem))),
            Ok(statement) if subject.manifests.iter().any(|digest| statement.is_about(digest)) => {
                self.attested.push(Attested { statement: Arc::new(statement), by });
            }
            Ok(_) => drop(self.attestation_faults.insert(Fault::OtherArtifact)),
        }
    }
}

/// Everybody of a scope, once.
fn distinct(scope: &Scope) -> Vec<&Arc<Authority>> {
    let mut distinct: Vec<&Arc<Authority>> = Vec::new();
    for authority in scope.authorities() {
        if !distinct.iter().any(|known| Arc::ptr_eq(known, authority)) {
            distinct.push(authority);
        }
    }
    distinct
}

/// Cosign's old signatures name the repository that they are for.
fn of_this(authenticated: Authenticated, subject: &Subject) -> Result<Authenticated, Fault> {
    if let Said::Payload(payload) = &authenticated.said {
        payload.check_repository(&subject.name).map_err(Fault::Payload)?;
    }
    Ok(authenticated)
}

impl Signer {
    /// As the decision shows it.
    pub(super) fn shown(&self) -> SignedBy {
        let identity = match &self.id {
            SignerId::Key(fingerprint) => fingerprint.to_string(),
            SignerId::Identity { issuer, subject } => format!("{} by {}", subject.to_line(500), issuer.to_line(500)),
        };
        let root = self.authority.root_in_use().map(|root| root.name().to_owned());
        let (name, logged, at) = (self.authority.name.clone(), self.logged, self.at.map(time::shown));
        SignedBy { name, identity, root, logged, at }
    }
}
