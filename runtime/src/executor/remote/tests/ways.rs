//! Servers that cannot be reached, or do not let one in.

use serde_json::json;

use super::fake::{RemoteServer, plain, send};
use super::*;

#[tokio::test]
async fn a_redirect_is_not_followed_wherever_it_leads() {
    let trap = RemoteServer::modern(|heard| heard.result(json!({})));
    for (location, shown) in [
        (format!("http://127.0.0.1:{}/mcp?key=secret", trap.port()), format!("http://127.0.0.1:{}", trap.port())),
        ("http://169.254.169.254/latest/meta-data".to_owned(), "http://169.254.169.254".to_owned()),
        ("https://elsewhere.example/secret".to_owned(), "https://elsewhere.example".to_owned()),
    ] {
        for status in [301, 302, 303, 307, 308] {
            let header = format!("location: {location}\r\n");
            let server = RemoteServer::playing(move |_| plain(status, &header, ""));
            let told = told(&server.url(), tool("x")).await;
            assert!(told.contains(&format!("redirects to {shown}, and redirects are not followed")), "{told}");
            assert!(!told.contains("secret"), "{told}");
            assert_eq!(server.heard().len(), 1);
        }
    }
    assert_eq!(trap.methods(), [""; 0]);
}

#[tokio::test]
async fn a_redirect_that_leads_nowhere_says_so() {
    for headers in ["", "location: \u{e9}\r\n", "location: mailto:a@b\r\n"] {
        let server = RemoteServer::playing(move |_| plain(302, headers, ""));
        let told = told(&server.url(), tool("x")).await;
        assert!(told.contains("redirects elsewhere"), "{headers}: {told}");
    }
}

#[tokio::test]
async fn a_server_that_asks_for_a_credential_says_what_to_write() {
    let server = RemoteServer::playing(|_| plain(401, "www-authenticate: Bearer realm=\"x\"\r\n", "<b>secret</b>"));
    let told = told(&server.url(), tool("x")).await;
    for line in [
        "wants to know who is calling (401 Unauthorized)",
        "[servers.far.grant.credentials.token]",
        "secret = \"far.token\"",
        "header = \"Authorization\"",
        "lockgate secret set far.token",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
    assert!(!told.contains("<b>"), "{told}");
    assert_eq!(server.methods(), ["server/discover"]);
}

#[tokio::test]
async fn other_refusals_say_what_to_do() {
    for (status, headers, expected) in [
        (403, "", "does not allow this (403 Forbidden); if it needs a credential"),
        (
            429,
            "retry-after: 7\r\n",
            "too much to do now (429 Too Many Requests); nothing is retried here: try again in 7 s",
        ),
        (503, "retry-after: Wed, 21 Oct 2026 07:28:00 GMT\r\n", "try again later"),
        (502, "", "failed (502 Bad Gateway)"),
        (504, "", "failed (504 Gateway Timeout)"),
    ] {
        let server = RemoteServer::playing(move |_| plain(status, headers, "{\"x\":\"hidden\"}"));
        let told = told(&server.url(), tool("x")).await;
        assert!(told.contains(expected), "{expected}: {told}");
        assert!(!told.contains("hidden"), "{told}");
        assert_eq!(server.heard().len(), 1, "{status} says nothing of the era, and nothing is retried");
    }
}

#[tokio::test]
async fn a_server_that_is_down_refuses_connections() {
    let server = RemoteServer::playing(|_| send(""));
    let url = server.url();
    drop(server);
    let told = told(&url, tool("x")).await;
    assert!(told.contains("refuses connections; is the server running"), "{told}");
}

#[tokio::test]
async fn a_server_that_hangs_up_at_once_broke_off() {
    let server = RemoteServer::playing(|_| send(""));
    let told = told(&server.url(), tool("x")).await;
    assert!(told.contains("cannot be reached"), "{told}");
}

#[tokio::test]
async fn a_name_for_this_machine_is_not_dialled() {
    let server = RemoteServer::playing(|_| send(""));
    let told = told(&format!("https://localhost:{}/mcp", server.port()), tool("x")).await;
    assert!(told.contains("not of the public internet"), "{told}");
    assert_eq!(server.heard().len(), 0);
}

#[tokio::test]
async fn a_name_that_nobody_knows_is_not_found() {
    let told = told("https://lockgate.invalid/mcp", tool("x")).await;
    assert!(told.contains("its name is not known here"), "{told}");
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_not_trusted() {
    let server = RemoteServer::playing(|_| send("HTTP/1.1 400 X\r\n\r\n"));
    let told = told(&server.url().replace("http:", "https:"), tool("x")).await;
    assert!(told.contains("cannot be trusted"), "{told}");
}

#[test]
fn what_nobody_can_see_to_is_refused() {
    let nothing = (Grant::default(), Limits::default());
    assert!(check(&[], &nothing.0, &nothing.1).is_ok());
    assert!(check(&[Sourced::flag("x".to_owned())], &nothing.0, &nothing.1).is_err());
    let limits = Limits { memory: Sourced::config(1 << 30), ..Limits::default() };
    assert!(check(&[], &nothing.0, &limits).is_err());
    let http = vec![Sourced::flag("https://example.com".parse().unwrap())];
    assert!(check(&[], &Grant { http, ..Grant::default() }, &nothing.1).is_err());
}
