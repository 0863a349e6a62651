//! A container engine of these tests alone: Debian's `dockerd` on folders and a socket of its own.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::{Lockgate, folder};

/// How long the engine may take to be there.
const STARTING: Duration = Duration::from_secs(60);

/// Where the engine runs: short, as paths of sockets are.
const PREFIX: &str = "/tmp/lockgate-engine-";

/// Waits until its stdin ends, which it does with the process of the tests however that ends, and then stops the engine
/// and removes all that is left of it.
const SUPERVISOR: &str = r#"
folder=$1
dockerd --data-root "$folder/data" --exec-root "$folder/exec" --pidfile "$folder/pid" --host "unix://$folder/socket" \
    --bridge=none --iptables=false --ip6tables=false >"$folder/log" 2>&1 </dev/null &
engine=$!
read -r _
kill "$engine" 2>/dev/null
wait "$engine"
grep -o " $folder/[^ ]*" /proc/mounts | sort -r | xargs -r umount --lazy 2>/dev/null
rm -rf "$folder"
"#;

/// The engine that all tests share.
pub(crate) struct Engine {
    folder: PathBuf,
    /// Its stdin is open as long as this process runs.
    _supervisor: Child,
}

impl Engine {
    /// The engine. There is one for a run of the tests.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Engine> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    fn start() -> Self {
        assert!(rustix::process::geteuid().is_root(), "tests of containers start an engine: run them as root");
        assert!(installed("dockerd"), "there is no dockerd: run `make setup`");
        let folder = PathBuf::from(format!("{PREFIX}{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        let mut command = Command::new("/bin/sh");
        command.args(["-c", SUPERVISOR, "engine"]).arg(&folder).stdin(Stdio::piped()).process_group(0);
        let engine = Self { _supervisor: command.spawn().unwrap(), folder };
        let started = Instant::now();
        while !engine.docker(["version"]).output().unwrap().status.success() {
            let log = fs::read_to_string(engine.folder.join("log")).unwrap_or_default();
            assert!(started.elapsed() < STARTING, "the engine does not start:\n{log}");
            std::thread::sleep(Duration::from_millis(100));
        }
        engine
    }

    /// As `DOCKER_HOST` says it.
    pub(crate) fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join("socket")
    }

    /// `docker …`, on this engine.
    pub(crate) fn docker<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = Command::new("docker");
        command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin").env("HOME", &self.folder);
        command.arg("--host").arg(self.host()).args(arguments);
        command
    }

    /// `lockgate VERB`, with this engine.
    pub(crate) fn lockgate(&self, verb: &str) -> Lockgate {
        Lockgate::new(verb).env("DOCKER_HOST", self.host())
    }

    /// An image that has a shell and runs this script; its ID.
    pub(crate) fn image_of(&self, script: &str, changes: &[&str]) -> String {
        let (_kept, folder) = folder();
        for path in ["bin", "tmp", "dev", "proc", "sys", "etc"] {
            fs::create_dir(folder.join(path)).unwrap();
        }
        fs::copy("/bin/busybox", folder.join("bin/busybox")).unwrap_or_else(|error| panic!("busybox: {error}"));
        for applet in BUSYBOX {
            std::os::unix::fs::symlink("busybox", folder.join("bin").join(applet)).unwrap();
        }
        fs::write(folder.join("server.sh"), script).unwrap();
        let mut tar = Command::new("tar");
        tar.args(["--create", "--owner=0", "--group=0", "--directory"]).arg(&folder).arg(".");
        self.import(tar, &[&["ENTRYPOINT [\"/bin/sh\", \"/server.sh\"]"], changes].concat())
    }

    /// An image of npm's `@modelcontextprotocol/server-everything`, and nothing but what it needs; its ID.
    pub(crate) fn everything(&self) -> &'static str {
        static EVERYTHING: OnceLock<String> = OnceLock::new();
        EVERYTHING.get_or_init(|| {
            let setup = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(".setup/node");
            let main = "node_modules/@modelcontextprotocol/server-everything/dist/index.js";
            assert!(setup.join(main).exists(), "{main} is missing: run `make setup`");
            let node = Command::new("/bin/sh").args(["-c", "readlink -f \"$(command -v node)\""]).output().unwrap();
            let node = String::from_utf8(node.stdout).unwrap().trim().to_owned();
            let needed = Command::new("ldd").arg(&node).output().unwrap();
            let needed = String::from_utf8(needed.stdout).unwrap();
            let libraries = needed.split_whitespace().filter(|word| word.starts_with('/'));
            let mut tar = Command::new("tar");
            tar.args(["--create", "--dereference", "--absolute-names", "--owner=0", "--group=0", "--directory"]);
            tar.arg(setup).args(["--exclude=node_modules/@modelcontextprotocol/inspector", "node_modules"]);
            tar.arg(&node).args(libraries);
            self.import(tar, &[&format!("ENTRYPOINT [\"{node}\", \"/{main}\"]")])
        })
    }

    fn import(&self, mut tar: Command, changes: &[&str]) -> String {
        let mut files = tar.stdout(Stdio::piped()).spawn().unwrap();
        let changes = changes.iter().flat_map(|change| ["--change", change]);
        let mut import = self.docker(["import"].into_iter().chain(changes).chain(["-"]));
        let imported = import.stdin(files.stdout.take().unwrap()).output().unwrap();
        assert!(files.wait().unwrap().success() && imported.status.success(), "{imported:?}");
        String::from_utf8(imported.stdout).unwrap().trim().to_owned()
    }

    /// The containers of these servers that there are, whether they run or not.
    pub(crate) fn containers(&self, server: &str) -> Vec<String> {
        let filter = format!("label=io.lockgate.server={server}");
        let listed = self.docker(["ps", "--all", "--no-trunc", "--quiet", "--filter", &filter]).output().unwrap();
        assert!(listed.status.success(), "{listed:?}");
        String::from_utf8(listed.stdout).unwrap().lines().map(str::to_owned).collect()
    }

    /// Waits until there are this many containers of a server.
    pub(crate) fn wait_for(&self, server: &str, count: usize) -> Vec<String> {
        let started = Instant::now();
        loop {
            let found = self.containers(server);
            if found.len() == count {
                return found;
            }
            assert!(started.elapsed() < STARTING, "there are {} containers of {server}, not {count}", found.len());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// What scripts use.
const BUSYBOX: [&str; 22] = [
    "awk", "base64", "cat", "dd", "echo", "grep", "head", "id", "ip", "kill", "ls", "mount", "nc", "ps", "sed", "sh",
    "sleep", "stat", "tail", "touch", "tr", "yes",
];

fn installed(program: &str) -> bool {
    let found = Command::new("/bin/sh").args(["-c", &format!("command -v {program}")]).output().unwrap();
    found.status.success()
}
