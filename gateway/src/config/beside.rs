//! Files that a trust policy names, which lie beside it.

use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use lockgate_runtime::PolicyFiles;

use crate::files;

/// The largest policy, key or trust root that is read, in bytes.
pub(crate) const MAX_POLICY_BYTES: u64 = 1024 * 1024;

/// The largest file that is read of what is kept of a trust root, in bytes.
const MAX_KEPT_BYTES: u64 = 16 * 1024 * 1024;

/// Reads files by paths that count from a policy's own, and remembers which.
pub(crate) struct FilesBeside {
    folder: PathBuf,
    roots: Option<PathBuf>,
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
        Ok(Self { folder, roots: None, files: vec![policy] })
    }

    /// The same, with what is kept of trust roots in this folder.
    pub(crate) fn with_roots(self, roots: PathBuf) -> Self {
        Self { roots: Some(roots), ..self }
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

    fn keeps_roots(&self) -> bool {
        self.roots.is_some()
    }

    fn kept(&mut self, path: &Path) -> Result<Option<Vec<u8>>, Error> {
        let Some(roots) = &self.roots else { return Ok(None) };
        let path = roots.join(path);
        // Whoever follows the policy's files notices that it was refreshed.
        self.files.push(path.clone());
        match files::read(&path, MAX_KEPT_BYTES) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            read => read.map(Some),
        }
    }
}
