//! What lies beside a manifest: what refers to it, and what has a tag that is made of its digest.

use super::depot::{Depot, DepotError, blocking, keep, kept_manifest};
use super::manifest::{Content, Descriptor, Manifest};
use super::registry::Pages;
use super::{Digest, Selector};

/// The most entries of a list that are looked at.
pub(super) const MAX_REFERRERS: usize = 1000;

/// What is said to refer to a manifest. Each entry is a claim, which its own manifest has to keep.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Referrers {
    /// In the order in which they are listed.
    pub(crate) entries: Vec<Descriptor>,
    /// Whether there are more, or some that cannot be read.
    pub(crate) more: bool,
}

impl Depot {
    /// What a registry itself lists as referring to a manifest, or whose manifests in a folder say so. A registry that
    /// makes no such lists has none; others may then have written one under the [`fallback_tag`].
    ///
    /// # Errors
    /// Where whoever has to know says neither what there is nor that there is none.
    pub(crate) async fn referrers(&self, subject: &Digest) -> Result<Referrers, DepotError> {
        let subject = *subject;
        match self {
            Self::Folder(folder) => {
                let folder = folder.clone();
                blocking(move || folder.referrers(&subject)).await
            }
            Self::Registry { registry, store, .. } => {
                let question = format!("referrers {subject} {}", registry.name_of_repository());
                match registry.or_unreachable(registry.referrers(&subject)).await {
                    Ok(found) => {
                        let (store, pages) = (store.clone(), found.unwrap_or_default());
                        let kept = pages.pages.clone();
                        keep(move || {
                            kept.iter().try_for_each(|page| store.put(page.bytes()))?;
                            let digests: Vec<Digest> = kept.iter().map(|page| *page.digest()).collect();
                            store.saw(&question, &digests)
                        })
                        .await?;
                        Ok(Referrers::of(pages))
                    }
                    Err(error @ DepotError::Unreachable { .. }) => match self.remembered(question).await? {
                        Some(pages) => Ok(Referrers::of(Pages::remembered(pages))),
                        None => Err(error),
                    },
                    Err(error) => Err(error),
                }
            }
        }
    }

    /// What has this tag, which is made of another manifest's digest; nothing where there is none. Where the registry
    /// cannot be reached, it is what it was last.
    ///
    /// # Errors
    /// Where nobody can say whether there is something.
    pub(crate) async fn companion(&self, tag: String) -> Result<Option<Manifest>, DepotError> {
        let selector = Selector::Tag(tag);
        let Self::Registry { registry, store, .. } = self else {
            return none_is_none(self.manifest(&selector).await);
        };
        let question = registry.reference(&selector).to_string();
        match registry.or_unreachable(registry.manifest(&selector)).await {
            Err(error @ DepotError::Unreachable { .. }) => match self.remembered(question).await? {
                Some(manifests) => Ok(manifests.into_iter().next()),
                None => Err(error),
            },
            answer => {
                let found = none_is_none(answer)?;
                let (store, kept) = (store.clone(), found.clone());
                keep(move || {
                    kept.iter().try_for_each(|manifest| store.put(manifest.bytes()))?;
                    store.saw(&question, kept.as_ref().map(Manifest::digest).copied().as_slice())
                })
                .await?;
                Ok(found)
            }
        }
    }

    /// The manifests that a registry answered with when it was last asked, and that this takes their place is said.
    async fn remembered(&self, question: String) -> Result<Option<Vec<Manifest>>, DepotError> {
        let Self::Registry { registry, store, .. } = self else { return Ok(None) };
        let seen = store.clone();
        let Some(digests) = blocking(move || Ok(seen.last_seen(&question)?)).await? else { return Ok(None) };
        let mut manifests = Vec::new();
        for digest in digests {
            let Some(manifest) = kept_manifest(store, digest).await? else { return Ok(None) };
            manifests.push(manifest);
        }
        registry.tell_remembered();
        Ok(Some(manifests))
    }
}

impl Referrers {
    fn of(pages: Pages) -> Self {
        let mut found = Self { entries: Vec::new(), more: pages.more };
        for page in pages.pages {
            let Content::Index { manifests } = page.content else { continue };
            let room = MAX_REFERRERS - found.entries.len();
            found.more |= manifests.len() > room;
            found.entries.extend(manifests.into_iter().take(room));
        }
        found
    }
}

/// Of what may be missing: nothing, where it is said to be.
pub(super) fn none_is_none(answer: Result<Manifest, DepotError>) -> Result<Option<Manifest>, DepotError> {
    match answer {
        Ok(manifest) => Ok(Some(manifest)),
        Err(DepotError::None(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The tag under which others list what refers to a manifest, where a registry does not (OCI Distribution Specification
/// 1.1, "Referrers Tag Schema").
pub(crate) fn fallback_tag(subject: &Digest) -> String {
    format!("sha256-{}", subject.hex())
}

/// The manifest that a tag is about: one that cosign makes for a signature, attestation or SBOM, or the
/// [`fallback_tag`] (cosign, `specs/SIGNATURE_SPEC.md`).
pub(super) fn subject_of_tag(tag: &str) -> Option<Digest> {
    let rest = tag.strip_prefix("sha256-")?;
    let hex = match rest.split_once('.') {
        Some((hex, "sig" | "att" | "sbom")) => hex,
        Some(_) => return None,
        None => rest,
    };
    format!("sha256:{hex}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_that_are_about_a_manifest_are_told_from_others() {
        let digest = Digest::of(b"");
        let tag = fallback_tag(&digest);
        for suffix in ["", ".sig", ".att", ".sbom"] {
            assert_eq!(subject_of_tag(&format!("{tag}{suffix}")), Some(digest), "{suffix}");
        }
        for other in ["1.0", "sha256-", "sha256-12.sig", &format!("{tag}.other"), &format!("x{tag}"), &tag[..70]] {
            assert_eq!(subject_of_tag(other), None, "{other}");
        }
    }
}
