//! A real registry of a test: Debian's `docker-registry`, on a port of its own.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// A running registry. It ends, and all it holds is gone, with this value.
pub(crate) struct DockerRegistry {
    address: String,
    process: Child,
    _folder: TempDir,
}

impl DockerRegistry {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (data, config) = (folder.path().join("data"), folder.path().join("config.yml"));
        let text = format!(
            "version: 0.1\nlog: {{level: info}}\nstorage: {{filesystem: {{rootdirectory: {}}}, delete: {{enabled: true}}}}\nhttp: {{addr: \"127.0.0.1:0\"}}\n",
            data.display()
        );
        std::fs::write(&config, text).unwrap();
        let mut process = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("docker-registry: {error}; `make setup` installs it"));
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        // It says which port it was given.
        let address = lines.find_map(|line| {
            let line = line.unwrap();
            let (_, rest) = line.split_once("listening on ")?;
            Some(rest.split('"').next().unwrap().to_owned())
        });
        let address = address.unwrap_or_else(|| panic!("the registry does not listen"));
        // Its log is read to the end, or it would wait for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        Self { address, process, _folder: folder }
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
