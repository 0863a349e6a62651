//! What a stranger's bytes are, read from names alone and without running anything.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use wasmparser::{Encoding, Parser, Payload};

const CONTRACT: &str = "lockgate:mcp/";

/// The encoding of a component's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// A component (Component Model, "Binary Format").
    Component,
    /// A core module for `wasm32-wasip1`, which becomes a component with the preview-1 adapter when it is compiled.
    CoreModule,
}

/// Which exports are served, of those a component has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// Interfaces of `lockgate:mcp`, by their names there: stateless request and result.
    Native(BTreeSet<String>),
    /// A program (`wasi:cli/run`) that speaks MCP on its stdin and stdout.
    Command,
}

/// A component as its names describe it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// How it is encoded.
    pub form: Form,
    /// What is served.
    pub shape: Shape,
    /// Why that, in one sentence.
    pub reason: String,
    /// The interfaces it needs, in the order of their names.
    pub imports: BTreeSet<String>,
    /// The interfaces it offers, in the order of their names.
    pub exports: BTreeSet<String>,
}

/// Why bytes are no server.
#[derive(Debug, thiserror::Error)]
pub enum DescribeError {
    /// There is nothing.
    #[error("the file is empty; build the component again, or pull it again")]
    Empty,
    /// It is something else.
    #[error("this is no WebAssembly: it does not start with \\0asm; give the path of a .wasm component")]
    NotWasm,
    /// It breaks off, or is damaged.
    #[error("the WebAssembly is damaged or cut off at byte {offset}; build it again, or pull it again")]
    Damaged {
        /// Where reading stopped, in bytes from the start.
        offset: usize,
    },
    /// It has nothing to serve.
    #[error(
        "this {form} is no MCP server: it exports none of lockgate:mcp/tools, resources, prompts, completions, and no \
         wasi:cli/run; see the README on how to write one"
    )]
    NoServer {
        /// What it is.
        form: &'static str,
    },
}

/// Reads the names of what a component needs and offers.
///
/// # Errors
/// See [`DescribeError`].
pub(crate) fn describe(bytes: &[u8]) -> Result<Description, DescribeError> {
    if bytes.is_empty() {
        return Err(DescribeError::Empty);
    }
    if !bytes.starts_with(b"\0asm") {
        return Err(DescribeError::NotWasm);
    }
    let names = Names::read(bytes).map_err(|error| DescribeError::Damaged { offset: error.offset() })?;
    let served: BTreeSet<String> = names
        .exports
        .iter()
        .filter_map(|export| export.strip_prefix(CONTRACT)?.split('@').next())
        .filter(|interface| matches!(*interface, "tools" | "resources" | "prompts" | "completions"))
        .map(str::to_owned)
        .collect();
    if served.is_empty() && names.is_program() {
        let reason = "it is a program: it exports wasi:cli/run, and nothing of lockgate:mcp".to_owned();
        return Ok(names.into_description(Shape::Command, reason));
    }
    if served.is_empty() {
        let form = match names.form {
            Form::Component => "component",
            Form::CoreModule => "core module",
        };
        return Err(DescribeError::NoServer { form });
    }
    let reason = format!("it exports {}", names.contract_exports().join(", "));
    Ok(names.into_description(Shape::Native(served), reason))
}

struct Names {
    form: Form,
    /// It is a core module with the entry of a program.
    starts: bool,
    imports: BTreeSet<String>,
    exports: BTreeSet<String>,
}

impl Names {
    fn read(bytes: &[u8]) -> Result<Self, wasmparser::BinaryReaderError> {
        let mut names =
            Self { form: Form::CoreModule, starts: false, imports: BTreeSet::new(), exports: BTreeSet::new() };
        let mut depth = 0_usize;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::Version { encoding: Encoding::Component, .. } if depth == 0 => names.form = Form::Component,
                // Nested modules and components have names of their own, which are nobody's business.
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 0 => {
                    for import in section {
                        names.imports.insert(import?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(section) if depth == 0 => {
                    for export in section {
                        names.exports.insert(export?.name.name.to_owned());
                    }
                }
                Payload::ImportSection(section) if depth == 0 => {
                    for import in section.into_imports() {
                        names.imports.insert(core_import(import?.module));
                    }
                }
                Payload::ExportSection(section) if depth == 0 => {
                    for export in section {
                        let name = export?.name;
                        names.starts |= name == "_start";
                        // A core module exports the function `f` of an interface as `package:name/interface#f`.
                        if let Some((interface, _)) = name.split_once('#') {
                            names.exports.insert(interface.trim_start_matches("cabi_post_").to_owned());
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(names)
    }

    fn is_program(&self) -> bool {
        let runs = |export: &String| export.strip_prefix("wasi:cli/run@").is_some_and(|rest| rest.starts_with("0.2."));
        self.starts || self.exports.iter().any(runs)
    }

    fn into_description(self, shape: Shape, reason: String) -> Description {
        Description { form: self.form, shape, reason, imports: self.imports, exports: self.exports }
    }

    fn contract_exports(&self) -> Vec<&str> {
        self.exports.iter().map(String::as_str).filter(|export| export.starts_with(CONTRACT)).collect()
    }
}

/// The interface behind a core module's import. `[export]x` is how a guest asks for intrinsics of its own exports.
fn core_import(module: &str) -> String {
    module.trim_start_matches("[export]").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_wasm_says_so() {
        assert!(matches!(describe(b""), Err(DescribeError::Empty)));
        assert!(matches!(describe(b"#!/bin/sh\n"), Err(DescribeError::NotWasm)));
        assert!(matches!(describe(b"\0asm"), Err(DescribeError::Damaged { .. })));
        assert!(matches!(describe(b"\0asm\x01\0\0\0\xff\xff"), Err(DescribeError::Damaged { .. })));
    }

    #[test]
    fn a_component_without_the_contract_is_no_server() {
        for text in
            ["(component)", "(module)", "(component (component (export \"lockgate:mcp/tools@0.1.0\" (func 0))))"]
        {
            if let Ok(bytes) = wat::parse_str(text) {
                assert!(matches!(describe(&bytes), Err(DescribeError::NoServer { .. })), "{text}");
            }
        }
    }

    #[test]
    fn the_first_shape_that_fits_is_named_with_its_reason() {
        let bytes = wat::parse_str(
            r#"(module
                (import "wasi_snapshot_preview1" "fd_write" (func))
                (func (export "lockgate:mcp/tools@0.1.0#call-tool"))
                (func (export "cabi_post_lockgate:mcp/tools@0.1.0#call-tool")))"#,
        )
        .unwrap();
        let description = describe(&bytes).unwrap();
        assert_eq!(description.form, Form::CoreModule);
        assert_eq!(description.shape, Shape::Native(["tools".to_owned()].into()));
        assert_eq!(description.reason, "it exports lockgate:mcp/tools@0.1.0");
        assert_eq!(description.imports, ["wasi_snapshot_preview1".to_owned()].into());
    }

    #[test]
    fn a_program_is_a_command_unless_it_keeps_the_contract() {
        let program = wat::parse_str("(module (func (export \"_start\")))").unwrap();
        assert_eq!(describe(&program).unwrap().shape, Shape::Command);
        let both = r#"(module (func (export "_start")) (func (export "lockgate:mcp/tools@0.1.0#call-tool")))"#;
        assert!(matches!(describe(&wat::parse_str(both).unwrap()).unwrap().shape, Shape::Native(_)));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_described_or_refused_without_a_panic(
            bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300),
            component in proptest::bool::ANY,
        ) {
            let mut wasm = if component { b"\0asm\x0d\0\x01\0".to_vec() } else { b"\0asm\x01\0\0\0".to_vec() };
            wasm.extend(bytes);
            let _ = describe(&wasm);
        }
    }
}
