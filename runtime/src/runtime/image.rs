//! Servers that are images: which one is meant, whether it may run, and how it comes onto the engine.

use super::{Judged, ResolveError, Runtime, ServerError};
use crate::artifact::{Depot, ImageDigests, Manifest, Reference, Selector, image_digests};
use crate::executor::container::{self, Pull};
use crate::plan::{ContainerRun, Plan, Runs};
use crate::sandbox::Credentials;
use crate::server::Server;
use crate::settings::Event;
use crate::spec::{Image, ServerName, Source};
use crate::trust::{Basis, Name, Refused, Subject, VerifiedImage};

/// An image that was found, before anybody has judged it.
pub(super) enum FoundImage {
    /// On the person's own engine.
    Local(ContainerRun),
    /// In a registry.
    Listed { depot: Depot, reference: Reference, digests: ImageDigests },
}

impl Runtime {
    /// Which image would run, and why it may. Of an image in a registry, the engine is not asked.
    pub(super) async fn judged_image(&self, image: &Image) -> Result<(Runs, Judged), ResolveError> {
        let found = self.find_image(image).await?;
        let run = found.run();
        let judged = match found {
            FoundImage::Local(_) => Basis::OwnImage.into(),
            FoundImage::Listed { depot, reference, digests } => Judged::from(
                &self.judge().await.decide(&subject(&reference, &digests), &depot, &self.depots).await.allowed()?,
            ),
        };
        Ok((Runs::Container(run), judged))
    }

    pub(super) async fn find_image(&self, image: &Image) -> Result<FoundImage, ResolveError> {
        match image {
            Image::Local(id) => {
                self.not_denied(id).await?;
                self.containers.find(*id).await?;
                Ok(FoundImage::Local(ContainerRun { image: *id, manifest: None, index: None }))
            }
            Image::Registry(reference) => {
                let depot = self.depots.registry(reference);
                let digests = image_digests(&depot, reference.selector()).await?;
                Ok(FoundImage::Listed { depot, reference: reference.clone(), digests })
            }
        }
    }

    /// Runs the image that was planned, if today's policy lets it.
    pub(super) async fn start_image(&self, plan: &Plan, run: &ContainerRun) -> Result<Server, ServerError> {
        // Plans can be written down, and read again.
        container::check_grant(&plan.grant).map_err(ResolveError::from)?;
        let (verified, pull) = match &plan.source {
            Source::Image(Image::Local(id)) if *id == run.image => {
                self.not_denied(id).await?;
                (VerifiedImage::own(*id), None)
            }
            Source::Image(Image::Registry(reference)) => self.verified_image(&plan.name, reference, run).await?,
            _ => return Err(ResolveError::NotYet(plan.source.to_string()).into()),
        };
        let credentials = Credentials::read(&plan.grant, &self.secrets).await?;
        let starting =
            Event::Starting { server: plan.name.clone(), digest: *verified.image(), basis: verified.basis() };
        (self.hooks.event)(starting);
        let own_folders = self.own_folders();
        Ok(Server::container(self.containers.server(&verified, pull, plan, &credentials, &own_folders).await?))
    }

    /// The planned image, with the proof that it may run. Tags have no say any more.
    async fn verified_image(
        &self,
        server: &ServerName,
        reference: &Reference,
        run: &ContainerRun,
    ) -> Result<(VerifiedImage, Option<Pull>), ServerError> {
        let depot = self.depots.registry(reference);
        let changed = |found| Refused::Changed { planned: run.image, found };
        let planned = run.index.or(run.manifest).ok_or_else(|| changed(run.image))?;
        let digests = image_digests(&depot, &Selector::Digest(planned)).await.map_err(ResolveError::from)?;
        let expected = ImageDigests { index: run.index, manifest: digests.manifest, image: run.image };
        if digests != expected || run.manifest != Some(digests.manifest) {
            return Err(changed(digests.image).into());
        }
        let decision = self.judge().await.decide(&subject(reference, &digests), &depot, &self.depots).await;
        let allowed = self.told(server, decision).allowed()?;
        let named: Manifest = depot.manifest(&Selector::Digest(digests.manifest)).await.map_err(ResolveError::from)?;
        let verified = allowed.image(&named)?;
        let login = self.depots.login(reference).await.map_err(ResolveError::from)?;
        let pull = Pull { repository: reference.name(), manifest: digests.manifest, login };
        Ok((verified, Some(pull)))
    }
}

impl FoundImage {
    pub(super) fn run(&self) -> ContainerRun {
        match self {
            Self::Local(run) => *run,
            Self::Listed { digests, .. } => container_run(digests),
        }
    }
}

/// What is judged of an image in a registry.
pub(super) fn subject(reference: &Reference, digests: &ImageDigests) -> Subject {
    Subject::of_image(format!("docker://{reference}"), Name::of(reference), digests)
}

/// What an engine would run.
pub(super) fn container_run(digests: &ImageDigests) -> ContainerRun {
    ContainerRun { image: digests.image, manifest: Some(digests.manifest), index: digests.index }
}
