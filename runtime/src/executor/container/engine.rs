//! The engine's API (Docker Engine API 1.41 and later, which Podman speaks, too). Every request has an end.

use std::collections::HashMap;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bollard::auth::DockerCredentials;
use bollard::container::LogOutput;
use bollard::errors::Error;
use bollard::models::ContainerCreateBody;
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, CreateContainerOptionsBuilder, CreateImageOptionsBuilder,
    ListContainersOptionsBuilder, RemoveContainerOptionsBuilder, StartContainerOptions, WaitContainerOptionsBuilder,
};
use bollard::{API_DEFAULT_VERSION, Docker};
use futures_util::{Stream, StreamExt};
use tokio::io::AsyncWrite;

use super::{ContainerError, Pull};
use crate::artifact::{Digest, Login};
use crate::untrusted::Untrusted;

/// How long the engine may take to say which version it is: this is where a dead one is noticed.
const HELLO_TIME: Duration = Duration::from_secs(10);

/// How long the engine may take for anything else. Removing waits for a process to be killed.
const TIME: Duration = Duration::from_secs(30);

/// How long the engine may say nothing while it pulls.
const PULL_PAUSE: Duration = Duration::from_secs(120);

/// How soon to look again whether a container is gone.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The oldest API that has all that is relied on.
const OLDEST: (u64, u64) = (1, 41);

/// A connection to an engine. It belongs to the threads that it was made on.
#[derive(Clone)]
pub(super) struct Engine {
    docker: Docker,
    socket: Arc<PathBuf>,
    /// Whether root in its containers is the person who runs it.
    pub(super) rootless: bool,
}

/// The streams of a container.
pub(super) struct Streams {
    pub(super) output: Pin<Box<dyn Stream<Item = Result<LogOutput, Error>> + Send>>,
    pub(super) input: Pin<Box<dyn AsyncWrite + Send>>,
}

/// An image that the engine has.
pub(super) struct EngineImage {
    /// How the engine names it: its digest.
    pub(super) id: Digest,
    /// The volumes that it declares.
    pub(super) volumes: Vec<String>,
}

/// A container of ours on the engine, whichever process it belongs to.
pub(super) struct Found {
    pub(super) id: String,
    pub(super) labels: HashMap<String, String>,
}

impl Engine {
    /// Finds out whether there is an engine, and whether it can be used.
    pub(super) async fn connect(socket: PathBuf) -> Result<Self, ContainerError> {
        let unusable = |problem: String| ContainerError::Unusable { socket: socket.clone(), problem };
        // Its own check says less about what is wrong.
        tokio::net::UnixStream::connect(&socket).await.map_err(|error| unusable(error.to_string()))?;
        let path = socket.to_str().ok_or_else(|| unusable("its path is not UTF-8".to_owned()))?;
        let docker = Docker::connect_with_unix(path, TIME.as_secs(), API_DEFAULT_VERSION)
            .map_err(|error| unusable(error.to_string()))?;
        let engine = Self { docker, socket: Arc::new(socket.clone()), rootless: false };
        let version = engine.within(HELLO_TIME, "say its version", engine.docker.version()).await?;
        let found = version.api_version.unwrap_or_default();
        if read_version(&found).is_none_or(|found| found < OLDEST) {
            return Err(ContainerError::TooOld { socket, found: Untrusted::new(found) });
        }
        if version.os.is_some_and(|os| os != "linux") {
            return Err(unusable("it does not run Linux containers".to_owned()));
        }
        let negotiated = engine.docker.clone().negotiate_version();
        let docker = engine.within(HELLO_TIME, "say its version", negotiated).await?;
        let info = engine.within(HELLO_TIME, "say how it is set up", docker.info()).await?;
        let options = info.security_options.unwrap_or_default();
        Ok(Self { docker, rootless: options.iter().any(|option| option.contains("rootless")), ..engine })
    }

    /// What the engine knows of an image.
    pub(super) async fn image(&self, image: &Digest) -> Result<EngineImage, ContainerError> {
        let name = image.to_string();
        match self.attempt(TIME, "look at an image", self.docker.inspect_image(&name)).await? {
            // Podman leaves the algorithm out.
            Ok(found) if found.id.as_deref().is_some_and(|id| id.trim_start_matches("sha256:") == image.hex()) => {
                let volumes = found.config.and_then(|config| config.volumes).unwrap_or_default();
                Ok(EngineImage { id: *image, volumes })
            }
            Ok(_) | Err(Error::DockerResponseServerError { status_code: 404, .. }) => {
                Err(ContainerError::NoImage(*image))
            }
            Err(error) => Err(self.failed("look at an image", error)),
        }
    }

    /// Pulls a manifest, and what it names. As long as the engine says how far it is, there is no end to this.
    pub(super) async fn pull(&self, pull: &Pull) -> Result<(), ContainerError> {
        let work = "pull the image";
        let manifest = pull.manifest.to_string();
        let options = CreateImageOptionsBuilder::new().from_image(&pull.repository).tag(&manifest).build();
        let mut progress = std::pin::pin!(self.docker.create_image(Some(options), None, credentials(pull)));
        loop {
            match self.attempt(PULL_PAUSE, work, async { progress.next().await.transpose() }).await? {
                Ok(Some(_)) => {}
                Ok(None) => return Ok(()),
                Err(error) => return Err(self.failed(work, error)),
            }
        }
    }

    /// Makes a container, and checks which image it is of.
    pub(super) async fn create(
        &self,
        name: &str,
        body: ContainerCreateBody,
        image: &Digest,
    ) -> Result<(), ContainerError> {
        let options = CreateContainerOptionsBuilder::new().name(name).build();
        let create = self.docker.create_container(Some(options), body);
        self.within(TIME, "make a container", create).await?;
        let inspect = self.docker.inspect_container(name, None);
        let made = self.within(TIME, "look at a container", inspect).await?;
        let found = made.image.unwrap_or_default();
        if found.trim_start_matches("sha256:") != image.hex() {
            return Err(ContainerError::OtherImage { planned: *image, found: Untrusted::new(found) });
        }
        Ok(())
    }

    /// Takes hold of the streams of a container that has not started yet, so that nothing is missed.
    pub(super) async fn attach(&self, name: &str) -> Result<Streams, ContainerError> {
        let options = AttachContainerOptionsBuilder::new().stream(true).stdin(true).stdout(true).stderr(true).build();
        let attach = self.docker.attach_container(name, Some(options));
        let streams = self.within(TIME, "attach to a container", attach).await?;
        Ok(Streams { output: streams.output, input: streams.input })
    }

    pub(super) async fn start(&self, name: &str) -> Result<(), ContainerError> {
        let start = self.docker.start_container(name, None::<StartContainerOptions>);
        self.within(TIME, "start the container", start).await
    }

    /// The first process of a running container, on the host; nothing where it has ended.
    pub(super) async fn process(&self, name: &str) -> Result<Option<i64>, ContainerError> {
        match self.attempt(TIME, "look at a container", self.docker.inspect_container(name, None)).await? {
            Ok(found) => Ok(found.state.and_then(|state| state.pid).filter(|&id| id > 0)),
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
            Err(error) => Err(self.failed("look at a container", error)),
        }
    }

    /// The exit code of a container, once it has exited. Has to be asked before it starts.
    pub(super) async fn exit_code(&self, name: &str) -> Option<i64> {
        let options = WaitContainerOptionsBuilder::new().condition("next-exit").build();
        let mut ended = std::pin::pin!(self.docker.wait_container(name, Some(options)));
        match ended.next().await? {
            Ok(ended) => Some(ended.status_code),
            Err(Error::DockerContainerWaitError { code, .. }) => Some(code),
            Err(_) => None,
        }
    }

    /// Kills and removes a container with all that it wrote. One that is not there any more is removed.
    pub(super) async fn remove(&self, name: &str) -> Result<(), ContainerError> {
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        let gone = async {
            loop {
                match self.docker.remove_container(name, Some(options.clone())).await {
                    // Just going, as it removes itself when it exits.
                    Err(Error::DockerResponseServerError { status_code: 409, .. }) => {
                        tokio::time::sleep(LOOK_AGAIN).await;
                    }
                    Ok(()) | Err(Error::DockerResponseServerError { status_code: 404, .. }) => return Ok(()),
                    Err(error) => return Err(error),
                }
            }
        };
        self.within(TIME, "remove a container", gone).await
    }

    /// All containers with this label, whether they run or not.
    pub(super) async fn labelled(&self, label: &str) -> Result<Vec<Found>, ContainerError> {
        let filters = HashMap::from([("label", vec![label])]);
        let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        let listed = self.within(TIME, "list containers", self.docker.list_containers(Some(options))).await?;
        let found = |container: bollard::models::ContainerSummary| {
            Some(Found { id: container.id?, labels: container.labels.unwrap_or_default() })
        };
        Ok(listed.into_iter().filter_map(found).collect())
    }

    async fn within<T>(
        &self,
        time: Duration,
        work: &'static str,
        request: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, ContainerError> {
        self.attempt(time, work, request).await?.map_err(|error| self.failed(work, error))
    }

    async fn attempt<T>(
        &self,
        time: Duration,
        work: &'static str,
        request: impl Future<Output = Result<T, Error>>,
    ) -> Result<Result<T, Error>, ContainerError> {
        let hangs = || ContainerError::Hangs { socket: self.socket.to_path_buf(), work, time };
        match tokio::time::timeout(time, request).await {
            Err(_) | Ok(Err(Error::RequestTimeoutError)) => Err(hangs()),
            Ok(done) => Ok(done),
        }
    }

    fn failed(&self, work: &'static str, error: Error) -> ContainerError {
        match error {
            Error::DockerResponseServerError { message: said, .. } | Error::DockerStreamError { error: said } => {
                ContainerError::Said { work, said: Untrusted::new(said) }
            }
            other => ContainerError::Unusable {
                socket: self.socket.to_path_buf(),
                problem: format!("it did not {work}: {}", Untrusted::new(other.to_string()).to_line(500)),
            },
        }
    }
}

/// Who asks, as the engine's API wants it (`X-Registry-Auth`).
fn credentials(pull: &Pull) -> Option<DockerCredentials> {
    let registry = pull.repository.split('/').next().unwrap_or_default().to_owned();
    let mut credentials = DockerCredentials { serveraddress: Some(registry), ..DockerCredentials::default() };
    match pull.login.as_ref()? {
        Login::Password { user, password } => {
            credentials.username = Some(user.clone());
            credentials.password = Some(password.to_string());
        }
        Login::Identity(token) => credentials.identitytoken = Some(token.to_string()),
    }
    Some(credentials)
}

fn read_version(text: &str) -> Option<(u64, u64)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
