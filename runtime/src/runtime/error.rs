//! Why something does not become a plan, or a plan no server.

use std::path::PathBuf;

use crate::artifact::{ArtifactError, DepotError, Digest};
use crate::executor::container::{ContainerError, UnenforceableGrant};
use crate::executor::remote::NotEnforced;
use crate::executor::wasm::{CodeError, DescribeError, EngineError, MissingImport, StartError};
use crate::sandbox::{DirectoryError, InvalidGrant};
use crate::secret::SecretError;
use crate::trust::Refused;

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
    /// What lies beside it cannot be had.
    #[error("what lies beside {reference} could not be found out: {problem}")]
    Unknowable {
        /// What was asked for.
        reference: String,
        /// Why.
        problem: String,
    },
    /// It is an image, and lies where no engine pulls from.
    #[error(
        "{reference} is refused (image-in-folder): images are verified in a folder, and run by an engine, which takes none from there; load it into your engine and run docker://{image}, or copy the folder into a registry and run docker://REGISTRY/REPOSITORY"
    )]
    ImageInFolder {
        /// What was asked for.
        reference: String,
        /// The image for this machine.
        image: Digest,
    },
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
