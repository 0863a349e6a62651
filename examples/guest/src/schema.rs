//! Validates values by a JSON Schema, with the judgement and words of Zod 4, from which the references' schemas come.
//!
//! Only what those schemas use is known; other keywords are ignored.

use std::fmt;

use serde_json::{Map, Value, json};

use crate::js;

/// What is wrong with a value.
#[derive(Debug, Clone, PartialEq)]
pub struct Issue {
    /// Where.
    pub path: Vec<Step>,
    /// In the validator's words.
    pub message: String,
    /// What kind of fault it is.
    pub fault: Fault,
}

/// One step of a path into a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// The member of an object.
    Name(String),
    /// The item of an array.
    Index(usize),
}

/// Kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Another type or none of the possible values; nothing more is said of such a value.
    Type,
    /// Too long, too large, or of the wrong form.
    Form,
    /// A text that does not match its pattern.
    Pattern,
}

/// Judges `value` by `schema`, adding to `issues`. Gives the value as the reference sees it afterwards: with defaults,
/// members in the order of the schema, and without those it does not know. Nothing where there is no value.
pub fn parse(schema: &Value, value: Option<&Value>, issues: &mut Vec<Issue>) -> Option<Value> {
    let mut judge = Judge { path: Vec::new(), issues };
    judge.value(schema, value)
}

/// All issues as one text.
pub fn told(issues: &[Issue]) -> String {
    issues.iter().map(Issue::to_string).collect::<Vec<_>>().join("\n")
}

/// Issues as the tree of `z.treeifyError`.
pub fn tree(issues: &[Issue]) -> Value {
    let mut root = json!({ "errors": [] });
    for issue in issues {
        let mut node = &mut root;
        for step in &issue.path {
            node = match step {
                Step::Name(name) => {
                    let members =
                        node.as_object_mut().map(|node| node.entry("properties").or_insert_with(|| json!({})));
                    let Some(Value::Object(members)) = members else { return root };
                    members.entry(name).or_insert_with(|| json!({ "errors": [] }))
                }
                Step::Index(index) => {
                    let items = node.as_object_mut().map(|node| node.entry("items").or_insert_with(|| json!([])));
                    let Some(Value::Array(items)) = items else { return root };
                    while items.len() <= *index {
                        items.push(Value::Null);
                    }
                    let item = &mut items[*index];
                    if item.is_null() {
                        *item = json!({ "errors": [] });
                    }
                    item
                }
            };
        }
        if let Some(errors) = node["errors"].as_array_mut() {
            errors.push(issue.message.clone().into());
        }
    }
    root
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for (place, step) in self.path.iter().enumerate() {
            let before = if place == 0 { " at " } else { "." };
            match step {
                Step::Name(name) => write!(f, "{before}{name}")?,
                Step::Index(index) if place == 0 => write!(f, "{before}{index}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

struct Judge<'a> {
    path: Vec<Step>,
    issues: &'a mut Vec<Issue>,
}

impl Judge<'_> {
    fn value(&mut self, schema: &Value, value: Option<&Value>) -> Option<Value> {
        if let Some(options) = schema.get("anyOf").and_then(Value::as_array) {
            // A value that may be null is judged as if it had to be there.
            if let [option, other] = options.as_slice()
                && other["type"] == "null"
                && !matches!(value, Some(Value::Null))
            {
                return self.value(option, value);
            }
            return self.any_of(options, value);
        }
        if let Some(only) = schema.get("const") {
            return self.one_of(std::slice::from_ref(only), value);
        }
        if let Some(options) = schema.get("enum").and_then(Value::as_array) {
            return self.one_of(options, value);
        }
        match schema["type"].as_str() {
            Some("string") => self.text(schema, value),
            Some("number") => self.number(schema, value, false),
            Some("integer") => self.number(schema, value, true),
            Some("boolean") if !matches!(value, Some(Value::Bool(_))) => self.wrong_type("boolean", value),
            Some("null") if !matches!(value, Some(Value::Null)) => self.wrong_type("null", value),
            Some("array") => self.array(schema, value),
            Some("object") => self.object(schema, value),
            _ => value.cloned(),
        }
    }

    fn fault(&mut self, fault: Fault, message: String) {
        self.issues.push(Issue { path: self.path.clone(), message, fault });
    }

    fn wrong_type(&mut self, expected: &str, value: Option<&Value>) -> Option<Value> {
        self.fault(Fault::Type, format!("Invalid input: expected {expected}, received {}", js::type_name(value)));
        None
    }

    /// The first option that fits. Of those that do not, one that is right but for its form says why.
    fn any_of(&mut self, options: &[Value], value: Option<&Value>) -> Option<Value> {
        let mut nearly = Vec::new();
        for option in options {
            let mut issues = Vec::new();
            let parsed = Judge { path: self.path.clone(), issues: &mut issues }.value(option, value);
            if issues.is_empty() {
                return parsed;
            }
            if issues.iter().all(|issue| issue.fault != Fault::Type) {
                nearly.push(issues);
            }
        }
        match <[_; 1]>::try_from(nearly) {
            Ok([issues]) => self.issues.extend(issues),
            Err(_) => self.fault(Fault::Type, "Invalid input".to_owned()),
        }
        None
    }

    fn one_of(&mut self, options: &[Value], value: Option<&Value>) -> Option<Value> {
        if let Some(known) = value.filter(|value| options.contains(value)) {
            return Some(known.clone());
        }
        let listed = options.iter().map(Value::to_string).collect::<Vec<_>>();
        self.fault(
            Fault::Type,
            match listed.as_slice() {
                [only] => format!("Invalid input: expected {only}"),
                _ => format!("Invalid option: expected one of {}", listed.join("|")),
            },
        );
        None
    }

    fn text(&mut self, schema: &Value, value: Option<&Value>) -> Option<Value> {
        let Some(Value::String(text)) = value else {
            return self.wrong_type("string", value);
        };
        self.size(schema, ["minLength", "maxLength"], "string", "characters", js::length(text));
        if let Some(pattern) = schema["pattern"].as_str()
            && schema.get("format").is_none()
            && !matches_pattern(pattern, text)
        {
            self.fault(Fault::Pattern, format!("Invalid string: must match pattern /{pattern}/"));
        }
        match schema["format"].as_str() {
            Some("uri") if !is_url(text) => self.fault(Fault::Form, "Invalid URL".to_owned()),
            Some("date-time") if !is_date_time(text) => self.fault(Fault::Form, "Invalid ISO datetime".to_owned()),
            _ => {}
        }
        value.cloned()
    }

    fn size(&mut self, schema: &Value, [least, most]: [&str; 2], kind: &str, unit: &str, size: usize) {
        let size = size as u64;
        if let Some(least) = schema[least].as_u64().filter(|least| size < *least) {
            self.fault(Fault::Form, format!("Too small: expected {kind} to have >={least} {unit}"));
        }
        if let Some(most) = schema[most].as_u64().filter(|most| size > *most) {
            self.fault(Fault::Form, format!("Too big: expected {kind} to have <={most} {unit}"));
        }
    }

    fn number(&mut self, schema: &Value, value: Option<&Value>, whole: bool) -> Option<Value> {
        let Some(number) = value.and_then(Value::as_f64) else {
            return self.wrong_type("number", value);
        };
        if whole && number.fract() != 0.0 {
            self.fault(Fault::Type, "Invalid input: expected int, received number".to_owned());
            return None;
        }
        let bound = |name: &str| schema[name].as_f64().map(|bound| (bound, js::string(&schema[name])));
        if let Some((_, least)) = bound("minimum").filter(|(least, _)| number < *least) {
            self.fault(Fault::Form, format!("Too small: expected number to be >={least}"));
        }
        if let Some((_, least)) = bound("exclusiveMinimum").filter(|(least, _)| number <= *least) {
            self.fault(Fault::Form, format!("Too small: expected number to be >{least}"));
        }
        if let Some((_, most)) = bound("maximum").filter(|(most, _)| number > *most) {
            self.fault(Fault::Form, format!("Too big: expected number to be <={most}"));
        }
        value.cloned().map(js::normal)
    }

    fn array(&mut self, schema: &Value, value: Option<&Value>) -> Option<Value> {
        if let Some(places) = schema.get("prefixItems").and_then(Value::as_array) {
            return self.tuple(places, value);
        }
        let Some(Value::Array(items)) = value else {
            return self.wrong_type("array", value);
        };
        let parsed = items.iter().enumerate().filter_map(|(index, item)| {
            self.path.push(Step::Index(index));
            let parsed = self.value(&schema["items"], Some(item));
            self.path.pop();
            parsed
        });
        let parsed = parsed.collect();
        self.size(schema, ["minItems", "maxItems"], "array", "items", items.len());
        Some(Value::Array(parsed))
    }

    fn tuple(&mut self, places: &[Value], value: Option<&Value>) -> Option<Value> {
        let Some(Value::Array(items)) = value else {
            return self.wrong_type("tuple", value);
        };
        // One that is missing at the end is told as an item that is not there.
        if items.len() > places.len() || items.len() + 1 < places.len() {
            let (what, sign) = if items.len() < places.len() { ("small", ">") } else { ("big", "<=") };
            self.fault(Fault::Type, format!("Too {what}: expected array to have {sign}{} items", places.len()));
            return None;
        }
        for (index, place) in places.iter().enumerate() {
            self.path.push(Step::Index(index));
            self.value(place, items.get(index));
            self.path.pop();
        }
        value.cloned()
    }

    fn object(&mut self, schema: &Value, value: Option<&Value>) -> Option<Value> {
        let Some(Value::Object(given)) = value else {
            let kind = if schema.get("properties").is_none() { "record" } else { "object" };
            return self.wrong_type(kind, value);
        };
        let mut parsed = Map::new();
        let no_members = Map::new();
        let members = schema["properties"].as_object().unwrap_or(&no_members);
        let required = |name: &str| schema["required"].as_array().is_some_and(|names| names.iter().any(|n| n == name));
        for (name, member) in members {
            let value = given.get(name).or_else(|| member.get("default"));
            if value.is_some() || required(name) {
                self.member(name, member, value, &mut parsed);
            }
        }
        if let Some(rest) = schema.get("additionalProperties").filter(|rest| rest.is_object()) {
            for (name, value) in given.iter().filter(|(name, _)| !members.contains_key(*name)) {
                self.name(&schema["propertyNames"], name);
                self.member(name, rest, Some(value), &mut parsed);
            }
        }
        Some(Value::Object(parsed))
    }

    fn member(&mut self, name: &str, schema: &Value, value: Option<&Value>, parsed: &mut Map<String, Value>) {
        self.path.push(Step::Name(name.to_owned()));
        if let Some(value) = self.value(schema, value) {
            parsed.insert(name.to_owned(), value);
        }
        self.path.pop();
    }

    fn name(&mut self, schema: &Value, name: &str) {
        self.path.push(Step::Name(name.to_owned()));
        self.value(schema, Some(&Value::String(name.to_owned())));
        self.path.pop();
    }
}

/// The patterns that the schemas have; nothing else is judged.
fn matches_pattern(pattern: &str, text: &str) -> bool {
    match pattern {
        r"^\d{4}-\d{2}-\d{2}$" => is_shaped("0000-00-00", text),
        r"^\d{4}-\d{2}-\d{2}to\d{4}-\d{2}-\d{2}$" => is_shaped("0000-00-00to0000-00-00", text),
        _ => true,
    }
}

/// Whether a text has ASCII digits where `shape` has a zero, and else the same.
fn is_shaped(shape: &str, text: &str) -> bool {
    let same = |(shape, byte): (u8, u8)| if shape == b'0' { byte.is_ascii_digit() } else { byte == shape };
    shape.len() == text.len() && shape.bytes().zip(text.bytes()).all(same)
}

/// Whether `new URL` takes a text, as far as its scheme and host tell.
pub fn is_url(text: &str) -> bool {
    let Some((scheme, rest)) = js::trim(text).split_once(':') else {
        return false;
    };
    let named = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    if !named || !["http", "https", "ws", "wss", "ftp"].contains(&scheme.to_ascii_lowercase().as_str()) {
        return named;
    }
    let rest = rest.trim_start_matches(['/', '\\']);
    let authority = rest.split(['/', '\\', '?', '#']).next().unwrap_or_default();
    let host_and_port = authority.rsplit('@').next().unwrap_or_default();
    let (host, port) = match host_and_port.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (host_and_port, ""),
    };
    let forbidden =
        |c: char| c.is_ascii_control() || " #/<>?@\\^|%".contains(c) || (c == ':' && !host.starts_with('['));
    !host.is_empty() && !host.contains(forbidden) && (port.is_empty() || port.parse::<u16>().is_ok())
}

/// Whether a text is a moment in UTC, as `2026-11-22T19:00:00Z`; seconds and parts of them can be left out.
fn is_date_time(text: &str) -> bool {
    let Some((date, time)) = text.strip_suffix('Z').and_then(|text| text.split_once('T')) else {
        return false;
    };
    let number = |text: &str| text.parse::<u32>().unwrap_or(u32::MAX);
    let valid_date = is_shaped("0000-00-00", date) && {
        let (year, month, day) = (number(&date[..4]), number(&date[5..7]), number(&date[8..]));
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = match month {
            2 => 28 + u32::from(leap),
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => 0,
        };
        (1..=days).contains(&day)
    };
    let (clock, parts) = time.split_once('.').map_or((time, None), |(clock, parts)| (clock, Some(parts)));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let valid_clock = (is_shaped("00:00:00", clock) && number(&clock[6..]) < 60 && parts.is_none_or(digits))
        || (is_shaped("00:00", clock) && parts.is_none());
    valid_date && valid_clock && number(&clock[..2]) < 24 && number(&clock[3..5]) < 60
}

#[cfg(test)]
mod tests;
