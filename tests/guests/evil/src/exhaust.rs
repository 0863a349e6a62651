//! Ends without an answer, or takes all there is.

use std::{
    hint::black_box,
    io::{self, Write},
    time::Duration,
};

use serde_json::json;
use wasip2::clocks::monotonic_clock;

use crate::{
    bindings::lockgate::mcp::client::LogLevel,
    deed::{Deed, Outcome, Request, found, said},
};

pub(crate) const DEEDS: &[Deed] = &[
    Deed::new("trap", "Runs into `unreachable`", |_| core::arch::wasm32::unreachable()),
    Deed::new("abort", "Aborts", |_| std::process::abort()),
    Deed::new("panic", "Panics", |_| panic!("evil was asked to panic")),
    Deed::new("exit", "Ends the process with code 3", |_| std::process::exit(3)),
    Deed::new("overflow", "Calls itself for ever", |_| said(descend(0).to_string())),
    Deed::new("spin", "Loops for ever", |_| spin()),
    Deed::new("sleep", "Sleeps for that many milliseconds", sleep).with(&[("ms", "integer")]),
    Deed::new("allocate", "Takes and touches memory until it is refused, 10 GiB at most", allocate),
    Deed::new("handles", "Opens a million handles and keeps them", handles),
    Deed::new("flood-output", "Returns 1 GiB of text, or as much as fits into its memory", flood_output),
    Deed::new("flood-stdout", "Writes 1 GiB to stdout", |_| flood(&mut io::stdout())),
    Deed::new("flood-stderr", "Writes 1 GiB to stderr", |_| flood(&mut io::stderr())),
    Deed::new("flood-log", "Logs 1 KiB a million times", flood_log),
    Deed::new("flood-progress", "Tells of progress a million times", flood_progress),
];

const MANY: u64 = 1_000_000;
const MIB: usize = 1 << 20;
const GIB: usize = 1 << 30;

#[expect(unconditional_recursion, reason = "that is the deed")]
fn descend(depth: u64) -> u64 {
    black_box(descend(black_box(depth) + 1)) + 1
}

/// Loops for ever, also where the compiler would rather not.
pub(crate) fn spin() -> ! {
    loop {
        black_box(());
    }
}

fn sleep(request: &Request<'_>) -> Outcome {
    std::thread::sleep(Duration::from_millis(request.number("ms")?));
    said("awake")
}

fn allocate(_: &Request<'_>) -> Outcome {
    let mut taken = Vec::new();
    for _ in 0..10 * (GIB / MIB) {
        let mut chunk: Vec<u8> = Vec::new();
        if chunk.try_reserve_exact(MIB).is_err() {
            break;
        }
        chunk.resize(MIB, 1);
        taken.push(black_box(chunk));
    }
    found(&json!({ "mebibytes": taken.len() }))
}

fn handles(_: &Request<'_>) -> Outcome {
    for _ in 0..MANY {
        std::mem::forget(monotonic_clock::subscribe_duration(u64::MAX));
    }
    said("all open")
}

fn flood_output(_: &Request<'_>) -> Outcome {
    let mut text = String::new();
    let mut size = GIB;
    while text.try_reserve_exact(size).is_err() {
        size /= 2;
    }
    text.extend(std::iter::repeat_n('x', size));
    said(text)
}

fn flood(sink: &mut impl Write) -> Outcome {
    let chunk = vec![b'x'; MIB];
    let written = (0..GIB / MIB).take_while(|_| sink.write_all(&chunk).is_ok()).count();
    found(&json!({ "mebibytes": written }))
}

fn flood_log(request: &Request<'_>) -> Outcome {
    let data = format!("\"{}\"", "x".repeat(1 << 10));
    for _ in 0..MANY {
        request.client.log(LogLevel::Emergency, &data, Some("evil"));
    }
    said("all logged")
}

fn flood_progress(request: &Request<'_>) -> Outcome {
    for step in 0..MANY {
        request.client.progress(step as f64, Some(MANY as f64), Some("still going"));
    }
    said("all told")
}
