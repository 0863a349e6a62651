//! What containers cost: a fresh one for every call, and a call of one that is already there.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::measure::Samples;
use crate::stdio::Client;
use crate::support::Engine;

/// A small server: a shell that starts no process for a call.
const SERVER: &str = r#"
while read -r line; do
    id=${line#*\"id\":}; id=${id%%,*}
    case "$line" in
    *'"method":"initialize"'*) result='{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"small","version":"1"}}' ;;
    *'"method":"tools/list"'*) result='{"tools":[{"name":"echo","inputSchema":{"type":"object"}}]}' ;;
    *'"method":"tools/call"'*) result='{"content":[{"type":"text","text":"hello"}]}' ;;
    *) continue ;;
    esac
    printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$id" "$result"
done
"#;

/// What a client says to a server of the older kind before it may call.
const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}
"#;
const INITIALIZED: &str = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n";
const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{}}}
"#;

/// An engine, and the image of the small server on it.
pub(crate) struct SmallServer {
    engine: &'static Engine,
    image: String,
}

impl SmallServer {
    pub(crate) fn new() -> Self {
        let engine = Engine::shared();
        Self { engine, image: engine.image_of(SERVER, &[]) }
    }

    /// The median time of `docker run` for one call: from starting it to the answer, without taking the container away.
    pub(crate) fn fresh(&self, runs: usize) -> Duration {
        let mut samples = Samples::default();
        for _ in 0..runs {
            let mut run = self.engine.docker(["run", "--interactive", "--rm", "--network", "none", &self.image]);
            let start = Instant::now();
            let mut child = run.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("docker");
            let stdin = child.stdin.as_mut().expect("its stdin");
            stdin.write_all([INITIALIZE, INITIALIZED, CALL].concat().as_bytes()).expect("a pipe");
            let mut client = Client::of(child);
            while !client.receive().contains("hello") {}
            samples.add(start.elapsed());
        }
        samples.median()
    }

    /// The medians of a call of the server in its container through the gateway, and of the same server without
    /// either. In turn, batch by batch.
    pub(crate) fn warm(&self, batches: usize, batch: usize) -> (Duration, Duration) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lockgate"));
        let home = tempfile::tempdir().expect("a temporary folder");
        command.arg("--home").arg(home.path()).arg("run").arg(format!("docker://{}", self.image));
        command.env("DOCKER_HOST", self.engine.host()).stderr(Stdio::null());
        let mut contained = Client::spawn(&mut command);
        let script = home.path().join("server.sh");
        std::fs::write(&script, SERVER).expect("a file");
        let mut bare = Client::spawn(Command::new("/bin/busybox").arg("sh").arg(&script));
        bare.send(INITIALIZE);
        bare.receive();
        bare.send(INITIALIZED);
        let (mut with, mut without) = (Samples::default(), Samples::default());
        contained.batch(batch, &mut Samples::default());
        for _ in 0..batches {
            contained.batch(batch, &mut with);
            bare.batch(batch, &mut without);
        }
        (with.median(), without.median())
    }
}
