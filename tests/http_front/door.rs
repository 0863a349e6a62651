//! Who does not get in.

use serde_json::json;

use super::gateway::{ANN, Gateway, modern_request};
use crate::support::{Home, Lockgate, fetch, probe};

#[test]
fn nobody_gets_in_without_a_token() {
    let gateway = Gateway::start(&probe());
    let mut client = gateway.connect();
    for (credentials, challenge) in [
        (None, "Bearer"),
        (Some("Bearer"), "Bearer error=\"invalid_token\""),
        (Some("Bearer wrong"), "Bearer error=\"invalid_token\""),
        (Some("Bearer local-0123456789-0123456789-012345678"), "Bearer error=\"invalid_token\""),
        (Some("Bearer local-0123456789-0123456789-0123456789x"), "Bearer error=\"invalid_token\""),
        (Some("Basic bG9jYWw6eA=="), "Bearer error=\"invalid_token\""),
        (Some("local-0123456789-0123456789-0123456789"), "Bearer error=\"invalid_token\""),
    ] {
        client.unset("Authorization");
        if let Some(credentials) = credentials {
            client.set("Authorization", credentials);
        }
        for method in ["POST", "GET", "DELETE", "OPTIONS", "HEAD", "PUT"] {
            client.send(method, "/mcp", &[], "");
            if method == "HEAD" {
                assert_eq!(client.response_head().0, 401);
                continue;
            }
            let response = client.response();
            assert_eq!(
                (response.status, response.header("www-authenticate")),
                (401, Some(challenge)),
                "{credentials:?}"
            );
            assert_eq!(response.header("access-control-allow-origin"), None);
        }
    }
    client.unset("Authorization");
    client.headers.push(("Authorization".to_owned(), format!("Bearer {ANN}")));
    client.headers.push(("Authorization".to_owned(), format!("Bearer {ANN}")));
    assert_eq!(client.modern(1, "tools/list", json!({})).status, 401);
    for good in [format!("Bearer {ANN}"), format!("bearer  {ANN}")] {
        client.set("Authorization", &good);
        assert_eq!(client.modern(1, "tools/list", json!({})).status, 200, "{good}");
    }
}

#[test]
fn other_names_and_other_pages_do_not_get_in() {
    let gateway = Gateway::start(&probe());
    let port = gateway.address().port();
    let mut client = gateway.connect();
    for host in
        ["evil.example".to_owned(), format!("evil.example:{port}"), "localhost".to_owned(), "127.0.0.1:1".to_owned()]
    {
        client.set("Host", &host);
        assert_eq!(client.modern(1, "tools/list", json!({})).status, 403, "{host}");
    }
    for host in [format!("localhost:{port}"), format!("127.0.0.1:{port}"), format!("[::1]:{port}")] {
        client.set("Host", &host);
        for origin in [None, Some(format!("http://{host}"))] {
            client.unset("Origin");
            if let Some(origin) = &origin {
                client.set("Origin", origin);
            }
            let response = client.modern(1, "tools/list", json!({}));
            assert_eq!((response.status, response.header("access-control-allow-origin")), (200, None), "{origin:?}");
        }
    }
    for origin in ["null", "http://evil.example", "http://localhost", "https://localhost", "file://"] {
        client.set("Origin", origin);
        assert_eq!(client.modern(1, "tools/list", json!({})).status, 403, "{origin}");
    }
    client.unset("Origin");
    client.headers.push(("Host".to_owned(), "evil.example".to_owned()));
    assert_eq!(client.modern(1, "tools/list", json!({})).status, 400);
    // Without the header, which HTTP/1.0 does not need.
    let mut client = gateway.connect();
    client.bytes("POST /mcp HTTP/1.0\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(client.response().status, 400);
    let mut client = gateway.connect();
    let target = format!("http://evil.example:{port}/mcp");
    assert_eq!(client.request("POST", &target, "{}").status, 403);
}

#[test]
fn no_page_is_ever_told_that_it_may_come_in() {
    let gateway = Gateway::start(&probe());
    let mut client = gateway.connect();
    client.set("Origin", &format!("http://localhost:{}", gateway.address().port()));
    client.set("Access-Control-Request-Method", "POST");
    let response = client.request("OPTIONS", "/mcp", "");
    assert_eq!((response.status, response.header("allow")), (405, Some("POST, GET, DELETE")));
    assert!(response.headers.iter().all(|(name, _)| !name.starts_with("access-control")));
}

#[test]
fn a_message_is_json_and_the_client_takes_both_kinds_of_answers() {
    let gateway = Gateway::start(&probe());
    let message = modern_request(1, "tools/list", json!({})).to_string();
    let status = |header: &str, value: Option<&str>| {
        let mut client = gateway.connect();
        client.set("MCP-Protocol-Version", "2026-07-28");
        client.set("Mcp-Method", "tools/list");
        client.unset(header);
        if let Some(value) = value {
            client.set(header, value);
        }
        client.request("POST", "/mcp", &message).status
    };
    for kind in
        [None, Some("text/plain"), Some("application/jsonp"), Some("application/x-www-form-urlencoded"), Some("")]
    {
        assert_eq!(status("Content-Type", kind), 415, "{kind:?}");
    }
    for kind in ["application/json", "Application/JSON; charset=utf-8"] {
        assert_eq!(status("Content-Type", Some(kind)), 200, "{kind:?}");
    }
    assert_eq!(status("Content-Encoding", Some("gzip")), 415);
    for kinds in
        [None, Some("*/*"), Some("application/*, text/*;q=0.5"), Some("text/event-stream, application/json;q=1")]
    {
        assert_eq!(status("Accept", kinds), 200, "{kinds:?}");
    }
    for kinds in ["application/json", "text/event-stream", "text/html", ""] {
        assert_eq!(status("Accept", Some(kinds)), 406, "{kinds:?}");
    }
}

#[test]
fn without_authentication_everybody_is_the_person_at_this_machine_and_that_is_said() {
    let gateway = Gateway::start_with(&probe(), &["--no-auth"]);
    let mut client = gateway.connect();
    client.unset("Authorization");
    assert_eq!(client.modern(1, "tools/list", json!({})).status, 200);
    client.set("Host", "evil.example");
    assert_eq!(client.modern(1, "tools/list", json!({})).status, 403);
    assert!(gateway.stop().stderr.contains("NO TOKEN IS ASKED FOR"));
}

#[test]
fn a_server_cannot_reach_the_gateway_it_runs_behind() {
    // The rule has the port before the gateway takes it.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    drop(taken);
    let home = Home::warm();
    let rules = ["127.0.0.1", "0.0.0.0", "[::ffff:127.0.0.1]", "[::]"].map(|host| format!("http://{host}:{port}/"));
    let mut command = Lockgate::new("run").arg(fetch()).args(["--no-auth", "--listen", &format!("127.0.0.1:{port}")]);
    for rule in &rules {
        command = command.args(["--allow-http", rule]);
    }
    let process = command.home(home.path()).start();
    let address: std::net::SocketAddr =
        process.says("listening on http://").strip_suffix("/mcp").unwrap().parse().unwrap();
    let mut client = super::gateway::Connection::to(address);
    for rule in &rules {
        let params = json!({ "name": "fetch", "arguments": { "url": rule } });
        let answer = client.modern(1, "tools/call", params).json();
        assert_eq!(answer["result"]["isError"], true, "{answer}");
    }
    process.signal(rustix::process::Signal::TERM);
    let ended = process.finish();
    let refused = ended.stderr.matches("this is where Lockgate itself listens").count();
    assert_eq!((ended.code, refused), (Some(0), rules.len()), "{ended}");
}
