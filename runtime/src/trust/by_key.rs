//! What a key signed.

use std::time::SystemTime;

use sigstore_crypto::{KeyAlgorithm, SigningScheme, verify_signature_prehashed};
use sigstore_types::{Sha256Hash, SignatureContent, VerificationMaterialContent};
use sigstore_verify::PublicKeyVerificationPolicy;

use super::authority::Authority;
use super::bundle::{Asked, Message, Offered};
use super::fault::Fault;
use super::key::SignerKey;
use super::proof;
use super::root::TrustRoot;
use super::weigh::{Proven, statement_of};
use crate::artifact::Digest;

/// Checks that `key` made the signature, and then what the authority asks for besides.
///
/// # Errors
/// Where it did not, or something that is asked for does not hold.
pub(super) fn check<'a>(
    mut offered: Offered<'a>,
    key: &SignerKey,
    authority: &Authority,
    log_root: &TrustRoot,
    about: &Digest,
) -> Result<(Offered<'a>, Proven), Fault> {
    // Whether it is this key's is known by the signature alone, before anything else of a stranger's is looked at.
    if !made_it(key, &offered, about)? {
        return Err(Fault::UnknownKey);
    }
    let (log, timestamp) = (authority.log.is_required(), authority.timestamp.is_required());
    if !log && !timestamp {
        return Ok((offered, Proven::default()));
    }
    if offered.message == Message::Envelope {
        // What the library would not read has its own reasons.
        statement_of(&offered.bundle)?;
    }
    offered.keep(Asked { certificate: false, log, timestamp })?;
    let material = &offered.bundle.verification_material;
    if timestamp && material.timestamp_verification_data.rfc3161_timestamps.is_empty() {
        return Err(Fault::NoTimestamp);
    }
    if log {
        proof::has_entries(&offered.bundle)?;
    }
    let mut policy = PublicKeyVerificationPolicy::new(key.der().clone());
    if !log {
        policy = policy.skip_tlog_unsafe();
    }
    let result = proof::verify(log_root, &offered, about, &policy)?;
    if log && !result.tlog_verified() {
        return Err(Fault::NotProven);
    }
    let at = result.verified_timestamps().iter().min().map(|at| SystemTime::from(*at));
    if timestamp && at.is_none() {
        return Err(Fault::NoTimestamp);
    }
    Ok((offered, Proven { identity: None, logged: log, at }))
}

/// Whether this key made the signature. A bundle with a certificate is somebody else's, whatever key is in it.
fn made_it(key: &SignerKey, offered: &Offered<'_>, about: &Digest) -> Result<bool, Fault> {
    let bundle = &offered.bundle;
    if !matches!(bundle.verification_material.content, VerificationMaterialContent::PublicKey(_)) {
        return Ok(false);
    }
    let signature = offered.signature()?;
    Ok(match (&offered.message, &bundle.content) {
        (Message::Envelope, SignatureContent::DsseEnvelope(envelope)) => {
            key.signed(&envelope.pae(), signature.as_bytes())
        }
        (Message::Payload(payload), _) => key.signed(payload, signature.as_bytes()),
        (Message::Manifest, _) => {
            // Of the manifest only the digest is here, which Ed25519 does not sign.
            let digest = Sha256Hash::from_hex(&about.hex()).map_err(|_| Fault::Unsupported)?;
            let is_p256 = matches!(KeyAlgorithm::from_spki(key.der()), Ok(KeyAlgorithm::EcdsaP256));
            let scheme = SigningScheme::EcdsaP256Sha256;
            is_p256 && verify_signature_prehashed(key.der(), digest.as_bytes(), signature, scheme).is_ok()
        }
        (Message::Envelope, _) => false,
    })
}
