//! What a [`Runtime`](crate::Runtime) is given from outside: it reads no environment, no configuration, no terminal.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::artifact::{Digest, Reference, TokenHosts};
use crate::secret::SecretSettings;
use crate::spec::ServerName;
use crate::trust::{Basis, Decision, Problem, TrustPolicy};
use crate::untrusted::Untrusted;

/// Where a runtime keeps things, and what it may use of the machine.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where compiled code is kept: owner-only, and safe to delete at any time.
    pub code_folder: PathBuf,
    /// Where artifacts are kept, by digest: owner-only. What is deleted there is pulled again.
    pub store_folder: PathBuf,
    /// Where trust roots are kept that come by TUF: owner-only. What is deleted there has to be fetched again.
    pub roots_folder: PathBuf,
    /// How registries are asked.
    pub registry: RegistrySettings,
    /// The file with the key of this machine, made at the first start.
    pub key_file: PathBuf,
    /// All folders of this program, which no grant may touch.
    pub own_folders: Vec<PathBuf>,
    /// Where it is kept which containers belong to which process: owner-only.
    pub run_folder: PathBuf,
    /// The socket of the engine that runs containers, if there is one.
    pub engine_socket: Option<PathBuf>,
    /// The program that compiles.
    pub compile_worker: CompileWorker,
    /// Certificate authorities that are trusted besides the system's: each a PEM file's content.
    pub roots: Vec<Vec<u8>>,
    /// Where this program itself listens, and no guest may send anything.
    pub listeners: Vec<SocketAddr>,
    /// How many threads run guests.
    pub guest_threads: usize,
    /// What this machine trusts at most: no other policy and no waiver lifts it.
    pub ceiling: Option<TrustPolicy>,
    /// Who is trusted for what.
    pub trust: TrustPolicy,
    /// Where it is kept which version of each included policy counted last: owner-only.
    pub policies_folder: PathBuf,
    /// Where indexes of snapshots of advisories are kept: owner-only.
    pub advisories_folder: PathBuf,
    /// Manifests that run this once though nobody vouches for them.
    pub waived: BTreeSet<Digest>,
    /// Where secrets are looked for.
    pub secrets: SecretSettings,
}

/// How to start the child that compiles: it is this program again, and calls
/// [`compile_worker`](crate::compile_worker) with the profile that follows its arguments.
#[derive(Debug, Clone)]
pub struct CompileWorker {
    /// The program.
    pub program: PathBuf,
    /// Its arguments, to which the profile is added.
    pub arguments: Vec<OsString>,
}

/// How registries are asked.
#[derive(Debug, Clone, Default)]
pub struct RegistrySettings {
    /// Docker's configuration file, with passwords for registries.
    pub docker_config: Option<PathBuf>,
    /// Whether the credential programs that it names may be started.
    pub credential_programs: bool,
    /// Where tokens for a registry come from, if not from itself and not from where it is known.
    pub token_hosts: TokenHosts,
}

/// What a runtime tells and asks whoever started it.
#[derive(Clone)]
pub struct Hooks {
    /// Called for everything worth knowing. It must not wait.
    pub event: Arc<dyn Fn(Event) + Send + Sync>,
}

/// Something worth knowing.
#[derive(Debug, Clone)]
pub enum Event {
    /// What a server is made of was judged, and may run or not.
    Judged {
        /// The server.
        server: ServerName,
        /// How it was judged.
        decision: Box<Decision>,
    },
    /// A server starts: this is what runs, and why it may.
    Starting {
        /// The server.
        server: ServerName,
        /// What runs.
        digest: Digest,
        /// Why it may.
        basis: Basis,
    },
    /// A policy that another includes counts from now on.
    PolicyTaken {
        /// Where it lies.
        reference: Reference,
        /// What it is.
        manifest: Digest,
        /// When it was published (RFC 3339).
        published: String,
    },
    /// A policy that another includes does not count: what depends on it is refused.
    PolicyNotTaken {
        /// Where it should be.
        reference: Reference,
        /// Why not.
        problem: Problem,
    },
    /// Some bytes of a blob came in, or went out.
    Transferred {
        /// Where from, or where to.
        name: String,
        /// How many bytes there are so far.
        done: u64,
        /// How many there will be.
        total: u64,
    },
    /// A registry does not answer as it should, and is asked again.
    AskingAgain {
        /// The registry.
        registry: String,
        /// What it did.
        problem: Untrusted,
        /// When it is asked again.
        wait: Duration,
    },
    /// A registry cannot be reached: the manifest that a tag had, when it was last asked, is taken in its place.
    LastSeen {
        /// The tag.
        reference: Reference,
        /// What it named.
        manifest: Digest,
    },
    /// A registry cannot be reached: what lies beside its artifacts, as signatures, is taken as it was when the registry
    /// was last asked.
    BesideLastSeen {
        /// Registry and repository.
        repository: String,
    },
    /// A file of the store is not what it was: it was removed, and is pulled again.
    StoreDamaged {
        /// The file.
        path: PathBuf,
    },
    /// A component is being compiled, which can take seconds.
    Compiling {
        /// What is compiled.
        digest: Digest,
        /// How large it is.
        bytes: usize,
    },
    /// A component was compiled.
    Compiled {
        /// What was compiled.
        digest: Digest,
        /// How long it took.
        took: Duration,
    },
    /// A file of compiled code is damaged, or was not written by this machine: it is not loaded, but made again.
    CodeNotOurs {
        /// The file.
        path: PathBuf,
    },
    /// Compiled code could not be kept: the next start compiles again.
    CodeNotKept {
        /// Where it should have been kept.
        folder: PathBuf,
        /// What the system said.
        error: String,
    },
    /// The engine pulls an image, which can take minutes.
    PullingImage {
        /// Registry and repository.
        repository: String,
        /// What is pulled.
        manifest: Digest,
    },
    /// A guest wrote a line to its stdout or stderr.
    GuestWrote {
        /// The guest's server.
        server: ServerName,
        /// What it wrote.
        line: Untrusted,
    },
    /// A guest's request was refused, and the guest was told so.
    RequestRefused {
        /// The guest's server.
        server: ServerName,
        /// Why, and what would allow it.
        reason: Untrusted,
    },
    /// A secret was read from a file that others on this machine can read or change.
    SecretFileNotPrivate {
        /// The file.
        path: PathBuf,
    },
}
