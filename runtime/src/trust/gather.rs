//! Finds the signatures of a manifest where cosign puts them: under a tag of their own, in the same repository.

use super::payload::MAX_PAYLOAD_BYTES;
use super::signature::{Candidate, LOG_ANNOTATION, SIGNATURE_ANNOTATION, SIGNATURE_MEDIA_TYPE};
use crate::artifact::{Content, Depot, DepotError, Digest, Selector};

/// The most signatures that are looked at. Whoever may push could add any number.
pub(crate) const MAX_SIGNATURES: usize = 64;

/// What lies under the tag for signatures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// The signatures, in their order.
    pub(crate) candidates: Vec<Candidate>,
    /// How many things are there besides that were not looked at: no signatures, too large, or too many.
    pub(crate) others: usize,
}

/// The tag for signatures of a manifest (cosign, `specs/SIGNATURE_SPEC.md`, "Storage").
pub(crate) fn tag(digest: &Digest) -> String {
    format!("sha256-{}.sig", digest.hex())
}

/// The signatures of a manifest. Nothing is found only where the depot says that there is none.
///
/// # Errors
/// Where it cannot be known whether there are signatures, or they cannot be had.
pub(crate) async fn signatures(depot: &Depot, digest: &Digest) -> Result<Found, DepotError> {
    let manifest = match depot.manifest(&Selector::Tag(tag(digest))).await {
        Ok(manifest) => manifest,
        Err(DepotError::None(_)) => return Ok(Found::default()),
        Err(error) => return Err(error),
    };
    let mut found = Found::default();
    let Content::Image { layers, .. } = manifest.content else {
        found.others = 1;
        return Ok(found);
    };
    for layer in layers {
        let readable = layer.media_type == SIGNATURE_MEDIA_TYPE && layer.size <= MAX_PAYLOAD_BYTES as u64;
        if !readable || found.candidates.len() == MAX_SIGNATURES {
            found.others += 1;
            continue;
        }
        let payload = depot.blob(&layer, MAX_PAYLOAD_BYTES as u64).await?.bytes().to_vec();
        let mut annotations = layer.annotations;
        found.candidates.push(Candidate {
            payload,
            signature: annotations.remove(SIGNATURE_ANNOTATION),
            promise: annotations.remove(LOG_ANNOTATION),
        });
    }
    Ok(found)
}
