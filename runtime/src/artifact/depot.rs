//! Where artifacts lie: a registry, or a folder. Both are asked the same questions.

use std::path::{Path, PathBuf};

use super::layout::LayoutFolder;
use super::manifest::{Descriptor, InvalidManifest, Manifest};
use super::registry::Registry;
use super::{Artifact, Digest, Reference, Selector};
use crate::dial::Dialler;

/// Makes depots: what all of them share.
#[derive(Clone)]
pub(crate) struct Depots {
    dialler: Dialler,
}

/// The artifacts of one repository, or of one folder.
#[derive(Clone)]
pub(crate) enum Depot {
    Registry(Registry),
    Folder(LayoutFolder),
}

/// Why an artifact cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum DepotError {
    /// Whoever has to know was asked and says that there is none. Nothing else ever becomes this.
    #[error("there is no {0}; check its name and tag (what needs a login may be hidden from those without)")]
    None(String),
    /// Nobody answers.
    #[error("{registry} cannot be reached; check its name and your network")]
    Unreachable {
        /// The registry.
        registry: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What the registry answers makes no sense, or it broke off.
    #[error("{registry} does not answer as a registry: {problem}; try again later")]
    Broken {
        /// The registry.
        registry: String,
        /// What is wrong, in words that are safe to show.
        problem: String,
    },
    /// The bytes are others than their name says.
    #[error(
        "the bytes are not what their name says: {expected} was asked for, and {found} came; somebody changed them on the way, or the registry is broken"
    )]
    OtherBytes {
        /// What was asked for.
        expected: Digest,
        /// What came.
        found: Digest,
    },
    /// A blob is longer or shorter than its manifest says.
    #[error(
        "blob {digest} has {found} bytes and not {expected}, as its manifest says; ask whoever published it to push it again"
    )]
    OtherSize {
        /// The blob.
        digest: Digest,
        /// As the manifest says, in bytes.
        expected: u64,
        /// As it came, in bytes; of one that is too long, what was read of it.
        found: u64,
    },
    /// A blob is larger than what is read of its kind.
    #[error("blob {digest} has {size} bytes; at most {cap} are read")]
    TooLarge {
        /// The blob.
        digest: Digest,
        /// As its manifest says, in bytes.
        size: u64,
        /// The most that is read.
        cap: u64,
    },
    /// A manifest cannot be understood in one way only.
    #[error("{name} cannot be used: {error}")]
    Manifest {
        /// Which.
        name: String,
        /// What is wrong with it.
        error: InvalidManifest,
    },
    /// The folder is none of this kind.
    #[error("{} is no OCI layout: it lacks a fitting `oci-layout` or `index.json`; `lockgate push FILE oci-layout:DIR:TAG` makes one", .0.display())]
    NoLayout(PathBuf),
    /// A folder without a tag holds none, or several.
    #[error("{} holds {found} artifacts; say which is meant: oci-layout:{}:TAG or @sha256:DIGEST", folder.display(), folder.display())]
    NotOne {
        /// The folder.
        folder: PathBuf,
        /// How many there are.
        found: usize,
    },
    /// Two artifacts of a folder have the same tag.
    #[error("{} holds several artifacts with the tag {tag}; name one by its digest", folder.display())]
    TwiceTagged {
        /// The folder.
        folder: PathBuf,
        /// The tag.
        tag: String,
    },
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It was given up, as when the program ends.
    #[error("reading was interrupted: {0}")]
    Interrupted(String),
}

impl Depots {
    pub(crate) fn new(dialler: Dialler) -> Self {
        Self { dialler }
    }

    /// The repository that a reference names.
    pub(crate) fn registry(&self, reference: &Reference) -> Depot {
        Depot::Registry(Registry::new(self.dialler.clone(), reference))
    }

    /// A folder in the OCI layout.
    pub(crate) fn folder(&self, folder: &Path) -> Depot {
        Depot::Folder(LayoutFolder::new(folder))
    }
}

impl Depot {
    /// A manifest, as it is there now. One that is named by its digest has exactly that digest.
    ///
    /// # Errors
    /// [`DepotError::None`] where there is none, and only then.
    pub(crate) async fn manifest(&self, selector: &Selector) -> Result<Manifest, DepotError> {
        match self {
            Self::Registry(registry) => registry.manifest(selector).await,
            Self::Folder(folder) => {
                let (folder, selector) = (folder.clone(), selector.clone());
                blocking(move || folder.manifest(&selector)).await
            }
        }
    }

    /// A blob of at most `cap` bytes, which has the size and the digest that its descriptor says.
    ///
    /// # Errors
    /// See [`DepotError`].
    pub(crate) async fn blob(&self, blob: &Descriptor, cap: u64) -> Result<Artifact, DepotError> {
        DepotError::expect_at_most(blob, cap)?;
        match self {
            Self::Registry(registry) => registry.blob(blob).await,
            Self::Folder(folder) => {
                let (folder, blob) = (folder.clone(), blob.clone());
                blocking(move || folder.blob(&blob)).await
            }
        }
    }
}

impl DepotError {
    /// Checks that bytes have the digest that they were asked for by.
    pub(super) fn expect_digest(expected: &Digest, found: &Digest) -> Result<(), Self> {
        if expected == found { Ok(()) } else { Err(Self::OtherBytes { expected: *expected, found: *found }) }
    }

    /// Checks that a blob has the size that its descriptor says.
    pub(super) fn expect_size(blob: &Descriptor, found: u64) -> Result<(), Self> {
        if blob.size == found {
            Ok(())
        } else {
            Err(Self::OtherSize { digest: blob.digest, expected: blob.size, found })
        }
    }

    /// Checks that a blob is not said to be larger than what is read of its kind.
    pub(super) fn expect_at_most(blob: &Descriptor, cap: u64) -> Result<(), Self> {
        if blob.size <= cap { Ok(()) } else { Err(Self::TooLarge { digest: blob.digest, size: blob.size, cap }) }
    }
}

/// Reads files on a thread that may wait.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, DepotError> + Send + 'static,
) -> Result<T, DepotError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| DepotError::Interrupted(error.to_string()))?
}
