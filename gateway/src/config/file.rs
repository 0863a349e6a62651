//! The form of a configuration file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use lockgate_runtime::{
    Access, Credential, Directory, Grant, HttpRule, Limits, SecretName, ServerName, Source, Sourced, StoreKind,
    TokenHosts, TrustPolicy, Variable, WrittenCredential, WrittenTrustPolicy, parse_bytes, parse_duration,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use super::beside::FilesBeside;
use super::{ConfigError, Configured, ReadPolicy, Written, name_of_trust};
use crate::catalog::Settings;
use crate::environment::Folders;
use crate::lock::Kind;
use crate::sources::{is_name, parse_source};

/// A file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct File {
    #[serde(default)]
    network: Network,
    #[serde(default)]
    registry: Registry,
    #[serde(default)]
    secrets: Secrets,
    trust: Option<WrittenTrustPolicy>,
    /// Where the names are looked up that servers have for a source.
    catalog: Option<PathBuf>,
    #[serde(default)]
    servers: BTreeMap<ServerName, Server>,
}

/// `[network]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Network {
    /// Files with certificate authorities.
    #[serde(default)]
    roots: Vec<PathBuf>,
}

/// `[registry]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct Registry {
    credential_programs: bool,
    token_hosts: TokenHosts,
}

/// `[secrets]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Secrets {
    store: Option<StoreKind>,
}

/// What a file says, read.
pub(super) struct Read {
    pub(super) trust: Option<ReadPolicy>,
    pub(super) roots: Vec<Vec<u8>>,
    pub(super) credential_programs: bool,
    pub(super) token_hosts: TokenHosts,
    pub(super) store: Option<StoreKind>,
    pub(super) catalog: Option<PathBuf>,
    pub(super) servers: Vec<Configured>,
}

/// `[servers.NAME]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Server {
    source: String,
    prefix: Option<Prefix>,
    #[serde(default)]
    unlocked: BTreeSet<Kind>,
    #[serde(default)]
    arguments: Vec<String>,
    /// What is set for the catalog's entry that the source names.
    #[serde(default)]
    config: toml::Table,
    #[serde(default)]
    grant: GrantTable,
    #[serde(default)]
    limits: LimitsTable,
}

/// What a server's names are prefixed with: a name, or nothing.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Prefix(String);

/// `[servers.NAME.grant]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct GrantTable {
    http: Vec<HttpRule>,
    dirs: Vec<DirectoryTable>,
    env: BTreeMap<String, String>,
    credentials: BTreeMap<SecretName, WrittenCredential>,
}

/// An item of `dirs`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct DirectoryTable {
    host: PathBuf,
    guest: Option<String>,
    access: Access,
}

/// `[servers.NAME.limits]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct LimitsTable {
    #[serde(deserialize_with = "bytes")]
    memory: Option<u64>,
    #[serde(deserialize_with = "duration")]
    time: Option<Duration>,
    #[serde(deserialize_with = "bytes")]
    output: Option<u64>,
    concurrency: Option<std::num::NonZeroU16>,
}

fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_bytes(&text).map(Some).map_err(serde::de::Error::custom)
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_duration(&text).map(Some).map_err(serde::de::Error::custom)
}

impl TryFrom<String> for Prefix {
    type Error = lockgate_runtime::InvalidServerName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if !text.is_empty() {
            text.parse::<ServerName>()?;
        }
        Ok(Self(text))
    }
}

impl File {
    /// Reads the text of the file at `path`.
    pub(super) fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        parse(path, text)
    }

    /// What it says, with relative paths counted from the file.
    pub(super) fn read(self, path: &Path, text: &str, folders: &Folders) -> Result<Read, ConfigError> {
        let folder = path.parent().unwrap_or(Path::new(""));
        let read = |root: PathBuf| {
            let root = folder.join(root);
            std::fs::read(&root).map_err(|source| ConfigError::Unreadable { path: root, source })
        };
        let roots = self.network.roots.into_iter().map(read).collect::<Result<_, _>>()?;
        let catalog = self.catalog.map(|catalog| folder.join(catalog));
        let configured = |(name, server): (ServerName, Server)| {
            let problem = |problem| ConfigError::Server { path: path.to_owned(), server: name.clone(), problem };
            server.read(name.clone(), path, catalog.as_deref()).map_err(problem)
        };
        let servers = self.servers.into_iter().map(configured).collect::<Result<_, _>>()?;
        let trust = self.trust.map(|written| read_trust(path, text, written, folders)).transpose()?;
        let Registry { credential_programs, token_hosts } = self.registry;
        Ok(Read { trust, roots, credential_programs, token_hosts, store: self.secrets.store, catalog, servers })
    }
}

fn parse<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, ConfigError> {
    toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| 1 + text[..span.start.min(text.len())].matches('\n').count());
        // Without the line itself, which may hold a secret.
        ConfigError::Form { path: path.to_owned(), line, problem: error.message().to_owned() }
    })
}

/// Whom the text of the file at `path` trusts. All else that is in it may be wrong.
pub(super) fn trust_alone(path: &Path, text: &str, folders: &Folders) -> Result<Option<ReadPolicy>, ConfigError> {
    #[derive(Deserialize)]
    struct TrustAlone {
        trust: Option<WrittenTrustPolicy>,
    }
    let TrustAlone { trust } = parse(path, text)?;
    trust.map(|written| read_trust(path, text, written, folders)).transpose()
}

fn read_trust(
    path: &Path,
    text: &str,
    written: WrittenTrustPolicy,
    folders: &Folders,
) -> Result<ReadPolicy, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
    let mut beside = FilesBeside::new(path).map_err(unreadable)?.with_roots(folders.roots());
    let policy = TrustPolicy::of_written(text, written, &mut beside);
    let policy = policy.map_err(|error| ConfigError::Trust { path: path.to_owned(), error })?;
    Ok(ReadPolicy { policy: policy.in_file(name_of_trust(path)), files: beside.into_files() })
}

impl Server {
    fn read(self, name: ServerName, file: &Path, catalog: Option<&Path>) -> Result<Configured, String> {
        let folder = file.parent().unwrap_or(Path::new(""));
        let Self { source, prefix, unlocked, arguments, config, grant, limits } = self;
        let written = source.clone();
        let source = source_of(source, config, folder, catalog)?;
        if let Written::Name { name, .. } = &source
            && !arguments.is_empty()
        {
            return Err(format!(
                "`arguments` would replace what the catalog's entry {name} is started with; leave them out"
            ));
        }
        let arguments = arguments.into_iter().map(Sourced::config).collect();
        let (grant, prefix) = (grant.read(folder)?, prefix.map(|Prefix(prefix)| prefix));
        let (file, limits) = (file.to_owned(), limits.read());
        Ok(Configured { name, file, written, source, arguments, grant, limits, prefix, unlocked })
    }
}

/// A source that says all by itself; or a name that `catalog`, or one on the command line, has to know.
fn source_of(text: String, config: toml::Table, folder: &Path, catalog: Option<&Path>) -> Result<Written, String> {
    let known = parse_source(&text, folder);
    let settings = settings(config)?;
    match known {
        // A catalog on the command line adds names, and changes none that is configured.
        Ok((Source::BuiltIn(_), _)) if catalog.is_some() => {}
        Ok((source, _)) if settings.is_empty() => return Ok(Written::Source(source)),
        Ok(_) => return Err(format!("`config` sets what an entry of a catalog uses, and {text} is none")),
        Err(_) if is_name(&text) => {}
        Err(error) => return Err(error.message().to_owned()),
    }
    Ok(Written::Name { name: text, catalog: catalog.map(Path::to_owned), settings })
}

/// What is set for an entry, as its templates take it: JSON.
fn settings(table: toml::Table) -> Result<Settings, String> {
    table.into_iter().map(|(key, value)| Ok((key, setting(value)?))).collect()
}

fn setting(value: toml::Value) -> Result<serde_json::Value, String> {
    Ok(match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Boolean(value) => value.into(),
        toml::Value::Array(items) => items.into_iter().map(setting).collect::<Result<_, _>>()?,
        toml::Value::Table(table) => serde_json::Value::Object(settings(table)?),
        toml::Value::Float(number) if number.is_finite() => number.into(),
        toml::Value::Float(number) => return Err(unusable(&number)),
        toml::Value::Datetime(time) => return Err(unusable(&time)),
    })
}

fn unusable(value: &dyn std::fmt::Display) -> String {
    format!("`config` has {value}, which no entry can use; write it as a text")
}

impl GrantTable {
    fn read(self, folder: &Path) -> Result<Grant, String> {
        let mut grant = Grant { http: self.http.into_iter().map(Sourced::config).collect(), ..Grant::default() };
        for DirectoryTable { host, guest, access } in self.dirs {
            let dir = Directory::new(folder.join(host), guest, access).map_err(|error| error.to_string())?;
            grant.dirs.push(Sourced::config(dir));
        }
        for (name, value) in self.env {
            let variable = Variable::new(name, value).map_err(|error| error.to_string())?;
            grant.env.push(Sourced::config(variable));
        }
        for (name, written) in self.credentials {
            let mut credential = Credential::new(name, written).map_err(|error| error.to_string())?;
            credential.relative_to(folder);
            grant.credentials.push(Sourced::config(credential));
        }
        grant.check().map_err(|error| error.to_string())?;
        Ok(grant)
    }
}

impl LimitsTable {
    fn read(self) -> Limits {
        let mut limits = Limits::default();
        let Self { memory, time, output, concurrency } = self;
        if let Some(memory) = memory {
            limits.memory = Sourced::config(memory);
        }
        if let Some(time) = time {
            limits.time = Sourced::config(time);
        }
        if let Some(output) = output {
            limits.output = Sourced::config(output);
        }
        if let Some(concurrency) = concurrency {
            limits.concurrency = Sourced::config(concurrency.get().into());
        }
        limits
    }
}
