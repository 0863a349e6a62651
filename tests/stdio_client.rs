//! `lockgate run` with a client that does not behave: each line is answered or left, and the next request is served.

use std::io::{BufRead, BufReader, Write};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{Client, Lockgate, evil, modern};

/// Sends lines one by one, each followed by a ping. Gives the lines with what came between.
fn conversation(client: &mut Client, lines: &[&str]) -> String {
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        text.push_str(&format!("> {line}\n"));
        client.line(line);
        let id = format!("after {number}");
        client.request(&*id, "ping", json!({}));
        loop {
            let message = client.next();
            if message["id"] == *id {
                assert!(message["result"].is_object(), "{message}");
                break;
            }
            text.push_str(&format!("< {message}\n"));
        }
    }
    text
}

fn in_session() -> Client {
    Client::in_session(&evil(), "2025-11-25")
}

#[test]
fn garbage_is_answered_with_what_is_wrong() {
    insta::assert_snapshot!(conversation(
        &mut in_session(),
        &[
            "garbage",
            "{",
            "{}",
            "null",
            "1",
            "\"text\"",
            "[]",
            "{} {}",
            r#"{"jsonrpc":"2.0"}"#,
            r#"{"jsonrpc":"2.0","id":1}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":5}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":"x"}"#,
            r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
            r#"{"id":1,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":"m"}}"#,
            r#"{"jsonrpc":"2.0","id":"nobody asked","result":{}}"#,
            r#"{"jsonrpc":"2.0","method":"notifications/no-such-thing"}"#,
            r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"unknown"}}"#,
            r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"ok"}}"#,
            "POST / HTTP/1.1",
        ]
    ));
}

#[test]
fn bytes_that_are_no_text_are_answered() {
    let mut client = in_session();
    for bytes in [&b"\xff\xfe\xfd\n"[..], b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xc3\x28\"}\n", b"\0\0\0\0\n"] {
        client.bytes(bytes);
        let answer = client.next();
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&Value::Null, &(-32700).into()), "{answer}");
    }
    // Blank lines are nothing, and a line may end as on Windows.
    client.bytes("\n \n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\r\n");
    assert!(client.answer(1)["result"].is_object());
    assert!(client.others().is_empty());
}

#[test]
fn deep_nesting_is_refused() {
    let mut client = in_session();
    client.line(&"[".repeat(100_000));
    assert!(client.next()["error"].is_object());
    let deep = format!("{}{}", "{\"a\":".repeat(10_000), "1".to_owned() + &"}".repeat(10_000));
    let call =
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"ok","arguments":{deep}}}}}"#);
    client.line(&call);
    assert!(client.next()["error"].is_object());
    assert_eq!(client.text("ok", json!({})), "ok");
}

#[test]
fn a_line_of_a_hundred_mebibytes_is_skipped_without_being_held() {
    let mut client = in_session();
    assert_eq!(client.text("ok", json!({})), "ok");
    let before = most_memory(&client);
    client.bytes(vec![b'x'; 100 << 20]);
    client.bytes("\n");
    let answer = client.next();
    assert!(answer["error"]["message"].as_str().unwrap().contains("at most 16 MiB; this one was skipped"), "{answer}");
    assert_eq!(client.text("ok", json!({})), "ok");
    let grown = most_memory(&client) - before;
    assert!(grown < 64 << 10, "{grown} KiB more");
}

/// The most memory that the gateway ever had, in KiB.
fn most_memory(client: &Client) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", client.pid().as_raw_pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn a_line_that_never_ends_is_skipped_when_the_client_leaves() {
    let client = in_session();
    client.bytes(vec![b'x'; 20 << 20]);
    let (ended, rest) = client.close();
    assert_eq!(ended.code, Some(0), "{ended}");
    assert_eq!(rest.len(), 1, "{rest:?}");
}

#[test]
fn a_last_line_without_an_end_is_served() {
    let client = in_session();
    client.bytes(r#"{"jsonrpc":"2.0","id":"last","method":"ping"}"#);
    let (ended, rest) = client.close();
    assert_eq!(ended.code, Some(0), "{ended}");
    assert_eq!(rest, [json!({ "jsonrpc": "2.0", "id": "last", "result": {} })]);
}

#[test]
fn a_text_that_two_readers_could_understand_differently_is_refused() {
    insta::assert_snapshot!(conversation(
        &mut in_session(),
        &[
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","m\u0065thod":"tools/call"}"#,
            r#"{"jsonrpc":"2.0","id":1,"ID":2,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ok","name":"trap"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ok","Name":"trap"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ok","n\u0061me":"trap"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ok","ARGUMENTS":{}}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"a":1,"a":2}}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"a":{"b":1,"\u0062":2}}}}"#,
        ]
    ));
}

#[test]
fn keys_that_only_the_server_reads_may_differ_in_case() {
    let mut client = in_session();
    assert_eq!(client.text("echo", json!({ "a": 1, "A": 2 })), r#"{"a":1,"A":2}"#);
}

#[test]
fn a_batch_is_served_in_the_one_revision_that_has_it() {
    let mut client = Client::in_session(&evil(), "2025-03-26");
    let call =
        |id: u64, tool: &str| json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": tool } });
    let ping = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    client.send(&json!([call(1, "ok"), ping, call(2, "trap"), { "jsonrpc": "2.0", "id": 3, "method": "ping" }]));
    let answers = client.wait_for(Value::is_array);
    let mut ids: Vec<u64> = answers.as_array().unwrap().iter().map(|answer| answer["id"].as_u64().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, [1, 2, 3]);
    // One without a request is not answered, and one in one is no message.
    client.send(&json!([ping]));
    client.send(&json!([[call(4, "ok")], call(5, "ok"), 6]));
    let answers = client.wait_for(Value::is_array);
    assert_eq!(answers.as_array().unwrap().iter().filter(|answer| answer["id"] == 5).count(), 1, "{answers}");
    assert!(client.others().is_empty(), "{:?}", client.others());
}

#[test]
fn a_batch_is_refused_in_all_other_revisions() {
    let ping = json!([{ "jsonrpc": "2.0", "id": 1, "method": "ping" }]);
    for revision in ["2024-11-05", "2025-06-18", "2025-11-25"] {
        let mut client = Client::in_session(&evil(), revision);
        client.send(&ping);
        let answer = client.next();
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&Value::Null, &(-32600).into()), "{answer}");
        assert_eq!(client.text("ok", json!({})), "ok");
    }
    let mut client = Client::start(Lockgate::new("run").arg(evil()));
    client.send(&json!([{ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": { "_meta": modern() } }]));
    assert!(client.next()["error"].is_object());
}

#[test]
fn a_batch_that_is_too_long_is_refused() {
    let mut client = Client::in_session(&evil(), "2025-03-26");
    let pings: Vec<Value> = (0..10_000).map(|id| json!({ "jsonrpc": "2.0", "id": id, "method": "ping" })).collect();
    client.send(&pings.into());
    let answer = client.next();
    assert!(answer["error"]["message"].as_str().unwrap().contains("at most 256 messages"), "{answer}");
    assert_eq!(client.text("ok", json!({})), "ok");
}

#[test]
fn ids_of_every_type_come_back_as_they_were() {
    let client = in_session();
    let ids = ["0", "-1", "1.5", "1e2", "9007199254740993", "123456789012345678901234567890", "\"\"", "\"1\"", "1"];
    let others = [r#""\u00e9 \"quoted\" \\ \n""#, r#""__proto__""#, "\"🦀\""];
    for id in ids.iter().chain(&others) {
        client.line(&format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"ok"}}}}"#));
    }
    // As texts: a number that a client wrote as `1.5` or with thirty digits is not to be rewritten.
    let (ended, lines) = client.close_with_lines();
    assert_eq!(ended.code, Some(0), "{ended}");
    for id in ids.iter().chain(&others) {
        let expected = format!(r#""id":{id},"#);
        assert_eq!(lines.iter().filter(|line| line.contains(&expected)).count(), 1, "{id}: {lines:#?}");
    }
}

#[test]
fn what_is_no_id_is_refused() {
    insta::assert_snapshot!(conversation(
        &mut in_session(),
        &[
            r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":true,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":[],"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#,
        ]
    ));
}

#[test]
fn an_id_is_not_used_twice_at_once() {
    let mut client = in_session();
    client.call("same", "sleep", json!({ "ms": 300 }));
    client.call("same", "ok", json!({}));
    let refused = client.answer("same");
    assert!(refused["error"]["message"].as_str().unwrap().contains("under way already"), "{refused}");
    assert_eq!(client.answer("same")["result"]["content"][0]["text"], "awake");
}

#[test]
fn a_client_that_hangs_up_ends_the_gateway() {
    // Long before the time of the call is over, although there is nothing to write that would fail.
    for tool in ["spin", "sleep", "ok", "flood-log"] {
        let mut process = Lockgate::new("run").arg(evil()).args(["--time", "1h"]).start();
        let (mut stdin, stdout) = process.pipes();
        let hello = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "x" } });
        let call = json!({ "name": tool, "arguments": { "ms": 1_000_000 } });
        for (id, method, params) in [(1, "initialize", hello), (2, "tools/call", call)] {
            let request = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
            writeln!(stdin, "{request}").unwrap();
        }
        // The first answer is here, so the call is on its way.
        let mut stdout = BufReader::new(stdout);
        stdout.read_line(&mut String::new()).unwrap();
        drop((stdin, stdout));
        let ended = process.finish();
        assert_eq!((ended.code, ended.signal), (Some(0), None), "{tool}: {ended}");
    }
}

#[test]
fn a_client_that_leaves_before_it_began_is_no_error() {
    let client = Client::start(Lockgate::new("run").arg(evil()));
    let (ended, rest) = client.close();
    assert_eq!((ended.code, rest), (Some(0), vec![]));
}

#[test]
fn calls_that_are_under_way_are_answered_after_the_last_line() {
    let client = in_session();
    for id in 0..20 {
        client.call(id, "sleep", json!({ "ms": 200 }));
    }
    let (ended, rest) = client.close();
    assert_eq!(ended.code, Some(0), "{ended}");
    let mut ids: Vec<_> = rest.iter().map(|answer| answer["id"].as_u64().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, Vec::from_iter(0..20));
    assert!(rest.iter().all(|answer| answer["result"]["content"][0]["text"] == "awake"), "{rest:?}");
}

#[test]
fn a_signal_ends_the_gateway_whatever_guests_do() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut client = in_session();
        client.call(1, "spin", json!({}));
        client.call(2, "sleep", json!({ "ms": 1_000_000 }));
        assert_eq!(client.text("ok", json!({})), "ok");
        client.signal(signal);
        // Its stdin stays open.
        let ended = client.ended();
        assert_eq!((ended.code, ended.signal), (Some(0), None), "{ended}");
    }
}
