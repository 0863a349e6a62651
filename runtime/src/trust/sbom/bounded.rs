//! Lists of a stranger's document: read one by one, and no more of them than a bound.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::SbomProblem;

/// Reads a list that has at most `most` items; an absent one or `null` is empty.
///
/// # Errors
/// Where it is no such list, or longer.
pub(crate) fn list<'a, T: Deserialize<'a>>(
    text: Option<&'a RawValue>,
    most: usize,
    what: &'static str,
) -> Result<Vec<T>, SbomProblem> {
    let Some(text) = text.filter(|text| text.get() != "null") else { return Ok(Vec::new()) };
    let mut reader = serde_json::Deserializer::from_str(text.get());
    let mut is_too_long = false;
    let read = AtMost { most, is_too_long: &mut is_too_long, items: PhantomData }.deserialize(&mut reader);
    match read {
        Ok(items) => Ok(items),
        Err(_) if is_too_long => Err(SbomProblem::TooMany { what, most }),
        Err(error) => Err(SbomProblem::unreadable(&error)),
    }
}

struct AtMost<'t, T> {
    most: usize,
    is_too_long: &'t mut bool,
    items: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for AtMost<'_, T> {
    type Value = Vec<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<T>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for AtMost<'_, T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
        let mut read = Vec::new();
        while let Some(item) = items.next_element()? {
            if read.len() == self.most {
                *self.is_too_long = true;
                return Err(A::Error::custom("it is too long"));
            }
            read.push(item);
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(text: &str) -> Result<Vec<u8>, SbomProblem> {
        let text = RawValue::from_string(text.to_owned()).unwrap();
        list(Some(&text), 3, "numbers")
    }

    #[test]
    fn a_list_has_no_more_than_its_bound() {
        assert_eq!(numbers("[1,2,3]").unwrap(), [1, 2, 3]);
        assert!(matches!(numbers("[1,2,3,4]"), Err(SbomProblem::TooMany { what: "numbers", most: 3 })));
        assert!(numbers("null").unwrap().is_empty());
        assert!(list::<u8>(None, 3, "numbers").unwrap().is_empty());
        for text in ["{}", "1", "[\"a\"]"] {
            assert!(matches!(numbers(text), Err(SbomProblem::Unreadable(_))), "{text}");
        }
    }
}
