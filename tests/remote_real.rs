//! Remote servers that others made, in both eras: those of Python's SDK and the reference server `everything`.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use serde_json::{Value, json};

use crate::support::{Client, DEADLINE, Lockgate, modern};

/// A server's process. It is ended with this value.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    /// Python's, of this era.
    fn python(era: &str) -> Self {
        let mut command = Command::new(installed("python/bin/python"));
        command.arg(source("tests/clients/python_server.py")).arg(era).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let port = line(child.stdout.take().unwrap(), |_| true);
        Self { child, url: format!("http://127.0.0.1:{}/mcp", port.trim()) }
    }

    /// The reference server, with sessions.
    fn everything() -> Self {
        // It has to be told its port, and does not say which one it got: the port is taken from the system, and let go.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let program = "node/node_modules/@modelcontextprotocol/server-everything/dist/index.js";
        let mut command = Command::new("node");
        command.arg(installed(program)).arg("streamableHttp").env("PORT", port.to_string());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        line(child.stderr.take().unwrap(), |line| line.contains("listening"));
        Self { child, url: format!("http://127.0.0.1:{port}/mcp") }
    }

    fn call(&self, tool: &str, arguments: &[&str]) -> String {
        Lockgate::call(&self.url, tool).args(arguments).run().good().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The first line that is the wanted one. All others are read, too, so that the server can go on writing.
fn line(pipe: impl std::io::Read + Send + 'static, wanted: impl Fn(&str) -> bool + Send + 'static) -> String {
    let (found, first) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if wanted(&line) {
                let _ = found.send(line);
            }
        }
    });
    first.recv_timeout(DEADLINE).unwrap()
}

fn installed(path: &str) -> PathBuf {
    let path = source(".setup").join(path);
    assert!(path.exists(), "{} is missing: run `make setup`", path.display());
    path
}

fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(path)
}

#[test]
fn pythons_servers_of_both_eras_list_call_and_report_progress() {
    for era in ["modern", "legacy"] {
        let server = Server::python(era);
        let listed = Lockgate::new("tools").arg(&server.url).run();
        let names: Vec<&str> = listed.good().lines().filter_map(|line| line.split(' ').next()).collect();
        assert_eq!(names, ["add", "slow", "ask"], "{era}");
        assert_eq!(server.call("add", &["a=2", "b=40"]), "42", "{era}");
        let mut client = Client::start(Lockgate::new("run").arg(&server.url));
        let mut meta = modern();
        meta["progressToken"] = json!(5);
        client.request(1, "tools/call", json!({ "name": "slow", "arguments": {}, "_meta": meta }));
        for step in 1..=3 {
            let progress = client.next();
            assert_eq!(progress["params"]["progress"], f64::from(step), "{era}: {progress}");
            assert_eq!(progress["params"]["progressToken"], 5, "{era}: {progress}");
        }
        let answer = client.answer(1);
        assert_eq!(answer["result"]["content"][0]["text"], "done", "{era}: {answer}");
        client.request(2, "resources/read", json!({ "uri": "note://größe", "_meta": modern() }));
        let answer = client.answer(2);
        assert_eq!(answer["result"]["contents"][0]["text"], "a note", "{era}: {answer}");
        client.close().0.good();
    }
}

#[test]
fn an_older_client_is_asked_by_an_older_server() {
    for (server, tool) in [(Server::python("legacy"), "ask"), (Server::everything(), "trigger-elicitation-request")] {
        let mut client = Client::start(Lockgate::new("run").arg(&server.url));
        client.initialize("2025-11-25", json!({ "elicitation": {} }));
        client.call(1, tool, json!({}));
        let question = client.wait_for(|message| message["method"] == "elicitation/create");
        let content = json!({ "colour": "red", "name": "x", "check": true });
        let answer = json!({ "action": "accept", "content": content });
        client.send(&json!({ "jsonrpc": "2.0", "id": question["id"], "result": answer }));
        let answer = client.answer(1);
        assert!(answer["result"]["content"].is_array() && answer["result"]["isError"] != true, "{answer}");
        client.close().0.good();
    }
}

#[test]
fn the_reference_server_keeps_a_session_for_each_client() {
    let server = Server::everything();
    assert_eq!(server.call("echo", &["message=hi"]), "Echo: hi");
    let mut clients: Vec<Client> = (0..2)
        .map(|_| {
            let mut client = Client::start(Lockgate::new("run").arg(&server.url));
            client.initialize("2025-06-18", json!({}));
            client
        })
        .collect();
    for (client, message) in clients.iter_mut().zip(["one", "two"]) {
        assert_eq!(client.text("echo", json!({ "message": message })), format!("Echo: {message}"));
    }
    for client in &mut clients {
        client.request(
            "slow",
            "tools/call",
            json!({
                "name": "trigger-long-running-operation",
                "arguments": { "duration": 0.2, "steps": 2 },
                "_meta": { "progressToken": "p" },
            }),
        );
        let progress = client.wait_for(|message| message["method"] == "notifications/progress");
        assert_eq!(progress["params"]["progressToken"], "p");
        let answer: Value = client.answer("slow");
        assert!(answer["result"]["content"][0]["text"].as_str().unwrap().contains("completed"), "{answer}");
    }
    for client in clients {
        client.close().0.good();
    }
}
