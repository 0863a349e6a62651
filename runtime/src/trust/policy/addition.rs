//! What becomes of a policy to which somebody adds whom they trust.

use std::sync::Arc;

use super::{Attestations, Family, Scope, TrustPolicy};
use crate::trust::authority::Authority;
use crate::trust::{provenance, sbom};

/// How what is added goes together with what a policy says already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Addition {
    /// No scope is for exactly these repositories: it becomes one of its own.
    Scope,
    /// A scope is for exactly these repositories, and is added to.
    Item {
        /// Which one, in the order of the file, from 0 on.
        index: usize,
        /// What changes with it for what the scope is for, in words.
        means: Vec<String>,
    },
    /// All of it is there already.
    Nothing,
    /// A scope is for exactly these repositories, and asks for more, or for something else: whatever is added to it,
    /// what was shown would not be enough.
    Beside {
        /// What it is for, as it is written.
        scope: String,
    },
    /// It cannot be added to what is there, and why, in words.
    Contradiction(String),
}

impl TrustPolicy {
    /// What becomes of this policy with the one scope of `added`.
    pub fn addition(&self, added: &Self) -> Addition {
        let Some(new) = added.scopes.first() else { return Addition::Nothing };
        if let Some(denied) = new.digests.iter().find(|digest| self.denied.contains(*digest)) {
            let problem = format!("{denied} is denied by the policy, and never runs; take it out of `deny` first");
            return Addition::Contradiction(problem);
        }
        let Some((index, scope)) = self.scopes.iter().enumerate().find(|(_, scope)| scope.pattern == new.pattern)
        else {
            return Addition::Scope;
        };
        let is_signer_new = match scope.lacks(&scope.signers, &new.signers) {
            Ok(is_new) => is_new,
            Err(problem) => return Addition::Contradiction(problem),
        };
        let mut is_attester_new = false;
        for Attestations { types, signers } in &new.attestations {
            let known = scope.attestations.iter().find(|known| known.types == *types);
            match scope.lacks(known.map_or(&[], |known| &known.signers), signers) {
                Ok(true) if known.is_none() && scope.has_requirements() => {
                    return Addition::Beside { scope: scope.written.clone() };
                }
                Ok(is_new) => is_attester_new |= is_new,
                Err(problem) => return Addition::Contradiction(problem),
            }
        }
        let is_digest_new = !new.digests.is_subset(&scope.digests);
        let mut means = Vec::new();
        if is_signer_new {
            means.extend(scope.means_of_signer());
        }
        if is_attester_new {
            means.push(scope.means_of_attester());
        }
        if is_digest_new && scope.has_requirements() {
            means.push("this content runs without anything else that the scope asks for".to_owned());
        }
        if !is_signer_new && !is_attester_new && !is_digest_new {
            Addition::Nothing
        } else {
            Addition::Item { index, means }
        }
    }
}

impl Scope {
    /// Whether one of `new` is none of those who are `known` to it.
    ///
    /// # Errors
    /// Where one is, on other terms: in words.
    fn lacks(&self, known: &[Arc<Authority>], new: &[Arc<Authority>]) -> Result<bool, String> {
        let mut lacks = false;
        for signer in new {
            match known.iter().find(|known| known.is_one_with(signer)) {
                None => lacks = true,
                Some(known) if known.has_terms_of(signer) => {}
                Some(known) => {
                    return Err(format!(
                        "{} is in the scope `{}` already, with {}; change that where it is written",
                        known.name.escape_debug(),
                        self.written,
                        known.terms()
                    ));
                }
            }
        }
        Ok(lacks)
    }

    /// What somebody more who attests means for what the scope is for.
    fn means_of_attester(&self) -> String {
        if self.has_requirements() {
            "it widens the scope: what this signer attests counts as well, as what the others attest".to_owned()
        } else {
            "what this signer attests runs as well, not only what was reviewed".to_owned()
        }
    }

    /// What one signer more means for what the scope is for.
    fn means_of_signer(&self) -> Vec<String> {
        let mut means = Vec::new();
        match (self.signers.len(), self.threshold) {
            (0, _) if self.has_requirements() => {
                means.push("from now on it has to be signed as well, by this signer".to_owned());
            }
            (0, _) => means.push("what this signer signs runs as well, not only what was reviewed".to_owned()),
            (known, 1) => {
                means.push(format!("it widens the scope: this signer alone is enough from now on, as {} was", others(known)));
            }
            (known, threshold) => means.push(format!(
                "it widens the scope: any {threshold} of {} signers are enough from now on, where they were {threshold} of {known}",
                known + 1
            )),
        }
        if !self.signers.is_empty() && self.takes_the_word_of_signers() {
            means.push("what this signer attests of it counts as well, as what the other signers attest".to_owned());
        }
        means
    }

    /// Whether those who sign are those who attest, for anything that has to be attested.
    fn takes_the_word_of_signers(&self) -> bool {
        let are_signers = |attesters: &[Arc<Authority>]| {
            attesters.iter().any(|by| self.signers.iter().any(|signer| Arc::ptr_eq(signer, by)))
        };
        let asks_signers = |family, types: &[&str]| {
            !self.names_family(family) && types.iter().any(|known| are_signers(&self.attesters(known)))
        };
        self.attestations.iter().any(|asked| are_signers(&asked.signers))
            || self.sbom.is_some() && asks_signers(Family::Sbom, &sbom::TYPES)
            || self.provenance.is_some() && asks_signers(Family::Provenance, &provenance::TYPES)
    }
}

fn others(known: usize) -> String {
    if known == 1 { "the other one".to_owned() } else { format!("each of the other {known}") }
}

#[cfg(test)]
mod tests;
