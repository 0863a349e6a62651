//! Whom a policy trusts, and what has to come with a signature for it to count.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::by_certificate::meant;
use super::identity::{Claim, Claims, Identity, InvalidSubject, SubjectRule};
use super::key::SignerKey;
use super::root::{InvalidRoot, TrustRoot};

/// Somebody whose signatures count.
#[derive(Debug, Clone)]
pub(crate) struct Authority {
    /// What the policy calls it.
    pub(crate) name: String,
    pub(crate) who: Who,
    /// Whose certificates, logs and timestamps count: these alone.
    pub(crate) root: Arc<TrustRoot>,
    /// Whether a signature has to be in the transparency log.
    pub(crate) log: Need,
    /// Whether a certificate has to be in a log of certificates (a signed certificate timestamp, RFC 6962). Says nothing
    /// where a key signs.
    pub(crate) sct: Need,
    /// Whether a signature has to have a timestamp (RFC 3161).
    pub(crate) timestamp: Need,
}

impl Authority {
    /// Whoever has a key, whose signatures have to be in the log of Sigstore's public instance or not.
    ///
    /// # Errors
    /// Where that instance cannot be used, which no build of this program causes.
    pub(crate) fn of_key(name: String, key: SignerKey, log: bool) -> Result<Self, InvalidRoot> {
        let log = if log { Need::Required } else { Need::Ignore };
        let root = TrustRoot::public_good()?;
        Ok(Self { name, who: Who::Key(key), root, log, sct: Need::Ignore, timestamp: Need::Ignore })
    }

    /// The trust root that its signatures are checked with. A key needs none where neither log nor timestamp is asked for.
    pub(crate) fn root_in_use(&self) -> Option<&Arc<TrustRoot>> {
        let is_used = matches!(self.who, Who::Keyless { .. }) || self.log.is_required() || self.timestamp.is_required();
        is_used.then_some(&self.root)
    }

    /// The same where a policy has to name it: any but Sigstore's public instance.
    pub(crate) fn written_root(&self) -> Option<&Arc<TrustRoot>> {
        self.root_in_use().filter(|root| !root.is_public_good())
    }

    /// The same where it is not the one that everybody would expect: of a key, any but Sigstore's public instance.
    pub(crate) fn shown_root(&self) -> Option<&TrustRoot> {
        let is_expected = |root: &TrustRoot| matches!(self.who, Who::Key(_)) && root.is_public_good();
        self.root_in_use().map(|root| &**root).filter(|root| !is_expected(root))
    }

    /// Whether whoever has a certificate that names this identity is meant, if the certificate holds.
    pub(crate) fn means(&self, identity: &Identity) -> bool {
        match &self.who {
            Who::Key(_) => false,
            Who::Keyless { issuer, subject, claims } => meant(identity, issuer, subject, claims).is_ok(),
        }
    }

    /// Whether the two would count as one signer, whatever else is asked of each.
    pub(crate) fn is_one_with(&self, other: &Self) -> bool {
        match (&self.who, &other.who) {
            (Who::Key(one), Who::Key(other)) => one == other,
            (Who::Keyless { issuer: a, subject: b, claims: c }, Who::Keyless { issuer: e, subject: f, claims: g }) => {
                a == e && b == f && c == g && self.root.is_one_with(&other.root)
            }
            _ => false,
        }
    }

    /// Whether the same has to come with the signatures of both.
    pub(crate) fn has_terms_of(&self, other: &Self) -> bool {
        let has_root_of = match (self.root_in_use(), other.root_in_use()) {
            (Some(one), Some(other)) => one.is_one_with(other),
            (one, other) => one.is_none() && other.is_none(),
        };
        has_root_of && (self.log, self.sct, self.timestamp) == (other.log, other.sct, other.timestamp)
    }

    /// What has to come with a signature, as it is written.
    pub(crate) fn terms(&self) -> String {
        let Self { log, sct, timestamp, who, .. } = self;
        let sct = if matches!(who, Who::Key(_)) { String::new() } else { format!(", sct = \"{sct}\"") };
        let root = self.written_root();
        let root = root.map(|root| format!("root = \"{}\", ", root.name())).unwrap_or_default();
        format!("{root}log = \"{log}\"{sct}, timestamp = \"{timestamp}\"")
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
        Ok(Self { name, who: Who::Keyless { issuer, subject, claims }, root, log, sct, timestamp })
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
