//! What stands before a registry and answers some questions itself, as a registry would that is broken or malicious.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use super::DEADLINE;
use super::listener::{Listener, Reply};

/// A listener on loopback. It stops when it is dropped.
pub(crate) struct Front {
    listener: Listener,
    answer: Arc<Mutex<Vec<u8>>>,
}

impl Front {
    /// Passes everything on to `registry`, but for what has `about` in its path.
    pub(crate) fn of(registry: &str, about: &'static str) -> Self {
        let answer = Arc::<Mutex<Vec<u8>>>::default();
        let (answers, registry) = (Arc::clone(&answer), registry.to_owned());
        let listener = Listener::start(move |heard, _| {
            if heard.path.contains(about) {
                return Reply::raw(answers.lock().unwrap().clone());
            }
            // One that breaks off is the program's to notice.
            Reply::raw(passed_on(&registry, &heard.path).unwrap_or_default())
        });
        Self { listener, answer }
    }

    /// What is answered from now on: the bytes of a whole response.
    pub(crate) fn answer(&self, response: impl Into<Vec<u8>>) {
        *self.answer.lock().unwrap() = response.into();
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn name(&self) -> String {
        self.listener.name()
    }
}

#[expect(clippy::disallowed_methods, reason = "it leads to the test's own registry")]
fn passed_on(registry: &str, path: &str) -> std::io::Result<Vec<u8>> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {registry}\r\nAccept: {ACCEPT}\r\nConnection: close\r\n\r\n");
    let mut behind = TcpStream::connect(registry)?;
    behind.set_read_timeout(Some(DEADLINE))?;
    behind.write_all(request.as_bytes())?;
    let mut response = Vec::new();
    behind.read_to_end(&mut response)?;
    Ok(response)
}

const ACCEPT: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json";
