//! What a server may send: what a rule says, to the host it says, and nowhere else.

use serde_json::Value;

use crate::support::{Ended, Listener, Lockgate, fetch};

fn get(rule: &str, url: &str) -> Ended {
    request(rule, &[&format!("url={url}")])
}

fn request(rule: &str, arguments: &[&str]) -> Ended {
    Lockgate::call(&fetch(), "fetch").args(arguments).args(["--allow-http", rule]).run()
}

/// What the guest got.
fn response(ended: &Ended) -> Value {
    serde_json::from_str(ended.good()).unwrap()
}

/// Checks that the guest was refused, and gives what the person was told.
fn refused(ended: &Ended) -> String {
    assert_eq!(ended.code, Some(5), "{ended}");
    let told = ended.stderr.lines().find(|line| line.contains("request refused")).unwrap_or_default();
    told.to_owned()
}

#[test]
fn a_rule_with_a_literal_address_reaches_it() {
    let listener = Listener::hello();
    let answer = response(&get(&listener.url("/"), &listener.url("/a?b=c")));
    assert_eq!((&answer["status"], &answer["body"]), (&200.into(), &"hello".into()));
    assert_eq!(listener.request_lines(), ["GET /a?b=c HTTP/1.1"]);
}

#[test]
fn a_request_that_no_rule_allows_is_not_sent() {
    let listener = Listener::hello();
    let port = listener.port();
    for rule in [
        "https://example.com/".to_owned(),
        format!("http://127.0.0.2:{port}/"),
        format!("http://[::1]:{port}/"),
        "http://127.0.0.1/".to_owned(),
        format!("https://127.0.0.1:{port}/"),
        listener.url("/other"),
        format!("POST,PUT {}", listener.url("/")),
    ] {
        let told = refused(&get(&rule, &listener.url("/path")));
        let help = format!("no rule allows this request; to allow it: --allow-http \"GET {}\"", listener.url("/"));
        assert!(told.contains(&help), "{rule}: {told}");
    }
    assert_eq!(listener.heard(), [""; 0]);
}

#[test]
fn a_name_for_this_machine_is_not_dialled() {
    let listener = Listener::hello();
    let url = format!("http://localhost:{}/", listener.port());
    let told = refused(&get(&url, &url));
    assert!(told.contains("no public address"), "{told}");
    // A rule for the address is none for the name, and the other way round.
    refused(&get(&listener.url("/"), &url));
    refused(&get(&url, &listener.url("/")));
    assert_eq!(listener.heard(), [""; 0]);
}

#[test]
fn methods_are_those_of_the_rule() {
    let listener = Listener::hello();
    let rule = format!("GET,POST {}", listener.url("/"));
    let url = format!("url={}", listener.url("/x"));
    for method in ["GET", "POST"] {
        response(&request(&rule, &[&url, &format!("method={method}")]));
    }
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE", "CONNECT", "get", "BREW"] {
        refused(&request(&rule, &[&url, &format!("method={method}")]));
    }
    assert_eq!(listener.request_lines(), ["GET /x HTTP/1.1", "POST /x HTTP/1.1"]);
}

#[test]
fn paths_are_those_of_the_rule() {
    let listener = Listener::hello();
    let rule = listener.url("/repos/acme/");
    for path in ["/repos/acme/", "/repos/acme/x", "/repos/acme/x?q=%2f../", "/repos/acme/a/../b", "/repos/acme/\\..\\x"]
    {
        response(&get(&rule, &listener.url(path)));
    }
    // What is sent is what was judged: without the dots, and with slashes for backslashes.
    let allowed = listener.request_lines();
    assert!(allowed.iter().all(|line| line.starts_with("GET /repos/acme/") && !line.contains("/.")), "{allowed:?}");
    for path in [
        "/",
        "/repos/acme",
        "/repos/acmeevil",
        "/repos/acme/../secret",
        "/repos/acme/%2e%2e/secret",
        "/repos/acme/..%2fsecret",
        "/repos/acme/..;/secret",
        "/repos/acme//secret",
        "/repos/acme\\..\\..\\secret",
        "//repos/acme/",
        "/REPOS/acme/",
    ] {
        refused(&get(&rule, &listener.url(path)));
    }
    assert_eq!(listener.request_lines(), allowed);
}

#[test]
fn a_body_is_sent_whole() {
    let listener = Listener::hello();
    let (url, body) = (format!("url={}", listener.url("/")), "x".repeat(100_000));
    response(&request(&listener.url("/"), &[&url, "method=POST", &format!("body={body}")]));
    let heard = listener.heard();
    assert!(heard[0].ends_with(&format!("\r\n\r\n{body}")));
}

#[test]
fn a_redirect_is_an_answer_like_any_other() {
    let target = Listener::hello();
    let answer = format!("HTTP/1.1 302 Found\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", target.url("/stolen"));
    let redirecting = Listener::answering(&answer);
    let answer = response(&get(&redirecting.url("/"), &redirecting.url("/")));
    assert_eq!(answer["status"], 302);
    assert_eq!(answer["headers"]["location"][0], target.url("/stolen"));
    assert_eq!(target.heard(), [""; 0]);
}

#[test]
fn the_host_header_is_that_of_the_url() {
    let listener = Listener::hello();
    let url = format!("url={}", listener.url("/"));
    for header in ["host", "Host", "content-length", "transfer-encoding", "connection", "proxy-authorization"] {
        let headers = format!(r#"headers={{"{header}":"evil.example","x-mine":"1"}}"#);
        // The host may refuse such a header, or send its own; what counts is what arrives.
        request(&listener.url("/"), &[&url, &headers]);
    }
    let heard = listener.heard();
    let expected = format!("host: 127.0.0.1:{}", listener.port());
    for request in &heard {
        let lower = request.to_lowercase();
        assert_eq!(lower.matches("\r\nhost:").count(), 1, "{request}");
        assert!(lower.contains(&expected) && !lower.contains("evil.example"), "{request}");
    }
}

#[test]
fn headers_of_the_guest_arrive_and_none_are_added() {
    let listener = Listener::hello();
    let url = format!("url={}", listener.url("/"));
    response(&request(&listener.url("/"), &[&url, r#"headers={"x-mine":"1"}"#]));
    let heard = listener.heard()[0].replace(&listener.port().to_string(), "PORT");
    insta::assert_snapshot!(heard.replace("\r\n", "\n"));
}

#[test]
fn an_authority_with_tricks_goes_nowhere_else() {
    let (allowed, other) = (Listener::hello(), Listener::hello());
    let (mine, port) = (allowed.port(), other.port());
    for authority in [
        format!("127.0.0.1:{mine}@127.0.0.1:{port}"),
        format!("127.0.0.1:{port}#@127.0.0.1:{mine}"),
        format!("user:password@127.0.0.1:{mine}"),
        format!("127.0.0.1:{port}\\@127.0.0.1:{mine}"),
        format!("127.0.0.1:{mine} 127.0.0.1:{port}"),
        format!("127.0.0.1:{port}?@127.0.0.1:{mine}"),
    ] {
        let ended = get(&allowed.url("/"), &format!("http://{authority}/"));
        assert_ne!(ended.code, Some(0), "{ended}");
    }
    assert_eq!(other.heard(), [""; 0]);
    assert_eq!(allowed.heard(), [""; 0]);
}

#[test]
fn other_schemes_are_not_spoken() {
    let listener = Listener::hello();
    for scheme in ["ftp", "file", "gopher", "ws", "unix"] {
        let ended = get(&listener.url("/"), &format!("{scheme}://127.0.0.1:{}/etc/passwd", listener.port()));
        assert_ne!(ended.code, Some(0), "{ended}");
        assert!(!ended.stdout.contains("root:"), "{ended}");
    }
    assert_eq!(listener.heard(), [""; 0]);
}

#[test]
fn proxies_of_the_environment_are_not_used() {
    let (listener, proxy) = (Listener::hello(), Listener::hello());
    let mut call = Lockgate::call(&fetch(), "fetch").arg(format!("url={}", listener.url("/")));
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy"] {
        call = call.env(name, proxy.url("/"));
    }
    response(&call.args(["--allow-http", &listener.url("/")]).run());
    assert_eq!((listener.heard().len(), proxy.heard().len()), (1, 0));
}

#[test]
fn nobody_listening_is_an_error_of_the_request() {
    let listener = Listener::hello();
    let url = listener.url("/");
    drop(listener);
    let told = refused(&get(&url, &url));
    assert!(!told.is_empty());
}

#[test]
fn an_answer_that_never_comes_is_ended_by_the_time_of_the_call() {
    // A listener that accepts and says nothing: the connection waits in its backlog.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let ended = request(&url, &[&format!("url={url}"), "--time", "500ms"]);
    let stderr = ended.failed(1);
    assert!(stderr.contains("time limit of 500ms"), "{ended}");
}

#[test]
fn an_answer_that_breaks_off_is_an_error_of_the_request() {
    for answer in [
        "",
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        "no http at all\r\n\r\n",
    ] {
        let listener = Listener::answering(answer);
        let ended = get(&listener.url("/"), &listener.url("/"));
        assert_eq!(ended.code, Some(5), "{answer:?}: {ended}");
    }
}
