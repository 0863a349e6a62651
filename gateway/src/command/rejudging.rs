//! Policies while servers run: when one changes, what it denies is taken away.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use lockgate_runtime::{Runtime, TrustPolicy};

use super::Common;
use super::trusting::{Trust, Trusting};
use crate::config::Config;
use crate::error::CommandError;
use crate::report;
use crate::servers::Servers;

/// How often it is looked whether the policies' files have changed, at most.
const LOOK: Duration = Duration::from_secs(2);

/// Whoever follows the policies, and takes away what they deny.
pub(super) struct Rejudging {
    common: Common,
    trusting: Trusting,
    /// What holds.
    trust: Trust,
    /// Where policies are read from, or would be.
    places: Vec<PathBuf>,
    /// The state of all files when it was last looked.
    mark: Mark,
}

/// What tells one state of the files from another; nothing of a file that is not there.
type Mark = Vec<(PathBuf, Option<(SystemTime, u64)>)>;

impl Rejudging {
    /// Follows what is trusted from here on. `trust` was read just now.
    ///
    /// # Errors
    /// Where nobody knows where the policies would be.
    pub(super) fn new(common: Common, trusting: Trusting, trust: Trust) -> Result<Self, CommandError> {
        let places = trusting.places(&common.folders()?.config);
        let mark = mark(&places, &trust);
        Ok(Self { common, trusting, trust, places, mark })
    }

    /// Goes on for as long as anybody polls it.
    pub(super) async fn go_on(mut self, runtime: Arc<Runtime>, servers: Arc<Servers>) {
        let mut asked = Instant::now();
        loop {
            let Trust { ceiling, policy, .. } = &self.trust;
            let refresh = ceiling.iter().chain([policy]).filter_map(TrustPolicy::refresh).min();
            tokio::time::sleep(refresh.unwrap_or(LOOK).min(LOOK)).await;
            let is_due = refresh.is_some_and(|refresh| asked.elapsed() >= refresh);
            if self.has_changed() || is_due {
                asked = Instant::now();
                let Trust { ceiling, policy, .. } = self.trust.clone();
                runtime.trust_anew(ceiling, policy).await;
            }
            // Also of what was still starting when the policies changed.
            take_away(&runtime, &servers).await;
        }
    }

    /// Whether the files say something else than what held so far; then that holds.
    fn has_changed(&mut self) -> bool {
        // Before they are read: what changes meanwhile is noticed the next time.
        let now = mark(&self.places, &self.trust);
        if now == self.mark {
            return false;
        }
        self.mark = now;
        match self.read() {
            Ok(trust) => {
                self.trust = trust;
                true
            }
            // Half a file, perhaps: what held before goes on to hold.
            Err(error) => {
                report::write_block("the trust policy before holds on: ", &error);
                false
            }
        }
    }

    fn read(&self) -> Result<Trust, CommandError> {
        let folders = self.common.folders()?;
        let config = Config::read(&folders, &std::path::absolute(".")?)?;
        self.trusting.read(&folders, &config)
    }
}

async fn take_away(runtime: &Runtime, servers: &Servers) {
    for (slot, runs) in servers.running() {
        if let Some(digest) = runtime.denied(&runs).await {
            slot.take_away("its digest is denied by the trust policy (denied)");
            report::write_line(&format!("[{}] was taken away: {digest} is denied by the trust policy", slot.name()));
        }
    }
}

fn mark(places: &[PathBuf], trust: &Trust) -> Mark {
    let state = |path: &PathBuf| {
        let meta = std::fs::metadata(path).ok()?;
        Some((meta.modified().ok()?, meta.len()))
    };
    places.iter().chain(&trust.files).map(|path| (path.clone(), state(path))).collect()
}
