//! `lockgate update`: shows servers as they are now beside what was locked, and locks what a person accepts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::Args;
use futures_util::future::join_all;
use lockgate_runtime::{Plan, Runtime, ServerName, Untrusted};
use serde::Serialize;

use super::locking::{Records, survey};
use super::selection::{Chosen, named};
use super::trusting::Trusting;
use super::{Common, Format, block_on, output};
use crate::config::Config;
use crate::error::{CommandError, Kind};
use crate::lock::{Difference, LockFile, Locked, Origin, RolledBack, Surface, shown, surface_lines};
use crate::report::{self, Detail};

#[derive(Debug, Args)]
pub(super) struct UpdateArgs {
    /// Names of the configuration; without any, all of them. A reference accepts that its tag names something older
    #[arg(value_name = "SERVER")]
    servers: Vec<String>,
    /// Accept without asking
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    trusting: Trusting,
}

/// Which servers are looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Named,
    /// All that are configured.
    All,
}

/// A server as it is now.
struct Found {
    /// Its name in the configuration, its lock, and what is to be written there; nothing where it is not configured.
    locked: Option<(ServerName, PathBuf, Locked)>,
    surface: Surface,
    plan: Plan,
    /// What its tag named before, where that is newer.
    back: Option<RolledBack>,
}

/// What would be done to one server of a lock.
#[derive(Serialize)]
struct Change {
    server: String,
    lock: PathBuf,
    what: What,
    differences: Vec<Difference>,
    #[serde(skip)]
    lines: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum What {
    New,
    Changed,
    SteppedBack,
    Removed,
    Same,
}

pub(super) fn execute(common: &Common, args: UpdateArgs) -> Result<(), CommandError> {
    let config = common.config()?;
    let chosen = named(&args.servers, &config)?;
    if chosen.is_empty() {
        return Err(CommandError::new(Kind::Usage, "no server is configured, so there is nothing to lock")
            .hint("a table [servers.NAME] with a `source` in config.toml configures one"));
    }
    // Those that are no longer configured go, where all are looked at.
    let scope = if args.servers.is_empty() { Scope::All } else { Scope::Named };
    update(common, &config, &args.trusting, chosen, scope, common.format, args.yes)
}

/// Shows servers to the person at this terminal, and locks them if they are accepted.
pub(super) fn offer(
    common: &Common,
    config: &Config,
    trusting: &Trusting,
    chosen: Vec<Chosen>,
) -> Result<(), CommandError> {
    update(common, config, trusting, chosen, Scope::Named, Format::Text, false)
}

fn update(
    common: &Common,
    config: &Config,
    trusting: &Trusting,
    chosen: Vec<Chosen>,
    scope: Scope,
    format: Format,
    yes: bool,
) -> Result<(), CommandError> {
    let locks = read_locks(&chosen)?;
    let (records, runtime) = (Records::new(&common.folders()?), common.runtime(Detail::Brief, config, trusting)?);
    let count = chosen.len();
    let looked_at = block_on(async {
        let found = chosen.into_iter().map(|chosen| look_at(&runtime, &records, chosen));
        Ok(join_all(found).await)
    });
    runtime.close();
    let (mut found, mut failed) = (Vec::new(), Vec::new());
    for outcome in looked_at? {
        match outcome {
            Ok(one) => found.push(one),
            Err(error) => failed.push(error),
        }
    }
    if count == 1
        && let Some(error) = failed.pop()
    {
        return Err(error);
    }
    let mut changes: Vec<Change> = found.iter().map(|found| change(found, &locks, &records)).collect();
    if scope == Scope::All {
        changes.extend(removed(&locks, config));
    }
    let accepted = accept(format, &changes, yes)?;
    if accepted {
        write(&locks, &changes, &found, &records)?;
    }
    show_end(format, &changes, accepted)?;
    for error in &failed {
        output::error(&error.text());
    }
    match (accepted || !changes.iter().any(Change::is_one), failed.len()) {
        (true, 0) => Ok(()),
        (true, failed) => {
            let message = format!("{failed} of {count} could not be looked at, and stay as they are");
            Err(CommandError::new(Kind::Failed, message))
        }
        (false, _) => Err(CommandError::new(Kind::Refused, "nothing was accepted, and all is locked as it was")
            .hint("to accept what is shown: lockgate update --yes")),
    }
}

fn read_locks(chosen: &[Chosen]) -> Result<BTreeMap<PathBuf, LockFile>, CommandError> {
    let paths: BTreeSet<PathBuf> =
        chosen.iter().filter_map(|chosen| Some(chosen.configured.as_ref()?.lock_file())).collect();
    let read = |path: PathBuf| {
        let lock = LockFile::read(&path)?.unwrap_or_default();
        Ok((path, lock))
    };
    paths.into_iter().map(read).collect()
}

/// Starts a server, as far as the trust policy lets it, and asks what it has.
async fn look_at(runtime: &Runtime, records: &Records, chosen: Chosen) -> Result<Found, CommandError> {
    let Chosen { spec, configured, .. } = chosen;
    let name = spec.name.clone();
    let plan = runtime.resolve(spec).await.map_err(|error| CommandError::from(error).during(name.as_str()))?;
    let back = records.history.check(&plan)?;
    let Some(configured) = configured else {
        if back.is_some() {
            return Ok(Found { locked: None, surface: Surface::default(), plan, back });
        }
        let message =
            format!("{} is not configured, and is not older than before: there is nothing to accept", plan.source);
        return Err(CommandError::new(Kind::Usage, message)
            .hint("what is configured is locked: [servers.NAME] with a `source` in config.toml"));
    };
    let looked_at = async {
        let server = runtime.start(&plan).await?;
        survey(&server).await.map_err(|error| CommandError::from_error(Kind::Failed, &error))
    };
    let surface = looked_at.await.map_err(|error: CommandError| error.during(name.as_str()))?;
    let locked = Locked::new(Origin::of(&configured.written, &configured.unlocked, &plan), &surface);
    Ok(Found { locked: Some((configured.name.clone(), configured.lock_file(), locked)), surface, plan, back })
}

fn change(found: &Found, locks: &BTreeMap<PathBuf, LockFile>, records: &Records) -> Change {
    let Found { locked, surface, plan, back } = found;
    let width = report::width();
    let mut lines = String::new();
    if let Some(RolledBack { reference, newest, found }) = back {
        lines.push_str(&format!("{reference} steps back\n  from {newest}\n  to   {found}\n"));
    }
    let stepped = if back.is_some() { What::SteppedBack } else { What::Same };
    let Some((server, path, now)) = locked else {
        let (server, lock, differences) = (plan.source.to_string(), PathBuf::new(), Vec::new());
        return Change { server, lock, what: stepped, differences, lines };
    };
    let before = locks.get(path).and_then(|lock| lock.servers.get(server));
    let mut base = before.cloned().unwrap_or_default();
    let mut differences = base.origin_drift(&now.origin);
    // What was left out before, and is locked from now on, is new.
    base.leave_out(&now.origin.unlocked);
    differences.extend(base.surface_drift(surface));
    records.texts.complete(&mut differences);
    let what = match before {
        None => What::New,
        Some(before) if before != now => What::Changed,
        Some(_) => stepped,
    };
    match before {
        None => {
            let origin = &now.origin;
            let digest = origin.manifest.or(origin.digest).map(|digest| format!(" ({digest})")).unwrap_or_default();
            let source = Untrusted::new(origin.source.as_str()).to_line(200);
            lines.push_str(&format!("{server} is new: {source}{digest}\n"));
            surface_lines(surface, width).iter().for_each(|line| lines.push_str(&format!("  {line}\n")));
            for kind in &origin.unlocked {
                lines.push_str(&format!("  its {} are not locked: they may change at any time\n", kind.written()));
            }
            lines.push_str("  (with schemas and all else: --format json)\n");
        }
        Some(_) if !differences.is_empty() => {
            lines.push_str(&format!("{server} is not what was locked:\n\n{}", shown(&differences, width)));
        }
        // A signer more, for one: nothing that would refuse it.
        Some(before) if before != now => lines.push_str(&format!("{server} has further signers\n")),
        Some(_) => {}
    }
    Change { server: server.to_string(), lock: path.clone(), what, differences, lines }
}

/// Servers that are locked and no longer configured.
fn removed<'a>(locks: &'a BTreeMap<PathBuf, LockFile>, config: &'a Config) -> impl Iterator<Item = Change> + 'a {
    locks.iter().flat_map(move |(path, lock)| {
        let is_gone = |name: &&ServerName| {
            !config.servers.iter().any(|server| server.name == **name && server.lock_file() == *path)
        };
        lock.servers.keys().filter(is_gone).map(|name| Change {
            server: name.to_string(),
            lock: path.clone(),
            what: What::Removed,
            differences: Vec::new(),
            lines: format!("{name} is not configured any more\n"),
        })
    })
}

impl Change {
    /// Whether there is anything to accept.
    fn is_one(&self) -> bool {
        self.what != What::Same
    }
}

/// Shows the changes to a person and asks, unless the answer is given already.
fn accept(format: Format, changes: &[Change], yes: bool) -> Result<bool, CommandError> {
    if !changes.iter().any(Change::is_one) {
        return Ok(true);
    }
    if format == Format::Text {
        let lines: Vec<&str> = changes.iter().map(|change| change.lines.trim_end()).filter(|l| !l.is_empty()).collect();
        output::text_line(&lines.join("\n\n"))?;
    }
    if yes {
        return Ok(true);
    }
    Ok(format == Format::Text && output::ask("accept this?")?)
}

/// Writes what was accepted: texts first, as a lock is what counts.
fn write(
    locks: &BTreeMap<PathBuf, LockFile>,
    changes: &[Change],
    found: &[Found],
    records: &Records,
) -> Result<(), CommandError> {
    for Found { surface, .. } in found {
        if let Err(error) = records.texts.keep(surface.all()) {
            report::write_line(&format!(
                "texts are not kept ({error}); later, differences are shown without the old ones"
            ));
        }
    }
    for (path, before) in locks {
        let mut of_lock: BTreeMap<ServerName, Option<Locked>> = BTreeMap::new();
        let changed = |server: &str| {
            let is_it = |change: &&Change| change.server == server && change.lock == *path;
            changes.iter().find(is_it).is_some_and(|change| matches!(change.what, What::New | What::Changed))
        };
        for (server, lock, locked) in found.iter().filter_map(|found| found.locked.as_ref()) {
            if lock == path && changed(server.as_str()) {
                of_lock.insert(server.clone(), Some(locked.clone()));
            }
        }
        let is_removed = |name: &&ServerName| is_removed(changes, path, name);
        of_lock.extend(before.servers.keys().filter(is_removed).map(|name| (name.clone(), None)));
        if !of_lock.is_empty() {
            LockFile::change(path, before, &of_lock)?;
        }
    }
    found.iter().for_each(|found| records.keep(&found.plan));
    Ok(())
}

fn is_removed(changes: &[Change], lock: &Path, name: &ServerName) -> bool {
    let is_it = |change: &Change| change.server == name.as_str() && change.lock == lock && change.what == What::Removed;
    changes.iter().any(is_it)
}

fn show_end(format: Format, changes: &[Change], accepted: bool) -> Result<(), CommandError> {
    #[derive(Serialize)]
    struct Document<'a> {
        accepted: bool,
        servers: &'a [Change],
    }
    if format == Format::Json {
        return output::json(&Document { accepted, servers: changes });
    }
    if !changes.iter().any(Change::is_one) {
        return output::text_line("nothing changed");
    }
    if accepted {
        let locks: BTreeSet<&Path> =
            changes.iter().filter(|change| change.is_one()).map(|change| change.lock.as_path()).collect();
        for lock in locks.into_iter().filter(|lock| !lock.as_os_str().is_empty()) {
            output::text_line(&format!("\nlocked in {}", lock.display()))?;
        }
    }
    Ok(())
}
