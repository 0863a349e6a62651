//! From evidence and an authority to what is known to have been said, and by whom.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::authority::{Authority, Who};
use super::bundle::{self, Message, Offered};
use super::evidence::{Evidence, Form};
use super::fault::Fault;
use super::identity::Identity;
use super::payload::Payload;
use super::statement::Statement;
use super::{by_certificate, by_key, legacy};
use crate::artifact::Digest;
use crate::untrusted::Untrusted;

/// How far the clock of a log, or of a timestamp authority, may be ahead of this machine's.
const SKEW: Duration = Duration::from_secs(5 * 60);

/// What an authority said, with everything that it asks for checked.
#[derive(Debug, Clone)]
pub(crate) struct Authenticated {
    pub(crate) said: Said,
    /// Who signed, for counting: the same one is the same, however often and wherever they signed.
    pub(crate) signer: SignerId,
    /// What the signer's certificate says, where there is one.
    pub(crate) identity: Option<Identity>,
    /// Whether the transparency log is known to have it.
    pub(crate) logged: bool,
    /// The earliest time that a log or timestamp authority saw it at, where one did.
    pub(crate) at: Option<SystemTime>,
}

/// What was said. Each is about the manifest that the evidence was found beside.
#[derive(Debug, Clone)]
pub(crate) enum Said {
    /// cosign's old signature. Which repository it is for has yet to be compared.
    Payload(Payload),
    /// An attestation, or cosign's new signature.
    Statement(Arc<Statement>),
    /// A signature over the manifest itself.
    Manifest,
}

impl Said {
    /// The type of what was attested; none where it is a signature.
    pub(crate) fn attested(&self) -> Option<&str> {
        match self {
            Self::Statement(statement) if !statement.is_signature() => Some(&statement.predicate_type),
            Self::Payload(_) | Self::Statement(_) | Self::Manifest => None,
        }
    }
}

/// One signer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum SignerId {
    /// Whoever has the key with this fingerprint.
    Key(Digest),
    /// Whoever is known to the issuer under this name.
    Identity { issuer: Untrusted, subject: Untrusted },
}

/// What was proven besides the signature.
#[derive(Debug, Default)]
pub(super) struct Proven {
    pub(super) identity: Option<Identity>,
    pub(super) logged: bool,
    pub(super) at: Option<SystemTime>,
}

/// One piece of evidence, which is read once and weighed for many.
pub(crate) struct Weighing<'a> {
    about: &'a Digest,
    offered: Result<Offered<'a>, Fault>,
}

impl<'a> Weighing<'a> {
    /// Reads it. Where it has another form, nobody's word is in it.
    pub(crate) fn of(evidence: &'a Evidence) -> Self {
        let offered = match &evidence.form {
            Form::SimpleSigning { payload, notes } => legacy::signature(payload, notes),
            Form::Envelope { envelope, notes } => legacy::attestation(envelope, notes),
            Form::Bundle(bytes) => bundle::read(bytes),
            Form::Statement { .. } => Err(Fault::NotSigned),
        };
        Self { about: &evidence.about, offered }
    }

    /// What it is worth for this authority. `now` is this machine's time.
    ///
    /// # Errors
    /// Where it does not count: see [`Fault`].
    pub(crate) fn by(&mut self, authority: &Authority, now: SystemTime) -> Result<Authenticated, Fault> {
        let offered = self.offered.as_mut().map_err(|fault| *fault)?;
        let (proven, signer) = match &authority.who {
            Who::Key(key) => {
                let proven = by_key::check(offered, key, authority, self.about, now)?;
                (proven, SignerId::Key(*key.fingerprint()))
            }
            Who::Keyless { .. } => by_certificate::check(offered, authority, self.about, now)?,
        };
        let Proven { identity, logged, at } = proven;
        if at.is_some_and(|at| at > now + SKEW) {
            return Err(Fault::InTheFuture);
        }
        Ok(Authenticated { said: said(offered, self.about)?, signer, identity, logged, at })
    }

    /// Whom the certificate that came with it names. Nothing of it is checked: it is only a name to check it for.
    ///
    /// # Errors
    /// Where there is none.
    pub(crate) fn claims_to_be_by(&self) -> Result<&Identity, Fault> {
        self.offered.as_ref().map_err(|fault| *fault)?.claimed()
    }

    /// What it says where no certificate names who made it, and whether it claims to be in a log. Nothing of it is
    /// checked: whoever has some key may have made it, or nobody.
    pub(crate) fn claims_to_be_by_a_key(&self) -> Option<(Said, bool)> {
        let offered = self.offered.as_ref().ok().filter(|offered| offered.names_nobody())?;
        Some((said(offered, self.about).ok()?, offered.claims_to_be_logged()))
    }
}

/// What is known to be signed is read, and has to be about this manifest.
fn said(offered: &Offered<'_>, about: &Digest) -> Result<Said, Fault> {
    match offered.message {
        Message::Manifest => Ok(Said::Manifest),
        Message::Payload(bytes) => {
            let payload = Payload::read(bytes).map_err(Fault::Payload)?;
            if payload.manifest == *about { Ok(Said::Payload(payload)) } else { Err(Fault::OtherDigest) }
        }
        Message::Envelope => {
            let statement = offered.statement()?;
            if statement.is_about(about) { Ok(Said::Statement(Arc::clone(statement))) } else { Err(Fault::OtherDigest) }
        }
    }
}
