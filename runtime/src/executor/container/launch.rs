//! Starts a container, and begins to speak with what is in it.

use std::path::PathBuf;
use std::sync::Arc;

use bollard::models::ContainerCreateBody;
use futures_util::future::BoxFuture;

use super::engine::EngineImage;
use super::log::GuestLog;
use super::pipe::{Pipe, with_last_words};
use super::tenancy::Tenancy;
use super::{ContainerError, create};
use crate::artifact::Digest;
use crate::executor::peer::{CallLimits, Connect, IntroductionError, Listeners, Peer};
use crate::message::{RpcError, code};
use crate::plan::Plan;
use crate::principal::Principal;
use crate::sandbox::{Credentials, OpenDirectory};
use crate::server::ClientSession;
use crate::settings::Hooks;
use crate::spec::ServerName;

/// All that is needed to start containers of one server.
pub(super) struct Launch {
    tenancy: Arc<Tenancy>,
    image: Digest,
    body: ContainerCreateBody,
    server: ServerName,
    limits: CallLimits,
    hooks: Hooks,
    directories: Vec<OpenDirectory>,
}

impl Launch {
    pub(super) fn new(
        tenancy: Arc<Tenancy>,
        image: &EngineImage,
        plan: &Plan,
        credentials: &Credentials,
        directories: Vec<OpenDirectory>,
        hooks: Hooks,
    ) -> Result<Self, ContainerError> {
        let user = create::user(&directories, tenancy.engine.rootless);
        let body = create::body(image, plan, credentials, user, &tenancy.owner())?;
        Ok(Self {
            tenancy,
            image: image.id,
            body,
            server: plan.name.clone(),
            limits: CallLimits::from(&plan.limits),
            hooks,
            directories,
        })
    }

    /// Checks that what was mounted is what was granted: somebody may have put another directory at its path. Where this
    /// program is root, in the container itself; nobody else may look there.
    fn check_directories(&self, process: Option<i64>) -> Result<(), ContainerError> {
        for directory in &self.directories {
            let place = directory.place()?;
            let inside = process.map(|id| PathBuf::from(format!("/proc/{id}/root{}", directory.guest)));
            let same = match inside.filter(|_| rustix::process::geteuid().is_root()) {
                Some(inside) => directory.is_at(&inside),
                None => directory.is_at(&place),
            };
            if !same.unwrap_or(false) {
                return Err(ContainerError::Replaced(place));
            }
        }
        Ok(())
    }

    async fn start(&self, log: &GuestLog) -> Result<Pipe, ContainerError> {
        let body = create::with_mounts(self.body.clone(), &self.directories)?;
        let container = self.tenancy.create(self.server.as_str(), body, &self.image).await?;
        let engine = &self.tenancy.engine;
        let streams = engine.attach(container.name()).await?;
        let (waiting, name) = (engine.clone(), container.name().to_owned());
        let exit = tokio::spawn(async move { waiting.exit_code(&name).await });
        engine.start(container.name()).await?;
        // Before anything is said to it, and nothing that it says is heard if this fails.
        self.check_directories(engine.process(container.name()).await?)?;
        Ok(Pipe { container, streams, exit, log: log.clone() })
    }
}

impl Connect for Launch {
    fn connect(
        self: Arc<Self>,
        _principal: Principal,
        session: Option<ClientSession>,
        listeners: Arc<Listeners>,
    ) -> BoxFuture<'static, Result<Peer, RpcError>> {
        Box::pin(async move {
            let failed = |message: String| RpcError::new(code::INTERNAL_ERROR, message);
            let log = GuestLog::new(self.server.clone(), self.hooks.clone());
            let pipe = self.start(&log).await.map_err(|error| failed(error.to_string()))?;
            let connected = Peer::connect(pipe.open(), session.as_ref(), self.limits, listeners).await;
            connected.map_err(|error| match error {
                // It says so itself.
                IntroductionError::Ended(_) => failed(error.to_string()),
                _ => failed(with_last_words(&error.to_string(), &log)),
            })
        })
    }
}
