//! Which server is meant, and what it is given: the arguments that `run`, `call`, `tools` and `plan` share.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use lockgate_runtime::{
    Credential, Directory, Grant, HttpRule, Limits, ServerName, Source, Sourced, Spec, Variable, parse_bytes,
    parse_duration,
};

use super::catalogued::{Catalogued, Shelf, check};
use crate::catalog::{Offer, Settings};
use crate::config::{Config, Configured, Written};
use crate::error::{CommandError, Kind};
use crate::sources::{is_name, parse_server, parse_source, split_name};

/// A server with its grant.
#[derive(Debug, Args)]
pub(super) struct Selection {
    /// A .wasm, an OCI reference, oci-layout:DIR, docker://IMAGE, a URL or a name; NAME=SERVER names it
    #[arg(value_name = "SERVER")]
    server: String,
    #[command(flatten)]
    catalogued: Catalogued,
    #[command(flatten)]
    rights: Rights,
}

/// Any number of servers; flags are for a single one.
#[derive(Debug, Args)]
pub(super) struct Selections {
    /// The servers: each a .wasm, an OCI reference, oci-layout:DIR, docker://IMAGE, a URL or a name; NAME=SERVER names
    /// it. Without any, all that are configured
    #[arg(value_name = "SERVER")]
    servers: Vec<String>,
    #[command(flatten)]
    catalogued: Catalogued,
    #[command(flatten)]
    rights: Rights,
}

/// The heading of these flags in the help.
const RIGHTS: &str = "What the server may touch and use (nothing, unless it is given)";

#[derive(Debug, Args)]
pub(super) struct Rights {
    /// Let it see a directory; read-only unless ,rw is added
    #[arg(long = "dir", help_heading = RIGHTS, value_name = "HOST[=GUEST][,rw]")]
    dirs: Vec<Directory>,
    /// Let it send HTTP requests, as "GET,POST https://api.example.com/v1/"
    #[arg(long = "allow-http", help_heading = RIGHTS, value_name = "RULE")]
    http: Vec<HttpRule>,
    /// Set an environment variable
    #[arg(long = "env", help_heading = RIGHTS, value_name = "K=V")]
    env: Vec<Variable>,
    /// Send a secret in a header of its requests, as "https://api.example.com X-Api-Key: {example.key}"; it does not get it
    #[arg(long = "credential", help_heading = RIGHTS, value_name = "TO HEADER: {SECRET}")]
    credentials: Vec<String>,
    /// Give it a secret itself, in an environment variable
    #[arg(long = "reveal-env", help_heading = RIGHTS, value_name = "NAME=SECRET")]
    reveal_env: Vec<String>,
    /// The memory of one call [default: 128MiB]
    #[arg(long, help_heading = RIGHTS, value_name = "SIZE", value_parser = parse_bytes)]
    memory: Option<u64>,
    /// The time of one call [default: 30s]
    #[arg(long, help_heading = RIGHTS, value_name = "TIME", value_parser = parse_duration)]
    time: Option<Duration>,
}

/// A server that was asked for.
#[derive(Clone)]
pub(super) struct Chosen {
    /// The server, with what it is granted.
    pub(super) spec: Spec,
    /// What its names are prefixed with, if not with its own name.
    pub(super) prefix: Option<String>,
    /// The catalog's entry that it comes from, which may want more than it is granted.
    pub(super) offer: Option<Offer>,
    /// What the configuration says of it, where that is where it is from.
    pub(super) configured: Option<Configured>,
}

impl Chosen {
    /// One that only the command line names.
    fn named(spec: Spec, offer: Option<Offer>) -> Self {
        Self { spec, prefix: None, offer, configured: None }
    }

    /// The server, if nothing is missing that it wants.
    fn granted(self) -> Result<Self, CommandError> {
        let place = self.configured.as_ref().map(|configured| &configured.name);
        self.offer.as_ref().map_or(Ok(()), |offer| check(offer, &self.spec.grant, place))?;
        Ok(self)
    }
}

impl Selection {
    /// What was asked for, read once, and granted all that it has to have.
    pub(super) fn server(self, config: &Config) -> Result<Chosen, CommandError> {
        self.choose(config)?.granted()
    }

    /// What was asked for, read once.
    pub(super) fn choose(self, config: &Config) -> Result<Chosen, CommandError> {
        let Self { server, catalogued, rights } = self;
        let mut chosen = find(&server, config, &mut catalogued.open()?, &rights.env)?;
        chosen.spec = rights.add_to(chosen.spec)?;
        Ok(chosen)
    }
}

impl Selections {
    /// What was asked for, read once. There is at least one.
    pub(super) fn servers(self, config: &Config) -> Result<Vec<Chosen>, CommandError> {
        let Self { servers, catalogued, rights } = self;
        let mut shelf = catalogued.open()?;
        let mut found: Vec<Chosen> = match &*servers {
            [] => {
                let all = config.servers.iter();
                all.map(|server| configured(server, server.name.clone(), &mut shelf, &rights.env))
                    .collect::<Result<_, _>>()?
            }
            servers => {
                servers.iter().map(|server| find(server, config, &mut shelf, &rights.env)).collect::<Result<_, _>>()?
            }
        };
        match &mut *found {
            [] => {
                return Err(CommandError::new(Kind::Usage, "no server is named, and none is configured")
                    .hint("name one: lockgate run SERVER")
                    .hint("or configure one: a table [servers.NAME] with a `source` in config.toml"));
            }
            [only] => only.spec = rights.add_to(only.spec.clone())?,
            _ if !rights.is_empty() || shelf.has_settings() => {
                return Err(CommandError::new(
                    Kind::Usage,
                    "flags that grant or set something go with exactly one server",
                )
                .hint("several servers take their grants from the configuration: [servers.NAME.grant]"));
            }
            _ => {}
        }
        found.into_iter().map(Chosen::granted).collect()
    }
}

/// These configured servers, or all of them, granted all that they have to have; or what else the words say.
pub(super) fn named(servers: &[String], config: &Config) -> Result<Vec<Chosen>, CommandError> {
    let mut shelf = Shelf::default();
    let found: Result<Vec<Chosen>, _> = match servers {
        [] => config.servers.iter().map(|server| configured(server, server.name.clone(), &mut shelf, &[])).collect(),
        servers => servers.iter().map(|server| find(server, config, &mut shelf, &[])).collect(),
    };
    found?.into_iter().map(Chosen::granted).collect()
}

/// A server as it is configured or as the words say, with nothing from the command line.
pub(super) fn without_grant(server: &str, config: &Config) -> Result<Spec, CommandError> {
    Ok(find(server, config, &mut Shelf::default(), &[])?.spec)
}

/// A server that is configured, or else an entry of the catalog, or else what the words say by themselves.
fn find(server: &str, config: &Config, shelf: &mut Shelf, given: &[Variable]) -> Result<Chosen, CommandError> {
    if let Some(found) = config.server(server) {
        return configured(found, found.name.clone(), shelf, given);
    }
    if let Some((name, known)) = server.split_once('=')
        && let Some(found) = config.server(known)
    {
        let name = name.parse().map_err(|error| CommandError::from_error(Kind::Usage, &error))?;
        return configured(found, name, shelf, given);
    }
    let (name, entry) = split_name(server)?;
    if is_name(entry)
        && let Some(offer) = shelf.offer(entry, name, given)?
    {
        return Ok(Chosen::named(offer.spec.clone(), Some(offer)));
    }
    let (name, source) = parse_server(server).map_err(|error| match shelf.hint(entry) {
        Some(hint) if is_name(entry) => error.hint(hint),
        _ => error,
    })?;
    if shelf.has_settings() {
        let message = format!("--config sets what an entry of a catalog uses, and {name} is none");
        return Err(CommandError::new(Kind::Usage, message));
    }
    let (arguments, grant, limits) = (Vec::new(), Grant::default(), Limits::default());
    Ok(Chosen::named(Spec { name, source, arguments, grant, limits }, None))
}

/// A configured server, as `name`. A name for its source is an entry of the catalog of its file, or else is built in, or
/// else an entry of the catalog on the command line.
fn configured(
    configured: &Configured,
    name: ServerName,
    shelf: &mut Shelf,
    given: &[Variable],
) -> Result<Chosen, CommandError> {
    let Configured { name: written_as, source, arguments, grant, limits, prefix, .. } = configured.clone();
    if shelf.has_settings() {
        let message = format!("--config sets what an entry on the command line uses, and {written_as} is configured");
        return Err(
            CommandError::new(Kind::Usage, message).hint(format!("write it into [servers.{written_as}.config]"))
        );
    }
    let (source, arguments, offer) = match source {
        Written::Source(source) => (source, arguments, None),
        Written::Name { name: entry, catalog, settings } => {
            let during = |error: CommandError| error.during(&format!("server {written_as}"));
            let configured = grant.env.iter().map(|variable| &variable.value);
            let variables: Vec<Variable> = configured.chain(given).cloned().collect();
            let offer = shelf.configured_offer(&entry, catalog.as_deref(), &name, &settings, &variables);
            match offer.map_err(during)? {
                Some(offer) => (offer.spec.source.clone(), offer.spec.arguments.clone(), Some(offer)),
                None => (built_in(&entry, catalog.as_deref(), &settings).map_err(during)?, arguments, None),
            }
        }
    };
    let spec = Spec { name, source, arguments, grant, limits };
    Ok(Chosen { spec, prefix, offer, configured: Some(configured.clone()) })
}

/// A name that no catalog has.
fn built_in(name: &str, catalog: Option<&Path>, settings: &Settings) -> Result<Source, CommandError> {
    let found = parse_source(name, Path::new("")).map_err(|error| match catalog {
        Some(catalog) => error.hint(format!("the catalog {} has no entry `{name}` either", catalog.display())),
        None => {
            error.hint("an entry of a catalog needs the catalog: `catalog = \"FILE\"` at the top of the configuration")
        }
    })?;
    if !settings.is_empty() {
        let message = format!("`config` sets what an entry of a catalog uses, and {name} is none");
        return Err(CommandError::new(Kind::Usage, message));
    }
    Ok(found.0)
}

impl Rights {
    fn is_empty(&self) -> bool {
        let Self { dirs, http, env, credentials, reveal_env, memory, time } = self;
        let limits = memory.is_some() || time.is_some();
        let secrets = !credentials.is_empty() || !reveal_env.is_empty();
        dirs.is_empty() && http.is_empty() && env.is_empty() && !secrets && !limits
    }

    /// What is written on the command line comes to what is configured; a limit replaces the configured one.
    fn add_to(self, mut spec: Spec) -> Result<Spec, CommandError> {
        let Self { dirs, http, env, credentials, reveal_env, memory, time } = self;
        let credentials = parse_credentials(&credentials, &reveal_env)?;
        spec.grant.dirs.extend(dirs.into_iter().map(Sourced::flag));
        spec.grant.http.extend(http.into_iter().map(Sourced::flag));
        spec.grant.env.extend(env.into_iter().map(Sourced::flag));
        spec.grant.credentials.extend(credentials.into_iter().map(Sourced::flag));
        if let Some(memory) = memory {
            spec.limits.memory = Sourced::flag(memory);
        }
        if let Some(time) = time {
            spec.limits.time = Sourced::flag(time);
        }
        Ok(spec)
    }
}

/// Reads the flags for credentials. Not by clap, which repeats what it cannot read: it may be the secret itself.
fn parse_credentials(headers: &[String], reveals: &[String]) -> Result<Vec<Credential>, CommandError> {
    let usage = |flag: &str, error| CommandError::from_error(Kind::Usage, &error).during(flag);
    let headers = headers.iter().map(|text| Credential::parse_flag(text).map_err(|error| usage("--credential", error)));
    let reveals =
        reveals.iter().map(|text| Credential::parse_reveal_flag(text).map_err(|error| usage("--reveal-env", error)));
    headers.chain(reveals).collect()
}
