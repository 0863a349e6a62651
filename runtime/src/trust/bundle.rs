//! Sigstore bundles, 0.1 to 0.3 (sigstore/protobuf-specs, `sigstore_bundle.proto`): their form, before anything of them is
//! checked.

use sigstore_types::{Bundle, DsseEnvelope, MediaType, SignatureBytes, SignatureContent, VerificationMaterialContent};

use super::evidence::Notes;
use super::fault::Fault;
use super::legacy;
use crate::message::{Json, Members};

/// The largest bundle, or envelope, that is read, in bytes: an SBOM may be inside.
pub(crate) const MAX_BUNDLE_BYTES: usize = 16 * 1024 * 1024;

/// The most entries of logs, timestamps and certificates that a bundle may have, of each. Real ones have one or two.
const MAX_PARTS: usize = 8;

/// The longest signature that is checked, in bytes. One of RSA with 4,096 bits has 512.
const MAX_SIGNATURE_BYTES: usize = 1024;

/// Something that claims to be signed, in the one form that all are checked in.
#[derive(Debug)]
pub(super) struct Offered<'a> {
    pub(super) bundle: Bundle,
    /// What the signature is over.
    pub(super) message: Message,
    /// Where cosign's annotations hold what belongs to it, these.
    pub(super) notes: Option<&'a Notes>,
}

/// What is looked at of all that may belong to a signature.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) certificate: bool,
    pub(super) log: bool,
    pub(super) timestamp: bool,
}

/// What a signature is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Message {
    /// What is in the envelope.
    Envelope,
    /// The manifest itself.
    Manifest,
    /// A payload that lay beside the signature.
    Payload(Vec<u8>),
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
    if let Some(envelope) = part(&members, "dsseEnvelope")? {
        one_signature(&envelope)?;
    }
    known_entries(&material)?;
    let bundle = Bundle::from_json(json.as_str()).map_err(|_| Fault::Unreadable)?;
    let message = match &bundle.content {
        SignatureContent::DsseEnvelope(_) => Message::Envelope,
        SignatureContent::MessageSignature(_) => Message::Manifest,
        _ => return Err(Fault::Unsupported),
    };
    Offered { bundle, message, notes: None }.bounded()
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

impl Offered<'_> {
    /// The same, if it does not have more parts than are looked at.
    ///
    /// # Errors
    /// Where it has more.
    pub(super) fn bounded(self) -> Result<Self, Fault> {
        let material = &self.bundle.verification_material;
        let certificates = match &material.content {
            VerificationMaterialContent::X509CertificateChain { certificates } => certificates.len(),
            _ => 0,
        };
        let counts =
            [material.tlog_entries.len(), material.timestamp_verification_data.rfc3161_timestamps.len(), certificates];
        if counts.iter().any(|count| *count > MAX_PARTS) || self.signature()?.len() > MAX_SIGNATURE_BYTES {
            return Err(Fault::TooLarge);
        }
        Ok(self)
    }

    /// Keeps what is asked for of what belongs to the signature, and nothing else.
    ///
    /// # Errors
    /// Where something that is asked for is there and has another form.
    pub(super) fn keep(&mut self, asked: Asked) -> Result<(), Fault> {
        if let Some(notes) = self.notes {
            return legacy::read_notes(&mut self.bundle, notes, asked);
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

/// Kinds of entries that the library does not know are no mistake of form.
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
    if entries.iter().all(known) { Ok(()) } else { Err(Fault::Unsupported) }
}

fn part(members: &Members<'_>, key: &str) -> Result<Option<Json>, Fault> {
    members.read(key).map_err(|_| Fault::Unreadable)
}

/// Other readers match keys without regard to case: what they would read otherwise is not read.
fn clear(members: &Members<'_>, keys: &[&str]) -> Result<(), Fault> {
    members.lookalike(keys).map_or(Ok(()), |_| Err(Fault::Unreadable))
}
