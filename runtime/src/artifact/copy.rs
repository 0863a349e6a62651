//! Brings an artifact with everything that lies beside it into a folder of the OCI layout, for machines without a network.
//!
//! It comes into a store of its own inside a folder beside the place, and gets there by a rename once all of it is here: a
//! copy that is interrupted leaves no folder that looks like one.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use tempfile::TempDir;

use super::depot::{Depot, DepotError, Depots, blocking};
use super::index::{EMPTY_INDEX, with_entry};
use super::layout::{BLOBS, INDEX_FILE, LayoutFolder, MARKER, MARKER_FILE};
use super::manifest::{Content, Descriptor, Manifest};
use super::push::WrittenDescriptor;
use super::referrers::{Referrers, fallback_tag};
use super::store::Store;
use super::{Digest, Reference, Selector};
use crate::message::Json;

/// The most manifests that are copied.
const MAX_MANIFESTS: usize = 2000;

/// How large they are together, at most, in bytes.
const MAX_MANIFESTS_BYTES: usize = 64 * 1024 * 1024;

/// The largest manifest of something that lies beside another one, in bytes.
const MAX_BESIDE_BYTES: u64 = 1024 * 1024;

/// The most manifests beside one other that are copied. Whoever may push could add any number.
const MAX_BESIDE: usize = 256;

/// How many steps from the artifact something may lie: a signature of an attestation of a platform's image.
const MAX_STEPS: usize = 4;

/// The largest blob of an artifact, in bytes.
const MAX_BLOB: u64 = 16 * 1024 * 1024 * 1024;

/// The largest blob of something beside it, in bytes.
const MAX_BLOB_BESIDE: u64 = 64 * 1024 * 1024;

/// How many questions are asked, and blobs brought, at the same time.
const AT_ONCE: usize = 4;

/// How the names of folders begin in which a copy is made.
const STAGING: &str = ".lockgate-copy-";

/// cosign's tags for what is about a manifest.
const ENDINGS: [&str; 2] = [".sig", ".att"];

/// What was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// The artifact.
    pub manifest: Digest,
    /// How many manifests, with those of signatures and attestations.
    pub manifests: usize,
    /// How large everything is together.
    pub bytes: u64,
    /// How many things beside it were not copied: not there any more, too large, or too many.
    pub left_out: usize,
}

impl Depots {
    /// Copies an artifact, with what lies beside it there and in another repository for signatures, into `to`: a folder
    /// that is not there yet, an empty one, or one in the OCI layout, which keeps what it has.
    ///
    /// # Errors
    /// See [`DepotError`]. Nothing is left then.
    pub(crate) async fn copy(
        &self,
        from: &Reference,
        signatures: Option<&Reference>,
        to: &Path,
    ) -> Result<Copied, DepotError> {
        let target = to.to_owned();
        let staging = blocking(move || Staging::beside(&target)).await?;
        let place = self.with_store(Store::new(staging.folder.path().to_owned(), self.hooks()));
        let mut copy = Copy {
            own: place.registry(from),
            signatures: signatures.map(|repository| place.registry(repository)),
            waiting: VecDeque::new(),
            manifests: BTreeMap::new(),
            bytes: 0,
            entries: Vec::new(),
            left_out: 0,
        };
        let root = copy.own.manifest(from.selector()).await?;
        let digest = *root.digest();
        let tag = if let Selector::Tag(tag) = from.selector() { Some(tag.clone()) } else { None };
        copy.entries.push((Json::of(&WrittenDescriptor::of_manifest(&root)), tag));
        copy.take_own(root)?;
        copy.walk().await?;
        let kept = copy.blobs(&self.store()).await?;
        let (manifests, left_out, entries) = (copy.manifests.len(), copy.left_out, copy.entries);
        let bytes = blocking(move || staging.finish(&kept, &entries)).await?;
        Ok(Copied { manifest: digest, manifests, bytes, left_out })
    }
}

/// A copy on its way.
struct Copy {
    own: Depot,
    signatures: Option<Depot>,
    waiting: VecDeque<Step>,
    /// Whether each belongs to the artifact itself.
    manifests: BTreeMap<Digest, (Manifest, bool)>,
    /// How large these are together.
    bytes: usize,
    /// What the folder will list, and under which tag.
    entries: Vec<(Json, Option<String>)>,
    left_out: usize,
}

/// A manifest whose surroundings are looked at next.
struct Step {
    manifest: Manifest,
    is_own: bool,
    steps: usize,
}

/// What lies beside a manifest in one repository.
struct Beside {
    listed: Referrers,
    /// Under the tags with these endings; the fallback tag's is empty.
    tagged: Vec<(String, Manifest)>,
}

impl Copy {
    /// Takes a manifest, unless it was taken before. Whether it is here now.
    fn take(&mut self, manifest: &Manifest, is_own: bool) -> bool {
        if let Some((_, owned)) = self.manifests.get_mut(manifest.digest()) {
            *owned |= is_own;
            return true;
        }
        let bytes = self.bytes + manifest.bytes().len();
        let fits = self.manifests.len() < MAX_MANIFESTS && bytes <= MAX_MANIFESTS_BYTES;
        if fits {
            self.bytes = bytes;
            self.manifests.insert(*manifest.digest(), (manifest.clone(), is_own));
        }
        fits
    }

    /// Takes a manifest of the artifact itself, without which there is no copy.
    fn take_own(&mut self, manifest: Manifest) -> Result<(), DepotError> {
        let is_new = !self.manifests.contains_key(manifest.digest());
        if !self.take(&manifest, true) {
            let wanted = "the list of everything that belongs to it".to_owned();
            let (size, cap) = (self.bytes + manifest.bytes().len(), MAX_MANIFESTS_BYTES);
            return Err(DepotError::AnswerTooLarge { wanted, size: size as u64, cap: cap as u64 });
        }
        if is_new {
            self.waiting.push_back(Step { manifest, is_own: true, steps: 0 });
        }
        Ok(())
    }

    async fn walk(&mut self) -> Result<(), DepotError> {
        while let Some(Step { manifest, is_own, steps }) = self.waiting.pop_front() {
            if let Content::Index { manifests } = &manifest.content
                && is_own
            {
                let children = manifests.iter().map(|entry| child(&self.own, entry).boxed()).collect();
                for child in together(children).await? {
                    self.take_own(child)?;
                }
            }
            if steps < MAX_STEPS {
                self.look_beside(&manifest, steps + 1).await?;
            }
        }
        Ok(())
    }

    async fn look_beside(&mut self, manifest: &Manifest, steps: usize) -> Result<(), DepotError> {
        let subject = *manifest.digest();
        let depots: Vec<Depot> = [self.own.clone()].into_iter().chain(self.signatures.clone()).collect();
        let found = together(depots.iter().map(|depot| beside(depot, subject).boxed()).collect()).await?;
        for (depot, Beside { listed, tagged }) in depots.iter().zip(found) {
            let mut entries = listed.entries;
            self.left_out += usize::from(listed.more);
            for (tag, manifest) in tagged {
                if !self.take(&manifest, false) {
                    self.left_out += 1;
                    continue;
                }
                self.entries.push((Json::of(&WrittenDescriptor::of_manifest(&manifest)), Some(tag)));
                // The list is copied, and what it lists as if the registry had listed it.
                if let Content::Index { manifests } = &manifest.content {
                    entries.extend(manifests.iter().cloned());
                }
            }
            let mut seen = BTreeSet::new();
            entries.retain(|entry| seen.insert(entry.digest));
            self.left_out += entries.len().saturating_sub(MAX_BESIDE);
            entries.truncate(MAX_BESIDE);
            let manifests = together(entries.iter().map(|entry| referrer(depot, entry).boxed()).collect()).await?;
            for manifest in manifests {
                match manifest {
                    Some(manifest) if self.manifests.contains_key(manifest.digest()) => {}
                    Some(manifest) if self.take(&manifest, false) => {
                        self.entries.push((Json::of(&WrittenDescriptor::of_manifest(&manifest)), None));
                        self.waiting.push_back(Step { manifest, is_own: false, steps });
                    }
                    Some(_) => self.left_out += 1,
                    None => self.left_out += 1,
                }
            }
        }
        Ok(())
    }

    /// Brings all blobs, and says which files belong to the copy.
    async fn blobs(&mut self, here: &Store) -> Result<BTreeSet<Digest>, DepotError> {
        let mut kept: BTreeSet<Digest> = self.manifests.keys().copied().collect();
        let mut wanted: BTreeMap<Digest, (Descriptor, bool)> = BTreeMap::new();
        for (manifest, is_own) in self.manifests.values() {
            let Content::Image { config, layers } = &manifest.content else { continue };
            for blob in [config].into_iter().chain(layers) {
                let known = wanted.entry(blob.digest).or_insert_with(|| (blob.clone(), *is_own));
                known.1 |= is_own;
            }
        }
        let depots: Vec<&Depot> = [&self.own].into_iter().chain(&self.signatures).collect();
        let brought = wanted.values().map(|(blob, is_own)| bring(&depots, here, blob, *is_own).boxed()).collect();
        for (digest, is_here) in wanted.keys().zip(together(brought).await?) {
            if is_here {
                kept.insert(*digest);
            } else {
                self.left_out += 1;
            }
        }
        Ok(kept)
    }
}

async fn together<T>(questions: Vec<BoxFuture<'_, Result<T, DepotError>>>) -> Result<Vec<T>, DepotError> {
    stream::iter(questions).buffered(AT_ONCE).try_collect().await
}

/// What an index lists, which belongs to the artifact.
async fn child(depot: &Depot, entry: &Descriptor) -> Result<Manifest, DepotError> {
    let manifest = depot.manifest(&Selector::Digest(entry.digest)).await?;
    DepotError::expect_size(entry, manifest.bytes().len() as u64)?;
    Ok(manifest)
}

/// What is said to refer to a manifest; nothing where it is not there or cannot be read.
async fn referrer(depot: &Depot, entry: &Descriptor) -> Result<Option<Manifest>, DepotError> {
    if entry.size > MAX_BESIDE_BYTES {
        return Ok(None);
    }
    match depot.manifest(&Selector::Digest(entry.digest)).await {
        Ok(manifest) => Ok(Some(manifest).filter(|manifest| manifest.bytes().len() as u64 == entry.size)),
        Err(DepotError::None(_) | DepotError::Manifest { .. } | DepotError::AnswerTooLarge { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn beside(depot: &Depot, subject: Digest) -> Result<Beside, DepotError> {
    let mut tagged = Vec::new();
    for ending in [""].iter().chain(&ENDINGS) {
        let tag = fallback_tag(&subject) + ending;
        // GitLab's registry takes the fallback tag for the digest, and gives the manifest itself.
        let found = depot.companion(tag.clone()).await?.filter(|found| *found.digest() != subject);
        tagged.extend(found.map(|found| (tag, found)));
    }
    Ok(Beside { listed: depot.referrers(&subject).await?, tagged })
}

/// Brings a blob from the first place that has it. Whether it is here: what is not the artifact's own may be missing.
async fn bring(depots: &[&Depot], here: &Store, blob: &Descriptor, is_own: bool) -> Result<bool, DepotError> {
    let cap = if is_own { MAX_BLOB } else { MAX_BLOB_BESIDE };
    for depot in depots {
        if let Depot::Registry { store, .. } = depot {
            let (here, there, wanted) = (here.clone(), store.clone(), blob.clone());
            blocking(move || Ok(here.copy_to(&there, &wanted.digest)?)).await?;
        }
        match depot.fetch(blob, cap).await {
            Ok(_) => return Ok(true),
            Err(DepotError::NoBlob(_)) => {}
            Err(DepotError::OtherSize { .. } | DepotError::TooLarge { .. }) if !is_own => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    if is_own { Err(DepotError::NoBlob(format!("blob {}", blob.digest))) } else { Ok(false) }
}

/// A folder to work in. Those of processes that have ended are removed on the way.
fn staging_in(parent: &Path) -> io::Result<(TempDir, File)> {
    // Held from making a folder to locking it, so that nobody takes it for one that was left.
    let guard = File::open(parent)?;
    guard.lock()?;
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        let is_staging = entry.file_name().to_str().is_some_and(|name| name.starts_with(STAGING));
        if is_staging && entry.file_type()?.is_dir() && File::open(entry.path())?.try_lock().is_ok() {
            fs::remove_dir_all(entry.path())?;
        }
    }
    let folder = tempfile::Builder::new().prefix(STAGING).tempdir_in(parent)?;
    let lock = File::open(folder.path())?;
    lock.lock()?;
    Ok((folder, lock))
}

/// Where a copy lies until all of it is there.
struct Staging {
    folder: TempDir,
    /// Says that somebody is at work there.
    _lock: File,
    target: LayoutFolder,
    /// Whether the place is a folder already, which is added to.
    exists: bool,
}

impl Staging {
    fn beside(target: &Path) -> Result<Self, DepotError> {
        let unwritable = |source| DepotError::Unwritable { folder: target.to_owned(), source };
        let layout = LayoutFolder::new(target);
        let exists = match fs::read_dir(target) {
            Ok(mut files) => {
                if files.next().is_some() {
                    layout.check()?;
                }
                true
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(unwritable(error)),
        };
        let parent = match target.parent() {
            _ if exists => target,
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        fs::create_dir_all(parent).map_err(unwritable)?;
        let (folder, lock) = staging_in(parent).map_err(unwritable)?;
        Ok(Self { folder, _lock: lock, target: layout, exists })
    }

    /// Puts everything into its place, and says how large it is.
    fn finish(self, kept: &BTreeSet<Digest>, entries: &[(Json, Option<String>)]) -> Result<u64, DepotError> {
        let unwritable = |source| DepotError::Unwritable { folder: self.target.path().to_owned(), source };
        let bytes = self.tidy(kept).map_err(unwritable)?;
        let add = |list: &[u8]| {
            let mut list = Json::parse(std::str::from_utf8(list).ok()?).ok()?;
            for (entry, tag) in entries {
                list = with_entry(list.as_str().as_bytes(), entry.clone(), tag.as_deref())?;
            }
            Some(list)
        };
        if self.exists {
            self.target.take_in(&self.folder.path().join(BLOBS), add)?;
            return Ok(bytes);
        }
        let list = add(EMPTY_INDEX).ok_or_else(|| DepotError::NoLayout(self.target.path().to_owned()))?;
        let put = || {
            let folder = self.folder.path();
            fs::write(folder.join(INDEX_FILE), list.as_str())?;
            fs::write(folder.join(MARKER_FILE), MARKER)?;
            File::open(folder.join(INDEX_FILE))?.sync_all()?;
            fs::rename(folder, self.target.path())
        };
        put().map_err(unwritable)?;
        // It is not there any more under its old name, and nothing is left to remove.
        drop(self.folder.keep());
        Ok(bytes)
    }

    /// Removes what a store keeps beside the bytes, and lets others read the rest: nothing in it is secret.
    fn tidy(&self, kept: &BTreeSet<Digest>) -> io::Result<u64> {
        let folder = self.folder.path();
        for name in ["seen", "incoming"] {
            match fs::remove_dir_all(folder.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        let mut bytes = 0;
        let names: BTreeSet<String> = kept.iter().map(Digest::hex).collect();
        for entry in fs::read_dir(folder.join(BLOBS))? {
            let entry = entry?;
            if entry.file_name().to_str().is_some_and(|name| names.contains(name)) {
                fs::set_permissions(entry.path(), Permissions::from_mode(0o644))?;
                bytes += entry.metadata()?.len();
            } else {
                fs::remove_file(entry.path())?;
            }
        }
        let mut path = folder.join(BLOBS);
        while path.starts_with(folder) {
            fs::set_permissions(&path, Permissions::from_mode(0o755))?;
            path.pop();
        }
        Ok(bytes)
    }
}
