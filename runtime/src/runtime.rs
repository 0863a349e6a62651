//! Takes a server from what is written to what runs.

mod image;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::artifact::{
    Artifact, ArtifactError, Copied, Depot, DepotError, Depots, Digest, Logins, Manifest, Pace, Packed, PushTarget,
    Reference, Selector, Shared, Store,
};
use crate::dial::Dialler;
use crate::executor::container::{self, ContainerError, Containers, UnenforceableGrant};
use crate::executor::remote::{self, NotEnforced, RemoteServer, Remotes};
use crate::executor::wasm::{
    CodeError, CommandServer, Compiler, DescribeError, Engine, EngineError, MissingImport, NativeServer, Profile,
    Sandbox, Shape, StartError, check_imports, describe,
};
use crate::plan::{Plan, Runs};
use crate::sandbox::{Broker, Brokers, Credentials, DirectoryError, InvalidGrant, OpenDirectory, ProtectedFolders};
use crate::secret::{SecretError, SecretReader};
use crate::server::Server;
use crate::settings::{Event, Hooks, Settings};
use crate::spec::{Layout, Source, Spec};
use crate::trust::{self, Decision, Judge, Refused, Subject, Verified};

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
    depots: Depots,
    judge: Judge,
    secrets: SecretReader,
    containers: Containers,
    remotes: Remotes,
}

/// What was pulled or pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transferred {
    /// The manifest: by this digest it can be pulled, and nothing else can.
    pub manifest: Digest,
    /// The component in it.
    pub component: Digest,
    /// How large that is.
    pub bytes: u64,
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
    /// The registry or layout does not give them.
    #[error(transparent)]
    Depot(#[from] DepotError),
    /// No server of this name is shipped inside.
    #[error("no server named {0} is built in")]
    NotBuiltIn(String),
    /// It is the person's own, and nobody else has to vouch for it.
    #[error("{0} is your own: there is nothing to verify")]
    Own(String),
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
    /// Nobody vouches for it.
    #[error(transparent)]
    Refused(#[from] Refused),
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
    /// A secret that its credentials need cannot be had.
    #[error(transparent)]
    Secret(#[from] SecretError),
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
        let dialler = dialler.sparing(&settings.listeners);
        let isolated = dialler.isolated().map_err(|error| RuntimeError::Dial(error.into()))?;
        let logins = Logins::new(&settings.registry);
        let token_hosts = settings.registry.token_hosts.clone();
        let shared = Shared { dialler: isolated, logins, token_hosts, pace: Pace::default(), hooks: hooks.clone() };
        let depots = Depots::new(shared, Store::new(settings.store_folder.clone(), hooks.clone()));
        let judge = Judge::new(settings.trust.clone(), settings.waived.clone());
        let secrets = SecretReader::new(settings.secrets.clone(), hooks.clone());
        let containers = Containers::new(settings.engine_socket.clone(), settings.run_folder.clone(), hooks.clone());
        let remotes = Remotes::default();
        Ok(Self { settings, hooks, built_ins, engine, compiler, dialler, depots, judge, secrets, containers, remotes })
    }

    /// Finds out what `spec` means, and whether it may run, without running or compiling any of it.
    ///
    /// # Errors
    /// See [`ResolveError`].
    pub async fn resolve(&self, spec: Spec) -> Result<Plan, ResolveError> {
        let Spec { name, source, arguments, mut grant, limits } = spec;
        let home = if let Source::Remote(remote) = &source { Some(remote.url()) } else { None };
        grant.send_home(home)?;
        grant.check()?;
        if let Source::Image(image) = &source {
            container::check_grant(&grant)?;
            let (runs, basis) = self.judged_image(image).await?;
            let limits = container::limits(limits);
            return Ok(Plan { name, basis, source, runs, arguments, grant, limits });
        }
        if let Source::Remote(_) = &source {
            remote::check(&arguments, &grant, &limits)?;
            let (runs, basis) = (Runs::Remote, trust::Basis::Host);
            return Ok(Plan { name, basis, source, runs, arguments, grant, limits });
        }
        let (pulled, basis) = match trust::own_basis(&source) {
            Some(basis) => (self.own(&source).await?, basis),
            None => {
                let listed = self.list(&source, None).await?;
                let allowed = self.judge.decide(&listed.subject, &listed.depot).await.allowed()?;
                (listed.pull().await?, allowed.basis())
            }
        };
        let runs = described(&source, &pulled)?;
        Ok(Plan { name, basis, source, runs, arguments, grant, limits })
    }

    /// Reads what a source is, without judging it: nothing of it runs.
    ///
    /// # Errors
    /// See [`ResolveError`].
    pub async fn inspect(&self, source: &Source) -> Result<Runs, ResolveError> {
        if let Source::Image(image) = source {
            return Ok(Runs::Container(self.find_image(image).await?.run()));
        }
        let pulled = match trust::own_basis(source) {
            Some(_) => self.own(source).await?,
            None => self.list(source, None).await?.pull().await?,
        };
        described(source, &pulled)
    }

    /// Judges what lies in a registry or a folder, without pulling it.
    ///
    /// # Errors
    /// Where it cannot be found; a refusal is a decision, too.
    pub async fn verify(&self, source: &Source) -> Result<Decision, ResolveError> {
        if let Source::Image(image) = source {
            return self.verify_image(image).await;
        }
        let listed = self.list(source, None).await?;
        Ok(self.judge.decide(&listed.subject, &listed.depot).await)
    }

    /// Runs what was planned: exactly those bytes, with exactly that grant, if today's policy lets them.
    ///
    /// # Errors
    /// See [`ServerError`].
    pub async fn start(&self, plan: &Plan) -> Result<Server, ServerError> {
        let (digest, manifest, component) = match &plan.runs {
            Runs::Wasm { digest, manifest, component, .. } => (digest, manifest, component),
            Runs::Container(run) => return self.start_image(plan, run).await,
            Runs::Remote => return self.start_remote(plan).await,
        };
        check_imports(component, &plan.grant).map_err(ServerError::Imports)?;
        let directories = self.directories(plan)?;
        let verified = self.verified(&plan.source, digest, manifest.as_ref()).await?;
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

    /// Brings a component into the store. That it is here says nothing about whether it may run.
    ///
    /// # Errors
    /// See [`DepotError`].
    pub async fn pull(&self, reference: &Reference) -> Result<Transferred, DepotError> {
        let depot = self.depots.registry(reference);
        let manifest = depot.manifest(reference.selector()).await?;
        let component = depot.fetch_wasm(&manifest).await?;
        Ok(Transferred { manifest: *manifest.digest(), component: component.digest, bytes: component.size })
    }

    /// Copies an artifact, with its signatures and attestations, into a folder in the OCI layout: also those that lie in
    /// another repository, if one is named.
    ///
    /// # Errors
    /// See [`DepotError`].
    pub async fn copy(
        &self,
        reference: &Reference,
        signatures: Option<&Reference>,
        to: &Path,
    ) -> Result<Copied, DepotError> {
        self.depots.copy(reference, signatures, to).await
    }

    /// Sends the server in a file to a registry or layout, under a tag. The same file becomes the same artifact.
    ///
    /// # Errors
    /// Where the file is no server, or the registry or folder does not take it.
    pub async fn push(&self, file: PathBuf, to: &PushTarget) -> Result<Transferred, ResolveError> {
        let artifact = read_file(file.clone()).await?;
        let described = describe(artifact.bytes());
        let described = described.map_err(|error| ResolveError::NotAServer { path: file, error })?;
        let packed = Packed::component(&artifact, &described.imports, &described.exports)?;
        let bytes = artifact.bytes().len() as u64;
        let done = Transferred { manifest: *packed.digest(), component: *artifact.digest(), bytes };
        let (depot, tag) = match to {
            PushTarget::Registry { reference, tag } => (self.depots.registry(reference), tag),
            PushTarget::Layout { folder, tag } => (self.depots.folder(folder), tag),
        };
        depot.push(packed, tag).await?;
        Ok(done)
    }

    /// Ends what runs outside of this process and the sessions with servers elsewhere, and waits a little for that.
    /// Happens at the latest when this value is dropped.
    pub fn close(&self) {
        self.containers.close();
        self.remotes.close();
    }

    /// How guests' memory is laid out on this machine.
    pub fn profile(&self) -> Profile {
        self.engine.profile()
    }

    /// Connects to nobody: that happens when something is asked of the server.
    async fn start_remote(&self, plan: &Plan) -> Result<Server, ServerError> {
        let Source::Remote(remote) = &plan.source else {
            return Err(ResolveError::NotYet(plan.source.to_string()).into());
        };
        // Plans can be written down, and read again.
        remote::check(&plan.arguments, &plan.grant, &plan.limits).map_err(ResolveError::from)?;
        let credentials = Arc::new(Credentials::read(&plan.grant, &self.secrets).await?);
        let broker = Broker::new(self.dialler.clone(), [remote::rule(remote)?], credentials);
        let server = RemoteServer::new(plan, remote, broker, &self.remotes).map_err(ServerError::Threads)?;
        Ok(Server::remote(server))
    }

    /// The planned bytes, with the proof that they may run.
    async fn verified(
        &self,
        source: &Source,
        planned: &Digest,
        manifest: Option<&Digest>,
    ) -> Result<Verified, ServerError> {
        if trust::own_basis(source).is_some() {
            return Ok(trust::judge_own(source, planned, self.own(source).await?.artifact)?);
        }
        let listed = self.list(source, manifest).await?;
        let allowed = self.judge.decide(&listed.subject, &listed.depot).await.allowed()?;
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
        let subject = Subject { reference: source.to_string(), name, manifests: vec![*manifest.digest()] };
        Ok(Listed { depot, manifest, subject })
    }

    fn directories(&self, plan: &Plan) -> Result<Vec<OpenDirectory>, DirectoryError> {
        let protected = ProtectedFolders::new(self.settings.own_folders.iter().cloned());
        plan.grant.dirs.iter().map(|dir| OpenDirectory::open(&dir.value, &protected)).collect()
    }
}

/// A manifest, where it lies, and what is judged of it.
struct Listed {
    depot: Depot,
    manifest: Manifest,
    subject: Subject,
}

/// The bytes of a component, and the manifest that names them; none where they are the person's own.
struct Pulled {
    artifact: Artifact,
    manifest: Option<Digest>,
}

impl Listed {
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

async fn read_file(path: PathBuf) -> Result<Artifact, ArtifactError> {
    let read = tokio::task::spawn_blocking(move || Artifact::read(&path));
    read.await.map_err(|error| ArtifactError::Interrupted(error.to_string()))?
}
