//! A small HTTP server on loopback, which remembers what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use super::DEADLINE;

/// A listener that gives the same answer to every request. It stops when it is dropped.
pub(crate) struct Listener {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// Answers with 200 and the text `hello`.
    pub(crate) fn hello() -> Self {
        Self::answering("HTTP/1.1 200 OK\r\ncontent-length: 5\r\nset-cookie: a=b\r\nconnection: close\r\n\r\nhello")
    }

    /// Answers with exactly this.
    pub(crate) fn answering(answer: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (heard, stopped) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<AtomicBool>::default());
        let (answer, requests, stop) = (answer.to_owned(), Arc::clone(&heard), Arc::clone(&stopped));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::Acquire) {
                    return;
                }
                if let Some(request) = stream.ok().and_then(|stream| exchange(stream, &answer)) {
                    requests.lock().unwrap().push(request);
                }
            }
        });
        Self { address, heard, stopped, thread: Some(thread) }
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
        self.heard.lock().unwrap().clone()
    }

    /// The first lines of the requests so far.
    pub(crate) fn request_lines(&self) -> Vec<String> {
        self.heard().iter().map(|request| request.lines().next().unwrap_or_default().to_owned()).collect()
    }
}

/// Reads one request and answers it; nothing where the other side sent none.
fn exchange(stream: TcpStream, answer: &str) -> Option<String> {
    stream.set_read_timeout(Some(DEADLINE)).ok()?;
    let mut reader = BufReader::new(&stream);
    let mut request = String::new();
    while !request.ends_with("\r\n\r\n") {
        if reader.read_line(&mut request).ok()? == 0 {
            return None;
        }
    }
    let length = request.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    request.push_str(&String::from_utf8_lossy(&body));
    (&stream).write_all(answer.as_bytes()).ok()?;
    Some(request)
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
