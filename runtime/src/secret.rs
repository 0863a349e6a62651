//! Values that must not get out, where they come from, and where they are kept.

mod read;
mod source;
mod store;

use std::fmt;

use zeroize::Zeroizing;

pub(crate) use read::SecretReader;
pub use read::{SecretError, SecretSettings};
pub(crate) use source::is_variable_name;
pub use source::{InvalidSecretName, InvalidSecretSource, SecretName, SecretSource};
pub use store::{InvalidStoreKind, SecretStore, SecretStoreError, StoreKind};

/// The longest value, in bytes.
pub(crate) const MAX_VALUE: usize = 64 * 1024;

/// A value that must not get out: text that nothing shows or writes down by accident, and whose memory is cleared when
/// it is dropped. Copies that libraries make of it on its way are not.
pub struct Secret(Zeroizing<String>);

/// Why a text is no value of a secret. It says nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecret {
    /// It has no characters.
    #[error("the value is empty")]
    Empty,
    /// It has more than 64 KiB.
    #[error("the value is longer than {} KiB", MAX_VALUE >> 10)]
    TooLong,
    /// It has a NUL character, which no variable and no header can have.
    #[error("the value has a NUL character")]
    Nul,
    /// It is no text.
    #[error("the value is no UTF-8 text")]
    NotText,
}

impl Secret {
    /// The secret with this value.
    ///
    /// # Errors
    /// Where the value is empty, longer than 64 KiB, or has a NUL character.
    pub fn new(value: impl Into<Zeroizing<String>>) -> Result<Self, InvalidSecret> {
        let value = value.into();
        match value.as_str() {
            "" => Err(InvalidSecret::Empty),
            text if text.len() > MAX_VALUE => Err(InvalidSecret::TooLong),
            text if text.contains('\0') => Err(InvalidSecret::Nul),
            _ => Ok(Self(value)),
        }
    }

    /// What a person or program wrote into a pipe or file: the line break at its end is none of the value.
    ///
    /// # Errors
    /// As [`new`](Self::new), and where the bytes are no UTF-8.
    pub fn from_written(bytes: &Zeroizing<Vec<u8>>) -> Result<Self, InvalidSecret> {
        let text = std::str::from_utf8(bytes).map_err(|_| InvalidSecret::NotText)?;
        let line = text.strip_suffix('\n').unwrap_or(text);
        let line = line.strip_suffix('\r').filter(|_| line.len() < text.len()).unwrap_or(line);
        Self::new(line.to_owned())
    }

    /// The value, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> Result<Secret, InvalidSecret> {
        Secret::from_written(&text.as_bytes().to_vec().into())
    }

    #[test]
    fn a_secret_shows_nothing() {
        let secret = Secret::new("hunter2".to_owned()).unwrap();
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "(secret) Some((secret))");
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn the_line_break_at_the_end_is_none_of_the_value() {
        for (text, value) in
            [("a\n", "a"), ("a\r\n", "a"), ("a", "a"), ("a\n\n", "a\n"), ("a\r", "a\r"), (" a ", " a ")]
        {
            assert_eq!(written(text).unwrap().expose(), value, "{text:?}");
        }
    }

    #[test]
    fn what_is_no_value_is_refused() {
        assert_eq!(written("").err(), Some(InvalidSecret::Empty));
        assert_eq!(written("\n").err(), Some(InvalidSecret::Empty));
        assert_eq!(written("a\0b").err(), Some(InvalidSecret::Nul));
        assert_eq!(written(&"x".repeat(MAX_VALUE + 1)).err(), Some(InvalidSecret::TooLong));
        assert!(written(&"x".repeat(MAX_VALUE)).is_ok());
        assert_eq!(Secret::from_written(&vec![0xff].into()).err(), Some(InvalidSecret::NotText));
    }
}
