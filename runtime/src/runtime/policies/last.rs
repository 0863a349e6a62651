//! Which version of each included policy counted last, so that no older one ever does again.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::artifact::{Digest, Reference};
use crate::files;
use crate::message::Json;
use crate::trust::{Problem, Published, Reason};

/// The largest record that is read, in bytes.
const MAX_BYTES: u64 = 64 * 1024;

/// The folder with one record for each policy, for its owner alone.
pub(super) struct LastPolicies(PathBuf);

/// A version of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Last {
    pub(super) manifest: Digest,
    pub(super) published: Published,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    reference: String,
    manifest: Digest,
    published: String,
}

impl LastPolicies {
    /// The records in this folder, which need not be there.
    pub(super) fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// The version that counted last; nothing where none did.
    ///
    /// # Errors
    /// Where that cannot be found out.
    pub(super) fn of(&self, reference: &Reference) -> io::Result<Option<Last>> {
        let Some(bytes) = files::read(&self.path(reference), MAX_BYTES)? else { return Ok(None) };
        let damaged = || io::Error::new(ErrorKind::InvalidData, "it is damaged");
        let json = Json::parse(String::from_utf8(bytes).map_err(|_| damaged())?).map_err(|_| damaged())?;
        let Record { reference: of, manifest, published } = json.read().map_err(|_| damaged())?;
        let published = published.parse::<Timestamp>().map_err(|_| damaged())?;
        if of != reference.to_string() {
            return Err(damaged());
        }
        Ok(Some(Last { manifest, published: Published(published) }))
    }

    /// Lets this version count, if none that is newer has counted before. Several processes may do so at the same time.
    ///
    /// # Errors
    /// Where a newer one has, or nobody can know.
    pub(super) fn advance(&self, reference: &Reference, this: Last) -> Result<(), Problem> {
        let path = self.path(reference);
        let failed = |error: io::Error| {
            let why = format!("{}, where its newest version is kept, cannot be used: {error}", path.display());
            Problem::with(Reason::POLICY_MISSING, why)
        };
        let folder = || {
            files::private_folder(&self.0)?;
            let folder = File::open(&self.0)?;
            folder.lock()?;
            Ok(folder)
        };
        let guard = folder().map_err(failed)?;
        match self.of(reference).map_err(failed)? {
            Some(last) if last == this => return Ok(()),
            Some(last) if last.published >= this.published => {
                let (Published(before), Published(now)) = (last.published, this.published);
                let why = format!(
                    "{reference} is {} of {now}, and {} of {before} has counted; whoever keeps it has to publish it again",
                    this.manifest, last.manifest
                );
                return Err(Problem::with(Reason::POLICY_ROLLED_BACK, why));
            }
            _ => {}
        }
        let Last { manifest, published: Published(published) } = this;
        let record = Record { reference: reference.to_string(), manifest, published: published.to_string() };
        let write = || {
            files::replace(&path, Json::of(&record).as_str().as_bytes())?;
            guard.sync_all()
        };
        write().map_err(failed)
    }

    fn path(&self, reference: &Reference) -> PathBuf {
        self.0.join(Digest::of(reference.to_string().as_bytes()).hex())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(name: &str, published: &str) -> Last {
        Last { manifest: Digest::of(name.as_bytes()), published: Published(published.parse().unwrap()) }
    }

    #[test]
    fn an_older_version_never_counts_again() {
        let kept = tempfile::tempdir().unwrap();
        let reference: Reference = "ghcr.io/acme/policy:stable".parse().unwrap();
        let other: Reference = "ghcr.io/acme/policy:next".parse().unwrap();
        let last = || LastPolicies::new(kept.path().join("policies"));
        let (first, second) = (version("a", "2026-11-01T00:00:00Z"), version("b", "2026-11-02T00:00:00Z"));
        assert_eq!(last().of(&reference).unwrap(), None);
        for this in [first, first, second, second] {
            last().advance(&reference, this).unwrap();
            assert_eq!(last().of(&reference).unwrap(), Some(this));
        }
        // One that was published at the same time as another is no newer than that.
        for older in [first, version("c", "2026-11-02T00:00:00Z")] {
            assert_eq!(last().advance(&reference, older).unwrap_err().reason, Reason::POLICY_ROLLED_BACK);
        }
        assert_eq!(last().of(&reference).unwrap(), Some(second));
        last().advance(&other, first).unwrap();
    }

    #[test]
    fn a_record_that_cannot_be_read_is_no_licence_for_older_versions() {
        let kept = tempfile::tempdir().unwrap();
        let reference: Reference = "ghcr.io/acme/policy:stable".parse().unwrap();
        let last = LastPolicies::new(kept.path().to_owned());
        last.advance(&reference, version("b", "2026-11-02T00:00:00Z")).unwrap();
        for text in ["", "{}", "null", "\u{0}", r#"{"reference":"x","manifest":"sha256:00","published":"now"}"#] {
            std::fs::write(last.path(&reference), text).unwrap();
            let refused = last.advance(&reference, version("a", "2026-11-01T00:00:00Z")).unwrap_err();
            assert_eq!(refused.reason, Reason::POLICY_MISSING, "{text}");
        }
    }
}
