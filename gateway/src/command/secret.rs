//! `lockgate secret`: keeps values for servers to use, and shows none of them.

use std::io::{IsTerminal, Read};

use clap::{Args, Subcommand};
use lockgate_runtime::{InvalidSecret, Secret, SecretName, SecretStore, StoreKind};
use serde::Serialize;
use zeroize::Zeroizing;

use super::{Common, Format, block_on, output, secret_settings};
use crate::error::{CommandError, Kind};
use crate::report;

/// The most that is read from stdin, in bytes: more than any secret can have.
const MAX_INPUT: usize = 64 * 1024 + 3;

#[derive(Debug, Args)]
pub(super) struct SecretArgs {
    /// Where to keep them: secret-service, kernel-keyring (lost at reboot) or file [default: as configured; else
    /// secret-service if this session has one, else file]
    #[arg(long, global = true, value_name = "STORE")]
    store: Option<StoreKind>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Keep a value that is read from stdin, or asked for on a terminal
    Set(SetArgs),
    /// List the names of what is kept
    Ls,
    /// Forget a value
    Rm(RmArgs),
}

#[derive(Debug, Args)]
struct SetArgs {
    /// Its name: 1 to 128 of A-Z a-z 0-9 . _ - /
    #[arg(value_name = "NAME")]
    name: SecretName,
    /// Taken so that it can be refused without being shown.
    #[arg(hide = true)]
    value: Vec<String>,
}

#[derive(Debug, Args)]
struct RmArgs {
    /// Its name
    #[arg(value_name = "NAME")]
    name: SecretName,
}

pub(super) fn execute(common: &Common, args: SecretArgs) -> Result<(), CommandError> {
    let store = args.store.or(common.config()?.store);
    let settings = secret_settings(&common.folders()?, store);
    let open = || SecretStore::open(&settings);
    match args.verb {
        Verb::Set(SetArgs { name, value }) => {
            if !value.is_empty() {
                return Err(value_on_the_command_line(&name));
            }
            let value = read(&name)?;
            let store = block_on(async {
                let store = open().await?;
                store.set(&name, value).await?;
                Ok(store)
            })?;
            done(common.format, &name, &store, "is kept in")
        }
        Verb::Ls => {
            let (store, names) = block_on(async {
                let store = open().await?;
                let names = store.names().await?;
                Ok((store, names))
            })?;
            list(common.format, &store, &names)
        }
        Verb::Rm(RmArgs { name }) => {
            let (store, was_there) = block_on(async {
                let store = open().await?;
                let was_there = store.remove(&name).await?;
                Ok((store, was_there))
            })?;
            if !was_there {
                let message = format!("there is no secret named {name} in {}", store.place());
                return Err(CommandError::new(Kind::Failed, message).hint("`lockgate secret ls` shows what there is"));
            }
            done(common.format, &name, &store, "is removed from")
        }
    }
}

fn value_on_the_command_line(name: &SecretName) -> CommandError {
    CommandError::new(
        Kind::Usage,
        "a value is not taken from the command line: every program can read it there, and the shell keeps it",
    )
    .hint(format!("write it when you are asked: lockgate secret set {name}"))
    .hint(format!("or let a program write it: pass show {name} | lockgate secret set {name}"))
    .hint("if what you wrote is in use already, replace it")
}

/// The value, from whoever has it.
fn read(name: &SecretName) -> Result<Secret, CommandError> {
    let stdin = std::io::stdin();
    let value = if stdin.is_terminal() {
        Secret::new(rpassword::prompt_password(format!("value of {name} (it is not shown): "))?)
    } else {
        // With room for all of it, so that no half of it is left behind in memory when it grows.
        let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_INPUT + 1));
        stdin.lock().take(MAX_INPUT as u64).read_to_end(&mut bytes)?;
        Secret::from_written(&bytes)
    };
    value.map_err(|error| {
        let failed = CommandError::from_error(Kind::Usage, &error);
        match error {
            InvalidSecret::Empty => failed.hint(format!("write it to stdin: lockgate secret set {name} < FILE")),
            InvalidSecret::TooLong | InvalidSecret::Nul | InvalidSecret::NotText => failed,
        }
    })
}

fn done(format: Format, name: &SecretName, store: &SecretStore, what: &str) -> Result<(), CommandError> {
    #[derive(Serialize)]
    struct Document<'a> {
        name: &'a SecretName,
        store: StoreKind,
    }
    match format {
        Format::Json => output::json(&Document { name, store: store.kind() }),
        Format::Text => {
            report::write_line(&format!("{name} {what} {}", store.place()));
            Ok(())
        }
    }
}

fn list(format: Format, store: &SecretStore, names: &[SecretName]) -> Result<(), CommandError> {
    #[derive(Serialize)]
    struct Document<'a> {
        store: StoreKind,
        place: &'a str,
        names: &'a [SecretName],
    }
    match format {
        Format::Json => output::json(&Document { store: store.kind(), place: store.place(), names }),
        Format::Text => {
            if names.is_empty() {
                report::write_line(&format!("nothing is kept in {}", store.place()));
            }
            names.iter().try_for_each(|name| output::text_line(&format!("{:<28} {}", name.as_str(), store.kind())))
        }
    }
}
