//! `KEY=VALUE` on the command line, read as the types that a tool's schema names.

use std::collections::BTreeMap;

use lockgate_runtime::message::Json;
use serde_json::Value;

use crate::error::{CommandError, Kind};

/// The arguments of a call: the members of `object`, and each pair.
pub(super) fn arguments(schema: &Json, object: Option<&str>, pairs: &[String]) -> Result<Json, CommandError> {
    let usage = |message: String| CommandError::new(Kind::Usage, message);
    let mut arguments: BTreeMap<String, Json> = match object {
        None => BTreeMap::new(),
        Some(text) => Json::parse(text)
            .and_then(|json| json.read())
            .map_err(|error| usage(format!("--args is no JSON object: {error}")))?,
    };
    let schema: Value = schema.read().unwrap_or_default();
    for pair in pairs {
        let (key, text) =
            pair.split_once('=').ok_or_else(|| usage(format!("`{pair}` is no argument: write KEY=VALUE")))?;
        let value = coerce(&schema["properties"][key], text)
            .map_err(|types| usage(format!("{key} is {}, which `{text}` is not", types.join(" or "))))?;
        if arguments.insert(key.to_owned(), value).is_some() {
            return Err(usage(format!("{key} is given twice")));
        }
    }
    Ok(Json::of(&arguments))
}

/// Reads `text` as one of the types that `property` allows; otherwise says which those are.
fn coerce(property: &Value, text: &str) -> Result<Json, Vec<String>> {
    let types = types(property);
    if types.iter().any(|name| name == "string") {
        return Ok(Json::of(&text));
    }
    let json = Json::parse(text);
    if types.is_empty() {
        return Ok(json.unwrap_or_else(|_| Json::of(&text)));
    }
    match json {
        Ok(json) if types.iter().any(|name| is_of_type(&json, name)) => Ok(json),
        _ => Err(types),
    }
}

/// The types that a schema names (JSON Schema 2020-12, Validation, §6.1.1), through `anyOf`, `oneOf` and `enum`.
fn types(schema: &Value) -> Vec<String> {
    let mut found: Vec<String> = match &schema["type"] {
        Value::String(name) => vec![name.clone()],
        Value::Array(names) => names.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    for choice in ["anyOf", "oneOf"] {
        found.extend(schema[choice].as_array().into_iter().flatten().flat_map(types));
    }
    if found.is_empty() && schema["enum"].as_array().is_some_and(|values| values.iter().any(Value::is_string)) {
        found.push("string".to_owned());
    }
    found
}

fn is_of_type(json: &Json, name: &str) -> bool {
    let Ok(value) = json.read::<Value>() else { return false };
    match name {
        "integer" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(schema: &str, object: Option<&str>, pairs: &[&str]) -> Result<String, String> {
        let pairs: Vec<String> = pairs.iter().map(|&pair| pair.to_owned()).collect();
        arguments(&Json::parse(schema).unwrap(), object, &pairs)
            .map(|json| json.as_str().to_owned())
            .map_err(|error| error.text())
    }

    const SCHEMA: &str = r#"{"type":"object","properties":{
        "s":{"type":"string"}, "i":{"type":"integer"}, "n":{"type":"number"}, "b":{"type":"boolean"},
        "l":{"type":"array"}, "o":{"type":"object"}, "either":{"anyOf":[{"type":"integer"},{"type":"null"}]},
        "mixed":{"type":["string","integer"]}, "e":{"enum":["a","b"]}}}"#;

    #[test]
    fn values_become_what_the_schema_says() {
        for (pair, expected) in [
            ("s=12", r#"{"s":"12"}"#),
            ("s=a=b", r#"{"s":"a=b"}"#),
            ("s=", r#"{"s":""}"#),
            ("i=12", r#"{"i":12}"#),
            ("i=123456789012345678901", r#"{"i":123456789012345678901}"#),
            ("n=1.50", r#"{"n":1.50}"#),
            ("b=true", r#"{"b":true}"#),
            ("l=[1,2]", r#"{"l":[1,2]}"#),
            (r#"o={"x":1}"#, r#"{"o":{"x":1}}"#),
            ("either=null", r#"{"either":null}"#),
            ("mixed=1", r#"{"mixed":"1"}"#),
            ("e=a", r#"{"e":"a"}"#),
            ("unknown=5", r#"{"unknown":5}"#),
            ("unknown=text", r#"{"unknown":"text"}"#),
        ] {
            assert_eq!(read(SCHEMA, None, &[pair]).unwrap(), expected, "{pair}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for pair in ["i=x", "i=1.5", "b=yes", "l={}", "o=[]", "either=x", "no-equals-sign"] {
            assert!(read(SCHEMA, None, &[pair]).is_err(), "{pair}");
        }
        assert!(read(SCHEMA, Some("[]"), &[]).is_err());
        assert!(read(SCHEMA, Some(r#"{"a":1,"a":2}"#), &[]).is_err());
        assert!(read(SCHEMA, None, &["s=a", "s=b"]).is_err());
    }

    #[test]
    fn pairs_are_added_to_the_object() {
        assert_eq!(read(SCHEMA, Some(r#"{"x":1.0}"#), &["i=2"]).unwrap(), r#"{"i":2,"x":1.0}"#);
        assert!(read(SCHEMA, Some(r#"{"i":1}"#), &["i=2"]).is_err());
    }

    #[test]
    fn any_schema_can_be_asked() {
        assert_eq!(read("true", None, &["a=1"]).unwrap(), r#"{"a":1}"#);
        assert_eq!(read(r#"{"properties":[]}"#, None, &["a=x"]).unwrap(), r#"{"a":"x"}"#);
    }
}
