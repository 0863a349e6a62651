//! What the library says of a bundle, and why not.

use std::time::SystemTime;

use sigstore_bundle::Error as FormError;
use sigstore_crypto::parse_certificate_info;
use sigstore_types::{Artifact, Bundle, Sha256Hash, SignatureBytes, SignatureContent, TransparencyLogEntry};
use sigstore_verify::tsa::{Error as StampError, verify_timestamp_for_authority};
use sigstore_verify::{CertificateError, Error, Policy, TimestampError, TransparencyLogError, VerificationResult};

use super::bundle::{Message, Offered};
use super::fault::Fault;
use super::root::TrustRoot;
use crate::artifact::Digest;

/// Checks a bundle with the keys of one root, and no others.
///
/// # Errors
/// Why it does not hold.
pub(super) fn verify(
    root: &TrustRoot,
    offered: &Offered<'_>,
    about: &Digest,
    policy: &dyn Policy,
) -> Result<VerificationResult, Fault> {
    // In entries of the second Rekor the log is named by its checkpoint alone.
    let known = |entry: &TransparencyLogEntry| entry.inclusion_promise.is_none() || root.has_log(&entry.log_id.key_id);
    if !offered.bundle().verification_material.tlog_entries.iter().all(known) {
        return Err(Fault::UnknownLog);
    }
    let digest = Sha256Hash::from_hex(&about.hex()).map_err(|_| Fault::Unsupported)?;
    let artifact = match &offered.message {
        Message::Payload(payload) => Artifact::from_blob(payload),
        Message::Envelope | Message::Manifest => Artifact::from_digest(digest),
    };
    root.verifier()?.verify(artifact, offered.bundle(), policy).map_err(|error| fault(&error, offered, root, about))
}

/// Whether there is a timestamp among what was asked for.
///
/// # Errors
/// Where there is none.
pub(super) fn has_timestamp(offered: &Offered<'_>) -> Result<(), Fault> {
    let stamps = &offered.bundle().verification_material.timestamp_verification_data.rfc3161_timestamps;
    if stamps.is_empty() && offered.stamp().is_none() { Err(Fault::NoTimestamp) } else { Ok(()) }
}

/// When the envelope of an attestation was stamped as a whole, signature and all, if it was and that was asked for.
///
/// # Errors
/// Where the timestamp is for something else, or by nobody whom the root names for that at that time.
pub(super) fn stamped(root: &TrustRoot, offered: &Offered<'_>) -> Result<Option<SystemTime>, Fault> {
    let Some((stamp, envelope)) = offered.stamp() else { return Ok(None) };
    let envelope = SignatureBytes::new(envelope.to_vec());
    let mut fault = Fault::Timestamp;
    for authority in root.timestamp_authorities() {
        match verify_timestamp_for_authority(stamp, &envelope, &authority) {
            Ok(at) => return Ok(Some(SystemTime::from(at))),
            Err(StampError::TimestampOutsideValidity { .. }) => fault = Fault::TimestampWindow,
            Err(_) => {}
        }
    }
    Err(fault)
}

/// Whether each entry of a log comes with something that shows that the log has it, and there is one.
///
/// # Errors
/// Where there is none, or one with neither proof nor promise: the library passes over it.
pub(super) fn has_entries(bundle: &Bundle) -> Result<(), Fault> {
    let entries = &bundle.verification_material.tlog_entries;
    if entries.is_empty() {
        return Err(Fault::NotLogged);
    }
    let shown = entries.iter().all(|entry| entry.inclusion_proof.is_some() || entry.inclusion_promise.is_some());
    if shown { Ok(()) } else { Err(Fault::NotProven) }
}

fn fault(error: &Error, offered: &Offered<'_>, root: &TrustRoot, about: &Digest) -> Fault {
    match error {
        Error::IdentityMismatch { .. } => Fault::OtherSubject,
        Error::IssuerMismatch { .. } => Fault::OtherIssuer,
        Error::SignatureInvalid(_) => Fault::Altered,
        Error::ArtifactMismatch(_) if is_about(offered, about) => Fault::LogMismatch,
        Error::ArtifactMismatch(_) => offered.message.mismatch(),
        Error::Certificate(error) => match error {
            CertificateError::Malformed(_) => Fault::CertificateUnreadable,
            CertificateError::Sct(_) => Fault::CertificateNotLogged,
            CertificateError::NotYetValid { .. } | CertificateError::Expired { .. } => Fault::CertificateExpired,
            // The library sees first that the whole chain does not hold at that time.
            _ if was_expired(offered, root) => Fault::CertificateExpired,
            _ => Fault::UntrustedCertificate,
        },
        Error::TransparencyLog(error) => match error {
            TransparencyLogError::UnknownLog { .. } => Fault::UnknownLog,
            TransparencyLogError::InclusionProof(_) => Fault::LogProof,
            TransparencyLogError::Checkpoint(_) => Fault::LogCheckpoint,
            TransparencyLogError::InclusionPromise(_) => Fault::LogPromise,
            TransparencyLogError::EntryMismatch(_) => Fault::LogMismatch,
            TransparencyLogError::IntegratedTime(_) => Fault::LogTime,
            _ => Fault::LogUnreadable,
        },
        Error::Timestamp(error) => match error {
            TimestampError::OutsideAuthorityValidity { .. } => Fault::TimestampWindow,
            TimestampError::NoVerifiedTimestamp(_) => Fault::NoTime,
            _ => Fault::Timestamp,
        },
        Error::Bundle(error) => match error {
            FormError::MissingInclusionPromise(_) | FormError::MissingInclusionProof(_) => Fault::NotProven,
            FormError::MissingSigningTimeEvidence | FormError::MissingTimestamp => Fault::NoTime,
            FormError::MissingCheckpoint => Fault::LogCheckpoint,
            FormError::LogIndexOutOfRange { .. } | FormError::CheckpointRootMismatch => Fault::LogProof,
            _ => Fault::Unreadable,
        },
        // Of a root that was read, only the keys for what is asked can be missing.
        Error::InvalidTrustRoot(_) => Fault::CertificateNotLogged,
        Error::UnsupportedBundle(_) | Error::UnsupportedArtifact(_) | Error::Crypto(_) => Fault::Unsupported,
        _ => Fault::Unreadable,
    }
}

/// Whether what is signed says itself that it is about this manifest: then it is the log's entry that is not.
fn is_about(offered: &Offered<'_>, about: &Digest) -> bool {
    match (&offered.message, &offered.bundle().content) {
        (Message::Payload(_), _) => true,
        (Message::Envelope, _) => offered.statement().is_ok_and(|statement| statement.is_about(about)),
        (Message::Manifest, SignatureContent::MessageSignature(signature)) => {
            let Ok(digest) = Sha256Hash::from_hex(&about.hex()) else { return false };
            signature.message_digest.as_ref().is_none_or(|said| said.digest.as_bytes() == digest.as_bytes())
        }
        (Message::Manifest, _) => false,
    }
}

/// Whether a time that a log or timestamp authority vouches for is one at which the certificate was not valid.
fn was_expired(offered: &Offered<'_>, root: &TrustRoot) -> bool {
    let material = &offered.bundle().verification_material;
    let (Some(leaf), Ok(signature)) = (offered.bundle().signing_certificate(), offered.signature()) else {
        return false;
    };
    let Ok(certificate) = parse_certificate_info(leaf) else { return false };
    let authorities = root.timestamp_authorities();
    let stamped = material.timestamp_verification_data.rfc3161_timestamps.iter().filter_map(|stamp| {
        let verify = |authority| verify_timestamp_for_authority(&stamp.signed_timestamp, signature, authority).ok();
        authorities.iter().find_map(verify)
    });
    let logged = material.tlog_entries.iter().filter_map(|entry| entry.integrated_time);
    stamped.chain(logged).any(|time| time < certificate.not_before || time > certificate.not_after)
}
