//! How cosign stores a signature.

/// The media type of a layer that is a signature's payload (cosign, `specs/SIGNATURE_SPEC.md`).
pub(crate) const SIGNATURE_MEDIA_TYPE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

/// The annotation with the signature, in base64.
pub(crate) const SIGNATURE_ANNOTATION: &str = "dev.cosignproject.cosign/signature";

/// The annotation with the promise of the transparency log.
pub(crate) const LOG_ANNOTATION: &str = "dev.sigstore.cosign/bundle";
