//! `lockgate trust refresh`: fetches the trust roots that come by TUF, for those who verify with them and ask nobody.

use clap::Args;
use lockgate_runtime::{RefreshError, Runtime, TufRoot, TufState};
use serde::Serialize;

use super::super::trusting::{PolicyFile, Trusting};
use super::super::{Common, Format, block_on, output};
use crate::error::{CommandError, Kind};
use crate::report::Detail;

#[derive(Debug, Args)]
pub(super) struct RefreshArgs {
    /// Which of them, as the policy calls them: all, where none is named
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    policy: PolicyFile,
}

/// What came of it.
#[derive(Serialize)]
struct Document<'a> {
    roots: &'a [TufState],
    failed: Vec<Failed<'a>>,
}

/// A trust root that is what it was before.
#[derive(Serialize)]
struct Failed<'a> {
    name: &'a str,
    url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    problem: String,
    next: &'static str,
}

pub(super) fn execute(common: &Common, args: RefreshArgs) -> Result<(), CommandError> {
    let config = common.config()?;
    let runtime = common.runtime(Detail::Brief, &config, &Trusting::from(args.policy))?;
    let sources = named(runtime.tuf_roots(), &args.names)?;
    let (roots, failed) = block_on(async { Ok(refresh_all(&runtime, &sources).await) })?;
    match common.format {
        Format::Json => {
            let failed = failed.iter().map(|(root, error)| Failed::new(root, error)).collect();
            output::json(&Document { roots: &roots, failed })?;
        }
        Format::Text if sources.is_empty() => {
            output::text_line("no trust root of the policy comes by TUF: there is nothing to fetch")?;
        }
        Format::Text => {
            for root in &roots {
                output::text_line(&format!("trust root {}", root.line()))?;
            }
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(problem(&failed)) }
}

/// Those of these names, or all.
fn named<'a>(roots: Vec<&'a TufRoot>, names: &[String]) -> Result<Vec<&'a TufRoot>, CommandError> {
    if let Some(unknown) = names.iter().find(|name| !roots.iter().any(|root| root.name() == *name)) {
        let known: Vec<&str> = roots.iter().map(|root| root.name()).collect();
        let known =
            if known.is_empty() { "it names none".to_owned() } else { format!("it names {}", known.join(", ")) };
        let message = format!("the policy has no trust root {} that comes by TUF", unknown.escape_debug());
        return Err(CommandError::new(Kind::Usage, message).hint(format!("{known}; add [roots.NAME] with `tuf` to it")));
    }
    let is_named = |root: &&TufRoot| names.is_empty() || names.iter().any(|name| name == root.name());
    Ok(roots.into_iter().filter(is_named).collect())
}

/// One after the other, each whatever becomes of the others.
async fn refresh_all<'a>(
    runtime: &Runtime,
    sources: &[&'a TufRoot],
) -> (Vec<TufState>, Vec<(&'a TufRoot, RefreshError)>) {
    let (mut roots, mut failed) = (Vec::new(), Vec::new());
    for source in sources {
        match runtime.refresh_root(source).await {
            Ok(state) => roots.push(state),
            Err(error) => failed.push((*source, error)),
        }
    }
    (roots, failed)
}

fn problem(failed: &[(&TufRoot, RefreshError)]) -> CommandError {
    // What is refused is graver than what did not come.
    let is_refused = failed.iter().any(|(_, error)| matches!(error, RefreshError::Refused { .. }));
    let kind = if is_refused { Kind::Refused } else { Kind::Failed };
    let line = |(root, error): &(&TufRoot, RefreshError)| {
        let error = CommandError::from_error(kind, error);
        format!("the trust root {} was not refreshed from {}: {}", root.name(), root.url(), error.message())
    };
    let lines: Vec<String> = failed.iter().map(line).collect();
    let problem = CommandError::new(kind, lines.join("\n"));
    let problem = failed
        .iter()
        .fold(problem, |problem, (root, error)| problem.hint(format!("{}: {}", root.name(), error.next())));
    problem.hint("what was kept of it before is there still, and holds until it expires: see lockgate trust check FILE")
}

impl<'a> Failed<'a> {
    fn new(root: &'a TufRoot, error: &RefreshError) -> Self {
        let reason = match error {
            RefreshError::Refused { code, .. } => Some(*code),
            RefreshError::Unreachable(_) | RefreshError::Unwritable(_) => None,
        };
        let problem = CommandError::from_error(Kind::Failed, error).message().to_owned();
        Self { name: root.name(), url: root.url(), reason, problem, next: error.next() }
    }
}
