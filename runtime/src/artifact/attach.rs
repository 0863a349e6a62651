//! Puts signatures and attestations beside a manifest, where those who verify look for them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::depot::{Depot, DepotError, blocking};
use super::index::{EMPTY_INDEX, with_entry};
use super::manifest::{Content, Manifest, OCI_INDEX, OCI_MANIFEST};
use super::push::{Packed, WrittenDescriptor, blob};
use super::referrers::{fallback_tag, none_is_none};
use super::registry::Registry;
use super::{Artifact, Digest, Selector};
use crate::message::Json;

/// The configuration of an artifact that needs none (OCI Image Specification, "Guidance for an Empty Descriptor").
const EMPTY_CONFIG: &str = "application/vnd.oci.empty.v1+json";

/// The configuration of what cosign stores as if it were an image.
const IMAGE_CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// What the tag ends in that cosign gives to signatures of a manifest.
const SIGNATURES: &str = ".sig";

/// How often a list is written, at most, where others write it at the same time.
const MAX_TRIES: u32 = 10;

/// How long somebody else may take between reading a list and writing it.
const SETTLING: Duration = Duration::from_millis(150);

/// What is to be attached to a manifest.
#[derive(Clone)]
pub(crate) struct Attachment {
    /// What kind of artifact it is, as `application/vnd.dev.sigstore.bundle.v0.3+json`.
    pub(crate) artifact_type: String,
    /// Notes for whoever lists it.
    pub(crate) annotations: BTreeMap<String, String>,
    /// Its content.
    pub(crate) layer: Layer,
}

/// The content of something that is attached.
#[derive(Clone)]
pub(crate) struct Layer {
    pub(crate) media_type: String,
    pub(crate) content: Artifact,
    /// Notes for whoever reads it, as cosign's signature.
    pub(crate) annotations: BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenReferrer<'a> {
    schema_version: u8,
    media_type: &'a str,
    artifact_type: &'a str,
    config: WrittenDescriptor<'a>,
    layers: [WrittenDescriptor<'a>; 1],
    subject: WrittenDescriptor<'a>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenImage<'a> {
    schema_version: u8,
    media_type: &'a str,
    config: WrittenDescriptor<'a>,
    layers: &'a [Json],
}

impl Depot {
    /// Attaches something to a manifest that is here. The same attachment is attached once. Where the registry lists no
    /// referrers, it is added to the list under the [`fallback_tag`].
    ///
    /// # Errors
    /// See [`DepotError`]; [`DepotError::TagTaken`] where something else has that tag.
    pub(crate) async fn attach(&self, subject: &Digest, attachment: &Attachment) -> Result<Digest, DepotError> {
        let subject = self.manifest(&Selector::Digest(*subject)).await?;
        let packed = Packed::attachment(attachment, &subject)?;
        let digest = *packed.digest();
        match self {
            Self::Registry { registry, .. } => {
                registry.upload_all(&packed).await?;
                // Some registries say that they list it, and make no lists.
                let lists = registry.upload_manifest(&digest.to_string(), &packed.manifest).await?
                    && registry.referrers(subject.digest()).await?.is_some();
                if !lists {
                    registry.list_under_tag(&subject, &packed.manifest).await?;
                }
            }
            Self::Folder(folder) => {
                let folder = folder.clone();
                blocking(move || folder.add(&packed, None)).await?;
            }
        }
        Ok(digest)
    }

    /// Adds a layer to what cosign's tag for the signatures of a manifest holds, beside those of others.
    ///
    /// # Errors
    /// See [`DepotError`]; [`DepotError::TagTaken`] where something else has that tag.
    pub(crate) async fn attach_under_tag(&self, subject: &Digest, layer: &Layer) -> Result<Digest, DepotError> {
        let tag = fallback_tag(subject) + SIGNATURES;
        let selector = Selector::Tag(tag.clone());
        for attempt in 0..MAX_TRIES {
            let known = match self {
                Self::Registry { registry, .. } => none_is_none(registry.manifest(&selector).await)?,
                Self::Folder(_) => none_is_none(self.manifest(&selector).await)?,
            };
            if let Some(known) = known.as_ref().filter(|known| holds(known, layer)) {
                return Ok(*known.digest());
            }
            let taken = || DepotError::TagTaken(self.named(&selector));
            let packed = Packed::layers_with(known.as_ref(), layer).ok_or_else(taken)??;
            match self {
                Self::Registry { registry, .. } => {
                    registry.upload_all(&packed).await?;
                    registry.upload_manifest(&tag, &packed.manifest).await?;
                    settle(packed.digest(), attempt).await;
                }
                Self::Folder(folder) => {
                    let (folder, tag, digest) = (folder.clone(), tag.clone(), *packed.digest());
                    blocking(move || folder.add(&packed, Some(&tag))).await?;
                    return Ok(digest);
                }
            }
        }
        Err(DepotError::Busy(self.named(&selector)))
    }

    fn named(&self, selector: &Selector) -> String {
        match self {
            Self::Registry { registry, .. } => registry.reference(selector).to_string(),
            Self::Folder(folder) => format!("oci-layout:{}{selector}", folder.path().display()),
        }
    }
}

impl Registry {
    async fn upload_all(&self, packed: &Packed) -> Result<(), DepotError> {
        for (descriptor, bytes) in &packed.blobs {
            self.upload(descriptor, bytes.clone()).await?;
        }
        Ok(())
    }

    /// Adds a manifest to the list under the fallback tag. There is no way to write it only if nobody else has: so it is
    /// read again, until it holds what was added to what others added meanwhile.
    async fn list_under_tag(&self, subject: &Manifest, referrer: &Manifest) -> Result<(), DepotError> {
        let tag = fallback_tag(subject.digest());
        let selector = Selector::Tag(tag.clone());
        let entry = Json::of(&WrittenDescriptor::of_manifest(referrer));
        let mut written = false;
        let mut seen_again = false;
        for attempt in 0..MAX_TRIES {
            // GitLab's registry takes the tag for the digest, and gives the manifest itself.
            let known = none_is_none(self.manifest(&selector).await)?.filter(|list| list.digest() != subject.digest());
            let listed = match known.as_ref().map(|list| &list.content) {
                None => false,
                Some(Content::Index { manifests }) => manifests.iter().any(|known| known.digest == *referrer.digest()),
                Some(Content::Image { .. }) => return Err(DepotError::TagTaken(self.reference(&selector).to_string())),
            };
            if listed && (!written || seen_again) {
                return Ok(());
            }
            seen_again = listed;
            if !listed {
                let old = known.as_ref().map_or(EMPTY_INDEX, Manifest::bytes);
                let list = with_entry(old, entry.clone(), None).and_then(|list| {
                    let list = list.as_str().as_bytes();
                    Manifest::read(list, Some(OCI_INDEX)).ok()
                });
                let list = list.ok_or_else(|| DepotError::TagTaken(self.reference(&selector).to_string()))?;
                self.upload_manifest(&tag, &list).await?;
                written = true;
            }
            settle(referrer.digest(), attempt).await;
        }
        Err(DepotError::Busy(self.reference(&selector).to_string()))
    }
}

/// Waits until others who read a list before it was written have written theirs; not all of them equally long.
async fn settle(digest: &Digest, attempt: u32) {
    let own = u64::from_str_radix(&digest.hex()[..2], 16).unwrap_or_default();
    tokio::time::sleep(SETTLING + Duration::from_millis(own * u64::from(attempt.min(3)))).await;
}

/// Whether a manifest has this layer, notes and all.
fn holds(manifest: &Manifest, layer: &Layer) -> bool {
    let Content::Image { layers, .. } = &manifest.content else { return false };
    layers.iter().any(|known| {
        known.digest == *layer.content.digest()
            && known.media_type == layer.media_type
            && known.annotations == layer.annotations
    })
}

impl Packed {
    fn attachment(attachment: &Attachment, subject: &Manifest) -> Result<Self, DepotError> {
        let Attachment { artifact_type, annotations, layer } = attachment;
        let config = Artifact::new(*b"{}");
        let written = WrittenReferrer {
            schema_version: 2,
            media_type: OCI_MANIFEST,
            artifact_type,
            config: WrittenDescriptor::of(EMPTY_CONFIG, &config),
            layers: [layer.written()],
            subject: WrittenDescriptor {
                artifact_type: None,
                annotations: BTreeMap::new(),
                ..WrittenDescriptor::of_manifest(subject)
            },
            annotations,
        };
        let manifest = Json::of(&written);
        Self::of(&manifest, vec![blob(EMPTY_CONFIG, &config), blob(&layer.media_type, &layer.content)])
    }

    /// What cosign's tag holds, with one more layer; nothing where it holds something else than layers.
    fn layers_with(known: Option<&Manifest>, layer: &Layer) -> Option<Result<Self, DepotError>> {
        let mut layers: Vec<Json> = Vec::new();
        let mut digests = Vec::new();
        if let Some(known) = known {
            let Content::Image { config, layers: old } = &known.content else { return None };
            if config.media_type != IMAGE_CONFIG {
                return None;
            }
            digests.extend(old.iter().map(|layer| layer.digest));
            let json = Json::parse(std::str::from_utf8(known.bytes()).ok()?).ok()?;
            layers = json.members().ok()?.read("layers").ok()??;
        }
        layers.push(Json::of(&layer.written()));
        digests.push(*layer.content.digest());
        // As cosign writes it: layers that are not compressed, so that each is its own "diff ID".
        let created = "0001-01-01T00:00:00Z";
        let history: Vec<_> = digests.iter().map(|_| serde_json::json!({ "created": created })).collect();
        let config = serde_json::json!({
            "architecture": "",
            "created": created,
            "history": history,
            "os": "",
            "rootfs": { "type": "layers", "diff_ids": digests },
            "config": {},
        });
        let config = Artifact::new(config.to_string().into_bytes());
        let written = WrittenImage {
            schema_version: 2,
            media_type: OCI_MANIFEST,
            config: WrittenDescriptor::of(IMAGE_CONFIG, &config),
            layers: &layers,
        };
        let manifest = Json::of(&written);
        Some(Self::of(&manifest, vec![blob(IMAGE_CONFIG, &config), blob(&layer.media_type, &layer.content)]))
    }
}

impl Layer {
    fn written(&self) -> WrittenDescriptor<'_> {
        let annotations = self.annotations.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        WrittenDescriptor { annotations, ..WrittenDescriptor::of(&self.media_type, &self.content) }
    }
}
