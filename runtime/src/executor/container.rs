//! Servers that are images, run by a container engine on its socket.
//!
//! ```text
//! image ID ─ create::body ─▶ container ─ attach ─▶ pipe: a line is a message ─▶ peer::Connection
//! ```
//!
//! Invariants: what is started is an image by its digest, never by a name ([`create`]). Nothing outlives the server or
//! this process: containers are removed when whoever uses them goes, their stdin ends with this process, and what is
//! left of a process that was killed is removed by the next one ([`tenancy`]).
//!
//! A container is a weaker wall than a component's sandbox: it shares the kernel, and its rules are the engine's to
//! enforce. What cannot be enforced is refused when it is planned ([`check_grant`]).

mod create;
mod engine;
mod error;
mod launch;
mod log;
mod pipe;
mod tenancy;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use tokio::runtime::Handle;
use tokio::sync::Mutex;

use self::engine::{Engine, EngineImage};
use self::launch::Launch;
use self::tenancy::Tenancy;
use super::peer::{Idle, Lines};
use crate::artifact::{Digest, Login};
use crate::plan::Plan;
use crate::sandbox::{Credentials, Limits, OpenDirectory, ProtectedFolders};
use crate::server::{Caller, Link};
use crate::settings::{Event, Hooks};
use crate::spec::{Origin, Sourced};
use crate::trust::VerifiedImage;

pub use self::create::UnenforceableGrant;
pub(crate) use self::create::check_grant;
pub use self::error::ContainerError;

/// The memory of a container that nobody gave another limit: interpreters need more than components.
const MEMORY: u64 = 512 << 20;

/// All containers of this process, on one engine. Nothing is asked of the engine before it is needed.
pub(crate) struct Containers {
    socket: Option<PathBuf>,
    run_folder: PathBuf,
    threads: Threads,
    engine: Mutex<Option<Engine>>,
    tenancy: Mutex<Option<Arc<Tenancy>>>,
    hooks: Hooks,
}

/// How the engine comes to an image that it does not have yet.
#[derive(Clone)]
pub(crate) struct Pull {
    /// Registry and repository.
    pub(crate) repository: String,
    /// The manifest that was judged: nothing else is pulled.
    pub(crate) manifest: Digest,
    /// Who asks, where the registry wants to know.
    pub(crate) login: Option<Login>,
}

/// Threads of their own: a client's may end before its container has.
#[derive(Default)]
struct Threads(OnceLock<tokio::runtime::Runtime>);

impl Containers {
    /// Containers on the engine behind `socket`. What says which process they belong to is kept in `run_folder`.
    pub(crate) fn new(socket: Option<PathBuf>, run_folder: PathBuf, hooks: Hooks) -> Self {
        Self {
            socket,
            run_folder,
            threads: Threads::default(),
            engine: Mutex::default(),
            tenancy: Mutex::default(),
            hooks,
        }
    }

    /// Checks that the engine has this image.
    pub(crate) async fn find(&self, image: Digest) -> Result<(), ContainerError> {
        let engine = self.engine().await?;
        self.on_threads(async move { engine.image(&image).await.map(drop) }).await
    }

    /// A server whose containers are started when they are used. The engine pulls the image if it has to.
    pub(crate) async fn server(
        &self,
        image: &VerifiedImage,
        pull: Option<Pull>,
        plan: &Plan,
        credentials: &Credentials,
        own_folders: &[PathBuf],
    ) -> Result<ContainerServer, ContainerError> {
        let directories = self.directories(plan, own_folders)?;
        let (engine, hooks, wanted) = (self.engine().await?, self.hooks.clone(), *image.image());
        let image = self.on_threads(async move { have(&engine, wanted, pull, &hooks).await }).await?;
        let launch = Launch::new(self.tenancy().await?, &image, plan, credentials, directories, self.hooks.clone())?;
        Ok(ContainerServer(Lines::new(launch, Idle::HERE, self.threads.handle()?)))
    }

    /// Ends all containers, and waits a little for them to be gone. None is started any more.
    pub(crate) fn close(&self) {
        if let Ok(tenancy) = self.tenancy.try_lock()
            && let Some(tenancy) = &*tenancy
        {
            tenancy.close();
        }
    }

    fn directories(&self, plan: &Plan, own_folders: &[PathBuf]) -> Result<Vec<OpenDirectory>, ContainerError> {
        // Whoever reaches the engine's socket has the whole machine.
        let protected = own_folders.iter().chain(&self.socket).cloned();
        let protected = ProtectedFolders::new(protected);
        let open = |dir: &Sourced<_>| {
            let open = OpenDirectory::open(&dir.value, &protected)?;
            create::check_directory(&open, &dir.value)?;
            Ok(open)
        };
        plan.grant.dirs.iter().map(open).collect()
    }

    async fn engine(&self) -> Result<Engine, ContainerError> {
        let mut known = self.engine.lock().await;
        if let Some(engine) = &*known {
            return Ok(engine.clone());
        }
        let socket = self.socket.clone().ok_or(ContainerError::None)?;
        let engine = self.on_threads(Engine::connect(socket)).await?;
        Ok(known.insert(engine).clone())
    }

    /// What this process keeps on the engine. The first time, what others have left there is removed.
    async fn tenancy(&self) -> Result<Arc<Tenancy>, ContainerError> {
        let mut known = self.tenancy.lock().await;
        if let Some(tenancy) = &*known {
            return Ok(Arc::clone(tenancy));
        }
        let (engine, folder) = (self.engine().await?, self.run_folder.clone());
        let threads = self.threads.handle()?;
        let tenancy = Arc::new(Tenancy::begin(engine, &folder, threads.clone())?);
        threads.spawn(Arc::clone(&tenancy).reap());
        Ok(Arc::clone(known.insert(tenancy)))
    }

    /// Runs something that talks to the engine: its connections belong to the threads they were opened on.
    async fn on_threads<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, ContainerError>> + Send + 'static,
    ) -> Result<T, ContainerError> {
        let done = self.threads.handle()?.spawn(work).await;
        done.map_err(|error| ContainerError::Broken(error.to_string()))?
    }
}

impl Drop for Containers {
    fn drop(&mut self) {
        self.close();
    }
}

impl Threads {
    fn handle(&self) -> Result<Handle, ContainerError> {
        if let Some(runtime) = self.0.get() {
            return Ok(runtime.handle().clone());
        }
        let made = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("containers")
            .enable_all()
            .build()
            .map_err(ContainerError::Threads)?;
        // Of two made at the same time, one is not needed.
        if let Err(unused) = self.0.set(made) {
            unused.shutdown_background();
        }
        self.0.get().map(|runtime| runtime.handle().clone()).ok_or_else(|| ContainerError::Broken("threads".to_owned()))
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // Whoever drops it may be on threads that must not wait.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// The image that was judged, as the engine has it.
async fn have(
    engine: &Engine,
    image: Digest,
    pull: Option<Pull>,
    hooks: &Hooks,
) -> Result<EngineImage, ContainerError> {
    let Some(pull) = pull else { return engine.image(&image).await };
    // Engines on containerd's store name an image by the manifest that it was pulled by.
    for name in [image, pull.manifest] {
        match engine.image(&name).await {
            Err(ContainerError::NoImage(_)) => {}
            known => return known,
        }
    }
    (hooks.event)(Event::PullingImage { repository: pull.repository.clone(), manifest: pull.manifest });
    engine.pull(&pull).await?;
    match engine.image(&image).await {
        Err(ContainerError::NoImage(_)) => engine.image(&pull.manifest).await,
        known => known,
    }
}

/// An image that serves. Its containers end with the last line to them.
pub(crate) struct ContainerServer(Lines<Launch>);

impl ContainerServer {
    /// A line to it. A container is started when the line is used.
    pub(crate) fn open(&self, caller: Caller) -> Link {
        self.0.open(caller)
    }

    /// Ends all that runs of it.
    pub(crate) fn close(&self, reason: &str) {
        self.0.close(reason);
    }
}

/// The limits as they hold for a container: what nobody wrote is chosen for one.
pub(crate) fn limits(mut limits: Limits) -> Limits {
    if limits.memory.origin == Origin::Default {
        limits.memory = Sourced::default_of(MEMORY);
    }
    limits
}
