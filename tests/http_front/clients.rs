//! Real clients, made by others, over HTTP, in every mode they have.

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::{Value, json};

use super::gateway::{Gateway, LOCAL};
use crate::support::time;

/// What every client has to see of `time`.
fn expected(version: &str) -> Value {
    json!({
        "version": version,
        "tools": ["get_current_time", "convert_time"],
        "structured": ["source", "target", "time_difference"],
        "failed": [false, true],
    })
}

const MODES: [(&str, &str); 3] = [("legacy", "2025-11-25"), ("modern", "2026-07-28"), ("auto", "2026-07-28")];

#[test]
fn pythons_client_uses_a_tool_in_every_mode() {
    let gateway = Gateway::start(&time());
    for (mode, version) in MODES {
        let mut command = Command::new(installed("python/bin/python"));
        command.arg(source("tests/clients/python_client.py")).args([mode, &gateway.url(), LOCAL]);
        let (stdout, stderr) = finished(command);
        assert_eq!(serde_json::from_str::<Value>(&stdout).unwrap(), expected(version), "{mode}");
        // It says so where a session does not end as it should.
        assert!(!stderr.contains("failed"), "{mode}: {stderr}");
    }
    gateway.stop();
}

#[test]
fn typescripts_client_uses_a_tool_in_every_mode() {
    let gateway = Gateway::start(&time());
    for (mode, version) in MODES {
        let mut command = Command::new("node");
        command.arg(source("tests/clients/typescript_client.mjs")).arg(installed("node/node_modules"));
        command.args([mode, &gateway.url(), LOCAL]);
        let (stdout, _) = finished(command);
        assert_eq!(serde_json::from_str::<Value>(&stdout).unwrap(), expected(version), "{mode}");
    }
    gateway.stop();
}

#[test]
fn the_inspector_lists_and_calls_in_every_mode() {
    let gateway = Gateway::start_with(&format!("clock={}", time()), &[]);
    let of_one = format!("http://{}/servers/clock/mcp", gateway.address());
    for (era, url) in [("legacy", gateway.url()), ("modern", gateway.url()), ("auto", of_one)] {
        let home = tempfile::tempdir().unwrap();
        let inspect = |arguments: &[&str]| {
            let mut command = Command::new(installed("node/node_modules/.bin/mcp-inspector"));
            command.env("HOME", home.path()).env("MCP_INSPECTOR_SECRET_STORE", "memory");
            command.args(["--cli", &url, "--transport", "http", "--header", &format!("Authorization: Bearer {LOCAL}")]);
            finished(command.args(arguments).args(["--protocol-era", era])).0
        };
        let listed = inspect(&["--method", "tools/list"]);
        for tool in ["get_current_time", "convert_time"] {
            assert!(listed.contains(tool), "{era}: {listed}");
        }
        let arguments = ["source_timezone=UTC", "time=12:00", "target_timezone=Asia/Kathmandu"];
        let arguments = arguments.iter().flat_map(|argument| ["--tool-arg", argument]);
        let called = inspect(
            &["--method", "tools/call", "--tool-name", "convert_time"].into_iter().chain(arguments).collect::<Vec<_>>(),
        );
        assert!(called.contains("+5.75h"), "{era}: {called}");
    }
    gateway.stop();
}

fn finished(mut command: impl std::borrow::BorrowMut<Command>) -> (String, String) {
    let command = command.borrow_mut();
    let Output { status, stdout, stderr } = command.output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{command:?} ended with {status}\n{stdout}\n{stderr}");
    (stdout.into_owned(), stderr.into_owned())
}

/// A part that `make setup` installs.
fn installed(path: &str) -> PathBuf {
    let path = source(".setup").join(path);
    assert!(path.exists(), "{} is missing: run `make setup`", path.display());
    path
}

fn source(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(path)
}
