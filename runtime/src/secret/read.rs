//! From a source to its value, once, at the start of a server.

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{InvalidSecret, MAX_VALUE, Secret, SecretName, SecretSource, SecretStore, SecretStoreError, StoreKind};
use crate::files::open_at_once;
use crate::settings::{Event, Hooks};

/// Where secrets are looked for.
#[derive(Debug, Clone)]
pub struct SecretSettings {
    /// Looks up a variable in the environment of the process, which the runtime does not read itself.
    pub variable: fn(&str) -> Option<OsString>,
    /// The store that a person has chosen. See [`SecretStore::open`] for what is used otherwise.
    pub store: Option<StoreKind>,
    /// The file of the store [`StoreKind::File`].
    pub encrypted_file: PathBuf,
    /// The key of that file, made at its first use.
    pub key_file: PathBuf,
}

/// Why a secret cannot be had. It names the secret, and never holds its value.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The store does not have it.
    #[error("there is no secret named {name} in {place}; to keep one: lockgate secret set {name}")]
    NotInStore {
        /// Its name.
        name: SecretName,
        /// Where it was looked for.
        place: String,
    },
    /// The store cannot be asked.
    #[error(transparent)]
    Store(#[from] SecretStoreError),
    /// The variable is not set.
    #[error("the environment variable {0} is not set, and a credential is to be read from it")]
    NoVariable(String),
    /// The file cannot be read.
    #[error("the secret in {} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is a directory, a FIFO, a device.
    #[error("the secret in {} cannot be read: it is no regular file", .0.display())]
    NotAFile(PathBuf),
    /// What was found is no value of a secret.
    #[error("{found_in} cannot be used as a secret: {problem}")]
    Invalid {
        /// Where it was found.
        found_in: SecretSource,
        /// What is wrong with it.
        problem: InvalidSecret,
    },
    /// The server could read it by itself.
    #[error(
        "the secret in {} is in {}, a directory that the server is given; keep it elsewhere, or in the store",
        file.display(),
        directory.display()
    )]
    InSight {
        /// The file with the secret.
        file: PathBuf,
        /// The directory that is granted.
        directory: PathBuf,
    },
    /// It cannot be part of a header.
    #[error("{0} cannot be sent in a header: it has a line break or another control character, or more than 8 KiB")]
    NotForHeader(SecretSource),
    /// The system gives no random numbers for a stand-in.
    #[error("the system gives no random numbers")]
    Random(#[source] std::io::Error),
    /// The work was not finished.
    #[error("reading a secret was interrupted: {0}")]
    Interrupted(String),
}

#[cfg(test)]
impl SecretSettings {
    /// With these variables, and an empty store that can be read and not written.
    pub(crate) fn for_tests(variable: fn(&str) -> Option<OsString>) -> Self {
        let nowhere = PathBuf::from("/nowhere/lockgate");
        Self { variable, store: Some(StoreKind::File), encrypted_file: nowhere.clone(), key_file: nowhere }
    }
}

/// Reads secrets for the servers of one runtime.
pub(crate) struct SecretReader {
    settings: SecretSettings,
    hooks: Hooks,
}

impl SecretReader {
    pub(crate) fn new(settings: SecretSettings, hooks: Hooks) -> Self {
        Self { settings, hooks }
    }

    /// The value of one secret.
    pub(crate) async fn read(&self, source: &SecretSource) -> Result<Secret, SecretError> {
        match source {
            SecretSource::Variable(name) => self.variable(name),
            SecretSource::File(path) => {
                let (path, hooks) = (path.clone(), self.hooks.clone());
                let read = tokio::task::spawn_blocking(move || file(&path, &hooks));
                read.await.map_err(|error| SecretError::Interrupted(error.to_string()))?
            }
            SecretSource::Store(name) => {
                let store = SecretStore::open(&self.settings).await?;
                let not_there = || SecretError::NotInStore { name: name.clone(), place: store.place().to_owned() };
                store.get(name).await?.ok_or_else(not_there)
            }
        }
    }

    fn variable(&self, name: &str) -> Result<Secret, SecretError> {
        let value = (self.settings.variable)(name).ok_or_else(|| SecretError::NoVariable(name.to_owned()))?;
        let invalid = |problem| SecretError::Invalid { found_in: SecretSource::Variable(name.to_owned()), problem };
        let text = value.into_string().map_err(|_| invalid(InvalidSecret::NotText))?;
        Secret::new(text).map_err(invalid)
    }
}

/// Reads a file that another program or a person keeps. That others can read it is said, and not refused: engines mount
/// secrets so into containers, where there are no others.
fn file(path: &Path, hooks: &Hooks) -> Result<Secret, SecretError> {
    let unreadable = |source| SecretError::Unreadable { path: path.to_owned(), source };
    let file = open_at_once(path).map_err(unreadable)?;
    let meta = file.metadata().map_err(unreadable)?;
    if !meta.is_file() {
        return Err(SecretError::NotAFile(path.to_owned()));
    }
    if meta.mode() & 0o077 != 0 {
        (hooks.event)(Event::SecretFileNotPrivate { path: path.to_owned() });
    }
    // With room for all of it, so that no half of it is left behind in memory when it grows.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_VALUE + 4));
    file.take(MAX_VALUE as u64 + 3).read_to_end(&mut bytes).map_err(unreadable)?;
    let invalid = |problem| SecretError::Invalid { found_in: SecretSource::File(path.to_owned()), problem };
    Secret::from_written(&bytes).map_err(invalid)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::sync::{Arc, Mutex};

    use super::*;

    fn reader() -> (SecretReader, Arc<Mutex<Vec<String>>>) {
        let variable = |name: &str| match name {
            "TOKEN" => Some("t0ken".into()),
            "EMPTY" => Some(OsString::new()),
            _ => None,
        };
        let said = Arc::<Mutex<Vec<String>>>::default();
        let hears = Arc::clone(&said);
        let event = Arc::new(move |event: Event| hears.lock().unwrap().push(format!("{event:?}")));
        (SecretReader::new(SecretSettings::for_tests(variable), Hooks { event }), said)
    }

    async fn read(source: &str) -> Result<Secret, SecretError> {
        reader().0.read(&source.parse().unwrap()).await
    }

    #[tokio::test]
    async fn a_variable_is_looked_up() {
        assert_eq!(read("env:TOKEN").await.unwrap().expose(), "t0ken");
        let message = read("env:MISSING").await.unwrap_err().to_string();
        assert!(message.contains("MISSING is not set"), "{message}");
        assert!(matches!(read("env:EMPTY").await, Err(SecretError::Invalid { problem: InvalidSecret::Empty, .. })));
    }

    #[tokio::test]
    async fn a_file_is_read_without_its_line_break() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "t0ken\n").unwrap();
        for (mode, warned) in [(0o600, 0), (0o640, 1)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let (reader, said) = reader();
            let secret = reader.read(&SecretSource::File(path.clone())).await.unwrap();
            assert_eq!((secret.expose(), said.lock().unwrap().len()), ("t0ken", warned));
        }
    }

    #[tokio::test]
    async fn what_is_no_file_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
        for path in [fifo, folder.path().to_owned(), "/dev/zero".into()] {
            assert!(matches!(reader().0.read(&SecretSource::File(path)).await, Err(SecretError::NotAFile(_))));
        }
        assert!(matches!(read("file:/nowhere/at/all").await, Err(SecretError::Unreadable { .. })));
    }

    #[tokio::test]
    async fn a_file_that_is_too_long_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        for (length, good) in [(MAX_VALUE, true), (MAX_VALUE + 1, false), (10 * MAX_VALUE, false)] {
            std::fs::write(&path, "x".repeat(length) + "\n").unwrap();
            assert_eq!(reader().0.read(&SecretSource::File(path.clone())).await.is_ok(), good, "{length}");
        }
    }

    #[tokio::test]
    async fn a_missing_secret_says_how_to_keep_one() {
        let message = read("github.token").await.unwrap_err().to_string();
        assert!(message.ends_with("lockgate secret set github.token"), "{message}");
    }
}
