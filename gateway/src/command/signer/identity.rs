//! Who signs without a key: their token, and the instance of Sigstore that they prove it to.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::Args;
use lockgate_runtime::{IdentityToken, InvalidSecret, Keyless, Predicate, Secret, SigningInstance};
use zeroize::Zeroizing;

use super::{named, reason};
use crate::environment;
use crate::error::{CommandError, Kind};
use crate::files;
use crate::report::write_line;

/// The largest token that is read, in bytes: more than any secret can have.
const MAX_TOKEN_BYTES: u64 = 64 * 1024 + 2;

/// The largest file that is read as the description of an instance, in bytes.
const MAX_INSTANCE_BYTES: u64 = 1024 * 1024;

/// What users call the keys of an instance whose file has another kind of name.
const ROOT_NAME: &str = "trusted_root.json";

#[derive(Debug, Args)]
pub(super) struct Identity {
    /// With --sign: sign without a key, as whom this token names (OpenID Connect): a file, - for stdin, or env:NAME
    // Not read while the command line is: what is wrong with it would be shown.
    #[arg(long = "identity-token", requires = "sign", value_name = "TOKEN")]
    token: Option<String>,
    /// With --identity-token: the services of another instance of Sigstore than the public one
    // That --audience goes with it is checked when it is read, where it is said why.
    #[arg(long, requires_all = ["token", "trusted_root"], value_name = "FILE")]
    signing_config: Option<PathBuf>,
    /// With --signing-config: the keys by which users know that instance
    #[arg(long, requires = "signing_config", value_name = "FILE")]
    trusted_root: Option<PathBuf>,
    /// With --signing-config: for whom the tokens are meant that it takes; it is sent no others
    #[arg(long, requires = "signing_config", value_name = "NAME")]
    audience: Option<String>,
}

impl Identity {
    /// Whether somebody is to sign so.
    pub(super) fn is_given(&self) -> bool {
        self.token.is_some()
    }

    /// Reads all of that, and says what will be public.
    pub(super) fn read(self, predicates: Vec<Predicate>) -> Result<Keyless, CommandError> {
        let Self { token, signing_config, trusted_root, audience } = self;
        let instance = match (signing_config, trusted_root, audience) {
            (Some(config), Some(root), Some(audience)) => read_instance(&config, &root, audience)?,
            (Some(_), ..) => {
                let problem = "it is not said for whom the tokens are meant that this instance takes; write --audience NAME, and not the name of another instance: whoever runs this one could sign there with what it is sent";
                return Err(CommandError::new(Kind::Usage, problem).hint("nothing was pushed"));
            }
            _ => SigningInstance::public_good().map_err(|error| CommandError::from_error(Kind::Failed, &error))?,
        };
        let unusable = |problem: String| {
            CommandError::new(Kind::Usage, format!("the identity token cannot be used: {problem}"))
                .hint("nothing was pushed, and nothing was sent to Sigstore")
        };
        let secret = read_token(&token.unwrap_or_default()).map_err(unusable)?;
        let token = IdentityToken::read(secret, SystemTime::now());
        let keyless = token.and_then(|token| Keyless::new(token, instance, predicates));
        let keyless = keyless.map_err(|error| unusable(error.to_string()))?;
        if keyless.instance().is_public_good() {
            let token = keyless.token();
            write_line(&format!(
                "note: that {} (by {}) signs this becomes public in Sigstore's log, for everybody and for good",
                token.holder().to_line(200),
                token.issuer().to_line(200)
            ));
        }
        Ok(keyless)
    }
}

fn read_token(source: &str) -> Result<Secret, String> {
    let said = |error: InvalidSecret| error.to_string();
    if source == "-" {
        return read_all(std::io::stdin().lock()).map_err(|error| error.to_string()).and_then(of_bytes);
    }
    if let Some(name) = source.strip_prefix("env:") {
        if !is_variable(name) {
            return Err("what stands behind env: is no name of a variable, as env:SIGSTORE_ID_TOKEN".to_owned());
        }
        let value = environment::variable(name).ok_or_else(|| format!("the variable {name} is not set"))?;
        return Secret::new(value.into_string().map_err(|_| said(InvalidSecret::NotText))?).map_err(said);
    }
    let path = Path::new(source);
    let bytes = files::read(path, MAX_TOKEN_BYTES).map(Zeroizing::new).map_err(|error| {
        if named::has_token(source) {
            return "it is not taken from the command line: every program can read it there, and the shell keeps it; write it into a file, or name a variable with it, as env:SIGSTORE_ID_TOKEN".to_owned();
        }
        format!("{}: {}", named::shown(path), reason(&error))
    });
    bytes.and_then(of_bytes)
}

/// As shells name them (POSIX, 3.216).
fn is_variable(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.starts_with(|c: char| c.is_ascii_digit()) && !name.is_empty() && name.chars().all(is_plain)
}

fn read_all(from: impl Read) -> std::io::Result<Zeroizing<Vec<u8>>> {
    // With room for all of it, so that no half of it is left behind in memory when it grows.
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(MAX_TOKEN_BYTES + 1).unwrap_or_default()));
    from.take(MAX_TOKEN_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn of_bytes(bytes: Zeroizing<Vec<u8>>) -> Result<Secret, String> {
    Secret::from_written(&bytes).map_err(|error| error.to_string())
}

/// Reads somebody's own instance.
fn read_instance(config: &Path, root: &Path, audience: String) -> Result<SigningInstance, CommandError> {
    let unusable = |problem: String| {
        let (config, root) = (config.display(), root.display());
        CommandError::new(Kind::Usage, format!("the instance of {config} and {root} cannot be used: {problem}"))
    };
    let read = |path: &Path| {
        files::read(path, MAX_INSTANCE_BYTES)
            .map_err(|error| unusable(format!("{}: {}", path.display(), reason(&error))))
    };
    let instance = SigningInstance::read(&read(config)?, &root_name(root), &read(root)?, audience);
    instance.map_err(|error| unusable(error.to_string()))
}

/// What users call the keys: as the author does, where that is a name that the policy takes for a file's.
fn root_name(root: &Path) -> String {
    let name = root.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let fits = name.ends_with(".json") && name.chars().all(is_plain);
    if fits { name } else { ROOT_NAME.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_on_the_command_line_is_refused_and_not_repeated() {
        let (header, claims) = ("eyJhbGciOiJSUzI1NiJ9", "eyJpc3MiOiJodHRwczovL2kuZXhhbXBsZSJ9");
        for (before, header) in
            [("", header), ("Bearer ", header), ("env:", header), ("", "ewogICJhbGciOiAiUlMyNTYiCn0")]
        {
            let problem = read_token(&format!("{before}{header}.{claims}.c2ln")).unwrap_err();
            assert!(problem.contains("env:SIGSTORE_ID_TOKEN") && !problem.contains(header), "{problem}");
            assert!(!problem.contains(claims), "{problem}");
        }
        for (source, shown) in [("env:NOT_SET_1", "NOT_SET_1"), ("none/token.txt", "none/token.txt")] {
            assert!(read_token(source).unwrap_err().contains(shown));
        }
        for name in ["", "1A", "a-b", "A=B"] {
            assert!(read_token(&format!("env:{name}")).unwrap_err().contains("no name of a variable"), "{name}");
        }
    }

    #[test]
    fn the_keys_of_an_instance_have_the_name_of_a_file() {
        for (path, name) in [
            ("/a/ours.json", "ours.json"),
            ("/a/public-good", "trusted_root.json"),
            ("/a/x\".json", "trusted_root.json"),
            ("/", "trusted_root.json"),
        ] {
            assert_eq!(root_name(Path::new(path)), name);
        }
    }
}
