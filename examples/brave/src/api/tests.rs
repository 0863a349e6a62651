use std::sync::{Arc, Mutex};

use serde_json::json;

use super::*;

/// What is sent for these arguments.
fn sent(endpoint: Endpoint, parameters: Value, headers: Value) -> (String, Vec<(String, Vec<u8>)>) {
    let sent = Arc::new(Mutex::new(None));
    let remembered = Arc::clone(&sent);
    let api = Api::new("https://api/", move |url, headers| {
        *remembered.lock().unwrap() = Some((url.to_owned(), headers.to_vec()));
        Ok((200, b"{}".to_vec()))
    });
    api.ask(endpoint, parameters.as_object().unwrap(), headers.as_object().unwrap()).unwrap();
    let sent = sent.lock().unwrap().take();
    sent.unwrap()
}

fn url(endpoint: Endpoint, parameters: Value) -> String {
    sent(endpoint, parameters, json!({})).0
}

#[test]
fn arguments_become_a_query_in_their_order() {
    assert_eq!(
        url(Endpoint::Web, json!({ "query": "a b&c=ü", "count": 2.0, "spellcheck": false, "lat": -1.5 })),
        "https://api/res/v1/web/search?q=a+b%26c%3D%C3%BC&count=2&spellcheck=false&lat=-1.5"
    );
    assert_eq!(url(Endpoint::PlaceSearch, json!({})), "https://api/res/v1/local/place_search");
}

#[test]
fn a_filter_is_left_out_where_a_summary_is_asked_for() {
    let filter = |summary| url(Endpoint::Web, json!({ "result_filter": ["web", "faq"], "summary": summary }));
    assert_eq!(filter(false), "https://api/res/v1/web/search?result_filter=web%2Cfaq&summary=false");
    assert_eq!(filter(true), "https://api/res/v1/web/search?summary=true");
}

#[test]
fn goggles_are_rules_or_https_urls() {
    let goggles = json!({ "goggles": [" $boost ", "https://a.example/g", "http://a.example/g", "https://", ""] });
    assert_eq!(
        url(Endpoint::News, goggles),
        "https://api/res/v1/news/search?goggles=%24boost&goggles=https%3A%2F%2Fa.example%2Fg"
    );
}

#[test]
fn headers_are_latin_1_and_replace_those_that_are_always_sent() {
    let (_, headers) = sent(Endpoint::LlmContext, json!({}), json!({ "x-loc-city": " Zürich", "accept": "*/*" }));
    let of = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_slice());
    assert_eq!((of("x-loc-city"), of("accept"), headers.len()), (Some(&b"Z\xfcrich"[..]), Some(&b"*/*"[..]), 2));
    assert!(header_value("東").unwrap_err().contains("at index 0 has a value of 26481"));
}

#[test]
fn a_refusal_is_told_with_its_status_and_body() {
    for (status, body, told) in [
        (429, r#"{"a":1.0}"#, "429 Too Many Requests\n{\n  \"a\": 1\n}"),
        (401, "no", "401 Unauthorized\nno"),
        (599, "[]", "599 \n[]"),
    ] {
        let api = Api::new("https://api", move |_, _| Ok((status, body.as_bytes().to_vec())));
        assert_eq!(api.ask(Endpoint::Web, &Map::new(), &Map::new()).unwrap_err(), told);
    }
}
