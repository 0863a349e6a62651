//! The bytes of a server, by digest, before anybody has judged them.
//!
//! ```text
//! Reference ─ Depots::registry ─┐
//! folder ──── Depots::folder ───┴▶ Depot ─ manifest(Selector) ─▶ Manifest ─ blob(Descriptor) ─▶ Artifact
//! ```

mod attach;
mod copy;
mod depot;
mod digest;
mod image;
mod index;
mod layout;
mod manifest;
mod policy;
mod push;
mod reference;
mod referrers;
mod registry;
mod store;
#[cfg(test)]
pub(crate) mod tests;
mod wasm;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use ::bytes::Bytes;

pub(crate) use attach::{Attachment, Layer};
pub use copy::Copied;
pub(crate) use depot::{Depot, Depots};
pub use depot::{DepotError, Piece};
pub use digest::{Digest, InvalidDigest};
pub use image::InvalidImage;
pub(crate) use image::{ImageDigests, image_digests, image_if_any};
pub use manifest::InvalidManifest;
pub(crate) use manifest::{Content, Descriptor, Manifest};
pub(crate) use policy::{CREATED, FOLLOWED_AT, PolicyLayers};
pub(crate) use push::Packed;
pub use push::{InvalidPushTarget, PushTarget};
pub use reference::{InvalidReference, Reference, Selector, names_registry};
pub(crate) use referrers::{Referrers, fallback_tag};
pub use registry::{Breach, Detour, InvalidTokenHost, TokenHost, TokenHosts};
pub(crate) use registry::{Login, Logins, Pace, Shared};
pub use store::ArtifactStoreError;
pub(crate) use store::Store;
pub use wasm::InvalidComponent;

/// The largest component that is read, in bytes.
pub(crate) const MAX_COMPONENT_BYTES: u64 = 256 * 1024 * 1024;

/// Bytes under their digest. Nothing says yet that they may run.
#[derive(Clone)]
pub struct Artifact {
    digest: Digest,
    bytes: Bytes,
}

/// Why an artifact cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// The file cannot be opened or read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The path names something else than a regular file.
    #[error("{} is not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// The file is larger than [`MAX_COMPONENT_BYTES`].
    #[error("{} is larger than 256 MiB, the most that is read as a component", .0.display())]
    TooLarge(PathBuf),
    /// Reading was given up, as when the program ends.
    #[error("reading was interrupted: {0}")]
    Interrupted(String),
}

impl Artifact {
    /// Takes bytes under the digest they have. What is given as a `Vec` is not copied.
    pub fn new(bytes: impl Into<Box<[u8]>>) -> Self {
        let bytes = Bytes::from(bytes.into());
        Self { digest: Digest::of(&bytes), bytes }
    }

    /// Reads a file once; what is in it then is what counts from here on.
    ///
    /// # Errors
    /// See [`ArtifactError`].
    pub fn read(path: &Path) -> Result<Self, ArtifactError> {
        let unreadable = |source| ArtifactError::Unreadable { path: path.to_owned(), source };
        // Asked before opening: opening a FIFO would wait for somebody to write to it.
        if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
            return Err(ArtifactError::NotAFile(path.to_owned()));
        }
        let file = File::open(path).map_err(unreadable)?;
        let length = file.metadata().map_err(unreadable)?.len().min(MAX_COMPONENT_BYTES);
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
        file.take(MAX_COMPONENT_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > MAX_COMPONENT_BYTES {
            return Err(ArtifactError::TooLarge(path.to_owned()));
        }
        Ok(Self::new(bytes))
    }

    /// The digest of the bytes.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}
