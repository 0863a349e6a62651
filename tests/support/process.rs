//! A process of a test: started, watched, and ended by its own id.

use std::fmt;
use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::DEADLINE;
use super::transcript::{Names, transcript};

/// A running process, with its own process group. What is left of it ends with this value.
pub(crate) struct Process {
    pid: Pid,
    shown: String,
    names: Names,
    started: Instant,
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    stderr: Receiver<String>,
    said: Arc<Mutex<Vec<u8>>>,
    status: Receiver<ExitStatus>,
    ended: Option<ExitStatus>,
}

/// How a process ended, and what it said.
pub(crate) struct Ended {
    /// The exit code; nothing where a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    shown: String,
    names: Names,
}

impl Process {
    pub(super) fn start(mut command: Command, shown: String, names: Names) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn().unwrap();
        let pid = Pid::from_child(&child);
        let said = Arc::default();
        let stderr = collect_into(child.stderr.take().unwrap(), &said);
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let (sender, status) = mpsc::channel();
        std::thread::spawn(move || sender.send(child.wait().unwrap()));
        Self { pid, shown, names, started: Instant::now(), stdin, stdout, stderr, said, status, ended: None }
    }

    /// The id of the process.
    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    /// The ends of its pipes that a client holds.
    pub(crate) fn pipes(&mut self) -> (ChildStdin, ChildStdout) {
        (self.stdin.take().unwrap(), self.stdout.take().unwrap())
    }

    /// The rest of the first line on its stderr that has `start`, once there is one.
    pub(crate) fn says(&self, start: &str) -> String {
        loop {
            let said = String::from_utf8_lossy(&self.said.lock().unwrap()).into_owned();
            let whole = said.rfind('\n').map_or("", |end| &said[..end]);
            if let Some((_, rest)) = whole.lines().find_map(|line| line.split_once(start)) {
                return rest.to_owned();
            }
            assert!(self.started.elapsed() < DEADLINE, "{}\nhas not said {start:?} but:\n{said}", self.shown);
            // What it says last comes before its end.
            if let Ok(rest) = self.stderr.recv_timeout(Duration::from_millis(5)) {
                assert!(rest.contains(start), "{}\nended and said:\n{rest}", self.shown);
            }
        }
    }

    /// Its stdin, as long as it is open.
    pub(crate) fn stdin(&mut self) -> &mut ChildStdin {
        self.stdin.as_mut().unwrap()
    }

    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Ends it, unless it has ended by itself.
    pub(crate) fn kill(&self) {
        let _ = kill_process(self.pid, Signal::KILL);
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid, signal).unwrap();
    }

    /// Closes its stdin, and waits until it has ended.
    pub(crate) fn finish(mut self) -> Ended {
        drop(self.stdin.take());
        let stdout = self.stdout.take().map(collect);
        let stdout = stdout.map(|stdout| self.wait(&stdout, "closed its stdout")).unwrap_or_default();
        let stderr = self.wait(&self.stderr, "closed its stderr");
        let status = self.wait(&self.status, "ended");
        self.ended = Some(status);
        Ended {
            code: status.code(),
            signal: status.signal(),
            stdout,
            stderr,
            shown: self.shown.clone(),
            names: self.names.clone(),
        }
    }

    fn wait<T>(&self, receiver: &Receiver<T>, what: &str) -> T {
        let left = DEADLINE.saturating_sub(self.started.elapsed());
        receiver.recv_timeout(left).unwrap_or_else(|_| panic!("{}\nhas not {what} within {DEADLINE:?}", self.shown))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.ended.is_none() && self.status.try_recv().is_err() {
            // Its compiler is in its group, too.
            let _ = kill_process_group(self.pid, Signal::KILL);
            let _ = self.status.recv();
        }
    }
}

/// Reads a pipe to its end on a thread of its own.
fn collect(pipe: impl Read + Send + 'static) -> Receiver<String> {
    collect_into(pipe, &Arc::default())
}

/// As [`collect`], and lets others see what came so far.
fn collect_into(mut pipe: impl Read + Send + 'static, said: &Arc<Mutex<Vec<u8>>>) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    let said = Arc::clone(said);
    std::thread::spawn(move || {
        let mut bytes = [0; 8192];
        loop {
            match pipe.read(&mut bytes).unwrap() {
                0 => return sender.send(String::from_utf8_lossy(&said.lock().unwrap()).into_owned()),
                read => said.lock().unwrap().extend_from_slice(&bytes[..read]),
            }
        }
    });
    receiver
}

impl Ended {
    /// Its stdout, which has to be one JSON document and nothing else.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("stdout is no JSON ({error}):\n{self}"))
    }

    /// Checks that it ended well, and gives what it printed.
    pub(crate) fn good(&self) -> &str {
        assert_eq!(self.code, Some(0), "{self}");
        self.stdout.trim_end()
    }

    /// Checks the exit code, and that it says why.
    pub(crate) fn failed(&self, code: i32) -> &str {
        assert_eq!(self.code, Some(code), "{self}");
        assert!(self.stderr.starts_with("lockgate: ") || self.stderr.starts_with("error: "), "{self}");
        assert!(!self.stderr.contains("panicked at"), "{self}");
        &self.stderr
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&transcript(self, &self.shown, &self.names))
    }
}
