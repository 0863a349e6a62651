//! A large artifact from a registry: how fast it comes, and what it takes in memory.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::measure::Samples;
use crate::support::{Lockgate, OciRegistry, folder, time};

/// How large the artifact is beyond a small component, in bytes.
const PADDING: usize = 200 << 20;

/// How it came.
pub(crate) struct Pull {
    pub(crate) lockgate: Duration,
    pub(crate) curl: Duration,
    /// The most memory that it had, in bytes.
    pub(crate) memory: u64,
}

/// Pulls 200 MB from a registry on loopback, in turn with `curl` of the same blob.
pub(crate) fn pull(runs: usize) -> Pull {
    let registry = OciRegistry::start();
    let (_kept, folder) = folder();
    let file = folder.join("large.wasm");
    fs::write(&file, padded(&fs::read(time()).expect("a component"))).expect("a file");
    let reference = registry.reference("bench/large:1");
    let push = Lockgate::new("push").arg(&file).arg(&reference).home(folder.join("push")).run();
    push.good();
    let pulled = Lockgate::new("pull").arg(&reference).home(folder.join("first")).args(["--format", "json"]).run();
    let component = pulled.json()["component"].as_str().expect("its digest").to_owned();
    let url = format!("http://{}/v2/bench/large/blobs/{component}", registry.address());
    let (mut lockgate, mut curl, mut memory) = (Samples::default(), Samples::default(), 0);
    for run in 0..runs {
        let start = Instant::now();
        memory = memory.max(pull_once(&reference, &folder.join(format!("home-{run}"))));
        lockgate.add(start.elapsed());
        let start = Instant::now();
        let mut command = Command::new("curl");
        command.args(["--silent", "--fail", "--output"]).arg(folder.join(format!("curl-{run}"))).arg(&url);
        assert!(command.status().expect("curl").success());
        curl.add(start.elapsed());
    }
    Pull { lockgate: lockgate.median(), curl: curl.median(), memory }
}

/// Pulls into an empty home, and gives the most memory that it took, as far as the system says so before its end.
fn pull_once(reference: &str, home: &Path) -> u64 {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockgate"));
    command.arg("--home").arg(home).args(["pull", reference]).stdin(Stdio::null()).stdout(Stdio::null());
    let mut child = command.stderr(Stdio::null()).spawn().expect("a process");
    let mut most = 0;
    loop {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default();
        most = most.max(kib << 10);
        if let Some(status) = child.try_wait().expect("its state") {
            assert!(status.success(), "the pull failed");
            return most;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The component with a custom section behind it, which no one reads (Component Model, "Binary Format").
fn padded(component: &[u8]) -> Vec<u8> {
    let mut bytes = component.to_vec();
    bytes.push(0);
    let name = b"\x07padding";
    let mut size = name.len() + PADDING;
    while size >= 0x80 {
        bytes.push((size & 0x7f) as u8 | 0x80);
        size >>= 7;
    }
    bytes.push(size as u8);
    bytes.extend_from_slice(name);
    bytes.resize(bytes.len() + PADDING, 0x5a);
    bytes
}
