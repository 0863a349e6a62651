//! `brave_web_search`.

use guest::Answer;
use serde_json::{Map, Value};

use crate::{
    api::{Api, Endpoint},
    pick::{at, member, members, object, some_items, string, unreadable},
};

pub(crate) fn search(arguments: &Map<String, Value>, api: &Api) -> Result<Answer, String> {
    let response = api.ask(Endpoint::Web, arguments, &Map::new())?;
    let mut texts = Vec::new();
    if let Some(summarizer) = member(&response, "summarizer").filter(|summarizer| !summarizer.is_null()) {
        texts.push(format!("Summarizer key: {}", string(member(summarizer, "key"))));
    }
    let part = |name: &str| member(&response, name).unwrap_or(&Value::Null);
    let found = results(part("web"));
    if found.is_empty() {
        texts.push("No web results found".to_owned());
        return Ok(Answer { is_error: true, ..Answer::texts(texts) });
    }
    texts.extend(found);
    let faq = |entry| members(entry, &["question", "answer", "title", "url"]);
    texts.extend(some_items(part("faq"), "results").iter().map(faq).map(written));
    texts.extend(marked(part("discussions"), |entry| Ok(members(entry, &["url", "data"])))?);
    let of_news = ["source", "breaking", "is_live", "age", "url", "title", "description", "extra_snippets"];
    texts.extend(marked(part("news"), |entry| Ok(members(entry, &of_news)))?);
    texts.extend(marked(part("videos"), video)?);
    Ok(Answer::texts(texts))
}

/// The web pages that were found, each as JSON.
pub(crate) fn results(web: &Value) -> Vec<String> {
    let entry = |entry| written(members(entry, &["url", "title", "description", "extra_snippets"]));
    some_items(web, "results").iter().map(entry).collect()
}

/// Results of another kind, each with whether goggles have changed their order.
fn marked(part: &Value, entry: impl Fn(&Value) -> Result<Map<String, Value>, String>) -> Result<Vec<String>, String> {
    let marked = |result| {
        let mut marked = members(part, &["mutated_by_goggles"]);
        marked.extend(entry(result)?);
        Ok(written(marked))
    };
    some_items(part, "results").iter().map(marked).collect()
}

fn video(entry: &Value) -> Result<Map<String, Value>, String> {
    if at(entry, &["video"]).is_none() {
        return Err(unreadable("duration"));
    }
    Ok(object(
        entry,
        &[
            ("url", &["url"]),
            ("title", &["title"]),
            ("description", &["description"]),
            ("age", &["age"]),
            ("thumbnail_url", &["thumbnail", "src"]),
            ("duration", &["video", "duration"]),
            ("view_count", &["video", "views"]),
            ("creator", &["video", "creator"]),
            ("publisher", &["video", "publisher"]),
            ("tags", &["video", "tags"]),
        ],
    ))
}

fn written(entry: Map<String, Value>) -> String {
    Value::Object(entry).to_string()
}
