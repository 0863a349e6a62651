//! What cosign 2 writes: a signature (`.sig`) or an attestation (`.att`) whose proofs are annotations of a layer. Each is
//! read as the bundle of version 0.1 that says the same, so that there is one way to check them all.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::json;
use sigstore_types::{
    Bundle, CertificateContent, DerCertificate, DigestBytes, HashAlgorithm, MediaType, MessageDigest, MessageSignature,
    PublicKeyIdentifier, Rfc3161Timestamp, SignatureBytes, SignatureContent, TimestampToken, TimestampVerificationData,
    TransparencyLogEntry, VerificationMaterial, VerificationMaterialContent, X509Certificate,
};

use super::bundle::{self, Asked, Message, Noted, Offered};
use super::evidence::Notes;
use super::fault::Fault;
use super::payload::MAX_PAYLOAD_BYTES;
use crate::message::Json;

/// The longest signature that is read, in bytes of base64. One of P-256 has 96.
const MAX_SIGNATURE_CHARS: usize = 1024;

/// The largest annotation that is read, in bytes. A promise of the log has about 2,500.
const MAX_NOTE_BYTES: usize = 64 * 1024;

/// What cosign writes into the annotation `dev.sigstore.cosign/bundle`.
#[derive(Deserialize)]
struct Promise {
    #[serde(rename = "SignedEntryTimestamp")]
    signed_entry_timestamp: String,
    #[serde(rename = "Payload")]
    payload: Entry,
}

#[derive(Deserialize)]
struct Entry {
    body: String,
    #[serde(rename = "integratedTime")]
    integrated_time: i64,
    #[serde(rename = "logIndex")]
    log_index: u64,
    #[serde(rename = "logID")]
    log_id: String,
}

/// The head of a log entry (Rekor, `pkg/types`).
#[derive(Deserialize)]
struct Body {
    kind: String,
    #[serde(rename = "apiVersion")]
    api_version: String,
}

/// What cosign writes into the annotation `dev.sigstore.cosign/rfc3161timestamp`.
#[derive(Deserialize)]
struct Timestamp {
    #[serde(rename = "SignedRFC3161Timestamp")]
    signed_timestamp: String,
}

/// Reads a signature over a payload. Of what belongs to it nothing is read yet.
///
/// # Errors
/// Where it has another form.
pub(super) fn signature<'a>(payload: &'a [u8], notes: &'a Notes) -> Result<Offered<'a>, Fault> {
    if payload.len() > MAX_PAYLOAD_BYTES {
        return Err(Fault::TooLarge);
    }
    let signature = notes.signature.as_deref().ok_or(Fault::Unreadable)?;
    if signature.len() > MAX_SIGNATURE_CHARS {
        return Err(Fault::TooLarge);
    }
    let signature = BASE64_STANDARD.decode(signature).map_err(|_| Fault::Unreadable)?;
    // Others read no bundle whose signature comes without the digest of what it is over.
    let digest = sigstore_crypto::sha256(payload);
    let digest = MessageDigest::new(HashAlgorithm::Sha2256, DigestBytes::from(digest.as_bytes().to_vec()));
    let signature = MessageSignature::new(SignatureBytes::new(signature)).with_message_digest(digest);
    let content = SignatureContent::MessageSignature(signature);
    Offered::new(bare(content), Message::Payload(payload), Some(Noted { notes, envelope: None }))
}

/// Reads an attestation. Of what belongs to it nothing is read yet.
///
/// # Errors
/// Where it has another form.
pub(super) fn attestation<'a>(envelope: &'a [u8], notes: &'a Notes) -> Result<Offered<'a>, Fault> {
    let content = SignatureContent::DsseEnvelope(bundle::envelope(envelope)?);
    Offered::new(bare(content), Message::Envelope, Some(Noted { notes, envelope: Some(envelope) }))
}

fn bare(content: SignatureContent) -> Bundle {
    let material = VerificationMaterialContent::PublicKey(PublicKeyIdentifier::new(""));
    Bundle::new(MediaType::Bundle0_3, VerificationMaterial::new(material), content)
}

/// Reads what belongs to a signature into its bundle, as far as it is asked for.
///
/// cosign 2 had the timestamp of an attestation made over the whole envelope as it is stored, and not over the signature
/// in it (`cosign/cli/attest`, `GetTimestampedSignature(signedPayload, …)`). No bundle has a place for such a one: it is
/// given back.
///
/// # Errors
/// Where something that is asked for is there and has another form.
pub(super) fn read_notes(bundle: &mut Bundle, noted: Noted<'_>, asked: Asked) -> Result<Option<TimestampToken>, Fault> {
    let Noted { notes, envelope } = noted;
    let is_attestation = envelope.is_some();
    let note = |asked: bool, text: &'_ Option<String>| text.clone().filter(|text| asked && !text.is_empty());
    let material = &mut bundle.verification_material;
    if let Some(text) = note(asked.log, &notes.log) {
        let kinds: &[_] =
            if is_attestation { &[("dsse", "0.0.1"), ("intoto", "0.0.2")] } else { &[("hashedrekord", "0.0.1")] };
        material.tlog_entries = vec![entry(&text, kinds)?];
        // The version whose entries have a promise and no proof. One without entries stays 0.3.
        bundle.media_type = MediaType::Bundle0_1;
    }
    let mut stamp = note(asked.timestamp, &notes.timestamp).map(|text| timestamp(&text)).transpose()?;
    if let Some(stamp) = stamp.take_if(|_| !is_attestation) {
        material.timestamp_verification_data = TimestampVerificationData::new(vec![Rfc3161Timestamp::new(stamp)]);
    }
    if asked.certificate
        && let Some(leaf) = certificate(notes)?
    {
        // The leaf alone: whoever vouches for it is known from the trusted root, and from nowhere else.
        material.content = match bundle.media_type {
            MediaType::Bundle0_3 => VerificationMaterialContent::Certificate(CertificateContent::new(leaf)),
            _ => VerificationMaterialContent::X509CertificateChain { certificates: vec![X509Certificate::new(leaf)] },
        };
    }
    Ok(stamp)
}

/// The signer's certificate, if there is one: one block in PEM form. A public key in this place is no certificate, and
/// vouches for nothing.
///
/// # Errors
/// Where it is none.
pub(super) fn certificate(notes: &Notes) -> Result<Option<DerCertificate>, Fault> {
    let Some(text) = notes.certificate.as_deref().map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let one_block = text.starts_with("-----BEGIN CERTIFICATE-----")
        && text.ends_with("-----END CERTIFICATE-----")
        && text.matches("-----BEGIN").count() == 1;
    if text.len() > MAX_NOTE_BYTES || !one_block {
        return Err(Fault::CertificateUnreadable);
    }
    DerCertificate::from_pem(text).map(Some).map_err(|_| Fault::CertificateUnreadable)
}

/// The promise of the log to keep an entry of one of these kinds.
fn entry(text: &str, kinds: &[(&str, &str)]) -> Result<TransparencyLogEntry, Fault> {
    let read = || {
        let promise: Promise = Json::parse(text).ok()?.read().ok()?;
        let head = String::from_utf8(BASE64_STANDARD.decode(&promise.payload.body).ok()?).ok()?;
        let Body { kind, api_version } = Json::parse(head).ok()?.read().ok()?;
        Some((promise, kind, api_version))
    };
    if text.len() > MAX_NOTE_BYTES {
        return Err(Fault::TooLarge);
    }
    let (promise, kind, version) = read().ok_or(Fault::LogUnreadable)?;
    // Other kinds say something else, or are checked in other ways: `intoto` 0.0.1, which cosign had made of attestations
    // in its first years and still does where it is told to (sigstore/cosign#3926), holds no signature that the library
    // could compare.
    if !kinds.contains(&(kind.as_str(), version.as_str())) {
        return Err(Fault::LogKind);
    }
    let Entry { body, integrated_time, log_index, log_id } = promise.payload;
    let log_id = bytes_of_hex(&log_id).filter(|_| integrated_time > 0).ok_or(Fault::LogUnreadable)?;
    let entry = json!({
        "logIndex": log_index.to_string(),
        "logId": { "keyId": BASE64_STANDARD.encode(log_id) },
        "kindVersion": { "kind": kind, "version": version },
        "integratedTime": integrated_time.to_string(),
        "inclusionPromise": { "signedEntryTimestamp": promise.signed_entry_timestamp },
        "canonicalizedBody": body,
    });
    serde_json::from_value(entry).map_err(|_| Fault::LogUnreadable)
}

fn timestamp(text: &str) -> Result<TimestampToken, Fault> {
    let read = || {
        let Timestamp { signed_timestamp } = Json::parse(text).ok()?.read().ok()?;
        BASE64_STANDARD.decode(signed_timestamp).ok()
    };
    if text.len() > MAX_NOTE_BYTES {
        return Err(Fault::TooLarge);
    }
    Ok(TimestampToken::new(read().ok_or(Fault::Timestamp)?))
}

/// The log is named by the digest of its key, as 64 hexadecimal digits.
fn bytes_of_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    };
    text.as_bytes().chunks(2).map(pair).collect()
}
