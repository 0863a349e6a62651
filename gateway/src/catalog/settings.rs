//! What a person sets for an entry, and what the entry says of it: the values that its templates use.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde_json::{Map, Value};

use super::fields::{Fields, InvalidForm, is_visible};
use super::quoted;

/// The values for an entry's templates: `[servers.NAME.config]`, or `--config`.
pub(crate) type Settings = Map<String, Value>;

/// How deep a dotted key goes.
const MAX_DEPTH: usize = 16;

/// `KEY=VALUE` with a dotted key: one setting of a person.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    key: Vec<String>,
    value: String,
}

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidSetting {
    /// It has another form.
    #[error("`{0}` is no setting: write KEY=VALUE, or OUTER.INNER=VALUE where settings lie in others")]
    Form(String),
    /// One key twice, or one inside another.
    #[error("the setting {0} is given twice, or as a value and as an object")]
    Twice(String),
    /// Nothing uses it.
    #[error("the entry has no setting {key}: {}", if known.is_empty() { "it has none at all".to_owned() } else { format!("it has {}", known.join(", ")) })]
    Unknown {
        /// What was written.
        key: String,
        /// What there is.
        known: Vec<String>,
    },
}

impl FromStr for Setting {
    type Err = InvalidSetting;

    fn from_str(text: &str) -> Result<Self, InvalidSetting> {
        let invalid = || InvalidSetting::Form(text.split('=').next().unwrap_or_default().to_owned());
        let (key, value) = text.split_once('=').ok_or_else(invalid)?;
        let key: Vec<String> = key.split('.').map(str::to_owned).collect();
        if key.len() > MAX_DEPTH || key.iter().any(String::is_empty) {
            return Err(invalid());
        }
        Ok(Self { key, value: value.to_owned() })
    }
}

/// What an entry says of its settings: its `config`, a JSON Schema of which these parts are used.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Schema {
    is_text: bool,
    required: Vec<String>,
    /// Of these lists of keys, one has to be there in full.
    any_of: Vec<Vec<String>>,
    properties: BTreeMap<String, Self>,
    default: Option<Value>,
}

/// A required setting that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Missing {
    /// Its key, with dots.
    key: String,
    /// What the entry would take for it, as it is written in a flag.
    default: Option<String>,
}

impl Missing {
    /// Its key, with dots.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// The flag that gives it.
    pub(super) fn flag(&self) -> String {
        quoted("--config", &format!("{}={}", self.key, self.default.as_deref().unwrap_or("VALUE")))
    }
}

impl Schema {
    /// Reads an element of an entry's `config`.
    pub(super) fn read(value: &Value, place: String) -> Result<Self, InvalidForm> {
        let fields = Fields::of(value, place, &["name", "type", "properties", "required", "anyOf", "default"])?;
        // Any schema is allowed where JSON Schema allows it; only what is a plain text or object is made use of.
        let is_text = fields.value("type").and_then(Value::as_str) == Some("string");
        let required = owned(fields.texts("required")?);
        let mut any_of = Vec::new();
        for (place, option) in fields.items("anyOf")? {
            any_of.push(owned(Fields::of(option, place, &["required"])?.texts("required")?));
        }
        let mut properties = BTreeMap::new();
        if let Some(value) = fields.value("properties") {
            let place = fields.place("properties");
            let members = value.as_object().ok_or_else(|| InvalidForm::at(&place, "is no object"))?;
            for (key, property) in members {
                if !is_visible(key) {
                    return Err(InvalidForm::at(&format!("{place}.{key}"), "has characters that cannot be seen"));
                }
                properties.insert(key.clone(), Self::read(property, format!("{place}.{key}"))?);
            }
        }
        let default = fields.value("default").cloned();
        Ok(Self { is_text, required, any_of, properties, default })
    }

    /// The settings there are, first parts of their keys.
    pub(super) fn keys(&self) -> impl Iterator<Item = &String> {
        self.properties.keys()
    }

    /// Puts settings of a command line together. Values are JSON where they can be read as it, unless this says that
    /// they are texts.
    ///
    /// # Errors
    /// Where two contradict each other.
    pub(super) fn settings(&self, flags: &[Setting]) -> Result<Settings, InvalidSetting> {
        let mut settings = Settings::new();
        for Setting { key, value } in flags {
            let twice = || InvalidSetting::Twice(key.join("."));
            let Some((last, outer)) = key.split_last() else { continue };
            let mut table = &mut settings;
            for part in outer {
                let inner = table.entry(part.as_str()).or_insert_with(|| Map::new().into());
                table = inner.as_object_mut().ok_or_else(twice)?;
            }
            if table.contains_key(last) {
                return Err(twice());
            }
            let schema = key.iter().try_fold(self, |schema, part| schema.properties.get(part));
            let value = if schema.is_some_and(|schema| schema.is_text) { value.as_str().into() } else { typed(value) };
            table.insert(last.clone(), value);
        }
        Ok(settings)
    }

    /// Which required settings are not there: lists of which each needs one.
    pub(super) fn missing(&self, settings: &Settings) -> Vec<Vec<Missing>> {
        let mut missing = Vec::new();
        self.add_missing(Some(settings), "", &mut missing);
        missing
    }

    fn add_missing(&self, settings: Option<&Settings>, prefix: &str, missing: &mut Vec<Vec<Missing>>) {
        // What is required and yet no property is something else, as a secret: no template can use it.
        for key in self.required.iter().filter(|key| self.properties.contains_key(*key)) {
            if given(settings, key).is_none() {
                self.add_leaves(key, prefix, missing);
            }
        }
        let fulfilled = |keys: &Vec<String>| keys.iter().all(|key| given(settings, key).is_some());
        if !self.any_of.is_empty() && !self.any_of.iter().any(fulfilled) {
            let mut choices = Vec::new();
            for key in self.any_of.iter().flatten() {
                self.add_leaves(key, prefix, &mut choices);
            }
            missing.push(choices.into_iter().flatten().collect());
        }
        // What an object needs, it needs only if it is there.
        for (key, property) in &self.properties {
            if let Some(Value::Object(inner)) = given(settings, key) {
                property.add_missing(Some(inner), &format!("{prefix}{key}."), missing);
            }
        }
    }

    /// The missing setting `key`, or what is required inside of it.
    fn add_leaves(&self, key: &str, prefix: &str, missing: &mut Vec<Vec<Missing>>) {
        let property = self.properties.get(key);
        match property {
            Some(property) if property.required.iter().any(|inner| property.properties.contains_key(inner)) => {
                property.add_missing(None, &format!("{prefix}{key}."), missing);
            }
            _ => {
                let default = property.and_then(|property| property.default.as_ref()).map(written);
                // What a shell would fill in is nobody's path here.
                let default = default.filter(|text| !text.is_empty() && !text.contains(['$', '~']) && is_visible(text));
                missing.push(vec![Missing { key: format!("{prefix}{key}"), default }]);
            }
        }
    }
}

fn owned(texts: Vec<&str>) -> Vec<String> {
    texts.into_iter().map(str::to_owned).collect()
}

/// A value that is there: nothing and an empty text are none.
fn given<'a>(settings: Option<&'a Settings>, key: &str) -> Option<&'a Value> {
    settings?.get(key).filter(|value| !value.is_null() && value.as_str() != Some(""))
}

/// A value as it is written in a flag.
fn written(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// JSON where the text is some. A number that would be written otherwise again stays a text: `1.50` is a version, too.
fn typed(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(Value::Number(number)) if number.to_string() != text => text.into(),
        Ok(value) => value,
        Err(_) => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema(value: &Value) -> Schema {
        Schema::read(value, "config[0]".to_owned()).unwrap()
    }

    fn settings(schema: &Schema, flags: &[&str]) -> Result<Value, InvalidSetting> {
        let flags: Vec<Setting> = flags.iter().map(|flag| flag.parse()).collect::<Result<_, _>>()?;
        schema.settings(&flags).map(Value::Object)
    }

    fn nested() -> Schema {
        schema(&json!({
            "properties": {
                "text": { "type": "string" },
                "level": { "type": "string", "default": "info" },
                "paths": { "type": "array", "default": ["/a b"] },
                "odd": { "type": ["string", "null"] },
                "jira": { "type": "object", "properties": { "url": { "type": "string" }, "user": {} }, "required": ["url"] },
                "wiki": { "type": "object", "properties": { "url": {}, "user": {} }, "required": ["url"] },
            },
            "required": ["level", "paths", "token"],
            "anyOf": [{ "required": ["jira"] }, { "required": ["wiki"] }],
        }))
    }

    #[test]
    fn values_are_json_unless_they_are_texts() {
        let flags = [
            "text=12",
            "n=12",
            "v=1.50",
            "big=123456789012345678901",
            "b=true",
            "l=[\"a\",1]",
            "w=word",
            "e=",
            "jira.url=true",
            "jira.user=true",
            "eq=a=b",
        ];
        let read = settings(&nested(), &flags).unwrap();
        let expected = json!({
            "text": "12", "n": 12, "v": "1.50", "big": "123456789012345678901", "b": true, "l": ["a", 1], "w": "word", "e": "",
            "jira": { "url": "true", "user": true }, "eq": "a=b",
        });
        assert_eq!(read, expected);
    }

    #[test]
    fn settings_that_contradict_each_other_are_refused() {
        for flags in [&["a=1", "a=2"][..], &["a=1", "a.b=2"], &["a.b=2", "a=1"], &["a"], &["=1"], &["a.=1"], &[".a=1"]]
        {
            assert!(settings(&nested(), flags).is_err(), "{flags:?}");
        }
        assert!("a.".repeat(MAX_DEPTH).parse::<Setting>().is_err());
    }

    #[test]
    fn what_is_required_and_not_there_is_named() {
        let missing = |flags: &[&str]| {
            let schema = nested();
            let settings = settings(&schema, flags).unwrap();
            let missing = schema.missing(settings.as_object().unwrap());
            let flags = |needed: Vec<Missing>| Vec::from_iter(needed.iter().map(Missing::flag)).join(" or ");
            Vec::from_iter(missing.into_iter().map(flags))
        };
        let all = [
            "--config level=info",
            "--config 'paths=[\"/a b\"]'",
            "--config jira.url=VALUE or --config wiki.url=VALUE",
        ];
        assert_eq!(missing(&[]), all);
        assert_eq!(missing(&["level=", "paths=null", "jira="]), all);
        let rest = missing(&["level=debug", "paths=/x", "jira.user=me"]);
        assert_eq!(rest, ["--config jira.url=VALUE"]);
        assert_eq!(missing(&["level=debug", "paths=/x", "wiki.url=http://x"]), [""; 0]);
    }

    #[test]
    fn a_schema_of_another_form_is_refused() {
        for value in [
            json!([]),
            json!({ "required": "a" }),
            json!({ "properties": [] }),
            json!({ "properties": { "a": 1 } }),
            json!({ "Required": ["a"] }),
            json!({ "anyOf": [1] }),
            json!({ "properties": { "a\n  help: b": {} } }),
        ] {
            assert!(Schema::read(&value, String::new()).is_err(), "{value}");
        }
    }
}
