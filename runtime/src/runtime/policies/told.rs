//! What was said of included policies: they are asked for again and again, and only what is new is told.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::artifact::{Digest, Reference};
use crate::trust::Problem;

/// What was said last of each policy.
#[derive(Debug, Default)]
pub(super) struct Told(Mutex<HashMap<Reference, State>>);

/// The version that counts, or why none does.
type State = Result<Digest, Problem>;

impl Told {
    /// Whether this is not what was said last of this policy. From now on it is.
    pub(super) fn is_news(&self, reference: &Reference, state: State) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.get(reference) == Some(&state) {
            return false;
        }
        told.insert(reference.clone(), state);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::Reason;

    #[test]
    fn what_has_not_changed_is_told_once() {
        let told = Told::default();
        let [one, other]: [Reference; 2] =
            ["ghcr.io/acme/policy:stable", "ghcr.io/acme/policy:next"].map(|text| text.parse().unwrap());
        let version = |text: &str| Ok(Digest::of(text.as_bytes()));
        let missing = |why: &str| Err(Problem::with(Reason::POLICY_MISSING, why));
        for (state, is_news) in [
            (version("a"), true),
            (version("a"), false),
            (version("b"), true),
            (missing("refused"), true),
            (missing("refused"), false),
            (missing("timeout"), true),
            (Err(Reason::POLICY_TOO_OLD.into()), true),
            (version("b"), true),
            (version("b"), false),
        ] {
            assert_eq!(told.is_news(&one, state.clone()), is_news, "{state:?}");
        }
        assert!(told.is_news(&other, version("b")));
    }
}
