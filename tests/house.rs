//! The house: which room may import what. The sources are read as text, so that a breach shows where it stands.

use std::path::{Path, PathBuf};

/// A room: its files below the root of the repository, and what they never name, with the reason.
struct Room {
    files: &'static [&'static str],
    never: &'static [&'static str],
    because: &'static str,
}

const HOUSE: &[Room] = &[
    Room {
        files: &["runtime/src"],
        never: &[
            "use lockgate::",
            "clap::",
            "std::env::",
            "env::var",
            "std::io::stdin",
            "std::io::stdout",
            "TcpListener",
            "indicatif",
            "axum::",
        ],
        because: "the runtime is given everything from outside: no gateway, command line, listener, environment or terminal",
    },
    Room {
        files: &[
            "runtime/src/message.rs",
            "runtime/src/message",
            "runtime/src/plan.rs",
            "runtime/src/sandbox/credential.rs",
            "runtime/src/sandbox/grant.rs",
            "runtime/src/sandbox/http_rule.rs",
            "runtime/src/secret/source.rs",
            "runtime/src/spec.rs",
        ],
        never: &[
            "std::fs",
            "std::net::Tcp",
            "tokio::",
            "std::process",
            "reqwest",
            "rustix",
            "crate::runtime",
            "crate::server",
            "crate::dial",
        ],
        because: "these are plain data: no I/O, and nothing that stands above them",
    },
    Room {
        files: &["runtime/src/artifact", "runtime/src/artifact.rs"],
        never: &[
            "crate::executor",
            "crate::plan",
            "crate::runtime",
            "crate::sandbox",
            "crate::server",
            "crate::spec",
            "crate::trust",
            "sigstore",
            "wasmtime",
            "oci_client",
        ],
        because: "artifacts are bytes by digest: who vouches for them and who runs them is decided later",
    },
    Room {
        files: &["runtime/src/trust.rs", "runtime/src/trust"],
        never: &["crate::executor", "crate::server", "wasmtime", "reqwest", "crate::dial"],
        because: "trust judges artifacts and knows nothing of who runs them",
    },
    Room {
        files: &[
            "runtime/src/trust/authority.rs",
            "runtime/src/trust/bundle.rs",
            "runtime/src/trust/by_certificate.rs",
            "runtime/src/trust/by_key.rs",
            "runtime/src/trust/decision.rs",
            "runtime/src/trust/evidence.rs",
            "runtime/src/trust/fault.rs",
            "runtime/src/trust/identity.rs",
            "runtime/src/trust/key.rs",
            "runtime/src/trust/legacy.rs",
            "runtime/src/trust/payload.rs",
            "runtime/src/trust/policy.rs",
            "runtime/src/trust/policy",
            "runtime/src/trust/proof.rs",
            "runtime/src/trust/predicate.rs",
            "runtime/src/trust/provenance",
            "runtime/src/trust/provenance.rs",
            "runtime/src/trust/remedy.rs",
            "runtime/src/trust/root.rs",
            "runtime/src/trust/sbom",
            "runtime/src/trust/sbom.rs",
            "runtime/src/trust/scope.rs",
            "runtime/src/trust/sign",
            "runtime/src/trust/sign.rs",
            "runtime/src/trust/signature.rs",
            "runtime/src/trust/statement.rs",
            "runtime/src/trust/tuf.rs",
            "runtime/src/trust/tuf/chain.rs",
            "runtime/src/trust/tuf/kept.rs",
            "runtime/src/trust/version",
            "runtime/src/trust/version.rs",
            "runtime/src/trust/vex",
            "runtime/src/trust/vex.rs",
            "runtime/src/trust/vulnerability",
            "runtime/src/trust/vulnerability.rs",
            "runtime/src/trust/weigh.rs",
        ],
        never: &["std::fs", "tokio", "Depot", "async", "std::net::Tcp"],
        because: "how a signature is weighed is a pure function: only what gathers them asks anybody",
    },
    Room {
        files: &["runtime/src/executor", "runtime/src/executor.rs"],
        never: &["oci_client", "sigstore", "keyring", "crate::secret", "reqwest", "crate::dial"],
        because: "executors take what was verified, and reach out through the broker alone",
    },
    Room {
        files: &["runtime/src/secret.rs", "runtime/src/secret"],
        never: &["crate::executor", "crate::sandbox", "crate::server", "crate::dial"],
        because: "secrets are kept and read without knowing who uses them",
    },
    Room {
        files: &["runtime/src/executor/peer", "runtime/src/executor/peer.rs"],
        never: &["bollard", "wasmtime", "crate::executor::container", "crate::executor::wasm", "std::fs", "std::net"],
        because: "a peer speaks with a server, whatever carries the messages",
    },
    Room {
        files: &["runtime/src/executor/container", "runtime/src/executor/container.rs"],
        never: &["wasmtime", "std::process::Command", "tokio::process", "std::net"],
        because: "containers are the engine's, and the engine is spoken with over its socket alone",
    },
    Room {
        files: &["runtime/src/executor/remote", "runtime/src/executor/remote.rs"],
        never: &["std::fs", "std::net", "tokio::net", "std::process", "wasmtime"],
        because: "a remote server is reached through the broker alone, and has nothing of this machine",
    },
    Room {
        files: &["gateway/src/transport", "gateway/src/transport.rs"],
        never: &["crate::router", "crate::policy", "wasmtime"],
        because: "a transport turns bytes into messages and decides nothing",
    },
    Room {
        files: &["gateway/src/catalog"],
        never: &["std::fs", "std::net", "tokio", "clap::", "crate::command", "crate::config", "Runtime"],
        because: "what a catalog says becomes a server and its wants without any I/O; `catalog.rs` alone reads the file",
    },
    Room {
        files: &["gateway/src/lock.rs", "gateway/src/lock"],
        never: &["crate::command", "crate::config", "crate::router", "crate::session", "std::net", "tokio", "clap::"],
        because: "a lock says what servers were and whether they still are, whoever asks them",
    },
    Room {
        files: &["gateway/src/tokens.rs"],
        never: &["crate::session", "crate::transport", "crate::router", "hyper", "tokio", "std::net"],
        because: "tokens say who somebody is, however they are shown",
    },
    Room {
        files: &["gateway/src/policy.rs"],
        never: &["std::fs", "std::io", "std::net", "tokio", "Link", "crate::router", "crate::session"],
        because: "policy is a pure function from request and principal to a permit or a denial",
    },
    Room {
        files: &["gateway/src/command", "gateway/src/command.rs"],
        never: &["wasmtime", "sigstore", "keyring", "bollard"],
        because: "a command asks the runtime, and knows none of its libraries",
    },
    Room {
        files: &["gateway/src"],
        never: &["wasmtime::", "wasmparser::", "reqwest::"],
        because: "only the runtime runs components and dials",
    },
];

/// What stands in one file alone.
const ONLY_IN: &[(&str, &str)] = &[
    ("unsafe {", "runtime/src/executor/wasm/code.rs"),
    ("Component::deserialize", "runtime/src/executor/wasm/code.rs"),
    ("env::var_os", "gateway/src/environment.rs"),
    ("Client::builder", "runtime/src/dial.rs"),
];

#[test]
fn no_room_imports_what_its_place_forbids() {
    let mut breaches = Vec::new();
    for room in HOUSE {
        for file in room.files.iter().flat_map(|file| sources(file)) {
            for (number, line) in code_lines(&file) {
                if let Some(word) = room.never.iter().find(|word| line.contains(**word)) {
                    breaches.push(format!("{}:{number} names {word}: {}", file.display(), room.because));
                }
            }
        }
    }
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}

#[test]
fn what_is_dangerous_stands_in_one_place() {
    for (word, home) in ONLY_IN {
        let found: Vec<String> = ["runtime/src", "gateway/src"]
            .iter()
            .flat_map(|folder| sources(folder))
            .filter(|file| code_lines(file).iter().any(|(_, line)| line.contains(word)))
            .map(|file| file.strip_prefix(root()).unwrap().display().to_string())
            .collect();
        assert_eq!(found, [*home], "{word}");
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The Rust files at or below a path. A rule for a room that is not there is a mistake in the table.
fn sources(path: &str) -> Vec<PathBuf> {
    let path = root().join(path);
    assert!(path.exists(), "{} is in the table and not in the house", path.display());
    let (mut found, mut waiting) = (Vec::new(), vec![path]);
    while let Some(path) = waiting.pop() {
        // Tests of a room may reach into others to set it up.
        if path.ends_with("tests") || path.ends_with("tests.rs") {
            continue;
        }
        if path.is_dir() {
            waiting.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// Lines of code with their numbers: neither comments nor the tests at the bottom.
fn code_lines(file: &Path) -> Vec<(usize, String)> {
    let text = std::fs::read_to_string(file).unwrap();
    text.lines()
        .enumerate()
        .map(|(number, line)| (number + 1, line.to_owned()))
        .take_while(|(_, line)| line != "#[cfg(test)]")
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .collect()
}
