//! `brave_news_search`.

use guest::Answer;
use serde_json::{Map, Value};

use crate::{
    api::{Api, Endpoint},
    pick::{items, member, members, object},
};

pub(crate) fn search(arguments: &Map<String, Value>, api: &Api) -> Result<Answer, String> {
    let response = api.ask(Endpoint::News, arguments, &Map::new())?;
    let text = |result| {
        let mut entry = members(result, &["url", "title", "age", "page_age"]);
        let breaking = member(result, "breaking").filter(|breaking| !breaking.is_null());
        entry.insert("breaking".to_owned(), breaking.cloned().unwrap_or(Value::Bool(false)));
        entry.extend(members(result, &["description", "extra_snippets"]));
        entry.extend(object(result, &[("thumbnail", &["thumbnail", "src"])]));
        Value::Object(entry).to_string()
    };
    Ok(Answer::texts(items(&response, "results", "map")?.iter().map(text)))
}
