//! Folders with artifacts (OCI Image Layout Specification).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::manifest::{Content, Descriptor, MAX_MANIFEST_BYTES, Manifest};
use super::{Artifact, DepotError, Digest, Selector, files};
use crate::message::Json;

/// The annotation that holds a tag ("Pre-Defined Annotation Keys").
pub(super) const REF_NAME: &str = "org.opencontainers.image.ref.name";

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

    /// The one artifact of a folder that holds no other.
    pub(super) fn only(&self) -> Result<Selector, DepotError> {
        let mut digests: Vec<Digest> = self.entries()?.iter().map(|entry| entry.digest).collect();
        digests.sort_unstable();
        digests.dedup();
        match digests.as_slice() {
            [digest] => Ok(Selector::Digest(*digest)),
            several => Err(DepotError::NotOne { folder: self.0.to_path_buf(), found: several.len() }),
        }
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
        DepotError::expect_digest(&digest, manifest.digest())?;
        Ok(manifest)
    }

    pub(super) fn blob(&self, blob: &Descriptor) -> Result<Artifact, DepotError> {
        let missing = || DepotError::None(format!("blob {} in {}", blob.digest, self.0.display()));
        let artifact = Artifact::new(self.read(&blob.digest, blob.size)?.ok_or_else(missing)?);
        DepotError::expect_size(blob, artifact.bytes().len() as u64)?;
        DepotError::expect_digest(&blob.digest, artifact.digest())?;
        Ok(artifact)
    }

    /// What `index.json` lists.
    pub(super) fn entries(&self) -> Result<Vec<Descriptor>, DepotError> {
        let marker = self.file("oci-layout", 4096)?.ok_or_else(|| DepotError::NoLayout(self.0.to_path_buf()))?;
        let version = String::from_utf8(marker)
            .ok()
            .and_then(|text| Json::parse(text).ok()?.members().ok()?.read::<String>("imageLayoutVersion").ok()?);
        if version.as_deref() != Some("1.0.0") {
            return Err(DepotError::NoLayout(self.0.to_path_buf()));
        }
        let index = self.file("index.json", MAX_MANIFEST_BYTES)?;
        let index = index.ok_or_else(|| DepotError::NoLayout(self.0.to_path_buf()))?;
        let index = Manifest::read(index, None).map_err(|error| self.invalid("index.json", error))?;
        match index.content {
            Content::Index { manifests } => Ok(manifests),
            Content::Image { .. } => Err(DepotError::NoLayout(self.0.to_path_buf())),
        }
    }

    fn read(&self, digest: &Digest, cap: u64) -> Result<Option<Vec<u8>>, DepotError> {
        self.file(&format!("blobs/sha256/{}", digest.hex()), cap)
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

#[cfg(test)]
mod tests {
    use std::fs;

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
}
