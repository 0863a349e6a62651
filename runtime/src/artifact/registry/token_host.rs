//! Where tokens for a registry come from, if not from the registry itself.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::Deserialize;
use url::{Origin, Url};

/// Registries that are known to have their tokens given elsewhere, and where.
const KNOWN: [(&str, &str); 2] = [("docker.io", "auth.docker.io"), ("registry.gitlab.com", "gitlab.com")];

/// The host that gives tokens for a registry, over HTTPS alone.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct TokenHost(Url);

/// For registries as references name them.
pub type TokenHosts = BTreeMap<String, TokenHost>;

/// Why a text is no host for tokens.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no host that gives tokens; write HOST or HOST:PORT, as git.acme.example: it is asked over HTTPS")]
pub struct InvalidTokenHost(String);

impl FromStr for TokenHost {
    type Err = InvalidTokenHost;

    fn from_str(text: &str) -> Result<Self, InvalidTokenHost> {
        let invalid = || InvalidTokenHost(text.chars().take(300).collect());
        let is_host = !text.is_empty() && !text.contains(['/', '@', '?', '#', '\\']);
        let url = Url::parse(&format!("https://{text}/")).ok().filter(|_| is_host).ok_or_else(invalid)?;
        Ok(Self(url))
    }
}

impl TryFrom<String> for TokenHost {
    type Error = InvalidTokenHost;

    fn try_from(text: String) -> Result<Self, InvalidTokenHost> {
        text.parse()
    }
}

impl TokenHost {
    /// The host for a registry: what the person wrote, or what is known.
    pub(super) fn of(registry: &str, written: &TokenHosts) -> Option<Self> {
        // The names of Docker Hub are one registry.
        let name = if registry == "index.docker.io" { "docker.io" } else { registry };
        let known = || KNOWN.iter().find(|(known, _)| *known == name).and_then(|(_, host)| host.parse().ok());
        written.get(registry).cloned().or_else(known)
    }

    /// Its scheme, host and port.
    pub(super) fn origin(&self) -> Origin {
        self.0.origin()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_with_an_optional_port() {
        for (text, origin) in [("gitlab.com", "https://gitlab.com"), ("[fd00::1]:8443", "https://[fd00::1]:8443")] {
            assert_eq!(text.parse::<TokenHost>().unwrap().origin().ascii_serialization(), origin);
        }
        for text in ["", "https://gitlab.com", "gitlab.com/jwt", "a@gitlab.com", "git lab", "x?y", "x#", "x:99999"] {
            assert!(text.parse::<TokenHost>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_the_person_wrote_comes_before_what_is_known() {
        let written = TokenHosts::from([("registry.gitlab.com".to_owned(), "other.example".parse().unwrap())]);
        let of = |registry: &str| TokenHost::of(registry, &written).map(|host| host.origin().ascii_serialization());
        assert_eq!(of("docker.io").as_deref(), Some("https://auth.docker.io"));
        assert_eq!(of("index.docker.io").as_deref(), Some("https://auth.docker.io"));
        assert_eq!(of("registry.gitlab.com").as_deref(), Some("https://other.example"));
        assert_eq!((of("ghcr.io"), of("registry.gitlab.com:5000")), (None, None));
    }
}
