//! The address of a source repository, so that all its spellings are one.

use std::fmt;

/// `https://HOST/PATH`: without `git+`, `.git`, a ref, or a slash at the end; its host in lower case. `oci` and other
/// schemes are not the source of anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SourceUri(String);

/// Why a text is no address of a source repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a source repository is written as https://HOST/PATH, without user, query and escapes")]
pub(crate) struct InvalidSource;

impl SourceUri {
    /// Reads an address, and the ref that may stand behind it: `git+https://github.com/acme/tools@refs/tags/v1`, or
    /// `https://github.com/acme/tools.git#refs/heads/main` as BuildKit writes it.
    ///
    /// # Errors
    /// Where it is none, or could be read in two ways.
    pub(crate) fn parse(text: &str) -> Result<(Self, Option<String>), InvalidSource> {
        let (address, fragment) = match text.split_once('#') {
            // Behind a colon stands a folder.
            Some((address, fragment)) => (address, fragment.split(':').next()),
            None => (text, None),
        };
        let address = address.strip_prefix("git+").unwrap_or(address);
        let (host, path) =
            address.strip_prefix("https://").and_then(|rest| rest.split_once('/')).ok_or(InvalidSource)?;
        let (path, at) = path.split_once('@').map_or((path, None), |(path, at)| (path, Some(at)));
        let path = path.strip_suffix('/').unwrap_or(path);
        let path = path.strip_suffix(".git").unwrap_or(path);
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '~' | '+');
        let is_host = !host.is_empty() && host.chars().all(|c| is_plain(c) || c == ':');
        let is_path = path.split('/').all(|part| !matches!(part, "" | "." | "..") && part.chars().all(is_plain));
        if !is_host || !is_path {
            return Err(InvalidSource);
        }
        let git_ref = match (at.filter(|at| !at.is_empty()), fragment.filter(|fragment| !fragment.is_empty())) {
            (Some(_), Some(_)) => return Err(InvalidSource),
            (at, fragment) => at.or(fragment).map(str::to_owned),
        };
        Ok((Self(format!("https://{}/{path}", host.to_ascii_lowercase())), git_ref))
    }
}

impl fmt::Display for SourceUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<(String, Option<String>)> {
        SourceUri::parse(text).ok().map(|(uri, git_ref)| (uri.to_string(), git_ref))
    }

    #[test]
    fn every_spelling_of_a_repository_is_one() {
        let tools = "https://github.com/acme/tools".to_owned();
        for (text, git_ref) in [
            ("https://github.com/acme/tools", None),
            ("https://GitHub.com/acme/tools/", None),
            ("git+https://github.com/acme/tools", None),
            ("https://github.com/acme/tools.git", None),
            ("git+https://github.com/acme/tools@refs/tags/v1", Some("refs/tags/v1")),
            ("git+https://github.com/acme/tools.git@refs/heads/a/b", Some("refs/heads/a/b")),
            ("https://github.com/acme/tools.git#refs/heads/main", Some("refs/heads/main")),
            ("https://github.com/acme/tools.git#v1:sub/folder", Some("v1")),
            ("https://github.com/acme/tools.git#", None),
        ] {
            assert_eq!(parsed(text), Some((tools.clone(), git_ref.map(str::to_owned))), "{text}");
        }
    }

    #[test]
    fn another_repository_stays_another() {
        for text in [
            "https://github.com/acme/tools.evil",
            "https://github.com/acme/Tools",
            "https://github.com/acme/tools/sub",
            "https://github.com.evil/acme/tools",
            "https://github.com:444/acme/tools",
        ] {
            assert_ne!(parsed(text).unwrap().0, "https://github.com/acme/tools", "{text}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_none() {
        for text in [
            "",
            "github.com/acme/tools",
            "http://github.com/acme/tools",
            "ssh://git@github.com/acme/tools",
            "https://github.com",
            "https://github.com/",
            "https:///acme/tools",
            "https://github.com/acme//tools",
            "https://github.com/acme/../evil/tools",
            "https://github.com/acme/tools?x=1",
            "https://user@github.com/acme/tools",
            "https://github.com/acme/tools%2e",
            "https://github.com/acme/tools@v1#v2",
            "https://github.com/acme\\tools",
            "https://github.com/acme/tools .git",
        ] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_was_read_reads_as_itself(text in "(git\\+)?https://[a-z.@/#:]{0,30}|.{0,40}") {
            if let Some((uri, _)) = parsed(&text) {
                proptest::prop_assert_eq!(parsed(&uri), Some((uri, None)));
            }
        }
    }
}
