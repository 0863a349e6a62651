//! A small HTTP server on loopback, which answers as a test says, also wrongly, slowly or not at all, and remembers what it
//! was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The longest that a request is waited for. It is only there to make a failure of what would be a hang.
const PATIENCE: Duration = Duration::from_secs(120);

/// A request as it was heard.
pub(crate) struct Heard {
    pub(crate) method: String,
    pub(crate) path: String,
    headers: Vec<(String, String)>,
    /// First line and headers as they came.
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Heard {
    /// The header of this name, in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// From which byte on a blob is asked for.
    pub(crate) fn range_from(&self) -> Option<usize> {
        self.header("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }
}

/// What is answered: bytes as they are, in parts with a wait before each.
pub(crate) struct Reply(Vec<(Duration, Vec<u8>)>);

impl Reply {
    pub(crate) fn new(status: &str, headers: &[(&str, &str)], body: &[u8]) -> Self {
        Self::lying(status, headers, body.len(), body)
    }

    pub(crate) fn ok(media_type: &str, body: &[u8]) -> Self {
        Self::new("200 OK", &[("content-type", media_type)], body)
    }

    pub(crate) fn redirect(to: &str) -> Self {
        Self::new("307 Temporary Redirect", &[("location", to)], b"")
    }

    /// Says another length than the body has.
    pub(crate) fn lying(status: &str, headers: &[(&str, &str)], length: usize, body: &[u8]) -> Self {
        let mut text = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n");
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        let mut bytes = (text + "\r\n").into_bytes();
        bytes.extend_from_slice(body);
        Self(vec![(Duration::ZERO, bytes)])
    }

    /// Sends exactly this.
    pub(crate) fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self(vec![(Duration::ZERO, bytes.into())])
    }

    /// And then this, after a wait.
    pub(crate) fn then(mut self, wait: Duration, bytes: impl Into<Vec<u8>>) -> Self {
        self.0.push((wait, bytes.into()));
        self
    }
}

/// A listener. It stops when it is dropped.
pub(crate) struct Listener {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// Answers each request by what `answer` makes of it, and of how many came before.
    pub(crate) fn start(answer: impl Fn(&Heard, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (heard, stopped) = (Arc::<Mutex<Vec<Heard>>>::default(), Arc::<AtomicBool>::default());
        let (requests, stop, answer) = (Arc::clone(&heard), Arc::clone(&stopped), Arc::new(answer));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if stop.load(Ordering::Acquire) {
                    return;
                }
                let (requests, stop, answer) = (Arc::clone(&requests), Arc::clone(&stop), Arc::clone(&answer));
                std::thread::spawn(move || exchange(&stream, &requests, &stop, &*answer));
            }
        });
        Self { address, heard, stopped, thread: Some(thread) }
    }

    /// Answers with 200 and the text `hello`.
    pub(crate) fn hello() -> Self {
        Self::answering("HTTP/1.1 200 OK\r\ncontent-length: 5\r\nset-cookie: a=b\r\nconnection: close\r\n\r\nhello")
    }

    /// Answers every request with exactly this.
    pub(crate) fn answering(answer: &str) -> Self {
        let answer = answer.to_owned();
        Self::start(move |_, _| Reply::raw(answer.as_str()))
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn name(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// A URL here, with the address as a literal.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The requests so far: head and body as they came, each ending in what was its last byte.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.each(|heard| format!("{}{}", heard.head, String::from_utf8_lossy(&heard.body)))
    }

    /// The first lines of the requests so far.
    pub(crate) fn request_lines(&self) -> Vec<String> {
        self.each(|heard| heard.head.lines().next().unwrap_or_default().to_owned())
    }

    /// Something of each request so far.
    pub(crate) fn each<T>(&self, of: impl Fn(&Heard) -> T) -> Vec<T> {
        self.heard.lock().unwrap().iter().map(of).collect()
    }
}

/// Reads one request and answers it; nothing where the other side sent none.
fn exchange(
    stream: &TcpStream,
    requests: &Mutex<Vec<Heard>>,
    stop: &AtomicBool,
    answer: &dyn Fn(&Heard, usize) -> Reply,
) -> Option<()> {
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let mut words = head.split(' ').map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let headers: Vec<(String, String)> = head
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let heard = Heard { method, path, headers, head, body };
    let reply = {
        let mut requests = requests.lock().unwrap();
        let reply = answer(&heard, requests.len());
        requests.push(heard);
        reply
    };
    for (wait, bytes) in reply.0 {
        let until = Instant::now() + wait;
        while Instant::now() < until && !stop.load(Ordering::Acquire) {
            std::thread::sleep(Duration::from_millis(20).min(wait));
        }
        (&mut &*stream).write_all(&bytes).ok()?;
    }
    Some(())
}

impl Drop for Listener {
    #[expect(clippy::disallowed_methods, reason = "it wakes the test's own listener")]
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Release);
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
