//! `brave_local_search`.

use guest::Answer;
use serde_json::{Map, Value, json};

use crate::{
    api::{Api, Endpoint},
    pick::{items, member, object, some_items, string, unreadable},
    web,
};

/// How many places are described at once.
const MAX_PLACES: usize = 20;

pub(crate) fn search(arguments: &Map<String, Value>, api: &Api) -> Result<Answer, String> {
    let mut arguments = arguments.clone();
    if let Value::Array(filter) = arguments.entry("result_filter").or_insert_with(|| json!([])) {
        filter.extend(["web".into(), "locations".into()]);
    }
    let response = api.ask(Endpoint::Web, &arguments, &Map::new())?;
    let places = member(&response, "locations").map_or(&[][..], |locations| some_items(locations, "results"));
    let ids: Vec<_> = places.iter().take(MAX_PLACES).map(|place| string(member(place, "id"))).collect();
    if ids.is_empty() {
        return instead(member(&response, "web"));
    }
    let ids = Map::from_iter([("ids".to_owned(), ids.into())]);
    let described = api.ask(Endpoint::LocalDescriptions, &ids, &Map::new())?;
    let descriptions = some_items(&described, "results");
    let texts = places.iter().map(|place| written(place, descriptions)).collect::<Result<Vec<_>, _>>()?;
    Ok(Answer::texts(texts))
}

/// What was found on the web where no places were.
fn instead(web: Option<&Value>) -> Result<Answer, String> {
    let Some(web) = web.filter(|web| !web.is_null()) else {
        return Ok(nothing());
    };
    if items(web, "results", "length")?.is_empty() {
        return Ok(nothing());
    }
    let reason = "No location data was returned. Either the user's plan does not support local search, or the API was \
                  unable to find locations for the provided query. Falling back to general web search.";
    Ok(Answer::texts([reason.to_owned()].into_iter().chain(web::results(web))))
}

fn nothing() -> Answer {
    let reason =
        "No location data was returned. User's plan does not support local search, or the query may be unclear.";
    Answer::texts([reason.to_owned()])
}

fn written(place: &Value, descriptions: &[Value]) -> Result<String, String> {
    let mut entry = object(
        place,
        &[
            ("name", &["title"]),
            ("price_range", &["price_range"]),
            ("phone", &["contact", "telephone"]),
            ("rating", &["rating", "ratingValue"]),
        ],
    );
    if let Some(hours) = member(place, "opening_hours").filter(|hours| !hours.is_null()) {
        entry.extend(opening_hours(hours)?.map(|hours| ("hours".to_owned(), hours)));
    }
    entry.extend(object(place, &[("rating_count", &["rating", "reviewCount"])]));
    let described = descriptions.iter().find(|description| member(description, "id") == member(place, "id"));
    entry
        .extend(described.map(|described| object(described, &[("description", &["description"])])).unwrap_or_default());
    entry.extend(object(place, &[("address", &["postal_address", "displayAddress"])]));
    Ok(Value::Object(entry).to_string())
}

/// The hours of today and of the other days; nothing where no day is open.
fn opening_hours(hours: &Value) -> Result<Option<Value>, String> {
    let mut days: Vec<(String, Vec<String>)> = Vec::new();
    let today = some_items(hours, "current_day");
    if let Some(first) = today.first() {
        days.push((format!("today ({})", name(first)?), today.iter().map(span).collect()));
    }
    for day in some_items(hours, "days") {
        // A day that is open twice is a list.
        let parts = day.as_array().map_or(std::slice::from_ref(day), Vec::as_slice);
        for part in parts {
            let name = name(part)?;
            match days.iter_mut().find(|(known, _)| *known == name) {
                Some((_, spans)) => spans.push(span(part)),
                None => days.push((name, vec![span(part)])),
            }
        }
    }
    let days: Map<_, _> = days.into_iter().map(|(name, spans)| (name, spans.join(", ").into())).collect();
    Ok((!days.is_empty()).then_some(Value::Object(days)))
}

fn name(day: &Value) -> Result<String, String> {
    let name = member(day, "full_name").and_then(Value::as_str);
    name.map(str::to_lowercase).ok_or_else(|| unreadable("toLowerCase"))
}

fn span(day: &Value) -> String {
    format!("{}-{}", string(member(day, "opens")), string(member(day, "closes")))
}
