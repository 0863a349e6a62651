//! What stands before a registry and answers some questions itself, as a registry would that is broken or malicious.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use super::DEADLINE;

/// A listener on loopback. It stops when it is dropped.
pub(crate) struct Front {
    address: SocketAddr,
    answer: Arc<Mutex<Vec<u8>>>,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Front {
    /// Passes everything on to `registry`, but for what has `about` in its path.
    pub(crate) fn of(registry: &str, about: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (answer, stopped) = (Arc::<Mutex<Vec<u8>>>::default(), Arc::<AtomicBool>::default());
        let (answers, stop, registry) = (Arc::clone(&answer), Arc::clone(&stopped), registry.to_owned());
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::Acquire) {
                    return;
                }
                let answer = answers.lock().unwrap().clone();
                // One that breaks off is the program's to notice.
                let _ = stream.and_then(|stream| exchange(stream, &registry, about, &answer));
            }
        });
        Self { address, answer, stopped, thread: Some(thread) }
    }

    /// What is answered from now on: the bytes of a whole response.
    pub(crate) fn answer(&self, response: impl Into<Vec<u8>>) {
        *self.answer.lock().unwrap() = response.into();
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn name(&self) -> String {
        self.address.to_string()
    }
}

fn exchange(stream: TcpStream, registry: &str, about: &str, answer: &[u8]) -> std::io::Result<()> {
    stream.set_read_timeout(Some(DEADLINE))?;
    let mut reader = BufReader::new(&stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    let path = head.split(' ').nth(1).unwrap_or_default();
    if path.contains(about) {
        return (&stream).write_all(answer);
    }
    let request = format!("GET {path} HTTP/1.1\r\nHost: {registry}\r\nAccept: {ACCEPT}\r\nConnection: close\r\n\r\n");
    let mut response = Vec::new();
    let mut behind = connect(registry.parse().unwrap())?;
    behind.set_read_timeout(Some(DEADLINE))?;
    behind.write_all(request.as_bytes())?;
    behind.read_to_end(&mut response)?;
    (&stream).write_all(&response)
}

const ACCEPT: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json";

#[expect(clippy::disallowed_methods, reason = "it leads to the test's own registry, or wakes its own listener")]
fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    TcpStream::connect(address)
}

impl Drop for Front {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Release);
        drop(connect(self.address));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
