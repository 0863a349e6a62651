//! Policies while servers run: when one changes, what it denies is taken away.

mod followed;

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use lockgate_runtime::Runtime;
use tokio::sync::Notify;

use self::followed::Followed;
use super::Common;
use super::trusting::{MACHINE_POLICY, Trust, Trusting, machine_ceiling};
use crate::environment::Folders;
use crate::error::{CommandError, Kind};
use crate::report;
use crate::servers::Servers;

/// How often it is looked whether the policies' files have changed.
const LOOK: Duration = Duration::from_secs(2);

/// Whoever follows the policies, and takes away what they deny.
pub(super) struct Rejudging {
    folders: Folders,
    trusting: Trusting,
    /// What the machine trusts at most.
    ceiling: Followed,
    /// What the person trusts.
    own: Followed,
}

impl Rejudging {
    /// Follows what is trusted from here on. `trust` was read just now.
    ///
    /// # Errors
    /// Where nobody knows where the policies would be.
    pub(super) fn new(common: &Common, trusting: Trusting, trust: Trust) -> Result<Self, CommandError> {
        let folders = common.folders()?;
        let ceiling = Followed::new(vec![MACHINE_POLICY.into()], trust.ceiling);
        let own = Followed::new(trusting.places(&folders.config), Some(trust.policy));
        Ok(Self { folders, trusting, ceiling, own })
    }

    /// Goes on for as long as anybody polls it.
    pub(super) async fn go_on(self, runtime: Arc<Runtime>, servers: Arc<Servers>) {
        let anew = Notify::new();
        // What is fetched may be long in coming, and files are not waited for with it.
        tokio::join!(self.follow(&runtime, &servers, &anew), fetch(&runtime, &servers, &anew));
    }

    async fn follow(mut self, runtime: &Runtime, servers: &Servers, anew: &Notify) {
        loop {
            tokio::time::sleep(LOOK).await;
            if self.has_changed() {
                let [ceiling, own] = [&self.ceiling, &self.own].map(Followed::policy);
                runtime.trust_anew(ceiling, own.unwrap_or_default());
                anew.notify_one();
            }
            // Also of what was still starting when the policies changed.
            take_away(runtime, servers);
        }
    }

    /// Whether the files say something else than what held so far; then that holds. Each policy is followed for itself:
    /// what is wrong with one is no reason to overlook what another says.
    fn has_changed(&mut self) -> bool {
        let Self { folders, trusting, ceiling, own } = self;
        let has_ceiling = ceiling.policy().is_some();
        let machines = ceiling.look(|| match machine_ceiling(folders)? {
            // Whoever can take a file away for a moment would lift it for good.
            None if has_ceiling => Err(CommandError::new(Kind::Failed, format!("{MACHINE_POLICY} is gone"))
                .hint("for what it said not to hold any more, start again without it")),
            read => Ok(read),
        });
        let persons = own.look(|| trusting.read_own(folders).map(Some));
        machines || persons
    }
}

/// Asks again for what the policies include, as often as they say, and when they have changed.
async fn fetch(runtime: &Runtime, servers: &Servers, anew: &Notify) {
    loop {
        let is_due = async {
            match runtime.refresh() {
                Some(refresh) => tokio::time::sleep(refresh).await,
                None => pending().await,
            }
        };
        tokio::select! {
            () = is_due => {}
            () = anew.notified() => {}
        }
        runtime.fetch_included().await;
        take_away(runtime, servers);
    }
}

fn take_away(runtime: &Runtime, servers: &Servers) {
    for (slot, started) in servers.started() {
        if let Some(why) = runtime.no_longer(&started.runs, started.basis) {
            slot.take_away(&why.to_string());
            report::write_line(&format!("[{}] was taken away: {why}", slot.name()));
        }
    }
}
