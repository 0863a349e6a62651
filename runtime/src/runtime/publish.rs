//! Components on their way to registries and folders, with what their author vouches for.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;

use super::transfer::{Transferred, pack};
use super::{ResolveError, Runtime};
use crate::artifact::{Depot, DepotError, Digest, Packed, PolicyLayers, PushTarget};
use crate::trust::{Attested, Name, Signed, Signing, SigningError, Wanted, gather};

/// What was pushed and signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// What was pushed.
    pub transferred: Transferred,
    /// What users write into their policy to trust it: a scope.
    pub scope: String,
}

/// A policy that was pushed and signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedPolicy {
    /// What was pushed.
    pub manifest: Digest,
    /// What others write into their policies to include it.
    pub include: String,
}

/// Why something was not published. The tag names what it named before.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// It cannot be pushed.
    #[error(transparent)]
    Push(#[from] ResolveError),
    /// It cannot be signed. Nothing was sent.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// A part of it was not taken.
    #[error(
        "{reference} was not changed: of {manifest}, which lies there without this tag, there is {there} already, and {missing} could not be added"
    )]
    Partly {
        /// Where it was to be published.
        reference: String,
        /// What was pushed.
        manifest: Digest,
        /// What was taken, in words.
        there: String,
        /// What was not.
        missing: &'static str,
        /// Why not.
        source: DepotError,
    },
}

impl Runtime {
    /// Sends the server in a file to a registry or layout, signs it there, and gives it its tag at last: whoever follows
    /// the tag never finds it without its signature. What this key has signed before is not signed a second time.
    ///
    /// # Errors
    /// See [`PublishError`].
    pub async fn publish(&self, file: PathBuf, to: &PushTarget, signing: &Signing) -> Result<Published, PublishError> {
        let (packed, transferred) = pack(file).await?;
        let name = self.publish_packed(&packed, &transferred.component, "the component", to, signing).await?;
        Ok(Published { transferred, scope: signing.scope(&name) })
    }

    /// Sends a trust policy, with the files that it is made of, to a registry or layout, as of now, signs it there, and gives
    /// it its tag at last.
    ///
    /// # Errors
    /// See [`PublishError`].
    pub async fn publish_policy(
        &self,
        text: String,
        files: BTreeMap<String, Vec<u8>>,
        to: &PushTarget,
        signing: &Signing,
    ) -> Result<PublishedPolicy, PublishError> {
        let files = files.into_iter().map(|(name, bytes)| (name, bytes.into())).collect();
        let layers = PolicyLayers { text: text.into(), files };
        let packed = Packed::policy(&layers, &Timestamp::now().to_string()).map_err(ResolveError::from)?;
        let manifest = *packed.digest();
        self.publish_packed(&packed, &manifest, "the policy", to, signing).await?;
        Ok(PublishedPolicy { manifest, include: signing.include(&to.to_string()) })
    }

    /// Sends what was packed, signs it, and gives it its tag at last. `content` is what it holds, called `what`.
    async fn publish_packed(
        &self,
        packed: &Packed,
        content: &Digest,
        what: &'static str,
        to: &PushTarget,
        signing: &Signing,
    ) -> Result<Name, PublishError> {
        let (depot, tag) = self.place(to);
        let name = match to {
            PushTarget::Registry { reference, .. } => Name::of(reference),
            PushTarget::Layout { .. } => Name::Layout,
        };
        let manifest = *packed.digest();
        let signed = signing.of(&name, &manifest, content)?;
        depot.push(packed, None).await.map_err(ResolveError::from)?;
        let mut there = vec![what];
        let partly = |there: &[&str], missing, source| PublishError::Partly {
            reference: to.to_string(),
            manifest,
            there: there.join(", "),
            missing,
            source,
        };
        for part in parts(&depot, &manifest, signing, &signed).await {
            let added = match &part {
                Part::Signature => depot.attach_under_tag(&manifest, &signed.signature).await,
                Part::Attestation(attested) => depot.attach(&manifest, &attested.attachment).await,
            };
            added.map_err(|source| partly(&there, part.what(), source))?;
            there.push(part.what());
        }
        depot.push(packed, Some(tag)).await.map_err(|source| partly(&there, "the tag", source))?;
        Ok(name)
    }
}

/// Something to add to what lies beside a manifest.
enum Part<'a> {
    Signature,
    Attestation(&'a Attested),
}

impl Part<'_> {
    fn what(&self) -> &'static str {
        match self {
            Self::Signature => "its signature",
            Self::Attestation(attested) => attested.what,
        }
    }
}

/// What is not there yet.
async fn parts<'a>(depot: &Depot, manifest: &Digest, signing: &Signing, signed: &'a Signed) -> Vec<Part<'a>> {
    let wanted = Wanted { attestations: true };
    // Where that cannot be found out, all of it is added: the worst is that some of it is there twice.
    let known = gather(depot, None, &[*manifest], wanted).await.map(|found| found.evidence).unwrap_or_default();
    let is_there = |has: &dyn Fn(&_) -> bool| known.iter().any(has);
    let signature = !is_there(&|evidence| signing.has_signed(&signed.signature, evidence));
    let attestations =
        signed.attestations.iter().filter(|attested| !is_there(&|evidence| signing.has_attested(attested, evidence)));
    signature.then_some(Part::Signature).into_iter().chain(attestations.map(Part::Attestation)).collect()
}
