//! What the holder of a certificate signed.

use std::time::SystemTime;

use sigstore_crypto::parse_certificate_info;
use sigstore_types::DerCertificate;
use sigstore_verify::{IdentityMatcher, VerificationPolicy, VerificationResult};

use super::authority::{Authority, Who};
use super::bundle::{Asked, Message, Offered};
use super::fault::Fault;
use super::identity::{Claims, Identity, SubjectKind, SubjectRule};
use super::proof;
use super::weigh::{Proven, SignerId};
use crate::artifact::Digest;

/// Checks that somebody whom the authority means signed, and everything that it asks for besides.
///
/// # Errors
/// Where somebody else did, or something that is asked for does not hold.
pub(super) fn check(
    offered: &mut Offered<'_>,
    authority: &Authority,
    about: &Digest,
    now: SystemTime,
) -> Result<(Proven, SignerId), Fault> {
    let Who::Keyless { issuer, subject, claims } = &authority.who else {
        return Err(Fault::UnknownKey);
    };
    // Only what claims to be by the one who is meant is looked at further. The claim is checked below.
    let identity = offered.claimed()?.clone();
    meant(&identity, issuer, subject, claims)?;
    let root = &*authority.root;
    if let Some(fault) = root.fault(now) {
        return Err(Fault::Root(fault.problem));
    }
    // The log and the timestamp are looked at in any case: one of them has to show when it was signed. A timestamp over
    // an envelope never does by itself, so that it matters only where it is asked for.
    let timestamp = authority.timestamp.is_required() || !offered.is_old_attestation();
    offered.ask(Asked { certificate: true, log: true, timestamp })?;
    if offered.message == Message::Envelope {
        offered.statement()?;
    }
    if authority.timestamp.is_required() {
        proof::has_timestamp(offered)?;
    }
    if authority.log.is_required() {
        proof::has_entries(offered.bundle())?;
    }
    let stamped = proof::stamped(root, offered)?;
    let matcher = match identity.kind {
        SubjectKind::Uri => IdentityMatcher::Uri(identity.subject.expose().to_owned()),
        SubjectKind::Email => IdentityMatcher::Email(identity.subject.expose().to_owned()),
    };
    let mut policy = VerificationPolicy::new(matcher, issuer.as_str());
    if !authority.log.is_required() {
        policy = policy.skip_tlog_unsafe();
    }
    if !authority.sct.is_required() {
        policy = policy.skip_sct();
    }
    let result = proof::verify(root, offered, about, &policy)?;
    let identity = verified(&result, authority)?;
    meant(&identity, issuer, subject, claims)?;
    if let (Some(at), Some(certificate)) = (stamped, result.certificate())
        && !(SystemTime::from(certificate.not_before)..=SystemTime::from(certificate.not_after)).contains(&at)
    {
        return Err(Fault::CertificateExpired);
    }
    let times = result.verified_timestamps().iter().map(|at| SystemTime::from(*at));
    let at = times.chain(stamped).min();
    let signer = SignerId::Identity { issuer: identity.issuer.clone(), subject: identity.subject.clone() };
    let proven = Proven { identity: Some(identity), logged: authority.log.is_required(), at };
    Ok((proven, signer))
}

/// Whom a certificate names, which anybody could have made.
///
/// # Errors
/// Where it cannot be read, or names nobody.
pub(super) fn named(certificate: &DerCertificate) -> Result<Identity, Fault> {
    let certificate = parse_certificate_info(certificate);
    Identity::of(&certificate.map_err(|_| Fault::CertificateUnreadable)?).ok_or(Fault::OtherSubject)
}

/// Whether a certificate names whom the authority means.
pub(super) fn meant(identity: &Identity, issuer: &str, subject: &SubjectRule, claims: &Claims) -> Result<(), Fault> {
    if identity.issuer.expose() != issuer {
        return Err(Fault::OtherIssuer);
    }
    if subject.kind() != identity.kind {
        return Err(Fault::OtherSubjectKind);
    }
    if !subject.matches(identity) {
        return Err(Fault::OtherSubject);
    }
    identity.contradicts(claims).map_or(Ok(()), |claim| Err(Fault::OtherClaim(claim)))
}

/// The identity, from the certificate that the library says it has verified with everything that was asked of it.
fn verified(result: &VerificationResult, authority: &Authority) -> Result<Identity, Fault> {
    if !result.certificate_verified() || !result.identity_policy_checked() {
        return Err(Fault::UntrustedCertificate);
    }
    if authority.sct.is_required() && !result.sct_verified() {
        return Err(Fault::CertificateNotLogged);
    }
    if authority.log.is_required() && !result.tlog_verified() {
        return Err(Fault::NotProven);
    }
    if result.verified_timestamps().is_empty() {
        return Err(Fault::NoTime);
    }
    result.certificate().and_then(Identity::of).ok_or(Fault::OtherSubject)
}
