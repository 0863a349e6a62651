//! What is kept of a trust root on this machine.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sigstore_tuf::{Root, TrustedMetadataSet};

use super::{RootFault, RootProblem, Versions, keys};
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    root: u64,
    timestamp: SeenRole,
    snapshot: SeenRole,
    targets: SeenRole,
}

/// How far the metadata of a role has come, and who could sign it then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SeenRole {
    version: u64,
    keys: BTreeSet<Digest>,
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
        Some(Self {
            root: root.version,
            timestamp: SeenRole::of(root, "timestamp", set.timestamp()?.version)?,
            snapshot: SeenRole::of(root, "snapshot", set.snapshot()?.version)?,
            targets: SeenRole::of(root, "targets", set.targets_role("targets")?.version)?,
        })
    }

    /// Checks that nothing is older than it was.
    ///
    /// # Errors
    /// What is.
    pub(super) fn allows(&self, now: &Self) -> Result<(), RootFault> {
        let no_older = |role: &str, seen: u64, offered: u64| {
            let words = || format!("its {role} metadata is version {offered}, and version {seen} was there before");
            if offered < seen { Err(RootFault::new(RootProblem::RolledBack, words())) } else { Ok(()) }
        };
        no_older("root", self.root, now.root)?;
        for (role, seen, offered) in [
            ("timestamp", &self.timestamp, &now.timestamp),
            ("snapshot", &self.snapshot, &now.snapshot),
            ("targets", &self.targets, &now.targets),
        ] {
            if !offered.begins_anew(seen) {
                no_older(role, seen.version, offered.version)?;
            }
        }
        Ok(())
    }

    pub(super) fn versions(&self) -> Versions {
        let Self { root, timestamp, snapshot, targets } = self;
        Versions { root: *root, timestamp: timestamp.version, snapshot: snapshot.version, targets: targets.version }
    }
}

impl SeenRole {
    fn of(root: &Root, role: &str, version: u64) -> Option<Self> {
        Some(Self { version, keys: keys::of_role(root, root.role(role)?) })
    }

    /// Whether its keepers count anew, as all of the keys were replaced (TUF, 5.3.11): else whoever stole them could have
    /// written a version that nothing ever follows. While one of them counts, so might what it signed before.
    fn begins_anew(&self, before: &Self) -> bool {
        self.keys.is_disjoint(&before.keys)
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
