//! Secrets: used for a server and not given to it, kept in a store, shown by nothing.

use serde_json::{Value, json};

use crate::support::{Ended, Listener, Lockgate, evil, fetch};

/// A value that nothing but the right header may hold.
const VALUE: &str = "v4lue-that-nobody-sees";

/// Checks that the value is nowhere in what was written.
fn not_shown(ended: &Ended) {
    for text in [&ended.stdout, &ended.stderr] {
        assert!(!text.contains(VALUE), "the value is shown:\n{ended}");
    }
}

/// The flag that sends the variable TOKEN there.
fn credential(to: &str) -> String {
    format!("{to} X-Api-Key: {{env:TOKEN}}")
}

fn fetching(url: &str) -> Lockgate {
    Lockgate::call(&fetch(), "fetch").arg(format!("url={url}")).env("TOKEN", VALUE)
}

/// The values of a header in a request.
fn header<'a>(request: &'a str, name: &str) -> Vec<&'a str> {
    let headers = request.lines().skip(1).take_while(|line| !line.is_empty()).filter_map(|line| line.split_once(": "));
    headers.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
}

#[test]
fn a_server_uses_a_token_that_it_was_not_given() {
    let listener = Listener::hello();
    let ended = fetching(&listener.url("/api"))
        .args(["--allow-http", &listener.url("/"), "--credential", &credential(&listener.url("/api"))])
        .arg(r#"headers={"x-api-key":"mine","x-other":"1"}"#)
        .run();
    ended.good();
    not_shown(&ended);
    assert_eq!(header(&listener.heard()[0], "x-api-key"), [VALUE]);
    assert_eq!(header(&listener.heard()[0], "x-other"), ["1"]);
}

#[test]
fn a_request_elsewhere_has_no_token() {
    let (there, elsewhere) = (Listener::hello(), Listener::hello());
    for url in [elsewhere.url("/api"), there.url("/"), there.url("/apis"), there.url("/api/..%2f")] {
        let rules = ["--allow-http", &there.url("/"), "--allow-http", &elsewhere.url("/")];
        let ended = fetching(&url).args(rules).args(["--credential", &credential(&there.url("/api"))]).run();
        ended.good();
        not_shown(&ended);
    }
    let heard = [there.heard(), elsewhere.heard()].concat();
    assert_eq!(heard.len(), 4);
    assert!(
        heard.iter().all(|request| !request.contains(VALUE) && header(request, "x-api-key").is_empty()),
        "{heard:?}"
    );
}

#[test]
fn a_redirect_takes_no_token_along() {
    let target = Listener::hello();
    let answer = format!("HTTP/1.1 307 Go\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", target.url("/api"));
    let redirecting = Listener::answering(&answer);
    let ended = fetching(&redirecting.url("/api"))
        .args(["--allow-http", &redirecting.url("/"), "--allow-http", &target.url("/")])
        .args(["--credential", &credential(&redirecting.url("/"))])
        .run();
    assert!(ended.good().contains("307"), "{ended}");
    assert_eq!(header(&redirecting.heard()[0], "x-api-key"), [VALUE]);
    assert_eq!(target.heard(), [""; 0]);
}

#[test]
fn a_token_grants_no_reach() {
    let listener = Listener::hello();
    let ended = fetching(&listener.url("/"))
        .args(["--allow-http", "https://example.com", "--credential", &credential(&listener.url("/"))])
        .run();
    assert_eq!(ended.code, Some(5), "{ended}");
    assert!(ended.stderr.contains("no rule allows this request"), "{ended}");
    not_shown(&ended);
    assert_eq!(listener.heard(), [""; 0]);
}

#[test]
fn an_answer_with_the_token_in_it_gives_it_to_nobody() {
    let body = format!("your key is {VALUE}!");
    let length = body.len();
    let listener = Listener::answering(&format!(
        "HTTP/1.1 401 No\r\nx-echo: {VALUE}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    ));
    let ended = fetching(&listener.url("/"))
        .args(["--allow-http", &listener.url("/"), "--credential", &credential(&listener.url("/"))])
        .run();
    not_shown(&ended);
    let answer: Value = serde_json::from_str(ended.good()).unwrap();
    let stars = "*".repeat(VALUE.len());
    assert_eq!(answer["body"], format!("your key is {stars}!"));
    assert_eq!(answer["headers"]["x-echo"][0], stars);
}

/// The environment that a guest sees.
fn environment(flags: &[&str]) -> Value {
    let ended = Lockgate::call(&evil(), "env").args(flags).env("TOKEN", VALUE).run();
    serde_json::from_str(ended.good()).unwrap()
}

#[test]
fn only_a_value_that_is_revealed_is_in_the_environment() {
    let used = environment(&["--credential", "https://example.com X-Api-Key: {env:TOKEN}", "--env", "A=1"]);
    assert!(!used.to_string().contains(VALUE) && used.to_string().contains('A'), "{used}");
    let revealed = environment(&["--reveal-env", "KEY=env:TOKEN"]);
    assert!(revealed.to_string().contains(VALUE) && revealed.to_string().contains("KEY"), "{revealed}");
}

#[test]
fn a_secret_that_is_not_there_is_said_before_anything_runs() {
    let listener = Listener::hello();
    for (source, said) in [
        ("github.token", "lockgate secret set github.token"),
        ("env:MISSING", "the environment variable MISSING is not set"),
        ("env:EMPTY", "env:EMPTY cannot be used as a secret: the value is empty"),
        ("file:/nowhere/token", "/nowhere/token cannot be read"),
        ("file:/", "it is no regular file"),
        ("env:LINES", "cannot be sent in a header"),
    ] {
        let flag = format!("{} X-Api-Key: {{{source}}}", listener.url("/"));
        let ended = fetching(&listener.url("/"))
            .args(["--allow-http", &listener.url("/"), "--credential", &flag])
            .env("EMPTY", "")
            .env("LINES", format!("a\n{VALUE}"))
            .run();
        assert!(ended.failed(1).contains(said), "{ended}");
        not_shown(&ended);
    }
    assert_eq!(listener.heard(), [""; 0]);
}

#[test]
fn what_is_no_credential_is_refused_and_not_repeated() {
    for flags in [
        ["--credential", VALUE],
        ["--credential", &format!("https://example.com Authorization: Bearer {VALUE}")],
        ["--credential", &format!("https://example.com Host: {{{VALUE}}}")],
        ["--credential", &format!("http://example.com X-Api-Key: {{{VALUE}}}")],
        ["--reveal-env", VALUE],
        ["--reveal-env", &format!("={VALUE}")],
    ] {
        let ended = Lockgate::new("plan").arg(evil()).args(flags).run();
        ended.failed(2);
        not_shown(&ended);
    }
    let twice = ["--credential", "https://example.com X-Key: {a}", "--credential", "https://example.com/b x-key: {b}"];
    let ended = Lockgate::new("plan").arg(evil()).args(twice).run();
    assert!(ended.failed(2).contains("one header holds one credential"), "{ended}");
}

#[test]
fn a_plan_shows_names_and_no_values() {
    let plan = || {
        Lockgate::new("plan")
            .arg(evil())
            .args(["--credential", "GET https://example.com/a Authorization: Bearer {env:TOKEN}"])
            .args(["--reveal-env", "KEY=env:TOKEN"])
            .env("TOKEN", VALUE)
    };
    let ended = plan().run();
    not_shown(&ended);
    let shown: Vec<&str> = ended.good().lines().filter(|line| line.contains("env:TOKEN")).collect();
    let expected = [
        "secret   env:TOKEN in the header authorization to GET https://example.com/a (flag)",
        "REVEALS  env:TOKEN itself, in the variable KEY (flag)",
    ];
    assert_eq!(shown, expected);
    let ended = plan().args(["--format", "json"]).run();
    not_shown(&ended);
    let expected = json!([
        {
            "value": {
                "name": "TOKEN",
                "secret": "env:TOKEN",
                "header": "authorization",
                "format": "Bearer {}",
                "to": ["GET https://example.com/a"],
            },
            "origin": "flag",
        },
        { "value": { "name": "TOKEN", "secret": "env:TOKEN", "reveal-env": "KEY" }, "origin": "flag" },
    ]);
    assert_eq!(ended.json()["grant"]["credentials"], expected);
}

#[test]
fn a_terminal_shows_in_red_what_is_revealed() {
    let terminal = "line=$(printf \"'%s' \" \"$@\"); set -- script -qec \"$line\" /dev/null";
    let plan = || Lockgate::new("plan").arg(evil()).args(["--reveal-env", "KEY=env:TOKEN"]).after(terminal);
    assert!(plan().run().stdout.contains("\u{1b}[31menv:TOKEN itself, in the variable KEY\u{1b}[0m"));
    assert!(!plan().env("NO_COLOR", "1").run().stdout.contains('\u{1b}'));
}
