//! How many calls a second clients get over HTTP.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::measure::Samples;
use crate::stdio::META;

/// How long calls are made before they count, and how long they do.
const WARM_UP: Duration = Duration::from_secs(1);
const TIME: Duration = Duration::from_secs(5);

/// What the clients got.
pub(crate) struct Rate {
    pub(crate) a_second: f64,
    /// Of one call, as its client sees it.
    pub(crate) median: Duration,
}

/// Lockgate in front of a component.
struct Gateway {
    child: Child,
    address: SocketAddr,
    token: String,
}

/// Calls over `connections` that are kept open, each of which waits for its answer before it calls again. The clients
/// are on one thread, and share the machine's cores with the gateway.
pub(crate) fn rate(home: &Path, component: &Path, connections: usize) -> Rate {
    let gateway = Gateway::start(home, component);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let from = Instant::now() + WARM_UP;
    let mut samples = Samples::default();
    let calls = runtime.block_on(async {
        let clients: Vec<_> =
            (0..connections).map(|_| tokio::spawn(call_until(gateway.connect(), gateway.call(), from))).collect();
        let mut calls = 0;
        for client in clients {
            let times = client.await.expect("a client");
            calls += times.len();
            times.into_iter().for_each(|time| samples.add(time));
        }
        calls
    });
    Rate { a_second: calls as f64 / TIME.as_secs_f64(), median: samples.median() }
}

impl Gateway {
    fn start(home: &Path, component: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lockgate"));
        command.arg("--home").arg(home).arg("run").arg(component).args(["--listen", "127.0.0.1:0"]);
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().expect("a process");
        let mut lines = BufReader::new(child.stderr.take().expect("stderr")).lines();
        let address = lines
            .find_map(|line| Some(line.ok()?.split_once("listening on http://")?.1.strip_suffix("/mcp")?.to_owned()))
            .expect("where it listens");
        // Nobody writes to it any more, and if so, it must not be closed.
        std::thread::spawn(move || lines.for_each(drop));
        let tokens = std::fs::read_to_string(home.join("config/tokens")).expect("its tokens");
        let token = tokens.lines().find_map(|line| line.strip_prefix("local ")).expect("a token").to_owned();
        Self { child, address: address.parse().expect("an address"), token }
    }

    #[expect(clippy::disallowed_methods, reason = "it is a client of the gateway under test")]
    fn connect(&self) -> TcpStream {
        let stream = std::net::TcpStream::connect(self.address).expect("a connection");
        stream.set_nonblocking(true).expect("a socket");
        stream.set_nodelay(true).expect("a socket");
        TcpStream::from_std(stream).expect("a socket")
    }

    fn call(&self) -> Vec<u8> {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"echo","arguments":{{"text":"hello"}},{META}}}}}"#
        );
        format!(
            "POST /mcp HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nAccept: \
             application/json, text/event-stream\r\nMCP-Protocol-Version: 2026-07-28\r\nMcp-Method: \
             tools/call\r\nMcp-Name: echo\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            self.token,
            body.len()
        )
        .into_bytes()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Calls until the time is over, and gives the times of the calls that counted.
async fn call_until(mut stream: TcpStream, call: Vec<u8>, from: Instant) -> Vec<Duration> {
    let (mut times, mut answer) = (Vec::new(), Vec::new());
    loop {
        let start = Instant::now();
        if start > from + TIME {
            return times;
        }
        stream.write_all(&call).await.expect("a socket");
        answer.clear();
        while !is_whole(&answer) {
            assert!(stream.read_buf(&mut answer).await.expect("a socket") > 0, "the gateway hung up");
        }
        assert!(answer.starts_with(b"HTTP/1.1 200") && answer.windows(5).any(|text| text == b"hello"));
        if start > from {
            times.push(start.elapsed());
        }
    }
}

/// Whether an answer is there to its end.
fn is_whole(answer: &[u8]) -> bool {
    let Some(head) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
        return false;
    };
    let length = str::from_utf8(&answer[..head]).expect("a head").lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    answer.len() >= head + 4 + length.expect("a length")
}
