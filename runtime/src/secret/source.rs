//! Where a secret comes from, as a person writes it. Plain data: it names values and holds none.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest name, in characters.
const MAX_NAME: usize = 128;

/// A secret's name in a store, or a credential's in a grant: 1 to 128 of `A-Z a-z 0-9 . _ - /`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct SecretName(String);

/// Why a text is no name of a secret. It does not repeat the text, which may be the secret itself.
#[derive(Debug, thiserror::Error)]
#[error("a secret's name has 1 to 128 of the characters A-Z a-z 0-9 . _ - /")]
pub struct InvalidSecretName;

impl SecretName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The words as a name: other characters become `-`, and what is too long is cut.
    pub(crate) fn fitted(words: &str) -> Self {
        let fit = |c: char| if is_allowed(c) { c } else { '-' };
        Self(if words.is_empty() { "-".to_owned() } else { words.chars().map(fit).take(MAX_NAME).collect() })
    }
}

fn is_allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || "._-/".contains(c)
}

impl FromStr for SecretName {
    type Err = InvalidSecretName;

    fn from_str(text: &str) -> Result<Self, InvalidSecretName> {
        let valid = (1..=MAX_NAME).contains(&text.len()) && text.chars().all(is_allowed);
        if valid { Ok(Self(text.to_owned())) } else { Err(InvalidSecretName) }
    }
}

impl TryFrom<String> for SecretName {
    type Error = InvalidSecretName;

    fn try_from(text: String) -> Result<Self, InvalidSecretName> {
        text.parse()
    }
}

impl From<SecretName> for String {
    fn from(name: SecretName) -> Self {
        name.0
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a secret comes from: `NAME` in the secret store, `env:NAME`, or `file:PATH`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum SecretSource {
    /// The store that is in use.
    Store(SecretName),
    /// An environment variable of the gateway.
    Variable(String),
    /// A file. A relative path counts from where the gateway runs; whoever reads configuration makes it absolute.
    File(PathBuf),
}

/// Why a text is no source of a secret. It does not repeat the text, which may be the secret itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecretSource {
    /// It has none of the known forms.
    #[error(
        "a secret is written as its name in the secret store (1 to 128 of A-Z a-z 0-9 . _ - /), env:NAME or file:PATH"
    )]
    Form,
    /// It names a command.
    #[error("command: is no source of a secret yet; write its output into the store with `lockgate secret set NAME`")]
    Command,
}

impl FromStr for SecretSource {
    type Err = InvalidSecretSource;

    fn from_str(text: &str) -> Result<Self, InvalidSecretSource> {
        if let Some(name) = text.strip_prefix("env:") {
            return if is_variable_name(name) {
                Ok(Self::Variable(name.to_owned()))
            } else {
                Err(InvalidSecretSource::Form)
            };
        }
        if let Some(path) = text.strip_prefix("file:") {
            let usable = !path.is_empty() && !path.contains(char::is_control);
            return if usable { Ok(Self::File(path.into())) } else { Err(InvalidSecretSource::Form) };
        }
        if text.starts_with("command:") {
            return Err(InvalidSecretSource::Command);
        }
        text.parse().map(Self::Store).map_err(|_| InvalidSecretSource::Form)
    }
}

/// Whether a text can be the name of an environment variable: `A-Z a-z 0-9 _`.
pub(crate) fn is_variable_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(name) => write!(f, "{name}"),
            Self::Variable(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

impl TryFrom<String> for SecretSource {
    type Error = InvalidSecretSource;

    fn try_from(text: String) -> Result<Self, InvalidSecretSource> {
        text.parse()
    }
}

impl From<SecretSource> for String {
    fn from(source: SecretSource) -> Self {
        source.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_told_apart_by_how_they_are_written() {
        let source = |text: &str| text.parse::<SecretSource>().unwrap();
        assert_eq!(source("env:TOKEN"), SecretSource::Variable("TOKEN".to_owned()));
        assert_eq!(source("file:./a b"), SecretSource::File("./a b".into()));
        assert_eq!(source("a/b.c_d-1"), SecretSource::Store("a/b.c_d-1".parse().unwrap()));
        for text in ["env:TOKEN", "file:/run/secrets/x", "github.token"] {
            assert_eq!(source(text).to_string(), text);
        }
    }

    #[test]
    fn what_is_no_source_is_refused_and_not_repeated() {
        for text in ["", "env:", "env:A B", "env:A=B", "file:", "file:a\nb", "file:a\0", "a b", "vault:x", "ä", "a:b"]
        {
            let error = text.parse::<SecretSource>().unwrap_err();
            assert_eq!(error, InvalidSecretSource::Form, "{text:?}");
        }
        let error = "command:pass show x".parse::<SecretSource>().unwrap_err();
        assert_eq!(error, InvalidSecretSource::Command);
        assert!(!error.to_string().contains("pass show"));
        assert!("x".repeat(129).parse::<SecretName>().is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_words_make_a_name(words in "\\PC{0,200}") {
            let name = SecretName::fitted(&words);
            proptest::prop_assert!(name.as_str().parse::<SecretName>().is_ok());
        }

        #[test]
        fn any_source_reads_back_as_it_was_written(text in "(env:|file:|command:)?\\PC{0,140}") {
            if let Ok(source) = text.parse::<SecretSource>() {
                proptest::prop_assert_eq!(source.to_string(), text);
            }
        }
    }
}
