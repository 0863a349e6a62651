//! Files that a trust policy names, which lie beside it.

use std::io::Error;
use std::path::{Path, PathBuf};

use lockgate_runtime::PolicyFiles;

use crate::files;

/// The largest policy, key or trust root that is read, in bytes.
pub(crate) const MAX_POLICY_BYTES: u64 = 1024 * 1024;

/// Reads files by paths that count from a policy's own, and remembers which.
pub(crate) struct FilesBeside {
    folder: PathBuf,
    files: Vec<PathBuf>,
}

impl FilesBeside {
    /// The files beside a policy.
    ///
    /// # Errors
    /// Where nobody knows where this program is.
    pub(crate) fn new(policy: &Path) -> Result<Self, Error> {
        let policy = std::path::absolute(policy)?;
        let folder = policy.parent().unwrap_or(Path::new("/")).to_owned();
        Ok(Self { folder, files: vec![policy] })
    }

    /// The policy and all that was read for it.
    pub(crate) fn into_files(self) -> Vec<PathBuf> {
        self.files
    }
}

impl PolicyFiles for FilesBeside {
    fn read(&mut self, path: &Path) -> Result<Vec<u8>, Error> {
        let path = self.folder.join(path);
        self.files.push(path.clone());
        files::read(&path, MAX_POLICY_BYTES)
    }

    fn path(&mut self, path: &Path) -> Result<PathBuf, Error> {
        let path = self.folder.join(path);
        self.files.push(path.clone());
        Ok(path)
    }
}
