//! Who made something that nobody of a scope made: what a person needs to know to trust them, or not to.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;

use super::authority::Authority;
use super::evidence::{Evidence, Form};
use super::root::TrustRoot;
use super::weigh::Weighing;

/// Who may have signed.
#[derive(Debug, Clone)]
pub(crate) enum Claimed {
    /// Somebody with a key. Which, nothing says but the key itself. `logged`: whether it claims to be in a log.
    Key { logged: bool },
    /// This identity, whose certificate holds.
    Identity(Arc<Authority>),
}

/// Who signed these, each once, those with a certificate first. Certificates count under the trust roots that are shipped,
/// and under those that the policy has `named`.
pub(crate) fn claimed(evidence: &[Evidence], named: &[Arc<TrustRoot>], now: SystemTime) -> Vec<Claimed> {
    let shipped = [TrustRoot::public_good(), TrustRoot::github()].into_iter().flatten();
    let roots: Vec<Arc<TrustRoot>> = shipped.chain(named.iter().cloned()).collect();
    let mut known = BTreeSet::new();
    let mut found: Vec<Claimed> = Vec::new();
    let mut key = None;
    for evidence in evidence {
        match identity(evidence, &roots, now) {
            Some(authority) if known.insert(authority.name.clone()) => {
                found.push(Claimed::Identity(Arc::new(authority)));
            }
            Some(_) => {}
            None => {
                if let Form::SimpleSigning { notes, .. } | Form::Envelope { notes, .. } = &evidence.form
                    && notes.certificate.is_none()
                    && notes.signature.is_some()
                {
                    key.get_or_insert(Claimed::Key { logged: notes.log.is_some() });
                }
            }
        }
    }
    found.extend(key);
    found
}

/// Whom the certificate of a signature names, if everything about it holds.
fn identity(evidence: &Evidence, roots: &[Arc<TrustRoot>], now: SystemTime) -> Option<Authority> {
    let mut weighing = Weighing::of(evidence);
    let identity = weighing.claims_to_be_by().ok()?.clone();
    roots.iter().cloned().find_map(|root| {
        let authority = Authority::of_identity(&identity, root).ok()?;
        weighing.by(&authority, now).is_ok().then_some(authority)
    })
}
