//! Policies while servers run: when one changes, what it denies is taken away.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use lockgate_runtime::Runtime;

use super::Common;
use super::trusting::{Trust, Trusting};
use crate::config::Config;
use crate::error::CommandError;
use crate::report;
use crate::servers::Servers;

/// How often it is looked whether the policies' files have changed, at most.
const LOOK: Duration = Duration::from_secs(2);

/// Whoever takes away what is denied.
pub(super) struct Rejudging {
    runtime: Arc<Runtime>,
    common: Common,
    trusting: Trusting,
    servers: Arc<Servers>,
}

/// What tells one state of the files from another.
type Mark = Vec<(PathBuf, Option<(SystemTime, u64)>)>;

impl Rejudging {
    pub(super) fn new(runtime: Arc<Runtime>, common: Common, trusting: Trusting, servers: Arc<Servers>) -> Self {
        Self { runtime, common, trusting, servers }
    }

    /// Goes on for as long as anybody polls it.
    pub(super) async fn go_on(self) {
        let Ok(mut trust) = self.read() else { return };
        let (mut mark, mut asked) = (mark(&trust), Instant::now());
        loop {
            let refresh = [Some(&trust.policy), trust.ceiling.as_ref()].into_iter().flatten();
            let refresh = refresh.filter_map(lockgate_runtime::TrustPolicy::refresh).min();
            tokio::time::sleep(refresh.unwrap_or(LOOK).min(LOOK)).await;
            let now = self::mark(&trust);
            let is_due = refresh.is_some_and(|refresh| asked.elapsed() >= refresh);
            if now != mark {
                mark = now;
                match self.read() {
                    Ok(read) => {
                        mark = self::mark(&read);
                        trust = read;
                    }
                    // Half a file, perhaps: what held before goes on to hold.
                    Err(error) => {
                        report::write_block("the trust policy before holds on: ", &error);
                        continue;
                    }
                }
            } else if !is_due {
                continue;
            }
            asked = Instant::now();
            self.runtime.trust_anew(trust.ceiling.clone(), trust.policy.clone()).await;
            self.take_away().await;
        }
    }

    fn read(&self) -> Result<Trust, CommandError> {
        let folders = self.common.folders()?;
        let config = Config::read(&folders, &std::path::absolute(".")?)?;
        self.trusting.read(&folders.config, &config)
    }

    async fn take_away(&self) {
        for (slot, runs) in self.servers.running() {
            if let Some(digest) = self.runtime.denied(&runs).await {
                slot.take_away("its digest is denied by the trust policy (denied)");
                report::write_line(&format!(
                    "[{}] was taken away: {digest} is denied by the trust policy",
                    slot.name()
                ));
            }
        }
    }
}

fn mark(trust: &Trust) -> Mark {
    let state = |path: &PathBuf| {
        let meta = std::fs::metadata(path).ok()?;
        Some((meta.modified().ok()?, meta.len()))
    };
    trust.files.iter().map(|path| (path.clone(), state(path))).collect()
}
