//! Whom a policy trusts, and what has to come with a signature for it to count.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::identity::{Claim, Claims, Identity, InvalidSubject, SubjectRule};
use super::key::SignerKey;
use super::root::TrustRoot;

/// Somebody whose signatures count.
#[derive(Debug, Clone)]
pub(crate) struct Authority {
    /// What the policy calls it.
    pub(crate) name: String,
    pub(crate) who: Who,
    /// Whether a signature has to be in the transparency log.
    pub(crate) log: Need,
    /// Whether a certificate has to be in a log of certificates (a signed certificate timestamp, RFC 6962). Says nothing
    /// where a key signs.
    pub(crate) sct: Need,
    /// Whether a signature has to have a timestamp (RFC 3161).
    pub(crate) timestamp: Need,
}

impl Authority {
    /// Whoever has a key, whose signatures have to be logged or not.
    pub(crate) fn of_key(name: String, key: SignerKey, log: bool) -> Self {
        let log = if log { Need::Required } else { Need::Ignore };
        Self { name, who: Who::Key(key), log, sct: Need::Ignore, timestamp: Need::Ignore }
    }

    /// Whether the two would count as one signer, whatever else is asked of each.
    pub(crate) fn is_one_with(&self, other: &Self) -> bool {
        match (&self.who, &other.who) {
            (Who::Key(one), Who::Key(other)) => one == other,
            (
                Who::Keyless { issuer: a, subject: b, claims: c, root: d },
                Who::Keyless { issuer: e, subject: f, claims: g, root: h },
            ) => a == e && b == f && c == g && d.is_one_with(h),
            _ => false,
        }
    }

    /// Whether the same has to come with the signatures of both.
    pub(crate) fn has_terms_of(&self, other: &Self) -> bool {
        (self.log, self.sct, self.timestamp) == (other.log, other.sct, other.timestamp)
    }

    /// What has to come with a signature, as it is written.
    pub(crate) fn terms(&self) -> String {
        let Self { log, sct, timestamp, who, .. } = self;
        let sct = if matches!(who, Who::Key(_)) { String::new() } else { format!(", sct = \"{sct}\"") };
        format!("log = \"{log}\"{sct}, timestamp = \"{timestamp}\"")
    }

    /// Exactly whom a certificate names, with all that this root can show.
    ///
    /// # Errors
    /// Where no rule can name them.
    pub(crate) fn of_identity(identity: &Identity, root: Arc<TrustRoot>) -> Result<Self, InvalidSubject> {
        let need = |has: bool| if has { Need::Required } else { Need::Ignore };
        let (log, sct) = (need(root.has_logs()), need(root.has_certificate_logs()));
        let timestamp = need(!root.has_logs());
        let (issuer, subject) = (identity.issuer.expose().to_owned(), identity.subject.expose());
        // A workflow that others call signs for all of them: what was built is part of who signed.
        let pinned = [Claim::Source, Claim::OwnerId].into_iter();
        let claims: Claims =
            pinned.filter_map(|claim| Some((claim, identity.claims.get(&claim)?.expose().to_owned()))).collect();
        let source = claims.get(&Claim::Source).map(|source| format!(", for {source}")).unwrap_or_default();
        let name = format!("{subject} by {issuer}{source}");
        let subject = SubjectRule::exactly(subject)?;
        Ok(Self { name, who: Who::Keyless { issuer, subject, claims, root }, log, sct, timestamp })
    }
}

/// Who it is.
#[derive(Debug, Clone)]
pub(crate) enum Who {
    /// Whoever has this key.
    Key(SignerKey),
    /// Whoever proved an identity to a certificate authority, which gave a certificate for minutes.
    Keyless {
        /// The `iss` of the token that proved it, as `https://token.actions.githubusercontent.com`; compared exactly.
        issuer: String,
        subject: SubjectRule,
        /// What the certificate has to say besides, each exactly.
        claims: Claims,
        /// Whose certificates and logs count: these alone.
        root: Arc<TrustRoot>,
    },
}

/// Whether something has to be there. Written out wherever it matters: there is no silent choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Need {
    /// What has none does not count.
    Required,
    /// It is not asked for.
    Ignore,
}

impl Need {
    /// Whether it has to be there.
    pub(crate) fn is_required(self) -> bool {
        self == Self::Required
    }
}

/// As it is written.
impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_required() { "required" } else { "ignore" })
    }
}
