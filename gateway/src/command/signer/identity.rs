//! Who signs without a key: their token, and the instance of Sigstore that they prove it to.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::Args;
use lockgate_runtime::{IdentityToken, InvalidSecret, Keyless, Predicate, Secret, SigningInstance};
use zeroize::Zeroizing;

use super::reason;
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
    #[arg(long, requires_all = ["token", "trusted_root"], value_name = "FILE")]
    signing_config: Option<PathBuf>,
    /// With --signing-config: the keys by which users know that instance
    #[arg(long, requires = "signing_config", value_name = "FILE")]
    trusted_root: Option<PathBuf>,
    /// With --signing-config: for whom tokens are meant that it takes, where that is not `sigstore`
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
        let instance = match (signing_config, trusted_root) {
            (Some(config), Some(root)) => read_instance(&config, &root)?,
            _ => SigningInstance::public_good().map_err(|error| CommandError::from_error(Kind::Failed, &error))?,
        };
        let instance = match audience {
            Some(audience) => instance.for_audience(audience),
            None => instance,
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
        let value = environment::variable(name).ok_or_else(|| format!("the variable {name} is not set"))?;
        return Secret::new(value.into_string().map_err(|_| said(InvalidSecret::NotText))?).map_err(said);
    }
    // Three parts with dots between them, of which the first is an object: it is the token itself.
    if source.starts_with("ey") && source.matches('.').count() == 2 && !source.contains('/') {
        return Err("it is not taken from the command line: every program can read it there, and the shell keeps it; write it into a file, or name a variable with it, as env:SIGSTORE_ID_TOKEN".to_owned());
    }
    let path = Path::new(source);
    let bytes = files::read(path, MAX_TOKEN_BYTES).map(Zeroizing::new);
    bytes.map_err(|error| format!("{}: {}", path.display(), reason(&error))).and_then(of_bytes)
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
fn read_instance(config: &Path, root: &Path) -> Result<SigningInstance, CommandError> {
    let unusable = |problem: String| {
        let (config, root) = (config.display(), root.display());
        CommandError::new(Kind::Usage, format!("the instance of {config} and {root} cannot be used: {problem}"))
    };
    let read = |path: &Path| {
        files::read(path, MAX_INSTANCE_BYTES)
            .map_err(|error| unusable(format!("{}: {}", path.display(), reason(&error))))
    };
    SigningInstance::read(&read(config)?, &root_name(root), &read(root)?).map_err(|error| unusable(error.to_string()))
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
        let problem = read_token("eyJh.eyJp.c2ln").unwrap_err();
        assert!(problem.contains("env:SIGSTORE_ID_TOKEN") && !problem.contains("eyJp"), "{problem}");
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
