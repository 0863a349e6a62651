//! Why something that was found beside an artifact does not count: one reason for each way to fail.

use std::fmt;

use super::identity::Claim;
use super::payload::PayloadProblem;
use super::statement::StatementProblem;
use super::tuf::RootProblem;

/// Why a piece of evidence does not count for an authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Fault {
    /// It is a bare statement: who says so is known by what carries it, and not by itself.
    NotSigned,
    /// It is larger than what is read, or has more parts.
    TooLarge,
    /// It is not of the form that its type promises, or could be read in two ways.
    Unreadable,
    /// It has more than one signature, or none: what one of them vouches for says nothing about another.
    SeveralSignatures,
    /// It uses an algorithm or a kind of entry that is not checked here.
    Unsupported,
    /// Its entry in the log is of a kind that is not checked here.
    LogKind,
    /// The trusted key did not make it: it is somebody else's, or was altered; there is no telling which.
    UnknownKey,
    /// It comes with no certificate, and the authority is known by its certificates alone.
    NoCertificate,
    /// What lies in the place of its certificate is none.
    CertificateUnreadable,
    /// Its certificate says that another issuer vouched for its holder.
    OtherIssuer,
    /// Its certificate names its holder by another kind of name: an e-mail address is no URI, whatever its text.
    OtherSubjectKind,
    /// Its certificate names another holder.
    OtherSubject,
    /// Its certificate says something else of the build, or nothing.
    OtherClaim(Claim),
    /// Its certificate was not given by an authority of the trusted root.
    UntrustedCertificate,
    /// The trust root that could tell whether its certificate counts cannot be used.
    Root(RootProblem),
    /// It was signed when its certificate was not valid.
    CertificateExpired,
    /// Its certificate is not shown to be in a trusted log of certificates.
    CertificateNotLogged,
    /// Nothing shows when it was signed, without which its certificate proves nothing.
    NoTime,
    /// It was signed later than now.
    InTheFuture,
    /// The signature does not fit what is signed.
    Altered,
    /// It was not logged.
    NotLogged,
    /// There is an entry of the log, and no proof that the log has it.
    NotProven,
    /// What should show that it was logged cannot be read.
    LogUnreadable,
    /// Another log than the trusted root's has it.
    UnknownLog,
    /// The log's promise to keep it was made by another log, for another entry, or was altered.
    LogPromise,
    /// The proof that the log has it leads to something else.
    LogProof,
    /// The log's state that the proof leads to is not signed by the trusted log.
    LogCheckpoint,
    /// The entry of the log is for another signature, key or content.
    LogMismatch,
    /// It was logged when its certificate was not valid, or later than now.
    LogTime,
    /// It has no timestamp.
    NoTimestamp,
    /// Its timestamp is for something else, by an authority that is not trusted, or was altered.
    Timestamp,
    /// Its timestamp was made when the authority's key was not valid.
    TimestampWindow,
    /// What is in the envelope is no statement.
    OtherPayloadType,
    /// Its payload says nothing about the artifact.
    Payload(PayloadProblem),
    /// Its statement cannot be used.
    Statement(StatementProblem),
    /// It vouches for something else.
    OtherDigest,
    /// What it attests is attested of something else.
    OtherArtifact,
}

impl Fault {
    /// Whether it was signed by the trusted authority, or in its name: then it is bad. Else it is somebody else's, and
    /// says nothing of the authority.
    pub(crate) fn is_by_trusted(self) -> bool {
        !matches!(
            self,
            Self::NotSigned
                | Self::TooLarge
                | Self::Unreadable
                | Self::SeveralSignatures
                | Self::Unsupported
                | Self::LogKind
                | Self::UnknownKey
                | Self::NoCertificate
                | Self::CertificateUnreadable
                | Self::OtherIssuer
                | Self::OtherSubjectKind
                | Self::OtherSubject
                | Self::OtherClaim(_)
                | Self::UntrustedCertificate
                | Self::Root(_)
        )
    }

    /// A code that stays the same.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::NotSigned => "not-signed",
            Self::TooLarge => "too-large",
            Self::Unreadable => "signature-unreadable",
            Self::SeveralSignatures => "several-signatures",
            Self::Unsupported => "unsupported-signature",
            Self::LogKind => "unsupported-log-entry",
            Self::UnknownKey => "unknown-signer",
            Self::NoCertificate => "no-certificate",
            Self::CertificateUnreadable => "certificate-unreadable",
            Self::OtherIssuer => "other-issuer",
            Self::OtherSubjectKind => "other-subject-kind",
            Self::OtherSubject => "other-subject",
            Self::OtherClaim(_) => "other-claim",
            Self::UntrustedCertificate => "untrusted-certificate",
            Self::Root(problem) => problem.code(),
            Self::CertificateExpired => "certificate-expired",
            Self::CertificateNotLogged => "certificate-not-logged",
            Self::NoTime => "no-time",
            Self::InTheFuture => "in-the-future",
            Self::Altered => "altered",
            Self::NotLogged => "not-logged",
            Self::NotProven => "log-not-proven",
            Self::LogUnreadable => "log-unreadable",
            Self::UnknownLog => "unknown-log",
            Self::LogPromise => "log-promise",
            Self::LogProof => "log-proof",
            Self::LogCheckpoint => "log-checkpoint",
            Self::LogMismatch => "log-mismatch",
            Self::LogTime => "log-time",
            Self::NoTimestamp => "no-timestamp",
            Self::Timestamp => "timestamp-mismatch",
            Self::TimestampWindow => "timestamp-window",
            Self::OtherPayloadType => "other-payload-type",
            Self::Payload(PayloadProblem::Unreadable) => "payload-unreadable",
            Self::Payload(PayloadProblem::OtherType) => "other-statement",
            Self::Payload(PayloadProblem::OtherDigest) | Self::OtherDigest => "other-digest",
            Self::OtherArtifact => "other-artifact",
            Self::Payload(PayloadProblem::OtherRepository) => "other-repository",
            Self::Payload(PayloadProblem::NoRepository) => "no-repository",
            Self::Statement(StatementProblem::Unreadable) => "statement-unreadable",
            Self::Statement(StatementProblem::OtherType) => "other-statement-type",
            Self::Statement(StatementProblem::NoSubject) => "no-subject",
            Self::Statement(StatementProblem::TooManySubjects) => "too-many-subjects",
            Self::Statement(StatementProblem::NoDigest) => "no-subject-digest",
        }
    }

    /// Why, in words that follow the name of the artifact.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::NotSigned => "a statement beside it is not signed, and nothing that is signed names it",
            Self::TooLarge => "a signature beside it is larger than what is read",
            Self::Unreadable => "what lies in the place of a signature is none, or could be read in two ways",
            Self::SeveralSignatures => "an envelope beside it does not have exactly one signature",
            Self::Unsupported => "a signature beside it is of a kind that is not checked here",
            Self::LogKind => {
                "a signature beside it was logged in a form that is not checked here, as `intoto` 0.0.1 or `dsse` 0.0.2; \
                 whoever signed it can sign it again"
            }
            Self::UnknownKey => "it is signed, but not by this key; or its signature was altered",
            Self::NoCertificate => "a signature beside it comes with no certificate",
            Self::CertificateUnreadable => "what lies in the place of a signer's certificate is none",
            Self::OtherIssuer => "its signer proved their identity to another issuer than the trusted one",
            Self::OtherSubjectKind => {
                "its signer is known by another kind of name than the trusted one: a URI, or an e-mail address"
            }
            Self::OtherSubject => "it is signed by somebody else",
            Self::OtherClaim(_) => {
                "the certificate of its signer says something else of the build than what is asked for"
            }
            Self::UntrustedCertificate => "the certificate of its signer was given by nobody that is trusted for it",
            Self::Root(problem) => problem.words(),
            Self::CertificateExpired => "it was signed when the certificate of its signer was not valid",
            Self::CertificateNotLogged => "the certificate of its signer is not shown to be in the log of certificates",
            Self::NoTime => "nothing shows when it was signed, so its signer's certificate proves nothing",
            Self::InTheFuture => "it was signed later than now, by this machine's clock",
            Self::Altered => "its signature does not fit what it is for: one of them was altered",
            Self::NotLogged => "its signature was not logged, which is asked for",
            Self::NotProven => "nothing proves that the log has its signature",
            Self::LogUnreadable => "what should show that its signature was logged cannot be read",
            Self::UnknownLog => "its signature is in another log than the trusted one",
            Self::LogPromise => {
                "the log's promise to keep its signature was made for another one, by another log, or was altered"
            }
            Self::LogProof => "the proof that the log has its signature does not hold",
            Self::LogCheckpoint => "the proof that the log has its signature ends at something the log did not sign",
            Self::LogMismatch => "the entry in the log is for another signature",
            Self::LogTime => "it was logged when the certificate of its signer was not valid",
            Self::NoTimestamp => "its signature has no timestamp, which is asked for",
            Self::Timestamp => "the timestamp is for another signature, by somebody who is not trusted, or was altered",
            Self::TimestampWindow => "the timestamp was made when the key of its authority was not valid",
            Self::OtherPayloadType => "its signer signed something that is no statement about artifacts",
            Self::Payload(PayloadProblem::Unreadable) => "its signer signed something that cannot be read",
            Self::Payload(PayloadProblem::OtherType) => "its signer signed another type of statement",
            Self::Payload(PayloadProblem::OtherDigest) | Self::OtherDigest => {
                "its signature is for other content: it was copied here, or the content was changed"
            }
            Self::OtherArtifact => {
                "what is attested here is attested of other content: it was copied here, or the content was changed"
            }
            Self::Payload(PayloadProblem::OtherRepository) => {
                "its signature is for another repository: it was copied here"
            }
            Self::Payload(PayloadProblem::NoRepository) => "its signature names no repository, so it counts in none",
            Self::Statement(StatementProblem::Unreadable) => "its signer signed a statement that cannot be read",
            Self::Statement(StatementProblem::OtherType) => "its signer signed a statement of an unknown version",
            Self::Statement(StatementProblem::NoSubject) => "its signer signed a statement about nothing",
            Self::Statement(StatementProblem::TooManySubjects) => {
                "its signer signed a statement about more things than are looked at"
            }
            Self::Statement(StatementProblem::NoDigest) => {
                "its signer signed a statement that does not name everything by its SHA-256 digest"
            }
        }
    }
}

/// The code.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
