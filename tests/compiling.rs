//! Compiling: by many at once, and by a child that is killed.

use std::fs;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{DEADLINE, Home, Lockgate, Process, time};

fn tools(home: &Home) -> Process {
    Lockgate::new("tools").arg(time()).home(home.path()).start()
}

#[test]
fn processes_that_compile_the_same_component_all_work() {
    let home = Home::empty();
    let processes: Vec<Process> = (0..4).map(|_| tools(&home)).collect();
    let ended: Vec<_> = processes.into_iter().map(Process::finish).collect();
    for one in &ended {
        assert!(one.good().contains("get_current_time"), "{one}");
    }
    // One did the work for all.
    assert_eq!(ended.iter().filter(|one| one.stderr.contains("compiling")).count(), 1);
    assert_eq!(home.code_files().len(), 1);
    home.assert_tidy();
}

#[test]
fn a_compiler_that_is_killed_is_an_error_and_the_next_call_works() {
    let home = Home::empty();
    let ended = loop {
        let process = tools(&home);
        if let Some(compiler) = child_of(&process) {
            kill_process(compiler, Signal::KILL).unwrap();
        }
        let ended = process.finish();
        if ended.code != Some(0) {
            break ended;
        }
        // It was faster than this test.
        fs::remove_dir_all(home.code()).unwrap();
    };
    ended.failed(1);
    assert!(home.code_files().is_empty());
    home.assert_tidy();
    insta::assert_snapshot!(ended);
    assert!(tools(&home).finish().good().contains("get_current_time"));
}

#[test]
fn a_program_that_is_killed_while_it_compiles_leaves_no_lock_and_no_compiler() {
    let home = Home::empty();
    let process = tools(&home);
    let compiler = child_of(&process);
    process.signal(Signal::KILL);
    process.finish();
    home.assert_tidy();
    assert!(tools(&home).finish().good().contains("get_current_time"));
    if let Some(compiler) = compiler {
        // Its pipes are closed, so it ends by itself, and not by this test.
        let start = Instant::now();
        while is_alive(compiler) {
            assert!(start.elapsed() < DEADLINE, "the compiler goes on without anybody to compile for");
            std::thread::yield_now();
        }
    }
}

/// The compiler of a process, as soon as there is one; nothing if the process ends without.
fn child_of(process: &Process) -> Option<Pid> {
    let parent = process.pid().as_raw_pid();
    let start = Instant::now();
    while is_alive(process.pid()) {
        assert!(start.elapsed() < DEADLINE, "nothing is compiled");
        if let Some(child) = children_of_all_threads(parent) {
            return Some(child);
        }
        std::thread::yield_now();
    }
    None
}

/// A child belongs to the thread that started it.
fn children_of_all_threads(parent: i32) -> Option<Pid> {
    let tasks = fs::read_dir(format!("/proc/{parent}/task")).ok()?;
    let children = |task: fs::DirEntry| fs::read_to_string(task.path().join("children")).ok();
    let first = tasks.flatten().filter_map(children).find_map(|ids| ids.split_whitespace().next()?.parse().ok())?;
    // Between fork and exec it is still called as its parent.
    let line = fs::read(format!("/proc/{first}/cmdline")).ok()?;
    String::from_utf8_lossy(&line).contains("compile-worker").then(|| Pid::from_raw(first))?
}

/// Whether a process runs; one that has ended and was not waited for does not.
fn is_alive(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_pid())).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}
