//! From policy, waivers and what was found beside an artifact to a decision.

use std::collections::BTreeSet;

use super::decision::{Decision, Reason, SignedBy, Verdict};
use super::evidence::Form;
use super::gather::{self, Wanted};
use super::log::{LogProblem, TransparencyLog};
use super::payload::PayloadProblem;
use super::policy::{Fallback, LogRule, Scope, Signer, TrustPolicy};
use super::scope::Name;
use super::signature::{Candidate, Fault, Worth, worth};
use super::{Basis, remedy};
use crate::artifact::{Depot, Digest};

/// Judges artifacts by one policy.
pub(crate) struct Judge {
    policy: TrustPolicy,
    waived: BTreeSet<Digest>,
}

/// What is judged.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    /// As it was asked for.
    pub(crate) reference: String,
    /// What scopes are for.
    pub(crate) name: Name,
    /// Its manifest; of an image, the index and then the platform's own. What is said of any of them is said of what
    /// runs, as each names the next by its digest.
    pub(crate) manifests: Vec<Digest>,
}

impl Judge {
    pub(crate) fn new(policy: TrustPolicy, waived: BTreeSet<Digest>) -> Self {
        Self { policy, waived }
    }

    /// Judges what lies in a depot. Signatures are asked for only where they matter.
    pub(crate) async fn decide(&self, subject: &Subject, depot: &Depot) -> Decision {
        if let Some(decision) = self.without_signatures(subject) {
            return decision;
        }
        let gathered = gather::gather(depot, None, &subject.manifests, Wanted { attestations: false }).await;
        let evidence = match gathered {
            Ok(gathered) => by_manifest(&subject.manifests, gathered),
            Err(error) => vec![(error.digest, Err(with_causes(&error)))],
        };
        self.with_signatures(subject, &evidence, TransparencyLog::public())
    }

    /// The decision, where no signature could change it.
    fn without_signatures(&self, subject: &Subject) -> Option<Decision> {
        let scope = self.policy.scope(&subject.name);
        let reviewed = subject.manifests.iter().find(|digest| scope.is_some_and(|s| s.digests.contains(digest)));
        let waived = subject.manifests.iter().find(|digest| self.waived.contains(digest));
        let (basis, manifest, checked) = match (reviewed, scope, self.policy.fallback()) {
            (Some(digest), ..) => (Basis::Reviewed, Some(digest), "its digest is among those that were reviewed"),
            (None, None, Fallback::AllowUnsigned) => {
                (Basis::AllowedUnsigned, None, "nothing: no scope is for it, and the default is allow-unsigned")
            }
            (None, None, Fallback::Reject) => (Basis::Waived, Some(waived?), "nothing: no scope is for it"),
            (None, Some(scope), _) if scope.signers.is_empty() => {
                (Basis::Waived, Some(waived?), "its digest is not among those that were reviewed")
            }
            (None, Some(_), _) => return None,
        };
        let verdict = Verdict::Accepted { basis, manifest: manifest.copied(), signers: Vec::new() };
        Some(decision(subject, scope, verdict, vec![checked.to_owned()]))
    }

    /// The decision on what was found beside each of the manifests, or on why that could not be found out.
    fn with_signatures(
        &self,
        subject: &Subject,
        evidence: &[(Digest, Result<Found, String>)],
        log: Option<&TransparencyLog>,
    ) -> Decision {
        let scope = self.policy.scope(&subject.name);
        let mut checked = Vec::new();
        let trusted: &[Signer] = scope.map_or(&[], |scope| &scope.signers);
        let mut weighed = Weighed::default();
        for (digest, found) in evidence {
            let found = match found {
                Ok(found) => found,
                Err(problem) => {
                    checked.push(format!("signatures of {digest}: could not be asked for"));
                    weighed.unavailable.get_or_insert_with(|| problem.clone());
                    continue;
                }
            };
            checked.push(format!("signatures of {digest}: {}", found.candidates.len()));
            checked.extend(found.strange.iter().cloned());
            weighed.others += found.others;
            for candidate in &found.candidates {
                match worth(candidate, trusted, &subject.name, digest, log) {
                    Worth::Good { signer } => weighed.good.push((*digest, signer)),
                    Worth::Unknown => weighed.unknown.push(candidate.promise.is_some()),
                    Worth::Bad(fault) => weighed.bad.push(fault),
                }
            }
        }
        if let Some((manifest, _)) = weighed.good.first().copied() {
            // A key that signed several times is one signer.
            let places: BTreeSet<usize> = weighed.good.iter().map(|(_, signer)| *signer).collect();
            let signers = places.into_iter().map(|place| signed_by(&trusted[place])).collect::<Vec<_>>();
            for SignedBy { key, log, .. } in &signers {
                checked.push(format!("{key} signed it: type, manifest and repository of the payload"));
                if *log == LogRule::Required {
                    checked.push(format!("{key}'s signature is in the transparency log"));
                }
            }
            let verdict = Verdict::Accepted { basis: Basis::Signed, manifest: Some(manifest), signers };
            return decision(subject, scope, verdict, checked);
        }
        let reason = weighed.reason(scope);
        let waived = subject.manifests.iter().find(|digest| self.waived.contains(digest));
        if let Some(digest) = waived.filter(|_| reason.can_be_waived()) {
            let verdict = Verdict::Accepted { basis: Basis::Waived, manifest: Some(*digest), signers: Vec::new() };
            return decision(subject, scope, verdict, checked);
        }
        let problem = match (&weighed.unavailable, reason) {
            (Some(error), Reason::SignaturesUnavailable) => format!("{}: {error}", reason.words()),
            _ => reason.words().to_owned(),
        };
        let remedies = remedy::remedies(reason, subject, &self.policy, &weighed.unknown);
        decision(subject, scope, Verdict::Refused { reason, problem, remedies }, checked)
    }
}

/// What lies beside one manifest, as far as it is weighed here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Found {
    /// The signatures, in their order.
    candidates: Vec<Candidate>,
    /// How many things are there besides.
    others: usize,
    /// What is wrong with these, in words.
    strange: Vec<String>,
}

/// What was gathered, manifest by manifest. What speaks for it in another form than cosign's old one is not weighed yet.
fn by_manifest(manifests: &[Digest], gathered: gather::Found) -> Vec<(Digest, Result<Found, String>)> {
    let mut found: Vec<(Digest, Found)> = manifests.iter().map(|digest| (*digest, Found::default())).collect();
    let mut others = gathered.others;
    for evidence in gathered.evidence {
        let beside = found.iter_mut().find(|(digest, _)| *digest == evidence.about);
        match (beside, evidence.form) {
            (Some((_, beside)), Form::SimpleSigning { payload, notes }) => {
                beside.candidates.push(Candidate { payload, signature: notes.signature, promise: notes.log });
            }
            _ => others += 1,
        }
    }
    if let Some((_, first)) = found.first_mut() {
        first.others = others;
        first.strange = gathered.oddities.iter().map(ToString::to_string).collect();
    }
    found.into_iter().map(|(digest, found)| (digest, Ok(found))).collect()
}

/// What all signatures are worth.
#[derive(Debug, Default)]
struct Weighed {
    good: Vec<(Digest, usize)>,
    bad: Vec<Fault>,
    /// For each by an unknown key, whether it claims to be logged.
    unknown: Vec<bool>,
    others: usize,
    unavailable: Option<String>,
}

impl Weighed {
    /// Why none of them is enough: the gravest reason there is.
    fn reason(&self, scope: Option<&Scope>) -> Reason {
        let Some(scope) = scope else {
            return Reason::NoScope;
        };
        if scope.signers.is_empty() {
            return Reason::NotReviewed;
        }
        if self.unavailable.is_some() {
            return Reason::SignaturesUnavailable;
        }
        match (self.bad.first(), self.unknown.is_empty(), self.others) {
            (Some(fault), ..) => reason_of(*fault),
            (None, false, _) => Reason::UnknownSigner,
            (None, true, 1..) => Reason::NoSignature,
            (None, true, 0) => Reason::Unsigned,
        }
    }
}

fn reason_of(fault: Fault) -> Reason {
    match fault {
        Fault::Payload(PayloadProblem::Unreadable) => Reason::PayloadUnreadable,
        Fault::Payload(PayloadProblem::OtherType) => Reason::OtherStatement,
        Fault::Payload(PayloadProblem::OtherDigest) => Reason::OtherDigest,
        Fault::Payload(PayloadProblem::OtherRepository) => Reason::OtherRepository,
        Fault::Payload(PayloadProblem::NoRepository) => Reason::NoRepository,
        Fault::Log(LogProblem::Missing) => Reason::NotLogged,
        Fault::Log(LogProblem::Unreadable) => Reason::LogUnreadable,
        Fault::Log(LogProblem::NotKept) => Reason::LogMismatch,
        Fault::NoLog => Reason::NoLogKeys,
    }
}

fn signed_by(signer: &Signer) -> SignedBy {
    SignedBy { key: signer.name.clone(), fingerprint: *signer.key.fingerprint(), log: signer.log }
}

fn decision(subject: &Subject, scope: Option<&Scope>, verdict: Verdict, checked: Vec<String>) -> Decision {
    let Subject { reference, manifests, .. } = subject;
    let scope = scope.map(|scope| scope.written.clone());
    Decision { reference: reference.clone(), manifests: manifests.clone(), scope, verdict, checked }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::forge::{self, Hand, Statement};
    use crate::trust::signature::Candidate;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn subject() -> Subject {
        let reference: crate::artifact::Reference = "ghcr.io/acme/time:1".parse().unwrap();
        Subject {
            reference: reference.to_string(),
            name: Name::of(&reference),
            manifests: vec![DIGEST.parse().unwrap()],
        }
    }

    fn judge(policy: &str, hand: &Hand, waived: &[&str]) -> Judge {
        let policy = TrustPolicy::read(policy, &mut |_| Ok(hand.pem().into_bytes())).unwrap();
        Judge::new(policy, waived.iter().map(|digest| digest.parse().unwrap()).collect())
    }

    const ACME: &str = r#"
        default = "reject"
        [[scope]]
        match = "ghcr.io/acme/*"
        signers = [{ key = "acme.pub", log = "ignore" }]
    "#;

    /// Decides on these candidates, and gives the basis or the reason.
    fn outcome(judge: &Judge, found: Result<Found, String>) -> Result<Basis, Reason> {
        let subject = subject();
        let decision = judge
            .without_signatures(&subject)
            .unwrap_or_else(|| judge.with_signatures(&subject, &[(subject.manifests[0], found)], None));
        match decision.verdict {
            Verdict::Accepted { basis, .. } => Ok(basis),
            Verdict::Refused { reason, .. } => Err(reason),
        }
    }

    fn found(candidates: Vec<Candidate>) -> Result<Found, String> {
        Ok(Found { candidates, ..Found::default() })
    }

    fn statement() -> Statement {
        Statement::new(DIGEST, "ghcr.io/acme/time")
    }

    #[test]
    fn one_valid_signature_by_a_trusted_key_is_enough_and_counts_once() {
        let (acme, stranger) = (Hand::new(), Hand::new());
        let judge = judge(ACME, &acme, &[]);
        let good = || acme.sign(&statement());
        let others =
            vec![stranger.sign(&statement()), forge::garbage(), good(), good(), acme.sign(&statement().tagged("2"))];
        assert_eq!(outcome(&judge, found(others.clone())), Ok(Basis::Signed));
        let evidence = [(subject().manifests[0], found(others))];
        let decision = judge.with_signatures(&subject(), &evidence, None);
        let Verdict::Accepted { signers, manifest, .. } = decision.verdict else { panic!("refused") };
        assert_eq!((signers.len(), signers[0].key.as_str()), (1, "acme.pub"));
        assert_eq!(manifest, Some(DIGEST.parse().unwrap()));
        // Something unusable beside it, too.
        let beside = Found { candidates: vec![good()], others: 3, strange: vec![] };
        assert_eq!(outcome(&judge, Ok(beside)), Ok(Basis::Signed));
    }

    #[test]
    fn every_way_to_have_no_valid_signature_has_its_reason() {
        let (acme, stranger) = (Hand::new(), Hand::new());
        let judge = judge(ACME, &acme, &[]);
        let other = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
        let mut altered = acme.sign(&statement());
        altered.payload = statement().tagged("2").bytes();
        for (expected, result) in [
            (Reason::Unsigned, found(vec![])),
            (Reason::UnknownSigner, found(vec![stranger.sign(&statement())])),
            (Reason::UnknownSigner, found(vec![altered])),
            (Reason::UnknownSigner, found(vec![forge::garbage()])),
            (Reason::NoSignature, Ok(Found { others: 1, ..Found::default() })),
            (Reason::SignaturesUnavailable, Err("the registry answered with status 500".to_owned())),
            (Reason::OtherDigest, found(vec![acme.sign(&Statement::new(other, "ghcr.io/acme/time"))])),
            (Reason::OtherRepository, found(vec![acme.sign(&Statement::new(DIGEST, "ghcr.io/acme/evil"))])),
            (Reason::NoRepository, found(vec![acme.sign(&Statement::new(DIGEST, ""))])),
            (Reason::OtherStatement, found(vec![acme.sign(&statement().of_type("atomic container signature"))])),
            (Reason::PayloadUnreadable, found(vec![acme.sign_bytes(b"{}")])),
            // A bad one is graver than a stranger's.
            (
                Reason::OtherDigest,
                found(vec![stranger.sign(&statement()), acme.sign(&Statement::new(other, "ghcr.io/acme/time"))]),
            ),
        ] {
            assert_eq!(outcome(&judge, result), Err(expected));
        }
    }

    #[test]
    fn a_waiver_lifts_that_nobody_vouches_and_nothing_else() {
        let (acme, stranger) = (Hand::new(), Hand::new());
        let waiving = judge(ACME, &acme, &[DIGEST]);
        let other = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
        assert_eq!(outcome(&waiving, found(vec![])), Ok(Basis::Waived));
        assert_eq!(outcome(&waiving, found(vec![acme.sign(&statement())])), Ok(Basis::Signed));
        for (reason, result) in [
            (Reason::UnknownSigner, found(vec![stranger.sign(&statement())])),
            (Reason::OtherDigest, found(vec![acme.sign(&Statement::new(other, "ghcr.io/acme/time"))])),
            (Reason::SignaturesUnavailable, Err("500".to_owned())),
            (Reason::NoSignature, Ok(Found { others: 1, ..Found::default() })),
        ] {
            assert_eq!(outcome(&waiving, result), Err(reason));
        }
        // Nor does one for another digest.
        assert_eq!(outcome(&judge(ACME, &acme, &[other]), found(vec![])), Err(Reason::Unsigned));
        assert_eq!(outcome(&judge("default = \"reject\"", &acme, &[other]), found(vec![])), Err(Reason::NoScope));
        assert_eq!(outcome(&judge("default = \"reject\"", &acme, &[DIGEST]), found(vec![])), Ok(Basis::Waived));
    }

    #[test]
    fn without_a_scope_the_default_holds_and_within_one_it_does_not() {
        let acme = Hand::new();
        let allowing = ACME.replace("reject", "allow-unsigned");
        assert_eq!(
            outcome(&judge("default = \"allow-unsigned\"", &acme, &[]), found(vec![])),
            Ok(Basis::AllowedUnsigned)
        );
        assert_eq!(outcome(&judge(&allowing, &acme, &[]), found(vec![])), Err(Reason::Unsigned));
        assert_eq!(outcome(&judge("default = \"reject\"", &acme, &[]), found(vec![])), Err(Reason::NoScope));
    }

    #[test]
    fn a_reviewed_digest_needs_no_signature_and_only_that_one() {
        let acme = Hand::new();
        let reviewed = |digest: &str| {
            format!("default = \"reject\"\n[[scope]]\nmatch = \"ghcr.io/acme/time\"\ndigests = [\"{digest}\"]")
        };
        let other = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
        assert_eq!(outcome(&judge(&reviewed(DIGEST), &acme, &[]), Err("down".to_owned())), Ok(Basis::Reviewed));
        assert_eq!(outcome(&judge(&reviewed(other), &acme, &[]), found(vec![])), Err(Reason::NotReviewed));
        assert_eq!(outcome(&judge(&reviewed(other), &acme, &[DIGEST]), found(vec![])), Ok(Basis::Waived));
    }

    #[test]
    fn a_signature_over_the_index_or_over_the_platforms_manifest_counts_and_no_other() {
        let acme = Hand::new();
        let judge = judge(ACME, &acme, &[]);
        let (index, platform) = (Digest::of(b"index"), Digest::of(b"platform"));
        let subject = Subject { manifests: vec![index, platform], ..subject() };
        let signed = |digest: &Digest| {
            let statement = Statement::new(&digest.to_string(), "ghcr.io/acme/time");
            found(vec![acme.sign(&statement)])
        };
        for (evidence, over) in [
            (vec![(index, signed(&index)), (platform, found(vec![]))], Some(index)),
            (vec![(index, found(vec![])), (platform, signed(&platform))], Some(platform)),
            // Each under the tag of the other.
            (vec![(index, signed(&platform)), (platform, signed(&index))], None),
            (vec![(index, found(vec![])), (platform, signed(&Digest::of(b"another platform")))], None),
        ] {
            match (judge.with_signatures(&subject, &evidence, None).verdict, over) {
                (Verdict::Accepted { manifest, .. }, Some(digest)) => assert_eq!(manifest, Some(digest)),
                (Verdict::Refused { reason, .. }, None) => assert_eq!(reason, Reason::OtherDigest),
                (verdict, _) => panic!("{verdict:?}"),
            }
        }
    }

    #[test]
    fn what_would_let_it_run_is_a_policy_that_does() {
        let (acme, stranger) = (Hand::new(), Hand::new());
        let folder = |name: &std::path::Path| {
            Ok(if name.ends_with("THEIR.pub") { stranger.pem() } else { acme.pem() }.into_bytes())
        };
        for policy in ["default = \"reject\"", ACME] {
            let judge = judge(policy, &acme, &[]);
            let evidence = [(subject().manifests[0], found(vec![stranger.sign(&statement())]))];
            let Verdict::Refused { remedies, .. } = judge.with_signatures(&subject(), &evidence, None).verdict else {
                panic!("accepted")
            };
            let mut tried = 0;
            for remedy in remedies.iter().filter(|remedy| !remedy.write.starts_with("--")) {
                // Where the scope is there already, the line takes the place of its old one, if it has one.
                let kept =
                    policy.lines().filter(|line| !(remedy.write.starts_with("signers") && line.contains("signers")));
                let text = format!("{}\n{}", Vec::from_iter(kept).join("\n"), remedy.write);
                let policy = TrustPolicy::read(&text, &mut { folder }).unwrap();
                let judge = Judge::new(policy, BTreeSet::new());
                assert!(outcome(&judge, evidence[0].1.clone()).is_ok(), "{text}");
                tried += 1;
            }
            assert_eq!(tried, 2, "{remedies:?}");
        }
    }
}
