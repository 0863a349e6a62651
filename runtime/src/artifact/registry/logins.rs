//! Passwords for registries, from Docker's configuration file (`config.json`, "Login stores").

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use zeroize::Zeroizing;

use super::super::DepotError;
use crate::files;
use crate::message::Json;
use crate::settings::RegistrySettings;

/// The largest file or answer of a program that is read, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// How long a program may take: it may ask the person to unlock something.
const PROGRAM_TIME: Duration = Duration::from_secs(60);

/// What Docker Hub is called in Docker's configuration.
const HUB: &str = "https://index.docker.io/v1/";

/// Where passwords are looked up.
#[derive(Debug, Clone)]
pub(crate) struct Logins {
    docker_config: Option<PathBuf>,
    /// Whether the programs that it names may be started.
    programs: bool,
}

/// What proves who asks.
#[derive(Clone)]
pub(crate) enum Login {
    Password {
        user: String,
        password: Zeroizing<String>,
    },
    /// Exchanged for a token, where the registry gives tokens.
    Identity(Zeroizing<String>),
}

/// What is known about a registry.
#[derive(Default)]
pub(super) struct Found {
    pub(super) credential: Option<Login>,
    /// The program that would know, and was not asked.
    pub(super) unasked: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Config {
    auths: BTreeMap<String, Entry>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Entry {
    auth: String,
    identitytoken: String,
}

impl Logins {
    pub(crate) fn new(settings: &RegistrySettings) -> Self {
        let RegistrySettings { docker_config, credential_programs, .. } = settings;
        Self { docker_config: docker_config.clone(), programs: *credential_programs }
    }

    /// What is known about a registry as references name it.
    pub(super) async fn of(&self, registry: &str) -> Result<Found, DepotError> {
        let Some(path) = &self.docker_config else { return Ok(Found::default()) };
        let unusable = |problem: String| DepotError::Credentials { path: path.clone(), problem };
        let bytes = files::read(path, MAX_BYTES).map_err(|error| unusable(error.to_string()))?;
        let Some(bytes) = bytes.map(Zeroizing::new) else { return Ok(Found::default()) };
        // What it says is not repeated: it holds passwords.
        let config = read_config(&bytes).ok_or_else(|| unusable("it is not Docker's JSON".to_owned()))?;
        let store = config.creds_store.as_ref();
        let program = config.cred_helpers.iter().find(|(key, _)| is_for(key, registry)).map(|(_, name)| name).or(store);
        if let Some(name) = program.filter(|name| !name.is_empty()) {
            let program = program_name(name).ok_or_else(|| unusable("it names a program oddly".to_owned()))?;
            if self.programs {
                let asked = ask(&program, &key_for(registry)).await;
                let credential = asked.map_err(|problem| unusable(format!("{program}: {problem}")))?;
                return Ok(Found { credential, unasked: None });
            }
            let credential = in_file(&config, registry).map_err(unusable)?;
            let unasked = credential.is_none().then_some(program);
            return Ok(Found { credential, unasked });
        }
        Ok(Found { credential: in_file(&config, registry).map_err(unusable)?, unasked: None })
    }
}

fn read_config(bytes: &[u8]) -> Option<Config> {
    let json = Json::parse(std::str::from_utf8(bytes).ok()?).ok()?;
    json.is_object().then(|| json.read().ok())?
}

fn in_file(config: &Config, registry: &str) -> Result<Option<Login>, String> {
    let entry = config.auths.iter().find(|(key, _)| is_for(key, registry)).map(|(_, entry)| entry);
    let Some(entry) = entry else { return Ok(None) };
    if !entry.identitytoken.is_empty() {
        return Ok(Some(Login::Identity(Zeroizing::new(entry.identitytoken.clone()))));
    }
    if entry.auth.is_empty() {
        return Ok(None);
    }
    let unreadable = || format!("the `auth` of {registry} is not base64 of USER:PASSWORD; log in again");
    let decoded = STANDARD.decode(entry.auth.trim_end_matches('\0')).map(Zeroizing::new).map_err(|_| unreadable())?;
    let text = std::str::from_utf8(&decoded).map_err(|_| unreadable())?;
    let (user, password) = text.split_once(':').ok_or_else(unreadable)?;
    let password = Zeroizing::new(password.trim_end_matches('\0').to_owned());
    Ok(Some(Login::Password { user: user.to_owned(), password }))
}

/// Whether an entry is this registry's, as a whole: one for a part of it (`ghcr.io/acme`, as Podman writes) is not
/// used, as it could be sent for another part.
fn is_for(key: &str, registry: &str) -> bool {
    let key = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    let (host, path) = key.split_once('/').unwrap_or((key, ""));
    let name = |host: &str| match host.to_ascii_lowercase().as_str() {
        "index.docker.io" | "registry-1.docker.io" => "docker.io".to_owned(),
        other => other.to_owned(),
    };
    matches!(path.trim_end_matches('/'), "" | "v1" | "v2") && name(host) == name(registry)
}

fn key_for(registry: &str) -> String {
    if registry == "docker.io" { HUB.to_owned() } else { registry.to_owned() }
}

fn program_name(name: &str) -> Option<String> {
    let fine =
        name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')) && !name.starts_with('.');
    fine.then(|| format!("docker-credential-{name}"))
}

/// Asks a credential program (docker-credential-helpers, "Development").
async fn ask(program: &str, key: &str) -> Result<Option<Login>, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        username: String,
        secret: String,
    }
    let mut child = tokio::process::Command::new(program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("it cannot be started ({error}); install it, or log in without it"))?;
    let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err("it has no pipes".to_owned());
    };
    let exchange = async {
        // A program that ends early has its reasons, and its exit code says that it has.
        let _ = stdin.write_all(key.as_bytes()).await;
        drop(stdin);
        let mut answer = Zeroizing::new(Vec::new());
        stdout.take(MAX_BYTES).read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>((child.wait().await?, answer))
    };
    let exchanged = tokio::time::timeout(PROGRAM_TIME, exchange).await;
    let (status, answer) = exchanged.map_err(|_| "it took too long".to_owned())?.map_err(|error| error.to_string())?;
    if !status.success() {
        // Also how it says that it knows none.
        return Ok(None);
    }
    let answer: Answer = serde_json::from_slice(&answer).map_err(|_| "its answer cannot be read".to_owned())?;
    let password = Zeroizing::new(answer.secret);
    Ok(Some(match answer.username.as_str() {
        "<token>" => Login::Identity(password),
        _ => Login::Password { user: answer.username, password },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> (tempfile::NamedTempFile, Logins) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let logins = Logins { docker_config: Some(file.path().to_owned()), programs: false };
        (file, logins)
    }

    async fn password(config: &str, registry: &str) -> Option<String> {
        let (_file, logins) = written(config);
        match logins.of(registry).await.unwrap().credential? {
            Login::Password { user, password } => Some(format!("{user} {}", *password)),
            Login::Identity(token) => Some(token.to_string()),
        }
    }

    #[tokio::test]
    async fn a_password_is_its_registrys_alone() {
        let auth = STANDARD.encode("me:s:ecret");
        for key in ["ghcr.io", "https://ghcr.io", "https://GHCR.io/v2/"] {
            let config = format!(r#"{{"auths":{{"{key}":{{"auth":"{auth}"}}}}}}"#);
            assert_eq!(password(&config, "ghcr.io").await.as_deref(), Some("me s:ecret"), "{key}");
            for other in ["ghcr.io:5000", "docker.io", "evil-ghcr.io", "ghcr.io.evil.example"] {
                assert_eq!(password(&config, other).await, None, "{key} {other}");
            }
        }
        let hub = format!(r#"{{"auths":{{"{HUB}":{{"auth":"{auth}"}}}}}}"#);
        assert_eq!(password(&hub, "docker.io").await.as_deref(), Some("me s:ecret"));
        let part = format!(r#"{{"auths":{{"ghcr.io/acme":{{"auth":"{auth}"}}}}}}"#);
        assert_eq!(password(&part, "ghcr.io").await, None);
        let token = r#"{"auths":{"a.azurecr.io":{"auth":"","identitytoken":"xyz"}}}"#;
        assert_eq!(password(token, "a.azurecr.io").await.as_deref(), Some("xyz"));
        assert_eq!(password(r#"{"auths":{"ghcr.io":{}}}"#, "ghcr.io").await, None);
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_read_is_an_error_that_repeats_nothing() {
        for config in [
            "",
            "{",
            "[]",
            r#"{"auths":{"ghcr.io":{"auth":"c2VjcmV0"}}}"#,
            r#"{"auths":{"ghcr.io":{"auth":"s3cret"}}}"#,
        ] {
            let (_file, logins) = written(config);
            let error = logins.of("ghcr.io").await.err().unwrap().to_string();
            assert!(!error.contains("c2VjcmV0") && !error.contains("s3cret") && !error.contains("secret"), "{error}");
        }
        let none = Logins { docker_config: Some("/nowhere/config.json".into()), programs: false };
        assert!(none.of("ghcr.io").await.unwrap().credential.is_none());
    }

    #[tokio::test]
    async fn a_program_is_named_and_not_started_unless_it_is_allowed() {
        let (_file, logins) = written(r#"{"credHelpers":{"ghcr.io":"nobody"},"credsStore":"other"}"#);
        let unasked = |registry: &'static str| {
            let logins = logins.clone();
            async move { logins.of(registry).await.unwrap().unasked }
        };
        assert_eq!(unasked("ghcr.io").await.as_deref(), Some("docker-credential-nobody"));
        assert_eq!(unasked("x.example").await.as_deref(), Some("docker-credential-other"));
        let allowed = Logins { programs: true, ..logins };
        let error = allowed.of("ghcr.io").await.err().unwrap().to_string();
        assert!(error.contains("cannot be started"), "{error}");
        let (_file, odd) = written(r#"{"credsStore":"../x"}"#);
        assert!(odd.of("ghcr.io").await.is_err());
    }
}
