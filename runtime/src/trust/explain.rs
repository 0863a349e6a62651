//! What the policy asks of a name, before anything is looked at.

use std::time::SystemTime;

use serde::Serialize;

use super::authority::{Authority, Who};
use super::decision::Problem;
use super::policy::{Fallback, Mode, Scope, TrustPolicy};
use super::scope::Name;
use super::tuf::TufState;

/// What a policy asks of something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Where it is written.
    pub policy: String,
    /// The scope that applies, as it is written; none where only the default holds.
    pub scope: Option<String>,
    /// What has to hold, all of it, in words. Nothing at all means that it does not run.
    pub asks: Vec<String>,
    /// The trust roots that it names and that come by TUF, as they are now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub roots: Vec<TufState>,
    /// Whether what does not hold is only warned of.
    pub only_warns: bool,
    /// Why the policy is not whole, where something that it includes does not count now: until it does, nothing runs
    /// that somebody has to vouch for, and there may be another scope.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Problem>,
}

impl Explanation {
    /// What this policy asks of this name.
    pub(crate) fn of(policy: &TrustPolicy, name: &Name) -> Self {
        let scope = policy.scope(name);
        let asks = match (scope, policy.fallback()) {
            (Some(scope), _) => asks(scope),
            (None, Fallback::Reject) => Vec::new(),
            (None, Fallback::AllowUnsigned) => vec!["nothing: it runs, and is shown as not verified".to_owned()],
        };
        Self {
            policy: policy.place_of(name),
            scope: scope.map(|scope| scope.written.clone()),
            asks,
            roots: scope.map(|scope| scope.root_states(SystemTime::now())).unwrap_or_default(),
            only_warns: scope.is_some_and(|scope| scope.mode == Mode::Warn),
            missing: policy.missing(),
        }
    }
}

fn asks(scope: &Scope) -> Vec<String> {
    let mut asks = Vec::new();
    let or = if scope.digests.is_empty() { "" } else { "or else: " };
    if !scope.digests.is_empty() {
        let digests: Vec<String> = scope.digests.iter().map(ToString::to_string).collect();
        asks.push(format!("one of these digests, which were reviewed: {}", digests.join(", ")));
    }
    if !scope.signers.is_empty() {
        let place = scope.signatures.as_ref().map(|place| format!(", kept in {}", place.name())).unwrap_or_default();
        asks.push(format!("{or}signatures by {} of: {}{place}", scope.threshold, names(&scope.signers)));
    }
    for asked in &scope.attestations {
        asks.push(format!("{or}an attestation {} by one of: {}", asked.types.join(" or "), names(&asked.signers)));
    }
    if let Some(rules) = &scope.sbom {
        asks.extend(rules.words());
    }
    if let Some(rules) = &scope.provenance {
        asks.extend(rules.words());
    }
    asks
}

fn names(signers: &[std::sync::Arc<Authority>]) -> String {
    let named = |authority: &std::sync::Arc<Authority>| {
        let mut name = authority.name.clone();
        if let Who::Keyless { claims, .. } = &authority.who {
            name.extend(claims.iter().map(|(claim, value)| format!(", {claim} {value}")));
        }
        if let Some(root) = authority.shown_root() {
            name.push_str(&format!(", by the trust root {}", root.name()));
        }
        let log = if authority.log.is_required() { "logged" } else { "logged or not" };
        format!("{name} ({log})")
    };
    signers.iter().map(named).collect::<Vec<_>>().join("; ")
}
