//! `lockgate allow`: approves a project's file as it is now.

use std::path::PathBuf;

use clap::Args;
use lockgate_runtime::Untrusted;

use super::{Common, output};
use crate::config::{Configured, PROJECT_FILE, approve};
use crate::error::{CommandError, Kind};

#[derive(Debug, Args)]
pub(super) struct AllowArgs {
    /// The file, as ./lockgate.toml
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(super) fn execute(common: &Common, args: AllowArgs) -> Result<(), CommandError> {
    if args.file.file_name().is_none_or(|name| name != PROJECT_FILE) {
        let message = format!("{} is never read by itself: only a file named {PROJECT_FILE} is", args.file.display());
        return Err(CommandError::new(Kind::Usage, message));
    }
    let servers = approve(&common.folders()?, &args.file)?;
    output::text_line(&format!("approved {} as it is now, with what it grants:", args.file.display()))?;
    servers.iter().try_for_each(|server| output::text_line(&granted(server)))
}

/// One line of what a server is granted; names in it are the file's words.
fn granted(Configured { name, source, grant, .. }: &Configured) -> String {
    let http = grant.http.iter().map(|rule| rule.value.to_string());
    let dirs = grant.dirs.iter().map(|dir| format!("{} ({:?})", dir.value.host.display(), dir.value.access));
    let env = grant.env.iter().map(|variable| variable.value.name.clone());
    let all: Vec<String> = http.chain(dirs).chain(env).collect();
    let rights = if all.is_empty() { "nothing".to_owned() } else { all.join(", ") };
    Untrusted::new(format!("  {name} from {source}: {rights}")).to_line(2000)
}
