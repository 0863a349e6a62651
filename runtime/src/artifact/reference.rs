//! What an artifact is called: registry, repository, and a tag or digest.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Digest;

/// A reference to an artifact in a registry, as `ghcr.io/acme/time:1.0` (OCI Distribution Specification, "Pulling
/// manifests"). It names its registry: the first part has a `.` or `:`, or is `localhost`. Case and port are as
/// written, but for the registry, which is in lower case; there is no default registry and no default namespace.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Reference {
    registry: String,
    repository: String,
    selector: Selector,
}

/// Which artifact of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Selector {
    /// The one that has this tag now.
    Tag(String),
    /// Exactly this one.
    Digest(Digest),
}

/// Why a text is no reference.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{text}` is no reference to an artifact ({code}): {problem}; write REGISTRY/REPOSITORY:TAG or REGISTRY/REPOSITORY@sha256:DIGEST, as ghcr.io/acme/time:1.0"
)]
pub struct InvalidReference {
    text: String,
    code: &'static str,
    problem: &'static str,
}

impl Reference {
    /// The registry: a host, and a port where one is written.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The repository's path in the registry.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// Which artifact of the repository.
    pub fn selector(&self) -> &Selector {
        &self.selector
    }

    /// Another artifact of the same repository.
    pub fn select(&self, selector: Selector) -> Self {
        Self { selector, ..self.clone() }
    }

    /// Registry and repository: what trust is scoped by.
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    /// Reads a reference as Docker writes images: without a registry it is Docker Hub's, and there without a namespace
    /// `library`'s; without a tag, `latest`.
    ///
    /// # Errors
    /// Where it has another form.
    pub fn of_image(text: &str) -> Result<Self, InvalidReference> {
        let (first, rest) = text.split_once('/').unwrap_or(("", text));
        let text = match (names_registry(first), first, rest) {
            (true, "index.docker.io", rest) => format!("docker.io/{rest}"),
            (true, ..) => text.to_owned(),
            (false, "", rest) => format!("docker.io/library/{rest}"),
            (false, ..) => format!("docker.io/{text}"),
        };
        let last = text.rsplit('/').next().unwrap_or_default();
        if last.contains([':', '@']) { text.parse() } else { format!("{text}:latest").parse() }
    }
}

/// Whether a first part is a registry: all else is a name of something nearer.
pub fn names_registry(first: &str) -> bool {
    first == "localhost" || first.contains(['.', ':'])
}

impl FromStr for Reference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        let because = |code, problem| InvalidReference { text: text.chars().take(300).collect(), code, problem };
        let invalid = |problem| because("reference-invalid", problem);
        let (registry, rest) = text.split_once('/').ok_or_else(|| invalid("it has no repository"))?;
        if !names_registry(registry) {
            return Err(invalid("its first part is no registry: that has a `.` or `:`, or is `localhost`"));
        }
        let registry = registry.to_ascii_lowercase();
        if !is_registry(&registry) {
            return Err(invalid("its registry is no host with an optional port"));
        }
        let (repository, selector) = if let Some((repository, digest)) = rest.split_once('@') {
            let digest = digest.parse().map_err(|_| invalid("what follows the @ is no SHA-256 digest"))?;
            if repository.contains(':') {
                let problem = "it has a tag and a digest, which may contradict each other: write one of them";
                return Err(because("tag-and-digest", problem));
            }
            (repository, Selector::Digest(digest))
        } else {
            let (repository, tag) =
                rest.rsplit_once(':').ok_or_else(|| invalid("it has neither a tag nor a digest"))?;
            if !is_tag(tag) {
                return Err(invalid("its tag has other characters than A-Z a-z 0-9 _ . -, or more than 128"));
            }
            (repository, Selector::Tag(tag.to_owned()))
        };
        if !is_repository(repository) {
            return Err(invalid("its repository has other parts than a-z 0-9 with single . _ - between"));
        }
        Ok(Self { registry, repository: repository.to_owned(), selector })
    }
}

fn is_registry(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let host_is_fine = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host.len() <= 253
                && host.split('.').all(|label| {
                    !label.is_empty()
                        && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
                        && !label.starts_with('-')
                        && !label.ends_with('-')
                })
        }
    };
    host_is_fine && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|number| number > 0 && !port.starts_with('+')))
}

/// OCI Distribution Specification, "Pulling manifests": `<name>`.
fn is_repository(text: &str) -> bool {
    let is_part = |part: &str| {
        let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let separators = part.split(alphanumeric).filter(|separator| !separator.is_empty());
        part.starts_with(alphanumeric)
            && part.ends_with(alphanumeric)
            && separators.into_iter().all(|s| matches!(s, "." | "_" | "__") || s.chars().all(|c| c == '-'))
    };
    text.len() <= 255 && text.split('/').all(is_part)
}

/// OCI Distribution Specification, "Pulling manifests": `<reference>` as a tag.
pub(super) fn is_tag(text: &str) -> bool {
    let first = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.len() <= 128 && text.starts_with(first) && text.chars().all(|c| first(c) || c == '.' || c == '-')
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => write!(f, ":{tag}"),
            Self::Digest(digest) => write!(f, "@{digest}"),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}{}", self.registry, self.repository, self.selector)
    }
}

impl From<Reference> for String {
    fn from(reference: Reference) -> Self {
        reference.to_string()
    }
}

impl TryFrom<String> for Reference {
    type Error = InvalidReference;

    fn try_from(text: String) -> Result<Self, InvalidReference> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_names_registry_repository_and_one_artifact() {
        let digest = Digest::of(b"").to_string();
        for text in [
            "ghcr.io/acme/time:1.0",
            "127.0.0.1:5000/a:latest",
            "localhost/a/b__c/d-e.f:v1",
            "[::1]:5000/a:1",
            &format!("ghcr.io/a/b@{digest}"),
        ] {
            assert_eq!(text.parse::<Reference>().unwrap().to_string(), text);
        }
        assert_eq!("GHCR.io/a:B".parse::<Reference>().unwrap().to_string(), "ghcr.io/a:B");
    }

    #[test]
    fn what_leaves_anything_open_is_no_reference() {
        let digest = Digest::of(b"").to_string();
        for text in [
            "",
            "time",
            "acme/time:1",
            "ghcr.io/acme/time",
            "ghcr.io/Acme/time:1",
            "ghcr.io/a/../b:1",
            "ghcr.io/a//b:1",
            "ghcr.io/:1",
            "ghcr.io/a:",
            "ghcr.io/a:b/c",
            "ghcr.io/a.:1",
            "ghcr.io/a___b:1",
            "user@ghcr.io/a:1",
            "ghcr.io:99999/a:1",
            "ghcr.io:+5/a:1",
            ".io/a:1",
            "ghcr.io/a:é",
            "ghcr.io/a@sha256:12",
            &format!("ghcr.io/a@{digest}@{digest}"),
        ] {
            assert_eq!(text.parse::<Reference>().unwrap_err().code, "reference-invalid", "{text}");
        }
    }

    #[test]
    fn attack_58_a_tag_beside_a_digest_is_no_reference() {
        let digest = Digest::of(b"").to_string();
        for name in ["ghcr.io/a:1", "ghcr.io:443/acme/time:latest", "index.docker.io/a/b:1"] {
            let text = format!("{name}@{digest}");
            assert_eq!(text.parse::<Reference>().unwrap_err().code, "tag-and-digest", "{text}");
            assert_eq!(Reference::of_image(&text).unwrap_err().code, "tag-and-digest", "{text}");
        }
    }

    #[test]
    fn an_image_without_a_registry_is_docker_hubs() {
        for (text, full) in [
            ("mcp/time", "docker.io/mcp/time:latest"),
            ("alpine:3", "docker.io/library/alpine:3"),
            ("index.docker.io/mcp/time", "docker.io/mcp/time:latest"),
            ("127.0.0.1:5000/x", "127.0.0.1:5000/x:latest"),
        ] {
            assert_eq!(Reference::of_image(text).unwrap().to_string(), full);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused_and_what_is_read_is_written_the_same(text in "[a-zA-Z0-9.:/@_-]{0,40}|\\PC{0,40}") {
            if let Ok(reference) = text.parse::<Reference>() {
                proptest::prop_assert_eq!(reference.to_string().parse::<Reference>().unwrap(), reference);
            }
            let _ = Reference::of_image(&text);
        }
    }
}
