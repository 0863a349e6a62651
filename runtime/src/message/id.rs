//! What ties an answer to its request.

use std::borrow::Cow;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use super::Json;

/// The id of a request (JSON-RPC 2.0, §4): a string or a number, echoed as the text it came as. A number stays a text,
/// so that none is too large; `1` and `"1"` are two ids, `"a"` and `"\u0061"` are one.
#[derive(Clone, Serialize)]
#[serde(transparent)]
pub struct Id(Json);

/// Why a value is no id.
#[derive(Debug, thiserror::Error)]
#[error("an id is a string or a number")]
pub struct InvalidId;

impl Id {
    /// An id of our own.
    pub fn of(text: &str) -> Self {
        Self(Json::of(&text))
    }

    /// The string; nothing where the id is a number.
    pub fn as_string(&self) -> Option<String> {
        self.0.read().ok()
    }

    /// How the same id always looks, whatever escapes it came with.
    fn canonical(&self) -> Cow<'_, str> {
        let text = self.0.as_str();
        if !text.contains('\\') {
            return Cow::Borrowed(text);
        }
        match self.as_string() {
            Some(string) => Cow::Owned(Json::of(&string).as_str().to_owned()),
            None => Cow::Borrowed(text),
        }
    }
}

/// A number of our own.
impl From<u64> for Id {
    fn from(number: u64) -> Self {
        Self(Json::of(&number))
    }
}

impl TryFrom<Json> for Id {
    type Error = InvalidId;

    fn try_from(value: Json) -> Result<Self, InvalidId> {
        match value.as_str().trim_start().as_bytes().first() {
            Some(b'"' | b'-' | b'0'..=b'9') => Ok(Self(value)),
            _ => Err(InvalidId),
        }
    }
}

/// As [`Json`]: only ever from a checked text.
impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_from(Json::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl PartialEq for Id {
    fn eq(&self, other: &Self) -> bool {
        self.canonical() == other.canonical()
    }
}

impl Eq for Id {}

impl Hash for Id {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.canonical().hash(state);
    }
}

impl std::fmt::Debug for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> Result<Id, InvalidId> {
        Id::try_from(Json::parse(text).unwrap())
    }

    #[test]
    fn strings_and_all_numbers_are_ids_and_stay_the_text_they_came_as() {
        for text in ["1", "-7", "1.5", "1e40", "123456789012345678901234567890", r#""a""#, r#""""#, r#""\u0061""#] {
            let id = id(text).unwrap();
            assert_eq!(serde_json::to_string(&id).unwrap(), text);
        }
    }

    #[test]
    fn other_values_are_no_ids() {
        for text in ["null", "true", "false", "[1]", r#"{"a":1}"#] {
            assert!(id(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_number_and_a_string_of_its_digits_differ_while_escapes_do_not() {
        assert_ne!(id("1").unwrap(), id(r#""1""#).unwrap());
        assert_eq!(id(r#""a/é""#).unwrap(), id(r#""\u0061\/\u00e9""#).unwrap());
        let ids = std::collections::HashSet::from([id(r#""a""#).unwrap()]);
        assert!(ids.contains(&id(r#""\u0061""#).unwrap()));
    }
}
