//! Which image an engine has to run: from a name to the image's own digest.

use super::manifest::{Content, Descriptor, Manifest};
use super::{Depot, DepotError, Digest, Selector, wasm};

/// What an image's configuration is called. Its digest is the image's ID, as engines name images.
const CONFIGS: [&str; 2] =
    ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];

/// The architecture of this machine, as images name it (Go's `GOARCH`).
const ARCHITECTURE: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };

/// An image, by all digests it is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ImageDigests {
    /// The list of platforms that named it, if there is one.
    pub(crate) index: Option<Digest>,
    /// The manifest for this machine.
    pub(crate) manifest: Digest,
    /// The image's own digest: its configuration's.
    pub(crate) image: Digest,
}

/// Why a manifest names no image for this machine.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidImage {
    /// It is something else, as a component or a signature.
    #[error("it is no image for containers: its configuration is of another kind")]
    NoImage,
    /// It was not built for this machine.
    #[error("it has no image for linux/{ARCHITECTURE}")]
    OtherPlatforms,
    /// It has several, for two engines to run different ones.
    #[error("it has several images for linux/{ARCHITECTURE}; name one of them by its digest")]
    Several,
    /// A list of platforms names another list.
    #[error("it lists lists of images")]
    Nested,
}

/// Finds the image for this machine.
///
/// # Errors
/// Where there is none, or nobody can say which one is meant.
pub(crate) async fn image_digests(depot: &Depot, selector: &Selector) -> Result<ImageDigests, DepotError> {
    digests_of(depot, &depot.manifest(selector).await?).await
}

/// The same for what may be a component as well: nothing where it is no image, or lists none for this machine. What is
/// said of a list counts whomever its images are for.
///
/// # Errors
/// Where nobody can say which one is meant.
pub(crate) async fn image_if_any(depot: &Depot, manifest: &Manifest) -> Result<Option<ImageDigests>, DepotError> {
    let may_be = match &manifest.content {
        Content::Index { .. } => true,
        // Some write components with the configuration of an image.
        Content::Image { .. } => image(manifest).is_ok() && !wasm::is_component(manifest),
    };
    if !may_be {
        return Ok(None);
    }
    match digests_of(depot, manifest).await {
        Err(DepotError::Image(InvalidImage::OtherPlatforms)) => Ok(None),
        found => found.map(Some),
    }
}

async fn digests_of(depot: &Depot, manifest: &Manifest) -> Result<ImageDigests, DepotError> {
    let Content::Index { manifests } = &manifest.content else {
        return Ok(ImageDigests { index: None, manifest: *manifest.digest(), image: image(manifest)? });
    };
    let entry = for_this_machine(manifests)?;
    let platform = depot.manifest(&Selector::Digest(entry.digest)).await?;
    if platform.media_type() != entry.media_type {
        return Err(InvalidImage::NoImage.into());
    }
    DepotError::expect_size(entry, platform.bytes().len() as u64)?;
    Ok(ImageDigests { index: Some(*manifest.digest()), manifest: entry.digest, image: image(&platform)? })
}

fn for_this_machine(entries: &[Descriptor]) -> Result<&Descriptor, InvalidImage> {
    let fits = |entry: &&Descriptor| {
        entry.platform.as_ref().is_some_and(|platform| {
            platform.os == "linux"
                && platform.architecture == ARCHITECTURE
                && matches!(platform.variant.as_deref(), None | Some("" | "v8"))
        })
    };
    let mut fitting = entries.iter().filter(fits);
    let entry = fitting.next().ok_or(InvalidImage::OtherPlatforms)?;
    if fitting.any(|other| other.digest != entry.digest) { Err(InvalidImage::Several) } else { Ok(entry) }
}

fn image(manifest: &Manifest) -> Result<Digest, InvalidImage> {
    match &manifest.content {
        Content::Image { config, .. } if CONFIGS.contains(&config.media_type.as_str()) => Ok(config.digest),
        Content::Image { .. } => Err(InvalidImage::NoImage),
        Content::Index { .. } => Err(InvalidImage::Nested),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(digest: &[u8], os: &str, architecture: &str, variant: Option<&str>) -> String {
        let variant = variant.map(|variant| format!(r#","variant":"{variant}""#)).unwrap_or_default();
        format!(
            r#"{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{}","size":1,
                "platform":{{"os":"{os}","architecture":"{architecture}"{variant}}}}}"#,
            Digest::of(digest)
        )
    }

    fn found(entries: &[String]) -> Result<Digest, InvalidImage> {
        let text = format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, entries.join(","));
        let Content::Index { manifests } = Manifest::read(text.into_bytes(), None).unwrap().content else { panic!() };
        for_this_machine(&manifests).map(|entry| entry.digest)
    }

    #[test]
    fn the_image_for_this_machine_is_found_among_others() {
        let others = [
            entry(b"a", "linux", "s390x", None),
            entry(b"b", "windows", ARCHITECTURE, None),
            entry(b"c", "unknown", "unknown", None),
        ];
        assert_eq!(found(&others), Err(InvalidImage::OtherPlatforms));
        let mine = entry(b"mine", "linux", ARCHITECTURE, None);
        let with_mine = |more: String| Vec::from_iter(others.iter().cloned().chain([mine.clone(), more]));
        assert_eq!(found(&with_mine(mine.clone())), Ok(Digest::of(b"mine")));
        let second = entry(b"second", "linux", ARCHITECTURE, None);
        assert_eq!(found(&with_mine(second)), Err(InvalidImage::Several));
    }

    #[test]
    fn what_is_no_image_is_none() {
        let config = |media_type: &str| {
            let blob = format!(r#"{{"mediaType":"{media_type}","digest":"{}","size":2}}"#, Digest::of(b"{}"));
            image(
                &Manifest::read(format!(r#"{{"schemaVersion":2,"config":{blob},"layers":[]}}"#).into_bytes(), None)
                    .unwrap(),
            )
        };
        for media_type in CONFIGS {
            assert_eq!(config(media_type), Ok(Digest::of(b"{}")));
        }
        assert_eq!(config("application/vnd.wasm.config.v0+json"), Err(InvalidImage::NoImage));
    }
}
