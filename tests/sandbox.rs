//! What a server finds in its sandbox: nothing, unless it was granted.

use serde_json::json;

use crate::support::{Listener, Lockgate, evil};

#[test]
fn each_call_starts_afresh() {
    for _ in 0..3 {
        assert_eq!(Lockgate::call(&evil(), "count").run().good(), r#"{"calls":1}"#);
    }
}

#[test]
fn the_environment_of_the_person_is_not_given() {
    let ended = Lockgate::call(&evil(), "env").env("SECRET", "hunter2").env("EVIL", "start-trap").run();
    assert_eq!(ended.good(), "{}");
    assert_eq!(Lockgate::call(&evil(), "args").run().good(), "[]");
}

#[test]
fn a_variable_is_given_when_it_is_granted() {
    let ended = Lockgate::call(&evil(), "env").args(["--env", "A=1", "--env", "B=x=y", "--env", "EMPTY="]).run();
    let given: serde_json::Value = serde_json::from_str(ended.good()).unwrap();
    assert_eq!(given, json!({ "A": "1", "B": "x=y", "EMPTY": "" }));
}

#[test]
fn no_file_is_visible() {
    for (tool, path) in [
        ("list-dir", "/"),
        ("list-dir", "."),
        ("read-file", "/etc/passwd"),
        ("read-file", "/proc/self/environ"),
        ("read-file", "../../etc/passwd"),
    ] {
        let ended = Lockgate::call(&evil(), tool).arg(format!("path={path}")).run();
        ended.failed(5);
    }
}

#[test]
fn no_address_is_reached_and_no_name_is_looked_up() {
    let listener = Listener::hello();
    let port = format!("port={}", listener.port());
    Lockgate::call(&evil(), "connect").args(["address=127.0.0.1", &port]).run().failed(5);
    Lockgate::call(&evil(), "resolve").arg("name=localhost").run().failed(5);
    // A rule for HTTP is no right to open sockets.
    let rule = listener.url("/");
    Lockgate::call(&evil(), "connect").args(["address=127.0.0.1", &port, "--allow-http", &rule]).run().failed(5);
    assert_eq!(listener.heard(), [""; 0]);
}
