//! Servers that somebody else runs.

use std::sync::Arc;

use super::{ResolveError, Runtime, ServerError};
use crate::executor::remote::{self, RemoteServer};
use crate::plan::Plan;
use crate::sandbox::{Broker, Credentials};
use crate::server::Server;
use crate::spec::Source;

impl Runtime {
    /// Connects to nobody: that happens when something is asked of the server.
    pub(super) async fn start_remote(&self, plan: &Plan) -> Result<Server, ServerError> {
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
}
