//! Writes a JSON object member by member, from checked parts.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Json, JsonError};

/// A JSON object in the making. Absent members are left out, as MCP's schemas want it.
pub(crate) struct ObjectWriter {
    text: String,
    keys: Vec<String>,
}

impl ObjectWriter {
    pub(crate) fn new() -> Self {
        Self { text: "{".to_owned(), keys: Vec::new() }
    }

    /// Writes a member.
    pub(crate) fn with(mut self, key: &str, value: impl Serialize) -> Self {
        self.put(key, Json::of(&value).as_str());
        self
    }

    /// Writes a member if there is a value.
    pub(crate) fn maybe(self, key: &str, value: Option<impl Serialize>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// Writes the members of `object` that are not written already.
    pub(crate) fn rest_of(mut self, object: Option<&Json>) -> Result<Self, JsonError> {
        if let Some(object) = object {
            for (key, value) in object.read::<BTreeMap<String, Json>>()? {
                if !self.keys.contains(&key) {
                    self.put(&key, value.as_str());
                }
            }
        }
        Ok(self)
    }

    pub(crate) fn finish(mut self) -> Json {
        self.text.push('}');
        Json::from_checked_parts(self.text)
    }

    fn put(&mut self, key: &str, value: &str) {
        if !self.keys.is_empty() {
            self.text.push(',');
        }
        self.text.push_str(Json::of(&key).as_str());
        self.text.push(':');
        self.text.push_str(value);
        self.keys.push(key.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_members_are_left_out_and_named_ones_win() {
        let extra = Json::parse(r#"{"name":"other","x\"y":1.50}"#).unwrap();
        let object = ObjectWriter::new().with("name", "a").maybe("title", None::<&str>).rest_of(Some(&extra)).unwrap();
        assert_eq!(object.finish().as_str(), r#"{"name":"a","x\"y":1.50}"#);
        assert_eq!(ObjectWriter::new().finish().as_str(), "{}");
    }
}
