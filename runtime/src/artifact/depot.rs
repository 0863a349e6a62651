//! Where artifacts lie: a registry, or a folder. Both are asked the same questions.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::image::InvalidImage;
use super::layout::LayoutFolder;
use super::manifest::{Descriptor, InvalidManifest, MAX_MANIFEST_BYTES, Manifest};
use super::registry::{Breach, Detour, Login, Registry, Shared};
use super::store::{ArtifactStoreError, Store};
use super::wasm::InvalidComponent;
use super::{Artifact, Digest, Reference, Selector};
use crate::settings::{Event, Hooks};

/// Makes depots: what all of them share.
#[derive(Clone)]
pub(crate) struct Depots {
    shared: Arc<Shared>,
    store: Store,
}

/// The artifacts of one repository, or of one folder.
#[derive(Clone)]
pub(crate) enum Depot {
    /// What it sends is kept in the store, and taken from there the next time.
    Registry {
        registry: Registry,
        store: Store,
        hooks: Hooks,
    },
    Folder(LayoutFolder),
}

/// Which bytes are others than their digest says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// A manifest.
    Manifest,
    /// A blob that came at once.
    Blob,
    /// A blob whose download broke off and was taken up again: its parts are of two blobs.
    ResumedBlob,
}

/// Why an artifact cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum DepotError {
    /// Whoever has to know was asked and says that there is none. Nothing else ever becomes this.
    #[error("there is no {0}; check its name and tag (what needs a login may be hidden from those without)")]
    None(String),
    /// A manifest names a blob that is not there.
    #[error("there is no {0}; ask whoever published it to push it again")]
    NoBlob(String),
    /// Nobody answers.
    #[error(
        "{registry} cannot be reached ({problem}), and nothing that was pulled from it before can take its place; check its name and your network"
    )]
    Unreachable {
        /// The registry.
        registry: String,
        /// Why.
        problem: String,
    },
    /// Whoever asks is not let in.
    #[error("{registry} does not let you have {wanted}: {problem}; {hint}")]
    Denied {
        /// The registry.
        registry: String,
        /// What was asked for.
        wanted: String,
        /// In its words, safe to show.
        problem: String,
        /// What may help.
        hint: String,
    },
    /// The registry sends us where we do not go.
    #[error("{registry} is not followed: {problem}")]
    NotFollowed {
        /// The registry.
        registry: String,
        /// Where it wants us to go.
        detour: Detour,
        /// The same in words that are safe to show.
        problem: String,
    },
    /// The passwords for registries cannot be read.
    #[error("{} has no password that can be used: {problem}", path.display())]
    Credentials {
        /// Docker's configuration file.
        path: PathBuf,
        /// What is wrong, without repeating any of it.
        problem: String,
    },
    /// An answer is larger than any of its kind.
    #[error("{wanted} has {size} bytes or more; at most {cap} are read")]
    AnswerTooLarge {
        /// What was asked for.
        wanted: String,
        /// As it says, or as much as was read, in bytes.
        size: u64,
        /// The most that is read.
        cap: u64,
    },
    /// What the registry answers makes no sense, or it broke off.
    #[error("{registry} does not answer as a registry: {problem}; try again later")]
    Broken {
        /// The registry.
        registry: String,
        /// What is wrong.
        breach: Breach,
        /// The same in words that are safe to show.
        problem: String,
    },
    /// The bytes are others than their name says.
    #[error(
        "the bytes are not what their name says: {expected} was asked for, and {found} came; somebody changed them on the way, or the registry is broken"
    )]
    OtherBytes {
        /// Which bytes.
        piece: Piece,
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
    /// It holds no component, or another than it says.
    #[error("this is no artifact that can be run")]
    Component(#[from] InvalidComponent),
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
    /// A tag that is made for something holds something else.
    #[error("{0} holds something else than what belongs under this tag, which is left as it is; remove that tag first")]
    TagTaken(String),
    /// Others write the same at the same time.
    #[error("others write to {0} at the same time, and theirs replaces ours each time; try again later")]
    Busy(String),
    /// What was pulled cannot be kept.
    #[error(transparent)]
    Store(#[from] ArtifactStoreError),
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Nothing can be added to a folder.
    #[error("cannot write to {}; make it writable, and see that its disk is not full", folder.display())]
    Unwritable {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is no image for this machine.
    #[error("this is no image that can be run here")]
    Image(#[from] InvalidImage),
    /// It was given up, as when the program ends.
    #[error("reading was interrupted: {0}")]
    Interrupted(String),
}

impl Piece {
    fn code(self) -> &'static str {
        match self {
            Self::Manifest => "manifest-digest-mismatch",
            Self::Blob => "blob-digest-mismatch",
            Self::ResumedBlob => "resumed-digest-mismatch",
        }
    }
}

impl Depots {
    /// Asks registries with `shared`, and keeps what they send in `store`.
    pub(crate) fn new(shared: Shared, store: Store) -> Self {
        Self { shared: Arc::new(shared), store }
    }

    /// Depots that ask as these do, and keep what is sent somewhere else.
    pub(super) fn with_store(&self, store: Store) -> Self {
        Self { shared: Arc::clone(&self.shared), store }
    }

    pub(super) fn store(&self) -> Store {
        self.store.clone()
    }

    pub(super) fn hooks(&self) -> Hooks {
        self.shared.hooks.clone()
    }

    /// The repository that a reference names.
    pub(crate) fn registry(&self, reference: &Reference) -> Depot {
        let registry = Registry::new(Arc::clone(&self.shared), reference);
        Depot::Registry { registry, store: self.store.clone(), hooks: self.shared.hooks.clone() }
    }

    /// What proves to a registry who asks, for an engine that pulls by itself; nothing where nothing is configured.
    ///
    /// # Errors
    /// Where what is configured cannot be read.
    pub(crate) async fn login(&self, reference: &Reference) -> Result<Option<Login>, DepotError> {
        self.shared.login(reference.registry()).await
    }

    /// A folder in the OCI layout.
    pub(crate) fn folder(&self, folder: &Path) -> Depot {
        Depot::Folder(LayoutFolder::new(folder))
    }
}

impl Depot {
    /// A manifest. One that is named by its digest has exactly that digest. What a tag names is asked anew each time;
    /// where its registry cannot be reached, it is the manifest that it named last.
    ///
    /// # Errors
    /// [`DepotError::None`] where there is none, and only then.
    pub(crate) async fn manifest(&self, selector: &Selector) -> Result<Manifest, DepotError> {
        match self {
            Self::Folder(folder) => {
                let (folder, selector) = (folder.clone(), selector.clone());
                blocking(move || folder.manifest(&selector)).await
            }
            Self::Registry { registry, store, .. } => {
                if let Selector::Digest(digest) = selector
                    && let Some(kept) = kept_manifest(store, *digest).await?
                {
                    return Ok(kept);
                }
                let is_tag = matches!(selector, Selector::Tag(_));
                let asked = registry.manifest(selector);
                let answer = if is_tag { registry.or_unreachable(asked).await } else { asked.await };
                match answer {
                    Ok(manifest) => {
                        let (store, kept, reference) = (store.clone(), manifest.clone(), registry.reference(selector));
                        keep(move || {
                            store.put(kept.bytes())?;
                            if is_tag {
                                store.saw(&reference.to_string(), &[*kept.digest()])?;
                            }
                            Ok(())
                        })
                        .await?;
                        Ok(manifest)
                    }
                    Err(error @ DepotError::Unreachable { .. }) => self.last_seen(selector).await?.ok_or(error),
                    Err(error) => Err(error),
                }
            }
        }
    }

    /// A blob of at most `cap` bytes, which has the size and the digest that its descriptor says.
    ///
    /// # Errors
    /// See [`DepotError`].
    pub(crate) async fn blob(&self, blob: &Descriptor, cap: u64) -> Result<Artifact, DepotError> {
        DepotError::expect_at_most(blob, cap)?;
        let wanted = blob.clone();
        match self {
            Self::Folder(folder) => {
                let folder = folder.clone();
                blocking(move || folder.blob(&wanted)).await
            }
            Self::Registry { registry, store, .. } => {
                if let Some(kept) = kept_blob(store, blob).await? {
                    return Ok(kept);
                }
                match registry.download(blob, store).await {
                    // There is room for it in memory.
                    Err(DepotError::Store(_)) => return registry.read(blob).await,
                    downloaded => downloaded?,
                }
                kept_blob(store, blob)
                    .await?
                    .ok_or_else(|| DepotError::NoBlob(format!("blob {} any more", blob.digest)))
            }
        }
    }

    /// As [`blob`](Self::blob), without holding it in memory: it lies in the store, or in the folder, and its first
    /// bytes are given.
    ///
    /// # Errors
    /// See [`DepotError`].
    pub(crate) async fn fetch(&self, blob: &Descriptor, cap: u64) -> Result<Vec<u8>, DepotError> {
        DepotError::expect_at_most(blob, cap)?;
        match self {
            Self::Folder(_) => Ok(self.blob(blob, cap).await?.bytes().iter().take(64).copied().collect()),
            Self::Registry { registry, store, .. } => {
                let (here, wanted) = (store.clone(), blob.clone());
                let kept = move || {
                    let size = here.size(&wanted.digest, wanted.size)?;
                    size.map_or(Ok(()), |size| DepotError::expect_size(&wanted, size))?;
                    Ok(here.has(&wanted.digest)?)
                };
                if !blocking(kept).await? {
                    registry.download(blob, store).await?;
                }
                let (here, digest) = (store.clone(), blob.digest);
                blocking(move || Ok(here.head(&digest)?)).await
            }
        }
    }

    /// The one artifact of a folder that holds no other. A reference always says which is meant.
    ///
    /// # Errors
    /// Where there are several, or none.
    pub(crate) async fn only(&self) -> Result<Selector, DepotError> {
        match self {
            Self::Folder(folder) => {
                let folder = folder.clone();
                blocking(move || folder.only()).await
            }
            Self::Registry { registry, .. } => Ok(registry.selector().clone()),
        }
    }

    async fn last_seen(&self, selector: &Selector) -> Result<Option<Manifest>, DepotError> {
        let Self::Registry { registry, store, hooks } = self else { return Ok(None) };
        let (reference, seen) = (registry.reference(selector), store.clone());
        let wanted = reference.to_string();
        let seen = blocking(move || Ok(seen.last_seen(&wanted)?)).await?;
        let Some(digest) = seen.and_then(|seen| seen.first().copied()) else { return Ok(None) };
        let manifest = kept_manifest(store, digest).await?;
        if manifest.is_some() {
            (hooks.event)(Event::LastSeen { reference, manifest: digest });
        }
        Ok(manifest)
    }
}

pub(super) async fn kept_manifest(store: &Store, digest: Digest) -> Result<Option<Manifest>, DepotError> {
    let store = store.clone();
    blocking(move || {
        let Some(kept) = store.read(&digest, MAX_MANIFEST_BYTES)? else { return Ok(None) };
        let manifest = Manifest::read(kept.bytes(), None);
        manifest.map(Some).map_err(|error| DepotError::Manifest { name: digest.to_string(), error })
    })
    .await
}

async fn kept_blob(store: &Store, blob: &Descriptor) -> Result<Option<Artifact>, DepotError> {
    let (store, blob) = (store.clone(), blob.clone());
    blocking(move || {
        let Some(size) = store.size(&blob.digest, blob.size)? else { return Ok(None) };
        DepotError::expect_size(&blob, size)?;
        Ok(store.read(&blob.digest, blob.size)?)
    })
    .await
}

impl DepotError {
    /// A code that stays the same.
    pub fn code(&self) -> &'static str {
        match self {
            Self::None(_) => "not-found",
            Self::NoBlob(_) => "blob-unknown",
            Self::Unreachable { .. } => "unreachable",
            Self::Denied { .. } => "access-denied",
            Self::NotFollowed { detour, .. } => detour.code(),
            Self::Credentials { .. } => "credentials-unusable",
            Self::AnswerTooLarge { .. } => "answer-too-large",
            Self::Broken { breach, .. } => breach.code(),
            Self::OtherBytes { piece, .. } => piece.code(),
            Self::OtherSize { .. } => "size-mismatch",
            Self::TooLarge { .. } => "blob-too-large",
            Self::Manifest { error, .. } => error.code(),
            Self::Component(error) => error.code(),
            Self::NoLayout(_) => "no-layout",
            Self::NotOne { .. } => "not-one-artifact",
            Self::TwiceTagged { .. } => "tag-ambiguous",
            Self::TagTaken(_) => "tag-taken",
            Self::Busy(_) => "busy",
            Self::Store(_) => "store-unusable",
            Self::Unreadable { .. } => "unreadable",
            Self::Unwritable { .. } => "unwritable",
            Self::Image(error) => error.code(),
            Self::Interrupted(_) => "interrupted",
        }
    }

    /// Checks that bytes have the digest that they were asked for by.
    pub(super) fn expect_digest(piece: Piece, expected: &Digest, found: &Digest) -> Result<(), Self> {
        if expected == found { Ok(()) } else { Err(Self::OtherBytes { piece, expected: *expected, found: *found }) }
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

/// Keeps what was sent, where there is room: it is of use without that, too. Whoever fills the disk would else decide what
/// counts here, as of a policy that denies something.
pub(super) async fn keep(
    work: impl FnOnce() -> Result<(), ArtifactStoreError> + Send + 'static,
) -> Result<(), DepotError> {
    blocking(move || {
        let _ = work();
        Ok(())
    })
    .await
}

/// Reads files on a thread that may wait.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, DepotError> + Send + 'static,
) -> Result<T, DepotError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| DepotError::Interrupted(error.to_string()))?
}
