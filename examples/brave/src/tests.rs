use std::{cell::RefCell, collections::VecDeque, rc::Rc};

use serde_json::json;

use super::*;

/// Calls a tool with the answers of an API, and gives the answer with the paths that were asked for.
fn called(tool: &str, arguments: Value, answers: &[(u16, Value)]) -> (Result<Answer, String>, Vec<String>) {
    let asked = Rc::new(RefCell::new(Vec::new()));
    let answers = RefCell::new(answers.iter().cloned().collect::<VecDeque<_>>());
    let remembered = Rc::clone(&asked);
    let api = Api::new("http://api", move |url, _| {
        remembered.borrow_mut().push(url.trim_start_matches("http://api").to_owned());
        let (status, body) = answers.borrow_mut().pop_front().ok_or("no more answers")?;
        Ok((status, body.to_string().into_bytes()))
    });
    let answer = call(tool, arguments.as_object().unwrap(), &api);
    drop(api);
    (answer, Rc::into_inner(asked).unwrap().into_inner())
}

/// The texts of an answer.
fn texts(answer: &Answer) -> Vec<String> {
    let text = |content: &guest::bindings::lockgate::mcp::types::Content| match content {
        guest::bindings::lockgate::mcp::types::Content::Text(text) => text.text.clone(),
        other => panic!("{other:?}"),
    };
    answer.content.iter().map(text).collect()
}

#[test]
fn a_local_search_asks_for_places_and_then_for_their_descriptions() {
    let places = json!({ "locations": { "results": [
        { "id": "1", "title": "A", "opening_hours": { "days": [{ "full_name": "Monday", "opens": "8", "closes": "9" }] } },
        { "id": "2", "title": "B", "rating": { "ratingValue": 4.5, "reviewCount": 3 } },
    ] } });
    let descriptions = json!({ "results": [{ "id": "2", "description": "good" }] });
    let (answer, asked) = called("brave_local_search", json!({ "query": "x" }), &[(200, places), (200, descriptions)]);
    assert_eq!(
        texts(&answer.unwrap()),
        [
            r#"{"name":"A","hours":{"monday":"8-9"}}"#,
            r#"{"name":"B","rating":4.5,"rating_count":3,"description":"good"}"#
        ]
    );
    let filter = "/res/v1/web/search?q=x&result_filter=web%2Clocations";
    assert_eq!(asked, [filter, "/res/v1/local/descriptions?ids=1&ids=2"]);
}

#[test]
fn a_summary_is_asked_for_until_it_is_complete_or_too_often() {
    let complete = json!({ "status": "complete", "summary": [
        { "type": "token", "data": "A" },
        { "type": "inline_reference", "data": { "url": "u" } },
    ] });
    let answers = [(200, json!({ "status": "running" })), (500, json!({})), (200, complete)];
    let (answer, asked) = called("brave_summarizer", json!({ "key": "k" }), &answers);
    assert_eq!((texts(&answer.unwrap()), asked.len()), (vec!["A (u)".to_owned()], 3));
    let (answer, asked) = called("brave_summarizer", json!({ "key": "k" }), &vec![(200, json!({})); 30]);
    let answer = answer.unwrap();
    assert!(answer.is_error);
    assert_eq!((texts(&answer), asked.len()), (vec!["Unable to retrieve a Summarizer summary.".to_owned()], 20));
}

#[test]
fn incomplete_images_are_passed_over() {
    let image = json!({
        "title": "t", "url": "https://a.example", "page_fetched": "2026-11-22T10:00:00Z", "confidence": "low",
        "properties": { "url": "https://b.example", "width": 1, "height": 2, "placeholder": "" },
    });
    let mut without = image.clone();
    without["properties"]["width"] = json!(0);
    let body = json!({ "results": [without, image], "extra": { "might_be_offensive": true } });
    let (answer, _) = called("brave_image_search", json!({ "query": "x" }), &[(200, body)]);
    let structured = answer.unwrap().structured.unwrap();
    assert_eq!((&structured["count"], structured["items"].as_array().unwrap().len()), (&json!(1), 1));
    assert_eq!(structured["items"][0]["properties"].as_object().unwrap().len(), 3);
}

#[test]
fn a_place_search_without_words_asks_without_them() {
    let mut arguments = json!({ "query": "  ", "location": " bern " }).as_object().unwrap().clone();
    prepare("brave_place_search", &mut arguments);
    assert_eq!(Value::Object(arguments), json!({ "location": "bern" }));
}

#[test]
fn too_many_words_are_refused_beside_other_faults() {
    let issue =
        |name: &str, fault| Issue { path: vec![Step::Name(name.to_owned())], message: "other".to_owned(), fault };
    let query = vec!["word"; 51].join(" ");
    let arguments = json!({ "query": query }).as_object().unwrap().clone();
    let mut issues = vec![issue("query", Fault::Form), issue("freshness", Fault::Pattern)];
    refine("brave_web_search", &arguments, &mut issues);
    let told: Vec<_> = issues.iter().map(Issue::to_string).collect();
    assert_eq!(told[..2], ["other at query", "Query cannot exceed 50 words at query"]);
    assert!(told[2].starts_with("Use 'pd', 'pw', 'pm', or 'py' for a relative discovery window"), "{told:?}");
}

#[test]
fn variables_choose_among_the_tools() {
    assert!(offers("a", "", "") && offers("a", " a\tb", "") && offers("c", "", "a b"));
    assert!(!offers("a", "b ab", "") && !offers("a", "", "b a"));
}

#[test]
fn every_tool_is_json_with_its_name() {
    for (name, json) in Brave::TOOLS {
        let tool: Value = serde_json::from_str(json).unwrap();
        assert_eq!(tool["name"], *name);
    }
}
