//! Servers that are components: their bytes, whether they may run, and how they start. Of images in folders only what is
//! judged of them: no engine has these.

use std::path::PathBuf;
use std::sync::Arc;

use super::image::container_run;
use super::{Judged, ResolveError, Runtime, ServerError};
use crate::artifact::{Artifact, ArtifactError, Depot, Digest, ImageDigests, Manifest, Selector, image_if_any};
use crate::executor::wasm::{CommandServer, Description, NativeServer, Sandbox, Shape, check_imports, describe};
use crate::plan::{Plan, Runs};
use crate::sandbox::{Broker, Brokers, Credentials, DirectoryError, OpenDirectory, ProtectedFolders};
use crate::server::Server;
use crate::settings::Event;
use crate::spec::{Layout, Source};
use crate::trust::{self, Refused, Subject, Verified};

impl Runtime {
    /// Which component would run, and why it may.
    pub(super) async fn judged_component(&self, source: &Source) -> Result<(Runs, Judged), ResolveError> {
        let (pulled, judged) = match trust::own_basis(source) {
            Some(basis) => (self.own(source).await?, basis.into()),
            None => {
                let listed = self.list(source, None).await?.component()?;
                let allowed =
                    self.judge().await.decide(&listed.subject, &listed.depot, &self.depots).await.allowed()?;
                (listed.pull().await?, Judged::from(&allowed))
            }
        };
        Ok((described(source, &pulled)?, judged))
    }

    /// What a component is, or an image in a folder, before anybody has judged it.
    pub(super) async fn component(&self, source: &Source) -> Result<Runs, ResolveError> {
        if trust::own_basis(source).is_some() {
            return described(source, &self.own(source).await?);
        }
        let listed = self.list(source, None).await?;
        match &listed.image {
            Some(image) => Ok(Runs::Container(container_run(image))),
            None => described(source, &listed.pull().await?),
        }
    }

    /// What is judged of a component, or of an image in a folder, and where it lies.
    pub(super) async fn listed_component(&self, source: &Source) -> Result<(Subject, Depot), ResolveError> {
        let Listed { subject, depot, .. } = self.list(source, None).await?;
        Ok((subject, depot))
    }

    /// Runs the component that was planned, if today's policy lets it.
    pub(super) async fn start_component(
        &self,
        plan: &Plan,
        digest: &Digest,
        manifest: Option<&Digest>,
        component: &Description,
    ) -> Result<Server, ServerError> {
        check_imports(component, &plan.grant).map_err(ServerError::Imports)?;
        let directories = self.directories(plan)?;
        let verified = self.verified(plan, digest, manifest).await?;
        let credentials = Arc::new(Credentials::read(&plan.grant, &self.secrets).await?);
        let starting =
            Event::Starting { server: plan.name.clone(), digest: *verified.digest(), basis: verified.basis() };
        (self.hooks.event)(starting);
        let loaded = self.compiler.load(&self.engine, &verified, &self.hooks).await?;
        let rules = plan.grant.http.iter().map(|rule| rule.value.clone());
        let broker = Broker::new(self.dialler.clone(), rules, credentials);
        let written = plan.grant.env.iter().map(|item| (item.value.name.as_str(), item.value.value.as_str()));
        let sandbox = Sandbox {
            server: plan.name.clone(),
            env: written.chain(broker.variables()).map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            directories,
            memory: plan.limits.memory.value,
            brokers: Arc::new(Brokers::new(broker)),
            hooks: self.hooks.clone(),
        };
        let engine = Arc::clone(&self.engine);
        Ok(match component.shape {
            Shape::Native(_) => Server::native(NativeServer::start(engine, loaded, plan, component, sandbox).await?),
            Shape::Command => Server::command(CommandServer::start(engine, &loaded, plan, sandbox)?),
        })
    }

    /// The planned bytes, with the proof that they may run.
    async fn verified(
        &self,
        plan: &Plan,
        planned: &Digest,
        manifest: Option<&Digest>,
    ) -> Result<Verified, ServerError> {
        let source = &plan.source;
        if trust::own_basis(source).is_some() {
            return Ok(trust::judge_own(source, planned, self.own(source).await?.artifact)?);
        }
        let listed = self.list(source, manifest).await?.component()?;
        let decision = self.judge().await.decide(&listed.subject, &listed.depot, &self.depots).await;
        let allowed = self.told(&plan.name, decision).allowed()?;
        let Pulled { artifact, .. } = listed.pull().await?;
        let verified = allowed.component(&listed.manifest, artifact)?;
        if verified.digest() != planned {
            return Err(Refused::Changed { planned: *planned, found: *verified.digest() }.into());
        }
        Ok(verified)
    }

    async fn own(&self, source: &Source) -> Result<Pulled, ResolveError> {
        let artifact = match source {
            Source::File(path) => read_file(path.clone()).await?,
            Source::BuiltIn(name) => {
                let found = self.built_ins.iter().find(|(known, _)| known == name);
                let (_, bytes) = found.ok_or_else(|| ResolveError::NotBuiltIn(name.clone()))?;
                Artifact::new(*bytes)
            }
            Source::Oci(_) | Source::Layout(_) | Source::Image(_) | Source::Remote(_) => {
                return Err(ResolveError::NotYet(source.to_string()));
            }
        };
        self.not_denied(artifact.digest()).await?;
        Ok(Pulled { artifact, manifest: None })
    }

    /// Finds a manifest: the planned one, whatever the tag names by now, or else what the source names.
    async fn list(&self, source: &Source, planned: Option<&Digest>) -> Result<Listed, ResolveError> {
        let (depot, name, selector) = match source {
            Source::Oci(reference) => {
                (self.depots.registry(reference), trust::Name::of(reference), reference.selector().clone())
            }
            Source::Layout(Layout { folder, selector }) => {
                let depot = self.depots.folder(folder);
                let selector = match selector {
                    Some(selector) => selector.clone(),
                    None => depot.only().await?,
                };
                (depot, trust::Name::Layout, selector)
            }
            Source::File(_) | Source::BuiltIn(_) | Source::Image(_) | Source::Remote(_) => {
                return Err(ResolveError::NotYet(source.to_string()));
            }
        };
        let selector = planned.map_or(selector, |digest| Selector::Digest(*digest));
        let manifest = depot.manifest(&selector).await?;
        // In a registry, an image has a name of its own: `docker://`.
        let image = match &depot {
            Depot::Folder(_) => image_if_any(&depot, &manifest).await?,
            Depot::Registry { .. } => None,
        };
        let subject = match &image {
            Some(image) => Subject::of_image(source.to_string(), name, image),
            None => Subject::of(source.to_string(), name, &manifest),
        };
        Ok(Listed { depot, manifest, subject, image })
    }

    fn directories(&self, plan: &Plan) -> Result<Vec<OpenDirectory>, DirectoryError> {
        let protected = ProtectedFolders::new(self.own_folders());
        plan.grant.dirs.iter().map(|dir| OpenDirectory::open(&dir.value, &protected)).collect()
    }
}

/// A manifest, where it lies, and what is judged of it.
struct Listed {
    depot: Depot,
    manifest: Manifest,
    subject: Subject,
    /// What it is where it is no component.
    image: Option<ImageDigests>,
}

/// The bytes of a component, and the manifest that names them; none where they are the person's own.
struct Pulled {
    artifact: Artifact,
    manifest: Option<Digest>,
}

impl Listed {
    /// Refuses what no engine could be told to pull.
    fn component(self) -> Result<Self, ResolveError> {
        match self.image {
            Some(ImageDigests { image, .. }) => {
                Err(ResolveError::ImageInFolder { reference: self.subject.reference, image })
            }
            None => Ok(self),
        }
    }

    async fn pull(&self) -> Result<Pulled, ResolveError> {
        let artifact = self.depot.wasm(&self.manifest).await?;
        Ok(Pulled { artifact, manifest: Some(*self.manifest.digest()) })
    }
}

fn described(source: &Source, pulled: &Pulled) -> Result<Runs, ResolveError> {
    let Pulled { artifact, manifest } = pulled;
    let component = describe(artifact.bytes())
        .map_err(|error| ResolveError::NotAServer { path: PathBuf::from(source.to_string()), error })?;
    Ok(Runs::Wasm { digest: *artifact.digest(), manifest: *manifest, bytes: artifact.bytes().len(), component })
}

pub(super) async fn read_file(path: PathBuf) -> Result<Artifact, ArtifactError> {
    let read = tokio::task::spawn_blocking(move || Artifact::read(&path));
    read.await.map_err(|error| ArtifactError::Interrupted(error.to_string()))?
}
