//! A small MCP client on the pipes of `lockgate run`, which sends exactly what it is told to.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};

use rustix::process::{Pid, Signal};
use serde_json::{Value, json};

use super::{DEADLINE, Ended, Lockgate, Process};

/// A client and the gateway it started.
pub(crate) struct Client {
    process: Process,
    /// What is still to be written: by a thread of its own, as the gateway may stop reading at any time.
    writer: Option<Sender<Vec<u8>>>,
    lines: Receiver<String>,
    /// What came while something else was waited for.
    others: VecDeque<Value>,
}

impl Client {
    /// Starts the gateway, and says nothing yet.
    pub(crate) fn start(command: Lockgate) -> Self {
        let mut process = command.start();
        let (mut stdin, stdout) = process.pipes();
        let (writer, texts) = mpsc::channel::<Vec<u8>>();
        std::thread::spawn(move || {
            // A gateway that has ended takes nothing more.
            while texts.recv().is_ok_and(|text| stdin.write_all(&text).and_then(|()| stdin.flush()).is_ok()) {}
        });
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                if line.is_err() || sender.send(line.unwrap()).is_err() {
                    return;
                }
            }
        });
        Self { process, writer: Some(writer), lines, others: VecDeque::new() }
    }

    /// Starts `lockgate run SERVER`, and a session of this revision.
    pub(crate) fn in_session(server: &str, revision: &str) -> Self {
        let mut client = Self::start(Lockgate::new("run").arg(server));
        client.initialize(revision, json!({}));
        client
    }

    /// Begins a session, and gives what the gateway said of itself.
    pub(crate) fn initialize(&mut self, revision: &str, capabilities: Value) -> Value {
        let info = json!({ "name": "outside", "version": "1" });
        let params = json!({ "protocolVersion": revision, "capabilities": capabilities, "clientInfo": info });
        self.request("initialize", "initialize", params);
        let answer = self.answer("initialize");
        assert!(answer["result"].is_object(), "{answer}");
        self.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
        answer
    }

    /// Sends bytes as they are.
    pub(crate) fn bytes(&self, bytes: impl Into<Vec<u8>>) {
        self.writer.as_ref().unwrap().send(bytes.into()).unwrap();
    }

    /// Sends a line.
    pub(crate) fn line(&self, line: &str) {
        self.bytes(format!("{line}\n"));
    }

    pub(crate) fn send(&self, message: &Value) {
        self.line(&message.to_string());
    }

    pub(crate) fn request(&self, id: impl Into<Value>, method: &str, params: Value) {
        let id = id.into();
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
    }

    /// Calls a tool within a session.
    pub(crate) fn call(&self, id: impl Into<Value>, tool: &str, arguments: Value) {
        self.request(id, "tools/call", json!({ "name": tool, "arguments": arguments }));
    }

    /// The next message, whatever it is.
    pub(crate) fn next(&mut self) -> Value {
        if let Some(message) = self.others.pop_front() {
            return message;
        }
        self.receive().unwrap_or_else(|| panic!("the gateway has ended"))
    }

    /// The next line; nothing if there are no more. Each is one JSON value.
    fn receive(&self) -> Option<Value> {
        let parsed = |line: String| serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        self.next_line().map(parsed)
    }

    fn next_line(&self) -> Option<String> {
        match self.lines.recv_timeout(DEADLINE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("the gateway says nothing within {DEADLINE:?}"),
        }
    }

    /// The next message that fulfils a condition; others stay for later.
    pub(crate) fn wait_for(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(position) = self.others.iter().position(&wanted) {
            return self.others.remove(position).unwrap();
        }
        loop {
            let message = self.receive().unwrap_or_else(|| panic!("the gateway has ended"));
            if wanted(&message) {
                return message;
            }
            self.others.push_back(message);
        }
    }

    /// The answer to the request with this id.
    pub(crate) fn answer(&mut self, id: impl Into<Value>) -> Value {
        let id = id.into();
        self.wait_for(|message| message["id"] == id && message.get("method").is_none())
    }

    /// The text with which a call in a session succeeds.
    pub(crate) fn text(&mut self, tool: &str, arguments: Value) -> String {
        self.call(tool, tool, arguments);
        let answer = self.answer(tool);
        answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// What was received and not asked for, so far.
    pub(crate) fn others(&self) -> Vec<&Value> {
        self.others.iter().collect()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    pub(crate) fn pid(&self) -> Pid {
        self.process.pid()
    }

    /// Says no more, and reads to the end.
    pub(crate) fn close(mut self) -> (Ended, Vec<Value>) {
        drop(self.writer.take());
        let mut messages = Vec::from(std::mem::take(&mut self.others));
        while let Some(message) = self.receive() {
            messages.push(message);
        }
        (self.process.finish(), messages)
    }

    /// As [`close`](Self::close), with the lines as they came.
    pub(crate) fn close_with_lines(mut self) -> (Ended, Vec<String>) {
        drop(self.writer.take());
        let mut lines = Vec::new();
        while let Some(line) = self.next_line() {
            lines.push(line);
        }
        (self.process.finish(), lines)
    }

    /// Waits until the gateway has ended, without closing anything.
    pub(crate) fn ended(self) -> Ended {
        while self.next_line().is_some() {}
        let Self { process, writer, .. } = self;
        let ended = process.finish();
        drop(writer);
        ended
    }
}

/// The `_meta` with which a request of MCP 2026-07-28 says everything itself.
pub(crate) fn modern() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": { "name": "outside", "version": "1" },
    })
}
