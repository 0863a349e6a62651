//! Who signs what is pushed, and what others write to trust them.

use super::{Keyless, Signed, Signing, SigningError, Unsigned};
use crate::artifact::Digest;
use crate::trust::predicate::Predicate;
use crate::trust::remedy;
use crate::trust::scope::Name;

/// Who vouches for what is pushed.
#[derive(Debug)]
pub enum Signer {
    /// Whoever has a key.
    Key(Box<Signing>),
    /// Whoever a certificate authority knows.
    Identity(Box<Keyless>),
}

/// All that is to be said of a manifest.
pub(crate) enum Words<'a> {
    /// With its signatures.
    Signed(&'a Signing, Signed),
    /// Each has yet to be signed, and logged.
    Unsigned(&'a Keyless, Vec<Unsigned>),
}

impl Signer {
    /// What is said of a manifest that holds `content`. `name` is what it is said for.
    ///
    /// # Errors
    /// See [`SigningError`].
    pub(crate) fn words(&self, name: &Name, manifest: &Digest, content: &Digest) -> Result<Words<'_>, SigningError> {
        Ok(match self {
            Self::Key(signing) => Words::Signed(signing, signing.of(name, manifest, content)?),
            Self::Identity(keyless) => Words::Unsigned(keyless, keyless.statements(name, manifest, content)?),
        })
    }

    /// What users write into their policy to trust all of this, and no more. `signer` is who signed, as it is written.
    pub(crate) fn scope(&self, name: &Name, signer: &str) -> String {
        let mut lines = vec!["[[scope]]".to_owned(), format!("match = \"{name}\""), format!("signers = [{signer}]")];
        for (what, rules) in Predicate::rules(self.predicates()) {
            let rules: String =
                rules.iter().map(|(key, value)| format!(", {key} = {}", remedy::quoted(value))).collect();
            lines.push(format!("{what} = {{ required = true{rules} }}"));
        }
        lines.join("\n")
    }

    fn predicates(&self) -> &[Predicate] {
        match self {
            Self::Key(signing) => &signing.predicates,
            Self::Identity(keyless) => &keyless.predicates,
        }
    }
}

/// What others write into their policies to follow one that lies at this place and that `signer` signed.
pub(crate) fn include(reference: &str, signer: &str) -> String {
    let policy = remedy::quoted(reference);
    format!("[[include]]\npolicy = {policy}\nsigners = [{signer}]\nmax-age = \"7d\"")
}
