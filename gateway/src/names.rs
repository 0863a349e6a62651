//! The names that clients use, and whose they are.
//!
//! Names come from the configuration and never from who is alive, so that no server takes over another's names. Where
//! one server is configured they are as the server gave them. Where there are several, tools and prompts are
//! `server__name`, and resources `lockgate://server/` and the percent-encoded URI.

use std::fmt::Write;

use lockgate_runtime::Untrusted;
use lockgate_runtime::message::{RpcError, code};

/// Stands between a server's name and a tool's. No server's name has it.
const SEPARATOR: &str = "__";

/// What the URIs of resources begin with where there are several servers.
const SCHEME: &str = "lockgate://";

/// One of the configured servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ServerId(usize);

impl ServerId {
    /// The server that is configured first.
    pub(crate) const FIRST: Self = Self(0);

    /// Its place in the configuration.
    pub(crate) fn index(self) -> usize {
        self.0
    }
}

/// What a request names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown<'a> {
    /// A tool or a prompt.
    Name(&'a str),
    /// A resource, or a template of resources.
    Uri(&'a str),
}

/// What a request is about, as its server knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// The server that is asked.
    pub(crate) server: ServerId,
    /// Its own name for the tool or prompt, or its own URI for the resource; nothing where the request names none.
    pub(crate) item: Option<String>,
}

/// Who owns which names.
#[derive(Debug)]
pub(crate) enum Names {
    /// A single server, whose names are as they are.
    One,
    /// Several, each with what its names are prefixed with; empty where the configuration says so.
    Many(Vec<Naming>),
}

/// How the names of one of several servers are shown.
#[derive(Debug)]
pub(crate) struct Naming {
    name: String,
    prefix: String,
}

impl Names {
    /// The names of a single server.
    pub(crate) fn of_one() -> Self {
        Self::One
    }

    /// The names of several servers: for each its name, and the prefix of its tools and prompts.
    pub(crate) fn of_many(servers: impl Iterator<Item = (String, String)>) -> Self {
        Self::Many(servers.map(|(name, prefix)| Naming { name, prefix }).collect())
    }

    /// All servers.
    pub(crate) fn servers(&self) -> impl Iterator<Item = ServerId> + use<> {
        let count = match self {
            Self::One => 1,
            Self::Many(servers) => servers.len(),
        };
        (0..count).map(ServerId)
    }

    /// Whether names are changed at all.
    pub(crate) fn is_one(&self) -> bool {
        matches!(self, Self::One)
    }

    /// Whose `shown` is, and what its server calls it.
    ///
    /// # Errors
    /// Where no configured server can have it.
    pub(crate) fn resolve(&self, shown: Shown<'_>) -> Result<Target, RpcError> {
        let servers = match self {
            Self::One => {
                let (Shown::Name(item) | Shown::Uri(item)) = shown;
                return Ok(Target { server: ServerId::FIRST, item: Some(item.to_owned()) });
            }
            Self::Many(servers) => servers,
        };
        let found = match shown {
            Shown::Name(name) => own_name(servers, name).map(|(server, own)| (server, own.to_owned())),
            Shown::Uri(uri) => own_uri(servers, uri),
        };
        let (server, item) = found.ok_or_else(|| unknown(servers, shown))?;
        Ok(Target { server: ServerId(server), item: Some(item) })
    }

    /// How a server's own tool or prompt is shown.
    pub(crate) fn show_name(&self, server: ServerId, own: &str) -> String {
        match self.naming(server) {
            Some(Naming { prefix, .. }) if !prefix.is_empty() => format!("{prefix}{SEPARATOR}{own}"),
            _ => own.to_owned(),
        }
    }

    /// How the URI of a server's own resource is shown. The braces of a template stay: what a client fills in is
    /// encoded with the rest when it comes back.
    pub(crate) fn show_uri(&self, server: ServerId, own: &str) -> String {
        let Some(Naming { name, .. }) = self.naming(server) else {
            return own.to_owned();
        };
        let mut shown = format!("{SCHEME}{name}/");
        for byte in own.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~{}".contains(&byte) {
                shown.push(char::from(byte));
            } else {
                let _ = write!(shown, "%{byte:02X}");
            }
        }
        shown
    }

    fn naming(&self, server: ServerId) -> Option<&Naming> {
        match self {
            Self::One => None,
            Self::Many(servers) => servers.get(server.0),
        }
    }
}

/// A prefix that is written wins over an empty one, so that a server without prefix takes nobody's names.
fn own_name<'a>(servers: &[Naming], shown: &'a str) -> Option<(usize, &'a str)> {
    if let Some((prefix, own)) = shown.split_once(SEPARATOR)
        && let Some(server) = servers.iter().position(|naming| naming.prefix == prefix)
    {
        return Some((server, own));
    }
    servers.iter().position(|naming| naming.prefix.is_empty()).map(|server| (server, shown))
}

fn own_uri(servers: &[Naming], shown: &str) -> Option<(usize, String)> {
    let (name, encoded) = shown.strip_prefix(SCHEME)?.split_once('/')?;
    let server = servers.iter().position(|naming| naming.name == name)?;
    Some((server, percent_decoded(encoded)?))
}

/// RFC 3986, §2.1. Nothing where what follows a `%` is no octet, or the whole no UTF-8.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (octet, after) = rest.split_at_checked(2)?;
        let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
        bytes.push(digit(octet[0])? << 4 | digit(octet[1])?);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

fn unknown(servers: &[Naming], shown: Shown<'_>) -> RpcError {
    let names = Vec::from_iter(servers.iter().map(|naming| naming.name.as_str())).join(", ");
    let message = match shown {
        Shown::Name(name) => {
            let name = Untrusted::new(name).to_line(128);
            format!("no server here has `{name}`: names are SERVER__NAME, and the servers are {names}")
        }
        Shown::Uri(uri) => {
            let uri = Untrusted::new(uri).to_line(200);
            format!("no server here has `{uri}`: URIs are {SCHEME}SERVER/URI, and the servers are {names}")
        }
    };
    RpcError::new(code::INVALID_PARAMS, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn several() -> Names {
        let servers = [("time", "time"), ("my_fs", "fs"), ("plain", "")];
        Names::of_many(servers.map(|(name, prefix)| (name.to_owned(), prefix.to_owned())).into_iter())
    }

    #[test]
    fn the_names_of_a_single_server_are_as_they_are() {
        let names = Names::of_one();
        for shown in ["echo", "a__b", "file:///x y", ""] {
            assert_eq!(names.resolve(Shown::Name(shown)).unwrap().item.as_deref(), Some(shown));
            assert_eq!(names.show_name(ServerId::FIRST, shown), shown);
            assert_eq!(names.show_uri(ServerId::FIRST, shown), shown);
        }
    }

    #[test]
    fn several_servers_have_prefixes_and_what_is_shown_leads_back() {
        let names = several();
        for (server, own, shown) in [
            (0, "now", "time__now"),
            (1, "read", "fs__read"),
            (2, "x", "x"),
            (0, "a__b", "time__a__b"),
            (0, "__x", "time____x"),
            (0, "", "time__"),
        ] {
            let target = Target { server: ServerId(server), item: Some(own.to_owned()) };
            assert_eq!(names.show_name(ServerId(server), own), shown);
            assert_eq!(names.resolve(Shown::Name(shown)).unwrap(), target);
        }
        assert_eq!(names.resolve(Shown::Name("other__x")).unwrap().server, ServerId(2));
    }

    #[test]
    fn resources_are_in_their_servers_own_space() {
        let names = several();
        assert_eq!(names.show_uri(ServerId(1), "file:///a b%20"), "lockgate://my_fs/file%3A%2F%2F%2Fa%20b%2520");
        for uri in ["file:///x", "lockgate://time", "lockgate://nobody/x", "lockgate://time/%", "lockgate://time/%ff"] {
            assert_eq!(names.resolve(Shown::Uri(uri)).unwrap_err().code, code::INVALID_PARAMS, "{uri}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_name_and_uri_leads_back_to_its_server(own in "\\PC{0,40}", server in 0..2_usize) {
            let names = several();
            let back = |shown: Shown<'_>| names.resolve(shown).unwrap();
            let target = Target { server: ServerId(server), item: Some(own.clone()) };
            let (name, uri) = (names.show_name(ServerId(server), &own), names.show_uri(ServerId(server), &own));
            proptest::prop_assert_eq!(&back(Shown::Name(&name)), &target);
            proptest::prop_assert_eq!(&back(Shown::Uri(&uri)), &target);
        }
    }
}
