//! A trust policy as an artifact: its text, the files that it names, and when it was published.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;

use super::manifest::{Content, Descriptor, Manifest, OCI_MANIFEST};
use super::push::{Packed, WrittenDescriptor, blob};
use super::{Artifact, Depot, DepotError};
use crate::message::Json;

/// What kind of artifact it is.
const POLICY: &str = "application/vnd.lockgate.trust-policy.v1";

/// What its layers are: one text, and any number of files.
const TEXT: &str = "application/vnd.lockgate.trust-policy.v1+toml";
const FILE: &str = "application/vnd.lockgate.trust-policy.file.v1";

/// What an artifact without configuration has in its place (OCI Image Specification, "Guidance for an Empty Descriptor").
const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// When something was published (OCI Image Specification, "Pre-Defined Annotation Keys"; RFC 3339).
pub(crate) const CREATED: &str = "org.opencontainers.image.created";

/// Where a policy was published to be followed, as a reference with its tag. What is copied to another place is not meant
/// there.
pub(crate) const FOLLOWED_AT: &str = "io.lockgate.policy.reference";

/// What a file is called.
const TITLE: &str = "org.opencontainers.image.title";

/// The largest text or file that is read, in bytes, and the most files.
const MAX_BYTES: u64 = 1024 * 1024;
const MAX_FILES: usize = 64;

/// What a policy is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PolicyLayers {
    pub(crate) text: Bytes,
    /// By the paths that the text names them by.
    pub(crate) files: BTreeMap<String, Bytes>,
}

/// Why an artifact is no policy.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoPolicy {
    #[error("it is no trust policy, but {0}")]
    OtherKind(String),
    #[error("it has not exactly one text")]
    NotOneText,
    #[error("it has more than {MAX_FILES} files")]
    TooManyFiles,
    #[error("it has a file without a name, or two of one name")]
    Names,
    #[error(transparent)]
    Depot(#[from] DepotError),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenManifest<'a> {
    schema_version: u8,
    media_type: &'a str,
    artifact_type: &'a str,
    config: WrittenDescriptor<'a>,
    layers: Vec<WrittenDescriptor<'a>>,
    annotations: BTreeMap<&'a str, &'a str>,
}

impl Depot {
    /// The policy that a manifest names.
    ///
    /// # Errors
    /// Where it names something else, or that cannot be had.
    pub(crate) async fn policy(&self, manifest: &Manifest) -> Result<PolicyLayers, NoPolicy> {
        let (text, files) = parts(manifest)?;
        let mut read = PolicyLayers { text: self.blob(text, MAX_BYTES).await?.bytes, files: BTreeMap::new() };
        for (name, file) in files {
            read.files.insert(name.to_owned(), self.blob(file, MAX_BYTES).await?.bytes);
        }
        Ok(read)
    }
}

/// The text and the files of a policy.
fn parts(manifest: &Manifest) -> Result<(&Descriptor, BTreeMap<&str, &Descriptor>), NoPolicy> {
    let kind = manifest.artifact_type.as_deref();
    let Content::Image { layers, .. } = &manifest.content else {
        return Err(NoPolicy::OtherKind("an index".to_owned()));
    };
    if kind != Some(POLICY) {
        let other = kind.map_or_else(|| "something else".to_owned(), |kind| kind.escape_debug().to_string());
        return Err(NoPolicy::OtherKind(other));
    }
    let (mut text, mut files) = (None, BTreeMap::new());
    for layer in layers {
        match layer.media_type.as_str() {
            TEXT if text.is_none() => text = Some(layer),
            TEXT => return Err(NoPolicy::NotOneText),
            FILE if files.len() == MAX_FILES => return Err(NoPolicy::TooManyFiles),
            FILE => {
                let name = layer.annotations.get(TITLE).ok_or(NoPolicy::Names)?;
                if files.insert(name.as_str(), layer).is_some() {
                    return Err(NoPolicy::Names);
                }
            }
            other => return Err(NoPolicy::OtherKind(other.escape_debug().to_string())),
        }
    }
    Ok((text.ok_or(NoPolicy::NotOneText)?, files))
}

impl Packed {
    /// Packs a policy, which is published to be followed at this place, at this time (RFC 3339).
    ///
    /// # Errors
    /// Where it is larger than what is read.
    pub(crate) fn policy(policy: &PolicyLayers, place: &str, published: &str) -> Result<Self, DepotError> {
        let config = Artifact::new(*b"{}");
        let text = Artifact::new(policy.text.to_vec());
        let files: Vec<(&str, Artifact)> =
            policy.files.iter().map(|(name, bytes)| (name.as_str(), Artifact::new(bytes.to_vec()))).collect();
        let mut layers = vec![WrittenDescriptor::of(TEXT, &text)];
        layers.extend(files.iter().map(|(name, file)| WrittenDescriptor {
            annotations: BTreeMap::from([(TITLE, *name)]),
            ..WrittenDescriptor::of(FILE, file)
        }));
        let written = WrittenManifest {
            schema_version: 2,
            media_type: OCI_MANIFEST,
            artifact_type: POLICY,
            config: WrittenDescriptor::of(EMPTY, &config),
            layers,
            annotations: BTreeMap::from([(CREATED, published), (FOLLOWED_AT, place)]),
        };
        let mut blobs = vec![blob(EMPTY, &config), blob(TEXT, &text)];
        blobs.extend(files.iter().map(|(_, file)| blob(FILE, file)));
        for (descriptor, _) in &blobs {
            DepotError::expect_at_most(descriptor, MAX_BYTES)?;
        }
        Self::of(&Json::of(&written), blobs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: &str = "ghcr.io/acme/policy:stable";

    fn policy() -> PolicyLayers {
        let file = |name: &str, bytes: &'static [u8]| (name.to_owned(), Bytes::from_static(bytes));
        let files = BTreeMap::from([file("acme.pub", b"key"), file("keys/other.pub", b"other key")]);
        PolicyLayers { text: Bytes::from_static(b"default = \"reject\"\n"), files }
    }

    #[tokio::test]
    async fn a_policy_is_read_as_it_was_packed() {
        let kept = tempfile::tempdir().unwrap();
        let depot = super::super::tests::depots(kept.path()).0.folder(&kept.path().join("layout"));
        let packed = Packed::policy(&policy(), PLACE, "2026-11-28T00:00:00Z").unwrap();
        depot.push(&packed, Some("stable")).await.unwrap();
        let manifest = depot.manifest(&super::super::Selector::Tag("stable".to_owned())).await.unwrap();
        assert_eq!(
            (&*manifest.annotations[CREATED], &*manifest.annotations[FOLLOWED_AT]),
            ("2026-11-28T00:00:00Z", PLACE)
        );
        assert_eq!(depot.policy(&manifest).await.unwrap(), policy());
    }

    #[test]
    fn what_is_no_policy_is_not_read_as_one() {
        let packed = Packed::policy(&policy(), PLACE, "2026-11-28T00:00:00Z").unwrap();
        let text = std::str::from_utf8(packed.manifest.bytes()).unwrap();
        let changed = |from: &str, to: &str| {
            assert!(text.contains(from), "{from}");
            let manifest = Manifest::read(text.replacen(from, to, 1).into_bytes(), Some(OCI_MANIFEST)).unwrap();
            parts(&manifest).unwrap_err().to_string()
        };
        assert!(
            changed(r#""artifactType":"application/vnd.lockgate.trust-policy.v1","#, "").contains("something else")
        );
        assert!(changed("trust-policy.v1\"", "trust-policy.v2\"").contains("trust-policy.v2"));
        assert!(changed(TEXT, "application/wasm").contains("application/wasm"));
        assert!(changed(TEXT, FILE).contains("without a name"));
        assert!(changed(FILE, TEXT).contains("not exactly one text"));
        assert!(changed("keys/other.pub", "acme.pub").contains("two of one name"));
    }

    #[test]
    fn a_policy_that_nobody_would_read_is_not_packed() {
        let large = PolicyLayers { text: vec![b'#'; 1024 * 1024 + 1].into(), ..policy() };
        assert!(Packed::policy(&large, PLACE, "2026-11-28T00:00:00Z").is_err());
    }
}
