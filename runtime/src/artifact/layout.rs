//! Folders with artifacts (OCI Image Layout Specification).

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::depot::Piece;
use super::index::{EMPTY_INDEX, REF_NAME, with_entry};
use super::manifest::{Content, Descriptor, MAX_MANIFEST_BYTES, Manifest};
use super::push::{Packed, WrittenDescriptor};
use super::referrers::{MAX_REFERRERS, Referrers, subject_of_tag};
use super::{Artifact, DepotError, Digest, Selector};
use crate::files;
use crate::message::Json;

/// The parts of such a folder.
pub(super) const BLOBS: &str = "blobs/sha256";
pub(super) const INDEX_FILE: &str = "index.json";
pub(super) const MARKER_FILE: &str = "oci-layout";
pub(super) const MARKER: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// A folder with artifacts. Every file in it is hashed when it is read.
#[derive(Debug, Clone)]
pub(crate) struct LayoutFolder(Arc<PathBuf>);

impl LayoutFolder {
    pub(super) fn new(folder: &Path) -> Self {
        Self(Arc::new(folder.to_owned()))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// The one artifact of a folder that holds no other. What is only about it, as a signature, does not count.
    pub(super) fn only(&self) -> Result<Selector, DepotError> {
        let entries = self.entries()?;
        let mut digests: Vec<Digest> = entries.iter().map(|entry| entry.digest).collect();
        digests.sort_unstable();
        digests.dedup();
        if digests.len() > 1 {
            let about = self.about_others(&entries);
            digests.retain(|digest| !about.contains(digest));
        }
        match digests.as_slice() {
            [digest] => Ok(Selector::Digest(*digest)),
            several => Err(DepotError::NotOne { folder: self.0.to_path_buf(), found: several.len() }),
        }
    }

    /// The entries that are about another one: by their tag, or by what their manifest says.
    fn about_others(&self, entries: &[Descriptor]) -> BTreeSet<Digest> {
        let tagged =
            |entry: &Descriptor| entry.annotations.get(REF_NAME).is_some_and(|tag| subject_of_tag(tag).is_some());
        let refers = |entry: &Descriptor| {
            let subject = self.readable(entry).and_then(|manifest| manifest.subject);
            subject.is_some_and(|subject| self.0.join(blob_path(&subject.digest)).exists())
        };
        let about = entries.iter().take(MAX_REFERRERS).filter(|entry| tagged(entry) || refers(entry));
        about.map(|entry| entry.digest).collect()
    }

    /// The entries whose manifests say that they are about this one.
    pub(super) fn referrers(&self, subject: &Digest) -> Result<Referrers, DepotError> {
        let entries = self.entries()?;
        let mut found = Referrers { entries: Vec::new(), more: entries.len() > MAX_REFERRERS };
        let mut seen = BTreeSet::from([*subject]);
        for entry in entries.into_iter().take(MAX_REFERRERS) {
            if !seen.insert(entry.digest) {
                continue;
            }
            match self.readable(&entry) {
                Some(manifest) if manifest.subject.as_ref().is_some_and(|found| found.digest == *subject) => {
                    found.entries.push(entry);
                }
                Some(_) => {}
                None => found.more = true,
            }
        }
        Ok(found)
    }

    /// The manifest of an entry, if it can be read.
    fn readable(&self, entry: &Descriptor) -> Option<Manifest> {
        let bytes = self.read(&entry.digest, MAX_MANIFEST_BYTES).ok()??;
        Manifest::read(bytes, None).ok().filter(|manifest| *manifest.digest() == entry.digest)
    }

    pub(super) fn manifest(&self, selector: &Selector) -> Result<Manifest, DepotError> {
        let entries = self.entries()?;
        let (digest, said) = match selector {
            Selector::Digest(digest) => {
                (*digest, entries.iter().find(|entry| entry.digest == *digest).map(|entry| entry.media_type.as_str()))
            }
            Selector::Tag(tag) => {
                let mut tagged = entries.iter().filter(|entry| entry.annotations.get(REF_NAME) == Some(tag));
                let entry = tagged.next().ok_or_else(|| self.none(selector))?;
                if tagged.any(|other| other.digest != entry.digest) {
                    return Err(DepotError::TwiceTagged { folder: self.0.to_path_buf(), tag: tag.clone() });
                }
                (entry.digest, Some(entry.media_type.as_str()))
            }
        };
        let bytes = self.read(&digest, MAX_MANIFEST_BYTES)?.ok_or_else(|| self.none(selector))?;
        let manifest = Manifest::read(bytes, said).map_err(|error| self.invalid(&digest.to_string(), error))?;
        DepotError::expect_digest(Piece::Manifest, &digest, manifest.digest())?;
        Ok(manifest)
    }

    pub(super) fn blob(&self, blob: &Descriptor) -> Result<Artifact, DepotError> {
        let missing = || DepotError::NoBlob(format!("blob {} in {}", blob.digest, self.0.display()));
        let artifact = Artifact::new(self.read(&blob.digest, blob.size)?.ok_or_else(missing)?);
        DepotError::expect_size(blob, artifact.bytes().len() as u64)?;
        DepotError::expect_digest(Piece::Blob, &blob.digest, artifact.digest())?;
        Ok(artifact)
    }

    /// What `index.json` lists.
    fn entries(&self) -> Result<Vec<Descriptor>, DepotError> {
        match self.index()?.content {
            Content::Index { manifests } => Ok(manifests),
            Content::Image { .. } => Err(DepotError::NoLayout(self.0.to_path_buf())),
        }
    }

    fn index(&self) -> Result<Manifest, DepotError> {
        let marker = self.file(MARKER_FILE, 4096)?.ok_or_else(|| DepotError::NoLayout(self.0.to_path_buf()))?;
        let version = String::from_utf8(marker)
            .ok()
            .and_then(|text| Json::parse(text).ok()?.members().ok()?.read::<String>("imageLayoutVersion").ok()?);
        if version.as_deref() != Some("1.0.0") {
            return Err(DepotError::NoLayout(self.0.to_path_buf()));
        }
        let index = self.file(INDEX_FILE, MAX_MANIFEST_BYTES)?;
        let index = index.ok_or_else(|| DepotError::NoLayout(self.0.to_path_buf()))?;
        Manifest::read(index, None).map_err(|error| self.invalid(INDEX_FILE, error))
    }

    /// Adds an artifact, under a tag that no other has from then on. A folder that is not there is made.
    pub(super) fn add(&self, packed: &Packed, tag: Option<&str>) -> Result<(), DepotError> {
        let blobs = self.0.join(BLOBS);
        fs::create_dir_all(&blobs).map_err(|source| self.unwritable(source))?;
        let _locked = self.lock()?;
        let index = self.index()?;
        for (descriptor, bytes) in &packed.blobs {
            self.write(&blob_path(&descriptor.digest), bytes)?;
        }
        self.write(&blob_path(packed.digest()), packed.manifest.bytes())?;
        let entry = Json::of(&WrittenDescriptor::of_manifest(&packed.manifest));
        let index = with_entry(index.bytes(), entry, tag);
        let index = index.ok_or_else(|| DepotError::NoLayout(self.0.to_path_buf()))?;
        self.write(INDEX_FILE, index.as_str().as_bytes())
    }

    /// Takes blobs that lie in a folder of the same file system, and then lists what `add` makes of the list.
    pub(super) fn take_in(&self, blobs: &Path, add: impl FnOnce(&[u8]) -> Option<Json>) -> Result<(), DepotError> {
        let _locked = self.lock()?;
        let index = self.index()?;
        let take = || {
            fs::create_dir_all(self.0.join(BLOBS))?;
            for entry in fs::read_dir(blobs)? {
                let entry = entry?;
                fs::rename(entry.path(), self.0.join(BLOBS).join(entry.file_name()))?;
            }
            Ok(())
        };
        take().map_err(|source| self.unwritable(source))?;
        let index = add(index.bytes()).ok_or_else(|| DepotError::NoLayout(self.0.to_path_buf()))?;
        self.write(INDEX_FILE, index.as_str().as_bytes())
    }

    /// Checks that it is a folder of this kind.
    pub(super) fn check(&self) -> Result<(), DepotError> {
        self.index().map(drop)
    }

    /// Two that add at the same time would each write an index without the other's. What is no folder of this kind yet
    /// becomes one.
    fn lock(&self) -> Result<File, DepotError> {
        let folder = File::open(self.path()).map_err(|source| self.unwritable(source))?;
        folder.lock().map_err(|source| self.unwritable(source))?;
        if self.file(MARKER_FILE, 4096)?.is_none() && self.file(INDEX_FILE, MAX_MANIFEST_BYTES)?.is_none() {
            self.write(INDEX_FILE, EMPTY_INDEX)?;
            self.write(MARKER_FILE, MARKER)?;
        }
        Ok(folder)
    }

    /// Writes beside the place and renames, so that nobody ever reads half a file.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), DepotError> {
        let write = || {
            let mut file = tempfile::Builder::new()
                .prefix(".writing-")
                .permissions(Permissions::from_mode(0o644))
                .tempfile_in(self.path())?;
            file.write_all(bytes)?;
            file.as_file().sync_all()?;
            file.persist(self.0.join(name))?;
            Ok(())
        };
        write().map_err(|source| self.unwritable(source))
    }

    fn unwritable(&self, source: io::Error) -> DepotError {
        DepotError::Unwritable { folder: self.0.to_path_buf(), source }
    }

    fn read(&self, digest: &Digest, cap: u64) -> Result<Option<Vec<u8>>, DepotError> {
        self.file(&blob_path(digest), cap)
    }

    fn file(&self, name: &str, cap: u64) -> Result<Option<Vec<u8>>, DepotError> {
        let path = self.0.join(name);
        files::read(&path, cap).map_err(|source| DepotError::Unreadable { path, source })
    }

    fn none(&self, selector: &Selector) -> DepotError {
        DepotError::None(format!("oci-layout:{}{selector}", self.0.display()))
    }

    fn invalid(&self, name: &str, error: super::InvalidManifest) -> DepotError {
        DepotError::Manifest { name: format!("{name} in {}", self.0.display()), error }
    }
}

fn blob_path(digest: &Digest) -> String {
    format!("{BLOBS}/{}", digest.hex())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::manifest::OCI_MANIFEST;

    /// A folder with these tags, each a manifest of its own with one blob.
    fn folder(tags: &[&str]) -> (tempfile::TempDir, LayoutFolder) {
        let folder = tempfile::tempdir().unwrap();
        let blobs = folder.path().join("blobs/sha256");
        fs::create_dir_all(&blobs).unwrap();
        let keep = |bytes: &[u8], media_type: &str, more: &str| {
            let digest = Digest::of(bytes);
            fs::write(blobs.join(digest.hex()), bytes).unwrap();
            format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":{}{more}}}"#, bytes.len())
        };
        let entries: Vec<String> = tags
            .iter()
            .enumerate()
            .map(|(number, tag)| {
                let blob = keep(format!("blob {number}").as_bytes(), "text/plain", "");
                let manifest = format!(r#"{{"schemaVersion":2,"config":{blob},"layers":[{blob}]}}"#);
                keep(manifest.as_bytes(), OCI_MANIFEST, &format!(r#","annotations":{{"{REF_NAME}":"{tag}"}}"#))
            })
            .collect();
        let index = format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, entries.join(","));
        fs::write(folder.path().join("index.json"), index).unwrap();
        fs::write(folder.path().join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        let layout = LayoutFolder::new(folder.path());
        (folder, layout)
    }

    fn tag(tag: &str) -> Selector {
        Selector::Tag(tag.to_owned())
    }

    fn first_layer(manifest: &Manifest) -> &Descriptor {
        let Content::Image { layers, .. } = &manifest.content else { panic!("no image") };
        &layers[0]
    }

    #[test]
    fn an_artifact_is_found_by_its_tag_its_digest_and_alone() {
        let (_kept, layout) = folder(&["v1", "v2"]);
        let manifest = layout.manifest(&tag("v2")).unwrap();
        assert_eq!(layout.blob(first_layer(&manifest)).unwrap().bytes(), b"blob 1");
        let digest = Selector::Digest(*manifest.digest());
        assert_eq!(layout.manifest(&digest).unwrap().digest(), manifest.digest());
        assert!(matches!(layout.only(), Err(DepotError::NotOne { found: 2, .. })));
        let (_kept, layout) = folder(&["v1"]);
        assert!(layout.manifest(&layout.only().unwrap()).is_ok());
    }

    #[test]
    fn what_is_not_there_is_none_and_a_folder_of_another_kind_is_an_error() {
        let (_kept, layout) = folder(&["v1"]);
        assert!(matches!(layout.manifest(&tag("v2")), Err(DepotError::None(_))));
        let other = Selector::Digest(Digest::of(b"other"));
        assert!(matches!(layout.manifest(&other), Err(DepotError::None(_))));
        let empty = tempfile::tempdir().unwrap();
        let layout = LayoutFolder::new(empty.path());
        assert!(matches!(layout.manifest(&tag("v1")), Err(DepotError::NoLayout(_))));
    }

    #[test]
    fn a_tag_that_two_artifacts_have_names_neither() {
        let (_kept, layout) = folder(&["v1", "v1"]);
        assert!(matches!(layout.manifest(&tag("v1")), Err(DepotError::TwiceTagged { .. })));
    }

    #[test]
    fn changed_bytes_are_noticed() {
        let (kept, layout) = folder(&["v1"]);
        let manifest = layout.manifest(&tag("v1")).unwrap();
        let layer = first_layer(&manifest);
        let path = |digest: &Digest| kept.path().join("blobs/sha256").join(digest.hex());
        for (bytes, expected) in [("blob X", "not what their name says"), ("blob", "has 4 bytes and not 6")] {
            fs::write(path(&layer.digest), bytes).unwrap();
            let error = layout.blob(layer).err().unwrap().to_string();
            assert!(error.contains(expected), "{error}");
        }
        fs::write(path(&layer.digest), "blob 0 and more").unwrap();
        assert!(layout.blob(layer).is_err());
        let text = String::from_utf8(manifest.bytes().to_vec()).unwrap();
        fs::write(path(manifest.digest()), text + " ").unwrap();
        assert!(matches!(layout.manifest(&tag("v1")), Err(DepotError::OtherBytes { .. })));
    }
    #[test]
    fn an_artifact_is_added_to_a_new_folder_and_beside_others() {
        let kept = tempfile::tempdir().unwrap();
        let layout = LayoutFolder::new(&kept.path().join("new/folder"));
        let packed = |last: u8| {
            let artifact = Artifact::new([0, b'a', b's', b'm', last, 0, 1, 0]);
            Packed::component(&artifact, &Default::default(), &Default::default()).unwrap()
        };
        layout.add(&packed(0x0d), Some("v1")).unwrap();
        let index = layout.path().join("index.json");
        let text = fs::read_to_string(&index).unwrap().replacen('{', r#"{"kept":1.50,"#, 1);
        fs::write(&index, text).unwrap();
        layout.add(&packed(0x0d), Some("v2")).unwrap();
        layout.add(&packed(0x0e), Some("v1")).unwrap();
        assert_eq!(layout.manifest(&tag("v1")).unwrap().digest(), packed(0x0e).digest());
        let old = layout.manifest(&tag("v2")).unwrap();
        assert_eq!(layout.blob(first_layer(&old)).unwrap().bytes()[4], 0x0d);
        assert_eq!(layout.entries().unwrap().len(), 2);
        assert!(fs::read_to_string(&index).unwrap().contains(r#""kept":1.50"#));
    }

    #[test]
    fn a_folder_of_another_kind_is_not_added_to() {
        let kept = tempfile::tempdir().unwrap();
        fs::write(kept.path().join("index.json"), "{}").unwrap();
        let artifact = Artifact::new([0, b'a', b's', b'm', 1, 0, 0, 0]);
        let packed = Packed::component(&artifact, &Default::default(), &Default::default()).unwrap();
        let layout = LayoutFolder::new(kept.path());
        assert!(matches!(layout.add(&packed, Some("v1")), Err(DepotError::NoLayout(_))));
        assert_eq!(fs::read_to_string(kept.path().join("index.json")).unwrap(), "{}");
    }

    #[test]
    fn many_that_add_at_the_same_time_lose_nothing() {
        let kept = tempfile::tempdir().unwrap();
        let layout = LayoutFolder::new(kept.path());
        std::thread::scope(|scope| {
            for number in 0..8_u8 {
                let layout = &layout;
                scope.spawn(move || {
                    let artifact = Artifact::new([0, b'a', b's', b'm', number, 0, 1, 0]);
                    let packed = Packed::component(&artifact, &Default::default(), &Default::default()).unwrap();
                    layout.add(&packed, Some(&format!("v{number}"))).unwrap();
                });
            }
        });
        assert_eq!(layout.entries().unwrap().len(), 8);
    }
}
