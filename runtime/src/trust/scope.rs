//! What a rule of the trust policy is for: names of repositories, each in one spelling.

use std::fmt;
use std::net::Ipv6Addr;

use url::Host;

use crate::artifact::Reference;

/// The name of what is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Name {
    /// A repository of a registry.
    Repository(Repository),
    /// A folder of the OCI image layout, which has no name that its content could be bound to.
    Layout,
}

/// A repository under the one name that all its spellings have: the host as a URL has it, without the port 443, and
/// Docker Hub as `docker.io`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Repository {
    registry: String,
    path: String,
}

/// What a scope's `match` stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// This repository.
    Exactly(Repository),
    /// Every repository one part below, `registry/path/*`.
    Below {
        /// What comes before the `*`, ending in `/`.
        prefix: String,
    },
    /// Every repository any number of parts below, `registry/path/**`.
    FarBelow {
        /// What comes before the `**`, ending in `/`.
        prefix: String,
    },
    /// Every folder of the OCI image layout.
    Layouts,
    /// All there is: what a key on the command line is for.
    Everything,
}

/// What is written in a policy for [`Pattern::Layouts`].
const LAYOUTS: &str = "oci-layout";

/// Why a text is no pattern.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct InvalidPattern(&'static str);

impl Name {
    /// The name of a repository, whatever of it is meant.
    pub(crate) fn of(reference: &Reference) -> Self {
        Self::Repository(Repository::of(reference))
    }
}

impl Repository {
    /// The repository of a reference.
    pub(crate) fn of(reference: &Reference) -> Self {
        Self { registry: canonical_registry(reference.registry()), path: reference.repository().to_owned() }
    }
}

/// Docker Hub has several names, and a host several spellings: a scope that is written for one is for all.
fn canonical_registry(registry: &str) -> String {
    let (host, port) = match registry.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse::<u16>().ok()),
        _ => (registry, None),
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let host = match bare.parse::<Ipv6Addr>() {
        Ok(address) => format!("[{address}]"),
        // As whoever connects to it reads it: `127.1` is 127.0.0.1.
        Err(_) => Host::parse(host).map_or_else(|_| host.to_ascii_lowercase(), |host| host.to_string()),
    };
    match (host.as_str(), port) {
        ("docker.io" | "index.docker.io" | "registry-1.docker.io", None | Some(443)) => "docker.io".to_owned(),
        (_, None | Some(443)) => host,
        (_, Some(port)) => format!("{host}:{port}"),
    }
}

impl Pattern {
    /// Reads the `match` of a scope: `registry/repository`, with `*` for one whole last part, `**` for one or more, or
    /// `oci-layout`.
    ///
    /// # Errors
    /// Where it has another form, or could never match.
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidPattern> {
        if text == LAYOUTS {
            return Ok(Self::Layouts);
        }
        let (path, stars) = match text.rsplit_once('/') {
            Some((path, stars @ ("*" | "**"))) => (path, stars),
            _ => (text, ""),
        };
        if path.contains('*') {
            return Err(InvalidPattern("a * stands alone, as the whole last part: registry/path/*"));
        }
        let one_below = if stars.is_empty() { path.to_owned() } else { format!("{path}/x") };
        if one_below.rsplit('/').next().is_some_and(|last| last.contains([':', '@'])) {
            return Err(InvalidPattern(
                "it has a tag or digest; a scope is for repositories, digests go into `digests`",
            ));
        }
        let probe: Reference = format!("{one_below}:x").parse().map_err(|_| {
            InvalidPattern(
                "it is no registry/repository, as ghcr.io/acme/time or ghcr.io/acme/*, in lower case, nor `oci-layout`",
            )
        })?;
        let repository = Repository::of(&probe);
        if stars.is_empty() {
            if repository.registry == "docker.io" && !repository.path.contains('/') {
                return Err(InvalidPattern("Docker Hub's own images are written docker.io/library/NAME"));
            }
            return Ok(Self::Exactly(repository));
        }
        let prefix = repository.to_string();
        let prefix = prefix.strip_suffix('x').unwrap_or(&prefix).to_owned();
        Ok(if stars == "*" { Self::Below { prefix } } else { Self::FarBelow { prefix } })
    }

    /// Whether it is for what has this name.
    pub(crate) fn matches(&self, name: &Name) -> bool {
        match (self, name) {
            (Self::Everything, _) | (Self::Layouts, Name::Layout) => true,
            (Self::Exactly(pattern), Name::Repository(name)) => pattern == name,
            (Self::Below { prefix }, Name::Repository(name)) => {
                name.to_string().strip_prefix(prefix.as_str()).is_some_and(|rest| !rest.contains('/'))
            }
            (Self::FarBelow { prefix }, Name::Repository(name)) => name.to_string().starts_with(prefix.as_str()),
            (_, Name::Layout) | (Self::Layouts, Name::Repository(_)) => false,
        }
    }

    /// How narrow it is: of all patterns that match a name, the one with the greatest is the most specific. No two
    /// different ones that match the same name are equal here.
    pub(crate) fn specificity(&self) -> (u8, usize) {
        match self {
            Self::Everything => (0, 0),
            Self::FarBelow { prefix } => (1, prefix.len()),
            Self::Below { prefix } => (2, prefix.len()),
            Self::Exactly(_) | Self::Layouts => (3, 0),
        }
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.path)
    }
}

/// As it is written in a policy.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repository(repository) => write!(f, "{repository}"),
            Self::Layout => f.write_str(LAYOUTS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::Repository(Repository::of(&format!("{text}:1").parse().unwrap()))
    }

    #[test]
    fn a_pattern_matches_whole_parts() {
        for (pattern, matching, other) in [
            (
                "ghcr.io/acme/time",
                &["ghcr.io/acme/time"][..],
                &["ghcr.io/acme/time2", "ghcr.io/acme", "ghcr.io/a/acme/time"][..],
            ),
            (
                "ghcr.io/acme/*",
                &["ghcr.io/acme/x", "ghcr.io/acme/y-z"],
                &["ghcr.io/acme-evil/x", "ghcr.io/acme", "ghcr.io/acme/a/b", "ghcr.io.evil.example/acme/x"],
            ),
            (
                "ghcr.io/acme/**",
                &["ghcr.io/acme/x", "ghcr.io/acme/a/b/c"],
                &["ghcr.io/acme-evil/x", "ghcr.io/acme", "evil.io/ghcr.io/acme/x"],
            ),
            ("127.0.0.1:5000/*", &["127.0.0.1:5000/x"], &["127.0.0.1:5001/x", "127.0.0.1:5000/a/x", "127.0.0.1/x"]),
            (
                "127.0.0.1:5000/**",
                &["127.0.0.1:5000/x", "127.0.0.1:5000/a/x"],
                &["127.0.0.1:50000/x", "127.0.0.11:5000/x"],
            ),
        ] {
            let pattern = Pattern::parse(pattern).unwrap();
            for text in matching {
                assert!(pattern.matches(&name(text)), "{pattern:?} {text}");
            }
            for text in other {
                assert!(!pattern.matches(&name(text)), "{pattern:?} {text}");
            }
            assert!(!pattern.matches(&Name::Layout));
        }
        assert!(Pattern::parse("oci-layout").unwrap().matches(&Name::Layout));
        assert!(!Pattern::parse("oci-layout").unwrap().matches(&name("ghcr.io/oci-layout")));
    }

    #[test]
    fn attack_58_other_spellings_of_a_registry_do_not_slip_past() {
        for (pattern, spellings) in [
            (
                "docker.io/mcp/*",
                &[
                    "docker.io/mcp/x",
                    "index.docker.io/mcp/x",
                    "registry-1.docker.io/mcp/x",
                    "Registry-1.Docker.IO/mcp/x",
                    "docker.io:443/mcp/x",
                    "index.docker.io:0443/mcp/x",
                ][..],
            ),
            ("Index.Docker.io/mcp/x", &["docker.io/mcp/x"]),
            ("ghcr.io/mcp/x", &["GHCR.io:443/mcp/x", "ghcr.io:00443/mcp/x"]),
            ("127.0.0.1:5000/x", &["127.1:5000/x", "0x7f.0.0.1:5000/x", "2130706433:5000/x", "127.0.0.1:05000/x"]),
            ("[::1]:5000/x", &["[0:0::1]:5000/x", "[::0001]:5000/x"]),
        ] {
            let pattern = Pattern::parse(pattern).unwrap();
            for spelling in spellings {
                assert!(pattern.matches(&name(spelling)), "{pattern:?} {spelling}");
            }
        }
        assert!(!Pattern::parse("docker.io/mcp/*").unwrap().matches(&name("docker.io:5000/mcp/x")));
    }

    #[test]
    fn a_pattern_that_could_be_misread_is_refused() {
        for text in [
            "",
            "*",
            "**",
            "/",
            "acme/*",
            "ghcr.io",
            "ghcr.io/",
            "ghcr.io/acme*",
            "ghcr.io/*/x",
            "ghcr.io/**/x",
            "ghcr.io/acme/***",
            "*.io/acme",
            "ghcr.io/acme/x:1",
            "ghcr.io/acme/x@sha256:00",
            "ghcr.io/Acme/x",
            "ghcr.io//x",
            "ghcr.io/acme/",
            "https://ghcr.io/acme",
            "docker.io/alpine",
            "oci-layout:/srv",
            " ghcr.io/acme/x",
            "ghcr.io/acmé/x",
        ] {
            assert!(Pattern::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_most_specific_pattern_is_the_narrowest() {
        let specificity = |text: &str| Pattern::parse(text).unwrap().specificity();
        let order = ["a.io/**", "a.io/b/**", "a.io/b/c/**", "a.io/b/c/*", "a.io/b/c/d"];
        assert!(order.is_sorted_by(|a, b| specificity(a) < specificity(b)));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_pattern_or_refused(text in "[a-zA-Z0-9.:/@_*-]{0,40}|\\PC{0,40}") {
            let _ = Pattern::parse(&text);
        }

        #[test]
        fn a_wildcard_never_leaves_its_prefix(path in "[a-z]{1,3}(/[a-z]{1,3}){0,3}", other in "[a-z.-]{1,6}(/[a-z]{1,3}){1,3}") {
            let pattern = Pattern::parse(&format!("a.io/{path}/**")).unwrap();
            if let Ok(reference) = format!("a.io/{other}:1").parse() {
                let name = Name::Repository(Repository::of(&reference));
                let below = other.starts_with(&format!("{path}/"));
                proptest::prop_assert_eq!(pattern.matches(&name), below);
            }
        }
    }
}
