//! Trust roots that come by The Update Framework (TUF): its keepers replace keys and withdraw them, and say how long what
//! they said holds.
//!
//! ```text
//! TufRoot ─ refresh(Mirror) ─▶ Kept on this machine ─ chain::verify ─▶ trusted_root.json, good until …
//! ```
//!
//! Only `refresh` asks anybody. What is kept is verified again from the metadata that the policy names each time a policy
//! is read. The library holds signatures, thresholds and the order of roles. What it leaves to whoever uses it is held
//! here: one file for all of what belongs together, bounds on each part, keys that are in an object twice or have two names,
//! and how far things had come before, also where what was kept is lost. Targets that others were given to keep (delegations) are
//! not looked for: a root is listed by the keepers themselves, or it is none.

mod chain;
#[cfg(test)]
mod forge;
mod kept;
mod keys;
mod refresh;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;
use url::Url;

pub(super) use self::chain::{Chain, verify_kept};
pub use self::refresh::RefreshError;
pub(crate) use self::refresh::{Mirror, refresh};
use crate::address::{is_public, literal};
use crate::artifact::Digest;
use crate::message::Json;
use crate::untrusted::Untrusted;

/// The largest file of TUF's metadata, in bytes. Sigstore's have about 6,000.
const MAX_METADATA_BYTES: usize = 512 * 1024;

/// The target that is the trusted root, where the policy names no other.
const TARGET: &str = "trusted_root.json";

/// Instances whose first metadata is shipped with this program: what the policy calls them, where they are, and where
/// trust in them begins (sigstore/root-signing, and github.com/github's `tuf-repo`; both Apache-2.0).
const SHIPPED: [(&str, &str, &str); 2] = [
    ("public-good", "https://tuf-repo-cdn.sigstore.dev/", include_str!("tuf/public-good.json")),
    ("github", "https://tuf-repo.github.com/", include_str!("tuf/github.json")),
];

/// A trust root that comes by TUF: where from, and where trust in it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TufRoot {
    name: String,
    url: Url,
    target: String,
    bootstrap: Vec<u8>,
}

/// Why a trust root that comes by TUF cannot be used now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum RootProblem {
    /// It was not fetched yet.
    Missing,
    /// What its keepers said of it holds no longer.
    Expired,
    /// It is older than one that was there before.
    RolledBack,
    /// It is not what its keepers signed, or cannot be read.
    Unreadable,
}

/// As much, with words for a person that are safe to show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{words}")]
pub(crate) struct RootFault {
    pub(crate) problem: RootProblem,
    pub(crate) words: String,
}

/// What a trust root that comes by TUF is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TufState {
    /// What the policy calls it.
    pub name: String,
    /// Where it comes from.
    pub url: String,
    /// The digest of the trusted root itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// How far its metadata has come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub versions: Option<Versions>,
    /// Until when it can be used (RFC 3339), unless it is refreshed before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// Why it cannot be used, as a code that stays the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// The same in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// What a person does then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The version of each of TUF's roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Versions {
    /// Who may sign.
    pub root: u64,
    /// What is newest.
    pub timestamp: u64,
    /// Which metadata belongs together.
    pub snapshot: u64,
    /// Which files there are.
    pub targets: u64,
}

impl TufRoot {
    /// One of the policy's own.
    ///
    /// # Errors
    /// Where the URL is none that is dialled, the target none that is fetched, or the metadata no root.
    pub(crate) fn new(name: &str, url: &str, target: Option<&str>, bootstrap: Vec<u8>) -> Result<Self, String> {
        let url = mirror(url)?;
        let target = target.unwrap_or(TARGET);
        let is_plain = |c: u8| c.is_ascii_alphanumeric() || b"._-".contains(&c);
        if target.is_empty() || target.len() > 100 || target.starts_with('.') || !target.bytes().all(is_plain) {
            return Err(format!("the target `{target}` is no plain name of a file, as {TARGET}"));
        }
        let root = Self { name: name.to_owned(), url, target: target.to_owned(), bootstrap };
        chain::begin(&root).map_err(|fault| format!("its metadata of the role root cannot be used: {fault}"))?;
        Ok(root)
    }

    /// One whose first metadata is shipped. Nothing where none of that name is.
    pub(crate) fn shipped(name: &str, instance: &str) -> Option<Self> {
        let (_, url, bootstrap) = SHIPPED.into_iter().find(|(known, ..)| *known == instance)?;
        let url = url.parse().ok()?;
        Some(Self { name: name.to_owned(), url, target: TARGET.to_owned(), bootstrap: bootstrap.into() })
    }

    /// Whether it comes from where the newest of a shipped instance's keys do.
    pub(crate) fn is_newest_of(&self, instance: &str) -> bool {
        SHIPPED
            .into_iter()
            .any(|(known, url, _)| known == instance && url.parse().is_ok_and(|url: Url| url == self.url))
    }

    /// What the policy calls it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it comes from.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// The folder for what is kept of it, below that for all roots. Another place, target or beginning is another root,
    /// whatever it is called.
    pub fn folder(&self) -> PathBuf {
        self.identity().hex().into()
    }

    /// What tells it from others, whatever it is called.
    pub(super) fn identity(&self) -> Digest {
        let parts = [self.url.as_str(), &self.target, &Digest::of(&self.bootstrap).hex()];
        Digest::of(parts.join("\n").as_bytes())
    }

    /// The URL of a file, and whether a person wrote the address out that it leads to.
    pub(crate) fn file(&self, path: &str) -> (Url, bool) {
        let mut url = self.url.clone();
        url.set_path(&format!("{}{path}", self.url.path()));
        let is_written_out = literal(&url).is_some();
        (url, is_written_out)
    }
}

impl RootProblem {
    /// A code that stays the same.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Missing => "root-missing",
            Self::Expired => "root-expired",
            Self::RolledBack => "root-rolled-back",
            Self::Unreadable => "root-unreadable",
        }
    }

    /// Why nothing counts under such a root, in words that follow the name of the artifact.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Missing => "the trust root that its signer's signatures count under was not fetched yet",
            Self::Expired => "the trust root that its signer's signatures count under has expired",
            Self::RolledBack => {
                "the trust root that its signer's signatures count under is older than one that was there before"
            }
            Self::Unreadable => {
                "the trust root that its signer's signatures count under is not what its keepers signed, or cannot be read"
            }
        }
    }

    /// What a person does about it, who finds it when something is to be verified.
    pub(crate) fn next(self, name: &str) -> String {
        let or_else = match self {
            Self::Missing => "",
            Self::Expired => "; if what is fetched has expired as well, only its keepers can sign it anew",
            Self::RolledBack => "; if what is fetched is as old, its mirror is out of date: ask its keepers",
            Self::Unreadable => "; if that does not help, see that `root` of the policy is what its keepers give out",
        };
        format!("{}{or_else}", refresh_line(name))
    }
}

/// The command that fetches a root of this name.
pub(crate) fn refresh_line(name: &str) -> String {
    format!("lockgate trust refresh {name}")
}

impl RootFault {
    fn new(problem: RootProblem, words: impl fmt::Display) -> Self {
        Self { problem, words: Untrusted::new(words.to_string()).to_line(500) }
    }

    pub(super) fn unreadable(words: impl fmt::Display) -> Self {
        Self::new(RootProblem::Unreadable, words)
    }

    pub(super) fn missing() -> Self {
        Self::new(RootProblem::Missing, "it was not fetched yet")
    }

    pub(super) fn expired(role: &str, since: &str) -> Self {
        Self::new(RootProblem::Expired, format!("its {role} metadata expired at {since}"))
    }
}

impl TufState {
    /// In one line for a person.
    pub fn line(&self) -> String {
        let Self { name, url, versions, expires, reason, problem, next, .. } = self;
        match (reason, versions, expires) {
            (None, Some(Versions { root, targets, .. }), Some(expires)) => {
                format!("{name} from {url}: root {root}, targets {targets}, good until {expires}")
            }
            (reason, ..) => {
                let (problem, next) = (problem.as_deref().unwrap_or_default(), next.as_deref().unwrap_or_default());
                format!("{name} from {url}: {}: {problem}; {next}", reason.unwrap_or_default())
            }
        }
    }
}

/// Where files of TUF are fetched from.
fn mirror(text: &str) -> Result<Url, String> {
    let invalid = |problem: &str| format!("`{}` {problem}", text.escape_debug());
    let mut url: Url = text.parse().map_err(|_| invalid("is no URL, as https://tuf.example.com"))?;
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err("the URL has more than a host and a path".to_owned());
    }
    match (url.scheme(), literal(&url)) {
        ("https", _) => {}
        // All that is fetched is signed; who else could read along is a matter of this network.
        ("http", Some(address)) if !is_public(address) => {}
        ("http", _) => return Err(invalid("needs https://, as it writes out no loopback or private address")),
        _ => return Err(invalid("is neither https:// nor http://")),
    }
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

/// Text without an object that has a key twice: of these, another reader could take the other.
fn read_once(bytes: &[u8]) -> Result<&str, RootFault> {
    let text = std::str::from_utf8(bytes).map_err(RootFault::unreadable)?;
    Json::parse(text).map_err(RootFault::unreadable)?;
    Ok(text)
}
