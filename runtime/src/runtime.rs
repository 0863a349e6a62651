//! Takes a server from what is written to what runs.

use std::path::PathBuf;
use std::sync::Arc;

use crate::artifact::{Artifact, ArtifactError, Digest};
use crate::dial::Dialler;
use crate::executor::container::{self, ContainerError, Containers, UnenforceableGrant};
use crate::executor::remote::{self, NotEnforced, RemoteServer, Remotes};
use crate::executor::wasm::{
    CodeError, CommandServer, Compiler, DescribeError, Engine, EngineError, MissingImport, NativeServer, Profile,
    Sandbox, Shape, StartError, check_imports, describe,
};
use crate::plan::{Plan, Runs};
use crate::sandbox::{Broker, DirectoryError, InvalidGrant, OpenDirectory, ProtectedFolders};
use crate::server::Server;
use crate::settings::{Event, Hooks, Settings};
use crate::spec::{Image, Source, Spec};
use crate::trust::{self, Refused, VerifiedImage};

/// The servers shipped inside this program: a name and the bytes of its component.
pub type BuiltIns = &'static [(&'static str, &'static [u8])];

/// Everything that servers share: the engine, the compiler, the way out.
pub struct Runtime {
    settings: Settings,
    hooks: Hooks,
    built_ins: BuiltIns,
    engine: Arc<Engine>,
    compiler: Compiler,
    dialler: Dialler,
    containers: Containers,
    remotes: Remotes,
}

/// Why no server can be run at all.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The engine does not start.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// There is no key for compiled code.
    #[error(transparent)]
    Code(#[from] CodeError),
    /// No connection could ever be made.
    #[error("outgoing connections cannot be set up")]
    Dial(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Why a specification does not become a plan.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// The bytes cannot be had.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// No server of this name is shipped inside.
    #[error("no server named {0} is built in")]
    NotBuiltIn(String),
    /// What this is cannot be run yet.
    #[error("{0} cannot be run yet")]
    NotYet(String),
    /// The bytes are no server.
    #[error("{}: {error}", path.display())]
    NotAServer {
        /// Where they came from.
        path: PathBuf,
        /// What they are instead.
        error: DescribeError,
    },
    /// The grant contradicts itself.
    #[error(transparent)]
    Grant(#[from] InvalidGrant),
    /// The grant is none that a container can be held to.
    #[error(transparent)]
    Unenforceable(#[from] UnenforceableGrant),
    /// The image cannot be had.
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// Something is asked for that nobody can see to: the server runs elsewhere.
    #[error(transparent)]
    NotEnforced(#[from] NotEnforced),
}

/// Why a plan does not become a running server.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The bytes cannot be had any more.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// The plan contradicts itself.
    #[error(transparent)]
    Grant(#[from] InvalidGrant),
    /// Nobody vouches for these bytes.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// It needs what nobody gives.
    #[error("it needs what its sandbox does not have:{}", lines(.0))]
    Imports(Vec<MissingImport>),
    /// A granted directory cannot be given.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// It cannot be compiled.
    #[error(transparent)]
    Code(#[from] CodeError),
    /// It fails at its start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The system gives no threads for its connections.
    #[error("the system gives no threads for connections")]
    Threads(#[source] std::io::Error),
    /// Its container cannot be started.
    #[error(transparent)]
    Container(#[from] ContainerError),
}

fn lines(missing: &[MissingImport]) -> String {
    missing.iter().map(|import| format!("\n  {import}")).collect()
}

impl Runtime {
    /// Starts the engine. Makes the key of this machine if there is none.
    ///
    /// # Errors
    /// See [`RuntimeError`].
    pub fn new(settings: Settings, hooks: Hooks, built_ins: BuiltIns) -> Result<Self, RuntimeError> {
        let engine = Arc::new(Engine::start(settings.guest_threads)?);
        let worker = settings.compile_worker.clone();
        let compiler = Compiler::new(settings.code_folder.clone(), &settings.key_file, worker)?;
        let dialler = Dialler::new(&settings.roots).map_err(|error| RuntimeError::Dial(error.into()))?;
        let containers = Containers::new(settings.engine_socket.clone(), settings.run_folder.clone());
        Ok(Self { settings, hooks, built_ins, engine, compiler, dialler, containers, remotes: Remotes::default() })
    }

    /// Finds out what `spec` means, without running or compiling any of it.
    ///
    /// # Errors
    /// See [`ResolveError`].
    pub async fn resolve(&self, spec: Spec) -> Result<Plan, ResolveError> {
        let Spec { name, source, arguments, grant, limits } = spec;
        grant.check()?;
        let basis = trust::basis(&source);
        if let Source::Image(image) = &source {
            container::check_grant(&grant)?;
            let runs = self.image(image).await?;
            return Ok(Plan { name, basis, source, runs, arguments, grant, limits: container::limits(limits) });
        }
        if let Source::Remote(_) = &source {
            remote::check(&arguments, &grant, &limits)?;
            return Ok(Plan { name, basis, source, runs: Runs::Remote, arguments, grant, limits });
        }
        let artifact = self.artifact(&source).await?;
        let component = describe(artifact.bytes())
            .map_err(|error| ResolveError::NotAServer { path: PathBuf::from(source.to_string()), error })?;
        let runs = Runs::Wasm { digest: *artifact.digest(), bytes: artifact.bytes().len(), component };
        Ok(Plan { name, basis, source, runs, arguments, grant, limits })
    }

    /// Runs what was planned: exactly those bytes, with exactly that grant.
    ///
    /// # Errors
    /// See [`ServerError`].
    pub async fn start(&self, plan: &Plan) -> Result<Server, ServerError> {
        let (digest, component) = match &plan.runs {
            Runs::Wasm { digest, component, .. } => (digest, component),
            Runs::Container { image, manifest } => return self.start_container(plan, image, manifest.as_ref()).await,
            Runs::Remote => return self.start_remote(plan),
        };
        check_imports(component, &plan.grant).map_err(ServerError::Imports)?;
        let directories = self.directories(plan)?;
        let artifact = self.artifact(&plan.source).await?;
        let verified = trust::judge(&plan.source, digest, artifact)?;
        let starting =
            Event::Starting { server: plan.name.clone(), digest: *verified.digest(), basis: verified.basis() };
        (self.hooks.event)(starting);
        let loaded = self.compiler.load(&self.engine, &verified, &self.hooks).await?;
        let rules = plan.grant.http.iter().map(|rule| rule.value.clone());
        let broker = Broker::new(self.dialler.clone(), rules);
        let sandbox = Sandbox {
            server: plan.name.clone(),
            env: plan.grant.env.iter().map(|item| (item.value.name.clone(), item.value.value.clone())).collect(),
            directories,
            memory: plan.limits.memory.value,
            broker: Arc::new(broker),
            hooks: self.hooks.clone(),
        };
        let engine = Arc::clone(&self.engine);
        Ok(match component.shape {
            Shape::Native(_) => Server::native(NativeServer::start(engine, loaded, plan, component, sandbox).await?),
            Shape::Command => Server::command(CommandServer::start(engine, &loaded, plan, sandbox)?),
        })
    }

    /// Ends what runs outside of this process and the sessions with servers elsewhere, and waits a little for that. Happens at the latest when this
    /// value is dropped.
    pub fn close(&self) {
        self.containers.close();
        self.remotes.close();
    }

    /// How guests' memory is laid out on this machine.
    pub fn profile(&self) -> Profile {
        self.engine.profile()
    }

    async fn start_container(
        &self,
        plan: &Plan,
        image: &Digest,
        manifest: Option<&Digest>,
    ) -> Result<Server, ServerError> {
        let verified = match (&plan.source, manifest) {
            (Source::Image(Image::Local(id)), None) if id == image => VerifiedImage::own(*id),
            _ => return Err(ResolveError::NotYet(plan.source.to_string()).into()),
        };
        // Plans can be written down, and read again.
        container::check_grant(&plan.grant).map_err(ResolveError::from)?;
        let server = self.containers.server(&verified, plan, &self.settings.own_folders, self.hooks.clone()).await?;
        let starting =
            Event::Starting { server: plan.name.clone(), digest: *verified.image(), basis: verified.basis() };
        (self.hooks.event)(starting);
        Ok(Server::container(server))
    }

    /// Connects to nobody: that happens when something is asked of the server.
    fn start_remote(&self, plan: &Plan) -> Result<Server, ServerError> {
        let Source::Remote(remote) = &plan.source else {
            return Err(ResolveError::NotYet(plan.source.to_string()).into());
        };
        // Plans can be written down, and read again.
        remote::check(&plan.arguments, &plan.grant, &plan.limits).map_err(ResolveError::from)?;
        let broker = Broker::new(self.dialler.clone(), [remote::rule(remote)?]);
        let server = RemoteServer::new(plan, remote, broker, &self.remotes).map_err(ServerError::Threads)?;
        Ok(Server::remote(server))
    }

    /// Which image would run.
    async fn image(&self, image: &Image) -> Result<Runs, ResolveError> {
        match image {
            Image::Local(id) => {
                self.containers.find(*id).await?;
                Ok(Runs::Container { image: *id, manifest: None })
            }
            Image::Registry(_) => Err(ResolveError::NotYet(Source::Image(image.clone()).to_string())),
        }
    }

    async fn artifact(&self, source: &Source) -> Result<Artifact, ResolveError> {
        match source {
            Source::File(path) => {
                let path = path.clone();
                let read = tokio::task::spawn_blocking(move || Artifact::read(&path));
                Ok(read.await.map_err(|error| ArtifactError::Interrupted(error.to_string()))??)
            }
            Source::BuiltIn(name) => {
                let found = self.built_ins.iter().find(|(known, _)| known == name);
                let (_, bytes) = found.ok_or_else(|| ResolveError::NotBuiltIn(name.clone()))?;
                Ok(Artifact::new(*bytes))
            }
            Source::Oci(_) | Source::Layout(_) | Source::Image(_) | Source::Remote(_) => {
                Err(ResolveError::NotYet(source.to_string()))
            }
        }
    }

    fn directories(&self, plan: &Plan) -> Result<Vec<OpenDirectory>, DirectoryError> {
        let protected = ProtectedFolders::new(self.settings.own_folders.iter().cloned());
        plan.grant.dirs.iter().map(|dir| OpenDirectory::open(&dir.value, &protected)).collect()
    }
}
