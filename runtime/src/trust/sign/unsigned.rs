//! Statements about a manifest that are yet to be signed, and the form in which those who verify find them.

use std::collections::BTreeMap;

use serde::Serialize;
use sigstore_types::{
    Bundle, DsseEnvelope, DsseSignature, KeyId, MediaType, PayloadBytes, SignatureBytes, SignatureContent,
    VerificationMaterial, pae,
};

use super::{SigningError, repository};
use crate::artifact::{Artifact, Attachment, Digest, Layer};
use crate::message::Json;
use crate::trust::bundle::MAX_BUNDLE_BYTES;
use crate::trust::predicate::Predicate;
use crate::trust::scope::Name;
use crate::trust::statement::{PAYLOAD_TYPE, SIGNATURE_PREDICATE, STATEMENT_TYPE};

/// What a bundle is called, as an artifact and as its layer (Sigstore, "Bundle Format").
const BUNDLE_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// The notes by which those who list bundles choose (Sigstore, "Bundle Format").
const CONTENT_NOTE: &str = "dev.sigstore.bundle.content";
pub(super) const PREDICATE_NOTE: &str = "dev.sigstore.bundle.predicateType";

/// The most that a certificate and an entry of a log add to a bundle, in bytes: many times what real ones do.
const AROUND: usize = 256 * 1024;

/// A statement about a manifest, in the very words that are signed.
pub(crate) struct Unsigned {
    /// What it is, for a person: `its SBOM`.
    pub(crate) what: &'static str,
    kind: &'static str,
    pub(super) bytes: Vec<u8>,
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

impl Unsigned {
    /// That its signer stands behind a manifest, as cosign 3 writes it: without a name, and with nothing else to say.
    pub(super) fn signature(manifest: &Digest) -> Self {
        Self::new("its signature", SIGNATURE_PREDICATE, &Json::empty_object(), None, manifest)
    }

    /// What is attested of a manifest, and for which name.
    pub(super) fn attestation(predicate: &Predicate, name: &Name, manifest: &Digest) -> Self {
        Self::new(predicate.what(), predicate.kind(), predicate.json(), repository(name), manifest)
    }

    fn new(what: &'static str, kind: &'static str, predicate: &Json, name: Option<String>, manifest: &Digest) -> Self {
        let statement = WrittenStatement {
            kind: STATEMENT_TYPE,
            subject: [WrittenSubject { name, digest: BTreeMap::from([("sha256", manifest.hex())]) }],
            predicate_type: kind,
            predicate,
        };
        Self { what, kind, bytes: Json::of(&statement).as_str().as_bytes().to_vec() }
    }

    /// Whether those who verify would read a bundle with it.
    ///
    /// # Errors
    /// Where it is too large for that.
    pub(super) fn check_size(&self) -> Result<(), SigningError> {
        let in_base64 = self.bytes.len().div_ceil(3) * 4;
        if in_base64 + AROUND > MAX_BUNDLE_BYTES { Err(SigningError::TooLarge { what: self.what }) } else { Ok(()) }
    }

    /// What the signature is over.
    pub(super) fn pae(&self) -> Vec<u8> {
        pae(PAYLOAD_TYPE, &self.bytes)
    }

    /// The statement with its signature.
    pub(super) fn envelope(&self, signature: Vec<u8>) -> DsseEnvelope {
        let signature = DsseSignature::new(SignatureBytes::new(signature), KeyId::default());
        DsseEnvelope::new(PAYLOAD_TYPE, PayloadBytes::new(self.bytes.clone()), signature)
    }

    /// The bundle of an envelope and what belongs to its signature, as it is put beside the manifest.
    ///
    /// # Errors
    /// Where nobody would read it.
    pub(super) fn attachment(
        &self,
        envelope: DsseEnvelope,
        material: VerificationMaterial,
    ) -> Result<Attachment, SigningError> {
        let bundle = Bundle::new(MediaType::Bundle0_3, material, SignatureContent::DsseEnvelope(envelope));
        let bundle = bundle.to_json().map_err(|_| SigningError::Key)?;
        if bundle.len() > MAX_BUNDLE_BYTES {
            return Err(SigningError::TooLarge { what: self.what });
        }
        let note = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        Ok(Attachment {
            artifact_type: BUNDLE_TYPE.to_owned(),
            annotations: BTreeMap::from([note(CONTENT_NOTE, "dsse-envelope"), note(PREDICATE_NOTE, self.kind)]),
            layer: Layer {
                media_type: BUNDLE_TYPE.to_owned(),
                content: Artifact::new(bundle.into_bytes()),
                annotations: BTreeMap::new(),
            },
        })
    }
}
