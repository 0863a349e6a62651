//! The program under test, as a person types it.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::process::{Ended, Process};
use super::transcript::Names;
use super::{Home, guests};

/// One command line. Its environment is empty but for `PATH`, without `CI` wherever the tests run, and it starts in the
/// root folder.
pub(crate) struct Lockgate {
    arguments: Vec<OsString>,
    home: Option<PathBuf>,
    env: Vec<(String, OsString)>,
    shell: Option<String>,
    current_dir: PathBuf,
    names: Names,
}

impl Lockgate {
    /// `lockgate VERB`, with the home that all tests share.
    pub(crate) fn new(verb: &str) -> Self {
        Self {
            arguments: vec![verb.into()],
            home: None,
            env: Vec::new(),
            shell: None,
            current_dir: "/".into(),
            names: Names::default(),
        }
        .naming(Path::new(guests::DIST).canonicalize().unwrap_or_default().join("test/"), "")
        .naming(Path::new(guests::DIST).canonicalize().unwrap_or_default().join(""), "")
    }

    /// `lockgate call SERVER TOOL`.
    pub(crate) fn call(server: &str, tool: &str) -> Self {
        Self::new("call").arg(server).arg(tool)
    }

    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    pub(crate) fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// Uses another home than the shared one.
    pub(crate) fn home(self, home: impl AsRef<Path>) -> Self {
        Self { home: Some(home.as_ref().to_owned()), ..self }
    }

    /// Says nothing about a home: neither `--home` nor, unless it is set, `HOME`.
    pub(crate) fn without_home(self) -> Self {
        self.home("")
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    pub(crate) fn current_dir(self, folder: impl Into<PathBuf>) -> Self {
        Self { current_dir: folder.into(), ..self }
    }

    /// Starts it from a shell that has run this before, as `ulimit -v 1000`.
    pub(crate) fn after(self, shell: impl Into<String>) -> Self {
        Self { shell: Some(shell.into()), ..self }
    }

    /// Writes `name` in transcripts where a path or number of this run would be.
    pub(crate) fn naming(mut self, text: impl AsRef<OsStr>, name: &str) -> Self {
        self.names.add(text.as_ref(), name);
        self
    }

    /// Runs it to its end.
    pub(crate) fn run(self) -> Ended {
        self.start().finish()
    }

    /// Starts it, with nothing on its stdin.
    pub(crate) fn start(self) -> Process {
        let shown = self.shown();
        let Self { arguments, home, env, shell, current_dir, mut names } = self;
        let home = home.unwrap_or_else(|| Home::shared().to_owned());
        let program = env!("CARGO_BIN_EXE_lockgate");
        let mut command = match shell {
            None => Command::new(program),
            Some(before) => {
                let mut shell = Command::new("/bin/sh");
                shell.args(["-c", &format!("{before}\nexec \"$@\""), "sh", program]);
                shell
            }
        };
        command.args(arguments).env_clear().env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin").envs(env);
        command.current_dir(current_dir);
        if !home.as_os_str().is_empty() {
            command.arg("--home").arg(&home);
            names.add(home.as_os_str(), "HOME");
        }
        Process::start(command, shown, names)
    }

    fn shown(&self) -> String {
        let quoted = |argument: &OsString| {
            let text = argument.to_string_lossy();
            if text.is_empty() || text.contains([' ', '"', '{', '\n']) {
                format!("'{text}'")
            } else {
                text.into_owned()
            }
        };
        let mut shown: Vec<String> = self.env.iter().map(|(name, value)| format!("{name}={}", quoted(value))).collect();
        shown.push("lockgate".to_owned());
        shown.extend(self.arguments.iter().map(quoted));
        let before = self.shell.as_ref().map(|shell| format!("$ {shell}\n")).unwrap_or_default();
        format!("{before}$ {}", shown.join(" "))
    }
}
