//! One signature as cosign stores it, and what it is worth.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::log::{LogProblem, TransparencyLog};
use super::payload::{self, PayloadProblem};
use super::policy::{LogRule, Signer};
use super::scope::Name;
use crate::artifact::Digest;

/// The media type of a layer that is a signature's payload (cosign, `specs/SIGNATURE_SPEC.md`).
pub(crate) const SIGNATURE_MEDIA_TYPE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

/// The annotation with the signature, in base64.
pub(crate) const SIGNATURE_ANNOTATION: &str = "dev.cosignproject.cosign/signature";

/// The annotation with the promise of the transparency log.
pub(crate) const LOG_ANNOTATION: &str = "dev.sigstore.cosign/bundle";

/// The longest signature that is read, in bytes of base64. One of P-256 has 96.
const MAX_SIGNATURE_CHARS: usize = 1024;

/// A signature that was found beside an artifact. Nothing of it is checked but that the payload is what its digest says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// What was signed.
    pub(crate) payload: Vec<u8>,
    /// The signature in base64, if there is one.
    pub(crate) signature: Option<String>,
    /// The promise of the transparency log, if there is one.
    pub(crate) promise: Option<String>,
}

/// What a signature is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Worth {
    /// A trusted key vouches for this artifact.
    Good {
        /// The signer's place in the scope.
        signer: usize,
    },
    /// No trusted key made it: it is somebody else's, or was altered; there is no telling which.
    Unknown,
    /// A trusted key made it, and it vouches for something else.
    Bad(Fault),
}

/// What is wrong with a signature of a trusted key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It says nothing about this artifact.
    Payload(PayloadProblem),
    /// It counts only if it was logged.
    Log(LogProblem),
    /// The keys of the transparency log cannot be read.
    NoLog,
}

/// What a signature is worth for the manifest `digest` under this name. The payload of a stranger is not even parsed.
pub(crate) fn worth(
    candidate: &Candidate,
    signers: &[Signer],
    name: &Name,
    digest: &Digest,
    log: Option<&TransparencyLog>,
) -> Worth {
    let Candidate { payload, signature, promise } = candidate;
    let Some(signature) = signature.as_deref().and_then(decode) else {
        return Worth::Unknown;
    };
    let Some(signer) = signers.iter().position(|signer| signer.key.signed(payload, &signature)) else {
        return Worth::Unknown;
    };
    if let Err(problem) = payload::check(payload, name, digest) {
        return Worth::Bad(Fault::Payload(problem));
    }
    let Signer { key, log: rule, .. } = &signers[signer];
    match rule {
        LogRule::Ignore => Worth::Good { signer },
        LogRule::Required => match log {
            None => Worth::Bad(Fault::NoLog),
            Some(log) => match log.check(key, payload, &signature, promise.as_deref()) {
                Ok(()) => Worth::Good { signer },
                Err(problem) => Worth::Bad(Fault::Log(problem)),
            },
        },
    }
}

fn decode(signature: &str) -> Option<Vec<u8>> {
    (signature.len() <= MAX_SIGNATURE_CHARS).then(|| BASE64_STANDARD.decode(signature).ok()).flatten()
}
