//! Servers that somebody else runs, as a person uses them: by their URL.

use std::fs;

use serde_json::{Value, json};

use crate::support::remote_server::{RemoteServer, Step, discovery, document, events, plain};
use crate::support::tls::Tls;
use crate::support::{Client, Home, Lockgate, modern};

/// A server of MCP 2026-07-28 with two tools.
fn adder() -> RemoteServer {
    RemoteServer::modern(|heard| match heard.method() {
        "tools/list" => {
            let schema =
                json!({ "type": "object", "properties": { "a": { "type": "integer" }, "b": { "type": "integer" } } });
            let tool = |name: &str| json!({ "name": name, "description": "Adds.", "inputSchema": schema, "x": 1.50 });
            heard.result(json!({ "resultType": "complete", "tools": [tool("add"), tool("fail")], "ttlMs": 0, "cacheScope": "private" }))
        }
        "tools/call" => {
            let arguments = &heard.body["params"]["arguments"];
            let sum = arguments["a"].as_i64().unwrap_or(0) + arguments["b"].as_i64().unwrap_or(0);
            let result = json!({
                "resultType": "complete",
                "content": [{ "type": "text", "text": sum.to_string() }],
                "isError": heard.body["params"]["name"] == "fail",
            });
            events(&[heard.progress(1), heard.response(result)])
        }
        _ => heard.error(404, -32601, Value::Null),
    })
}

#[test]
fn a_plan_dials_nobody() {
    let server = adder();
    let ended = Lockgate::new("plan").arg(format!("far={}", server.url())).naming(server.url(), "URL").run();
    insta::assert_snapshot!(ended, @r"
    $ lockgate plan far=URL
    1> server   far
    1> source   URL
    1> runs     elsewhere
    1> trust    not checked: it is whoever its TLS certificate says
    1> executor remote: nothing of it is checked here
    1> grant    nothing: no network, no files, no variables
    1> memory   131072 KiB (default)
    1> time     30s (default)
    1> output   16384 KiB (default)
    1> calls    64 at a time (default)
    exit 0
    ");
    assert_eq!(server.methods(), [""; 0]);
}

#[test]
fn tools_of_a_server_elsewhere_are_listed_and_called() {
    let server = adder();
    let listed = Lockgate::new("tools").arg(server.url()).run();
    assert_eq!(listed.good().lines().count(), 2, "{listed}");
    let called = Lockgate::call(&server.url(), "add").args(["a=20", "b=22"]).run();
    assert_eq!(called.good(), "42");
    Lockgate::call(&server.url(), "fail").run().failed(5);
    Lockgate::call(&server.url(), "none").run().failed(1);
}

#[test]
fn a_client_hears_of_progress_under_its_own_token() {
    let server = adder();
    let mut client = Client::start(Lockgate::new("run").arg(server.url()));
    let mut meta = modern();
    meta["progressToken"] = json!("mine");
    client.request(7, "tools/call", json!({ "name": "add", "arguments": { "a": 1 }, "_meta": meta }));
    let progress = client.next();
    assert_eq!(progress["params"], json!({ "progress": 1, "progressToken": "mine" }));
    assert_eq!(client.answer(7)["result"]["content"][0]["text"], "1");
    let (ended, _) = client.close();
    ended.good();
}

#[test]
fn what_nobody_can_see_to_is_refused_before_anything_is_dialled() {
    let server = adder();
    for flags in [["--allow-http", "https://example.com"], ["--env", "A=b"], ["--memory", "64MiB"]] {
        let ended = Lockgate::new("tools").arg(server.url()).args(flags).run();
        assert!(ended.failed(3).contains("a server at a URL runs elsewhere"), "{ended}");
    }
    assert_eq!(server.methods(), [""; 0]);
}

#[test]
fn a_person_is_told_why_a_server_does_not_answer_and_what_to_do() {
    for (status, headers, body) in [
        (401, "", "no"),
        (200, "content-type: text/html\r\n", "<html>\u{1b}[2J"),
        (429, "retry-after: 3\r\n", ""),
        (307, "location: http://169.254.169.254/\r\n", ""),
        (500, "", "x"),
    ] {
        let server = RemoteServer::playing(move |_| plain(status, headers, body));
        let ended = Lockgate::new("tools")
            .arg(format!("far={}", server.url()))
            .naming(server.url().trim_end_matches("/mcp"), "ORIGIN")
            .run();
        insta::with_settings!({ snapshot_suffix => format!("{status}") }, {
            insta::assert_snapshot!("why_a_server_does_not_answer", ended);
        });
    }
}

#[test]
fn a_hanging_server_ends_with_the_time_of_a_call() {
    let server = RemoteServer::playing(|_| vec![Step::Hang]);
    let ended = Lockgate::new("tools").arg(server.url()).args(["--time", "300ms"]).run();
    assert!(ended.failed(1).contains("its time limit of 300ms; `--time` raises it"), "{ended}");
    server.wait_for_hang_up();
}

#[test]
fn a_strangers_error_reaches_the_terminal_escaped() {
    let server = RemoteServer::modern(|heard| {
        let error = json!({ "code": -32000, "message": "\u{1b}[31mno\u{202e}" });
        document(200, &json!({ "jsonrpc": "2.0", "id": heard.body["id"], "error": error }))
    });
    let ended = Lockgate::new("tools").arg(server.url()).run();
    assert_eq!(ended.failed(1), "lockgate: \\u{1b}[31mno\\u{202e}\n");
}

#[test]
fn a_session_is_ended_before_the_program_is() {
    let server = RemoteServer::playing(|heard| match (&*heard.verb, heard.method()) {
        ("POST", "server/discover") => plain(400, "", ""),
        ("POST", "initialize") => {
            let result = json!({
                "protocolVersion": "2025-11-25",
                "capabilities": { "tools": {} },
                "serverInfo": { "name": "old", "version": "1" },
            });
            let body = heard.response(result).to_string();
            plain(200, "content-type: application/json\r\nmcp-session-id: s1\r\n", &body)
        }
        ("POST", "tools/list") => heard.result(json!({ "tools": [] })),
        ("DELETE", _) => plain(200, "", ""),
        ("GET", _) => vec![Step::Hang],
        _ => plain(202, "", ""),
    });
    Lockgate::new("tools").arg(server.url()).run().good();
    let last = server.heard().pop().unwrap();
    assert_eq!((&*last.verb, last.header("mcp-session-id")), ("DELETE", "s1"));
    let mut client = Client::start(Lockgate::new("run").arg(server.url()));
    client.initialize("2025-11-25", json!({}));
    client.close().0.good();
    assert_eq!(server.methods().iter().filter(|method| *method == "DELETE").count(), 2);
}

/// A home whose configuration trusts this certificate besides the system's.
fn home_that_trusts(certificate: &str) -> Home {
    let home = Home::empty();
    let config = home.path().join("config");
    fs::create_dir_all(&config).unwrap();
    fs::write(config.join("ca.pem"), certificate).unwrap();
    fs::write(config.join("config.toml"), "[network]\nroots = [\"ca.pem\"]\n").unwrap();
    home
}

#[test]
fn only_a_certificate_that_is_trusted_and_fits_is_good_enough() {
    let server = adder();
    let tls = Tls::in_front_of(server.port(), "127.0.0.1");
    let home = home_that_trusts(tls.certificate());
    let called = Lockgate::call(&tls.url(), "add").args(["a=1", "b=2"]).home(home.path()).run();
    assert_eq!(called.good(), "3");
    let before = server.heard().len();
    let unknown = Lockgate::new("tools").arg(tls.url()).run();
    assert!(unknown.failed(1).contains("goes into `[network] roots`"), "{unknown}");
    let other = Tls::in_front_of(server.port(), "elsewhere.example");
    let home = home_that_trusts(other.certificate());
    let unfit = Lockgate::new("tools").arg(other.url()).home(home.path()).run();
    assert!(unfit.failed(1).contains("cannot be trusted: invalid peer certificate"), "{unfit}");
    assert_eq!(server.heard().len(), before);
}

#[test]
fn a_credential_goes_to_its_server_and_is_shown_nowhere() {
    let server = RemoteServer::playing(|heard| {
        if heard.header("authorization") != "Bearer s3cr3t-value" {
            return plain(401, "", "");
        }
        match heard.method() {
            "server/discover" => heard.result(discovery()),
            _ => heard.result(json!({ "resultType": "complete", "tools": [{
                "name": "echo",
                "description": format!("sent {}", heard.header("authorization")),
                "inputSchema": { "type": "object" },
            }] })),
        }
    });
    let origin = server.url().trim_end_matches("/mcp").to_owned();
    let with = |value: &str| {
        let flag = format!("{origin} Authorization: Bearer {{env:FAR_TOKEN}}");
        Lockgate::new("tools").arg(server.url()).args(["--credential", &flag]).env("FAR_TOKEN", value).run()
    };
    let good = with("s3cr3t-value");
    assert!(good.good().contains("echo") && !good.stdout.contains("s3cr3t-value"), "{good}");
    let stale = with("0ld-value");
    assert!(stale.failed(1).contains("a new one may be needed") && !stale.stderr.contains("0ld-value"), "{stale}");
    let plan = Lockgate::new("plan").arg(server.url()).args(["--reveal-env", "TOKEN=env:FAR_TOKEN"]).run();
    assert!(plan.failed(3).contains("the variable of a credential"), "{plan}");
}
