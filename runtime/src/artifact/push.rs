//! A component as an artifact that others can pull (CNCF "Wasm OCI Artifact Layout").

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use bytes::Bytes;
use serde::Serialize;

use super::depot::blocking;
use super::manifest::{Content, Descriptor, Manifest, OCI_MANIFEST};
use super::reference::is_tag;
use super::wasm::{ANY_BINARY, CONFIG, Config, InvalidComponent, LAYER, Names, os_of};
use super::{Artifact, Depot, DepotError, Digest, InvalidReference, Reference, Selector};
use crate::message::Json;

/// Where an artifact is pushed to: `REGISTRY/REPOSITORY:TAG` or `oci-layout:DIR:TAG`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PushTarget {
    /// To a registry.
    Registry {
        /// With the tag.
        reference: Reference,
        /// The tag again, which it always has.
        tag: String,
    },
    /// Into a folder (OCI Image Layout Specification), which is made where there is none.
    Layout {
        /// The folder.
        folder: PathBuf,
        /// The tag.
        tag: String,
    },
}

/// Why a text is no place to push to.
#[derive(Debug, thiserror::Error)]
pub enum InvalidPushTarget {
    /// It is no reference.
    #[error(transparent)]
    Reference(#[from] InvalidReference),
    /// A digest follows from the bytes, and cannot be chosen.
    #[error("`{0}` names a digest, which nobody can choose; push to a tag: REGISTRY/REPOSITORY:TAG")]
    Digest(String),
    /// No folder, or no tag.
    #[error("`{0}` is no place in a folder; write oci-layout:DIR:TAG, with a tag of A-Z a-z 0-9 _ . -")]
    Layout(String),
}

impl FromStr for PushTarget {
    type Err = InvalidPushTarget;

    fn from_str(text: &str) -> Result<Self, InvalidPushTarget> {
        if let Some(layout) = text.strip_prefix("oci-layout:") {
            return match layout.rsplit_once(':') {
                Some((folder, tag)) if !folder.is_empty() && is_tag(tag) => {
                    Ok(Self::Layout { folder: folder.into(), tag: tag.to_owned() })
                }
                _ => Err(InvalidPushTarget::Layout(text.to_owned())),
            };
        }
        let reference: Reference = text.parse()?;
        match reference.selector().clone() {
            Selector::Tag(tag) => Ok(Self::Registry { reference, tag }),
            Selector::Digest(_) => Err(InvalidPushTarget::Digest(text.to_owned())),
        }
    }
}

impl fmt::Display for PushTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry { reference, .. } => write!(f, "{reference}"),
            Self::Layout { folder, tag } => write!(f, "oci-layout:{}:{tag}", folder.display()),
        }
    }
}

/// An artifact as it will lie in a registry or folder.
#[derive(Debug, Clone)]
pub(crate) struct Packed {
    pub(super) manifest: Manifest,
    pub(super) blobs: Vec<(Descriptor, Bytes)>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenManifest<'a> {
    schema_version: u8,
    media_type: &'a str,
    config: WrittenDescriptor<'a>,
    layers: [WrittenDescriptor<'a>; 1],
}

/// A descriptor as it is written.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WrittenDescriptor<'a> {
    pub(super) media_type: &'a str,
    pub(super) digest: Digest,
    pub(super) size: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) artifact_type: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) annotations: BTreeMap<&'a str, &'a str>,
}

impl Packed {
    /// Packs a component. The same component gives the same artifact, whenever it is packed.
    ///
    /// # Errors
    /// Where the bytes are no WebAssembly.
    pub(crate) fn component(
        artifact: &Artifact,
        imports: &BTreeSet<String>,
        exports: &BTreeSet<String>,
    ) -> Result<Self, DepotError> {
        let os = os_of(artifact.bytes()).ok_or(InvalidComponent::NoWasm { said: ANY_BINARY })?;
        let names = Names { exports: Vec::from_iter(exports.clone()), imports: Vec::from_iter(imports.clone()) };
        let config = Config {
            // A date of its own would make each packing another artifact.
            created: "1970-01-01T00:00:00Z".to_owned(),
            architecture: "wasm".to_owned(),
            os: os.to_owned(),
            layer_digests: vec![*artifact.digest()],
            component: (os != "wasip1").then_some(names),
        };
        let config = Artifact::new(Json::of(&config).as_str().as_bytes());
        let written = WrittenManifest {
            schema_version: 2,
            media_type: OCI_MANIFEST,
            config: WrittenDescriptor::of(CONFIG, &config),
            layers: [WrittenDescriptor::of(LAYER, artifact)],
        };
        Self::of(&Json::of(&written), vec![blob(CONFIG, &config), blob(LAYER, artifact)])
    }

    /// A manifest as it was written, and what it names.
    pub(super) fn of(manifest: &Json, blobs: Vec<(Descriptor, Bytes)>) -> Result<Self, DepotError> {
        let manifest = Manifest::read(manifest.as_str().as_bytes(), Some(OCI_MANIFEST))
            .map_err(|error| DepotError::Manifest { name: "what was packed".to_owned(), error })?;
        Ok(Self { manifest, blobs })
    }

    /// The digest by which it can be pulled.
    pub(crate) fn digest(&self) -> &Digest {
        self.manifest.digest()
    }
}

impl<'a> WrittenDescriptor<'a> {
    pub(super) fn of(media_type: &'a str, artifact: &Artifact) -> Self {
        let (digest, size) = (*artifact.digest(), artifact.bytes().len());
        Self { media_type, digest, size, artifact_type: None, annotations: BTreeMap::new() }
    }

    /// As a manifest is listed: with what kind of artifact it is, and its notes (OCI Distribution Specification 1.1,
    /// "Listing Referrers").
    pub(super) fn of_manifest(manifest: &'a Manifest) -> Self {
        let config = match &manifest.content {
            Content::Image { config, .. } => Some(config.media_type.as_str()),
            Content::Index { .. } => None,
        };
        let kind = manifest.artifact_type.as_deref().or(config);
        let annotations = manifest.annotations.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        Self {
            media_type: manifest.media_type(),
            digest: *manifest.digest(),
            size: manifest.bytes().len(),
            artifact_type: kind.filter(|_| manifest.subject.is_some()),
            annotations,
        }
    }
}

pub(super) fn blob(media_type: &str, artifact: &Artifact) -> (Descriptor, Bytes) {
    let descriptor = Descriptor {
        media_type: media_type.to_owned(),
        digest: *artifact.digest(),
        size: artifact.bytes().len() as u64,
        artifact_type: None,
        annotations: BTreeMap::new(),
        platform: None,
    };
    (descriptor, artifact.bytes.clone())
}

impl Depot {
    /// Sends an artifact, and gives it a tag, if there is one to give. What is there already is not sent again.
    ///
    /// # Errors
    /// See [`DepotError`].
    pub(crate) async fn push(&self, packed: &Packed, tag: Option<&str>) -> Result<(), DepotError> {
        match self {
            Self::Registry { registry, .. } => {
                for (descriptor, bytes) in &packed.blobs {
                    registry.upload(descriptor, bytes.clone()).await?;
                }
                let name = tag.map_or_else(|| packed.digest().to_string(), str::to_owned);
                registry.upload_manifest(&name, &packed.manifest).await?;
                Ok(())
            }
            Self::Folder(folder) => {
                let (folder, packed, tag) = (folder.clone(), packed.clone(), tag.map(str::to_owned));
                blocking(move || folder.add(&packed, tag.as_deref())).await
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_is_packed_the_same_each_time_and_as_the_layout_says() {
        let artifact = Artifact::new(*b"\0asm\x0d\0\x01\0");
        let names = |name: &str| BTreeSet::from([name.to_owned()]);
        let pack = || Packed::component(&artifact, &names("wasi:io/poll"), &names("lockgate:mcp/tools")).unwrap();
        assert_eq!(pack().digest(), pack().digest());
        let packed = pack();
        let Content::Image { config, layers } = &packed.manifest.content else { panic!("no image") };
        assert_eq!((config.media_type.as_str(), layers[0].media_type.as_str()), (CONFIG, LAYER));
        assert_eq!(layers[0].digest, *artifact.digest());
        let config: serde_json::Value = serde_json::from_slice(&packed.blobs[0].1).unwrap();
        assert_eq!(config["os"], "wasip2");
        assert_eq!(config["component"]["exports"][0], "lockgate:mcp/tools");
        assert_eq!(config["layerDigests"][0], artifact.digest().to_string());
    }

    #[test]
    fn a_destination_is_a_tag_in_a_registry_or_folder() {
        for text in ["ghcr.io/acme/time:1.0", "oci-layout:./dist/time:v1", "oci-layout:/a:b:v1"] {
            assert_eq!(text.parse::<PushTarget>().unwrap().to_string(), text);
        }
        let digest = format!("ghcr.io/acme/time@{}", Digest::of(b""));
        for text in
            [&*digest, "time", "ghcr.io/a", "oci-layout:/a", "oci-layout::v1", "oci-layout:/a:b/c", "oci-layout:/a:"]
        {
            assert!(text.parse::<PushTarget>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_webassembly_is_not_packed() {
        assert!(Packed::component(&Artifact::new(*b"#!/bin/sh\n"), &BTreeSet::new(), &BTreeSet::new()).is_err());
    }
}
