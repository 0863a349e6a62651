//! Parts of what the API answers, with what JavaScript says where there are none.

use serde_json::{Map, Value};

/// What is called `name`, if this is an object that has it.
pub(crate) fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    value.as_object()?.get(name)
}

/// What a path of names leads to; nothing, as `?.` does, where something is missing on the way.
pub(crate) fn at<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, name| member(value, name))
}

/// An object of those members that are there: each with its name, and where it comes from.
pub(crate) fn object(value: &Value, members: &[(&str, &[&str])]) -> Map<String, Value> {
    let there = members.iter().filter_map(|(name, path)| Some(((*name).to_owned(), at(value, path)?.clone())));
    there.collect()
}

/// An object of members that keep their names.
pub(crate) fn members(value: &Value, names: &[&str]) -> Map<String, Value> {
    names.iter().filter_map(|name| Some(((*name).to_owned(), member(value, name)?.clone()))).collect()
}

/// The items of the array `name`, of which `then` is to be used.
///
/// # Errors
/// Where there is no such array, in JavaScript's words.
pub(crate) fn items<'a>(value: &'a Value, name: &str, then: &str) -> Result<&'a [Value], String> {
    match member(value, name) {
        Some(Value::Array(items)) => Ok(items),
        Some(Value::Null) => Err(format!("Cannot read properties of null (reading '{then}')")),
        Some(_) => Err(format!("response.{name}.{then} is not a function")),
        None => Err(unreadable(then)),
    }
}

/// The items of the array `name`, or none.
pub(crate) fn some_items<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    member(value, name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// What JavaScript says of a member of nothing.
pub(crate) fn unreadable(name: &str) -> String {
    format!("Cannot read properties of undefined (reading '{name}')")
}

/// What stands in a template.
pub(crate) fn string(value: Option<&Value>) -> String {
    value.map_or_else(|| "undefined".to_owned(), guest::js::string)
}
