//! A remote MCP server of the tests' own, on loopback. It plays what a test tells it to, also what no good server does.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// The longest that anything here waits. It is only there to make a failure of what would be a hang.
const DEADLINE: Duration = Duration::from_secs(60);

/// A running server. It stops when it is dropped.
pub(crate) struct RemoteServer {
    address: SocketAddr,
    stage: Arc<Stage>,
    thread: Option<JoinHandle<()>>,
}

/// What a server was asked.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    /// The method of HTTP.
    pub(crate) verb: String,
    pub(crate) path: String,
    /// Names in small letters.
    pub(crate) headers: BTreeMap<String, String>,
    /// Null where there is none.
    pub(crate) body: Value,
}

/// One step of an answer. After the last, the connection is closed.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Sends this.
    Send(Vec<u8>),
    /// Sends these bytes over and over, this often in all, with a pause between.
    Drip(Vec<u8>, usize, Duration),
    /// Waits until the test opens this gate.
    Wait(Gate),
    /// Says nothing more, until the other side hangs up.
    Hang,
}

/// Something that a test opens once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gate(Arc<(Mutex<bool>, Condvar)>);

/// What a server answers.
type Play = dyn Fn(&Heard) -> Vec<Step> + Send + Sync;

struct Stage {
    play: Box<Play>,
    heard: Mutex<Vec<Heard>>,
    hung_up: Gate,
    changed: Condvar,
    stopped: AtomicBool,
}

impl RemoteServer {
    /// Answers every request as `play` says.
    pub(crate) fn playing(play: impl Fn(&Heard) -> Vec<Step> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stage = Arc::new(Stage {
            play: Box::new(play),
            heard: Mutex::default(),
            hung_up: Gate::default(),
            changed: Condvar::new(),
            stopped: AtomicBool::default(),
        });
        let thread = std::thread::spawn({
            let stage = Arc::clone(&stage);
            move || {
                for stream in listener.incoming() {
                    if stage.stopped.load(Ordering::Acquire) {
                        return;
                    }
                    let stage = Arc::clone(&stage);
                    std::thread::spawn(move || stream.ok().and_then(|stream| stage.exchange(&stream)));
                }
            }
        });
        Self { address, stage, thread: Some(thread) }
    }

    /// Says that it speaks MCP 2026-07-28, and answers all else as `play` says.
    pub(crate) fn modern(play: impl Fn(&Heard) -> Vec<Step> + Send + Sync + 'static) -> Self {
        Self::playing(move |heard| match heard.method() {
            "server/discover" => heard.result(discovery()),
            _ => play(heard),
        })
    }

    /// Its endpoint.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// The requests so far.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.stage.heard.lock().unwrap().clone()
    }

    /// The requests so far, each by its MCP method, or by HTTP's where it has no body.
    pub(crate) fn methods(&self) -> Vec<String> {
        let shown = |heard: &Heard| match heard.method() {
            "" if heard.body.is_null() => heard.verb.clone(),
            "" => "(answer)".to_owned(),
            method => method.to_owned(),
        };
        self.heard().iter().map(shown).collect()
    }

    /// Waits until it has heard a request that fulfils a condition.
    pub(crate) fn wait_for(&self, wanted: impl Fn(&Heard) -> bool) -> Heard {
        let start = Instant::now();
        let mut heard = self.stage.heard.lock().unwrap();
        loop {
            if let Some(found) = heard.iter().find(|heard| wanted(heard)) {
                return found.clone();
            }
            assert!(start.elapsed() < DEADLINE, "not heard; only {heard:#?}");
            heard = self.stage.changed.wait_timeout(heard, DEADLINE).unwrap().0;
        }
    }

    /// Waits until somebody has hung up on a [`Step::Hang`].
    pub(crate) fn wait_for_hang_up(&self) {
        self.stage.hung_up.wait();
    }
}

impl Heard {
    /// The method of MCP; empty where there is none.
    pub(crate) fn method(&self) -> &str {
        self.body["method"].as_str().unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The JSON-RPC response to it.
    pub(crate) fn response(&self, result: Value) -> Value {
        json!({ "jsonrpc": "2.0", "id": self.body["id"], "result": result })
    }

    /// A plain answer with this result.
    pub(crate) fn result(&self, result: Value) -> Vec<Step> {
        document(200, &self.response(result))
    }

    /// A plain answer with an error of the protocol.
    pub(crate) fn error(&self, status: u16, code: i64, data: Value) -> Vec<Step> {
        let error = json!({ "code": code, "message": "no", "data": data });
        document(status, &json!({ "jsonrpc": "2.0", "id": self.body["id"], "error": error }))
    }

    /// Progress of this request, under its own token.
    pub(crate) fn progress(&self, progress: u32) -> Value {
        let token = &self.body["params"]["_meta"]["progressToken"];
        notification("notifications/progress", json!({ "progressToken": token, "progress": progress }))
    }
}

/// What a server of MCP 2026-07-28 says of itself.
pub(crate) fn discovery() -> Value {
    json!({
        "resultType": "complete",
        "supportedVersions": ["2026-07-28"],
        "capabilities": { "tools": {} },
        "instructions": "Ask nicely.",
        "ttlMs": 0,
        "cacheScope": "private",
        "_meta": { "io.modelcontextprotocol/serverInfo": { "name": "far", "version": "7" } },
    })
}

pub(crate) fn notification(method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "method": method, "params": params })
}

/// An answer that is one JSON document.
pub(crate) fn document(status: u16, value: &Value) -> Vec<Step> {
    plain(status, "content-type: application/json\r\n", &value.to_string())
}

/// An answer with these headers, each with its line break.
pub(crate) fn plain(status: u16, headers: &str, body: &str) -> Vec<Step> {
    let length = body.len();
    send(format!("HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"))
}

/// An answer that is a stream of events, with these at its beginning. It ends with the connection.
pub(crate) fn events(messages: &[Value]) -> Vec<Step> {
    let events: String = messages.iter().map(event).collect();
    send(format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n{events}"))
}

/// One event.
pub(crate) fn event(message: &Value) -> String {
    format!("event: message\ndata: {message}\n\n")
}

pub(crate) fn send(text: impl Into<Vec<u8>>) -> Vec<Step> {
    vec![Step::Send(text.into())]
}

impl Gate {
    pub(crate) fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    pub(crate) fn wait(&self) {
        let (open, waited) = self.0.1.wait_timeout_while(self.0.0.lock().unwrap(), DEADLINE, |open| !*open).unwrap();
        assert!(*open && !waited.timed_out(), "the gate is not opened");
    }
}

impl Stage {
    fn exchange(&self, stream: &TcpStream) -> Option<()> {
        stream.set_read_timeout(Some(DEADLINE)).ok()?;
        stream.set_write_timeout(Some(DEADLINE)).ok()?;
        let heard = read(stream)?;
        self.heard.lock().unwrap().push(heard.clone());
        self.changed.notify_all();
        for step in (self.play)(&heard) {
            self.take(step, stream)?;
        }
        Some(())
    }

    fn take(&self, step: Step, mut stream: &TcpStream) -> Option<()> {
        match step {
            Step::Send(bytes) => stream.write_all(&bytes).ok(),
            Step::Drip(bytes, times, pause) => {
                for _ in 0..times {
                    stream.write_all(&bytes).ok()?;
                    std::thread::sleep(pause);
                }
                Some(())
            }
            Step::Wait(gate) => {
                gate.wait();
                Some(())
            }
            Step::Hang => {
                let closed = matches!(stream.read(&mut [0]), Ok(0))
                    || stream.peek(&mut [0]).is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset);
                if closed {
                    self.hung_up.open();
                }
                None
            }
        }
    }
}

/// Reads one request; nothing where the other side sent none.
fn read(stream: &TcpStream) -> Option<Heard> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let (verb, path) = (first.next()?.to_owned(), first.next()?.to_owned());
    let header = |line: &str| Some((line.split_once(':')?.0.to_lowercase(), line.split_once(':')?.1.trim().to_owned()));
    let headers: BTreeMap<String, String> = lines.filter_map(header).collect();
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Heard { verb, path, headers, body: serde_json::from_slice(&body).unwrap_or_default() })
}

impl Drop for RemoteServer {
    #[expect(clippy::disallowed_methods, reason = "it wakes the test's own listener")]
    fn drop(&mut self) {
        self.stage.stopped.store(true, Ordering::Release);
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
