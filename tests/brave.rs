//! The server `brave`: each of its tools against a double of the API, and what the API refuses.

use serde_json::{Value, json};

use crate::support::{Ended, Listener, Lockgate, brave};

/// A double that gives this answer to every request.
fn double(status: &str, body: &Value) -> Listener {
    let body = body.to_string();
    let length = body.len();
    let head = "content-type: application/json\r\nconnection: close";
    Listener::answering(&format!("HTTP/1.1 {status}\r\n{head}\r\ncontent-length: {length}\r\n\r\n{body}"))
}

fn call(double: &Listener, tool: &str, arguments: &[&str]) -> Ended {
    let (api, rule) = (format!("BRAVE_API_URL={}", double.url("")), format!("GET {}", double.url("/res/v1/")));
    Lockgate::call(&brave(), tool).args(arguments).args(["--env", &api, "--allow-http", &rule]).run()
}

/// What a call says and what it asked the API for.
fn asked(tool: &str, arguments: &[&str], body: &Value) -> (String, Vec<String>) {
    let double = double("200 OK", body);
    let ended = call(&double, tool, arguments);
    (ended.good().to_owned(), double.request_lines())
}

#[test]
fn a_web_search_gives_its_results_and_sends_no_key() {
    let body = json!({ "web": { "results": [{ "url": "https://a.example", "title": "A", "more": 1 }] } });
    let double = double("200 OK", &body);
    let ended = call(&double, "brave_web_search", &["query=two words", "count=3"]);
    assert_eq!(ended.good(), r#"{"url":"https://a.example","title":"A"}"#);
    let heard = double.heard();
    assert_eq!(heard.len(), 1);
    let query = "q=two+words&country=US&search_lang=en&ui_lang=en-US&count=3&offset=0&safesearch=moderate\
                 &text_decorations=true&spellcheck=true&result_filter=web%2Cquery";
    assert_eq!(double.request_lines(), [format!("GET /res/v1/web/search?{query} HTTP/1.1")]);
    let head = heard[0].to_ascii_lowercase();
    assert!(head.contains("\r\naccept: application/json\r\n"), "{head}");
    assert!(!head.contains("token") && !head.contains("authorization"), "{head}");
}

#[test]
fn every_other_tool_asks_its_endpoint() {
    let place = json!({ "locations": { "results": [{ "id": "x", "title": "Café" }] }, "results": [] });
    let (said, lines) = asked("brave_local_search", &["query=coffee"], &place);
    assert_eq!(said, r#"{"name":"Café"}"#);
    assert!(lines[0].starts_with("GET /res/v1/web/search?q=coffee&"), "{lines:?}");
    assert_eq!(lines[1], "GET /res/v1/local/descriptions?ids=x HTTP/1.1");

    let results = json!({ "results": [{ "url": "u", "video": { "duration": "1:00" }, "breaking": true }] });
    let (said, lines) = asked("brave_video_search", &["query=a"], &results);
    assert_eq!(said, r#"{"url":"u","duration":"1:00"}"#);
    assert!(lines[0].starts_with("GET /res/v1/videos/search?q=a&"), "{lines:?}");
    let (said, lines) = asked("brave_news_search", &["query=a"], &results);
    assert_eq!(said, r#"{"url":"u","breaking":true}"#);
    assert!(lines[0].starts_with("GET /res/v1/news/search?q=a&"), "{lines:?}");

    let images = json!({ "results": [{ "title": "incomplete" }], "extra": { "might_be_offensive": false } });
    let (said, lines) = asked("brave_image_search", &["query=a"], &images);
    assert_eq!(said, r#"{"type":"object","items":[],"count":0,"might_be_offensive":false}"#);
    assert!(lines[0].starts_with("GET /res/v1/images/search?q=a&"), "{lines:?}");

    let summary = json!({ "status": "complete", "summary": [{ "type": "token", "data": "short" }] });
    let (said, lines) = asked("brave_summarizer", &["key=k"], &summary);
    assert_eq!(said, "short");
    let query = "key=k&entity_info=false&inline_references=false";
    assert_eq!(lines, [format!("GET /res/v1/summarizer/search?{query} HTTP/1.1")]);

    let context = json!({ "grounding": { "generic": [], "map": [] }, "sources": {}, "more": 1 });
    let (said, lines) = asked("brave_llm_context", &["query= a ", "x-loc-city=Bern"], &context);
    assert_eq!(said, r#"{"grounding":{"generic":[],"map":[]},"sources":{}}"#);
    assert_eq!(lines, ["GET /res/v1/llm/context?q=a HTTP/1.1"]);

    let (said, lines) = asked("brave_place_search", &["location=bern"], &json!({ "type": "locations", "more": 1 }));
    assert_eq!(said, r#"{"type":"locations","more":1}"#);
    assert_eq!(lines, ["GET /res/v1/local/place_search?location=bern HTTP/1.1"]);
}

#[test]
fn the_key_is_added_on_the_way_and_the_server_does_not_have_it() {
    const KEY: &str = "brave-key-that-nobody-sees";
    // The double tells the key back, as a server that logs its requests may.
    let double = double("200 OK", &json!({ "web": { "results": [{ "title": format!("your key is {KEY}") }] } }));
    let (api, rule) = (format!("BRAVE_API_URL={}", double.url("")), format!("GET {}", double.url("/res/v1/")));
    let credential = format!("{} X-Subscription-Token: {{env:BRAVE_API_KEY}}", double.url("/"));
    let ended = Lockgate::call(&brave(), "brave_web_search")
        .args(["query=a", "--env", &api, "--allow-http", &rule, "--credential", &credential])
        .env("BRAVE_API_KEY", KEY)
        .run();
    assert!(ended.good().contains("your key is ***"), "{ended}");
    assert!(!ended.stdout.contains(KEY) && !ended.stderr.contains(KEY), "{ended}");
    let heard = double.heard()[0].to_ascii_lowercase();
    assert!(heard.contains(&format!("\r\nx-subscription-token: {KEY}\r\n")), "{heard}");
}

/// What a call that fails says.
fn refused(ended: &Ended) -> &str {
    assert_eq!(ended.code, Some(5), "{ended}");
    ended.stdout.trim_end()
}

#[test]
fn what_the_api_refuses_is_told_with_its_words() {
    for (status, code) in [("401 Unauthorized", 401), ("422 Unprocessable Entity", 422), ("429 Too Many Requests", 429)]
    {
        let double = double(status, &json!({ "error": { "status": code } }));
        let ended = call(&double, "brave_web_search", &["query=a"]);
        assert_eq!(refused(&ended), format!("{status}\n{{\n  \"error\": {{\n    \"status\": {code}\n  }}\n}}"));
    }
}

#[test]
fn wrong_arguments_are_told_before_anything_is_asked() {
    let double = double("200 OK", &json!({}));
    let ended = call(&double, "brave_web_search", &["query=a", "count=21"]);
    let reason = "MCP error -32602: Input validation error: Invalid arguments for tool brave_web_search: Too big: expected \
                  number to be <=20 at count";
    assert_eq!(refused(&ended), reason);
    assert_eq!(double.heard(), [""; 0]);
}

#[test]
fn without_a_grant_nothing_is_asked() {
    let double = double("200 OK", &json!({}));
    let api = format!("BRAVE_API_URL={}", double.url(""));
    let other = format!("POST {}", double.url("/res/v1/"));
    let ended =
        Lockgate::call(&brave(), "brave_news_search").args(["query=a", "--env", &api, "--allow-http", &other]).run();
    assert!(refused(&ended).starts_with("fetch failed: "), "{ended}");
    assert_eq!(double.heard(), [""; 0]);
}

#[test]
fn odd_answers_of_the_api_are_told() {
    for answer in ["HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\n<ht>", "HTTP/1.1 200 OK\r\n"] {
        let double = Listener::answering(answer);
        refused(&call(&double, "brave_news_search", &["query=a"]));
    }
    let double = Listener::answering("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 4\r\nconnection: close\r\n\r\n<ht>");
    assert_eq!(refused(&call(&double, "brave_news_search", &["query=a"])), "502 Bad Gateway\n<ht>");
    let moved =
        "HTTP/1.1 302 Found\r\nlocation: https://example.com/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let ended = call(&Listener::answering(moved), "brave_news_search", &["query=a"]);
    assert!(refused(&ended).starts_with("302 Found"), "{ended}");
}

#[test]
fn variables_choose_among_the_tools() {
    let names = |variable: &str| {
        let rule = ["--allow-http", "GET https://api.search.brave.com/"];
        let ended = Lockgate::new("tools").arg(brave()).args(["--format", "json", "--env", variable]).args(rule).run();
        let listed = ended.json();
        let tools = listed["tools"].as_array().unwrap_or_else(|| panic!("{ended}"));
        tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        names("BRAVE_MCP_ENABLED_TOOLS=brave_web_search brave_summarizer"),
        ["brave_web_search", "brave_summarizer"]
    );
    assert_eq!(names("BRAVE_MCP_DISABLED_TOOLS=brave_web_search").len(), 7);
}
