//! Takes a server from what is written to what runs.

mod component;
mod error;
mod image;
mod policies;
mod publish;
mod refresh;
mod remote;
mod transfer;
mod trust;

use std::sync::Arc;

pub use self::error::{ResolveError, RuntimeError, ServerError};
pub use self::policies::NoLonger;
use self::policies::Policies;
pub use self::publish::{PartError, PublishError, Published, PublishedPolicy};
pub use self::transfer::Transferred;
use crate::artifact::{Depots, Logins, Pace, Shared, Store};
use crate::dial::Dialler;
use crate::executor::container::{self, Containers};
use crate::executor::remote::{self as remotes, Remotes};
use crate::executor::wasm::{Compiler, Engine, Profile};
use crate::plan::{Plan, Runs};
use crate::secret::SecretReader;
use crate::server::Server;
use crate::settings::{Hooks, Settings};
use crate::spec::{Source, Spec};
use crate::trust::{Allowed, Basis};

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
    policies: Policies,
    secrets: SecretReader,
    containers: Containers,
    remotes: Remotes,
}

/// Why something may run, and who says so.
struct Judged {
    basis: Basis,
    signers: Vec<String>,
}

impl From<Basis> for Judged {
    fn from(basis: Basis) -> Self {
        Self { basis, signers: Vec::new() }
    }
}

impl From<&Allowed> for Judged {
    fn from(allowed: &Allowed) -> Self {
        Self { basis: allowed.basis(), signers: allowed.signers().to_vec() }
    }
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
        let isolated = dialler.isolated();
        let logins = Logins::new(&settings.registry);
        let token_hosts = settings.registry.token_hosts.clone();
        let shared = Shared { dialler: isolated, logins, token_hosts, pace: Pace::default(), hooks: hooks.clone() };
        let depots = Depots::new(shared, Store::new(settings.store_folder.clone(), hooks.clone()));
        let policies = Policies::new(&settings);
        let secrets = SecretReader::new(settings.secrets.clone(), hooks.clone());
        let containers = Containers::new(settings.engine_socket.clone(), settings.run_folder.clone(), hooks.clone());
        let remotes = Remotes::default();
        Ok(Self {
            settings,
            hooks,
            built_ins,
            engine,
            compiler,
            dialler,
            depots,
            policies,
            secrets,
            containers,
            remotes,
        })
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
        let (runs, Judged { basis, signers }, limits) = match &source {
            Source::Image(image) => {
                container::check_grant(&grant)?;
                let (runs, judged) = self.judged_image(image).await?;
                (runs, judged, container::limits(limits))
            }
            Source::Remote(_) => {
                remotes::check(&arguments, &grant, &limits)?;
                (Runs::Remote, Basis::Host.into(), limits)
            }
            Source::File(_) | Source::BuiltIn(_) | Source::Oci(_) | Source::Layout(_) => {
                let (runs, judged) = self.judged_component(&source).await?;
                (runs, judged, limits)
            }
        };
        Ok(Plan { name, basis, signers, source, runs, arguments, grant, limits })
    }

    /// Reads what a source is, without judging it: nothing of it runs.
    ///
    /// # Errors
    /// See [`ResolveError`].
    pub async fn inspect(&self, source: &Source) -> Result<Runs, ResolveError> {
        if let Source::Image(image) = source {
            return Ok(Runs::Container(self.find_image(image).await?.run()));
        }
        self.component(source).await
    }

    /// Runs what was planned: exactly those bytes, with exactly that grant, if today's policy lets them.
    ///
    /// # Errors
    /// See [`ServerError`].
    pub async fn start(&self, plan: &Plan) -> Result<Server, ServerError> {
        match &plan.runs {
            Runs::Wasm { digest, manifest, component, .. } => {
                self.start_component(plan, digest, manifest.as_ref(), component).await
            }
            Runs::Container(run) => self.start_image(plan, run).await,
            Runs::Remote => self.start_remote(plan).await,
        }
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
}
