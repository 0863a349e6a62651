//! Policies that lie in a registry, and that another one includes: whose they have to be, and how old.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::{SignedDuration, Timestamp};

use super::{Fallback, Mode, Origin, PolicyFiles, Scope, TrustPolicy};
use crate::artifact::{Manifest, PolicyLayers, Reference};
use crate::trust::authority::Authority;
use crate::trust::decision::Problem;
use crate::trust::reason::Reason;
use crate::trust::scope::Pattern;
use crate::trust::tuf::TufState;
use crate::untrusted::Untrusted;

/// How often a policy is asked for again while servers run, where nothing is written.
const REFRESH: Duration = Duration::from_secs(15 * 60);

/// How far the clock of whoever published it may be ahead of this machine's.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// A policy that is to be fetched.
#[derive(Debug, Clone)]
pub(crate) struct Include {
    /// Where it lies.
    pub(crate) reference: Reference,
    /// Whose signatures make it one that counts.
    scope: Scope,
    /// How long ago it may have been published.
    max_age: SignedDuration,
    /// How often it is asked for again.
    pub(crate) refresh: Duration,
}

/// What has become of a policy that is to be fetched.
#[derive(Debug, Clone)]
pub(crate) struct Fetched {
    /// The one that counted last. What it denies is denied, however old it is.
    pub(super) last: Option<Counted>,
    state: State,
}

/// A policy that counted, and when it was published.
#[derive(Debug, Clone)]
pub(crate) struct Counted {
    pub(crate) policy: Arc<TrustPolicy>,
    pub(crate) published: Published,
}

#[derive(Debug, Clone)]
enum State {
    /// It counts.
    Counts,
    /// None counts now, and why; where the last one that did is too old by now, that as well.
    Missing { why: Problem, expired: Option<Problem> },
    /// Nobody has asked for it yet on these terms.
    Unknown(Problem),
}

/// When a policy was published, as its manifest says, which is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Published(pub(crate) Timestamp);

impl Include {
    pub(super) fn new(
        reference: Reference,
        signers: Vec<Arc<Authority>>,
        threshold: usize,
        max_age: SignedDuration,
        refresh: Option<SignedDuration>,
    ) -> Self {
        let mut scope = Scope::new(reference.to_string(), Pattern::Everything);
        (scope.signers, scope.threshold) = (signers, threshold);
        // One that is not asked for any more would count for longer than it may.
        let refresh = refresh.map_or(REFRESH, SignedDuration::unsigned_abs).min(max_age.unsigned_abs());
        Self { reference, scope, max_age, refresh }
    }

    /// Whether this is the same policy, on the same terms.
    fn is_same(&self, other: &Self) -> bool {
        let (ours, theirs) = (&self.scope.signers, &other.scope.signers);
        self.reference == other.reference
            && (self.max_age, self.scope.threshold) == (other.max_age, other.scope.threshold)
            && ours.len() == theirs.len()
            && ours.iter().zip(theirs).all(|(one, other)| one.is_one_with(other) && one.has_terms_of(other))
    }

    /// What has become of it where none counts now: why, and the one that did last.
    pub(crate) fn missing(&self, why: Problem, last: Option<Counted>, now: SystemTime) -> Fetched {
        let too_old = |problem: &Problem| problem.reason == Reason::POLICY_TOO_OLD;
        let aged = last.as_ref().and_then(|last| self.check_age(last.published, now).err());
        Fetched { last, state: State::Missing { why, expired: aged.filter(too_old) } }
    }

    /// What such a policy is judged by itself: nothing but its signatures.
    pub(crate) fn law(&self) -> TrustPolicy {
        TrustPolicy { scopes: vec![self.scope.clone()], without_shipped: true, ..TrustPolicy::default() }
    }

    /// Whether this manifest of a policy was published to be followed here: whoever signs several policies means none of
    /// them in the place of another.
    ///
    /// # Errors
    /// Where it was not, or does not say.
    pub(crate) fn check_place(&self, manifest: &Manifest) -> Result<(), Problem> {
        let (reference, here) = (&self.reference, self.reference.to_string());
        let why = match manifest.annotations.get(crate::artifact::FOLLOWED_AT) {
            Some(place) if *place == here => return Ok(()),
            Some(place) => format!("{reference} is {}, copied", Untrusted::new(place.as_str()).to_line(300)),
            None => format!("{reference} does not say where; publish it with `lockgate trust push`"),
        };
        Err(Problem::with(Reason::POLICY_MISPLACED, why))
    }

    /// The trust roots of its signers that cannot be used at this time.
    pub(crate) fn unusable_roots(&self, now: SystemTime) -> Vec<TufState> {
        let states = self.scope.root_states(now).into_iter();
        states.filter(|state| state.reason.is_some()).collect()
    }

    /// Whether one that was published then is still to be followed.
    ///
    /// # Errors
    /// Where it is too old, or comes from the future.
    pub(crate) fn check_age(&self, published: Published, now: SystemTime) -> Result<(), Problem> {
        let now = Timestamp::try_from(now).unwrap_or(Timestamp::MAX);
        let (age, reference, at) = (published.0.duration_until(now), &self.reference, published.0);
        if age < -SKEW {
            let problem = format!("{reference} says that it was published at {at}, which has yet to come");
            return Err(Problem::with(Reason::POLICY_UNUSABLE, problem));
        }
        if age > self.max_age {
            let problem = format!(
                "{reference} was published at {at}, and `max-age` is {:#}; whoever keeps it has to publish it again",
                self.max_age
            );
            return Err(Problem::with(Reason::POLICY_TOO_OLD, problem));
        }
        Ok(())
    }
}

impl Published {
    /// When this manifest of a policy says that it was published.
    ///
    /// # Errors
    /// Where it says nothing, or no time.
    pub(crate) fn of(reference: &Reference, manifest: &Manifest) -> Result<Self, Problem> {
        let said = manifest.annotations.get(crate::artifact::CREATED).and_then(|text| text.parse().ok());
        said.map(Self).ok_or_else(|| {
            let why = "its manifest does not say when it was published; publish it with `lockgate trust push`";
            Problem::with(Reason::POLICY_UNUSABLE, format!("{reference}: {why}"))
        })
    }
}

impl Counted {
    pub(crate) fn new(policy: TrustPolicy, published: Published) -> Self {
        Self { policy: Arc::new(policy), published }
    }
}

impl Fetched {
    /// One that counts.
    pub(crate) fn current(counted: Counted) -> Self {
        Self { last: Some(counted), state: State::Counts }
    }

    /// One that nobody has asked for yet on the terms that hold now; on others, another may have counted.
    fn unknown(reference: &Reference, last: Option<Counted>) -> Self {
        let why = Problem::with(Reason::POLICY_MISSING, format!("{reference}: it has yet to be fetched"));
        Self { last, state: State::Unknown(why) }
    }

    fn why_not(&self) -> Option<&Problem> {
        match &self.state {
            State::Counts => None,
            State::Missing { why, .. } | State::Unknown(why) => Some(why),
        }
    }
}

impl TrustPolicy {
    /// What it includes.
    pub(crate) fn includes(&self) -> &[Arc<Include>] {
        &self.includes
    }

    /// The same policy with what it includes, in the order of [`includes`](Self::includes).
    pub(crate) fn with(self, fetched: Vec<Fetched>) -> Self {
        Self { fetched, ..self }
    }

    /// The same policy with what is known already of that which it includes, as other policies include it, too: as it is
    /// where they do so on the same terms, and for what it denies on any.
    pub(crate) fn knowing(self, others: &[&Self]) -> Self {
        let known = || others.iter().flat_map(|other| other.includes.iter().zip(&other.fetched));
        let fetched = |include: &Arc<Include>| {
            if let Some((_, fetched)) = known().find(|(other, _)| other.is_same(include)) {
                return fetched.clone();
            }
            let counted = known().filter(|(other, _)| other.reference == include.reference);
            let last = counted.filter_map(|(_, fetched)| fetched.last.clone()).max_by_key(|last| last.published);
            Fetched::unknown(&include.reference, last)
        };
        let fetched = self.includes.iter().map(fetched).collect();
        self.with(fetched)
    }

    /// What it includes, each with the one that counted last, if any did.
    pub(crate) fn known(&self) -> impl Iterator<Item = (&Arc<Include>, Option<&Counted>)> {
        let last = |at: usize| self.fetched.get(at).and_then(|fetched| fetched.last.as_ref());
        self.includes.iter().enumerate().map(move |(at, include)| (include, last(at)))
    }

    /// Whether all that it includes was asked for.
    pub(crate) fn is_fetched(&self) -> bool {
        let is_unknown = |fetched: &Fetched| matches!(fetched.state, State::Unknown(_));
        self.fetched.len() == self.includes.len() && !self.fetched.iter().any(is_unknown)
    }

    /// Why what somebody has to vouch for may run no longer, where something that it includes could not be had for longer
    /// than it may be old.
    pub(crate) fn expired(&self) -> Option<&Problem> {
        self.fetched.iter().find_map(|fetched| match &fetched.state {
            State::Missing { expired, .. } => expired.as_ref(),
            State::Counts | State::Unknown(_) => None,
        })
    }

    /// Why it cannot be held to as a whole, where something that it includes is missing.
    pub(crate) fn incomplete(&self) -> Option<Problem> {
        self.missing().into_iter().next()
    }

    /// What is missing of that which it includes, and why.
    pub(crate) fn missing(&self) -> Vec<Problem> {
        let unknown = (self.fetched.len() < self.includes.len()).then(|| Reason::POLICY_MISSING.into());
        unknown.into_iter().chain(self.fetched.iter().filter_map(|fetched| fetched.why_not().cloned())).collect()
    }

    /// The trust roots that cannot be used at this time, and for lack of which nobody signed what is missing.
    pub(crate) fn missing_roots(&self, now: SystemTime) -> Vec<TufState> {
        let is_not_signed =
            |fetched: &Fetched| fetched.why_not().is_some_and(|problem| problem.reason == Reason::POLICY_NOT_SIGNED);
        let not_signed = self.includes.iter().zip(&self.fetched).filter(|(_, fetched)| is_not_signed(fetched));
        not_signed.flat_map(|(include, _)| include.unusable_roots(now)).collect()
    }

    /// How often what it includes is asked for again; nothing where it includes nothing.
    pub(crate) fn refresh(&self) -> Option<Duration> {
        self.includes.iter().map(|include| include.refresh).min()
    }

    /// Reads a policy that was fetched, which lies at this place.
    ///
    /// # Errors
    /// Where it is none that another may include.
    pub(crate) fn fetched_from(reference: &Reference, layers: &PolicyLayers) -> Result<Self, Problem> {
        let unusable = |problem: String| Problem::with(Reason::POLICY_UNUSABLE, format!("{reference}: {problem}"));
        let text = std::str::from_utf8(&layers.text).map_err(|_| unusable("it is no UTF-8 text".to_owned()))?;
        let policy = Self::read(text, &mut FilesInside(layers)).map_err(|error| unusable(error.to_string()))?;
        policy.includable().map_err(|problem| unusable(problem.to_owned()))?;
        let place: Arc<str> = reference.to_string().into();
        let from = |scope: Scope| Scope { origin: Origin::Fetched(Arc::clone(&place)), ..scope };
        Ok(Self { scopes: policy.scopes.into_iter().map(from).collect(), ..policy })
    }

    /// Where something lies that a policy names which others include: at the same place for each of them.
    ///
    /// # Errors
    /// Where the path counts from somewhere.
    pub fn everybodys_path(path: &Path) -> std::io::Result<PathBuf> {
        if path.is_absolute() {
            return Ok(path.to_owned());
        }
        Err(std::io::Error::other("a policy that others include names it by a path from / on, which each of them has"))
    }

    /// Whether another may include it: whoever includes it says alone what holds for all the rest.
    ///
    /// # Errors
    /// Where it says more than what has to hold, and what is denied.
    pub fn includable(&self) -> Result<(), &'static str> {
        if !self.includes.is_empty() {
            return Err("a policy that others include includes none itself");
        }
        if self.default != Fallback::Reject {
            return Err(
                "a policy that others include has default = \"reject\": their own says what holds for the rest",
            );
        }
        if self.scopes.iter().any(|scope| scope.mode == Mode::Warn) {
            return Err(
                "a policy that others include has no scope with mode = \"warn\": their own says what runs that does not meet its scope",
            );
        }
        if self.without_shipped {
            return Err("a policy that others include does not say `shipped`: their own does");
        }
        Ok(())
    }
}

/// The files that a policy brings along.
struct FilesInside<'a>(&'a PolicyLayers);

impl PolicyFiles for FilesInside<'_> {
    fn read(&mut self, path: &Path) -> std::io::Result<Vec<u8>> {
        let found = path.to_str().and_then(|path| self.0.files.get(path));
        found.map(|bytes| bytes.to_vec()).ok_or_else(|| std::io::Error::other("the policy does not bring it along"))
    }

    fn path(&mut self, path: &Path) -> std::io::Result<PathBuf> {
        TrustPolicy::everybodys_path(path)
    }
}

#[cfg(test)]
mod tests;
