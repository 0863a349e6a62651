//! The texts behind the hashes of locks, by their hashes, on this machine: only to show what something was before. What
//! is missing here is shown by its hash.

use std::fs::DirBuilder;
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use lockgate_runtime::Digest;

use super::drift::{Difference, Side};
use super::surface::Said;

/// The largest text that is read, in bytes.
const MAX_BYTES: u64 = 16 << 20;

/// A folder with texts, for its owner alone.
#[derive(Debug, Clone)]
pub(crate) struct Texts(PathBuf);

impl Texts {
    /// The texts in this folder, which need not be there.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// Keeps texts; each is there whole or not at all.
    ///
    /// # Errors
    /// What the system said.
    pub(crate) fn keep<'a>(&self, texts: impl Iterator<Item = &'a Said>) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.0)?;
        for said in texts {
            let path = self.path(&said.digest);
            if self.read(&said.digest).is_none() {
                let mut file = tempfile::NamedTempFile::new_in(&self.0)?;
                file.write_all(said.text.as_bytes())?;
                file.persist(path)?;
            }
        }
        Ok(())
    }

    /// Adds what is known to what was locked.
    pub(crate) fn complete(&self, differences: &mut [Difference]) {
        for difference in differences {
            if let Some(Side::Text { digest, text: text @ None }) = &mut difference.locked {
                *text = self.read(digest);
            }
        }
    }

    fn read(&self, digest: &Digest) -> Option<String> {
        let bytes = crate::files::read(&self.path(digest), MAX_BYTES).ok()?;
        (Digest::of(&bytes) == *digest).then(|| String::from_utf8(bytes).ok()).flatten()
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.0.join(digest.hex())
    }
}
