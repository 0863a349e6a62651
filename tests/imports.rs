//! What a component needs and is not given: it is refused before it runs, with each import and what would grant it.

use crate::support::{Home, Lockgate, fetch, wasm_file};

/// A component with these imports that claims to have tools.
fn importing(imports: &[&str]) -> Vec<u8> {
    let imports: String =
        imports.iter().map(|name| format!("(import \"{name}\" (instance (export \"f\" (func))))\n")).collect();
    let export = "(instance $tools) (export \"lockgate:mcp/tools@0.1.0\" (instance $tools))";
    wat::parse_str(format!("(component {imports} {export})")).unwrap()
}

/// A core module with this import that claims to have tools.
fn module_importing(module: &str, function: &str) -> Vec<u8> {
    let export = "(func (export \"lockgate:mcp/tools@0.1.0#call-tool\"))";
    wat::parse_str(format!("(module (import \"{module}\" \"{function}\" (func)) {export})")).unwrap()
}

/// What `lockgate call` says of a server that is refused, before anything of it was compiled.
fn refused(bytes: &[u8], flags: &[&str]) -> String {
    let (file, home) = (wasm_file(bytes), Home::empty());
    let path = file.path().to_str().unwrap();
    let ended = Lockgate::call(path, "any").args(flags).home(home.path()).naming(path, "SERVER").run();
    ended.failed(3);
    assert_eq!(ended.stdout, "", "{ended}");
    assert!(home.code_files().is_empty(), "it was compiled");
    ended.to_string()
}

#[test]
fn a_component_that_wants_http_is_told_the_flag() {
    let imports = ["wasi:http/types@0.2.3", "wasi:http/outgoing-handler@0.2.3"];
    insta::assert_snapshot!(refused(&importing(&imports), &[]));
}

#[test]
fn every_import_that_nobody_grants_is_named() {
    let imports = [
        "wasi:cli/environment@0.2.0",
        "wasi:keyvalue/store@0.2.0-draft2",
        "wasi:http/outgoing-handler@0.2.0",
        "wasi:nn/graph@0.2.0",
        "wasi:clocks/wall-clock@0.3.0",
        "docs:adder/add@1.0.0",
    ];
    insta::assert_snapshot!(refused(&importing(&imports), &[]));
}

#[test]
fn a_flag_for_http_grants_nothing_else() {
    let imports = ["wasi:http/types@0.2.3", "wasi:keyvalue/store@0.2.0-draft2"];
    insta::assert_snapshot!(refused(&importing(&imports), &["--allow-http", "https://example.com/"]));
}

#[test]
fn a_core_module_for_another_kind_of_host_is_refused() {
    let module =
        r#"(module (import "env" "emscripten_notify" (func)) (func (export "lockgate:mcp/tools@0.1.0#call-tool")))"#;
    insta::assert_snapshot!(refused(&wat::parse_str(module).unwrap(), &[]));
}

#[test]
fn the_name_of_an_import_cannot_write_to_the_terminal() {
    insta::assert_snapshot!(refused(&module_importing("\\1b]0;owned\\07\\0d\\0aroot# ", "f"), &[]));
}

#[test]
fn a_function_that_a_known_interface_does_not_have_is_an_error_and_not_a_crash() {
    let file = wasm_file(&module_importing("wasi_snapshot_preview1", "no_such_call"));
    let path = file.path().to_str().unwrap();
    let ended = Lockgate::call(path, "any").naming(path, "SERVER").run();
    ended.failed(1);
    insta::assert_snapshot!(ended);
}

#[test]
fn an_interface_that_a_known_package_does_not_have_is_refused() {
    insta::assert_snapshot!(refused(&importing(&["wasi:cli/telepathy@0.2.0", "wasi:filesystem/holes@0.2.0"]), &[]));
}

#[test]
fn a_real_guest_that_wants_http_is_refused_without_a_rule() {
    let ended = Lockgate::call(&fetch(), "fetch").arg("url=http://127.0.0.1:1/").run();
    ended.failed(3);
    insta::assert_snapshot!(ended);
}
