//! Which version of each included policy counted last, so that no older one ever does again.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::artifact::{Digest, Reference};
use crate::files;
use crate::message::Json;
use crate::trust::{Problem, Published, Reason};

/// The largest record that is read, in bytes.
const MAX_BYTES: u64 = 64 * 1024;

/// The records of all policies.
pub(super) struct LastPolicies {
    /// One for each, for their owner alone.
    folder: PathBuf,
    /// The newest that this process has come upon, whether there was room for a record or not.
    here: Mutex<HashMap<Reference, Last>>,
}

/// Why a version does not count.
#[derive(Debug)]
pub(super) enum NotAdvanced {
    /// A newer one has counted.
    Older(Problem),
    /// It cannot be kept that it has counted: to what it denies, that makes no difference.
    NotKept(Problem),
}

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
        Self { folder, here: Mutex::default() }
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
    pub(super) fn advance(&self, reference: &Reference, this: Last) -> Result<(), NotAdvanced> {
        let path = self.path(reference);
        let failed = |error: io::Error| {
            let why = format!("{}, where its newest version is kept, cannot be used: {error}", path.display());
            NotAdvanced::NotKept(Problem::with(Reason::POLICY_MISSING, why))
        };
        let mut here = self.here.lock().unwrap_or_else(PoisonError::into_inner);
        this.check_not_before(here.get(reference), reference)?;
        here.insert(reference.clone(), this);
        let folder = || {
            files::private_folder(&self.folder)?;
            let folder = File::open(&self.folder)?;
            folder.lock()?;
            Ok(folder)
        };
        let guard = folder().map_err(failed)?;
        let before = self.of(reference).map_err(failed)?;
        this.check_not_before(before.as_ref(), reference)?;
        if before == Some(this) {
            return Ok(());
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
        self.folder.join(Digest::of(reference.to_string().as_bytes()).hex())
    }
}

impl Last {
    /// One that was published at the same time as another is no newer than that.
    fn check_not_before(self, last: Option<&Self>, reference: &Reference) -> Result<(), NotAdvanced> {
        let Some(last) = last.filter(|last| **last != self && last.published >= self.published) else { return Ok(()) };
        let (Published(before), Published(now)) = (last.published, self.published);
        let why = format!(
            "{reference} is {} of {now}, and {} of {before} has counted; whoever keeps it has to publish it again",
            self.manifest, last.manifest
        );
        Err(NotAdvanced::Older(Problem::with(Reason::POLICY_ROLLED_BACK, why)))
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
            let NotAdvanced::Older(problem) = last().advance(&reference, older).unwrap_err() else {
                panic!("{older:?}")
            };
            assert_eq!(problem.reason, Reason::POLICY_ROLLED_BACK);
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
            let last = LastPolicies::new(kept.path().to_owned());
            let refused = last.advance(&reference, version("a", "2026-11-01T00:00:00Z")).unwrap_err();
            let NotAdvanced::NotKept(problem) = refused else { panic!("{text}") };
            assert_eq!(problem.reason, Reason::POLICY_MISSING, "{text}");
        }
    }

    #[test]
    fn what_could_not_be_kept_is_no_licence_for_older_versions_either() {
        let kept = tempfile::tempdir().unwrap();
        let reference: Reference = "ghcr.io/acme/policy:stable".parse().unwrap();
        let folder = kept.path().join("policies");
        let last = LastPolicies::new(folder.clone());
        let (first, second) = (version("a", "2026-11-01T00:00:00Z"), version("b", "2026-11-02T00:00:00Z"));
        // No record can be written, nor read.
        std::fs::write(&folder, "").unwrap();
        assert!(matches!(last.advance(&reference, second), Err(NotAdvanced::NotKept(_))));
        assert!(matches!(last.advance(&reference, first), Err(NotAdvanced::Older(_))));
        std::fs::remove_file(&folder).unwrap();
        assert!(matches!(last.advance(&reference, first), Err(NotAdvanced::Older(_))));
        last.advance(&reference, second).unwrap();
        assert_eq!(last.of(&reference).unwrap(), Some(second));
    }
}
