//! How long a call takes, as ratios to what it could take at best, in one run on one machine.
//!
//! `cargo bench --bench calls [-- --json FILE]`. Both sides of a ratio are measured in turn, batch by batch, so that a
//! machine that slows down slows both; medians are compared.

#![expect(clippy::print_stdout, reason = "a bench prints its table")]
#![expect(clippy::disallowed_methods, clippy::panic, clippy::unwrap_used, reason = "a bench that cannot go on ends")]

mod bare;
mod executor;
mod measure;
mod stdio;

use std::path::{Path, PathBuf};
use std::time::Duration;

use measure::{Row, Samples, print_table, write_json};

/// Calls in one batch of a pair, and how many batches.
const BATCH: usize = 200;
const BATCHES: usize = 30;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == stdio::ECHO_ARGUMENT) {
        return stdio::echo();
    }
    let json = arguments.iter().position(|argument| argument == "--json").and_then(|at| arguments.get(at + 1));
    let home = tempfile::tempdir().expect("a temporary folder");
    let mut rows = Vec::new();

    let Sandboxes { bare, executor, executor_alone } = fresh_sandboxes(home.path());
    rows.push(Row {
        name: "fresh sandbox per call, executor / bare wasmtime, one thread each".to_owned(),
        value: executor.as_secs_f64() / bare.as_secs_f64(),
        unit: "x",
        must: 1.3,
        detail: format!("{} / {}; one by one {}", micros(executor), micros(bare), micros(executor_alone)),
    });

    let overhead = stdio_overhead(home.path());
    rows.push(Row {
        name: "tools/call over stdio beyond an echoing process / bare wasmtime".to_owned(),
        value: overhead.as_secs_f64() / bare.as_secs_f64(),
        unit: "x",
        must: 2.5,
        detail: format!("{} / {}", micros(overhead), micros(bare)),
    });
    rows.push(Row {
        name: "tools/call over stdio beyond an echoing process".to_owned(),
        value: overhead.as_secs_f64() * 1e3,
        unit: "ms",
        must: 0.3,
        detail: String::new(),
    });

    let start = stdio::start_to_first_list(home.path(), &guest("time"), 20);
    rows.push(Row {
        name: "process start to first tools/list, code cached".to_owned(),
        value: start.as_secs_f64() * 1e3,
        unit: "ms",
        must: 50.0,
        detail: String::new(),
    });

    let (answered, bytes_each) = stdio::in_flight(home.path(), &guest("test/evil"), 100);
    assert_eq!(answered, 100, "every call in flight must be answered");
    rows.push(Row {
        name: "100 calls in flight over stdio, memory a call".to_owned(),
        value: bytes_each / f64::from(1 << 20),
        unit: "MiB",
        must: 4.0,
        detail: format!("{answered} answered"),
    });

    print_table(&rows);
    if let Some(path) = json {
        write_json(&rows, Path::new(path));
    }
}

struct Sandboxes {
    bare: Duration,
    /// With a guest thread that is never idle.
    executor: Duration,
    /// With the way to the guest thread and back.
    executor_alone: Duration,
}

/// The median time of a call in a fresh sandbox.
fn fresh_sandboxes(home: &Path) -> Sandboxes {
    let component = std::fs::read(guest("test/probe")).expect("examples/dist/test/probe.wasm, from `make examples`");
    let bare = bare::Bare::new(&component);
    let executor = executor::Executor::start(home, &guest("test/probe"));
    let mut samples: [Samples; 3] = Default::default();
    for _ in 0..BATCHES {
        bare.batch(BATCH, &mut samples[0]);
        executor.all_at_once(BATCH, &mut samples[1]);
        executor.one_by_one(BATCH, &mut samples[2]);
    }
    let [bare, executor, executor_alone] = samples.map(|mut samples| samples.median());
    Sandboxes { bare, executor, executor_alone }
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

fn guest(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/dist").join(name).with_extension("wasm")
}

fn micros(time: Duration) -> String {
    format!("{:.1} us", time.as_secs_f64() * 1e6)
}
