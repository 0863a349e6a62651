//! What a client on the other end of two pipes sees.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use crate::measure::Samples;

pub(crate) const ECHO_ARGUMENT: &str = "echo-process";

/// The `_meta` of a modern request.
pub(crate) const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

/// A client that waits for each answer.
pub(crate) struct Client {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Client {
    /// A process that answers every line with itself.
    pub(crate) fn echo() -> Self {
        Self::spawn(Command::new(std::env::current_exe().expect("this program")).arg(ECHO_ARGUMENT))
    }

    /// Lockgate in front of a component.
    pub(crate) fn gateway(home: &Path, component: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lockgate"));
        Self::spawn(command.arg("--home").arg(home).arg("run").arg(component).stderr(Stdio::null()))
    }

    pub(crate) fn spawn(command: &mut Command) -> Self {
        Self::of(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a process"))
    }

    /// The client of a process whose stdin and stdout are pipes.
    pub(crate) fn of(mut child: Child) -> Self {
        let (stdin, stdout) = (child.stdin.take().expect("stdin"), child.stdout.take().expect("stdout"));
        Self { child, stdin, stdout: BufReader::new(stdout) }
    }

    pub(crate) fn batch(&mut self, calls: usize, samples: &mut Samples) {
        for id in 0..calls {
            let line = call_line(id, "echo", r#"{"text":"hello"}"#);
            let start = Instant::now();
            self.send(&line);
            let answer = self.receive();
            samples.add(start.elapsed());
            assert!(answer.contains("hello"), "{answer}");
        }
    }

    pub(crate) fn send(&mut self, line: &str) {
        self.stdin.write_all(line.as_bytes()).expect("a pipe");
    }

    pub(crate) fn receive(&mut self) -> String {
        let mut line = String::new();
        let read = self.stdout.read_line(&mut line).expect("a pipe");
        assert!(read > 0, "the process ended");
        line
    }

    /// A line of the process's status file, in bytes.
    fn status(&self, field: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("its status");
        let line = status.lines().find(|line| line.starts_with(field)).expect("the field");
        let kib: f64 = line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number");
        kib * 1024.0
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The process that only echoes.
pub(crate) fn echo() {
    let (mut stdin, mut stdout) = (std::io::stdin().lock(), std::io::stdout().lock());
    let mut line = String::new();
    while stdin.read_line(&mut line).is_ok_and(|read| read > 0) {
        if stdout.write_all(line.as_bytes()).and_then(|()| stdout.flush()).is_err() {
            return;
        }
        line.clear();
    }
}

/// The median time from starting the process to its first list of tools.
pub(crate) fn start_to_first_list(home: &Path, component: &Path, runs: usize) -> Duration {
    // The first one compiles.
    let mut samples = Samples::default();
    for run in 0..=runs {
        let start = Instant::now();
        let mut client = Client::gateway(home, component);
        client.send(&format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{{{META}}}}}\n"));
        assert!(client.receive().contains("inputSchema"));
        if run > 0 {
            samples.add(start.elapsed());
        }
    }
    samples.median()
}

/// How many of `calls` at the same time are answered, and what each costs in memory at the peak.
pub(crate) fn in_flight(home: &Path, component: &Path, calls: usize) -> (usize, f64) {
    let mut client = Client::gateway(home, component);
    client.send(&call_line(0, "ok", "{}"));
    client.receive();
    let before = client.status("VmRSS");
    for id in 1..=calls {
        client.send(&call_line(id, "sleep", r#"{"ms":500}"#));
    }
    let answered = (0..calls).filter(|_| client.receive().contains("\"result\"")).count();
    (answered, (client.status("VmHWM") - before) / calls as f64)
}

fn call_line(id: usize, tool: &str, arguments: &str) -> String {
    format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"tools/call\",\"params\":{{\"name\":\"{tool}\",\"arguments\":{arguments},{META}}}}}\n"
    )
}
