//! What a scope asks for, each against what is known.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

use super::Subject;
use super::weighed::{Attested, Known, Signer};
use crate::trust::authority::Authority;
use crate::trust::decision::{Problem, Requirement, SignedBy};
use crate::trust::fault::Fault;
use crate::trust::identity::Claim;
use crate::trust::policy::{Attestations, Family, Scope};
use crate::trust::provenance::{CertificateClaims, Provenance, ProvenanceFault, ProvenanceRules, ProvenanceSummary};
use crate::trust::reason::Reason;
use crate::trust::sbom::{OpenSnapshot, Sbom, SbomFault, SbomFindings, SbomRules, SbomSummary};
use crate::trust::time;
use crate::trust::vex::Vex;
use crate::trust::weigh::SignerId;
use crate::untrusted::Untrusted;

/// What the requirement of `signers` is called.
pub(super) const SIGNATURE: &str = "signature";

/// What came of all requirements, in the order that they are asked for.
pub(super) struct Outcome {
    pub(super) requirements: Vec<Requirement>,
    pub(super) sboms: Vec<SbomSummary>,
    pub(super) provenance: Vec<ProvenanceSummary>,
}

impl Outcome {
    /// Weighs what is known by what the scope asks for.
    pub(super) fn of(subject: &Subject, scope: &Scope, known: &Known, now: SystemTime, open: OpenSnapshot<'_>) -> Self {
        let mut outcome = Self { requirements: Vec::new(), sboms: Vec::new(), provenance: Vec::new() };
        if !scope.has_requirements() {
            outcome.requirements.push(unmet("reviewed digest", Reason::NOT_REVIEWED.into()));
        }
        if !scope.signers.is_empty() {
            outcome.requirements.push(signed(subject, scope, known));
        }
        outcome.requirements.extend(scope.attestations.iter().map(|asked| attested(asked, known)));
        outcome.sbom(subject, scope, known, now, open);
        outcome.provenance(scope, known);
        outcome
    }

    /// Everything that is said of what is inside has to pass: one clean list hides nothing that is in another.
    fn sbom(&mut self, subject: &Subject, scope: &Scope, known: &Known, now: SystemTime, open: OpenSnapshot<'_>) {
        let said = trusted(scope, known, Sbom::is_predicate_type);
        let counts_vex = scope.sbom.as_ref().is_some_and(SbomRules::wants_vex);
        // Where somebody is named for VEX, what others say in an SBOM takes nothing away.
        let has_named = scope.names_family(Family::Vex);
        let is_vex = |kind: &str| counts_vex && (!has_named || Family::of(kind) == Some(Family::Vex));
        let vex: Vec<Vex> = trusted(scope, known, is_vex)
            .filter_map(|(Attested { statement, .. }, _)| {
                Vex::read(&statement.predicate_type, statement.predicate.as_str(), &subject.manifests).ok()
            })
            .collect();
        let mut requirement = met("sbom");
        let mut found = false;
        for (Attested { statement, .. }, by) in said {
            found = true;
            let problems = match Sbom::read(&statement.predicate_type, &statement.predicate) {
                Err(problem) => vec![Problem { reason: Reason::found(problem.code()), problem: problem.to_string() }],
                Ok(sbom) => {
                    let now = time::timestamp(now);
                    let checked = scope.sbom.as_ref().map(|rules| rules.check(&sbom, &vex, now, open));
                    let SbomFindings { faults, remarks } = checked.unwrap_or_default();
                    self.sboms.push(sbom.summary().with_remarks(remarks));
                    faults.into_iter().map(Problem::from).collect()
                }
            };
            requirement.refuse(problems);
            requirement.add(by);
        }
        if let Some(rules) = &scope.sbom {
            if !found && rules.is_required {
                requirement = unmet("sbom", missing(Reason::NO_SBOM, &known.attestation_faults, known.others));
            }
            self.requirements.push(requirement);
        }
    }

    /// One that passes is enough: it says where this artifact comes from.
    fn provenance(&mut self, scope: &Scope, known: &Known) {
        let all = ProvenanceRules::default();
        let rules = scope.provenance.as_ref().unwrap_or(&all);
        let (mut held, mut failed): (Option<Requirement>, Option<Requirement>) = (None, None);
        for (Attested { statement, .. }, by) in trusted(scope, known, |kind| Provenance::version(kind).is_some()) {
            let problems = match Provenance::read(&statement.predicate_type, statement.predicate.as_str()) {
                Err(problem) => vec![Problem { reason: Reason::found(problem.code()), problem: problem.to_string() }],
                Ok(provenance) => {
                    self.provenance.push(provenance.summary());
                    by.iter().flat_map(|signer| checked(rules, &provenance, signer)).collect()
                }
            };
            if problems.is_empty() {
                held.get_or_insert_with(|| met("provenance")).add(by);
            } else {
                failed.get_or_insert_with(|| met("provenance")).refuse(problems);
            }
        }
        let requirement = match held.or(failed) {
            Some(requirement) => requirement,
            None if rules.is_required => {
                unmet("provenance", missing(Reason::NO_PROVENANCE, &known.attestation_faults, known.others))
            }
            None => met("provenance"),
        };
        if scope.provenance.is_some() {
            self.requirements.push(requirement);
        }
    }
}

fn checked(rules: &ProvenanceRules, provenance: &Provenance, signer: &Signer) -> Vec<Problem> {
    let claim =
        |claim| signer.identity.as_ref().and_then(|identity| identity.claims.get(&claim)).map(Untrusted::expose);
    let certificate = signer.identity.as_ref().map(|identity| CertificateClaims {
        subject: identity.subject.expose(),
        build_signer: claim(Claim::Signer),
        source_repository: claim(Claim::Source),
        source_ref: claim(Claim::SourceRef),
        source_commit: claim(Claim::SourceDigest),
        run: claim(Claim::Run),
    });
    rules.check(provenance, certificate.as_ref()).into_iter().map(Problem::from).collect()
}

impl From<SbomFault> for Problem {
    fn from(SbomFault { reason, problem, examples, fix }: SbomFault) -> Self {
        let examples = if examples.is_empty() { String::new() } else { format!(" ({})", examples.join("; ")) };
        Self { reason: Reason::found(reason.code()), problem: format!("{problem}{examples}; {fix}") }
    }
}

impl From<ProvenanceFault> for Problem {
    fn from(ProvenanceFault { reason, problem, fix }: ProvenanceFault) -> Self {
        Self { reason: Reason::found(reason.code()), problem: format!("{problem}; {fix}") }
    }
}

/// Enough different signers stand behind the artifact itself.
fn signed(subject: &Subject, scope: &Scope, known: &Known) -> Requirement {
    let mut signers: BTreeMap<&SignerId, Vec<&Signer>> = BTreeMap::new();
    for voucher in known.vouchers.iter().filter(|voucher| subject.manifests.contains(&voucher.manifest)) {
        if is_among(&voucher.by, &scope.signers) {
            signers.entry(&voucher.by.id).or_default().push(&voucher.by);
        }
    }
    let by: Vec<SignedBy> =
        signers.values().filter_map(|as_whom| as_whom.first()).map(|signer| signer.shown()).collect();
    match count(&signers.into_values().collect::<Vec<_>>(), &scope.signers) {
        0 => {
            // Who attests what is inside, or vouches for something else, does not say with that that it should run.
            let nobody = known.attested.is_empty() && known.vouchers.is_empty();
            let nothing = if nobody { Reason::UNSIGNED } else { Reason::ONLY_ATTESTED };
            unmet(SIGNATURE, missing(nothing, &known.signature_faults, known.others))
        }
        n if n < scope.threshold => {
            let why = Problem::with(Reason::TOO_FEW_SIGNERS, format!("{n} of {}", scope.threshold));
            Requirement { by, ..unmet(SIGNATURE, why) }
        }
        _ => Requirement { by, ..met(SIGNATURE) },
    }
}

/// How many signers these are: each counts as one of those that the scope names, and each of those once. Whoever meets
/// one pattern under several names, as a workflow does on several tags, is one.
fn count(signers: &[Vec<&Signer>], named: &[Arc<Authority>]) -> usize {
    /// Finds a place for a signer, moving others where that helps (augmenting paths of a bipartite matching).
    fn place(at: usize, fits: &[Vec<usize>], seen: &mut [bool], taken: &mut [Option<usize>]) -> bool {
        fits[at].iter().any(|&named| {
            let is_new = !std::mem::replace(&mut seen[named], true);
            let is_free = is_new && taken[named].is_none_or(|other| place(other, fits, seen, taken));
            if is_free {
                taken[named] = Some(at);
            }
            is_free
        })
    }
    let place_of = |signer: &&Signer| named.iter().position(|named| Arc::ptr_eq(named, &signer.authority));
    let fits: Vec<Vec<usize>> = signers.iter().map(|as_whom| as_whom.iter().filter_map(place_of).collect()).collect();
    let mut taken = vec![None; named.len()];
    (0..fits.len()).filter(|at| place(*at, &fits, &mut vec![false; named.len()], &mut taken)).count()
}

fn attested(asked: &Attestations, known: &Known) -> Requirement {
    let what = format!("attestation {}", asked.types.join(" or "));
    let mut requirement: Option<Requirement> = None;
    for Attested { statement, by } in &known.attested {
        let by: Vec<&Signer> = by.iter().filter(|signer| is_among(signer, &asked.signers)).collect();
        if asked.types.contains(&statement.predicate_type) && !by.is_empty() {
            requirement.get_or_insert_with(|| met(&what)).add(by);
        }
    }
    requirement.unwrap_or_else(|| unmet(&what, missing(Reason::NOT_ATTESTED, &known.attestation_faults, known.others)))
}

/// What was said of these types by somebody whom the scope trusts for that.
fn trusted<'a>(
    scope: &'a Scope,
    known: &'a Known,
    is_type: impl Fn(&str) -> bool + 'a,
) -> impl Iterator<Item = (&'a Attested, Vec<&'a Signer>)> {
    known.attested.iter().filter_map(move |attested| {
        let predicate_type = &attested.statement.predicate_type;
        let attesters = scope.attesters(predicate_type);
        let by: Vec<&Signer> = attested.by.iter().filter(|signer| is_among(signer, &attesters)).collect();
        (is_type(predicate_type) && !by.is_empty()).then_some((attested, by))
    })
}

fn is_among(signer: &Signer, authorities: &[Arc<Authority>]) -> bool {
    authorities.iter().any(|authority| Arc::ptr_eq(authority, &signer.authority))
}

fn met(what: &str) -> Requirement {
    Requirement { what: what.to_owned(), held: true, by: Vec::new(), why: None, also: Vec::new(), more: 0 }
}

fn unmet(what: &str, why: Problem) -> Requirement {
    Requirement { held: false, why: Some(why), ..met(what) }
}

impl Requirement {
    fn add(&mut self, by: Vec<&Signer>) {
        for signer in by.into_iter().map(Signer::shown) {
            if !self.by.iter().any(|known| known.identity == signer.identity) {
                self.by.push(signer);
            }
        }
    }
}

/// Why nothing counts, where nothing does: the gravest reason there is.
fn missing(nothing: Reason, faults: &BTreeSet<Fault>, others: Option<Reason>) -> Problem {
    // Faults are in the order of how far a check came: what a trusted signer made is worse than a stranger's.
    let by_trusted = faults.iter().rev().find(|fault| fault.is_by_trusted());
    // Among what was not looked at any more, one might be good.
    let too_many = others.filter(|others| *others == Reason::TOO_MANY);
    let stranger = faults.last().copied().map(Reason::from);
    by_trusted.copied().map(Reason::from).or(too_many).or(stranger).or(others).unwrap_or(nothing).into()
}
