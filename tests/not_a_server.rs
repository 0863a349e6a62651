//! What is given as a server and is none: a message that says what it is, and no more than reading happens.

use std::fs;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::support::{Lockgate, folder, time, wasm_file};

/// What each command that takes a server says of it. All of them have to say the same.
fn said_of(path: &str, code: i32) -> String {
    let [call, tools, inspect, plan] = ["call", "tools", "inspect", "plan"].map(|verb| {
        let tool = (verb == "call").then_some("get_current_time");
        let ended = Lockgate::new(verb).arg(path).args(tool).naming(path, "SERVER").run();
        assert_eq!(ended.stdout, "", "{ended}");
        ended.failed(code);
        ended
    });
    for other in [call, tools, plan] {
        assert_eq!(other.stderr, inspect.stderr);
    }
    inspect.to_string()
}

#[test]
fn an_empty_file_is_no_server() {
    insta::assert_snapshot!(said_of(wasm_file(b"").path().to_str().unwrap(), 1));
}

#[test]
fn random_bytes_are_no_server() {
    // Fixed ones: what is refused today has to be refused tomorrow.
    let bytes: Vec<u8> = (0..100_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    insta::assert_snapshot!(said_of(wasm_file(&bytes).path().to_str().unwrap(), 1));
}

#[test]
fn a_script_is_no_server() {
    insta::assert_snapshot!(said_of(wasm_file(b"#!/bin/sh\necho hello\n").path().to_str().unwrap(), 1));
}

#[test]
fn wasm_that_is_cut_off_anywhere_is_refused_or_fails_to_compile() {
    let whole = fs::read(time()).unwrap();
    // Within the magic, the version, the first sections, the code, and the last byte.
    let cuts = [1, 4, 7, 8, 9, 100, whole.len() / 4, whole.len() / 2, whole.len() - 1000, whole.len() - 1];
    for cut in cuts {
        let file = wasm_file(&whole[..cut]);
        let ended = Lockgate::call(file.path().to_str().unwrap(), "get_current_time").arg("timezone=UTC").run();
        let stderr = ended.failed(1);
        assert_eq!(ended.stdout, "", "cut at {cut}: {ended}");
        let helpful = ["cut off", "no WebAssembly", "no MCP server", "not valid", "adapted"];
        assert!(helpful.iter().any(|words| stderr.contains(words)), "cut at {cut}: {ended}");
    }
}

#[test]
fn wasm_with_a_flipped_byte_never_makes_the_program_panic() {
    let whole = fs::read(time()).unwrap();
    for part in 0..8 {
        let mut bytes = whole.clone();
        let position = 8 + part * (bytes.len() - 8) / 8;
        bytes[position] ^= 0xff;
        let ended = Lockgate::call(wasm_file(&bytes).path().to_str().unwrap(), "get_current_time").run();
        // A flipped byte of data changes what a guest answers, and no more than that.
        assert!(matches!(ended.code, Some(0 | 1 | 3 | 5)), "flipped at {position}: {ended}");
        assert!(!ended.stderr.contains("RUST_BACKTRACE") || ended.stderr.contains("[server"), "{ended}");
    }
}

#[test]
fn a_folder_is_no_server() {
    let (_folder, path) = folder();
    fs::create_dir(path.join("folder.wasm")).unwrap();
    insta::assert_snapshot!(said_of(path.join("folder.wasm").to_str().unwrap(), 1));
}

#[test]
fn a_fifo_is_no_server_and_is_not_waited_for() {
    let (_folder, path) = folder();
    let fifo = path.join("fifo.wasm");
    mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    insta::assert_snapshot!(said_of(fifo.to_str().unwrap(), 1));
}

#[test]
fn a_file_that_is_not_there_is_no_server() {
    insta::assert_snapshot!(said_of("/nonexistent/server.wasm", 1));
}

#[test]
fn a_module_without_the_contract_is_no_server() {
    let module = wat::parse_str(r#"(module (func (export "main")))"#).unwrap();
    insta::assert_snapshot!(said_of(wasm_file(&module).path().to_str().unwrap(), 1));
}

#[test]
fn a_component_without_the_contract_is_no_server() {
    let component = wat::parse_str(r#"(component (import "wasi:keyvalue/store@0.2.0" (instance)))"#).unwrap();
    insta::assert_snapshot!(said_of(wasm_file(&component).path().to_str().unwrap(), 1));
}

#[test]
fn a_component_that_only_claims_the_contract_does_not_start() {
    // The names are right, and the types are not.
    let component = r#"(component (instance $tools) (export "lockgate:mcp/tools@0.1.0" (instance $tools)))"#;
    let file = wasm_file(&wat::parse_str(component).unwrap());
    let path = file.path().to_str().unwrap();
    let ended = Lockgate::call(path, "any").naming(path, "SERVER").run();
    ended.failed(1);
    insta::assert_snapshot!(ended);
}

#[test]
fn a_version_of_the_contract_that_is_not_spoken_does_not_start() {
    let component = r#"(component (instance $tools) (export "lockgate:mcp/tools@9.0.0" (instance $tools)))"#;
    let file = wasm_file(&wat::parse_str(component).unwrap());
    let path = file.path().to_str().unwrap();
    let ended = Lockgate::call(path, "any").naming(path, "SERVER").run();
    ended.failed(1);
    insta::assert_snapshot!(ended);
}
