//! Who made something that nobody of a scope made: what a person needs to know to trust them, or not to.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;

use super::authority::Authority;
use super::evidence::Evidence;
use super::identity::Identity;
use super::judge::Subject;
use super::policy::{Scope, TrustPolicy};
use super::root::TrustRoot;
use super::weigh::{Said, Weighing};

/// Somebody, and what they said of the artifact.
#[derive(Debug, Clone)]
pub(crate) struct Claimed {
    pub(crate) who: Claimant,
    /// Whether they signed the artifact itself.
    pub(crate) signed: bool,
    /// The types of what they attested of it, which is no signature.
    pub(crate) attested: BTreeSet<String>,
}

/// Who it may have been.
#[derive(Debug, Clone)]
pub(crate) enum Claimant {
    /// Somebody with a key. Which, nothing says but the key itself. `logged`: whether it claims to be in a log.
    Key { logged: bool },
    /// Somebody who can be named: their certificate holds, or the policy has them.
    Named(Arc<Authority>),
}

/// Under which trust roots somebody may be named whom the policy does not trust.
struct Roots<'a> {
    /// Those that the policy names.
    named: Vec<Arc<TrustRoot>>,
    /// Those that are shipped, but for whatever the policy has a newer one of: what its keepers withdrew is not to come back.
    shipped: Vec<Arc<TrustRoot>>,
    /// Whom the policy trusts. Under no other root than its own is anybody named who would be taken for one of them.
    trusted: Vec<&'a Arc<Authority>>,
}

/// Who says this of a subject, each once, those with a certificate first.
pub(crate) fn claimed(subject: &Subject, evidence: &[Evidence], policy: &TrustPolicy, now: SystemTime) -> Vec<Claimed> {
    let roots = Roots::of(policy, subject);
    let mut found: Vec<Claimed> = Vec::new();
    for evidence in evidence {
        let Some((who, said)) = claim(evidence, &roots, now).filter(|(_, said)| is_of_this(said, subject)) else {
            continue;
        };
        let at = found.iter().position(|known| known.who.is(&who)).unwrap_or_else(|| {
            found.push(Claimed { who, signed: false, attested: BTreeSet::new() });
            found.len() - 1
        });
        // Who speaks of a manifest that only carries others says nothing of the subject with that alone.
        match said.attested() {
            _ if !subject.manifests.contains(&evidence.about) => {}
            Some(kind) => drop(found[at].attested.insert(kind.to_owned())),
            None => found[at].signed = true,
        }
    }
    found.sort_by_key(|claimed| matches!(claimed.who, Claimant::Key { .. }));
    found
}

/// Who says what: whom the certificate names, if everything about it holds, or somebody with a key.
fn claim(evidence: &Evidence, roots: &Roots<'_>, now: SystemTime) -> Option<(Claimant, Said)> {
    let mut weighing = Weighing::of(evidence);
    if let Some((said, logged)) = weighing.claims_to_be_by_a_key() {
        return Some((Claimant::Key { logged }, said));
    }
    let identity = weighing.claims_to_be_by().ok()?.clone();
    roots.for_somebody(&identity).cloned().find_map(|root| {
        let authority = Authority::of_identity(&identity, root).ok()?;
        let said = weighing.by(&authority, now).ok()?.said;
        Some((Claimant::Named(Arc::new(authority)), said))
    })
}

impl<'a> Roots<'a> {
    fn of(policy: &'a TrustPolicy, subject: &Subject) -> Self {
        let named = policy.roots_for(&subject.name);
        let is_replaced = |shipped: &Arc<TrustRoot>| {
            named.iter().filter_map(|root| root.source()).any(|source| source.is_newest_of(shipped.name()))
        };
        let shipped = [TrustRoot::public_good(), TrustRoot::github()].into_iter().flatten();
        let shipped = shipped.filter(|root| !is_replaced(root)).collect();
        let trusted = policy.scope(&subject.name).into_iter().flat_map(Scope::authorities).collect();
        Self { named, shipped, trusted }
    }

    fn for_somebody(&self, identity: &Identity) -> impl Iterator<Item = &Arc<TrustRoot>> {
        let is_taken = self.trusted.iter().any(|authority| authority.means(identity));
        self.named.iter().chain(self.shipped.iter().filter(move |_| !is_taken))
    }
}

/// Whether it would count for what lies in this repository.
fn is_of_this(said: &Said, subject: &Subject) -> bool {
    match said {
        Said::Payload(payload) => payload.check_repository(&subject.name).is_ok(),
        Said::Statement(_) | Said::Manifest => true,
    }
}

impl Claimant {
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Key { logged }, Self::Key { logged: other }) => logged == other,
            (Self::Named(one), Self::Named(other)) => one.name == other.name,
            _ => false,
        }
    }
}
