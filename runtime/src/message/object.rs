//! Writes a JSON object member by member, from checked parts.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Json, JsonError};

/// A JSON object in the making. Absent members are left out, as MCP's schemas want it.
pub(crate) struct ObjectWriter {
    text: Vec<u8>,
    keys: Vec<String>,
}

impl ObjectWriter {
    pub(crate) fn new() -> Self {
        Self { text: b"{".to_vec(), keys: Vec::new() }
    }

    /// Writes a member.
    pub(crate) fn with(mut self, key: &str, value: impl Serialize) -> Self {
        if !self.keys.is_empty() {
            self.text.push(b',');
        }
        self.keys.push(key.to_owned());
        self.write(&key);
        self.text.push(b':');
        self.write(&value);
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
            // Its own keys differ from each other: compared with each of them, a million would take for ever.
            let named = self.keys.len();
            for (key, value) in object.read::<BTreeMap<String, Json>>()? {
                if !self.keys[..named].contains(&key) {
                    self = self.with(&key, value);
                }
            }
        }
        Ok(self)
    }

    pub(crate) fn finish(mut self) -> Json {
        self.text.push(b'}');
        // `serde_json` writes UTF-8 alone.
        Json::from_checked_parts(String::from_utf8(self.text).unwrap_or_default())
    }

    fn write(&mut self, value: &impl Serialize) {
        let start = self.text.len();
        // Writing into memory cannot fail, and no type of ours refuses to be written.
        if serde_json::to_writer(&mut self.text, value).is_err() {
            self.text.truncate(start);
            self.text.extend_from_slice(b"null");
        }
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

    #[test]
    fn a_million_further_members_are_written_in_a_moment() {
        let members: Vec<String> = (0..1_000_000).map(|key| format!("\"{key}\":0")).collect();
        let extra = Json::parse(format!("{{{}}}", members.join(","))).unwrap();
        let object = ObjectWriter::new().with("name", "a").rest_of(Some(&extra)).unwrap().finish();
        assert!(object.as_str().len() > extra.as_str().len());
    }
}
