//! What a server may touch. Everything here is read once, from what a person wrote, into types that cannot be wrong.

use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::Url;

use super::{Credential, Destination, HttpRule};
use crate::secret::{SecretName, is_variable_name};
use crate::spec::Sourced;

/// What one server may touch: nothing, unless it is written here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Where it may send HTTP requests.
    pub http: Vec<Sourced<HttpRule>>,
    /// Which directories it sees.
    pub dirs: Vec<Sourced<Directory>>,
    /// Which environment variables it has.
    pub env: Vec<Sourced<Variable>>,
    /// Which secrets are used for it.
    #[serde(default)]
    pub credentials: Vec<Sourced<Credential>>,
}

impl Grant {
    /// Says for credentials that name no destination that they go to the origin of `home`, where the server itself is.
    ///
    /// # Errors
    /// Where there is no such place, or a secret would go there in the clear.
    pub(crate) fn send_home(&mut self, home: Option<&Url>) -> Result<(), InvalidGrant> {
        for credential in self.credentials.iter_mut().map(|credential| &mut credential.value) {
            if let Some(header) = credential.header.as_mut().filter(|header| header.to.is_empty()) {
                let origin = home.and_then(Destination::origin_of);
                header.to.push(origin.ok_or_else(|| InvalidGrant::NowhereToSend(credential.name.clone()))?);
            }
        }
        Ok(())
    }

    /// Checks what no single item can show.
    ///
    /// # Errors
    /// Where two directories have the same place in the guest, a variable is set twice, or two credentials share a
    /// header of one request.
    pub fn check(&self) -> Result<(), InvalidGrant> {
        if let Some(guest) = first_duplicate(self.dirs.iter().map(|dir| &dir.value.guest)) {
            return Err(InvalidGrant::SamePlace(guest.clone()));
        }
        let credentials = || self.credentials.iter().map(|credential| &credential.value);
        let variables = self.env.iter().map(|variable| &variable.value.name);
        if let Some(name) = first_duplicate(variables.chain(credentials().flat_map(Credential::variables))) {
            return Err(InvalidGrant::SameVariable(name.clone()));
        }
        let headers = || credentials().filter_map(|credential| Some((&credential.name, credential.header.as_ref()?)));
        for (position, (name, header)) in headers().enumerate() {
            if let Some((first, _)) = headers().take(position).find(|(_, first)| first.meets(header)) {
                return Err(InvalidGrant::SameHeader(first.clone(), name.clone(), header.name.to_string()));
            }
        }
        Ok(())
    }
}

fn first_duplicate<'a>(items: impl Iterator<Item = &'a String>) -> Option<&'a String> {
    let mut seen = std::collections::HashSet::new();
    items.into_iter().find(|item| !seen.insert(*item))
}

/// Why a text is no item of a grant.
#[derive(Debug, thiserror::Error)]
pub enum InvalidGrant {
    /// No directory.
    #[error(
        "`{0}` is no directory grant: write HOST[=GUEST][,rw], with an absolute GUEST without `..`, as ./data=/data"
    )]
    Directory(String),
    /// No variable.
    #[error("`{0}` is no variable: write NAME=VALUE, without NUL characters and with a NAME of A-Z a-z 0-9 _")]
    Variable(String),
    /// No rule for HTTP.
    #[error(
        "`{rule}` is no HTTP rule: {problem}; write [METHOD,…] https://HOST[:PORT][/PATH], as \"GET https://api.example.com/v1/\""
    )]
    Http {
        /// What was written.
        rule: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Two directories at one place.
    #[error("two directories are granted as {0}: give each a GUEST path of its own")]
    SamePlace(String),
    /// A variable twice.
    #[error("the variable {0} is set twice")]
    SameVariable(String),
    /// A credential for a header, and no destination.
    #[error("the credential {0} does not say where it may be sent: write `to`, as to = [\"https://api.example.com\"]")]
    NowhereToSend(SecretName),
    /// Two credentials in one place.
    #[error("the credentials {0} and {1} would both be sent as {2} in one request: one header holds one credential")]
    SameHeader(SecretName, SecretName, String),
}

/// A directory of the host that the guest sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Directory {
    /// The path on the host, as written.
    pub host: PathBuf,
    /// The path in the guest: absolute, without `.` and `..`.
    pub guest: String,
    /// What the guest may do in it.
    pub access: Access,
}

/// What a guest may do in a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Look.
    Read,
    /// Look, write, create and delete.
    ReadWrite,
}

/// Reads `HOST[=GUEST][,rw]`. Without `GUEST` the guest sees the directory as `/` and its last name.
impl FromStr for Directory {
    type Err = InvalidGrant;

    fn from_str(text: &str) -> Result<Self, InvalidGrant> {
        let (paths, access) = match text.strip_suffix(",rw") {
            Some(paths) => (paths, Access::ReadWrite),
            None => (text, Access::Read),
        };
        let (host, guest) = match paths.split_once('=') {
            Some((host, guest)) => (host, Some(guest.to_owned())),
            None => (paths, None),
        };
        Self::new(host.into(), guest, access).map_err(|_| InvalidGrant::Directory(text.to_owned()))
    }
}

impl Directory {
    /// The directory `host`, which the guest sees as `guest`: without one, as `/` and its last name.
    ///
    /// # Errors
    /// Where `host` is empty, or `guest` is no absolute path without `.` and `..`.
    pub fn new(host: PathBuf, guest: Option<String>, access: Access) -> Result<Self, InvalidGrant> {
        let invalid = || InvalidGrant::Directory(host.display().to_string());
        let guest = match guest {
            Some(guest) => guest,
            None => format!("/{}", host.to_str().and_then(last_name).ok_or_else(invalid)?),
        };
        let plain = |c: Component<'_>| matches!(c, Component::RootDir | Component::Normal(_));
        let guest_path = Path::new(&guest);
        if host.as_os_str().is_empty()
            || host.as_os_str().as_encoded_bytes().contains(&0)
            || guest.contains('\0')
            || !guest_path.is_absolute()
            || !guest_path.components().all(plain)
            || guest.split('/').any(|part| part == ".")
        {
            return Err(invalid());
        }
        let guest = if guest == "/" { guest } else { guest.trim_end_matches('/').to_owned() };
        Ok(Self { host, guest, access })
    }
}

fn last_name(path: &str) -> Option<&str> {
    Path::new(path).file_name()?.to_str()
}

/// An environment variable of the guest. Its value may be a secret, and is shown by nothing.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variable {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
}

impl fmt::Debug for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=…", self.name)
    }
}

/// Reads `NAME=VALUE`.
impl FromStr for Variable {
    type Err = InvalidGrant;

    fn from_str(text: &str) -> Result<Self, InvalidGrant> {
        let (name, value) = text.split_once('=').ok_or_else(|| InvalidGrant::Variable(text.to_owned()))?;
        Self::new(name.to_owned(), value.to_owned())
    }
}

impl Variable {
    /// The variable `name`.
    ///
    /// # Errors
    /// Where the name has other characters than `A-Z a-z 0-9 _` or none, or the value has a NUL.
    pub fn new(name: String, value: String) -> Result<Self, InvalidGrant> {
        if !is_variable_name(&name) || value.contains('\0') {
            // Only the name is shown: the rest may be a secret.
            return Err(InvalidGrant::Variable(name));
        }
        Ok(Self { name, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_read_only_unless_said() {
        let dir: Directory = "./data".parse().unwrap();
        assert_eq!((dir.guest.as_str(), dir.access), ("/data", Access::Read));
        let dir: Directory = "/srv/a=/data/,rw".parse().unwrap();
        assert_eq!((dir.guest.as_str(), dir.access), ("/data", Access::ReadWrite));
    }

    #[test]
    fn what_would_be_unclear_is_no_directory() {
        for text in ["", "=", "=/data", "./data=data", "./data=/a/../b", "./data=/a/./b", ".", "..", "/", "a\0b"] {
            assert!(text.parse::<Directory>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_variable_has_a_name() {
        let variable: Variable = "URL=a=b".parse().unwrap();
        assert_eq!((variable.name.as_str(), variable.value.as_str()), ("URL", "a=b"));
        for text in ["", "NAME", "=x", "A B=x", "A=\0"] {
            assert!(text.parse::<Variable>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn one_place_is_granted_once() {
        let dir = |text: &str| Sourced::flag(text.parse::<Directory>().unwrap());
        let grant = Grant { dirs: vec![dir("/a/x"), dir("/b/x")], ..Grant::default() };
        assert!(matches!(grant.check(), Err(InvalidGrant::SamePlace(place)) if place == "/x"));
    }

    #[test]
    fn one_header_of_a_request_holds_one_credential() {
        let grant = |flags: &[&str]| {
            let credentials = flags.iter().map(|text| Sourced::flag(Credential::parse_flag(text).unwrap())).collect();
            Grant { credentials, ..Grant::default() }.check()
        };
        let first = "https://example.com/a Authorization: {one}";
        for good in ["https://example.com/b Authorization: {two}", "https://example.com/a X-Key: {two}"] {
            grant(&[first, good]).unwrap();
        }
        for bad in ["https://example.com authorization: {two}", "https://*.com.example Authorization: {two}"] {
            assert_eq!(grant(&[first, bad]).is_err(), !bad.contains('*'), "{bad}");
        }
    }

    #[test]
    fn a_credential_without_a_destination_goes_to_its_own_server_or_nowhere() {
        let written = serde_json::json!({ "name": "a", "secret": "s", "header": "X-Key" });
        let credentials = vec![Sourced::config(serde_json::from_value(written).unwrap())];
        let mut grant = Grant { credentials, ..Grant::default() };
        grant.check().unwrap();
        assert!(matches!(grant.clone().send_home(None), Err(InvalidGrant::NowhereToSend(_))));
        for url in ["http://example.com/mcp", "https://mcp.example.com/mcp", "https://evil.example"] {
            assert_eq!(grant.send_home(Some(&Url::parse(url).unwrap())).is_ok(), url.starts_with("https"), "{url}");
        }
        let to = &grant.credentials[0].value.header.as_ref().unwrap().to;
        assert_eq!(Vec::from_iter(to.iter().map(ToString::to_string)), ["https://mcp.example.com/"]);
    }

    #[test]
    fn a_variable_of_a_credential_is_set_once() {
        let reveal = |text: &str| Sourced::flag(Credential::parse_reveal_flag(text).unwrap());
        let env = vec![Sourced::flag("A=1".parse().unwrap())];
        let grant = Grant { env, credentials: vec![reveal("B=secret")], ..Grant::default() };
        grant.check().unwrap();
        let twice = Grant { credentials: vec![reveal("A=secret")], ..grant };
        assert!(matches!(twice.check(), Err(InvalidGrant::SameVariable(name)) if name == "A"));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in "\\PC{0,60}") {
            let _ = text.parse::<Directory>();
            let _ = text.parse::<Variable>();
            let _ = text.parse::<HttpRule>();
            let _ = Credential::parse_flag(&text);
            let _ = Credential::parse_reveal_flag(&text);
        }
    }
}
