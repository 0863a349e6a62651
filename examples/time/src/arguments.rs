//! The arguments of a call: texts, all of them required.

use serde_json::{Map, Value};

/// Reads the arguments called `names` from a JSON object; others are ignored.
///
/// The refusal names every fault at once, in the words of the reference's validator, so that a model can mend them all.
pub(crate) fn texts<const N: usize>(tool: &str, names: [&str; N], json: &str) -> Result<[String; N], String> {
    let mut given: Map<String, Value> = serde_json::from_str(json).map_err(|_| "arguments are not an object")?;
    let mut faults = Vec::new();
    let values = names.map(|name| match given.remove(name) {
        Some(Value::String(value)) => value,
        other => {
            faults.push(format!("{name}\n  {}", fault(other.as_ref())));
            String::new()
        }
    });
    match faults.len() {
        0 => Ok(values),
        1 => Err(format!("1 validation error for {tool}Arguments\n{}", faults[0])),
        many => Err(format!("{many} validation errors for {tool}Arguments\n{}", faults.join("\n"))),
    }
}

/// Refuses an empty `value`, which the reference calls missing.
pub(crate) fn filled_in(name: &str, value: &str) -> Result<(), String> {
    if value.is_empty() { Err(format!("Missing required argument: {name}")) } else { Ok(()) }
}

fn fault(value: Option<&Value>) -> String {
    let Some(value) = value else {
        return "Field required [type=missing, input_type=dict]".to_owned();
    };
    let kind = match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    };
    format!("Input should be a valid string [type=string_type, input_type={kind}]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_come_in_the_order_asked_for() {
        let values = texts("tool", ["a", "b"], r#"{"b": "2", "other": 3, "a": "1"}"#);
        assert_eq!(values, Ok(["1".to_owned(), "2".to_owned()]));
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let refusal = texts("tool", ["a", "b", "c"], r#"{"a": 1.5, "c": "there"}"#).unwrap_err();
        assert_eq!(
            refusal,
            "2 validation errors for toolArguments\n\
             a\n  Input should be a valid string [type=string_type, input_type=float]\n\
             b\n  Field required [type=missing, input_type=dict]"
        );
    }

    #[test]
    fn one_fault_is_singular() {
        let refusal = texts("tool", ["a"], r#"{"a": null}"#).unwrap_err();
        assert!(refusal.starts_with("1 validation error for toolArguments\na\n"), "{refusal}");
        assert!(refusal.ends_with("input_type=NoneType]"), "{refusal}");
    }
}
