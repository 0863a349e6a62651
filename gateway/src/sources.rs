//! How people write servers: on the command line, and as `source` in the configuration.

use std::path::Path;

use lockgate_runtime::{Image, Layout, Reference, Remote, ServerName, Source, names_registry};

use crate::built_in;
use crate::error::{CommandError, Kind};

/// Reads `[NAME=]SERVER`.
pub(crate) fn parse_server(text: &str) -> Result<(ServerName, Source), CommandError> {
    let (name, server) = split_name(text)?;
    let (source, words) = parse_source(server, Path::new(""))?;
    let name = name.map_or_else(|| name_from(&words, server), Ok)?;
    Ok((name, source))
}

/// Takes `NAME=` off, if it is there.
pub(crate) fn split_name(text: &str) -> Result<(Option<ServerName>, &str), CommandError> {
    match text.split_once('=') {
        Some((name, server)) if !name.contains(['/', '.', ':']) => {
            let name = name.parse().map_err(|error| CommandError::from_error(Kind::Usage, &error))?;
            Ok((Some(name), server))
        }
        _ => Ok((None, text)),
    }
}

/// Whether a `SERVER` is a name, which has to be looked up.
pub(crate) fn is_name(server: &str) -> bool {
    let is_reference = server.split_once('/').is_some_and(|(first, _)| names_registry(first));
    !(server.is_empty()
        || server.starts_with("oci-layout:")
        || server.contains("://")
        || is_path(server)
        || is_reference)
}

/// Reads a `SERVER`, and gives the words that name it best. Relative paths count from `folder`.
pub(crate) fn parse_source(server: &str, folder: &Path) -> Result<(Source, String), CommandError> {
    let usage = |error: &(dyn std::error::Error + 'static)| CommandError::from_error(Kind::Usage, error);
    if server.is_empty() {
        return Err(CommandError::new(Kind::Usage, "the server is empty")
            .hint("name a .wasm file, a reference to an artifact, or a built-in server"));
    }
    if let Some(layout) = server.strip_prefix("oci-layout:") {
        let mut layout: Layout = layout.parse().map_err(|error| usage(&error))?;
        layout.folder = folder.join(layout.folder);
        let words = last_part(&layout.folder.to_string_lossy()).to_owned();
        return Ok((Source::Layout(layout), words));
    }
    if let Some(image) = server.strip_prefix("docker://") {
        let image: Image = image.parse().map_err(|error| usage(&error))?;
        let words = match &image {
            Image::Registry(reference) => last_part(reference.repository()).to_owned(),
            Image::Local(id) => id.hex().chars().take(12).collect(),
        };
        return Ok((Source::Image(image), words));
    }
    if server.contains("://") {
        let remote: Remote = server.parse().map_err(|error| usage(&error))?;
        let words = remote.url().host_str().unwrap_or_default().to_owned();
        return Ok((Source::Remote(remote), words));
    }
    if is_path(server) {
        let words = Path::new(server).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
        return Ok((Source::File(folder.join(server)), words));
    }
    if server.split_once('/').is_some_and(|(first, _)| names_registry(first)) {
        let reference: Reference = server.parse().map_err(|error| usage(&error))?;
        let words = last_part(reference.repository()).to_owned();
        return Ok((Source::Oci(reference), words));
    }
    if built_in::has(server) {
        return Ok((Source::BuiltIn(server.to_owned()), server.to_owned()));
    }
    let message = format!("`{server}` is neither a path to a .wasm, a reference, nor a server that is known by name");
    Err(CommandError::new(Kind::Usage, message)
        .hint(built_in::sentence())
        .hint("a file in this folder is written ./FILE, an artifact REGISTRY/REPOSITORY:TAG, an image docker://IMAGE"))
}

fn is_path(server: &str) -> bool {
    server.starts_with(['/', '.']) || (server.ends_with(".wasm") && !server.contains(':'))
}

fn last_part(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

/// The name of a server that was given none: what it comes from, made fit.
fn name_from(words: &str, server: &str) -> Result<ServerName, CommandError> {
    let fit: String = words.to_ascii_lowercase().replace(['.', ' '], "-");
    fit.parse().map_err(|error| {
        CommandError::from_error(Kind::Usage, &error).hint(format!("name the server yourself: NAME={server}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_file_and_names_its_server() {
        for (text, name, path) in [
            ("./My.Server.wasm", "my-server", "./My.Server.wasm"),
            ("/srv/a.wasm", "a", "/srv/a.wasm"),
            ("time.wasm", "time", "time.wasm"),
            ("clock=/srv/a=b.wasm", "clock", "/srv/a=b.wasm"),
            ("./a=b.wasm", "other", "./a=b.wasm"),
        ] {
            let text = if name == "other" { format!("other={text}") } else { text.to_owned() };
            let (found, source) = parse_server(&text).unwrap();
            assert_eq!((found.to_string().as_str(), source), (name, Source::File(path.into())), "{text}");
        }
    }

    #[test]
    fn other_sources_are_told_apart_by_how_they_are_written() {
        let id = format!("docker://sha256:{}", "ab".repeat(32));
        for (text, name, shown) in [
            ("ghcr.io/acme/time-server:1.0", "time-server", "ghcr.io/acme/time-server:1.0"),
            ("clock=127.0.0.1:5000/time:1", "clock", "127.0.0.1:5000/time:1"),
            ("oci-layout:./dist/time", "time", "oci-layout:./dist/time"),
            ("oci-layout:/srv/a:v1", "a", "oci-layout:/srv/a:v1"),
            ("docker://mcp/time", "time", "docker://docker.io/mcp/time:latest"),
            (&*id, "abababababab", &*id),
            ("https://mcp.example.com/mcp", "mcp-example-com", "https://mcp.example.com/mcp"),
            ("x=http://127.0.0.1:9/mcp?a=b", "x", "http://127.0.0.1:9/mcp?a=b"),
        ] {
            let (found, source) = parse_server(text).unwrap_or_else(|error| panic!("{text}: {}", error.text()));
            assert_eq!((found.as_str(), source.to_string().as_str()), (name, shown));
        }
    }

    #[test]
    fn a_name_is_what_says_nothing_by_itself() {
        for text in ["time", "SQLite", "com.example.x", "acme/x", "a:b"] {
            assert!(is_name(text), "{text}");
        }
        for text in ["", "./a", "a.wasm", "docker://a", "oci-layout:a", "https://a.example", "ghcr.io/a/b:1"] {
            assert!(!is_name(text), "{text}");
        }
    }

    #[test]
    fn what_is_not_known_says_what_is() {
        for text in [
            "",
            "x=",
            "nobody",
            "acme/x:1",
            "ghcr.io/acme/x",
            "docker://",
            "docker://X",
            "ftp://x.example",
            "http://x.example/mcp",
            "https://user@x.example/mcp",
            "oci-layout:",
            "A=./x.wasm",
            "a__b=./x.wasm",
            "./_.wasm",
        ] {
            assert!(parse_server(text).is_err(), "{text}");
        }
    }
}
