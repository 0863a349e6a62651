//! A registry that answers as a test says: wrongly, slowly, or not at all.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::DEADLINE;

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// A request as it was heard.
pub(crate) struct Heard {
    pub(crate) method: String,
    pub(crate) path: String,
    headers: Vec<(String, String)>,
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

    pub(crate) fn not_found() -> Self {
        let body = json!({"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]});
        Self::new("404 Not Found", &[("content-type", "application/json")], body.to_string().as_bytes())
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

/// A registry on a free port of loopback. It ends with this value.
pub(crate) struct EvilRegistry {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl EvilRegistry {
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

    /// Serves these artifacts, but for what `instead` answers.
    pub(crate) fn serving(
        artifacts: Vec<Artifact>,
        instead: impl Fn(&Heard, usize) -> Option<Reply> + Send + Sync + 'static,
    ) -> Self {
        Self::start(move |heard, before| instead(heard, before).unwrap_or_else(|| serve(&artifacts, heard)))
    }

    /// A reference to something in it.
    pub(crate) fn reference(&self, rest: &str) -> String {
        format!("{}/{rest}", self.address)
    }

    /// The first lines of the requests so far, without the version.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.heard.lock().unwrap().iter().map(|heard| format!("{} {}", heard.method, heard.path)).collect()
    }

    /// What was sent to prove who asks, request by request.
    pub(crate) fn authorizations(&self) -> Vec<Option<String>> {
        let heard = self.heard.lock().unwrap();
        heard.iter().map(|heard| heard.header("authorization").map(str::to_owned)).collect()
    }
}

impl Drop for EvilRegistry {
    #[expect(clippy::disallowed_methods, reason = "it wakes the test's own listener")]
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Release);
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn exchange(
    stream: &TcpStream,
    requests: &Mutex<Vec<Heard>>,
    stop: &AtomicBool,
    answer: &dyn Fn(&Heard, usize) -> Reply,
) -> Option<()> {
    stream.set_read_timeout(Some(DEADLINE)).ok()?;
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let first = lines.next()?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let headers = lines.take_while(|line| !line.is_empty()).filter_map(|line| {
        let (name, value) = line.split_once(": ")?;
        Some((name.to_ascii_lowercase(), value.to_owned()))
    });
    let heard = Heard { method, path, headers: headers.collect() };
    let reply = {
        let mut requests = requests.lock().unwrap();
        let reply = answer(&heard, requests.len());
        requests.push(heard);
        reply
    };
    for (wait, bytes) in reply.0 {
        let until = std::time::Instant::now() + wait;
        while std::time::Instant::now() < until && !stop.load(Ordering::Acquire) {
            std::thread::sleep(Duration::from_millis(20).min(wait));
        }
        (&mut &*stream).write_all(&bytes).ok()?;
    }
    Some(())
}

/// An artifact that a registry of a test serves under every tag and its digest.
#[derive(Clone)]
pub(crate) struct Artifact {
    pub(crate) manifest: Vec<u8>,
    pub(crate) blobs: Vec<Vec<u8>>,
}

impl Artifact {
    /// A component in the layout of the CNCF.
    pub(crate) fn component(bytes: &[u8]) -> Self {
        let config = json!({
            "created": "2026-11-01T00:00:00Z",
            "architecture": "wasm",
            "os": if bytes.get(4) == Some(&1) { "wasip1" } else { "wasip2" },
            "layerDigests": [digest_of(bytes)],
        });
        let config = config.to_string().into_bytes();
        Self::of(&config, "application/vnd.wasm.config.v0+json", bytes, "application/wasm", json!({}))
    }

    /// Any configuration and layer. `layer_more` is put into the layer's descriptor.
    pub(crate) fn of(config: &[u8], config_type: &str, layer: &[u8], layer_type: &str, layer_more: Value) -> Self {
        let mut descriptor = descriptor(layer_type, layer);
        for (key, value) in layer_more.as_object().unwrap() {
            descriptor[key] = value.clone();
        }
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self::descriptor(config_type, config),
            "layers": [descriptor],
        });
        Self { manifest: manifest.to_string().into_bytes(), blobs: vec![config.to_vec(), layer.to_vec()] }
    }

    pub(crate) fn digest(&self) -> String {
        digest_of(&self.manifest)
    }
}

pub(crate) fn digest_of(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": digest_of(bytes), "size": bytes.len()})
}

fn serve(artifacts: &[Artifact], heard: &Heard) -> Reply {
    let name = heard.path.rsplit('/').next().unwrap();
    if heard.path.contains("/manifests/") {
        let named = artifacts.iter().find(|artifact| artifact.digest() == name);
        return match named.or(artifacts.first().filter(|_| !name.contains(':'))) {
            Some(artifact) => Reply::ok(MANIFEST, &artifact.manifest),
            None => Reply::not_found(),
        };
    }
    let mut blobs = artifacts.iter().flat_map(|artifact| &artifact.blobs);
    let Some(blob) = blobs.find(|blob| digest_of(blob) == name) else { return Reply::not_found() };
    match heard.range_from() {
        Some(from) => {
            let range = format!("bytes {from}-{}/{}", blob.len() - 1, blob.len());
            Reply::new("206 Partial Content", &[("content-range", &range)], &blob[from..])
        }
        None => Reply::ok("application/octet-stream", blob),
    }
}
