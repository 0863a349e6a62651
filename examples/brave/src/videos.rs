//! `brave_video_search`.

use guest::Answer;
use serde_json::{Map, Value};

use crate::{
    api::{Api, Endpoint},
    pick::{items, object},
};

pub(crate) fn search(arguments: &Map<String, Value>, api: &Api) -> Result<Answer, String> {
    let response = api.ask(Endpoint::Videos, arguments, &Map::new())?;
    let text = |result| {
        let entry = object(
            result,
            &[
                ("url", &["url"]),
                ("title", &["title"]),
                ("description", &["description"]),
                ("duration", &["video", "duration"]),
                ("thumbnail_url", &["thumbnail", "src"]),
            ],
        );
        Value::Object(entry).to_string()
    };
    Ok(Answer::texts(items(&response, "results", "map")?.iter().map(text)))
}
