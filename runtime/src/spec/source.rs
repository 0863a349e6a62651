//! Where a server comes from.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::address::{is_public, literal};
use crate::artifact::{Digest, Reference, Selector};

/// Where a server comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// A file of the person's own.
    File(PathBuf),
    /// A server shipped inside this program, by its name there.
    BuiltIn(String),
    /// A component in a registry.
    Oci(Reference),
    /// A component in a folder of the OCI image layout.
    Layout(Layout),
    /// An image that an engine runs.
    Image(Image),
    /// A server that somebody else runs.
    Remote(Remote),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::BuiltIn(name) => write!(f, "{name} (built in)"),
            Self::Oci(reference) => write!(f, "{reference}"),
            Self::Layout(Layout { folder, selector: None }) => write!(f, "oci-layout:{}", folder.display()),
            Self::Layout(Layout { folder, selector: Some(selector) }) => {
                write!(f, "oci-layout:{}{selector}", folder.display())
            }
            Self::Image(Image::Registry(reference)) => write!(f, "docker://{reference}"),
            Self::Image(Image::Local(id)) => write!(f, "docker://{id}"),
            Self::Remote(remote) => write!(f, "{}", remote.url()),
        }
    }
}

/// An artifact in a folder (OCI Image Layout Specification), written `DIR[:TAG|@DIGEST]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// The folder.
    pub folder: PathBuf,
    /// Which of its artifacts; without one, it has to hold only one.
    pub selector: Option<Selector>,
}

/// An image of a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Image {
    /// From a registry, as Docker writes it.
    Registry(Reference),
    /// The person's own, on their engine: written `sha256:ID`.
    Local(Digest),
}

/// A server that somebody else runs: an `https://` URL. With `http://` it has to write out a loopback or private address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Remote(Url);

/// Why a text does not say where a server comes from.
#[derive(Debug, thiserror::Error)]
pub enum InvalidSource {
    /// No folder.
    #[error("`oci-layout:` names no folder; write oci-layout:DIR, oci-layout:DIR:TAG or oci-layout:DIR@sha256:DIGEST")]
    NoFolder,
    /// Something else after the `@`.
    #[error("`oci-layout:{0}`: what follows the @ is no SHA-256 digest")]
    LayoutDigest(String),
    /// No image.
    #[error(
        "`docker://{0}` is no image: write docker://REPOSITORY:TAG, docker://REPOSITORY@sha256:DIGEST, or docker://sha256:ID for an image of your own"
    )]
    Image(String),
    /// No server's URL.
    #[error("`{url}` is no server's URL: {problem}")]
    Remote {
        /// What was written.
        url: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl FromStr for Layout {
    type Err = InvalidSource;

    fn from_str(text: &str) -> Result<Self, InvalidSource> {
        let layout = |folder: &str, selector| match folder {
            "" => Err(InvalidSource::NoFolder),
            folder => Ok(Self { folder: folder.into(), selector }),
        };
        if let Some((folder, digest)) = text.rsplit_once('@') {
            let digest = digest.parse().map_err(|_| InvalidSource::LayoutDigest(text.to_owned()))?;
            return layout(folder, Some(Selector::Digest(digest)));
        }
        match text.rsplit_once(':') {
            Some((folder, tag)) if !tag.is_empty() && !tag.contains('/') => {
                layout(folder, Some(Selector::Tag(tag.to_owned())))
            }
            _ => layout(text, None),
        }
    }
}

impl FromStr for Image {
    type Err = InvalidSource;

    fn from_str(text: &str) -> Result<Self, InvalidSource> {
        let invalid = || InvalidSource::Image(text.to_owned());
        if text.starts_with("sha256:") {
            return text.parse().map(Self::Local).map_err(|_| invalid());
        }
        Reference::of_image(text).map(Self::Registry).map_err(|_| invalid())
    }
}

impl Remote {
    /// The endpoint.
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// The address, where the URL writes one out: only such a URL reaches loopback and private networks.
    pub fn literal_address(&self) -> Option<IpAddr> {
        literal(&self.0)
    }
}

impl FromStr for Remote {
    type Err = InvalidSource;

    fn from_str(text: &str) -> Result<Self, InvalidSource> {
        // A password may stand in it: only what is before the path is shown.
        let shown =
            || text.split(['?', '#']).next().unwrap_or_default().rsplit('@').next().unwrap_or_default().to_owned();
        let invalid = |problem| InvalidSource::Remote { url: shown(), problem };
        let url: Url = text.parse().map_err(|_| invalid("it cannot be read"))?;
        let remote = Self(url);
        let url = remote.url();
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid("it has a user name or password; give the server a credential instead"));
        }
        if url.fragment().is_some() {
            return Err(invalid("it has a fragment"));
        }
        match (url.scheme(), remote.literal_address()) {
            ("https", _) => Ok(remote),
            ("http", Some(address)) if !is_public(address) => Ok(remote),
            ("http", _) => Err(invalid(
                "http:// needs a written-out loopback or private address, as http://127.0.0.1:8000/mcp; all else needs https://",
            )),
            _ => Err(invalid("it is neither https:// nor http://")),
        }
    }
}

impl From<Remote> for String {
    fn from(remote: Remote) -> Self {
        remote.0.into()
    }
}

impl TryFrom<String> for Remote {
    type Error = InvalidSource;

    fn try_from(text: String) -> Result<Self, InvalidSource> {
        text.parse()
    }
}
