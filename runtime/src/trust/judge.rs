//! From policy, waivers and what was found beside an artifact to a decision.

mod requirements;
mod survey;
mod weighed;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::SystemTime;

use self::weighed::Weighed;
use super::claimed::claimed;
use super::decision::{Decision, Problem, Verdict};
use super::explain::Explanation;
use super::gather::{self, Found, Wanted};
use super::policy::{Fallback, Mode, Scope, TrustPolicy};
use super::reason::Reason;
use super::scope::Name;
use super::{Advisories, Basis, remedy, time};
use crate::artifact::{Content, Depot, Depots, Digest, ImageDigests, Manifest};

/// Judges artifacts by the policy of the machine, if it has one, and by that of the person.
pub(crate) struct Judge {
    /// What no flag and no other policy lifts.
    ceiling: Option<TrustPolicy>,
    policy: TrustPolicy,
    waived: BTreeSet<Digest>,
    advisories: Advisories,
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
    /// What these name that runs: a component, an image's configuration. Said to be denied by some.
    pub(crate) content: Vec<Digest>,
}

impl Subject {
    /// What one manifest stands for, and its layers.
    pub(crate) fn of(reference: String, name: Name, manifest: &Manifest) -> Self {
        let content = match &manifest.content {
            Content::Image { layers, .. } => layers.iter().map(|layer| layer.digest).collect(),
            Content::Index { .. } => Vec::new(),
        };
        Self { reference, name, manifests: vec![*manifest.digest()], content }
    }

    /// All that a signature of an image may be about.
    pub(crate) fn of_image(reference: String, name: Name, digests: &ImageDigests) -> Self {
        let ImageDigests { index, manifest, image } = digests;
        let manifests = index.iter().chain([manifest]).copied().collect();
        Self { reference, name, manifests, content: vec![*image] }
    }
}

/// One policy, and what is waived of it.
struct Law<'a> {
    policy: &'a TrustPolicy,
    waived: &'a BTreeSet<Digest>,
    advisories: &'a Advisories,
}

impl Judge {
    pub(crate) fn new(
        ceiling: Option<TrustPolicy>,
        policy: TrustPolicy,
        waived: BTreeSet<Digest>,
        advisories: Advisories,
    ) -> Self {
        Self { ceiling: ceiling.map(TrustPolicy::without_shipped), policy, waived, advisories }
    }

    /// Judges what lies in a depot. Evidence is asked for only where it matters.
    pub(crate) async fn decide(&self, subject: &Subject, depot: &Depot, depots: &Depots) -> Decision {
        if let Some(ceiling) = &self.ceiling {
            let most = self.law(ceiling, &BTreeSet::new()).decide(subject, depot, depots).await;
            let own = match most.verdict {
                Verdict::Refused { .. } => return most,
                Verdict::Accepted { .. } => self.by_own(subject, depot, depots).await,
            };
            // What the machine only warns of is shown, whatever the person's own policy says.
            let is_warned = matches!(most.verdict, Verdict::Accepted { basis: Basis::Warned, .. });
            let is_accepted = matches!(own.verdict, Verdict::Accepted { .. });
            return if is_warned && is_accepted { most } else { own };
        }
        self.by_own(subject, depot, depots).await
    }

    /// Whether this digest never runs, whoever it belongs to.
    pub(crate) fn denies(&self, digest: &Digest) -> bool {
        self.ceiling.iter().chain([&self.policy]).any(|policy| policy.denies(digest))
    }

    /// Why nothing that somebody has to vouch for may run any longer, if a policy is too old for that.
    pub(crate) fn expired(&self) -> Option<&Problem> {
        self.ceiling.iter().chain([&self.policy]).find_map(TrustPolicy::expired)
    }

    async fn by_own(&self, subject: &Subject, depot: &Depot, depots: &Depots) -> Decision {
        self.law(&self.policy, &self.waived).decide(subject, depot, depots).await
    }

    fn law<'a>(&'a self, policy: &'a TrustPolicy, waived: &'a BTreeSet<Digest>) -> Law<'a> {
        Law { policy, waived, advisories: &self.advisories }
    }
}

impl Judge {
    /// What each policy that has a say asks of this name: that of the machine first.
    pub(crate) fn explain(&self, name: &Name) -> Vec<Explanation> {
        self.ceiling.iter().chain([&self.policy]).map(|policy| Explanation::of(policy, name)).collect()
    }
}

impl Law<'_> {
    async fn decide(&self, subject: &Subject, depot: &Depot, depots: &Depots) -> Decision {
        let now = SystemTime::now();
        if let Some(decision) = self.without_evidence(subject, now) {
            return decision;
        }
        let scope = self.policy.scope(&subject.name);
        // A folder has its signatures in itself, wherever they were before.
        let elsewhere = match depot {
            Depot::Registry { .. } => scope.and_then(|scope| scope.signatures.as_ref()),
            Depot::Folder(_) => None,
        };
        let elsewhere = elsewhere.map(|repository| depots.registry(repository));
        // Where no scope is for it, what is found is only told: whoever made it might be trusted for that.
        let wanted = Wanted { attestations: scope.is_none_or(Scope::wants_attestations) };
        let found = gather::gather(depot, elsewhere.as_ref(), &subject.manifests, wanted).await;
        self.with_evidence(subject, found.map_err(|error| with_causes(&error)), now)
    }

    /// The decision, where no evidence could change it.
    fn without_evidence(&self, subject: &Subject, now: SystemTime) -> Option<Decision> {
        let scope = self.policy.scope(&subject.name);
        let named = subject.manifests.iter().chain(&subject.content);
        if let Some(denied) = named.clone().find(|digest| self.policy.denies(digest)) {
            let why = Problem::with(Reason::DENIED, denied);
            let verdict = Verdict::Refused { why, remedies: Vec::new() };
            return Some(self.decision(subject, now, verdict, vec![format!("{denied} is denied")]));
        }
        // What is missing might deny it, or ask for more.
        if let Some(why) = self.policy.incomplete() {
            let checked = vec!["nothing: the policy is not whole".to_owned()];
            let remedies = remedy::of_roots(&self.policy.missing_roots(now));
            return Some(self.decision(subject, now, Verdict::Refused { why, remedies }, checked));
        }
        let reviewed = subject.manifests.iter().find(|digest| scope.is_some_and(|s| s.digests.contains(digest)));
        let waived = self.waived(subject);
        let (basis, manifest, checked) = match (reviewed, scope, self.policy.fallback()) {
            (Some(digest), ..) => (Basis::Reviewed, Some(digest), "its digest is among those that were reviewed"),
            (None, None, Fallback::AllowUnsigned) => {
                (Basis::AllowedUnsigned, None, "nothing: no scope is for it, and the default is allow-unsigned")
            }
            (None, None, Fallback::Reject) => (Basis::Waived, Some(waived?), "nothing: no scope is for it"),
            (None, Some(scope), _) if !scope.has_requirements() && scope.mode == Mode::Enforce => {
                (Basis::Waived, Some(waived?), "its digest is not among those that were reviewed")
            }
            (None, Some(_), _) => return None,
        };
        let verdict = Verdict::Accepted { basis, manifest: manifest.copied(), signers: Vec::new(), warning: None };
        Some(self.decision(subject, now, verdict, vec![checked.to_owned()]))
    }

    /// The decision on what was found, or on why that could not be found out.
    fn with_evidence(&self, subject: &Subject, found: Result<Found, String>, now: SystemTime) -> Decision {
        let scope = self.policy.scope(&subject.name);
        let mut strangers = Vec::new();
        let (weighed, why) = match (scope, found) {
            (None, Ok(found)) => {
                strangers = claimed(subject, &found.evidence, self.policy, now);
                (None, Some(Reason::NO_SCOPE.into()))
            }
            (_, Err(problem)) => (None, Some(Problem::with(Reason::SIGNATURES_UNAVAILABLE, problem))),
            (Some(scope), Ok(found)) => {
                let open = |path: &Path| self.advisories.open(path, time::timestamp(now));
                let weighed = Weighed::weigh(subject, scope, self.policy, found, now, &open);
                let why = weighed.why().cloned();
                (Some(weighed), why)
            }
        };
        let verdict = match (why, scope.map(|scope| scope.mode)) {
            (None, _) => Verdict::Accepted {
                basis: Basis::Signed,
                manifest: weighed.as_ref().and_then(Weighed::manifest),
                signers: weighed.as_ref().map(Weighed::signers).unwrap_or_default(),
                warning: None,
            },
            (Some(why), Some(Mode::Warn)) => {
                Verdict::Accepted { basis: Basis::Warned, manifest: None, signers: Vec::new(), warning: Some(why) }
            }
            (Some(why), _) => match self.waived(subject).filter(|_| can_be_waived(&why, weighed.as_ref())) {
                Some(digest) => Verdict::Accepted {
                    basis: Basis::Waived,
                    manifest: Some(*digest),
                    signers: Vec::new(),
                    warning: None,
                },
                None => {
                    let unknown = weighed.as_ref().map_or(&*strangers, |weighed| &*weighed.unknown);
                    let waivable = can_be_waived(&why, weighed.as_ref());
                    let lacks_signature = weighed.as_ref().is_some_and(Weighed::lacks_signature);
                    let remedies = remedy::remedies(waivable, subject, self.policy, unknown, lacks_signature, now);
                    Verdict::Refused { why, remedies }
                }
            },
        };
        let Some(weighed) = weighed else {
            return self.decision(subject, now, verdict, Vec::new());
        };
        let Weighed { requirements, sboms, provenance, checked, .. } = weighed;
        Decision { requirements, sboms, provenance, ..self.decision(subject, now, verdict, checked) }
    }

    fn waived<'s>(&self, subject: &'s Subject) -> Option<&'s Digest> {
        subject.manifests.iter().find(|digest| self.waived.contains(digest))
    }

    fn decision(&self, subject: &Subject, now: SystemTime, verdict: Verdict, checked: Vec<String>) -> Decision {
        let Subject { reference, manifests, name, .. } = subject;
        Decision {
            reference: reference.clone(),
            manifests: manifests.clone(),
            at: time::shown(now),
            scope: self.policy.scope(name).map(|scope| scope.written.clone()),
            policy: self.policy.place_of(name),
            verdict,
            requirements: Vec::new(),
            sboms: Vec::new(),
            provenance: Vec::new(),
            checked,
        }
    }
}

/// Whether a person may let it run for once: nobody says something that is asked for, and nothing is wrong.
fn can_be_waived(why: &Problem, weighed: Option<&Weighed>) -> bool {
    why.reason.can_be_waived() && weighed.is_none_or(Weighed::can_be_waived)
}

/// An error with all that stands behind it, in one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
