//! What an author signs of an artifact, in the forms in which those who verify look for it.
//!
//! ```text
//! SigningKey ─ Signing::new(key, predicates) ─ of(manifest) ─▶ Signed: a signature (cosign 2), attestations (cosign 3)
//!
//! IdentityToken ─ Keyless::new(token, instance, predicates) ─ ask() ─▶ Asking ─ certified ─▶ Holder ─ sign ─▶ Logging
//!                                            of the authority ┘                  of the log ┘ logged ─▶ Attachment
//! ```
//!
//! Who has no key signs with one that is made for this and forgotten, for which a certificate authority vouches.
//!
//! All of it is pure: where it is put is said by the caller.

mod instance;
mod key;
mod keyless;
mod signer;
mod token;
mod unsigned;

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use sigstore_types::{PublicKeyIdentifier, SignatureContent, VerificationMaterial, VerificationMaterialContent};

pub(crate) use self::instance::Service;
pub use self::instance::{InvalidSigningInstance, SigningInstance};
pub use self::key::{InvalidSigningKey, SigningKey};
pub use self::keyless::{CannotAsk, CertificateProblem, Keyless, SignerIdentity};
pub(crate) use self::keyless::{Holder, NotLogged};
pub use self::signer::Signer;
pub(crate) use self::signer::{Words, include};
pub use self::token::{IdentityToken, InvalidIdentityToken};
pub(crate) use self::unsigned::Unsigned;
use super::authority::Need;
use super::bundle::{self, MAX_BUNDLE_BYTES};
use super::evidence::{Evidence, Form, Place};
use super::payload::IMAGE_SIGNATURE;
use super::predicate::Predicate;
use super::remedy;
use super::scope::Name;
use super::signature::{SIGNATURE_ANNOTATION, SIGNATURE_MEDIA_TYPE};
use super::statement::PAYLOAD_TYPE;
use crate::artifact::{Artifact, Attachment, Digest, Layer};
use crate::message::Json;

/// What an author signs with, and what they attest.
#[derive(Debug)]
pub struct Signing {
    key: SigningKey,
    /// What the public key is called where users keep it.
    public_name: String,
    predicates: Vec<Predicate>,
}

/// Why something cannot be signed. Nothing was sent anywhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SigningError {
    /// The key does not sign.
    #[error("the key does not sign; make another one")]
    Key,
    /// A statement is about other things.
    #[error(
        "{what} is a statement about other things: neither {component}, the component, nor {manifest}, its manifest"
    )]
    OtherSubject {
        /// Which.
        what: &'static str,
        /// The component that was to be pushed.
        component: Digest,
        /// Its manifest.
        manifest: Digest,
    },
    /// Nobody would read it.
    #[error("{what} is too large: those who verify read no attestation of more than {} MiB", MAX_BUNDLE_BYTES >> 20)]
    TooLarge {
        /// Which.
        what: &'static str,
    },
}

/// What is put beside a manifest.
pub(crate) struct Signed {
    pub(crate) signature: Layer,
    pub(crate) attestations: Vec<Attested>,
}

/// One attestation.
pub(crate) struct Attested {
    /// What it is, for a person: `its SBOM`.
    pub(crate) what: &'static str,
    pub(crate) attachment: Attachment,
    statement: Vec<u8>,
}

#[derive(Serialize)]
struct WrittenPayload<'a> {
    critical: Critical<'a>,
    optional: Option<()>,
}

#[derive(Serialize)]
struct Critical<'a> {
    identity: Identity<'a>,
    image: Image<'a>,
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Identity<'a> {
    docker_reference: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Image<'a> {
    docker_manifest_digest: &'a Digest,
}

impl Signing {
    /// Signs with `key`, whose public key users keep as `public_name`, and attests all of these.
    pub fn new(key: SigningKey, public_name: String, predicates: Vec<Predicate>) -> Self {
        Self { key, public_name, predicates }
    }

    /// The public key, in PEM form, for users to keep.
    pub fn public_pem(&self) -> &str {
        self.key.public_pem()
    }

    /// What users call it.
    pub fn public_name(&self) -> &str {
        &self.public_name
    }

    /// Signs a manifest, and what is attested of it. `name` is what it is signed for: the same bytes elsewhere are not.
    ///
    /// # Errors
    /// See [`SigningError`].
    pub(crate) fn of(&self, name: &Name, manifest: &Digest, component: &Digest) -> Result<Signed, SigningError> {
        check_subjects(&self.predicates, manifest, component)?;
        let attestations = self.predicates.iter().map(|predicate| self.attestation(predicate, name, manifest));
        Ok(Signed { attestations: attestations.collect::<Result<_, _>>()?, signature: self.signature(name, manifest)? })
    }

    /// A signature as cosign 2 writes it (cosign, `specs/SIGNATURE_SPEC.md`).
    fn signature(&self, name: &Name, manifest: &Digest) -> Result<Layer, SigningError> {
        let repository = repository(name).unwrap_or_default();
        let payload = WrittenPayload {
            critical: Critical {
                identity: Identity { docker_reference: &repository },
                image: Image { docker_manifest_digest: manifest },
                kind: IMAGE_SIGNATURE,
            },
            optional: None,
        };
        let payload = Json::of(&payload);
        let signature = self.key.sign(payload.as_str().as_bytes()).map_err(|_| SigningError::Key)?;
        Ok(Layer {
            media_type: SIGNATURE_MEDIA_TYPE.to_owned(),
            content: Artifact::new(payload.as_str().as_bytes()),
            annotations: BTreeMap::from([(SIGNATURE_ANNOTATION.to_owned(), BASE64_STANDARD.encode(signature))]),
        })
    }

    /// An attestation as cosign 3 writes it: a bundle that says which key to check it with.
    fn attestation(&self, predicate: &Predicate, name: &Name, manifest: &Digest) -> Result<Attested, SigningError> {
        let statement = Unsigned::attestation(predicate, name, manifest);
        let signature = self.key.sign(&statement.pae()).map_err(|_| SigningError::Key)?;
        // Which key it was, for those who have several (as cosign and sigstore-go write it).
        let hint = BASE64_STANDARD.encode(self.key.public().fingerprint().bytes());
        let material = VerificationMaterialContent::PublicKey(PublicKeyIdentifier::new(hint));
        let attachment = statement.attachment(statement.envelope(signature), VerificationMaterial::new(material))?;
        Ok(Attested { what: statement.what, attachment, statement: statement.bytes })
    }

    /// Whether this key has signed these very words before, and it lies where cosign looks. A signature by it is another
    /// each time.
    pub(crate) fn has_signed(&self, signature: &Layer, evidence: &Evidence) -> bool {
        let Form::SimpleSigning { payload, notes } = &evidence.form else { return false };
        let made = notes.signature.as_deref().and_then(|text| BASE64_STANDARD.decode(text).ok());
        let is_found = evidence.place == Place::LegacyTag;
        is_found
            && payload == signature.content.bytes()
            && made.is_some_and(|made| self.key.public().signed(payload, &made))
    }

    /// Whether this key has attested these very words before.
    pub(crate) fn has_attested(&self, attested: &Attested, evidence: &Evidence) -> bool {
        let Form::Bundle(bytes) = &evidence.form else { return false };
        let Ok(offered) = bundle::read(bytes) else { return false };
        let SignatureContent::DsseEnvelope(envelope) = &offered.bundle().content else { return false };
        envelope.payload_type == PAYLOAD_TYPE
            && envelope.payload.as_bytes() == attested.statement
            && self.key.public().signed(&envelope.pae(), envelope.signature.sig.as_bytes())
    }

    /// As whom users name the key in their policies.
    pub(crate) fn signer(&self) -> String {
        remedy::key(&self.public_name, Need::Ignore)
    }
}

/// Whether all of these may be said of what is pushed.
fn check_subjects(predicates: &[Predicate], manifest: &Digest, component: &Digest) -> Result<(), SigningError> {
    let other = predicates.iter().find(|predicate| !predicate.is_about(&[*manifest, *component]));
    other.map_or(Ok(()), |predicate| {
        Err(SigningError::OtherSubject { what: predicate.what(), component: *component, manifest: *manifest })
    })
}

/// The repository that something is signed for. A folder is none.
fn repository(name: &Name) -> Option<String> {
    matches!(name, Name::Repository(_)).then(|| name.to_string())
}

#[cfg(test)]
mod tests;
