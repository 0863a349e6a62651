//! What lies beside an artifact and may speak for it, before anybody has weighed it. Plain data.

use serde::Serialize;

use crate::artifact::Digest;

/// Something that was found beside a manifest and may speak for it. Only that its bytes are what their digests say is
/// checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Evidence {
    /// The manifest that it was found beside (index, platform manifest, or attestation manifest of a chain).
    pub(crate) about: Digest,
    pub(crate) place: Place,
    pub(crate) form: Form,
}

/// Where it lay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Place {
    /// Under cosign's tag for the manifest: `sha256-HEX.sig` or `.att`.
    LegacyTag,
    /// Among the manifests that the registry says to refer to it.
    Referrers,
    /// Listed under the tag `sha256-HEX`, where a registry lists no referrers itself.
    FallbackTag,
    /// In another repository, which holds nothing but signatures.
    SignatureRepository,
    /// In the image's own index, as BuildKit puts its attestation manifests there.
    Index,
}

/// What it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Form {
    /// cosign's old signature (`.sig`), or a referrer of type `application/vnd.dev.cosign.artifact.sig.v1+json`: a
    /// "simple signing" payload.
    SimpleSigning { payload: Vec<u8>, notes: Notes },
    /// cosign's old attestation (`.att`): a DSSE envelope.
    Envelope { envelope: Vec<u8>, notes: Notes },
    /// A Sigstore bundle, 0.1 to 0.3.
    Bundle(Vec<u8>),
    /// A bare in-toto statement (BuildKit, or Docker Hardened Images' `application/vnd.in-toto+json` referrers) inside
    /// the manifest `carrier`: worth something only where `carrier` is vouched for. `by_index` says that the index lists
    /// the carrier, so that a signature of the index covers it.
    Statement { statement: Vec<u8>, carrier: Digest, by_index: bool },
}

/// cosign's annotations of a layer, as they were found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Notes {
    /// `dev.cosignproject.cosign/signature`
    pub(crate) signature: Option<String>,
    /// `dev.sigstore.cosign/certificate`
    pub(crate) certificate: Option<String>,
    /// `dev.sigstore.cosign/chain`
    pub(crate) chain: Option<String>,
    /// `dev.sigstore.cosign/bundle`
    pub(crate) log: Option<String>,
    /// `dev.sigstore.cosign/rfc3161timestamp`
    pub(crate) timestamp: Option<String>,
    /// `predicateType` or `in-toto.io/predicate-type`
    pub(crate) predicate_type: Option<String>,
}
