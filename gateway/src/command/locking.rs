//! How servers start: each as it was locked, or not at all.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use lockgate_runtime::{Plan, Runtime, Server, ServerName};

use super::selection::Chosen;
use super::trusting::Trusting;
use super::{Common, output, update};
use crate::config::Config;
use crate::environment::{Folders, is_ci};
use crate::error::{CommandError, Kind};
use crate::lock::{
    Difference, History, HistoryError, LockError, LockFile, Locked, Origin, Reason, RolledBack, Surface, Texts, Watch,
    shown,
};
use crate::report;
use crate::servers::Started;
use crate::session::{Guise, SurveyError};

/// How long a server may take to say what it has, before it runs without having been compared as a whole.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Default, Args)]
pub(super) struct Locking {
    /// Start no server that `lockgate update` has not locked
    #[arg(long)]
    locked: bool,
}

/// Who says that what is not locked does not start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Strictness {
    /// The person, of all servers.
    Written,
    /// The environment, of those that have a place to be locked in.
    Ci,
}

impl Locking {
    fn strictness(&self) -> Option<Strictness> {
        if self.locked { Some(Strictness::Written) } else { is_ci().then_some(Strictness::Ci) }
    }
}

/// Starts servers.
pub(super) struct Starter {
    runtime: Arc<Runtime>,
    /// The locks beside the configuration files, where there are any.
    locks: BTreeMap<PathBuf, Option<LockFile>>,
    records: Records,
}

/// What is kept on this machine of servers that were seen before.
#[derive(Debug, Clone)]
pub(super) struct Records {
    pub(super) history: History,
    pub(super) texts: Texts,
}

impl Records {
    pub(super) fn new(folders: &Folders) -> Self {
        Self { history: History::new(folders.data.join("verified")), texts: Texts::new(folders.data.join("texts")) }
    }

    /// Remembers what a tag names as the newest. A server runs without that, too.
    pub(super) fn keep(&self, plan: &Plan) {
        if let Err(error) = self.history.keep(plan) {
            let failed = CommandError::from_error(Kind::Failed, &error);
            report::write_line(&format!("{}; an older version will not be noticed", failed.message()));
        }
    }
}

impl Starter {
    /// Reads the locks of the chosen servers. Those that a lock does not have are shown to a person at the terminal, who
    /// may accept them.
    ///
    /// # Errors
    /// Where a lock cannot be read, or only locked servers are to start and one is not.
    pub(super) fn open(
        runtime: Arc<Runtime>,
        common: &Common,
        config: &Config,
        locking: &Locking,
        trusting: &Trusting,
        chosen: &[Chosen],
    ) -> Result<Self, CommandError> {
        let records = Records::new(&common.folders()?);
        let starter = Self { runtime, locks: read_locks(chosen)?, records };
        if let Some(strictness) = locking.strictness() {
            let is_meant = |chosen: &&Chosen| strictness == Strictness::Written || chosen.configured.is_some();
            for chosen in chosen.iter().filter(is_meant) {
                if !matches!(starter.locked(chosen), Ok(Some(_))) {
                    return Err(not_locked(chosen, strictness));
                }
            }
            return Ok(starter);
        }
        let unlocked: Vec<Chosen> = chosen.iter().filter(|chosen| starter.locked(chosen).is_err()).cloned().collect();
        if unlocked.is_empty() || !output::is_dialogue() {
            return Ok(starter);
        }
        // Those that are not accepted do not start; the others do.
        if let Err(error) = update::offer(common, config, trusting, unlocked) {
            output::error(&error.text());
        }
        Ok(Self { locks: read_locks(chosen)?, ..starter })
    }

    /// Says what to do where nothing is locked.
    pub(super) fn note_unlocked(&self) {
        for path in self.locks.iter().filter(|(_, lock)| lock.is_none()).map(|(path, _)| path) {
            report::write_line(&format!(
                "nothing is locked: there is no {}; to hold servers to what they are now: lockgate update",
                path.display()
            ));
        }
    }

    /// Starts a server, if it is what was locked.
    ///
    /// # Errors
    /// Where it is not, or does not start.
    pub(super) async fn start(&self, chosen: Chosen) -> Result<Started, CommandError> {
        let locked = self.locked(&chosen)?;
        let Chosen { spec, configured, .. } = chosen;
        let plan = self.runtime.resolve(spec).await?;
        if let (Some(locked), Some(configured)) = (locked, &configured) {
            let mut differences = locked.origin_drift(&Origin::of(&configured.written, &configured.unlocked, &plan));
            if !differences.is_empty() && self.records.history.check(&plan)?.is_some() {
                differences.iter_mut().for_each(Difference::step_back);
            }
            self.refuse(&configured.name, differences)?;
        } else if let Some(back) = self.records.history.check(&plan)? {
            return Err(rolled_back(&plan, configured.as_ref().map(|configured| &configured.name), &back));
        }
        let server = self.runtime.start(&plan).await?;
        self.records.keep(&plan);
        let (Some(locked), Some(configured)) = (locked, configured) else {
            return Ok(Started { server, watch: None, runs: plan.runs, basis: plan.basis });
        };
        match tokio::time::timeout(PATIENCE, compare(&server, locked)).await {
            Ok(Ok(differences)) => self.refuse(&configured.name, differences)?,
            // One that is not there now may come later, and is compared with every answer.
            Ok(Err(error)) => note_not_compared(&configured.name, &error.to_string()),
            Err(_) => note_not_compared(&configured.name, &format!("no answer within {} s", PATIENCE.as_secs())),
        }
        let watch = Watch::new(configured.name.clone(), locked.clone(), self.tell(configured.name));
        Ok(Started { server, watch: Some(watch), runs: plan.runs, basis: plan.basis })
    }

    /// What was locked of a server; nothing where its configuration has no lock.
    fn locked(&self, chosen: &Chosen) -> Result<Option<&Locked>, CommandError> {
        let Some(configured) = &chosen.configured else { return Ok(None) };
        match self.locks.get(&configured.lock_file()) {
            Some(Some(lock)) => {
                let locked = lock.servers.get(&configured.name);
                locked.map(Some).ok_or_else(|| not_locked(chosen, Strictness::Written))
            }
            Some(None) | None => Ok(None),
        }
    }

    fn refuse(&self, server: &ServerName, differences: Vec<Difference>) -> Result<(), CommandError> {
        match drift(server, differences, &self.records.texts) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Tells the person that a server was taken away, and for what.
    fn tell(&self, server: ServerName) -> impl Fn(Vec<Difference>) + Send + Sync + use<> {
        let texts = self.records.texts.clone();
        move |differences| {
            if let Some(error) = drift(&server, differences, &texts) {
                report::write_block(&format!("[{server}] was taken away: "), &error);
            }
        }
    }
}

/// The locks beside the files that configure these servers.
fn read_locks(chosen: &[Chosen]) -> Result<BTreeMap<PathBuf, Option<LockFile>>, CommandError> {
    let mut locks = BTreeMap::new();
    for configured in chosen.iter().filter_map(|chosen| chosen.configured.as_ref()) {
        if let Entry::Vacant(place) = locks.entry(configured.lock_file()) {
            let lock = LockFile::read(place.key())?;
            place.insert(lock);
        }
    }
    Ok(locks)
}

/// What a server says to some client or other.
pub(super) async fn survey(server: &Server) -> Result<Surface, SurveyError> {
    let mut surface = Surface::default();
    Guise::Able.survey(server, &mut surface).await?;
    Guise::Plain.survey(server, &mut surface).await?;
    Ok(surface)
}

/// How what a server says differs from what was locked. The client that can do most sees most; only what it misses is
/// looked for as another one.
async fn compare(server: &Server, locked: &Locked) -> Result<Vec<Difference>, SurveyError> {
    let mut surface = Surface::default();
    Guise::Able.survey(server, &mut surface).await?;
    let differences = locked.surface_drift(&surface);
    if !differences.iter().any(|difference| difference.found.is_none()) {
        return Ok(differences);
    }
    Guise::Plain.survey(server, &mut surface).await?;
    Ok(locked.surface_drift(&surface))
}

fn note_not_compared(server: &ServerName, why: &str) {
    let why = lockgate_runtime::Untrusted::new(why).to_line(400);
    report::write_line(&format!("[{server}] could not be compared with its lock yet ({why}); its answers will be"));
}

/// The error of a server that is not what was locked; nothing where it is. What clients are told of it has no words of the
/// server's.
fn drift(server: &ServerName, mut differences: Vec<Difference>, texts: &Texts) -> Option<CommandError> {
    let reason = differences.iter().map(|difference| difference.reason).min()?;
    texts.complete(&mut differences);
    let error = CommandError::new(Kind::Refused, format!("{server} is not what was locked ({reason})"))
        .details(shown(&differences, report::width()))
        .hint(format!("if it is meant to be what it is now: lockgate update {server}"));
    Some(error)
}

fn not_locked(chosen: &Chosen, strictness: Strictness) -> CommandError {
    let reason = Reason::NotLocked;
    match &chosen.configured {
        Some(configured) => {
            let (name, path) = (&configured.name, configured.lock_file());
            let message = format!("{name} is not locked ({reason}): {} does not have it", path.display());
            match strictness {
                Strictness::Written => CommandError::new(Kind::Refused, message)
                    .hint(format!("look at what it is now, and accept it: lockgate update {name}")),
                Strictness::Ci => {
                    let message = format!("{message}, and CI is set, where nobody could accept what it is");
                    CommandError::new(Kind::Refused, message).hint(format!(
                        "run this where the configuration is kept, and commit the lock with it: lockgate update {name}"
                    ))
                }
            }
        }
        None => {
            let (name, source) = (&chosen.spec.name, &chosen.spec.source);
            let message = format!("{name} is not locked ({reason}): it is not in the configuration");
            let hint = format!(
                "write it into config.toml as [servers.{name}] with source = \"{source}\", then: lockgate update {name}"
            );
            CommandError::new(Kind::Refused, message).hint(hint)
        }
    }
}

/// The error of a tag that names something older than before. `server` is its name in the configuration.
fn rolled_back(plan: &Plan, server: Option<&ServerName>, back: &RolledBack) -> CommandError {
    let accept = server.map_or_else(|| plan.source.to_string(), ToString::to_string);
    let message = format!(
        "{} is older than what was verified before ({}): its tag names {} again, after {}",
        back.reference,
        Reason::RolledBack,
        back.found,
        back.newest
    );
    CommandError::new(Kind::Refused, message)
        .hint(format!("if this step back is meant to be: lockgate update {accept}"))
}

impl From<LockError> for CommandError {
    fn from(error: LockError) -> Self {
        let kind = match &error {
            LockError::Unreadable { .. } | LockError::Unwritable { .. } | LockError::ChangedMeanwhile(_) => {
                Kind::Failed
            }
            LockError::Form { .. } | LockError::Version { .. } => Kind::Usage,
        };
        let failed = Self::from_error(kind, &error);
        match error {
            LockError::Form { .. } => failed
                .hint("take it from version control again; or delete it, and lock what there is now: lockgate update"),
            LockError::Version { .. } => failed.hint("use the version of Lockgate that wrote it, or a later one"),
            LockError::ChangedMeanwhile(_) => failed.hint("run it again, to see what they accepted"),
            LockError::Unreadable { .. } | LockError::Unwritable { .. } => failed,
        }
    }
}

impl From<HistoryError> for CommandError {
    fn from(error: HistoryError) -> Self {
        Self::from_error(Kind::Failed, &error)
            .hint("delete that file to go on; a step back from before then is not noticed any more")
    }
}
