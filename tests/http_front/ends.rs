//! How it starts, and how it ends.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rustix::process::Signal;
use serde_json::json;

use super::gateway::{Connection, Gateway, LOCAL, write_tokens};
use crate::support::{Home, Lockgate, evil, probe};

fn run(home: &Home, arguments: &[&str]) -> Lockgate {
    Lockgate::new("run").arg(probe()).args(arguments).home(home.path())
}

#[test]
fn the_first_start_makes_a_token_and_says_where_it_is_but_not_what() {
    let home = Home::warm();
    let process = run(&home, &["--listen", "127.0.0.1:0"]).start();
    let address = process.says("listening on http://").strip_suffix("/mcp").unwrap().parse().unwrap();
    let path = home.path().join("config/tokens");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&path).unwrap();
    let token = text.lines().find_map(|line| line.strip_prefix("local ")).unwrap();
    let mut client = Connection::to(address);
    assert_eq!(client.modern(1, "tools/list", json!({})).status, 401);
    client.set("Authorization", &format!("Bearer {token}"));
    assert_eq!(client.modern(1, "tools/list", json!({})).status, 200);
    process.signal(Signal::INT);
    let ended = process.finish();
    assert_eq!((ended.code, &*ended.stdout), (Some(0), ""), "{ended}");
    assert!(ended.stderr.contains(&format!("made a token for `local` in {}", path.display())), "{ended}");
    assert!(!ended.stderr.contains(token), "{ended}");
    // The command that it says prints the token, and nothing else.
    let command = ended.stderr.lines().find_map(|line| line.split_once("to read it: ")).unwrap().1;
    let printed = std::process::Command::new("/bin/sh").args(["-c", command]).output().unwrap();
    assert_eq!(String::from_utf8(printed.stdout).unwrap().trim(), token);
    // The next start finds it.
    let process = run(&home, &["--listen", "127.0.0.1:0"]).start();
    process.says("listening on ");
    process.signal(Signal::TERM);
    assert!(!process.finish().stderr.contains("made a token"));
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn a_file_of_tokens_that_is_not_right_is_refused() {
    let home = Home::warm();
    let listening = ["--listen", "127.0.0.1:0"];
    write_tokens(home.path(), &format!("local {LOCAL}\nann short\n"));
    let ended = run(&home, &listening).run();
    assert!(ended.failed(2).contains("tokens, line 2: a token has 32 to 512 characters"), "{ended}");
    write_tokens(home.path(), &format!("local {LOCAL}\n"));
    let path = home.path().join("config/tokens");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let ended = run(&home, &listening).run();
    assert!(ended.failed(3).contains("others than its owner may use"), "{ended}");
    assert!(!ended.stderr.contains(LOCAL), "{ended}");
}

#[test]
fn a_port_in_use_is_named() {
    let home = Home::warm();
    write_tokens(home.path(), &format!("local {LOCAL}\n"));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = run(&home, &["--listen", &address]).run();
    assert!(ended.failed(1).contains(&format!("{address} is in use by another program")), "{ended}");
    assert!(ended.stderr.contains("help: "), "{ended}");
}

#[test]
fn addresses_that_others_could_reach_are_refused() {
    let home = Home::warm();
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let ended = run(&home, &["--listen", address, "--no-auth"]).run();
        assert!(ended.failed(2).contains("which needs TLS"), "{ended}");
    }
    for address in ["localhost", "8811", "127.0.0.1"] {
        assert!(run(&home, &["--listen", address]).run().failed(2).contains("ADDRESS:PORT"));
    }
    // It would mean nothing on stdin and stdout.
    run(&home, &["--no-auth"]).run().failed(2);
    assert!(!home.path().join("config/tokens").exists());
}

#[test]
fn what_is_under_way_is_answered_before_the_end() {
    for signal in [Signal::TERM, Signal::INT] {
        let gateway = Gateway::start(&evil());
        let mut clients: Vec<_> = (0..3).map(|_| gateway.connect()).collect();
        for client in &mut clients {
            client.send_modern(1, "tools/call", json!({ "name": "sleep", "arguments": { "ms": 1000 } }));
        }
        let mut session = gateway.connect();
        session.initialize("2025-11-25", json!({}));
        // Once this is answered, those before it are under way: they are taken in turn.
        assert_eq!(gateway.connect().modern(2, "tools/call", json!({ "name": "ok" })).text(), "ok");
        gateway.signal(signal);
        for client in &mut clients {
            let answer = client.response();
            assert_eq!((answer.status, &answer.json()["id"]), (200, &1.into()));
            assert!(client.is_closed());
        }
        assert!(session.is_closed());
        assert_eq!(gateway.ended().code, Some(0));
    }
}

#[test]
fn a_call_that_takes_too_long_does_not_keep_it_from_ending() {
    let gateway = Gateway::start(&evil());
    let mut client = gateway.connect();
    client.send_modern(1, "tools/call", json!({ "name": "sleep", "arguments": { "ms": 25_000 } }));
    assert_eq!(gateway.connect().modern(2, "tools/call", json!({ "name": "ok" })).text(), "ok");
    gateway.signal(Signal::TERM);
    assert!(client.is_closed());
    let ended = gateway.ended();
    assert_eq!(ended.code, Some(0), "{ended}");
}
