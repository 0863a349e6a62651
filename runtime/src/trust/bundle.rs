//! Sigstore bundles, 0.1 to 0.3 (sigstore/protobuf-specs, `sigstore_bundle.proto`): their form, before anything of them is
//! checked.

use std::cell::OnceCell;
use std::sync::Arc;

use sigstore_types::{
    Bundle, DsseEnvelope, MediaType, MessageSignature, SignatureBytes, SignatureContent, TimestampToken,
    VerificationMaterial, VerificationMaterialContent,
};

use super::evidence::Notes;
use super::fault::Fault;
use super::identity::Identity;
use super::statement::{PAYLOAD_TYPE, Statement};
use super::{by_certificate, legacy};
use crate::message::{Json, Members};

/// The largest bundle, or envelope, that is read, in bytes: an SBOM may be inside.
pub(crate) const MAX_BUNDLE_BYTES: usize = 16 * 1024 * 1024;

/// The most entries of logs, timestamps and certificates that a bundle may have, of each. Real ones have one or two.
const MAX_PARTS: usize = 8;

/// The longest signature that is checked, in bytes. One of RSA with 4,096 bits has 512.
const MAX_SIGNATURE_BYTES: usize = 1024;

/// Something that claims to be signed, in the one form that all are checked in. It is read once, and checked for
/// whoever might have signed it: nothing that a check leaves out is missing in the next one.
#[derive(Debug)]
pub(super) struct Offered<'a> {
    /// The bundle with what was asked for last of what belongs to the signature. See [`Self::ask`].
    bundle: Bundle,
    /// A timestamp over the envelope that was asked for last, which no bundle has a place for.
    stamp: Option<TimestampToken>,
    /// The version and all that belongs to the signature, as they came. No check changes them.
    came: (MediaType, VerificationMaterial),
    /// What the signature is over.
    pub(super) message: Message<'a>,
    /// Where cosign's annotations hold what belongs to it, these.
    notes: Option<Noted<'a>>,
    pae: OnceCell<Vec<u8>>,
    statement: OnceCell<Result<Arc<Statement>, Fault>>,
    claimed: OnceCell<Result<Identity, Fault>>,
}

/// What cosign 2 wrote beside a signature.
#[derive(Debug, Clone, Copy)]
pub(super) struct Noted<'a> {
    pub(super) notes: &'a Notes,
    /// Of an attestation, the envelope as it was stored.
    pub(super) envelope: Option<&'a [u8]>,
}

/// What is looked at of all that may belong to a signature.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) certificate: bool,
    pub(super) log: bool,
    pub(super) timestamp: bool,
}

/// What a signature is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Message<'a> {
    /// What is in the envelope.
    Envelope,
    /// The manifest itself.
    Manifest,
    /// A payload that lay beside the signature.
    Payload(&'a [u8]),
}

/// Reads a bundle.
///
/// # Errors
/// Where it has another form, or could be read in two ways.
pub(super) fn read(bytes: &[u8]) -> Result<Offered<'static>, Fault> {
    let json = parse(bytes)?;
    let members = json.members().map_err(|_| Fault::Unreadable)?;
    clear(&members, &["mediaType", "verificationMaterial", "dsseEnvelope", "messageSignature"])?;
    let material = part(&members, "verificationMaterial")?.ok_or(Fault::Unreadable)?;
    let material = material.members().map_err(|_| Fault::Unreadable)?;
    clear(
        &material,
        &["certificate", "x509CertificateChain", "publicKey", "tlogEntries", "timestampVerificationData"],
    )?;
    // The library reads a bundle without a type as one of version 0.1, and takes the first of several.
    let one_of =
        |members: &Members<'_>, keys: &[&str]| keys.iter().filter(|key| members.get(key).is_some()).count() == 1;
    if members.get("mediaType").is_none()
        || !one_of(&members, &["dsseEnvelope", "messageSignature"])
        || !one_of(&material, &["certificate", "x509CertificateChain", "publicKey"])
    {
        return Err(Fault::Unreadable);
    }
    known_entries(&material)?;
    // Each part by itself: as a whole, the library would keep a second copy of what may be a large envelope.
    let media_type: MediaType = members.read("mediaType").ok().flatten().ok_or(Fault::Unreadable)?;
    let material: VerificationMaterial =
        members.read("verificationMaterial").ok().flatten().ok_or(Fault::Unreadable)?;
    let (content, message) = match part(&members, "dsseEnvelope")? {
        Some(json) => {
            one_signature(&json)?;
            let envelope = json.read().map_err(|_| Fault::Unreadable)?;
            (SignatureContent::DsseEnvelope(envelope), Message::Envelope)
        }
        None => {
            let signature: Option<MessageSignature> =
                members.read("messageSignature").map_err(|_| Fault::Unreadable)?;
            (SignatureContent::MessageSignature(signature.ok_or(Fault::Unreadable)?), Message::Manifest)
        }
    };
    Offered::new(Bundle::new(media_type, material, content), message, None)
}

/// Reads a DSSE envelope (secure-systems-lab/dsse, `envelope.md`) with exactly one signature.
///
/// # Errors
/// Where it has another form, or could be read in two ways.
pub(super) fn envelope(bytes: &[u8]) -> Result<DsseEnvelope, Fault> {
    let json = parse(bytes)?;
    one_signature(&json)?;
    json.read().map_err(|_| Fault::Unreadable)
}

impl<'a> Offered<'a> {
    /// What came, if it does not have more parts than are looked at.
    ///
    /// # Errors
    /// Where it has more.
    pub(super) fn new(bundle: Bundle, message: Message<'a>, notes: Option<Noted<'a>>) -> Result<Self, Fault> {
        let material = &bundle.verification_material;
        let certificates = match &material.content {
            VerificationMaterialContent::X509CertificateChain { certificates } => certificates.len(),
            _ => 0,
        };
        let counts =
            [material.tlog_entries.len(), material.timestamp_verification_data.rfc3161_timestamps.len(), certificates];
        let offered = Self {
            came: (bundle.media_type, material.clone()),
            bundle,
            stamp: None,
            message,
            notes,
            pae: OnceCell::new(),
            statement: OnceCell::new(),
            claimed: OnceCell::new(),
        };
        if counts.iter().any(|count| *count > MAX_PARTS) || offered.signature()?.len() > MAX_SIGNATURE_BYTES {
            return Err(Fault::TooLarge);
        }
        Ok(offered)
    }

    /// Takes what is asked for of all that came with the signature, and nothing else, whatever was asked for before.
    ///
    /// # Errors
    /// Where something that is asked for is there and has another form.
    pub(super) fn ask(&mut self, asked: Asked) -> Result<(), Fault> {
        let (media_type, material) = &self.came;
        (self.bundle.media_type, self.bundle.verification_material) = (*media_type, material.clone());
        self.stamp = None;
        if let Some(noted) = self.notes {
            self.stamp = legacy::read_notes(&mut self.bundle, noted, asked)?;
            return Ok(());
        }
        let material = &mut self.bundle.verification_material;
        if !asked.log {
            material.tlog_entries.clear();
            // Older versions cannot be without.
            self.bundle.media_type = MediaType::Bundle0_3;
        }
        if !asked.timestamp {
            material.timestamp_verification_data.rfc3161_timestamps.clear();
        }
        Ok(())
    }

    /// The signature with what was asked for last.
    pub(super) fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    /// Whether it is an attestation in cosign's old layout.
    pub(super) fn is_old_attestation(&self) -> bool {
        self.notes.is_some_and(|noted| noted.envelope.is_some())
    }

    /// The timestamp over the envelope that was asked for last, where there is one, and the envelope as it was stored.
    pub(super) fn stamp(&self) -> Option<(&TimestampToken, &'a [u8])> {
        Some((self.stamp.as_ref()?, self.notes?.envelope?))
    }

    /// Whether a key that nobody certifies made it, as it came.
    pub(super) fn is_by_key(&self) -> bool {
        matches!(self.came.1.content, VerificationMaterialContent::PublicKey(_))
    }

    /// Whether no certificate came with it: nothing but the signature itself says who made it.
    pub(super) fn names_nobody(&self) -> bool {
        self.notes
            .map_or_else(|| self.is_by_key(), |Noted { notes, .. }| matches!(legacy::certificate(notes), Ok(None)))
    }

    /// Whether something came with it that may show that it is in a log.
    pub(super) fn claims_to_be_logged(&self) -> bool {
        match self.notes {
            Some(Noted { notes, .. }) => notes.log.as_ref().is_some_and(|text| !text.is_empty()),
            None => !self.came.1.tlog_entries.is_empty(),
        }
    }

    /// Whom the certificate that came with it names, which anybody could have made.
    ///
    /// # Errors
    /// Where there is none that can be read.
    pub(super) fn claimed(&self) -> Result<&Identity, Fault> {
        let read = || {
            let leaf = match (self.notes, &self.came.1.content) {
                (Some(Noted { notes, .. }), _) => legacy::certificate(notes)?,
                (None, VerificationMaterialContent::Certificate(certificate)) => Some(certificate.raw_bytes.clone()),
                (None, VerificationMaterialContent::X509CertificateChain { certificates }) => {
                    certificates.first().map(|certificate| certificate.raw_bytes.clone())
                }
                (None, _) => None,
            };
            by_certificate::named(&leaf.ok_or(Fault::NoCertificate)?)
        };
        self.claimed.get_or_init(read).as_ref().map_err(|fault| *fault)
    }

    /// What is in the envelope, if it is a statement.
    ///
    /// # Errors
    /// Where it is none.
    pub(super) fn statement(&self) -> Result<&Arc<Statement>, Fault> {
        let read = || {
            let SignatureContent::DsseEnvelope(envelope) = &self.bundle.content else {
                return Err(Fault::Unsupported);
            };
            if envelope.payload_type != PAYLOAD_TYPE {
                return Err(Fault::OtherPayloadType);
            }
            Statement::read(envelope.payload.as_bytes()).map(Arc::new).map_err(Fault::Statement)
        };
        self.statement.get_or_init(read).as_ref().map_err(|fault| *fault)
    }

    /// The bytes that are signed, where they are here: of the manifest only the digest is.
    pub(super) fn signed_bytes(&self) -> Option<&[u8]> {
        match (self.message, &self.bundle.content) {
            (Message::Payload(payload), _) => Some(payload),
            (Message::Envelope, SignatureContent::DsseEnvelope(envelope)) => {
                Some(self.pae.get_or_init(|| envelope.pae()))
            }
            (Message::Envelope | Message::Manifest, _) => None,
        }
    }

    /// The one signature.
    ///
    /// # Errors
    /// Where the bundle is of a kind that is not known.
    pub(super) fn signature(&self) -> Result<&SignatureBytes, Fault> {
        match &self.bundle.content {
            SignatureContent::DsseEnvelope(envelope) => Ok(&envelope.signature.sig),
            SignatureContent::MessageSignature(signature) => Ok(&signature.signature),
            _ => Err(Fault::Unsupported),
        }
    }
}

fn parse(bytes: &[u8]) -> Result<Json, Fault> {
    if bytes.len() > MAX_BUNDLE_BYTES {
        return Err(Fault::TooLarge);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Fault::Unreadable)?;
    Json::parse(text).map_err(|_| Fault::Unreadable)
}

/// An envelope with several signatures says which of them counts to nobody.
fn one_signature(envelope: &Json) -> Result<(), Fault> {
    let members = envelope.members().map_err(|_| Fault::Unreadable)?;
    clear(&members, &["payloadType", "payload", "signatures"])?;
    let signatures: Vec<Json> = members.read("signatures").ok().flatten().ok_or(Fault::Unreadable)?;
    let [signature] = signatures.as_slice() else {
        return Err(Fault::SeveralSignatures);
    };
    clear(&signature.members().map_err(|_| Fault::Unreadable)?, &["sig", "keyid"])
}

/// Kinds of entries that are not checked here are no mistake of form.
///
/// `dsse` 0.0.2 is what clients of the second Rekor wrote in trials. Before any of them wrote it by itself it was taken
/// back (sigstore/rekor-tiles#744, sigstore/sigstore-rust#99): an envelope is a `hashedrekord` 0.0.2 there now.
fn known_entries(material: &Members<'_>) -> Result<(), Fault> {
    const KNOWN: [(&str, &str); 4] =
        [("hashedrekord", "0.0.1"), ("hashedrekord", "0.0.2"), ("dsse", "0.0.1"), ("intoto", "0.0.2")];
    #[derive(serde::Deserialize)]
    struct Entry {
        #[serde(rename = "kindVersion")]
        kind_version: KindVersion,
    }
    #[derive(serde::Deserialize)]
    struct KindVersion {
        kind: String,
        version: String,
    }
    let entries: Vec<Entry> = material.read("tlogEntries").map_err(|_| Fault::Unreadable)?.unwrap_or_default();
    let known = |Entry { kind_version: KindVersion { kind, version } }: &Entry| {
        KNOWN.contains(&(kind.as_str(), version.as_str()))
    };
    if entries.iter().all(known) { Ok(()) } else { Err(Fault::LogKind) }
}

fn part(members: &Members<'_>, key: &str) -> Result<Option<Json>, Fault> {
    members.read(key).map_err(|_| Fault::Unreadable)
}

/// Other readers match keys without regard to case: what they would read otherwise is not read.
fn clear(members: &Members<'_>, keys: &[&str]) -> Result<(), Fault> {
    members.lookalike(keys).map_or(Ok(()), |_| Err(Fault::Unreadable))
}
