//! How long a call takes, as ratios to what it could take at best, in one run on one machine.
//!
//! `cargo bench --bench calls [-- --json FILE]`. Both sides of a ratio are measured in turn, batch by batch, so that a
//! machine that slows down slows both; medians are compared.

#![expect(clippy::print_stdout, reason = "a bench prints its table")]

mod bare;
mod container;
mod executor;
mod hops;
mod http;
mod measure;
mod pull;
mod stdio;
#[allow(
    dead_code,
    unused_imports,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "it is there for the tests from outside"
)]
#[path = "../../../tests/support/mod.rs"]
mod support;
mod trust;

use std::path::{Path, PathBuf};
use std::time::Duration;

use measure::{Must, Row, Samples, print_table, write_json};

/// Calls in one batch of a pair, and how many batches.
const BATCH: usize = 200;
const BATCHES: usize = 30;

/// Connections over HTTP.
const CONNECTIONS: usize = 32;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == stdio::ECHO_ARGUMENT) {
        return stdio::echo();
    }
    let json = arguments.iter().position(|argument| argument == "--json").and_then(|at| arguments.get(at + 1));
    let home = tempfile::tempdir().expect("a temporary folder");
    let mut rows = Vec::new();

    let sandboxes = fresh_sandboxes(home.path());
    rows.push(Row {
        name: "fresh sandbox per call, executor / bare wasmtime",
        value: ratio(sandboxes.executor, sandboxes.bare),
        unit: "x",
        must: Some(Must::BeAtMost(1.3)),
        detail: format!(
            "{} / {}; one by one, with the way to a guest thread and back: {}",
            micros(sandboxes.executor),
            micros(sandboxes.bare),
            micros(sandboxes.executor_one_by_one)
        ),
    });

    let hops = hops::there_and_back(BATCH * BATCHES);
    let overhead = stdio_overhead(home.path());
    rows.push(Row {
        name: "tools/call over stdio beyond an echoing process / bare wasmtime",
        value: ratio(overhead, sandboxes.bare),
        unit: "x",
        must: Some(Must::BeAtMost(2.5)),
        detail: format!("{} / {}", micros(overhead), micros(sandboxes.bare)),
    });
    rows.push(Row {
        name: "tools/call over stdio beyond an echoing process",
        value: overhead.as_secs_f64() * 1e3,
        unit: "ms",
        must: Some(Must::BeAtMost(0.3)),
        detail: String::new(),
    });
    rows.push(Row {
        name: "waking another thread and being woken by it / bare wasmtime",
        value: ratio(hops, sandboxes.bare),
        unit: "x",
        must: None,
        detail: format!("{}: the floor of a guest on a thread of its own, without the guest", micros(hops)),
    });

    let start = stdio::start_to_first_list(home.path(), &guest("time"), 20);
    rows.push(Row {
        name: "process start to first tools/list, code cached",
        value: start.as_secs_f64() * 1e3,
        unit: "ms",
        must: Some(Must::BeAtMost(50.0)),
        detail: String::new(),
    });

    let (answered, bytes_each) = stdio::in_flight(home.path(), &guest("test/evil"), 100);
    assert_eq!(answered, 100, "every call in flight must be answered");
    rows.push(Row {
        name: "100 calls in flight over stdio, memory a call",
        value: bytes_each / f64::from(1 << 20),
        unit: "MiB",
        must: Some(Must::BeAtMost(4.0)),
        detail: format!("{answered} answered"),
    });

    let rate = http::rate(home.path(), &guest("test/probe"), CONNECTIONS);
    rows.push(Row {
        name: "HTTP keep-alive, 32 connections: calls a second",
        value: rate.a_second,
        unit: "/s",
        must: Some(Must::BeAtLeast(5000.0)),
        detail: format!("{} a call; clients and gateway share the cores", micros(rate.median)),
    });

    let small = container::SmallServer::new();
    let fresh_container = small.fresh(10);
    let call = stdio_call(home.path());
    rows.push(Row {
        name: "a call in a fresh sandbox, over stdio: docker run for a call / it",
        value: ratio(fresh_container, call),
        unit: "x",
        must: Some(Must::BeAtLeast(1000.0)),
        detail: format!("{:.0} ms / {}", fresh_container.as_secs_f64() * 1e3, micros(call)),
    });
    let (contained, bare) = small.warm(BATCHES, BATCH / 4);
    rows.push(Row {
        name: "warm container call beyond the same server on bare stdio",
        value: contained.saturating_sub(bare).as_secs_f64() * 1e3,
        unit: "ms",
        must: Some(Must::BeAtMost(0.6)),
        detail: format!("{} - {}", micros(contained), micros(bare)),
    });

    let pulled = pull::pull(5);
    rows.push(Row {
        name: "pull of 200 MB: speed, to curl of the same blob",
        value: ratio(pulled.curl, pulled.lockgate),
        unit: "x",
        must: Some(Must::BeAtLeast(0.8)),
        detail: format!("{:.0} ms / {:.0} ms", pulled.curl.as_secs_f64() * 1e3, pulled.lockgate.as_secs_f64() * 1e3),
    });
    rows.push(Row {
        name: "pull of 200 MB: memory",
        value: pulled.memory as f64 / f64::from(1 << 20),
        unit: "MiB",
        must: Some(Must::BeAtMost(64.0)),
        detail: String::new(),
    });

    for (name, advisories) in [
        ("judging a cached artifact again, offline: keyless, with an SBOM", 0),
        ("the same, looked up in a snapshot of 100,000 advisories", 100_000),
    ] {
        let home = tempfile::tempdir().expect("a temporary folder");
        let again = trust::again_offline(home.path(), advisories, 50);
        rows.push(Row {
            name,
            value: again.as_secs_f64() * 1e3,
            unit: "ms",
            must: Some(Must::BeAtMost(5.0)),
            detail: String::new(),
        });
    }
    let start = trust::start_with(20, 5);
    rows.push(Row {
        name: "process start to the tools of 20 signed servers, cache warm",
        value: start.as_secs_f64() * 1e3,
        unit: "ms",
        must: Some(Must::BeAtMost(250.0)),
        detail: String::new(),
    });

    print_table(&rows);
    if let Some(path) = json {
        write_json(&rows, Path::new(path));
    }
}

/// The time of a call in a fresh sandbox.
struct Sandboxes {
    bare: Duration,
    /// With a guest thread that is never idle.
    executor: Duration,
    /// With the way to the guest thread and back.
    executor_one_by_one: Duration,
}

fn fresh_sandboxes(home: &Path) -> Sandboxes {
    let component = std::fs::read(guest("test/probe")).expect("examples/dist/test/probe.wasm, from `make examples`");
    let bare = bare::Bare::new(&component);
    let executor = executor::Executor::start(home, &guest("test/probe"));
    // Once before it counts: the first calls touch memory that later ones find warm.
    bare.batch(BATCH, &mut Samples::default());
    executor.all_at_once(BATCH, &mut Samples::default());
    let mut samples: [Samples; 3] = Default::default();
    for _ in 0..BATCHES {
        bare.batch(BATCH, &mut samples[0]);
        executor.all_at_once(BATCH, &mut samples[1]);
        executor.one_by_one(BATCH, &mut samples[2]);
    }
    let [bare, executor, executor_one_by_one] = samples.map(|mut samples| samples.median());
    Sandboxes { bare, executor, executor_one_by_one }
}

/// What a client waits for a call beyond what it waits for a process that only echoes.
fn stdio_overhead(home: &Path) -> Duration {
    let mut echo = stdio::Client::echo();
    let mut gateway = stdio::Client::gateway(home, &guest("test/probe"));
    let (mut echo_times, mut gateway_times) = (Samples::default(), Samples::default());
    for _ in 0..BATCHES {
        echo.batch(BATCH, &mut echo_times);
        gateway.batch(BATCH, &mut gateway_times);
    }
    gateway_times.median().saturating_sub(echo_times.median())
}

/// What a client waits for a call in a fresh sandbox.
fn stdio_call(home: &Path) -> Duration {
    let mut gateway = stdio::Client::gateway(home, &guest("test/probe"));
    let mut samples = Samples::default();
    gateway.batch(BATCH, &mut Samples::default());
    gateway.batch(BATCH * 5, &mut samples);
    samples.median()
}

fn guest(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/dist").join(name).with_extension("wasm")
}

fn ratio(of: Duration, to: Duration) -> f64 {
    of.as_secs_f64() / to.as_secs_f64()
}

fn micros(time: Duration) -> String {
    format!("{:.1} us", time.as_secs_f64() * 1e6)
}
