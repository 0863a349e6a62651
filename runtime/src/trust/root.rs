//! Whose certificates, logs and timestamps count: the keys of one instance of Sigstore.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use jiff::Timestamp;
use sigstore_trust_root::{SIGSTORE_GITHUB_TRUSTED_ROOT, SIGSTORE_PRODUCTION_TRUSTED_ROOT, TrustedRoot, TsaAuthority};
use sigstore_types::LogKeyId;
use sigstore_verify::Verifier;

use super::fault::Fault;
use super::tuf::{self, Chain, RootFault, TufRoot, TufState, Versions};
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
    /// Of its text.
    digest: Digest,
    /// Nothing counts under one that has none.
    keys: Result<Keys, RootFault>,
    by_tuf: Option<ByTuf>,
}

struct Keys {
    of: TrustedRoot,
    verifier: Verifier,
}

/// Where the keys come from, and how long they can be used.
struct ByTuf {
    source: TufRoot,
    good: Option<Good>,
}

struct Good {
    until: Timestamp,
    /// What expires then.
    role: &'static str,
    versions: Versions,
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

impl Keys {
    /// Reads the bytes of a `trusted_root.json`.
    ///
    /// # Errors
    /// See [`InvalidRoot`].
    fn read(bytes: &[u8]) -> Result<Self, InvalidRoot> {
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
        Ok(Self { of: keys, verifier })
    }
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
        let keys = Ok(Keys::read(bytes)?);
        Ok(Arc::new(Self { name: name.to_owned(), digest: Digest::of(bytes), keys, by_tuf: None }))
    }

    /// One that comes by TUF, as it is kept on this machine. It is one in any case: where it cannot be used, nothing
    /// counts under it, and the rest of a policy holds.
    pub(crate) fn kept(source: TufRoot, kept: &mut dyn FnMut(&Path) -> io::Result<Option<Vec<u8>>>) -> Arc<Self> {
        let chain = tuf::verify_kept(&source, kept);
        Arc::new(Self::by_chain(source, chain))
    }

    /// One that comes by TUF, of what was verified.
    pub(super) fn by_chain(source: TufRoot, chain: Result<Chain, RootFault>) -> Self {
        let name = source.name().to_owned();
        let read = chain.and_then(|chain| {
            let (target, versions) = (chain.target.as_bytes(), chain.versions());
            let keys = Keys::read(target).map_err(RootFault::unreadable)?;
            Ok((Good { until: chain.expires, role: chain.first, versions }, Digest::of(target), keys))
        });
        match read {
            Ok((good, digest, keys)) => {
                Self { name, digest, keys: Ok(keys), by_tuf: Some(ByTuf { source, good: Some(good) }) }
            }
            Err(fault) => {
                Self { name, digest: source.identity(), keys: Err(fault), by_tuf: Some(ByTuf { source, good: None }) }
            }
        }
    }

    fn shipped(cell: &OnceLock<Arc<Self>>, name: &str, text: &str) -> Result<Arc<Self>, InvalidRoot> {
        if let Some(root) = cell.get() {
            return Ok(Arc::clone(root));
        }
        let root = Self::read(name, text.as_bytes())?;
        Ok(Arc::clone(cell.get_or_init(|| root)))
    }

    /// Why nothing counts under it at this time, where nothing does.
    pub(crate) fn fault(&self, now: SystemTime) -> Option<RootFault> {
        if let Err(fault) = &self.keys {
            return Some(fault.clone());
        }
        let Good { until, role, .. } = self.by_tuf.as_ref()?.good.as_ref()?;
        let now = Timestamp::try_from(now).unwrap_or(Timestamp::MAX);
        (*until <= now).then(|| RootFault::expired(role, &format!("{until:.0}")))
    }

    /// What it is at this time, if it comes by TUF.
    pub(crate) fn state(&self, now: SystemTime) -> Option<TufState> {
        let ByTuf { source, good } = self.by_tuf.as_ref()?;
        let fault = self.fault(now);
        Some(TufState {
            name: self.name.clone(),
            url: source.url().to_owned(),
            digest: good.as_ref().map(|_| self.digest),
            versions: good.as_ref().map(|good| good.versions),
            expires: good.as_ref().map(|good| format!("{:.0}", good.until)),
            reason: fault.as_ref().map(|fault| fault.problem.code()),
            next: fault.as_ref().map(|fault| fault.problem.next(&self.name)),
            problem: fault.map(|fault| fault.words),
        })
    }

    /// Where it comes from, if it comes by TUF.
    pub(crate) fn source(&self) -> Option<&TufRoot> {
        self.by_tuf.as_ref().map(|by_tuf| &by_tuf.source)
    }

    /// Whether the two are one, whatever they are called. Of one that comes by TUF that is its origin: what it says is its
    /// keepers' to change, and may at times be what others say.
    pub(crate) fn is_one_with(&self, other: &Self) -> bool {
        match (self.source(), other.source()) {
            (None, None) => self.digest == other.digest,
            (Some(one), Some(other)) => one.identity() == other.identity(),
            _ => false,
        }
    }

    /// What the policy calls it: `public-good`, `github`, the name of one of its own, or the path of a file as it was
    /// written.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is Sigstore's public instance.
    pub(crate) fn is_public_good(&self) -> bool {
        self.name == PUBLIC_GOOD
    }

    /// Whether any certificate could be checked with it.
    pub(crate) fn has_authorities(&self) -> bool {
        self.keys().is_some_and(|keys| !keys.certificate_authorities.is_empty())
    }

    /// Whether anything could be in its transparency log.
    pub(crate) fn has_logs(&self) -> bool {
        self.keys().is_some_and(|keys| !keys.tlogs.is_empty())
    }

    /// Whether any certificate could be in its log of certificates.
    pub(crate) fn has_certificate_logs(&self) -> bool {
        self.keys().is_some_and(|keys| !keys.ctlogs.is_empty())
    }

    /// Whether anything could have a timestamp of it.
    pub(crate) fn has_timestamps(&self) -> bool {
        self.keys().is_some_and(|keys| !keys.timestamp_authorities.is_empty())
    }

    /// Whether it knows the transparency log with this name.
    pub(super) fn has_log(&self, id: &LogKeyId) -> bool {
        self.keys().is_some_and(|keys| keys.tlogs.iter().any(|log| log.log_id.key_id == *id))
    }

    /// Those whose timestamps count.
    pub(super) fn timestamp_authorities(&self) -> Vec<TsaAuthority> {
        self.keys().map(TrustedRoot::tsa_authorities).unwrap_or_default()
    }

    /// What checks bundles with its keys.
    ///
    /// # Errors
    /// Where they are not known.
    pub(super) fn verifier(&self) -> Result<&Verifier, Fault> {
        self.keys.as_ref().map(|keys| &keys.verifier).map_err(|fault| Fault::Root(fault.problem))
    }

    fn keys(&self) -> Option<&TrustedRoot> {
        self.keys.as_ref().ok().map(|keys| &keys.of)
    }
}

impl fmt::Debug for TrustRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrustRoot({} {})", self.name, self.digest)
    }
}
