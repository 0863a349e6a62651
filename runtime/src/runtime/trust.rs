//! What is known of artifacts and what is asked of them, without running any.

use super::image::{FoundImage, subject};
use super::{ResolveError, Runtime};
use crate::artifact::{Depot, Digest};
use crate::settings::Event;
use crate::spec::{Image, ServerName, Source};
use crate::trust::{Authority, Decision, Explanation, Name, Refused, SignerKey, Subject, Survey};

impl Runtime {
    /// Judges what lies in a registry or a folder, without pulling it.
    ///
    /// # Errors
    /// Where it cannot be found; a refusal is a decision, too.
    pub async fn verify(&self, source: &Source) -> Result<Decision, ResolveError> {
        let (subject, depot) = self.subject(source).await?;
        Ok(self.judge().await.decide(&subject, &depot, &self.depots).await)
    }

    /// What the policies ask of it, that of the machine first. Nobody is asked, nor has it to be there.
    ///
    /// # Errors
    /// Where nobody has to vouch for it.
    pub async fn explain(&self, source: &Source) -> Result<Vec<Explanation>, ResolveError> {
        let name = match source {
            Source::Oci(reference) | Source::Image(Image::Registry(reference)) => Name::of(reference),
            Source::Layout(_) => Name::Layout,
            Source::File(_) | Source::BuiltIn(_) | Source::Image(Image::Local(_)) | Source::Remote(_) => {
                return Err(ResolveError::Own(source.to_string()));
            }
        };
        Ok(self.judge().await.explain(&name))
    }

    /// What can be known of it, whether anybody is trusted for it or not. `key` has a name, and says whether its
    /// signatures have to be logged.
    ///
    /// # Errors
    /// Where it cannot be found, or what lies beside it cannot be had.
    pub async fn survey(
        &self,
        source: &Source,
        key: Option<(String, SignerKey, bool)>,
    ) -> Result<Survey, ResolveError> {
        let (subject, depot) = self.subject(source).await?;
        let unknowable = |problem| ResolveError::Unknowable { reference: source.to_string(), problem };
        let key = key.map(|(name, key, log)| Authority::of_key(name, key, log)).transpose();
        let key = key.map_err(|error| unknowable(error.to_string()))?;
        self.judge().await.survey(&subject, key, &depot, &self.depots).await.map_err(unknowable)
    }

    /// Refuses what the policies deny, also where nobody has to vouch for it.
    pub(super) async fn not_denied(&self, digest: &Digest) -> Result<(), Refused> {
        if self.judge().await.denies(digest) { Err(Refused::Denied(*digest)) } else { Ok(()) }
    }

    /// The same decision, of which whoever looks after this gateway was told.
    pub(super) fn told(&self, server: &ServerName, decision: Decision) -> Decision {
        (self.hooks.event)(Event::Judged { server: server.clone(), decision: Box::new(decision.clone()) });
        decision
    }

    async fn subject(&self, source: &Source) -> Result<(Subject, Depot), ResolveError> {
        let Source::Image(image) = source else {
            return self.listed_component(source).await;
        };
        match self.find_image(image).await? {
            FoundImage::Listed { depot, reference, digests } => Ok((subject(&reference, &digests), depot)),
            FoundImage::Local(_) => Err(ResolveError::Own(source.to_string())),
        }
    }
}
