//! Arguments of tools that stand in headers, too (MCP 2026-07-28, "Custom Headers from Tool Parameters").

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::headers::encoded;
use crate::message::Json;

/// The key in a tool's schema that names a header.
const ANNOTATION: &str = "x-mcp-header";

/// The most tools with such arguments that are remembered of one server.
const MAX_TOOLS: usize = 10_000;

/// The largest integer that every JSON reader holds exactly.
const MAX_INTEGER: i64 = (1 << 53) - 1;

/// Keys of a schema that hold one schema, or a list of them. What is below them is no property of the arguments.
const APPLICATORS: [&str; 16] = [
    "additionalItems",
    "additionalProperties",
    "allOf",
    "anyOf",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "oneOf",
    "prefixItems",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
];

/// Keys of a schema that hold schemas by names of their own.
const NAMED: [&str; 4] = ["$defs", "definitions", "dependentSchemas", "patternProperties"];

/// The tools of a server that have such arguments, as far as they were listed.
#[derive(Default)]
pub(super) struct Mirrored(Mutex<HashMap<String, Arc<[Parameter]>>>);

/// An argument that stands in a header.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Parameter {
    /// The keys that lead to it.
    path: Vec<String>,
    header: HeaderName,
}

/// The annotations of a tool's schema break the rules.
#[derive(Debug, PartialEq, Eq)]
struct Unusable;

impl Mirrored {
    /// Remembers what a list of tools says, and takes those out of it that cannot be called as they ask to be.
    pub(super) fn learn(&self, list: Json) -> Json {
        #[derive(Deserialize)]
        struct Tool {
            name: String,
            #[serde(rename = "inputSchema", default)]
            schema: Value,
        }
        let Ok(mut members) = list.members() else { return list };
        let Ok(Some(tools)) = members.read::<Vec<Json>>("tools") else { return list };
        let all = tools.len();
        let usable = |tool: &Json| {
            // Of what is no tool, others say so.
            let Ok(Tool { name, schema }) = tool.read() else { return true };
            let parameters = parameters(&schema);
            let usable = parameters.is_ok();
            self.remember(name, parameters.unwrap_or_default());
            usable
        };
        let tools: Vec<Json> = tools.into_iter().filter(usable).collect();
        if tools.len() == all {
            return list;
        }
        members.set("tools", Json::of(&tools));
        members.to_json()
    }

    /// Adds the headers that the parameters of a `tools/call` ask for.
    pub(super) fn add_to(&self, headers: &mut HeaderMap, params: &Json) {
        #[derive(Deserialize)]
        struct CallParams {
            name: String,
            #[serde(default)]
            arguments: Value,
        }
        if self.lock().is_empty() {
            return;
        }
        let Ok(CallParams { name, arguments }) = params.read() else { return };
        let Some(parameters) = self.lock().get(&name).cloned() else { return };
        for Parameter { path, header } in &*parameters {
            let value = path.iter().try_fold(&arguments, |value, key| value.get(key));
            if let Some(value) = value.and_then(in_header) {
                headers.insert(header, value);
            }
        }
    }

    fn remember(&self, name: String, parameters: Vec<Parameter>) {
        let mut tools = self.lock();
        if parameters.is_empty() {
            tools.remove(&name);
        } else if tools.len() < MAX_TOOLS || tools.contains_key(&name) {
            tools.insert(name, parameters.into());
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<[Parameter]>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A value as a header carries it. Others than the permitted types are left to the server to refuse.
fn in_header(value: &Value) -> Option<HeaderValue> {
    match value {
        Value::String(text) => Some(encoded(text)),
        Value::Bool(flag) => Some(encoded(&flag.to_string())),
        Value::Number(number) => {
            let whole =
                |number: f64| (number.fract() == 0.0 && number.abs() <= MAX_INTEGER as f64).then_some(number as i64);
            let integer = number.as_i64().or_else(|| whole(number.as_f64()?));
            integer.filter(|integer| integer.abs() <= MAX_INTEGER).map(|integer| encoded(&integer.to_string()))
        }
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The annotated arguments of a schema.
fn parameters(schema: &Value) -> Result<Vec<Parameter>, Unusable> {
    let mut found = Vec::new();
    find(schema, &mut Vec::new(), true, &mut found)?;
    let mut seen = HashSet::new();
    // Header names are compared without case, as the type does.
    if found.iter().all(|parameter| seen.insert(parameter.header.clone())) { Ok(found) } else { Err(Unusable) }
}

/// Walks a schema. `reachable` says that `path` leads to this place in the arguments of every call. The depth is bounded
/// by that of JSON text.
fn find(schema: &Value, path: &mut Vec<String>, reachable: bool, found: &mut Vec<Parameter>) -> Result<(), Unusable> {
    let Value::Object(schema) = schema else { return Ok(()) };
    if let Some(annotation) = schema.get(ANNOTATION) {
        if !reachable || path.is_empty() || !is_primitive(schema) {
            return Err(Unusable);
        }
        let name = annotation.as_str().filter(|name| !name.is_empty()).ok_or(Unusable)?;
        let header = HeaderName::try_from(format!("mcp-param-{name}")).map_err(|_| Unusable)?;
        found.push(Parameter { path: path.clone(), header });
    }
    for (key, value) in schema {
        match (key.as_str(), value) {
            ("properties", Value::Object(properties)) => {
                for (name, property) in properties {
                    path.push(name.clone());
                    find(property, path, reachable, found)?;
                    path.pop();
                }
            }
            (key, Value::Object(schemas)) if NAMED.contains(&key) => {
                schemas.values().try_for_each(|schema| find(schema, path, false, found))?;
            }
            (key, Value::Array(schemas)) if APPLICATORS.contains(&key) => {
                schemas.iter().try_for_each(|schema| find(schema, path, false, found))?;
            }
            (key, schema) if APPLICATORS.contains(&key) => find(schema, path, false, found)?,
            _ => {}
        }
    }
    Ok(())
}

/// Whether a schema is one of a string, an integer or a boolean, which may also be null.
fn is_primitive(schema: &Map<String, Value>) -> bool {
    let is_one = |kind: &Value| matches!(kind.as_str(), Some("string" | "integer" | "boolean"));
    match schema.get("type") {
        Some(Value::Array(kinds)) => {
            let others: Vec<&Value> = kinds.iter().filter(|kind| kind.as_str() != Some("null")).collect();
            matches!(&*others, [kind] if is_one(kind))
        }
        Some(kind) => is_one(kind),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn tool(name: &str, properties: &Value) -> Value {
        json!({ "name": name, "inputSchema": { "type": "object", "properties": properties }, "x": 1 })
    }

    fn learned(tools: &[Value]) -> (Mirrored, Value) {
        let mirrored = Mirrored::default();
        let list = mirrored.learn(Json::of(&json!({ "tools": tools, "nextCursor": "c" })));
        let list = serde_json::from_str(list.as_str()).unwrap();
        (mirrored, list)
    }

    fn sent(mirrored: &Mirrored, name: &str, arguments: &Value) -> Vec<(String, String)> {
        let mut headers = HeaderMap::new();
        mirrored.add_to(&mut headers, &Json::of(&json!({ "name": name, "arguments": arguments })));
        let shown = |(name, value): (&HeaderName, &HeaderValue)| (name.to_string(), value.to_str().unwrap().to_owned());
        let mut headers: Vec<_> = headers.iter().map(shown).collect();
        headers.sort();
        headers
    }

    #[test]
    fn annotated_arguments_stand_in_headers() {
        let properties = json!({
            "region": { "type": "string", "x-mcp-header": "Region" },
            "count": { "type": ["integer", "null"], "x-mcp-header": "Count" },
            "deep": { "type": "object", "properties": { "flag": { "type": "boolean", "x-mcp-header": "Flag" } } },
            "x-mcp-header": { "type": "string" },
            "plain": { "type": "string", "default": { "x-mcp-header": 1 } },
        });
        let (mirrored, list) = learned(&[tool("sql", &properties)]);
        assert_eq!(list["tools"][0]["x"], 1);
        let arguments = json!({ "region": "größe", "count": 42.0, "deep": { "flag": true }, "plain": "no" });
        let expected = [("count", "42"), ("flag", "true"), ("region", "=?base64?Z3LDtsOfZQ==?=")]
            .map(|(name, value)| (format!("mcp-param-{name}"), value.to_owned()));
        assert_eq!(sent(&mirrored, "sql", &arguments), expected);
        for nothing in
            [json!({ "region": null, "count": 1.5, "deep": 1 }), json!({ "count": 9007199254740992_u64 }), json!([])]
        {
            assert_eq!(sent(&mirrored, "sql", &nothing), []);
        }
        assert_eq!(sent(&mirrored, "other", &arguments), []);
    }

    #[test]
    fn a_tool_that_breaks_the_rules_is_left_out_and_the_others_stay() {
        let string = |name: &str| json!({ "type": "string", "x-mcp-header": name });
        let bad = [
            json!({ "a": string("") }),
            json!({ "a": string("two words") }),
            json!({ "a": string("new\r\nline") }),
            json!({ "a": { "type": "string", "x-mcp-header": 1 } }),
            json!({ "a": { "type": "number", "x-mcp-header": "A" } }),
            json!({ "a": { "x-mcp-header": "A" } }),
            json!({ "a": { "type": "object", "x-mcp-header": "A" } }),
            json!({ "a": string("Same"), "b": string("sAME") }),
            json!({ "a": { "type": "array", "items": string("A") } }),
            json!({ "a": { "anyOf": [string("A")] } }),
            json!({ "a": { "$defs": { "x": string("A") } } }),
            json!({ "a": { "items": { "properties": { "b": string("A") } } } }),
        ];
        for properties in bad {
            let (mirrored, list) = learned(&[tool("good", &json!({})), tool("bad", &properties), json!(7)]);
            assert_eq!(list["tools"], json!([tool("good", &json!({})), 7]), "{properties}");
            assert_eq!(list["nextCursor"], "c");
            assert_eq!(sent(&mirrored, "bad", &json!({ "a": "x" })), []);
        }
    }

    #[test]
    fn a_list_without_such_tools_stays_the_text_it_was() {
        let text = r#"{"tools":[{"name":"a", "inputSchema":{"type":"object"}}],"ttlMs":1.0}"#;
        assert_eq!(Mirrored::default().learn(Json::parse(text).unwrap()).as_str(), text);
        for text in ["{}", r#"{"tools":1}"#, "[]"] {
            assert_eq!(Mirrored::default().learn(Json::parse(text).unwrap()).as_str(), text);
        }
    }

    proptest! {
        #[test]
        fn any_schema_is_read_or_refused(keys in proptest::collection::vec(0..8_usize, 0..12), name in "\\PC{0,12}") {
            let mut schema = json!({ "type": "string", "x-mcp-header": name });
            for key in keys {
                let key = ["properties", "items", "allOf", "x-mcp-header", "$defs", "type", "default", "not"][key];
                schema = match key {
                    "properties" | "$defs" => json!({ key: { "p": schema } }),
                    "allOf" => json!({ key: [schema] }),
                    _ => json!({ key: schema }),
                };
            }
            let (mirrored, _) = learned(&[json!({ "name": "t", "inputSchema": schema })]);
            let _ = sent(&mirrored, "t", &json!({ "p": { "p": "x" } }));
        }
    }
}
