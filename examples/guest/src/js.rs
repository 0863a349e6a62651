//! What JavaScript does with texts and numbers.

use serde_json::{Number, Value};

/// Whether `\s` matches, and `trim` takes it away.
pub fn is_space(c: char) -> bool {
    // Rust's list has the next line (U+0085), and not the byte order mark.
    (c.is_whitespace() && c != '\u{85}') || c == '\u{feff}'
}

/// `trim`.
pub fn trim(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// `length`: UTF-16 units.
pub fn length(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// How many parts `split(/\s+/)` gives.
pub fn words(text: &str) -> usize {
    let mut parts = 1;
    let mut in_space = false;
    for c in text.chars() {
        let space = is_space(c);
        parts += usize::from(space && !in_space);
        in_space = space;
    }
    parts
}

/// A value as `JSON.parse` leaves it: numbers without a fraction lose their `.0`.
pub fn normal(value: Value) -> Value {
    match value {
        Value::Number(number) => Value::Number(normal_number(number)),
        Value::Array(items) => items.into_iter().map(normal).collect(),
        Value::Object(members) => members.into_iter().map(|(name, value)| (name, normal(value))).collect(),
        other => other,
    }
}

fn normal_number(number: Number) -> Number {
    match number.as_f64() {
        // Whole numbers up to 2^53 are exact.
        Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() <= 9_007_199_254_740_992.0 => {
            Number::from(float as i64)
        }
        _ => number,
    }
}

/// `String(value)`, as in a template or a query.
pub fn string(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items
            .iter()
            .map(|item| if item.is_null() { String::new() } else { string(item) })
            .collect::<Vec<_>>()
            .join(","),
        Value::Object(_) => "[object Object]".to_owned(),
        Value::Number(number) => normal_number(number.clone()).to_string(),
        other => other.to_string(),
    }
}

/// The type as the validator calls it.
pub fn type_name(value: Option<&Value>) -> &'static str {
    match value {
        None => "undefined",
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "boolean",
        Some(Value::Number(_)) => "number",
        Some(Value::String(_)) => "string",
        Some(Value::Array(_)) => "array",
        Some(Value::Object(_)) => "object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn spaces_are_those_of_javascript() {
        assert_eq!(trim("\u{feff} \t\r\n\u{a0}\u{2028}a b\u{3000}"), "a b");
        assert_eq!(trim("\u{85}a\u{85}"), "\u{85}a\u{85}");
    }

    #[test]
    fn words_are_what_split_gives() {
        for (text, parts) in [("", 1), ("a", 1), (" a", 2), ("a  b\n\tc", 3), ("a ", 2)] {
            assert_eq!(words(text), parts, "{text:?}");
        }
    }

    #[test]
    fn lengths_are_in_utf_16_units() {
        assert_eq!((length("aé"), length("😀")), (2, 2));
    }

    #[test]
    fn numbers_are_written_as_javascript_does() {
        let value = normal(json!([1.0, 1.5, -0.0, 2e15, 7, "1.0"]));
        assert_eq!(value.to_string(), r#"[1,1.5,0,2000000000000000,7,"1.0"]"#);
        assert_eq!(string(&json!([1.0, null, "a", true])), "1,,a,true");
    }
}
