//! What a component needs, against what its grant gives.

use std::fmt;

use super::component::Description;
use crate::sandbox::Grant;

/// An interface that a component needs and nobody gives, and how it could be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingImport {
    /// The interface, as the component names it.
    pub name: String,
    /// What would help.
    pub help: &'static str,
}

impl fmt::Display for MissingImport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", crate::Untrusted::new(self.name.as_str()).to_line(200), self.help)
    }
}

/// Checks that everything a component imports is in its sandbox.
///
/// Clocks, random numbers, streams, environment and file system are in every sandbox, and empty or harmless unless
/// something is granted. So are sockets, as the C libraries of WASI 0.2 import them without using them: there, every
/// address is denied and no name is looked up.
///
/// # Errors
/// All that is missing.
pub(crate) fn check_imports(description: &Description, grant: &Grant) -> Result<(), Vec<MissingImport>> {
    let missing: Vec<MissingImport> = description
        .imports
        .iter()
        .filter_map(|name| Some(MissingImport { name: name.clone(), help: help_for(name, grant)? }))
        .collect();
    if missing.is_empty() { Ok(()) } else { Err(missing) }
}

/// The interfaces of WASI 0.2 that are given, by package. Of HTTP, only with a rule for it.
const GIVEN: &[(&str, &[&str])] = &[
    ("wasi:io", &["error", "poll", "streams"]),
    ("wasi:clocks", &["monotonic-clock", "wall-clock"]),
    ("wasi:random", &["insecure", "insecure-seed", "random"]),
    (
        "wasi:cli",
        &[
            "environment",
            "exit",
            "stderr",
            "stdin",
            "stdout",
            "terminal-input",
            "terminal-output",
            "terminal-stderr",
            "terminal-stdin",
            "terminal-stdout",
        ],
    ),
    ("wasi:filesystem", &["preopens", "types"]),
    (
        "wasi:sockets",
        &["instance-network", "ip-name-lookup", "network", "tcp", "tcp-create-socket", "udp", "udp-create-socket"],
    ),
    ("wasi:http", &["outgoing-handler", "types"]),
];

/// What would help a component to this interface; nothing if it has it.
fn help_for(name: &str, grant: &Grant) -> Option<&'static str> {
    let (path, version) = name.split_once('@').unwrap_or((name, ""));
    let (package, interface) = path.split_once('/').unwrap_or((path, ""));
    match package {
        // The last one also stands for the intrinsics of a core module's own exports.
        "wasi_snapshot_preview1" | "$root" | "lockgate:mcp" => return None,
        "env" => return Some("no flag gives this; it is a module of another kind of host, build it for WASI"),
        _ => {}
    }
    let unknown = "no flag gives this; ask its author for a build without it";
    let Some((_, interfaces)) = GIVEN.iter().find(|(given, _)| *given == package) else { return Some(unknown) };
    if !version.starts_with("0.2.") {
        return Some("only WASI 0.2 is given; build the component for it");
    }
    if !interfaces.contains(&interface) {
        return Some(unknown);
    }
    if package == "wasi:http" && grant.http.is_empty() {
        return Some("it wants to send HTTP requests; to allow some: --allow-http \"GET https://HOST/PATH\"");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::wasm::{Form, Shape};
    use crate::spec::Sourced;

    fn importing(names: &[&str]) -> Description {
        Description {
            form: Form::Component,
            shape: Shape::Native(["tools".to_owned()].into()),
            reason: String::new(),
            imports: names.iter().map(|&name| name.to_owned()).collect(),
            exports: [].into(),
        }
    }

    #[test]
    fn what_is_empty_without_a_grant_is_in_every_sandbox() {
        let names = ["wasi:cli/environment@0.2.3", "wasi:filesystem/types@0.2.0", "lockgate:mcp/client@0.1.0"];
        assert!(check_imports(&importing(&names), &Grant::default()).is_ok());
    }

    #[test]
    fn each_missing_import_names_what_would_grant_it() {
        let names =
            ["wasi:http/outgoing-handler@0.2.3", "wasi:keyvalue/store@0.2.0-draft2", "wasi:cli/environment@0.3.0"];
        let missing = check_imports(&importing(&names), &Grant::default()).unwrap_err();
        let lines: Vec<String> = missing.iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "wasi:cli/environment@0.3.0: only WASI 0.2 is given; build the component for it",
                "wasi:http/outgoing-handler@0.2.3: it wants to send HTTP requests; to allow some: \
                 --allow-http \"GET https://HOST/PATH\"",
                "wasi:keyvalue/store@0.2.0-draft2: no flag gives this; ask its author for a build without it",
            ]
        );
    }

    #[test]
    fn a_rule_for_http_gives_the_interface() {
        let rule = Sourced::flag("https://example.com".parse().unwrap());
        let grant = Grant { http: vec![rule], ..Grant::default() };
        assert!(check_imports(&importing(&["wasi:http/types@0.2.3"]), &grant).is_ok());
    }
}
