//! Docker's catalogs: YAML files whose entries are names of servers.
//!
//! An entry becomes a [`Spec`](lockgate_runtime::Spec) without any grant, and a list of what it wants; a person grants
//! it, or does not. What a catalog says is a stranger's word: one entry that cannot be read takes no other with it.
//!
//! | file | what it knows |
//! |---|---|
//! | `yaml`, `fields` | the text within bounds, and members of objects with their types |
//! | `entry` | one entry |
//! | `settings` | what a person sets for it |
//! | `template`, `variables`, `volume` | the languages of its values |
//! | `wants`, `offer` | what it asks for, and the server it becomes |
//! | `refusal` | why it does not become one |

mod entry;
mod fields;
mod offer;
mod refusal;
mod settings;
mod template;
mod variables;
mod volume;
mod wants;
mod yaml;

use std::path::{Path, PathBuf};

use lockgate_runtime::{InvalidServerName, ServerName, Variable};
use serde_json::{Map, Value};

use self::entry::Entry;
use self::fields::Fields;
pub(crate) use self::offer::Offer;
pub(crate) use self::refusal::Refusal;
pub(crate) use self::settings::{InvalidSetting, Setting, Settings};
pub(crate) use self::wants::{Want, config_lines};

/// The largest file that is read, in bytes. Docker's catalog has less than one million.
const MAX_BYTES: u64 = 16 << 20;

/// A catalog.
#[derive(Debug)]
pub(crate) struct Catalog {
    path: PathBuf,
    entries: Map<String, Value>,
}

/// Why a catalog gives no server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CatalogError {
    /// The file cannot be read.
    #[error("cannot read the catalog {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is larger than a catalog is.
    #[error("the catalog {} is larger than 16 MiB, the most that is read", .0.display())]
    TooLarge(PathBuf),
    /// The file is no catalog.
    #[error("{} is no catalog of Docker's form: {problem}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A name is that of several entries.
    #[error("`{text}` is the name of several entries of the catalog {}: {}", path.display(), entries.join(", "))]
    Ambiguous {
        /// The file.
        path: PathBuf,
        /// What was asked for.
        text: String,
        /// Whose name it is.
        entries: Vec<String>,
    },
    /// An entry's name cannot be a server's.
    #[error("the entry `{entry}` needs another name here: {error}")]
    Name {
        /// The entry.
        entry: String,
        /// Why.
        error: InvalidServerName,
    },
    /// A person's setting does not fit the entry.
    #[error("the entry `{entry}`: {error}")]
    Setting {
        /// The entry.
        entry: String,
        /// Why.
        error: InvalidSetting,
    },
    /// An entry does not become a server.
    #[error("the entry `{entry}` of the catalog is refused: {refusal}")]
    Refused {
        /// The entry.
        entry: String,
        /// Why.
        refusal: Refusal,
    },
}

impl Catalog {
    /// Reads a file.
    ///
    /// # Errors
    /// Where it is no catalog. What single entries say is looked at when they are asked for.
    pub(crate) fn read(path: &Path) -> Result<Self, CatalogError> {
        let bytes = crate::files::read(path, MAX_BYTES).map_err(|source| match source.kind() {
            std::io::ErrorKind::FileTooLarge => CatalogError::TooLarge(path.to_owned()),
            _ => CatalogError::Unreadable { path: path.to_owned(), source },
        })?;
        let form = |problem: String| CatalogError::Form { path: path.to_owned(), problem };
        let text = String::from_utf8(bytes).map_err(|_| form("it is not UTF-8".to_owned()))?;
        Self::parse(path, &text).map_err(form)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, String> {
        let root = Value::Object(yaml::parse(text).map_err(|error| error.to_string())?);
        Fields::of(&root, String::new(), &["registry"]).map_err(|error| format!("its {error}"))?;
        let registry = if let Value::Object(mut members) = root { members.remove("registry") } else { None };
        match registry {
            Some(Value::Object(entries)) => Ok(Self { path: path.to_owned(), entries }),
            _ => Err("it has no object `registry` with the entries".to_owned()),
        }
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The entry of this name: its own, or the name that its server has here.
    ///
    /// # Errors
    /// Where it is the name of several entries.
    pub(crate) fn find(&self, text: &str) -> Result<Option<Found<'_>>, CatalogError> {
        let is_it = |(name, _): &(&String, &Value)| *name == text || fit(name) == text;
        let mut found = self.entries.iter().filter(is_it);
        let Some((name, value)) = found.next() else {
            return Ok(None);
        };
        let others: Vec<_> = found.map(|(name, _)| name.clone()).collect();
        if !others.is_empty() {
            let entries = std::iter::once(name.clone()).chain(others).collect();
            return Err(CatalogError::Ambiguous { path: self.path.clone(), text: text.to_owned(), entries });
        }
        Ok(Some(Found { name, value }))
    }
}

/// An entry that was asked for.
#[derive(Debug)]
pub(crate) struct Found<'a> {
    name: &'a str,
    value: &'a Value,
}

impl Found<'_> {
    /// The settings of a command line, as the entry understands them.
    ///
    /// # Errors
    /// Where the entry cannot be read, or two settings contradict each other.
    pub(crate) fn settings(&self, flags: &[Setting]) -> Result<Settings, CatalogError> {
        self.read()?.schema.settings(flags).map_err(|error| self.setting(error))
    }

    /// The server of the entry, with these settings. `given` are variables that a person sets for it.
    ///
    /// # Errors
    /// Where it becomes none.
    pub(crate) fn offer(
        &self,
        name: Option<ServerName>,
        settings: &Settings,
        given: &[Variable],
    ) -> Result<Offer, CatalogError> {
        let entry = self.read()?;
        entry.check_settings(settings).map_err(|error| self.setting(error))?;
        let own_name =
            || fit(self.name).parse().map_err(|error| CatalogError::Name { entry: self.name.to_owned(), error });
        let name = name.map_or_else(own_name, Ok)?;
        offer::offer(&entry, self.name, name, settings, given).map_err(|refusal| self.refused(refusal))
    }

    fn read(&self) -> Result<Entry, CatalogError> {
        Entry::read(self.name, self.value).map_err(|refusal| self.refused(refusal))
    }

    fn setting(&self, error: InvalidSetting) -> CatalogError {
        CatalogError::Setting { entry: self.name.to_owned(), error }
    }

    fn refused(&self, refusal: Refusal) -> CatalogError {
        CatalogError::Refused { entry: self.name.to_owned(), refusal }
    }
}

/// An entry's name, made fit for a server's: which it is not always then.
fn fit(name: &str) -> String {
    name.to_ascii_lowercase().replace(['.', ' '], "-")
}

/// A flag with its value, as a person copies them into a shell.
fn quoted(flag: &str, value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./:=,@%+-".contains(c);
    if value.chars().all(plain) {
        format!("{flag} {value}")
    } else {
        format!("{flag} '{}'", value.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests;
