//! The language of values in Docker's catalogs.
//!
//! ```text
//! expression := (term | literal)*
//! term       := "{{" path ("|" function)* "}}"        on one line
//! path       := key ("." key)*
//! function   := volume | volume-target | into | first | last | "or:" DEFAULT | "mount_as:" TARGET
//! ```
//!
//! A path that leads nowhere is an empty text. A single term keeps the type of its value; with anything beside it, all
//! becomes text. A function that is not known does nothing. It reads what Docker's gateway reads (`pkg/eval` in
//! docker/mcp-gateway), but for three things that are mistakes there: braces that are no term stay as they are written,
//! numbers and booleans in a list of words are written as themselves, and a function may have spaces around it.

use serde_json::{Map, Value};

/// The longest text that comes out of an expression, in bytes: as much as Linux takes as one argument (execve(2)).
pub(super) const MAX_TEXT: usize = 128 * 1024;

/// A text with more than [`MAX_TEXT`] bytes.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a value gets longer than 128 KiB")]
pub(crate) struct TooLong;

/// An expression, read once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Literal(String),
    Term(Term),
}

/// What stands between `{{` and `}}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Term {
    path: Vec<String>,
    functions: Vec<Function>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Function {
    Volume,
    VolumeTarget,
    Into,
    First,
    Last,
    Or(Value),
    MountAs(String),
}

impl Template {
    /// Reads any text: what is no term is a literal.
    pub(super) fn parse(text: &str) -> Self {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some((before, term, after)) = next_term(rest) {
            literal.push_str(before);
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            parts.push(Part::Term(Term::parse(term)));
            rest = after;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Self(parts)
    }

    /// The literals and terms.
    pub(super) fn parts(&self) -> &[Part] {
        &self.0
    }

    /// The same expression with other literals.
    ///
    /// # Errors
    /// What `change` says.
    pub(super) fn with_literals<E>(&self, mut change: impl FnMut(&str) -> Result<String, E>) -> Result<Self, E> {
        let changed = |part: &Part| match part {
            Part::Literal(text) => change(text).map(Part::Literal),
            Part::Term(term) => Ok(Part::Term(term.clone())),
        };
        self.0.iter().map(changed).collect::<Result<_, _>>().map(Self)
    }

    /// The text, where it has no terms.
    pub(super) fn constant(&self) -> Option<&str> {
        match &*self.0 {
            [] => Some(""),
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// The value: with its type where the expression is a single term.
    ///
    /// # Errors
    /// Where it gets too long.
    pub(super) fn value(&self, data: &Map<String, Value>) -> Result<Value, TooLong> {
        if let [Part::Term(term)] = &*self.0 {
            return Ok(term.value(data));
        }
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Term(term) => text.push_str(&text_of(&term.value(data))),
            }
            if text.len() > MAX_TEXT {
                return Err(TooLong);
            }
        }
        Ok(Value::String(text))
    }

    /// The value as one text.
    ///
    /// # Errors
    /// Where it gets too long.
    pub(super) fn text(&self, data: &Map<String, Value>) -> Result<String, TooLong> {
        let text = text_of(&self.value(data)?);
        if text.len() > MAX_TEXT { Err(TooLong) } else { Ok(text) }
    }

    /// The value as words of a list: a list's items are words of their own. An empty value is one empty word, or with
    /// `into` none.
    ///
    /// # Errors
    /// Where a word gets too long.
    pub(super) fn words(&self, data: &Map<String, Value>) -> Result<Vec<String>, TooLong> {
        let words = match self.value(data)? {
            Value::Array(items) => items.iter().map(text_of).collect(),
            value => match text_of(&value) {
                text if text.is_empty() && self.has_into() => Vec::new(),
                text => vec![text],
            },
        };
        if words.iter().any(|word| word.len() > MAX_TEXT) { Err(TooLong) } else { Ok(words) }
    }

    fn has_into(&self) -> bool {
        matches!(&*self.0, [Part::Term(term)] if term.functions.contains(&Function::Into))
    }
}

/// What is before the next term, what is inside it, and what comes after it.
fn next_term(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let open = from + text[from..].find("{{")?;
        let inside = &text[open + 2..];
        let close = inside.find("}}");
        match close {
            Some(close) if !inside[..close].contains('\n') => {
                return Some((&text[..open], &inside[..close], &inside[close + 2..]));
            }
            // Not on one line: another may begin at the next brace.
            Some(_) => from = open + 1,
            None => return None,
        }
    }
}

impl Term {
    fn parse(inside: &str) -> Self {
        let mut parts = inside.split('|');
        let path = parts.next().unwrap_or_default().trim().split('.').map(str::to_owned).collect();
        Self { path, functions: parts.filter_map(|part| Function::parse(part.trim())).collect() }
    }

    /// The keys that lead to the value.
    pub(super) fn path(&self) -> &[String] {
        &self.path
    }

    fn value(&self, data: &Map<String, Value>) -> Value {
        let found = match &*self.path {
            [] => None,
            [first, rest @ ..] => rest.iter().try_fold(data.get(first), |value, key| Some(value?.get(key))).flatten(),
        };
        let value = match found {
            None | Some(Value::Null) => Value::String(String::new()),
            Some(value) => value.clone(),
        };
        self.functions.iter().fold(value, |value, function| function.of(value))
    }
}

impl Function {
    fn parse(text: &str) -> Option<Self> {
        if let Some(default) = text.strip_prefix("or:") {
            return Some(Self::Or(default_value(default)));
        }
        if let Some(target) = text.strip_prefix("mount_as:") {
            return Some(Self::MountAs(target.to_owned()));
        }
        match text {
            "volume" => Some(Self::Volume),
            "volume-target" => Some(Self::VolumeTarget),
            "into" => Some(Self::Into),
            "first" => Some(Self::First),
            "last" => Some(Self::Last),
            _ => None,
        }
    }

    fn of(&self, value: Value) -> Value {
        match self {
            Self::Volume => of_each(&value, |path| format!("{path}:{}", volume_target(path))),
            Self::VolumeTarget => of_each(&value, volume_target),
            Self::MountAs(target) => of_each(&value, |path| format!("{path}:{target}")),
            Self::Into => value,
            Self::First => item(value, |items| items.first().cloned()),
            Self::Last => item(value, |items| items.last().cloned()),
            Self::Or(default) if value.as_str() == Some("") => default.clone(),
            Self::Or(_) => value,
        }
    }
}

/// `[a,b]` is a list, all else a text.
fn default_value(text: &str) -> Value {
    match text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        Some(items) if items.trim().is_empty() => Value::Array(Vec::new()),
        Some(items) => items.split(',').map(|item| Value::from(item.trim())).collect(),
        None => text.into(),
    }
}

/// What `change` makes of the value, or of each item of a list. An empty text stays one.
fn of_each(value: &Value, change: impl Fn(&str) -> String) -> Value {
    let one = |value: &Value| match text_of(value) {
        empty if empty.is_empty() => Value::String(empty),
        text => Value::String(change(&text)),
    };
    match value {
        Value::Array(items) => items.iter().map(one).collect(),
        value => one(value),
    }
}

fn item(value: Value, pick: impl Fn(&[Value]) -> Option<Value>) -> Value {
    match value {
        Value::Array(items) => pick(&items).unwrap_or_else(|| String::new().into()),
        value => value,
    }
}

/// The path in a container for a path of the host: `C:\x` of Windows becomes `/C/x`.
fn volume_target(path: &str) -> String {
    match path.as_bytes() {
        [drive, b':', b'\\' | b'/', ..] if drive.is_ascii_alphabetic() => {
            format!("/{}/{}", char::from(*drive), path[3..].replace('\\', "/"))
        }
        _ => path.to_owned(),
    }
}

/// A value as Go writes it with `%v`: lists as `[a b]`, objects as `map[key:value]` in the order of their keys.
fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(text_of).collect::<Vec<_>>().join(" ")),
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(key, _)| *key);
            let members = members.into_iter().map(|(key, value)| format!("{key}:{}", text_of(value)));
            format!("map[{}]", members.collect::<Vec<_>>().join(" "))
        }
    }
}

#[cfg(test)]
mod tests;
