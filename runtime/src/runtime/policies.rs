//! Whom this runtime trusts: the policies that it was given, with those that they include.

mod last;
mod told;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use futures_util::future::{OptionFuture, join_all};
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::{Instant, timeout, timeout_at};

use self::last::{Last, LastPolicies, NotAdvanced};
use self::told::Told;
use super::Runtime;
use crate::artifact::{Depot, Digest, Manifest, Selector};
use crate::plan::Runs;
use crate::settings::{Event, Settings};
use crate::trust::{
    Advisories, Basis, Counted, Fetched, Include, Judge, Name, Problem, Published, Reason, Subject, TrustPolicy,
    Verdict, with_causes,
};

/// How long all that the policies include may take to come, together.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long it may take to find again what counted last, which lies on this machine as a rule.
const LAST_PATIENCE: Duration = Duration::from_secs(10);

/// Whom this runtime trusts.
pub(super) struct Policies {
    /// Nothing where nobody has asked yet.
    held: Mutex<Option<Arc<Held>>>,
    /// Held by whoever fetches what they include.
    fetching: AsyncMutex<()>,
    last: LastPolicies,
    told: Told,
}

/// The policies that hold, with all that is known of those that they include.
struct Held {
    ceiling: Option<TrustPolicy>,
    own: TrustPolicy,
    /// Whoever judges by them.
    judge: Arc<Judge>,
}

/// Why something that runs may do so no longer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoLonger {
    /// A policy denies it.
    #[error("{0} is denied by the trust policy (denied)")]
    Denied(Digest),
    /// It runs by a policy, and what that includes is too old.
    #[error("{} ({})", .0.problem, .0.reason)]
    TooOld(Problem),
}

/// Why a policy does not count now.
struct NotTaken {
    problem: Problem,
    /// The same policy, where it is the newest one of those whose it has to be, and something else is wrong: for what it
    /// denies.
    verified: Option<Counted>,
}

impl From<Problem> for NotTaken {
    fn from(problem: Problem) -> Self {
        Self { problem, verified: None }
    }
}

impl Policies {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            held: Mutex::default(),
            fetching: AsyncMutex::default(),
            last: LastPolicies::new(settings.policies_folder.clone()),
            told: Told::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Held>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn all(&self) -> impl Iterator<Item = &TrustPolicy> {
        self.ceiling.iter().chain([&self.own])
    }

    fn is_fetched(&self) -> bool {
        self.all().all(TrustPolicy::is_fetched)
    }

    /// The version of an included policy that counted last.
    fn counted(&self, include: &Include) -> Option<Counted> {
        let same = self.all().flat_map(TrustPolicy::known).filter(|(other, _)| other.reference == include.reference);
        same.filter_map(|(_, counted)| counted.cloned()).max_by_key(|counted| counted.published)
    }
}

impl Runtime {
    /// Whoever judges. What the policies include is fetched when it is first needed.
    pub(super) async fn judge(&self) -> Arc<Judge> {
        if !self.held().is_fetched() {
            let _alone = self.policies.fetching.lock().await;
            // Somebody else may have done so meanwhile.
            if !self.held().is_fetched() {
                self.fetch().await;
            }
        }
        Arc::clone(&self.held().judge)
    }

    /// Trusts by these policies from now on. Of what they include, that counts which was fetched before, and it takes
    /// [`fetch_included`](Self::fetch_included) to know more: what these deny waits for no registry.
    pub fn trust_anew(&self, ceiling: Option<TrustPolicy>, own: TrustPolicy) {
        let mut held = self.policies.lock();
        let before = held.take();
        let known: Vec<&TrustPolicy> = before.iter().flat_map(|before| before.all()).collect();
        let anew = self.holding(ceiling.map(|ceiling| ceiling.knowing(&known)), own.knowing(&known));
        *held = Some(Arc::new(anew));
    }

    /// Fetches anew what the policies include. Until that is there, or it is clear that it does not come, what was fetched
    /// before counts.
    pub async fn fetch_included(&self) {
        let _alone = self.policies.fetching.lock().await;
        self.fetch().await;
    }

    /// How often what the policies include is asked for again; nothing where they include nothing.
    pub fn refresh(&self) -> Option<Duration> {
        self.held().all().filter_map(TrustPolicy::refresh).min()
    }

    /// Why this may not run any longer that runs on this basis, if it may not. Nobody is asked.
    pub fn no_longer(&self, runs: &Runs, basis: Basis) -> Option<NoLonger> {
        let judge = &self.held().judge;
        if let Some(denied) = runs.digests().into_iter().find(|digest| judge.denies(digest)) {
            return Some(NoLonger::Denied(denied));
        }
        judge.expired().filter(|_| basis.is_by_policy()).cloned().map(NoLonger::TooOld)
    }

    /// What no server may touch: what is this program's own, and what policies say that were fetched.
    pub(super) fn own_folders(&self) -> Vec<PathBuf> {
        let held = self.held();
        let advisories = held.all().flat_map(TrustPolicy::advisories).map(Path::to_owned);
        self.settings.own_folders.iter().cloned().chain(advisories).collect()
    }

    fn held(&self) -> Arc<Held> {
        let first = || Arc::new(self.holding(self.settings.ceiling.clone(), self.settings.trust.clone()));
        Arc::clone(self.policies.lock().get_or_insert_with(first))
    }

    fn holding(&self, ceiling: Option<TrustPolicy>, own: TrustPolicy) -> Held {
        let waived = self.settings.waived.clone();
        let judge = Judge::new(ceiling.clone(), own.clone(), waived, self.advisories());
        Held { ceiling, own, judge: Arc::new(judge) }
    }

    fn advisories(&self) -> Advisories {
        Advisories::new(self.settings.advisories_folder.clone())
    }

    async fn fetch(&self) {
        loop {
            let held = self.held();
            let until = Instant::now() + PATIENCE;
            let ceiling = OptionFuture::from(held.ceiling.clone().map(|ceiling| self.whole(ceiling, &held, until)));
            let (ceiling, own) = tokio::join!(ceiling, self.whole(held.own.clone(), &held, until));
            let anew = self.holding(ceiling, own);
            let mut current = self.policies.lock();
            // Where there are others by now, what they include has yet to be fetched.
            if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, &held)) {
                *current = Some(Arc::new(anew));
                return;
            }
        }
    }

    /// A policy with all that it includes.
    async fn whole(&self, policy: TrustPolicy, held: &Held, until: Instant) -> TrustPolicy {
        let fetched = policy.includes().iter().map(|include| self.fetched(include, held.counted(include), until));
        let fetched = join_all(fetched).await;
        policy.with(fetched)
    }

    async fn fetched(&self, include: &Include, known: Option<Counted>, until: Instant) -> Fetched {
        let depot = self.depots.registry(&include.reference);
        let reference = include.reference.clone();
        let late = |_| {
            let why = format!("{reference}: it did not come within {} s", PATIENCE.as_secs());
            Err(Problem::with(Reason::POLICY_MISSING, why).into())
        };
        match timeout_at(until, self.newest(include, &depot)).await.unwrap_or_else(late) {
            Ok((counted, manifest)) => {
                if self.policies.told.is_news(&reference, Ok(manifest)) {
                    let published = counted.published.0.to_string();
                    (self.hooks.event)(Event::PolicyTaken { reference, manifest, published });
                }
                Fetched::current(counted)
            }
            Err(NotTaken { problem, verified }) => {
                let (last, problem) = match verified {
                    Some(verified) => (Some(verified), problem),
                    None => self.last_and(problem, include, known, &depot).await,
                };
                if self.policies.told.is_news(&reference, Err(problem.clone())) {
                    (self.hooks.event)(Event::PolicyNotTaken { reference, problem: problem.clone() });
                }
                include.missing(problem, last, SystemTime::now())
            }
        }
    }

    /// The policy that the tag names now, if it counts.
    async fn newest(&self, include: &Include, depot: &Depot) -> Result<(Counted, Digest), NotTaken> {
        let missing = |error: &dyn std::error::Error| {
            Problem::with(Reason::POLICY_MISSING, format!("{}: {}", include.reference, with_causes(error)))
        };
        let manifest = depot.manifest(include.reference.selector()).await.map_err(|error| missing(&error))?;
        self.check_signed(include, &manifest, depot).await?;
        let published = Published::of(&include.reference, &manifest)?;
        include.check_place(&manifest)?;
        include.check_age(published, SystemTime::now())?;
        let layers = depot.policy(&manifest).await.map_err(|error| {
            Problem::with(Reason::POLICY_UNUSABLE, format!("{}: {}", include.reference, with_causes(&error)))
        })?;
        let counted = Counted::new(TrustPolicy::fetched_from(&include.reference, &layers)?, published);
        let this = Last { manifest: *manifest.digest(), published };
        match self.policies.last.advance(&include.reference, this) {
            Ok(()) => Ok((counted, *manifest.digest())),
            Err(NotAdvanced::Older(problem)) => Err(problem.into()),
            Err(NotAdvanced::NotKept(problem)) => Err(NotTaken { problem, verified: Some(counted) }),
        }
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

    /// The policy that counted last, for what it denies, beside the problem of the one that should count now. Where nobody
    /// can know what that was, the problem is a larger one.
    async fn last_and(
        &self,
        problem: Problem,
        include: &Include,
        known: Option<Counted>,
        depot: &Depot,
    ) -> (Option<Counted>, Problem) {
        let late = |_| Err(format!("it does not come within {} s", LAST_PATIENCE.as_secs()));
        let last = timeout(LAST_PATIENCE, self.counted_last(include, known.as_ref(), depot)).await;
        match last.unwrap_or_else(late) {
            Ok(last) => (last, problem),
            Err(why) => {
                let Problem { reason, problem } = problem;
                (known, Problem { reason, problem: format!("{problem}; nor is it known what it denied before: {why}") })
            }
        }
    }

    /// The policy that counted last. `known` is what this process knows; another one may have come upon a newer one.
    async fn counted_last(
        &self,
        include: &Include,
        known: Option<&Counted>,
        depot: &Depot,
    ) -> Result<Option<Counted>, String> {
        let last = self.policies.last.of(&include.reference).map_err(|error| with_causes(&error))?;
        let newer = |last: &Last| known.is_none_or(|known| known.published < last.published);
        let Some(Last { manifest, published }) = last.filter(newer) else { return Ok(known.cloned()) };
        let manifest = depot.manifest(&Selector::Digest(manifest)).await.map_err(|error| with_causes(&error))?;
        let layers = depot.policy(&manifest).await.map_err(|error| with_causes(&error))?;
        let policy = TrustPolicy::fetched_from(&include.reference, &layers).map_err(|problem| problem.problem)?;
        Ok(Some(Counted::new(policy, published)))
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
