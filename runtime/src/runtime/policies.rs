//! Whom this runtime trusts: the policies that it was given, with those that they include.

mod last;
mod told;

use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::Mutex;

use self::last::{Last, LastPolicies};
use self::told::Told;
use super::Runtime;
use crate::artifact::{Depot, Digest, Manifest, Selector};
use crate::plan::Runs;
use crate::settings::{Event, Settings};
use crate::trust::{
    Advisories, Fetched, Include, Judge, Name, Problem, Published, Reason, Subject, TrustPolicy, Verdict, with_causes,
};

/// Whom this runtime trusts.
pub(super) struct Policies {
    /// Whoever judges by them and by what they include; nobody yet where that was not needed so far.
    judge: Mutex<Option<Arc<Judge>>>,
    last: LastPolicies,
    told: Told,
}

impl Policies {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            judge: Mutex::default(),
            last: LastPolicies::new(settings.policies_folder.clone()),
            told: Told::default(),
        }
    }
}

impl Runtime {
    /// Whoever judges. What the policies include is fetched when it is first needed.
    pub(super) async fn judge(&self) -> Arc<Judge> {
        let mut judge = self.policies.judge.lock().await;
        if let Some(judge) = &*judge {
            return Arc::clone(judge);
        }
        let made = self.judge_by(self.settings.ceiling.clone(), self.settings.trust.clone()).await;
        *judge = Some(Arc::clone(&made));
        made
    }

    /// Trusts by these policies from now on, and fetches anew what they include. Until that is there, the ones before
    /// count.
    pub async fn trust_anew(&self, ceiling: Option<TrustPolicy>, own: TrustPolicy) {
        let made = self.judge_by(ceiling, own).await;
        *self.policies.judge.lock().await = Some(made);
    }

    /// What of this the policies deny, if anything.
    pub async fn denied(&self, runs: &Runs) -> Option<Digest> {
        let judge = self.judge().await;
        runs.digests().into_iter().find(|digest| judge.denies(digest))
    }

    async fn judge_by(&self, ceiling: Option<TrustPolicy>, own: TrustPolicy) -> Arc<Judge> {
        let ceiling = match ceiling {
            Some(ceiling) => Some(self.whole(ceiling).await),
            None => None,
        };
        Arc::new(Judge::new(ceiling, self.whole(own).await, self.settings.waived.clone(), self.advisories()))
    }

    fn advisories(&self) -> Advisories {
        Advisories::new(self.settings.advisories_folder.clone())
    }

    /// A policy with all that it includes.
    async fn whole(&self, policy: TrustPolicy) -> TrustPolicy {
        let mut fetched = Vec::new();
        for include in policy.includes() {
            fetched.push(self.fetched(include).await);
        }
        policy.with(fetched)
    }

    async fn fetched(&self, include: &Include) -> Fetched {
        let depot = self.depots.registry(&include.reference);
        let reference = include.reference.clone();
        match self.newest(include, &depot).await {
            Ok((policy, manifest, Published(published))) => {
                if self.policies.told.is_news(&reference, Ok(manifest)) {
                    let published = published.to_string();
                    (self.hooks.event)(Event::PolicyTaken { reference, manifest, published });
                }
                Fetched::current(policy)
            }
            Err(problem) => {
                if self.policies.told.is_news(&reference, Err(problem.clone())) {
                    (self.hooks.event)(Event::PolicyNotTaken { reference, problem: problem.clone() });
                }
                Fetched::missing(problem, self.counted_last(include, &depot).await)
            }
        }
    }

    /// The policy that the tag names now, if it counts.
    async fn newest(&self, include: &Include, depot: &Depot) -> Result<(TrustPolicy, Digest, Published), Problem> {
        let missing = |error: &dyn std::error::Error| {
            Problem::with(Reason::POLICY_MISSING, format!("{}: {}", include.reference, with_causes(error)))
        };
        let manifest = depot.manifest(include.reference.selector()).await.map_err(|error| missing(&error))?;
        self.check_signed(include, &manifest, depot).await?;
        let published = Published::of(&include.reference, &manifest)?;
        include.check_age(published, SystemTime::now())?;
        let layers = depot.policy(&manifest).await.map_err(|error| {
            Problem::with(Reason::POLICY_UNUSABLE, format!("{}: {}", include.reference, with_causes(&error)))
        })?;
        let policy = TrustPolicy::fetched_from(&include.reference, &layers)?;
        let this = Last { manifest: *manifest.digest(), published };
        self.policies.last.advance(&include.reference, this)?;
        Ok((policy, *manifest.digest(), published))
    }

    /// Whether those that are named signed it.
    async fn check_signed(&self, include: &Include, manifest: &Manifest, depot: &Depot) -> Result<(), Problem> {
        let Include { reference, .. } = include;
        let subject = Subject::of(reference.to_string(), Name::of(reference), manifest);
        let judge = Judge::new(None, include.law(), [].into(), self.advisories());
        match judge.decide(&subject, depot, &self.depots).await.verdict {
            Verdict::Accepted { .. } => Ok(()),
            Verdict::Refused { why: Problem { reason, problem }, .. } => {
                let roots = include.unusable_roots(SystemTime::now());
                let roots: String = roots.iter().map(|state| format!("; the trust root {}", state.line())).collect();
                let why = format!("{reference} ({reason}): {problem}{roots}");
                Err(Problem::with(Reason::POLICY_NOT_SIGNED, why))
            }
        }
    }

    /// The policy that counted last, as far as it is still here: for what it denies.
    async fn counted_last(&self, include: &Include, depot: &Depot) -> Option<TrustPolicy> {
        let Last { manifest, .. } = self.policies.last.of(&include.reference).ok()??;
        let manifest = depot.manifest(&Selector::Digest(manifest)).await.ok()?;
        let layers = depot.policy(&manifest).await.ok()?;
        TrustPolicy::fetched_from(&include.reference, &layers).ok()
    }
}

impl Runs {
    /// All digests by which it can be denied.
    fn digests(&self) -> Vec<Digest> {
        match self {
            Self::Wasm { digest, manifest, .. } => [Some(*digest), *manifest].into_iter().flatten().collect(),
            Self::Container(run) => [Some(run.image), run.manifest, run.index].into_iter().flatten().collect(),
            Self::Remote => Vec::new(),
        }
    }
}
