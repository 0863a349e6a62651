//! Who vouches for what is about to run. Nothing else makes a [`Verified`], and executors take nothing else.

mod image;

use serde::{Deserialize, Serialize};

pub(crate) use self::image::VerifiedImage;

use crate::artifact::{Artifact, Digest};
use crate::spec::Source;

/// Why an artifact may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// The person named a file of their own.
    OwnFile,
    /// It was shipped inside this program.
    ShippedInside,
    /// A signer that the trust policy names signed this digest.
    Signed,
    /// A person wrote this digest into the trust policy.
    Reviewed,
    /// The person named an image of their own, by its ID.
    OwnImage,
    /// Nobody vouches for it: the person waived this digest on the command line.
    Waived,
    /// Nobody vouches for it: the trust policy lets everything of this scope through.
    AllowedUnsigned,
    /// Somebody else runs it: it is whoever its TLS certificate says.
    Host,
}

/// Proof that an artifact may run: these bytes, for this reason.
#[derive(Clone)]
pub(crate) struct Verified {
    artifact: Artifact,
    basis: Basis,
}

/// Why an artifact may not run.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The bytes are others than those that were planned.
    #[error("the artifact has changed: {planned} was planned, {found} is there now")]
    Changed {
        /// What the plan names.
        planned: Digest,
        /// What is there.
        found: Digest,
    },
}

/// Judges an artifact from `source`, of which `planned` was resolved.
///
/// # Errors
/// See [`Refused`].
pub(crate) fn judge(source: &Source, planned: &Digest, artifact: Artifact) -> Result<Verified, Refused> {
    if artifact.digest() != planned {
        return Err(Refused::Changed { planned: *planned, found: *artifact.digest() });
    }
    Ok(Verified { artifact, basis: basis(source) })
}

/// On what basis artifacts from `source` are judged.
pub(crate) fn basis(source: &Source) -> Basis {
    match source {
        Source::File(_) => Basis::OwnFile,
        Source::BuiltIn(_) => Basis::ShippedInside,
        Source::Image(_) => Basis::OwnImage,
        Source::Remote(_) => Basis::Host,
        Source::Oci(_) | Source::Layout(_) => Basis::Signed,
    }
}

impl Verified {
    /// The digest of what may run.
    pub(crate) fn digest(&self) -> &Digest {
        self.artifact.digest()
    }

    /// The bytes that may run.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.artifact.bytes()
    }

    /// Why they may.
    pub(crate) fn basis(&self) -> Basis {
        self.basis
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_bytes_than_the_planned_ones_are_refused() {
        let source = Source::File("server.wasm".into());
        let planned = Digest::of(b"reviewed");
        assert!(judge(&source, &planned, Artifact::new(*b"reviewed")).is_ok());
        assert!(matches!(judge(&source, &planned, Artifact::new(*b"swapped")), Err(Refused::Changed { .. })));
    }
}
