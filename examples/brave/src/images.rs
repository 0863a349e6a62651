//! `brave_image_search`.

use guest::{
    Answer,
    schema::{self, Issue, Step},
};
use serde_json::{Map, Value, json};

use crate::{
    api::{Api, Endpoint},
    pick::{items, member, members, unreadable},
};

pub(crate) fn search(arguments: &Map<String, Value>, api: &Api) -> Result<Answer, String> {
    let response = api.ask(Endpoint::Images, arguments, &Map::new())?;
    let tool: Value =
        serde_json::from_str(include_str!("../tools/brave_image_search.json")).map_err(|error| error.to_string())?;
    let output = &tool["outputSchema"];
    let complete = |result| image(result, &output["properties"]["items"]["items"]);
    let images: Vec<_> = items(&response, "results", "map")?.iter().filter_map(complete).collect();
    let extra = member(&response, "extra").ok_or_else(|| unreadable("might_be_offensive"))?;
    let mut found = Map::from_iter([
        ("type".to_owned(), "object".into()),
        ("count".to_owned(), images.len().into()),
        ("items".to_owned(), images.into()),
    ]);
    found.extend(members(extra, &["might_be_offensive"]));
    let mut issues = Vec::new();
    let payload = match schema::parse(output, Some(&Value::Object(found)), &mut issues) {
        Some(payload) if issues.is_empty() => payload,
        _ => flattened(&issues),
    };
    let is_error = !issues.is_empty();
    Ok(Answer { structured: Some(payload.clone()), is_error, ..Answer::texts([payload.to_string()]) })
}

/// An image of which everything is known; others are passed over.
fn image(result: &Value, schema: &Value) -> Option<Value> {
    let mut image = members(result, &["title", "url", "page_fetched", "confidence"]);
    let properties = member(result, "properties").map(|properties| members(properties, &["url", "width", "height"]));
    image.insert("properties".to_owned(), Value::Object(properties.unwrap_or_default()));
    let mut issues = Vec::new();
    let parsed = schema::parse(schema, Some(&Value::Object(image)), &mut issues);
    parsed.filter(|_| issues.is_empty())
}

/// Issues by the member they are of, as `flatten` does.
fn flattened(issues: &[Issue]) -> Value {
    let (mut of_form, mut of_fields) = (Vec::new(), Map::new());
    for issue in issues {
        match issue.path.first() {
            Some(Step::Name(name)) => {
                if let Value::Array(messages) = of_fields.entry(name.clone()).or_insert_with(|| json!([])) {
                    messages.push(issue.message.clone().into());
                }
            }
            _ => of_form.push(issue.message.clone()),
        }
    }
    json!({ "formErrors": of_form, "fieldErrors": of_fields })
}
