//! The members of one object of a stranger's catalog. What is decided on has exactly its type; all else is let be.

use lockgate_runtime::Untrusted;
use lockgate_runtime::message::same_but_for_case;
use serde_json::{Map, Value};

/// The longest text that is decided on, in bytes.
const MAX_TEXT: usize = 16 * 1024;

/// The most items of a list that is decided on.
const MAX_ITEMS: usize = 1000;

/// The longest problem, in characters.
const MAX_PROBLEM: usize = 1000;

/// What is wrong with an entry's form, as a clause.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct InvalidForm(String);

impl InvalidForm {
    /// What is wrong at a place.
    pub(super) fn at(place: &str, problem: impl std::fmt::Display) -> Self {
        let text = if place.is_empty() { format!("value {problem}") } else { format!("`{place}` {problem}") };
        // A place has a stranger's keys in it, which must not look like lines of ours.
        Self(Untrusted::new(text).to_line(MAX_PROBLEM))
    }
}

/// An object, and its place in the entry.
pub(super) struct Fields<'a> {
    members: &'a Map<String, Value>,
    place: String,
}

impl<'a> Fields<'a> {
    /// Reads an object of which `known` are decided on.
    ///
    /// # Errors
    /// Where it is none, or has a key that another reader could take for a known one.
    pub(super) fn of(value: &'a Value, place: String, known: &[&str]) -> Result<Self, InvalidForm> {
        let Value::Object(members) = value else {
            return Err(InvalidForm::at(&place, "is no object"));
        };
        let lookalike =
            members.keys().find_map(|key| known.iter().find(|name| key != *name && same_but_for_case(key, name)));
        match lookalike {
            Some(name) => {
                Err(InvalidForm::at(&place, format_args!("has a key that differs from `{name}` only in case")))
            }
            None => Ok(Self { members, place }),
        }
    }

    /// The place of a member.
    pub(super) fn place(&self, key: &str) -> String {
        if self.place.is_empty() { key.to_owned() } else { format!("{}.{key}", self.place) }
    }

    /// The value of a member; `null` is as good as none.
    pub(super) fn value(&self, key: &str) -> Option<&'a Value> {
        self.members.get(key).filter(|value| !value.is_null())
    }

    /// A text, whose characters can all be seen.
    pub(super) fn text(&self, key: &str) -> Result<Option<&'a str>, InvalidForm> {
        self.value(key).map(|value| visible_text(value, &self.place(key))).transpose()
    }

    /// A text that has to be there.
    pub(super) fn required_text(&self, key: &str) -> Result<&'a str, InvalidForm> {
        match self.text(key)? {
            Some(text) if !text.is_empty() => Ok(text),
            _ => Err(InvalidForm::at(&self.place(key), "is missing")),
        }
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>, InvalidForm> {
        let flag = |value: &Value| {
            value.as_bool().ok_or_else(|| InvalidForm::at(&self.place(key), "is neither true nor false"))
        };
        self.value(key).map(flag).transpose()
    }

    /// The items of a list, each with its place.
    pub(super) fn items(&self, key: &str) -> Result<Vec<(String, &'a Value)>, InvalidForm> {
        let place = self.place(key);
        match self.value(key) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) if items.len() > MAX_ITEMS => {
                Err(InvalidForm::at(&place, format_args!("has more than {MAX_ITEMS} items")))
            }
            Some(Value::Array(items)) => {
                Ok(items.iter().enumerate().map(|(index, item)| (format!("{place}[{index}]"), item)).collect())
            }
            Some(_) => Err(InvalidForm::at(&place, "is no list")),
        }
    }

    /// A list of texts.
    pub(super) fn texts(&self, key: &str) -> Result<Vec<&'a str>, InvalidForm> {
        self.items(key)?.into_iter().map(|(place, item)| visible_text(item, &place)).collect()
    }
}

/// What is decided on is shown to a person first, who has to see all of it.
fn visible_text<'a>(value: &'a Value, place: &str) -> Result<&'a str, InvalidForm> {
    let text = value
        .as_str()
        .ok_or_else(|| InvalidForm::at(place, "is no text; a number or a word like true is put in quotes"))?;
    if text.len() > MAX_TEXT {
        return Err(InvalidForm::at(place, "is longer than 16 KiB"));
    }
    if is_visible(text) { Ok(text) } else { Err(InvalidForm::at(place, "has characters that cannot be seen")) }
}

/// Whether all characters of a text can be seen, on one line.
pub(super) fn is_visible(text: &str) -> bool {
    Untrusted::new(text).to_line(usize::MAX) == text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_decided_on_has_its_type_and_can_be_seen() {
        let value = json!({ "t": "x", "n": 1, "b": true, "z": null, "l": ["a", 1], "hidden": "a\u{202e}b", "line": "a\nb", "e": "" });
        let fields = Fields::of(&value, String::new(), &["t", "n"]).unwrap();
        assert_eq!(fields.text("t"), Ok(Some("x")));
        assert_eq!((fields.text("z"), fields.text("nothing")), (Ok(None), Ok(None)));
        for key in ["n", "b", "l", "hidden", "line"] {
            assert!(fields.text(key).is_err(), "{key}");
        }
        assert_eq!(fields.flag("b"), Ok(Some(true)));
        assert!(fields.flag("t").is_err());
        assert_eq!(
            fields.texts("l").unwrap_err().to_string(),
            "`l[1]` is no text; a number or a word like true is put in quotes"
        );
        assert_eq!(fields.texts("nothing"), Ok(Vec::new()));
        for key in ["e", "z", "nothing"] {
            assert!(fields.required_text(key).is_err(), "{key}");
        }
    }

    #[test]
    fn a_key_that_looks_like_a_known_one_is_refused() {
        for key in ["Image", "IMAGE", "ımage", "i\u{212a}", "images"] {
            let value = json!({ key: "x" });
            let refused = Fields::of(&value, "tools[0]".to_owned(), &["image", "ik"]).is_err();
            assert_eq!(refused, key != "images", "{key}");
        }
        assert!(Fields::of(&json!({ "image": 1, "other": 2 }), String::new(), &["image"]).is_ok());
        assert!(Fields::of(&json!([]), String::new(), &[]).is_err());
    }
}
