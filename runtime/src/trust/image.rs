//! Proof that an image may run.

use super::Basis;
use crate::artifact::Digest;

/// Proof that an image may run: this one, by its own digest, for this reason.
#[derive(Debug, Clone)]
pub(crate) struct VerifiedImage {
    image: Digest,
    basis: Basis,
}

impl VerifiedImage {
    /// An image that a person named by its ID: it is on their own engine, and theirs to vouch for.
    pub(crate) fn own(image: Digest) -> Self {
        Self { image, basis: Basis::OwnImage }
    }

    /// An image that a judged manifest names.
    #[allow(dead_code, reason = "the executor that needs it is being built")]
    pub(super) fn judged(image: Digest, basis: Basis) -> Self {
        Self { image, basis }
    }

    /// The digest of the image's configuration, as engines name images.
    pub(crate) fn image(&self) -> &Digest {
        &self.image
    }

    /// Why it may run.
    pub(crate) fn basis(&self) -> Basis {
        self.basis
    }
}
