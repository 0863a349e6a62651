//! What an author signs of an artifact, in the forms in which those who verify look for it.
//!
//! ```text
//! SigningKey ─ Signing::new(key, predicates) ─ of(manifest) ─▶ Signed: a signature (cosign 2), attestations (cosign 3)
//! ```
//!
//! All of it is pure: where it is put is said by the caller.

mod key;

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use sigstore_types::{
    Bundle, DsseEnvelope, DsseSignature, KeyId, MediaType, PayloadBytes, PublicKeyIdentifier, SignatureBytes,
    SignatureContent, VerificationMaterial, VerificationMaterialContent, pae,
};

pub use self::key::{InvalidSigningKey, SigningKey};
use super::authority::Need;
use super::bundle::{self, MAX_BUNDLE_BYTES};
use super::evidence::{Evidence, Form, Place};
use super::payload::IMAGE_SIGNATURE;
use super::predicate::Predicate;
use super::remedy;
use super::scope::Name;
use super::signature::{SIGNATURE_ANNOTATION, SIGNATURE_MEDIA_TYPE};
use super::statement::{PAYLOAD_TYPE, STATEMENT_TYPE};
use crate::artifact::{Artifact, Attachment, Digest, Layer};
use crate::message::Json;

/// What a bundle is called, as an artifact and as its layer (Sigstore, "Bundle Format").
const BUNDLE_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// The notes by which those who list bundles choose (Sigstore, "Bundle Format").
const CONTENT_NOTE: &str = "dev.sigstore.bundle.content";
const PREDICATE_NOTE: &str = "dev.sigstore.bundle.predicateType";

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

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenStatement<'a> {
    #[serde(rename = "_type")]
    kind: &'static str,
    subject: [WrittenSubject<'a>; 1],
    predicate_type: &'a str,
    predicate: &'a Json,
}

#[derive(Serialize)]
struct WrittenSubject<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    digest: BTreeMap<&'a str, String>,
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
        let attestations = self.predicates.iter().map(|predicate| {
            if !predicate.is_about(&[*manifest, *component]) {
                let what = predicate.what();
                return Err(SigningError::OtherSubject { what, component: *component, manifest: *manifest });
            }
            self.attestation(predicate, name, manifest)
        });
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
        let what = predicate.what();
        let statement = WrittenStatement {
            kind: STATEMENT_TYPE,
            subject: [WrittenSubject { name: repository(name), digest: BTreeMap::from([("sha256", manifest.hex())]) }],
            predicate_type: predicate.kind(),
            predicate: predicate.json(),
        };
        let statement = Json::of(&statement).as_str().as_bytes().to_vec();
        let signature = self.key.sign(&pae(PAYLOAD_TYPE, &statement)).map_err(|_| SigningError::Key)?;
        let signature = DsseSignature::new(SignatureBytes::new(signature), KeyId::default());
        let envelope = DsseEnvelope::new(PAYLOAD_TYPE, PayloadBytes::new(statement.clone()), signature);
        // Which key it was, for those who have several (as cosign and sigstore-go write it).
        let hint = BASE64_STANDARD.encode(self.key.public().fingerprint().bytes());
        let material = VerificationMaterialContent::PublicKey(PublicKeyIdentifier::new(hint));
        let content = SignatureContent::DsseEnvelope(envelope);
        let bundle = Bundle::new(MediaType::Bundle0_3, VerificationMaterial::new(material), content);
        let bundle = bundle.to_json().map_err(|_| SigningError::Key)?;
        if bundle.len() > MAX_BUNDLE_BYTES {
            return Err(SigningError::TooLarge { what });
        }
        let note = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let attachment = Attachment {
            artifact_type: BUNDLE_TYPE.to_owned(),
            annotations: BTreeMap::from([note(CONTENT_NOTE, "dsse-envelope"), note(PREDICATE_NOTE, predicate.kind())]),
            layer: Layer {
                media_type: BUNDLE_TYPE.to_owned(),
                content: Artifact::new(bundle.into_bytes()),
                annotations: BTreeMap::new(),
            },
        };
        Ok(Attested { what, attachment, statement })
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

    /// What others write into their policies to follow a policy that this key signed.
    pub(crate) fn include(&self, reference: &str) -> String {
        let (policy, key) = (remedy::quoted(reference), remedy::key(&self.public_name, Need::Ignore));
        format!("[[include]]\npolicy = {policy}\nsigners = [{key}]\nmax-age = \"7d\"")
    }

    /// What users write into their policy to trust all of this, and no more.
    pub(crate) fn scope(&self, name: &Name) -> String {
        let key = remedy::key(&self.public_name, Need::Ignore);
        let mut lines = vec!["[[scope]]".to_owned(), format!("match = \"{name}\""), format!("signers = [{key}]")];
        for (what, rules) in Predicate::rules(&self.predicates) {
            let rules: String =
                rules.iter().map(|(key, value)| format!(", {key} = {}", remedy::quoted(value))).collect();
            lines.push(format!("{what} = {{ required = true{rules} }}"));
        }
        lines.join("\n")
    }
}

/// The repository that something is signed for. A folder is none.
fn repository(name: &Name) -> Option<String> {
    matches!(name, Name::Repository(_)).then(|| name.to_string())
}

#[cfg(test)]
mod tests;
