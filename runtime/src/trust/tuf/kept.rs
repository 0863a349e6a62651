//! What is kept of a trust root on this machine.

use std::path::Path;

use serde::{Deserialize, Serialize};
use sigstore_tuf::TrustedMetadataSet;

use super::{RootFault, RootProblem, Versions};
use crate::artifact::Digest;

/// The file with all that belongs together: it is replaced as a whole, or not at all.
pub(super) const METADATA: &str = "metadata.json";

/// The file that says how far things had come. It is not replaced by what is older.
pub(super) const SEEN: &str = "seen.json";

/// The most metadata of the role root that is kept and fetched: the keepers sign a new one about twice a year.
pub(super) const MAX_ROOTS: usize = 64;

/// The largest file that is kept, in bytes.
pub(super) const MAX_KEPT_BYTES: usize = 16 * 1024 * 1024;

/// Everything that it takes to verify a target again, as it was fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    /// Those after the one that the policy names.
    pub(super) roots: Vec<String>,
    pub(super) timestamp: String,
    pub(super) snapshot: String,
    pub(super) targets: String,
    pub(super) target: String,
}

/// How far the metadata of a trust root has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    root: u64,
    /// Who signs what is newest and what belongs together. Keepers that replace them begin to count anew (TUF, 5.3.11):
    /// else whoever stole the old keys could have written a version that nothing ever follows.
    keys: Digest,
    timestamp: u64,
    snapshot: u64,
    targets: u64,
}

impl Kept {
    /// Reads what is kept.
    ///
    /// # Errors
    /// Where it is not of the form.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, RootFault> {
        read(bytes, METADATA)
    }
}

impl Seen {
    /// Reads how far things had come.
    ///
    /// # Errors
    /// Where it is not of the form.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, RootFault> {
        read(bytes, SEEN)
    }

    /// How far verified metadata has come.
    pub(super) fn of(set: &TrustedMetadataSet) -> Option<Self> {
        let root = set.root();
        let mut keys = String::new();
        for role in ["timestamp", "snapshot"] {
            let role = root.role(role)?;
            let mut ids: Vec<&String> = role.keyids.iter().collect();
            ids.sort_unstable();
            for id in ids {
                keys.push_str(&serde_json::to_string(&(id, root.keys.get(id))).ok()?);
            }
            keys.push_str(&format!("{};", role.threshold));
        }
        Some(Self {
            root: root.version,
            keys: Digest::of(keys.as_bytes()),
            timestamp: set.timestamp()?.version,
            snapshot: set.snapshot()?.version,
            targets: set.targets_role("targets")?.version,
        })
    }

    /// Checks that nothing is older than it was.
    ///
    /// # Errors
    /// What is.
    pub(super) fn allows(&self, now: &Self) -> Result<(), RootFault> {
        let same_keys = self.keys == now.keys;
        for (role, seen, offered, counts) in [
            ("root", self.root, now.root, true),
            ("timestamp", self.timestamp, now.timestamp, same_keys),
            ("snapshot", self.snapshot, now.snapshot, same_keys),
            ("targets", self.targets, now.targets, same_keys),
        ] {
            if counts && offered < seen {
                let words = format!("its {role} metadata is version {offered}, and version {seen} was there before");
                return Err(RootFault::new(RootProblem::RolledBack, words));
            }
        }
        Ok(())
    }

    pub(super) fn versions(&self) -> Versions {
        let Self { root, timestamp, snapshot, targets, keys: _ } = *self;
        Versions { root, timestamp, snapshot, targets }
    }
}

fn read<T: for<'a> Deserialize<'a>>(bytes: &[u8], name: &str) -> Result<T, RootFault> {
    if bytes.len() > MAX_KEPT_BYTES {
        return Err(RootFault::unreadable(format!("{name} is larger than {} MiB", MAX_KEPT_BYTES >> 20)));
    }
    serde_json::from_slice(bytes).map_err(|error| RootFault::unreadable(format!("{name}: {error}")))
}

/// Where the two files of a root lie below the folder for all of them.
pub(super) fn paths(folder: &Path) -> [std::path::PathBuf; 2] {
    [folder.join(METADATA), folder.join(SEEN)]
}
