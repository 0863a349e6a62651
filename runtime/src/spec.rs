//! What a person, a flag or a catalog writes down, before anything is looked up.

mod source;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use self::source::{Image, InvalidSource, Layout, Remote, Source};
use crate::sandbox::{Grant, Limits};

/// One server as it is asked for.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Its name among the servers of this gateway.
    pub name: ServerName,
    /// Where it comes from.
    pub source: Source,
    /// What it is started with, where its executor takes arguments: a container's command.
    pub arguments: Vec<Sourced<String>>,
    /// What it may touch.
    pub grant: Grant,
    /// How much it may use.
    pub limits: Limits,
}

/// Who wrote an item of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// Nobody: it is what Lockgate takes where nothing is written.
    Default,
    /// A person, on the command line.
    Flag,
    /// A person, in the configuration file.
    Config,
    /// A stranger, in a catalog.
    Catalog,
}

/// An item, and who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sourced<T> {
    /// The item.
    pub value: T,
    /// Who wrote it.
    pub origin: Origin,
}

impl<T> Sourced<T> {
    /// An item that nobody wrote.
    pub fn default_of(value: T) -> Self {
        Self { value, origin: Origin::Default }
    }

    /// An item from the configuration file.
    pub fn config(value: T) -> Self {
        Self { value, origin: Origin::Config }
    }

    /// An item from a catalog. It stands in what is run, never in what is granted.
    pub fn catalog(value: T) -> Self {
        Self { value, origin: Origin::Catalog }
    }

    /// An item from the command line.
    pub fn flag(value: T) -> Self {
        Self { value, origin: Origin::Flag }
    }
}

/// A server's name: 1 to 64 of `a-z 0-9 -` and single `_`, with a letter or digit at both ends. It has no `__`, which
/// stands between a server's name and a tool's.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ServerName(String);

/// Why a text is no name of a server.
#[derive(Debug, thiserror::Error)]
#[error(
    "a server's name has 1 to 64 of the characters a-z 0-9 - _, starts and ends with a letter or digit, and has no __"
)]
pub struct InvalidServerName;

impl ServerName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ServerName {
    type Err = InvalidServerName;

    fn from_str(text: &str) -> Result<Self, InvalidServerName> {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        let outer = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let valid = text.len() <= 64
            && text.chars().all(inner)
            && text.starts_with(outer)
            && text.ends_with(outer)
            && !text.contains("__");
        if valid { Ok(Self(text.to_owned())) } else { Err(InvalidServerName) }
    }
}

impl TryFrom<String> for ServerName {
    type Error = InvalidServerName;

    fn try_from(text: String) -> Result<Self, InvalidServerName> {
        text.parse()
    }
}

impl From<ServerName> for String {
    fn from(name: ServerName) -> Self {
        name.0
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_leave_room_for_the_separator() {
        for name in ["time", "a", "my-server", "my_server", "3d"] {
            assert!(name.parse::<ServerName>().is_ok(), "{name}");
        }
        for name in ["", "a__b", "_a", "a-", "Time", "a b", "a/b", "ä", &"a".repeat(65)] {
            assert!(name.parse::<ServerName>().is_err(), "{name}");
        }
    }
}
