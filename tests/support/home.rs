//! Where the program under test keeps its keys and code.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

use super::cosign::Key;
use super::{Ended, Lockgate, guests};

/// A home of one test.
pub(crate) struct Home(TempDir);

impl Home {
    /// A home in which nothing has ever been done.
    pub(crate) fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A home in which every guest is compiled.
    pub(crate) fn warm() -> Self {
        let home = Self::empty();
        copy(Self::shared(), home.path());
        home
    }

    /// The home of all tests that do nothing to it. In it, every guest is compiled.
    pub(crate) fn shared() -> &'static Path {
        static SHARED: OnceLock<PathBuf> = OnceLock::new();
        SHARED.get_or_init(|| {
            let base = Path::new(env!("CARGO_TARGET_TMPDIR"));
            remove_those_of_ended_runs(base);
            let home = base.join(format!("{PREFIX}{}", std::process::id()));
            for guest in guests::all() {
                // The rule lets those start that want HTTP; listing sends nothing.
                let rule = ["--allow-http", "https://example.com/"];
                let ended = Lockgate::new("tools").arg(&guest).args(rule).home(&home).run();
                assert_eq!(ended.code, Some(0), "{ended}");
            }
            home
        })
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// A key whose public half lies beside its policy, as `NAME.pub`.
    pub(crate) fn signer_key(&self, name: &str) -> Key {
        let config = self.path().join("config");
        fs::create_dir_all(&config).unwrap();
        Key::new(&config, name)
    }

    /// What its policy says of a server.
    pub(crate) fn verify(&self, server: &str) -> Ended {
        Lockgate::new("verify").arg(server).args(["--format", "json"]).home(self.path()).run()
    }

    /// Checks that its policy lets a server run, as signed; gives the record.
    pub(crate) fn runs_as_signed(&self, server: &str) -> Value {
        let verified = self.verify(server);
        verified.good();
        assert_eq!(verified.json()["basis"], "signed", "{verified}");
        let called = Lockgate::call(server, "echo").arg("text=hello").home(self.path()).run();
        assert_eq!(called.good(), "hello", "{called}");
        verified.json()
    }

    /// The folder of compiled code.
    pub(crate) fn code(&self) -> PathBuf {
        self.path().join("cache/code")
    }

    /// The files of compiled code.
    pub(crate) fn code_files(&self) -> Vec<PathBuf> {
        files_with(&self.code(), "code")
    }

    /// The key of this machine.
    pub(crate) fn key(&self) -> PathBuf {
        self.path().join("data/code.key")
    }

    /// Checks that the folder of compiled code holds nothing but code and locks.
    pub(crate) fn assert_tidy(&self) {
        for path in entries(&self.code()) {
            assert!(
                path.extension().is_some_and(|kind| kind == "code" || kind == "lock"),
                "{} is left",
                path.display()
            );
        }
    }
}

const PREFIX: &str = "outside-home-";

/// A static is not dropped, so each run of the tests clears up after those before it, in its part of `target`.
fn remove_those_of_ended_runs(base: &Path) {
    for folder in entries(base) {
        let process = folder.file_name().and_then(|name| name.to_str()?.strip_prefix(PREFIX));
        if process.is_some_and(|id| !Path::new("/proc").join(id).exists()) {
            let _ = fs::remove_dir_all(folder);
        }
    }
}

fn files_with(folder: &Path, extension: &str) -> Vec<PathBuf> {
    entries(folder).into_iter().filter(|path| path.extension().is_some_and(|found| found == extension)).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).map(|entries| entries.map(|entry| entry.unwrap().path()).collect()).unwrap_or_default();
    paths.sort();
    paths
}

/// Copies a folder with its files' permissions.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
    for path in entries(from) {
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(&path, &to).unwrap();
        }
    }
}
