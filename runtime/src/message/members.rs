//! The members of a checked object, one by one, without reading what is inside them.

use std::borrow::Cow;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::json::{Json, JsonError};

/// An object as its members, in the order they came; the values stay text. What is changed is changed here alone, and
/// all else is written as it was.
#[derive(Debug, Clone, Default)]
pub struct Members<'a>(Vec<(Key<'a>, Cow<'a, RawValue>)>);

impl<'a> Members<'a> {
    /// The text of the value at `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.value(key).map(RawValue::get)
    }

    /// The value at `key`, read as `T`.
    ///
    /// # Errors
    /// Where it has another form.
    pub fn read<'b, T: Deserialize<'b>>(&'b self, key: &str) -> Result<Option<T>, JsonError> {
        self.get(key).map(|text| serde_json::from_str(text).map_err(JsonError::from)).transpose()
    }

    /// The keys and the texts of their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (&*key.0, value.get()))
    }

    /// Puts `value` at `key`: where it was, or at the end.
    pub fn set(&mut self, key: &'a str, value: Json) {
        let value = Cow::Owned(value.into_raw());
        match self.0.iter_mut().find(|(k, _)| k.0 == key) {
            Some(member) => member.1 = value,
            None => self.0.push((Key(Cow::Borrowed(key)), value)),
        }
    }

    /// Takes the member at `key` away.
    pub fn remove(&mut self, key: &str) {
        self.0.retain(|(k, _)| k.0 != key);
    }

    /// The object again.
    pub fn to_json(&self) -> Json {
        Json::of(self)
    }

    /// The first of `names` that another reader could take a key for which is not written like it: in other case, or
    /// with escapes.
    pub fn lookalike<'n>(&self, names: &[&'n str]) -> Option<&'n str> {
        self.0.iter().find_map(|(key, _)| names.iter().find(|name| key.looks_like(name)).copied())
    }

    fn value(&self, key: &str) -> Option<&RawValue> {
        self.0.iter().find(|(k, _)| k.0 == key).map(|(_, value)| &**value)
    }
}

/// A key. `Cow` tells how it was written: it is borrowed from the text unless escapes had to be undone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key<'a>(Cow<'a, str>);

impl Key<'_> {
    fn looks_like(&self, name: &str) -> bool {
        match &self.0 {
            Cow::Borrowed(key) => *key != name && same_but_for_case(key, name),
            Cow::Owned(key) => same_but_for_case(key, name),
        }
    }
}

/// Whether a reader that does not look at case takes a key for a name. As Go's `encoding/json` sees it, for one: `ſ` is an
/// `s`, and the Kelvin sign a `k`.
pub fn same_but_for_case(key: &str, name: &str) -> bool {
    fn folded(text: &str) -> impl Iterator<Item = char> {
        text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase)
    }
    key.eq_ignore_ascii_case(name) || (!key.is_ascii() && folded(key).eq(folded(name)))
}

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(key)))
            }

            fn visit_str<E>(self, key: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

/// As [`Json`]: only ever from a checked text, so that no key is there twice.
impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some((key, value)) = map.next_entry::<Key<'de>, &'de RawValue>()? {
                    members.push((key, Cow::Borrowed(value)));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(MembersVisitor)
    }
}

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(&*key.0, &**value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_touched_stays_as_it_was() {
        let json = Json::parse(r#"{"a":1.50,"b": {"x":[ 1]},"c":"\u0041"}"#).unwrap();
        let mut members = json.members().unwrap();
        members.set("a", Json::of(&2));
        members.set("d", Json::of(&"new"));
        members.remove("b");
        assert_eq!(members.to_json().as_str(), r#"{"a":2,"c":"\u0041","d":"new"}"#);
    }

    #[test]
    fn an_object_is_written_with_the_keys_it_had() {
        let json = Json::parse(r#"{"":0,"\u0061\n":1,"é":2}"#).unwrap();
        assert_eq!(json.members().unwrap().to_json().as_str(), r#"{"":0,"a\n":1,"é":2}"#);
    }

    #[test]
    fn keys_in_other_case_or_with_escapes_look_alike() {
        for text in [r#"{"ID":1}"#, r#"{"x":0,"iD":1}"#, r#"{"\u0069d":1}"#, r#"{"\u0049d":1}"#] {
            assert!(Json::parse(text).unwrap().members().unwrap().lookalike(&["jsonrpc", "id"]).is_some(), "{text}");
        }
        for (text, name) in
            [(r#"{"requeſtState":1}"#, "requestState"), ("{\"progressTo\u{212a}en\":1}", "progressToken")]
        {
            assert!(Json::parse(text).unwrap().members().unwrap().lookalike(&[name]).is_some(), "{text}");
        }
    }

    #[test]
    fn the_key_itself_and_strangers_do_not_look_alike() {
        let json = Json::parse(r#"{"id":1,"idx":2,"\u0078":3,"":4}"#).unwrap();
        assert_eq!(json.members().unwrap().lookalike(&["id"]), None);
    }

    #[test]
    fn only_an_object_has_members() {
        for text in ["[]", "1", "null", r#""{}""#] {
            assert!(Json::parse(text).unwrap().members().is_err(), "{text}");
        }
    }
}
