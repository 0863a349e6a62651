//! Why there is no container.

use std::path::PathBuf;
use std::time::Duration;

use super::UnenforceableGrant;
use crate::artifact::Digest;
use crate::sandbox::DirectoryError;
use crate::untrusted::Untrusted;

/// Why a container does not run.
#[derive(Debug, thiserror::Error)]
pub enum ContainerError {
    /// There is no engine.
    #[error(
        "no container engine was found; start Docker or Podman, or say where it listens: DOCKER_HOST=unix:///PATH/TO/SOCKET"
    )]
    None,
    /// It does not answer, or not in a way that can be read.
    #[error("the container engine at {} cannot be used: {problem}", socket.display())]
    Unusable {
        /// Its socket.
        socket: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// It takes too long.
    #[error("the container engine at {} did not {work} within {time:?}; check that it is healthy", socket.display())]
    Hangs {
        /// Its socket.
        socket: PathBuf,
        /// What it was asked to do.
        work: &'static str,
        /// How long it had.
        time: Duration,
    },
    /// It is older than what is relied on.
    #[error("the container engine at {} speaks API {}, but 1.41 (Docker 20.10, Podman 4) or later is needed", socket.display(), found.to_line(20))]
    TooOld {
        /// Its socket.
        socket: PathBuf,
        /// The version it speaks.
        found: Untrusted,
    },
    /// It said no.
    #[error("the container engine could not {work}: {}", said.to_line(1000))]
    Said {
        /// What it was asked to do.
        work: &'static str,
        /// Its answer.
        said: Untrusted,
    },
    /// It has no such image.
    #[error("the container engine has no image {0}; `docker images --no-trunc` lists those it has")]
    NoImage(Digest),
    /// It runs something else than what was asked for.
    #[error("the container engine made a container of {}, not of the image that was planned, {planned}", found.to_line(100))]
    OtherImage {
        /// What was asked for.
        planned: Digest,
        /// What it took.
        found: Untrusted,
    },
    /// The image asks for more places to write to than are given.
    #[error("the image declares {0} volumes; at most {max} are given", max = super::create::MAX_VOLUMES)]
    Volumes(usize),
    /// The grant cannot be kept.
    #[error(transparent)]
    Grant(#[from] UnenforceableGrant),
    /// A directory cannot be given.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// A directory has a name that cannot be told to the engine.
    #[error("{} cannot be given to a container: its path is not UTF-8", .0.display())]
    Place(PathBuf),
    /// Another directory is at its path now.
    #[error("{} is not given to the container: it is not the directory any more that was granted", .0.display())]
    Replaced(PathBuf),
    /// Nothing can be written down about whose containers they are.
    #[error("{} cannot be used, so that containers could not be told from those of others", path.display())]
    Folder {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// There are no threads for it.
    #[error("threads for containers could not be started")]
    Threads(#[source] std::io::Error),
    /// There are enough already.
    #[error("there are {max} containers already; end sessions that are not used", max = super::tenancy::MAX_CONTAINERS)]
    TooMany,
    /// This process is about to end.
    #[error("Lockgate is ending; no container is started any more")]
    Closing,
    /// A fault of this program.
    #[error("the work on a container broke off ({0}); this is a fault of Lockgate, please report it")]
    Broken(String),
}
