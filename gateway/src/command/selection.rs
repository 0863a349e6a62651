//! Which server is meant, and what it is given: the arguments that `run`, `call`, `tools` and `plan` share.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use lockgate_runtime::{
    Directory, Grant, HttpRule, Limits, ServerName, Source, Sourced, Spec, Variable, parse_bytes, parse_duration,
};

use crate::built_in;
use crate::error::{CommandError, Kind};

/// A server with its grant.
#[derive(Debug, Args)]
pub(super) struct Selection {
    /// A path to a .wasm, or the name of a built-in server; NAME=SERVER names it
    #[arg(value_name = "SERVER")]
    server: String,
    #[command(flatten)]
    rights: Rights,
}

/// The heading of these flags in the help.
const RIGHTS: &str = "What the server may touch and use (nothing, unless it is given)";

#[derive(Debug, Args)]
pub(super) struct Rights {
    /// Let it see a directory; read-only unless ,rw is added
    #[arg(long = "dir", help_heading = RIGHTS, value_name = "HOST[=GUEST][,rw]")]
    dirs: Vec<Directory>,
    /// Let it send HTTP requests, as "GET,POST https://api.example.com/v1/"
    #[arg(long = "allow-http", help_heading = RIGHTS, value_name = "RULE")]
    http: Vec<HttpRule>,
    /// Set an environment variable
    #[arg(long = "env", help_heading = RIGHTS, value_name = "K=V")]
    env: Vec<Variable>,
    /// The memory of one call [default: 128MiB]
    #[arg(long, help_heading = RIGHTS, value_name = "SIZE", value_parser = parse_bytes)]
    memory: Option<u64>,
    /// The time of one call [default: 30s]
    #[arg(long, help_heading = RIGHTS, value_name = "TIME", value_parser = parse_duration)]
    time: Option<Duration>,
}

impl Selection {
    /// What was asked for, read once.
    pub(super) fn spec(self) -> Result<Spec, CommandError> {
        let (name, source) = parse_server(&self.server)?;
        let Rights { dirs, http, env, memory, time } = self.rights;
        let mut limits = Limits::default();
        if let Some(memory) = memory {
            limits.memory = Sourced::flag(memory);
        }
        if let Some(time) = time {
            limits.time = Sourced::flag(time);
        }
        let grant = Grant { http: flags(http), dirs: flags(dirs), env: flags(env) };
        Ok(Spec { name, source, arguments: Vec::new(), grant, limits })
    }
}

fn flags<T>(items: Vec<T>) -> Vec<Sourced<T>> {
    items.into_iter().map(Sourced::flag).collect()
}

/// Reads `[NAME=]SERVER`.
pub(super) fn parse_server(text: &str) -> Result<(ServerName, Source), CommandError> {
    let (name, server) = match text.split_once('=') {
        Some((name, server)) if !name.contains(['/', '.']) => {
            let name = name.parse().map_err(|error| CommandError::from_error(Kind::Usage, &error))?;
            (Some(name), server)
        }
        _ => (None, text),
    };
    if server.is_empty() {
        return Err(
            CommandError::new(Kind::Usage, "the server is empty").hint("name a .wasm file or a built-in server")
        );
    }
    if is_path(server) {
        let name = name.map_or_else(|| name_of_file(Path::new(server)), Ok)?;
        return Ok((name, Source::File(server.into())));
    }
    if built_in::has(server) {
        let known = server.parse().map_err(|error| CommandError::from_error(Kind::Usage, &error))?;
        return Ok((name.unwrap_or(known), Source::BuiltIn(server.to_owned())));
    }
    Err(CommandError::new(
        Kind::Usage,
        format!("`{server}` is neither a path to a .wasm nor a server that is known by name"),
    )
    .hint(built_in::sentence())
    .hint("a file in this folder is written ./FILE"))
}

fn is_path(server: &str) -> bool {
    server.starts_with(['/', '.']) || (server.ends_with(".wasm") && !server.contains("://"))
}

/// The name of a file's server: the file's own, made fit.
fn name_of_file(path: &Path) -> Result<ServerName, CommandError> {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let fit: String = stem.to_ascii_lowercase().replace(['.', ' '], "-");
    fit.parse().map_err(|error| {
        CommandError::from_error(Kind::Usage, &error).hint(format!("name the server yourself: NAME={}", path.display()))
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
    fn what_is_not_known_says_what_is() {
        for text in ["", "x=", "nobody", "ghcr.io/acme/x", "docker://x", "A=./x.wasm", "a__b=./x.wasm", "./_.wasm"] {
            assert!(parse_server(text).is_err(), "{text}");
        }
    }
}
