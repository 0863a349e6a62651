//! Signing with a key that lives for as long as it takes, for which a certificate authority vouches (Sigstore).
//!
//! What is asked of the services, and what their answers are worth. Who carries both is not known here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sigstore_crypto::parse_certificate_info;
use sigstore_rekor::LogEntry;
use sigstore_types::bundle::CertificateContent;
use sigstore_types::{
    DerCertificate, DsseEnvelope, KindVersion, SignatureContent, VerificationMaterial, VerificationMaterialContent,
};
use zeroize::Zeroizing;

use super::instance::SigningInstance;
use super::key::SigningKey;
use super::token::{IdentityToken, InvalidIdentityToken};
use super::unsigned::Unsigned;
use super::{SigningError, check_subjects};
use crate::artifact::{Attachment, Digest};
use crate::message::Json;
use crate::trust::authority::Authority;
use crate::trust::bundle;
use crate::trust::evidence::{Evidence, Form, Place};
use crate::trust::fault::Fault;
use crate::trust::identity::Identity;
use crate::trust::predicate::Predicate;
use crate::trust::remedy;
use crate::trust::scope::Name;
use crate::trust::weigh::Weighing;
use crate::untrusted::Untrusted;

/// What an author proves who they are with, whom they prove it to, and what they attest.
#[derive(Debug)]
pub struct Keyless {
    token: IdentityToken,
    pub(crate) instance: SigningInstance,
    pub(super) predicates: Vec<Predicate>,
}

/// Who signed, as the certificate names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignerIdentity {
    /// Who vouches for them.
    pub issuer: Untrusted,
    /// Who they are.
    pub subject: Untrusted,
}

/// Why the answer of a certificate authority is no certificate to sign with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateProblem {
    /// It is something else.
    #[error("it is no certificate, or one that cannot be read")]
    Unreadable,
    /// Bundles have no place for what shows that it was logged.
    #[error("what shows that the certificate was logged is not inside it, where those who verify look for it")]
    Detached,
    /// It is for somebody else's key.
    #[error("the certificate is for another key than the one that was sent")]
    OtherKey,
    /// It is for somebody else.
    #[error(
        "the certificate names {} by {}, and not the one whom the token names",
        .0.subject.to_line(200),
        .0.issuer.to_line(200)
    )]
    OtherIdentity(SignerIdentity),
    /// Those who verify would not accept it.
    #[error("those who verify would refuse what is signed with it ({code}): {words}")]
    Refused {
        /// The reason that they would give, which stays the same.
        code: &'static str,
        /// The same, for a person.
        words: &'static str,
    },
}

/// Why the answer of a log does not show that it has what it was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotLogged {
    #[error("it is no entry of a log")]
    Unreadable,
    #[error("those who verify would refuse what was made of it ({}): {}", .0.code(), .0.words())]
    Refused(Fault),
    /// The log is not to blame.
    #[error(transparent)]
    Certificate(CertificateProblem),
    #[error(transparent)]
    Signing(#[from] SigningError),
}

/// Why no certificate is asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotAsk {
    /// The token cannot be used any more.
    #[error("the identity token cannot be used: {0}")]
    Token(#[from] InvalidIdentityToken),
    /// There is no key to ask for.
    #[error(transparent)]
    Key(#[from] SigningError),
}

/// A key that is to get a certificate.
pub(crate) struct Asking<'a> {
    key: SigningKey,
    keyless: &'a Keyless,
}

/// Somebody with a certificate and its key.
pub(crate) struct Holder {
    key: SigningKey,
    certificate: DerCertificate,
    identity: Identity,
    /// Exactly who this is, for those who verify.
    authority: Authority,
}

/// A statement that is signed, and has to be logged.
pub(crate) struct Logging<'a> {
    statement: &'a Unsigned,
    envelope: DsseEnvelope,
    /// What is sent to the log.
    pub(crate) proposed: Json,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CertificateRequest<'a> {
    credentials: Credentials<'a>,
    public_key_request: PublicKeyRequest<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Credentials<'a> {
    oidc_identity_token: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PublicKeyRequest<'a> {
    public_key: PublicKey<'a>,
    proof_of_possession: String,
}

#[derive(Serialize)]
struct PublicKey<'a> {
    algorithm: &'static str,
    content: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Certified {
    signed_certificate_embedded_sct: Option<Chained>,
    signed_certificate_detached_sct: Option<Chained>,
}

#[derive(Deserialize)]
struct Chained {
    chain: Chain,
}

#[derive(Deserialize)]
struct Chain {
    certificates: Vec<String>,
}

impl Keyless {
    /// Signs as whom `token` names, and attests all of these.
    ///
    /// # Errors
    /// Where the token is meant for others than the instance that it would be sent to: they could use it elsewhere.
    pub fn new(
        token: IdentityToken,
        instance: SigningInstance,
        predicates: Vec<Predicate>,
    ) -> Result<Self, InvalidIdentityToken> {
        if !token.is_for(&instance.audience) {
            return Err(InvalidIdentityToken::OtherAudience(instance.audience));
        }
        Ok(Self { token, instance, predicates })
    }

    /// Who signs, as they say themselves.
    pub fn token(&self) -> &IdentityToken {
        &self.token
    }

    /// With which instance.
    pub fn instance(&self) -> &SigningInstance {
        &self.instance
    }

    /// All that is to be said of a manifest: that the author stands behind it comes first.
    ///
    /// # Errors
    /// Where a statement is about other things, or too large: before anybody has been sent anything.
    pub(crate) fn statements(
        &self,
        name: &Name,
        manifest: &Digest,
        component: &Digest,
    ) -> Result<Vec<Unsigned>, SigningError> {
        check_subjects(&self.predicates, manifest, component)?;
        let attested = self.predicates.iter().map(|predicate| Unsigned::attestation(predicate, name, manifest));
        let statements: Vec<Unsigned> = std::iter::once(Unsigned::signature(manifest)).chain(attested).collect();
        statements.iter().try_for_each(Unsigned::check_size)?;
        Ok(statements)
    }

    /// A new key, for which a certificate has to be asked.
    ///
    /// # Errors
    /// Where none can be made, or the token has expired meanwhile.
    pub(crate) fn ask(&self, now: SystemTime) -> Result<Asking<'_>, CannotAsk> {
        self.token.check_time(now)?;
        let key = SigningKey::ephemeral().map_err(|_| SigningError::Key)?;
        Ok(Asking { key, keyless: self })
    }

    /// What somebody said who was sent the token, without it.
    pub(crate) fn without_token(&self, words: &str) -> String {
        self.token.without(words)
    }
}

impl Asking<'_> {
    /// What the certificate authority is sent (Fulcio, `fulcio.proto`, `CreateSigningCertificateRequest`).
    ///
    /// # Errors
    /// Where the key does not sign.
    pub(crate) fn request(&self) -> Result<Zeroizing<Vec<u8>>, SigningError> {
        let token = &self.keyless.token;
        let proof = self.key.sign(token.challenge().as_bytes()).map_err(|_| SigningError::Key)?;
        let request = CertificateRequest {
            credentials: Credentials { oidc_identity_token: token.expose() },
            public_key_request: PublicKeyRequest {
                public_key: PublicKey { algorithm: "ECDSA", content: self.key.public_pem() },
                proof_of_possession: BASE64_STANDARD.encode(proof),
            },
        };
        // With room for all of it, so that no half of it is left behind in memory when it grows.
        let mut bytes = Zeroizing::new(Vec::with_capacity(token.expose().len() + 4096));
        serde_json::to_writer(&mut *bytes, &request).map_err(|_| SigningError::Key)?;
        Ok(bytes)
    }

    /// What the certificate authority answered.
    ///
    /// # Errors
    /// Where it is no certificate for this key and for whom the token names.
    pub(crate) fn certified(self, answer: &[u8]) -> Result<Holder, CertificateProblem> {
        let Self { key, keyless } = self;
        let chained = match read(answer).ok_or(CertificateProblem::Unreadable)? {
            Certified { signed_certificate_embedded_sct: Some(chained), .. } => chained,
            Certified { signed_certificate_detached_sct: Some(_), .. } => return Err(CertificateProblem::Detached),
            _ => return Err(CertificateProblem::Unreadable),
        };
        // The first is the holder's. What it leads to is known to those who verify, and not asked of it.
        let leaf = chained.chain.certificates.first().ok_or(CertificateProblem::Unreadable)?;
        let certificate = DerCertificate::from_pem(leaf).map_err(|_| CertificateProblem::Unreadable)?;
        let said = parse_certificate_info(&certificate).map_err(|_| CertificateProblem::Unreadable)?;
        if said.public_key.as_bytes() != key.public_der() {
            return Err(CertificateProblem::OtherKey);
        }
        let identity = Identity::of(&said).ok_or(CertificateProblem::Unreadable)?;
        let authority = Authority::of_identity(&identity, Arc::clone(&keyless.instance.root)).ok();
        match authority.filter(|_| keyless.token.is_of(&identity)) {
            Some(authority) => Ok(Holder { key, certificate, identity, authority }),
            None => Err(CertificateProblem::OtherIdentity(SignerIdentity::of(&identity))),
        }
    }
}

impl SignerIdentity {
    fn of(identity: &Identity) -> Self {
        Self { issuer: identity.issuer.clone(), subject: identity.subject.clone() }
    }
}

impl Holder {
    /// Who it is.
    pub(crate) fn identity(&self) -> SignerIdentity {
        SignerIdentity::of(&self.identity)
    }

    /// As whom users name them in their policies.
    pub(crate) fn signer(&self) -> String {
        remedy::signer(&self.authority)
    }

    /// Whether the same one has said these very words before, in a way that those who verify accept.
    pub(crate) fn has_said(&self, statement: &Unsigned, evidence: &Evidence, now: SystemTime) -> bool {
        let Form::Bundle(bytes) = &evidence.form else { return false };
        let Ok(offered) = bundle::read(bytes) else { return false };
        let SignatureContent::DsseEnvelope(envelope) = &offered.bundle().content else { return false };
        envelope.payload.as_bytes() == statement.bytes && Weighing::of(evidence).by(&self.authority, now).is_ok()
    }

    /// Signs a statement, which then has to be logged.
    ///
    /// # Errors
    /// Where the key does not sign.
    pub(crate) fn sign<'a>(&self, statement: &'a Unsigned) -> Result<Logging<'a>, SigningError> {
        let signature = self.key.sign(&statement.pae()).map_err(|_| SigningError::Key)?;
        let envelope = statement.envelope(signature);
        let proposed = Json::of(&proposed(&envelope, &self.certificate));
        Ok(Logging { statement, envelope, proposed })
    }

    /// What is put beside the manifest, of what the log answered: only what those who verify accept.
    ///
    /// # Errors
    /// Where they would not.
    pub(crate) fn logged(
        &self,
        logging: Logging<'_>,
        answer: &[u8],
        manifest: &Digest,
        now: SystemTime,
    ) -> Result<Attachment, NotLogged> {
        let Logging { statement, envelope, .. } = logging;
        let entries: BTreeMap<String, LogEntry> = read(answer).ok_or(NotLogged::Unreadable)?;
        let entry = match Vec::from_iter(entries.into_values()).as_slice() {
            [entry] => entry.to_bundle_entry(KindVersion::DsseV001).map_err(|_| NotLogged::Unreadable)?,
            _ => return Err(NotLogged::Unreadable),
        };
        let certificate = CertificateContent::new(self.certificate.clone());
        let material = VerificationMaterial::new(VerificationMaterialContent::Certificate(certificate));
        let attachment = statement.attachment(envelope, material.with_tlog_entries(vec![entry]))?;
        let form = Form::Bundle(attachment.layer.content.bytes().to_vec());
        let evidence = Evidence { about: *manifest, place: Place::Referrers, form };
        Weighing::of(&evidence).by(&self.authority, now).map_err(NotLogged::of)?;
        Ok(attachment)
    }
}

impl NotLogged {
    /// Who is to blame for a bundle that nobody accepts. Before there is an entry of the log, nothing shows at which time
    /// the certificate has to hold.
    fn of(fault: Fault) -> Self {
        match fault {
            Fault::UntrustedCertificate | Fault::CertificateNotLogged | Fault::CertificateUnreadable => {
                Self::Certificate(CertificateProblem::Refused { code: fault.code(), words: fault.words() })
            }
            fault => Self::Refused(fault),
        }
    }
}

/// What a service answered, if it has this form.
fn read<T: DeserializeOwned>(answer: &[u8]) -> Option<T> {
    Json::parse(std::str::from_utf8(answer).ok()?).ok()?.read().ok()
}

/// What is proposed to the log (Rekor, `pkg/types/dsse/v0.0.1`). Of its types for envelopes this is the one that all who
/// verify know, and that does not keep the payload.
fn proposed(envelope: &DsseEnvelope, certificate: &DerCertificate) -> serde_json::Value {
    let pem = BASE64_STANDARD.encode(certificate.to_pem());
    let content = serde_json::json!({ "envelope": Json::of(envelope).as_str(), "verifiers": [pem] });
    serde_json::json!({ "apiVersion": "0.0.1", "kind": "dsse", "spec": { "proposedContent": content } })
}

#[cfg(test)]
mod tests;
