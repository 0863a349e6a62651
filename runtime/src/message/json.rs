//! JSON text that was checked once: well-formed, no duplicate keys, bounded depth.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::members::{Key, Members};

/// The deepest nesting of arrays and objects that is read; `serde_json` stops there by itself.
pub const MAX_DEPTH: usize = 127;

/// One JSON value (RFC 8259) as the text it came as. No object in it has the same key twice, with escapes undone, so
/// that two readers of it cannot see different values.
#[derive(Clone)]
pub struct Json(Box<RawValue>);

/// Why a text is not taken as JSON.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct JsonError(#[from] serde_json::Error);

impl JsonError {
    /// Whether the text is JSON, and only forbidden here (a key twice) or of another form than asked for.
    pub fn is_well_formed(&self) -> bool {
        self.0.is_data()
    }
}

impl Json {
    /// Checks a stranger's text.
    ///
    /// # Errors
    /// Where it is not exactly one JSON value, nests deeper than [`MAX_DEPTH`], or has a key twice in one object.
    pub fn parse(text: impl Into<String>) -> Result<Self, JsonError> {
        let text = text.into();
        let mut reader = serde_json::Deserializer::from_str(&text);
        NoDuplicates.deserialize(&mut reader)?;
        reader.end()?;
        Ok(Self(RawValue::from_string(text)?))
    }

    /// Writes a value of our own. `null` where it cannot be written, which no type of ours causes.
    pub fn of(value: &impl Serialize) -> Self {
        Self(serde_json::value::to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }

    /// Takes text that was put together from checked parts, each key once.
    pub(crate) fn from_checked_parts(text: String) -> Self {
        Self(RawValue::from_string(text).unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }

    /// `{}`.
    pub fn empty_object() -> Self {
        Self::from_checked_parts("{}".to_owned())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// Reads it as `T`.
    ///
    /// # Errors
    /// Where it has another form.
    pub fn read<'de, T: Deserialize<'de>>(&'de self) -> Result<T, JsonError> {
        Ok(serde_json::from_str(self.0.get())?)
    }

    /// Its members.
    ///
    /// # Errors
    /// Where it is no object.
    pub fn members(&self) -> Result<Members<'_>, JsonError> {
        self.read()
    }

    /// The same value with the keys of every object in order and without spaces, to compare by. Numbers that no `f64`
    /// holds exactly lose digits.
    pub(crate) fn canonical(&self) -> String {
        fn sorted(value: serde_json::Value) -> serde_json::Value {
            match value {
                serde_json::Value::Array(items) => items.into_iter().map(sorted).collect(),
                serde_json::Value::Object(members) => {
                    let ordered: BTreeMap<String, serde_json::Value> = members.into_iter().collect();
                    ordered.into_iter().map(|(key, value)| (key, sorted(value))).collect()
                }
                other => other,
            }
        }
        self.read().map_or_else(|_| self.as_str().to_owned(), |value| sorted(value).to_string())
    }

    /// Whether it is an object.
    pub fn is_object(&self) -> bool {
        self.0.get().trim_start().starts_with('{')
    }

    /// The text, as the library that reads it holds it.
    pub(super) fn into_raw(self) -> Box<RawValue> {
        self.0
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Json {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// Parts of a checked text are checked: a `Json` is only ever deserialised from another.
impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(Self)
    }
}

/// Walks a value without keeping it, and refuses an object with a key twice.
#[derive(Clone, Copy)]
struct NoDuplicates;

impl<'de> DeserializeSeed<'de> for NoDuplicates {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for NoDuplicates {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        // Borrowed from the text, where it can be: a large object costs much less.
        while let Some(key) = members.next_key::<Key<'de>>()? {
            members.next_value_seed(self)?;
            if !seen.insert(key) {
                return Err(A::Error::custom("an object has the same key twice"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_passes_unchanged() {
        let text = r#"{ "big": 123456789012345678901234567890, "a": [1.50, {"b": null}] }"#;
        assert_eq!(Json::parse(text).unwrap().as_str(), text);
    }

    #[test]
    fn duplicate_keys_are_refused_at_every_depth_and_behind_escapes() {
        for text in [r#"{"a":1,"a":2}"#, r#"[{"x":{"a":1,"b":2,"a":3}}]"#, r#"{"a":1,"\u0061":2}"#] {
            assert!(Json::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_not_one_value_is_refused() {
        for text in ["", " ", "{", "{} {}", "nul", "\u{feff}{}", "[1,]", "NaN", "\"\\ud800\""] {
            assert!(Json::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(Json::parse(nested(MAX_DEPTH)).is_ok());
        assert!(Json::parse(nested(MAX_DEPTH + 1)).is_err());
        assert!(Json::parse(nested(1_000_000)).is_err());
    }

    #[test]
    fn spelling_does_not_change_the_canonical_form() {
        let canonical = |text: &str| Json::parse(text).unwrap().canonical();
        assert_eq!(
            canonical(r#"{"b":[{"d":1,"c":2}],"a":"\u0041"}"#),
            canonical(r#"{ "a": "A", "b": [{"c":2, "d":1}] }"#)
        );
        assert_ne!(canonical(r#"{"a":1}"#), canonical(r#"{"a":"1"}"#));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in ".{0,200}") {
            if let Ok(json) = Json::parse(text.as_str()) {
                proptest::prop_assert_eq!(json.as_str().trim(), text.trim());
            }
        }
    }
}
