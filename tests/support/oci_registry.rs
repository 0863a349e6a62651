//! A real registry: Debian's `docker-registry`, on a free port of loopback, with a folder of its own.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use tempfile::TempDir;

use super::DEADLINE;

/// A running registry. It ends with this value.
pub(crate) struct OciRegistry {
    child: Child,
    address: String,
    folder: TempDir,
}

/// `me` with the password `secret`, as `htpasswd -B` writes it.
const HTPASSWD: &str = "me:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a";

impl OciRegistry {
    /// A registry that anybody may read from and write to.
    pub(crate) fn start() -> Self {
        Self::with("")
    }

    /// A registry for `me` with the password `secret` (RFC 7617).
    pub(crate) fn with_password() -> Self {
        Self::with("auth:\n  htpasswd:\n    realm: test\n    path: FOLDER/htpasswd\n")
    }

    fn with(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        let config = format!(
            "version: 0.1\nlog:\n  level: info\nstorage:\n  filesystem:\n    rootdirectory: FOLDER/data\n  delete:\n    enabled: true\n\
             http:\n  addr: 127.0.0.1:0\n{more}"
        );
        std::fs::write(folder.path().join("config.yml"), config.replace("FOLDER", path)).unwrap();
        std::fs::write(folder.path().join("htpasswd"), HTPASSWD).unwrap();
        let mut child = Command::new("docker-registry")
            .args(["serve", &format!("{path}/config.yml")])
            .env("OTEL_TRACES_EXPORTER", "none")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("docker-registry does not start ({error}); `make setup` installs it"));
        let log = BufReader::new(child.stderr.take().unwrap());
        let (sender, addresses) = mpsc::channel();
        // Reads on, so that the registry never waits for somebody to read its log.
        std::thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                if let Some((_, rest)) = line.split_once("listening on ") {
                    let end = rest.find(|c: char| c != '.' && c != ':' && !c.is_ascii_digit()).unwrap_or(rest.len());
                    let _ = sender.send(rest[..end].to_owned());
                }
            }
        });
        let mut registry = Self { child, address: String::new(), folder };
        registry.address = addresses.recv_timeout(DEADLINE).expect("docker-registry says where it listens");
        registry
    }

    /// `127.0.0.1:PORT`, its name in references.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// A reference to something in it, as `127.0.0.1:PORT/time:1`.
    pub(crate) fn reference(&self, rest: &str) -> String {
        format!("{}/{rest}", self.address)
    }

    /// Where it keeps the bytes of a digest.
    pub(crate) fn blob_file(&self, digest: &str) -> PathBuf {
        let hex = digest.strip_prefix("sha256:").unwrap();
        self.folder.path().join("data/docker/registry/v2/blobs/sha256").join(&hex[..2]).join(hex).join("data")
    }
}

impl Drop for OciRegistry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
