//! What a person configured: `config.toml` in the configuration folder, and an approved `lockgate.toml` of the working
//! directory. Strict: what is not known, or written twice, is an error with its line.

mod approval;
mod beside;
mod file;

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use lockgate_runtime::{
    Digest, Grant, InvalidTrustPolicy, Limits, ServerName, Source, Sourced, StoreKind, TokenHosts, TrustPolicy,
};

pub(crate) use self::approval::{Approvals, approve};
pub(crate) use self::beside::{FilesBeside, MAX_POLICY_BYTES};
use self::file::{File, Read};
use crate::catalog::Settings;
use crate::environment::Folders;
use crate::lock::{Kind, LOCK_FILE};

/// The name of the file in the configuration folder.
pub(crate) const OWN_FILE: &str = "config.toml";

/// The name of a project's file.
pub(crate) const PROJECT_FILE: &str = "lockgate.toml";

/// The largest file that is read, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// Everything that is configured. Nothing, where there is no file.
#[derive(Debug, Default)]
pub(crate) struct Config {
    /// Certificate authorities that are trusted besides the system's: each a PEM file's content.
    pub(crate) roots: Vec<Vec<u8>>,
    /// Whether Docker's programs for credentials may be started.
    pub(crate) credential_programs: bool,
    /// Where tokens for registries come from, if not from themselves.
    pub(crate) token_hosts: TokenHosts,
    /// Where secrets are kept, if the person chose.
    pub(crate) store: Option<StoreKind>,
    /// Whom the person trusts, where they wrote it here.
    pub(crate) trust: Option<ReadPolicy>,
    /// The servers, by their names.
    pub(crate) servers: Vec<Configured>,
    /// Files outside of this program's folders that say what runs, and that no server may touch.
    pub(crate) own_files: Vec<PathBuf>,
    /// What the person should know of it.
    pub(crate) notes: Vec<String>,
}

/// A configured server.
#[derive(Debug, Clone)]
pub(crate) struct Configured {
    /// Its name.
    pub(crate) name: ServerName,
    /// The file.
    pub(crate) file: PathBuf,
    /// Its source, letter by letter.
    pub(crate) written: String,
    /// Where it comes from.
    pub(crate) source: Written,
    /// What it is started with, where its executor takes arguments.
    pub(crate) arguments: Vec<Sourced<String>>,
    /// What it may touch.
    pub(crate) grant: Grant,
    /// How much it may use.
    pub(crate) limits: Limits,
    /// What its names are prefixed with, if not with its own name.
    pub(crate) prefix: Option<String>,
    /// Which of its lists are not locked.
    pub(crate) unlocked: BTreeSet<Kind>,
}

/// A source as it is written.
#[derive(Debug, Clone)]
pub(crate) enum Written {
    /// It says all by itself.
    Source(Source),
    /// A name, to be looked up when the server is asked for.
    Name {
        /// The name.
        name: String,
        /// The catalog that the file says, if it says one.
        catalog: Option<PathBuf>,
        /// What is set for the entry.
        settings: Settings,
    },
}

impl Configured {
    /// The lock that its file has, or would have.
    pub(crate) fn lock_file(&self) -> PathBuf {
        self.file.with_file_name(LOCK_FILE)
    }
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(source) => write!(f, "{source}"),
            Self::Name { name, catalog: Some(catalog), .. } => write!(f, "{name} of {}", catalog.display()),
            Self::Name { name, catalog: None, .. } => f.write_str(name),
        }
    }
}

/// A trust policy that was read, from a file of its own or from the configuration.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReadPolicy {
    pub(crate) policy: TrustPolicy,
    /// The files that it is made of.
    pub(crate) files: Vec<PathBuf>,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is larger than a configuration is.
    #[error("{} is larger than 1 MiB, the most that is read", .0.display())]
    TooLarge(PathBuf),
    /// A file is not of the form.
    #[error("{}, line {line}: {problem}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// The line, from 1 on.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// The trust policy of a file is none.
    #[error("{}, {error}", path.display())]
    Trust {
        /// The file.
        path: PathBuf,
        /// What is wrong, with its line.
        error: InvalidTrustPolicy,
    },
    /// A project's file says whom to trust.
    #[error("{} has a [trust]: whom you trust is written in your own configuration, and in no project's", .0.display())]
    TrustOfProject(PathBuf),
    /// A server of a file is not one.
    #[error("{}, server {server}: {problem}", path.display())]
    Server {
        /// The file.
        path: PathBuf,
        /// The server.
        server: ServerName,
        /// What is wrong.
        problem: String,
    },
    /// Two files have a server of one name.
    #[error("{} and {} both have a server named {server}; rename one of them", first.display(), second.display())]
    Twice {
        /// The file of the one.
        first: PathBuf,
        /// The file of the other.
        second: PathBuf,
        /// Their name.
        server: ServerName,
    },
}

impl Config {
    /// Reads the person's file, and the one of `working_directory` if it was approved as it is now.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub(crate) fn read(folders: &Folders, working_directory: &Path) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        let own = folders.config.join(OWN_FILE);
        if let Some(text) = text_of(&own)? {
            config.add(&own, &text, folders)?;
        }
        let project = working_directory.join(PROJECT_FILE);
        if let Some(text) = text_of(&project)? {
            if Approvals::read(folders)?.contains(&project, &Digest::of(text.as_bytes())) {
                let before = config.servers.len();
                let own_trust = config.trust.take();
                config.add(&project, &text, folders)?;
                if config.trust.is_some() {
                    return Err(ConfigError::TrustOfProject(project));
                }
                config.trust = own_trust;
                config.check_names(before, &own, &project)?;
                // The lock need not be there yet: nobody but a person makes it.
                config.own_files.extend([project.with_file_name(LOCK_FILE), project]);
            } else {
                config.notes.push(format!(
                    "{} is not read: nobody approved it as it is now; look at it, then run: lockgate allow ./{PROJECT_FILE}",
                    project.display()
                ));
            }
        }
        Ok(config)
    }

    /// The server of this name.
    pub(crate) fn server(&self, name: &str) -> Option<&Configured> {
        self.servers.iter().find(|server| server.name.as_str() == name)
    }

    fn add(&mut self, path: &Path, text: &str, folders: &Folders) -> Result<(), ConfigError> {
        let Read { trust, roots, credential_programs, token_hosts, store, catalog, servers } =
            File::parse(path, text)?.read(path, text, folders)?;
        self.trust = trust.or(self.trust.take());
        self.roots.extend(roots);
        self.credential_programs |= credential_programs;
        self.token_hosts.extend(token_hosts);
        self.store = store.or(self.store);
        self.own_files.extend(catalog);
        self.servers.extend(servers);
        Ok(())
    }

    fn check_names(&self, before: usize, first: &Path, second: &Path) -> Result<(), ConfigError> {
        let (own, project) = self.servers.split_at(before);
        let twice = project.iter().find(|server| own.iter().any(|other| other.name == server.name));
        twice.map_or(Ok(()), |server| {
            let server = server.name.clone();
            Err(ConfigError::Twice { first: first.to_owned(), second: second.to_owned(), server })
        })
    }
}

/// Whom a text trusts that could take the place of the configuration at `path`, if it says so.
///
/// # Errors
/// Where it could not.
pub(crate) fn trust_of(path: &Path, text: &str, folders: &Folders) -> Result<Option<TrustPolicy>, ConfigError> {
    let Read { trust, .. } = File::parse(path, text)?.read(path, text, folders)?;
    Ok(trust.map(|trust| trust.policy))
}

/// Whom the person's own configuration trusts, whatever becomes of the rest of it: neither servers nor a project's file have
/// a say in that.
///
/// # Errors
/// Where the file is not of the form, or its policy is none.
pub(crate) fn own_trust(folders: &Folders) -> Result<Option<ReadPolicy>, ConfigError> {
    let own = folders.config.join(OWN_FILE);
    text_of(&own)?.map_or(Ok(None), |text| file::trust_alone(&own, &text, folders))
}

/// What messages call the trust policy in a configuration file.
pub(crate) fn name_of_trust(path: &Path) -> String {
    format!("[trust] of {}", path.display())
}

/// The text of a file; nothing where there is none.
fn text_of(path: &Path) -> Result<Option<String>, ConfigError> {
    use std::io::{Error, ErrorKind};
    let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
    match crate::files::read(path, MAX_BYTES) {
        Ok(bytes) => {
            let text =
                String::from_utf8(bytes).map_err(|error| unreadable(Error::new(ErrorKind::InvalidData, error)))?;
            Ok(Some(text))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == ErrorKind::FileTooLarge => Err(ConfigError::TooLarge(path.to_owned())),
        Err(error) => Err(unreadable(error)),
    }
}

#[cfg(test)]
mod tests;
