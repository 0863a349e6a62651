//! Who is calling.

use std::fmt;

/// Who is calling: whatever is pooled or cached is kept apart by it. Only whoever authenticated a caller makes one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Principal(String);

/// Why a text is no name of a principal.
#[derive(Debug, thiserror::Error)]
#[error("a principal's name has 1 to 64 of the characters A-Z a-z 0-9 . _ - @")]
pub struct InvalidPrincipal;

impl Principal {
    /// The person at this machine: who speaks on stdio, and the first token.
    pub fn local() -> Self {
        Self("local".to_owned())
    }

    /// The principal of this name.
    ///
    /// # Errors
    /// Where the name is empty, longer than 64 bytes, or has other characters than `A-Z a-z 0-9 . _ - @`.
    pub fn named(name: &str) -> Result<Self, InvalidPrincipal> {
        let allowed = |c: u8| c.is_ascii_alphanumeric() || b"._-@".contains(&c);
        if name.is_empty() || name.len() > 64 || !name.bytes().all(allowed) {
            return Err(InvalidPrincipal);
        }
        Ok(Self(name.to_owned()))
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
