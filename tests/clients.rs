//! Real clients, made by others, in every mode they have: the MCP Inspector, Python's `mcp` and TypeScript's client.
//! And the reference servers, beside ours on the same calls.

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::{Value, json};

/// What every client has to see of `time`.
fn expected(version: &str) -> Value {
    json!({
        "version": version,
        "tools": ["get_current_time", "convert_time"],
        "structured": ["source", "target", "time_difference"],
        "failed": [false, true],
    })
}

#[test]
fn pythons_client_uses_a_tool_in_every_mode() {
    for (mode, version) in [("legacy", "2025-11-25"), ("modern", "2026-07-28"), ("auto", "2026-07-28")] {
        let mut command = Command::new(installed("python/bin/python"));
        command.arg(source("tests/clients/python_client.py")).arg(mode);
        assert_eq!(seen_by(command), expected(version), "{mode}");
    }
}

#[test]
fn typescripts_client_uses_a_tool_in_every_mode() {
    for (mode, version) in [("legacy", "2025-11-25"), ("modern", "2026-07-28"), ("auto", "2026-07-28")] {
        let mut command = Command::new("node");
        command.arg(source("tests/clients/typescript_client.mjs")).arg(installed("node/node_modules")).arg(mode);
        assert_eq!(seen_by(command), expected(version), "{mode}");
    }
}

#[test]
fn the_inspector_lists_and_calls_in_every_mode() {
    for era in ["legacy", "modern", "auto"] {
        let home = tempfile::tempdir().unwrap();
        let inspect = |arguments: &[&str]| {
            let mut command = Command::new(installed("node/node_modules/.bin/mcp-inspector"));
            command.env("HOME", home.path()).env("MCP_INSPECTOR_SECRET_STORE", "memory").arg("--cli");
            command.arg(lockgate()).arg("run").arg(guest()).args(arguments).args(["--protocol-era", era]);
            finished(command)
        };
        let listed = inspect(&["--method", "tools/list"]);
        for tool in ["get_current_time", "convert_time"] {
            assert!(listed.contains(tool), "{era}: {listed}");
        }
        let called = inspect(&[
            "--method",
            "tools/call",
            "--tool-name",
            "convert_time",
            "--tool-arg",
            "source_timezone=UTC",
            "--tool-arg",
            "time=12:00",
            "--tool-arg",
            "target_timezone=Asia/Kathmandu",
        ]);
        assert!(called.contains("+5.75h"), "{era}: {called}");
    }
}

#[test]
fn time_answers_as_the_reference_server_does() {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(installed("python/bin/python"));
    command.arg(source("tests/compare/time_reference.py")).arg("--").arg(lockgate());
    command.arg("--home").arg(home.path()).args(["run", "--env", "TZ=UTC"]).arg(guest());
    let said = finished(command);
    assert!(said.contains(" passed, 0 failed"), "{said}");
}

#[test]
fn filesystem_answers_as_the_reference_server_does() {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(installed("python/bin/python"));
    command.arg(source("tests/compare/filesystem_reference.py")).arg("--reference");
    command.arg(installed("node/node_modules/@modelcontextprotocol/server-filesystem/dist/index.js")).arg("--");
    command.arg(lockgate()).arg("--home").arg(home.path()).args(["run", "--dir", "{dir}={dir},rw"]);
    command.arg(existing(source("examples/dist/filesystem.wasm"), "make examples"));
    let said = finished(command);
    assert!(said.contains(" passed, 0 failed"), "{said}");
}

#[test]
fn brave_asks_and_answers_as_the_reference_server_does() {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(installed("python/bin/python"));
    command.arg(source("tests/compare/brave_reference.py")).arg("--reference");
    command.arg(installed("node/node_modules/@brave/brave-search-mcp-server/dist/index.js")).arg("--");
    command.arg(lockgate()).arg("--home").arg(home.path());
    command.args(["run", "--env", "BRAVE_API_URL={url}", "--allow-http", "GET {url}/"]);
    command.args(["--credential", "{url} X-Subscription-Token: {env:BRAVE_API_KEY}"]).env("BRAVE_API_KEY", "the-key");
    command.arg(existing(source("examples/dist/brave.wasm"), "make examples"));
    let said = finished(command);
    assert!(said.contains(" passed, 0 failed"), "{said}");
}

/// What a client script prints, as the client of `lockgate run`.
fn seen_by(mut command: Command) -> Value {
    let home = tempfile::tempdir().unwrap();
    command.arg(lockgate()).arg("--home").arg(home.path()).arg("run").arg(guest());
    let said = finished(command);
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
}

fn finished(mut command: Command) -> String {
    let Output { status, stdout, stderr } = command.env_remove("CI").output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{command:?} ended with {status}\n{stdout}\n{stderr}");
    stdout.into_owned()
}

fn lockgate() -> &'static str {
    env!("CARGO_BIN_EXE_lockgate")
}

fn guest() -> PathBuf {
    existing(source("examples/dist/time.wasm"), "make examples")
}

/// A part that `make setup` installs.
fn installed(path: &str) -> PathBuf {
    existing(source(".setup").join(path), "make setup")
}

fn existing(path: PathBuf, target: &str) -> PathBuf {
    assert!(path.exists(), "{} is missing: run `{target}`", path.display());
    path
}

fn source(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(path)
}
