//! Components and policies on their way to registries and folders, with what their author vouches for.

mod vouch;

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;

use self::vouch::Vouched;
use super::transfer::{Transferred, pack};
use super::{ResolveError, Runtime};
use crate::artifact::{DepotError, Digest, Packed, PolicyLayers, PushTarget};
use crate::sigstore::KeylessError;
use crate::trust::{Signer, SignerIdentity, SigningError, include};

/// What was pushed and signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// What was pushed.
    pub transferred: Transferred,
    /// What users write into their policy to trust it: a scope.
    pub scope: String,
    /// Who signed, where that is said by a certificate.
    pub identity: Option<SignerIdentity>,
}

/// A policy that was pushed and signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedPolicy {
    /// What was pushed.
    pub manifest: Digest,
    /// What others write into their policies to include it.
    pub include: String,
    /// Who signed, where that is said by a certificate.
    pub identity: Option<SignerIdentity>,
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
    /// A part of it was not made, or not taken.
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
        source: PartError,
    },
}

/// Why a part of what is published is missing.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
    /// It was not taken.
    #[error(transparent)]
    NotTaken(#[from] DepotError),
    /// What was said before is not known, and nothing is said twice that stays public.
    #[error("nobody knows what was signed before, and it would be public for good a second time")]
    NotKnown(#[source] DepotError),
    /// It was not made.
    #[error(transparent)]
    NotMade(#[from] KeylessError),
}

impl Runtime {
    /// Sends the server in a file to a registry or layout, has it signed there, and gives it its tag at last: whoever
    /// follows the tag never finds it without its signature. What this signer has said before is not said a second time.
    ///
    /// Where a certificate authority vouches for the signer, nothing becomes public in the log before the registry has
    /// taken the component, and what those who verify would not accept is not attached.
    ///
    /// # Errors
    /// See [`PublishError`].
    pub async fn publish(&self, file: PathBuf, to: &PushTarget, signer: &Signer) -> Result<Published, PublishError> {
        let (packed, transferred) = pack(file).await?;
        let vouched = self.publish_packed(&packed, &transferred.component, "the component", to, signer).await?;
        let Vouched { name, written, identity } = vouched;
        Ok(Published { transferred, scope: signer.scope(&name, &written), identity })
    }

    /// Sends a trust policy, with the files that it is made of, to a registry or layout, as of now, has it signed, and gives
    /// it its tag at last.
    ///
    /// # Errors
    /// See [`PublishError`].
    pub async fn publish_policy(
        &self,
        text: String,
        files: BTreeMap<String, Vec<u8>>,
        to: &PushTarget,
        signer: &Signer,
    ) -> Result<PublishedPolicy, PublishError> {
        let files = files.into_iter().map(|(name, bytes)| (name, bytes.into())).collect();
        let layers = PolicyLayers { text: text.into(), files };
        let packed =
            Packed::policy(&layers, &to.to_string(), &Timestamp::now().to_string()).map_err(ResolveError::from)?;
        let manifest = *packed.digest();
        let vouched = self.publish_packed(&packed, &manifest, "the policy", to, signer).await?;
        let Vouched { name: _, written, identity } = vouched;
        Ok(PublishedPolicy { manifest, include: include(&to.to_string(), &written), identity })
    }
}
