//! Whose certificates, logs and timestamps count: the keys of one instance of Sigstore.

use std::fmt;
use std::sync::{Arc, OnceLock};

use sigstore_trust_root::{SIGSTORE_GITHUB_TRUSTED_ROOT, SIGSTORE_PRODUCTION_TRUSTED_ROOT, TrustedRoot, TsaAuthority};
use sigstore_types::LogKeyId;
use sigstore_verify::Verifier;

use crate::artifact::Digest;
use crate::message::Json;

/// The largest file that is read as a trusted root, in bytes. Sigstore's own has about 7,000.
pub(crate) const MAX_ROOT_BYTES: usize = 1024 * 1024;

/// What policies call Sigstore's public instance.
pub(crate) const PUBLIC_GOOD: &str = "public-good";

/// Where a trusted root begins (sigstore/protobuf-specs, `sigstore_trustroot.proto`).
const MEDIA_TYPES: [&str; 2] =
    ["application/vnd.dev.sigstore.trustedroot+json;version=0.1", "application/vnd.dev.sigstore.trustedroot.v0.2+json"];

/// The keys of one instance of Sigstore. What one of them vouches for says nothing under another: none stands in for
/// another.
pub(crate) struct TrustRoot {
    name: String,
    digest: Digest,
    keys: TrustedRoot,
    verifier: Verifier,
}

/// Why a text is no trusted root.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidRoot {
    /// It is too large to be one.
    #[error("it is larger than {} KiB", MAX_ROOT_BYTES >> 10)]
    TooLarge,
    /// It is not the JSON document that `trusted_root.json` is, or has a key twice.
    #[error("it is no trusted_root.json: {0}")]
    Unreadable(String),
    /// It names no key and no certificate at all.
    #[error("it names no certificate authority, no log and no timestamp authority")]
    Empty,
    /// A key or certificate in it cannot be used.
    #[error("a key or certificate in it cannot be used: {0}")]
    Unusable(String),
}

impl TrustRoot {
    /// Sigstore's public instance, whose keys are shipped inside this program.
    ///
    /// # Errors
    /// Where they cannot be used, which no build of this program causes.
    pub(crate) fn public_good() -> Result<Arc<Self>, InvalidRoot> {
        static ROOT: OnceLock<Arc<TrustRoot>> = OnceLock::new();
        Self::shipped(&ROOT, PUBLIC_GOOD, SIGSTORE_PRODUCTION_TRUSTED_ROOT)
    }

    /// GitHub's own instance, which vouches for what is built in private repositories. Its keys are shipped inside.
    ///
    /// # Errors
    /// Where they cannot be used, which no build of this program causes.
    pub(crate) fn github() -> Result<Arc<Self>, InvalidRoot> {
        static ROOT: OnceLock<Arc<TrustRoot>> = OnceLock::new();
        Self::shipped(&ROOT, "github", SIGSTORE_GITHUB_TRUSTED_ROOT)
    }

    /// Somebody's own instance: the bytes of its `trusted_root.json`, and what the policy calls it.
    ///
    /// # Errors
    /// See [`InvalidRoot`].
    pub(crate) fn read(name: &str, bytes: &[u8]) -> Result<Arc<Self>, InvalidRoot> {
        if bytes.len() > MAX_ROOT_BYTES {
            return Err(InvalidRoot::TooLarge);
        }
        let unreadable = |problem: &dyn fmt::Display| InvalidRoot::Unreadable(problem.to_string());
        let text = std::str::from_utf8(bytes).map_err(|error| unreadable(&error))?;
        // Of a key that is there twice, another reader could take the other.
        Json::parse(text).map_err(|error| unreadable(&error))?;
        let keys = TrustedRoot::from_json(text).map_err(|error| unreadable(&error))?;
        if !MEDIA_TYPES.contains(&keys.media_type.as_str()) {
            return Err(unreadable(&"it has another media type"));
        }
        let TrustedRoot { tlogs, certificate_authorities, ctlogs, timestamp_authorities, .. } = &keys;
        if tlogs.is_empty()
            && certificate_authorities.is_empty()
            && ctlogs.is_empty()
            && timestamp_authorities.is_empty()
        {
            return Err(InvalidRoot::Empty);
        }
        let verifier = Verifier::new(&keys).map_err(|error| InvalidRoot::Unusable(error.to_string()))?;
        Ok(Arc::new(Self { name: name.to_owned(), digest: Digest::of(bytes), keys, verifier }))
    }

    fn shipped(cell: &OnceLock<Arc<Self>>, name: &str, text: &str) -> Result<Arc<Self>, InvalidRoot> {
        if let Some(root) = cell.get() {
            return Ok(Arc::clone(root));
        }
        let root = Self::read(name, text.as_bytes())?;
        Ok(Arc::clone(cell.get_or_init(|| root)))
    }

    /// What the policy calls it: `public-good`, `github`, or the path of a file as it was written.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is Sigstore's public instance.
    pub(crate) fn is_public_good(&self) -> bool {
        self.name == PUBLIC_GOOD
    }

    /// The digest of its text: two with the same are the same.
    pub(crate) fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Whether any certificate could be checked with it.
    pub(crate) fn has_authorities(&self) -> bool {
        !self.keys.certificate_authorities.is_empty()
    }

    /// Whether anything could be in its transparency log.
    pub(crate) fn has_logs(&self) -> bool {
        !self.keys.tlogs.is_empty()
    }

    /// Whether any certificate could be in its log of certificates.
    pub(crate) fn has_certificate_logs(&self) -> bool {
        !self.keys.ctlogs.is_empty()
    }

    /// Whether anything could have a timestamp of it.
    pub(crate) fn has_timestamps(&self) -> bool {
        !self.keys.timestamp_authorities.is_empty()
    }

    /// Whether it knows the transparency log with this name.
    pub(super) fn has_log(&self, id: &LogKeyId) -> bool {
        self.keys.tlogs.iter().any(|log| log.log_id.key_id == *id)
    }

    /// Those whose timestamps count.
    pub(super) fn timestamp_authorities(&self) -> Vec<TsaAuthority> {
        self.keys.tsa_authorities()
    }

    /// What checks bundles with its keys.
    pub(super) fn verifier(&self) -> &Verifier {
        &self.verifier
    }
}

impl fmt::Debug for TrustRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrustRoot({} {})", self.name, self.digest)
    }
}
