//! One element of a grant's `credentials`: which secret is used for a guest, and where. Plain data, without any value.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use http::{HeaderName, header};
use serde::{Deserialize, Serialize};
use url::Url;

use super::HttpRule;
use crate::secret::{InvalidSecretSource, SecretName, SecretSource, is_variable_name};

/// What the secret stands for in a format.
const HOLE: &str = "{}";

/// The longest format, in bytes.
const MAX_FORMAT: usize = 1024;

/// Headers that a connection or the dialler decides on, or that make a proxy do something else: none is a credential for
/// the server that was judged.
const NEVER: [HeaderName; 13] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::EXPECT,
    header::HOST,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::SET_COOKIE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// A secret that is used for a server: put into a header of its requests, given to it in a variable, or both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Named", try_from = "Named")]
pub struct Credential {
    /// Its name in the grant.
    pub name: SecretName,
    /// Where the value comes from.
    pub secret: SecretSource,
    /// The header it is sent in, which the server itself does not get.
    pub header: Option<CredentialHeader>,
    /// The variable in which the server gets the value itself.
    pub reveal_env: Option<String>,
}

/// The header that a credential is sent in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialHeader {
    /// The header's name.
    pub name: HeaderName,
    /// The header's value, with one `{}` for the secret.
    pub format: Format,
    /// Where it is sent, and nowhere else. Empty only for a remote server, until the server's own origin is put in.
    pub to: Vec<Destination>,
    /// The variable in which the server finds a stand-in, for programs that do not start without a key.
    pub placeholder: Option<String>,
}

/// The value of a header with one `{}` in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format(String);

/// `[METHOD,…] https://HOST[:PORT][/PATH]`: where a credential may be sent. `http` only to a literal IP address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Destination(HttpRule);

/// A credential as a person writes it in `[servers.NAME.grant.credentials.CREDENTIAL]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct WrittenCredential {
    /// Where the value comes from.
    pub secret: SecretSource,
    /// The header it is sent in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// The header's value, with one `{}` for the secret; it alone where nothing is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Where the header is sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<Destination>,
    /// The variable with a stand-in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placeholder: Option<String>,
    /// The variable with the value itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reveal_env: Option<String>,
}

/// As above, with its name beside it.
#[derive(Serialize, Deserialize)]
struct Named {
    name: SecretName,
    #[serde(flatten)]
    written: WrittenCredential,
}

/// Why something is no credential. It repeats nothing that may be the secret itself, put where its name belongs.
#[derive(Debug, thiserror::Error)]
pub enum InvalidCredential {
    /// It does nothing.
    #[error(
        "it says neither in which header the secret is sent (header, to) nor in which variable it is given (reveal-env)"
    )]
    Useless,
    /// Something of a header, without a header.
    #[error("{0} says something of a header, and no header is written")]
    NoHeader(&'static str),
    /// A header that is no name.
    #[error("the header's name is none of HTTP")]
    HeaderName,
    /// A header that is no credential's.
    #[error("the header {0} belongs to the connection and cannot carry a credential")]
    NeverThisHeader(HeaderName),
    /// A format without a place for the secret, or with several.
    #[error("a format has exactly one {{}}, for the secret, and other visible characters, as \"Bearer {{}}\"")]
    Format,
    /// A destination that cannot be read, or is not safe for a secret.
    #[error("`{written}` is no destination of a credential: {problem}")]
    Destination {
        /// What was written.
        written: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A variable that is none.
    #[error("`{0}` is no name of a variable: it has the characters A-Z a-z 0-9 _")]
    Variable(String),
    /// A stand-in and the value itself.
    #[error("placeholder gives a stand-in and reveal-env the value itself: write one of them")]
    StandInAndValue,
    /// A source that is none.
    #[error(transparent)]
    Source(#[from] InvalidSecretSource),
    /// A flag of another form.
    #[error(
        "write \"[METHOD,…] https://HOST[/PATH] HEADER: FORMAT\", with the secret in braces, as \"https://api.example.com Authorization: Bearer {{github.token}}\""
    )]
    Flag,
    /// A flag of another form.
    #[error("write VARIABLE=SECRET, as GITHUB_TOKEN=github.token")]
    RevealFlag,
}

impl Credential {
    /// The credential that is written under this name.
    ///
    /// # Errors
    /// See [`InvalidCredential`].
    pub fn new(name: SecretName, written: WrittenCredential) -> Result<Self, InvalidCredential> {
        let WrittenCredential { secret, header, format, to, placeholder, reveal_env } = written;
        for variable in [&placeholder, &reveal_env].into_iter().flatten() {
            if !is_variable_name(variable) {
                return Err(InvalidCredential::Variable(variable.clone()));
            }
        }
        if placeholder.is_some() && reveal_env.is_some() {
            return Err(InvalidCredential::StandInAndValue);
        }
        let header = match header {
            Some(header) => {
                let format = format.as_deref().unwrap_or(HOLE).parse()?;
                Some(CredentialHeader { name: header_name(&header)?, format, to, placeholder })
            }
            None if format.is_some() => return Err(InvalidCredential::NoHeader("format")),
            None if !to.is_empty() => return Err(InvalidCredential::NoHeader("to")),
            None if placeholder.is_some() => return Err(InvalidCredential::NoHeader("placeholder")),
            None if reveal_env.is_none() => return Err(InvalidCredential::Useless),
            None => None,
        };
        Ok(Self { name, secret, header, reveal_env })
    }

    /// Reads `[METHOD,…] https://HOST[/PATH] HEADER: FORMAT`, with the secret's source in braces.
    ///
    /// # Errors
    /// See [`InvalidCredential`].
    pub fn parse_flag(text: &str) -> Result<Self, InvalidCredential> {
        let scheme = text.find("://").ok_or(InvalidCredential::Flag)?;
        let end = text[scheme..].find(' ').ok_or(InvalidCredential::Flag)? + scheme;
        let (destination, header) = text.split_at(end);
        let (header, value) = header.split_once(':').ok_or(InvalidCredential::Flag)?;
        let (front, rest) = value.trim().split_once('{').ok_or(InvalidCredential::Flag)?;
        let (secret, back) = rest.split_once('}').ok_or(InvalidCredential::Flag)?;
        let secret: SecretSource = secret.parse()?;
        let written = WrittenCredential {
            header: Some(header.trim().to_owned()),
            format: Some(format!("{front}{HOLE}{back}")),
            to: vec![destination.parse()?],
            placeholder: None,
            reveal_env: None,
            secret,
        };
        Self::new(name_of(&written.secret), written)
    }

    /// Reads `VARIABLE=SECRET`: the server gets the value itself in this variable.
    ///
    /// # Errors
    /// See [`InvalidCredential`].
    pub fn parse_reveal_flag(text: &str) -> Result<Self, InvalidCredential> {
        let (variable, secret) = text.split_once('=').ok_or(InvalidCredential::RevealFlag)?;
        if !is_variable_name(variable) {
            return Err(InvalidCredential::RevealFlag);
        }
        let secret: SecretSource = secret.parse()?;
        Ok(Self { name: name_of(&secret), secret, header: None, reveal_env: Some(variable.to_owned()) })
    }

    /// Lets a relative path to a file with the secret count from `folder`.
    pub fn relative_to(&mut self, folder: &Path) {
        if let SecretSource::File(path) = &mut self.secret {
            *path = folder.join(&path);
        }
    }

    /// The variables that it sets in the server's environment.
    pub fn variables(&self) -> impl Iterator<Item = &String> {
        self.header.iter().filter_map(|header| header.placeholder.as_ref()).chain(&self.reveal_env)
    }
}

/// A name for a credential that was given none: what its source is called.
fn name_of(secret: &SecretSource) -> SecretName {
    let words: Cow<'_, str> = match secret {
        SecretSource::Store(name) => return name.clone(),
        SecretSource::Variable(name) => name.into(),
        SecretSource::File(path) => path.file_name().unwrap_or_default().to_string_lossy(),
    };
    SecretName::fitted(&words)
}

fn header_name(text: &str) -> Result<HeaderName, InvalidCredential> {
    let name: HeaderName = text.parse().map_err(|_| InvalidCredential::HeaderName)?;
    if NEVER.contains(&name) { Err(InvalidCredential::NeverThisHeader(name)) } else { Ok(name) }
}

impl CredentialHeader {
    /// Whether two would be sent in one header of one request.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        let meet = |a: &Destination| other.to.iter().any(|b| a.0.overlaps(&b.0));
        self.name == other.name && self.to.iter().any(meet)
    }
}

impl Format {
    /// The header's value.
    pub(crate) fn fill(&self, secret: &str) -> String {
        self.0.replacen(HOLE, secret, 1)
    }
}

impl FromStr for Format {
    type Err = InvalidCredential;

    fn from_str(text: &str) -> Result<Self, InvalidCredential> {
        let visible = text.bytes().all(|c| c == b' ' || c.is_ascii_graphic());
        let good = visible && text.len() <= MAX_FORMAT && text.trim() == text;
        let holes = text.matches(HOLE).count();
        let braces = text.matches(['{', '}']).count();
        if good && holes == 1 && braces == 2 { Ok(Self(text.to_owned())) } else { Err(InvalidCredential::Format) }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Destination {
    /// Everything at the origin of a URL; nothing where a secret would go there in the clear.
    pub(crate) fn origin_of(url: &Url) -> Option<Self> {
        url.origin().ascii_serialization().parse().ok()
    }

    /// The requests that carry it.
    pub(crate) fn rule(&self) -> &HttpRule {
        &self.0
    }
}

impl FromStr for Destination {
    type Err = InvalidCredential;

    fn from_str(text: &str) -> Result<Self, InvalidCredential> {
        let invalid = |problem: String| InvalidCredential::Destination { written: text.to_owned(), problem };
        let rule: HttpRule = text.parse().map_err(|error: super::InvalidGrant| invalid(error.to_string()))?;
        if !rule.is_encrypted() && rule.literal_address().is_none() {
            return Err(invalid("a secret is sent over https, or to a literal IP address".to_owned()));
        }
        Ok(Self(rule))
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<Destination> for String {
    fn from(destination: Destination) -> Self {
        destination.to_string()
    }
}

impl TryFrom<String> for Destination {
    type Error = InvalidCredential;

    fn try_from(text: String) -> Result<Self, InvalidCredential> {
        text.parse()
    }
}

impl From<Credential> for Named {
    fn from(credential: Credential) -> Self {
        let Credential { name, secret, header, reveal_env } = credential;
        let written = match header {
            Some(CredentialHeader { name, format, to, placeholder }) => WrittenCredential {
                secret,
                header: Some(name.to_string()),
                format: Some(format.0),
                to,
                placeholder,
                reveal_env,
            },
            None => {
                WrittenCredential { secret, header: None, format: None, to: Vec::new(), placeholder: None, reveal_env }
            }
        };
        Self { name, written }
    }
}

impl TryFrom<Named> for Credential {
    type Error = InvalidCredential;

    fn try_from(Named { name, written }: Named) -> Result<Self, InvalidCredential> {
        Self::new(name, written)
    }
}

#[cfg(test)]
mod tests;
