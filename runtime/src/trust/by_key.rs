//! What a key signed.

use std::time::SystemTime;

use sigstore_crypto::{KeyAlgorithm, SigningScheme, verify_signature_prehashed};
use sigstore_types::Sha256Hash;
use sigstore_verify::PublicKeyVerificationPolicy;

use super::authority::Authority;
use super::bundle::{Asked, Message, Offered};
use super::fault::Fault;
use super::key::SignerKey;
use super::proof;
use super::weigh::Proven;
use crate::artifact::Digest;

/// Checks that `key` made the signature, and then what the authority asks for besides.
///
/// # Errors
/// Where it did not, or something that is asked for does not hold.
pub(super) fn check(
    offered: &mut Offered<'_>,
    key: &SignerKey,
    authority: &Authority,
    about: &Digest,
    now: SystemTime,
) -> Result<Proven, Fault> {
    // Whether it is this key's is known by the signature alone, before anything else of a stranger's is looked at.
    if !made_it(key, offered, about)? {
        return Err(Fault::UnknownKey);
    }
    let (log, timestamp) = (authority.log.is_required(), authority.timestamp.is_required());
    let Some(root) = authority.root_in_use() else {
        return Ok(Proven::default());
    };
    if let Some(fault) = root.fault(now) {
        return Err(Fault::Root(fault.problem));
    }
    if offered.message == Message::Envelope {
        // What the library would not read has its own reasons.
        offered.statement()?;
    }
    offered.ask(Asked { certificate: false, log, timestamp })?;
    if timestamp {
        proof::has_timestamp(offered)?;
    }
    if log {
        proof::has_entries(offered.bundle())?;
    }
    let stamped = proof::stamped(root, offered)?;
    if !log && stamped.is_some() {
        // Nothing is left that the library could check: it knows no timestamps of envelopes.
        return Ok(Proven { identity: None, logged: false, at: stamped });
    }
    let mut policy = PublicKeyVerificationPolicy::new(key.der().clone());
    if !log {
        policy = policy.skip_tlog_unsafe();
    }
    let result = proof::verify(root, offered, about, &policy)?;
    if log && !result.tlog_verified() {
        return Err(Fault::NotProven);
    }
    let times = result.verified_timestamps().iter().map(|at| SystemTime::from(*at));
    let at = times.chain(stamped).min();
    if timestamp && at.is_none() {
        return Err(Fault::NoTimestamp);
    }
    Ok(Proven { identity: None, logged: log, at })
}

/// Whether this key made the signature. A bundle with a certificate is somebody else's, whatever key is in it.
fn made_it(key: &SignerKey, offered: &Offered<'_>, about: &Digest) -> Result<bool, Fault> {
    if !offered.is_by_key() {
        return Ok(false);
    }
    let signature = offered.signature()?;
    if let Some(bytes) = offered.signed_bytes() {
        return Ok(key.signed(bytes, signature.as_bytes()));
    }
    // Of the manifest only the digest is here, which Ed25519 does not sign.
    let digest = Sha256Hash::from_hex(&about.hex()).map_err(|_| Fault::Unsupported)?;
    let is_p256 = matches!(KeyAlgorithm::from_spki(key.der()), Ok(KeyAlgorithm::EcdsaP256));
    let scheme = SigningScheme::EcdsaP256Sha256;
    Ok(is_p256 && verify_signature_prehashed(key.der(), digest.as_bytes(), signature, scheme).is_ok())
}
