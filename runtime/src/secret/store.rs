//! Where secrets are kept between starts: one trait, three stores, and which of them is used.

mod age_file;
mod keyring;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::mpsc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use self::age_file::AgeFile;
use self::keyring::Keyring;
use super::{Secret, SecretName, SecretSettings};

/// How long a store may take to say whether it is there.
const OPENING: Duration = Duration::from_secs(10);

/// How long a store may take for one secret: it may ask a person to unlock it.
const WORKING: Duration = Duration::from_secs(60);

/// The kinds of stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StoreKind {
    /// The keyring of the desktop session, over D-Bus (freedesktop.org Secret Service API).
    SecretService,
    /// The kernel's keyring of this user (keyrings(7)): lost when the machine starts again, and some days after its last
    /// use where no session of the user is left (persistent-keyring(7)).
    KernelKeyring,
    /// A file that is encrypted with age; its key lies in a file of its owner alone.
    File,
}

/// A text that names no store.
#[derive(Debug, thiserror::Error)]
#[error("a store of secrets is secret-service, kernel-keyring or file")]
pub struct InvalidStoreKind;

impl StoreKind {
    /// Its name, as a person writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SecretService => "secret-service",
            Self::KernelKeyring => "kernel-keyring",
            Self::File => "file",
        }
    }
}

impl FromStr for StoreKind {
    type Err = InvalidStoreKind;

    fn from_str(text: &str) -> Result<Self, InvalidStoreKind> {
        let kinds = [Self::SecretService, Self::KernelKeyring, Self::File];
        kinds.into_iter().find(|kind| kind.as_str() == text).ok_or(InvalidStoreKind)
    }
}

impl fmt::Display for StoreKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a store does not do what it was asked. It never holds a value.
#[derive(Debug, thiserror::Error)]
pub enum SecretStoreError {
    /// The store is not there, or refuses.
    #[error("the secret store {store} cannot be used: {problem}")]
    Failed {
        /// Which one.
        store: StoreKind,
        /// What it, or the system, said.
        problem: String,
    },
    /// The store did not answer.
    #[error(
        "the secret store {store} has not answered within {} s; unlock it, or choose another one: \
         `lockgate secret --store file`, and `store = \"file\"` under [secrets] in the configuration",
        .within.as_secs()
    )]
    Silent {
        /// Which one.
        store: StoreKind,
        /// How long it was waited for.
        within: Duration,
    },
    /// The key of the encrypted file is not for its owner alone.
    #[error("{} is not for its owner alone, and secrets are encrypted with it; make sure that nobody has copied it, then: chmod 600 {}", .0.display(), .0.display())]
    KeyNotPrivate(PathBuf),
    /// The encrypted file is there, and its key is not.
    #[error("{} cannot be read: its key {} is not there; put the key back, or remove both and set the secrets again", file.display(), key.display())]
    KeyMissing {
        /// The encrypted file.
        file: PathBuf,
        /// Where its key should be.
        key: PathBuf,
    },
    /// A file of the store cannot be read or written.
    #[error("{} cannot be used", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file of the store is not what was written.
    #[error("{} is damaged, or belongs to another key: {problem}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

/// What a store does. Every call may wait for a disk, a daemon, or a person.
trait Keep {
    /// The value of this name; nothing where there is none.
    fn get(&self, name: &SecretName) -> Result<Option<Secret>, SecretStoreError>;
    /// Keeps a value, in the place of the one that was there.
    fn set(&self, name: &SecretName, value: &Secret) -> Result<(), SecretStoreError>;
    /// Forgets a value, and says whether there was one.
    fn remove(&self, name: &SecretName) -> Result<bool, SecretStoreError>;
    /// The names of all that is kept, in order.
    fn names(&self) -> Result<Vec<SecretName>, SecretStoreError>;
}

/// The store of secrets that is in use. It works on a thread of its own, which also closes it: it may wait for a daemon,
/// and its libraries wait in ways that a task must not.
pub struct SecretStore {
    kind: StoreKind,
    place: String,
    jobs: mpsc::Sender<Job>,
}

/// Something that a store is to do.
type Job = Box<dyn FnOnce(&dyn Keep) + Send>;

impl SecretStore {
    /// Opens the store that is chosen. Where none is: the Secret Service if this session has one, else the encrypted
    /// file. A session has one if `DBUS_SESSION_BUS_ADDRESS` is set and the service answers there; one that neither
    /// answers nor says that it is not there is an error, so that no secret lands in another store by chance.
    ///
    /// # Errors
    /// Where the store is not there, or does not answer.
    pub async fn open(settings: &SecretSettings) -> Result<Self, SecretStoreError> {
        let has_session = (settings.variable)("DBUS_SESSION_BUS_ADDRESS").is_some_and(|address| !address.is_empty());
        let kind = match settings.store {
            Some(kind) => kind,
            None if has_session => match Self::open_kind(StoreKind::SecretService, settings).await {
                Err(SecretStoreError::Failed { .. }) => StoreKind::File,
                opened_or_silent => return opened_or_silent,
            },
            None => StoreKind::File,
        };
        Self::open_kind(kind, settings).await
    }

    async fn open_kind(kind: StoreKind, settings: &SecretSettings) -> Result<Self, SecretStoreError> {
        let place = match kind {
            StoreKind::SecretService => "the Secret Service of this session".to_owned(),
            StoreKind::KernelKeyring => "the kernel's keyring (lost when the machine starts again)".to_owned(),
            StoreKind::File => format!("the file {}", settings.encrypted_file.display()),
        };
        let (file, key) = (settings.encrypted_file.clone(), settings.key_file.clone());
        let keeper = move || -> Result<Box<dyn Keep>, SecretStoreError> {
            Ok(match kind {
                StoreKind::SecretService => Box::new(Keyring::secret_service()?),
                StoreKind::KernelKeyring => Box::new(Keyring::kernel()?),
                StoreKind::File => Box::new(AgeFile::new(file, key)),
            })
        };
        Self::of(kind, place, OPENING, keeper).await
    }

    /// The store that `open` opens, on its own thread.
    async fn of(
        kind: StoreKind,
        place: String,
        within: Duration,
        open: impl FnOnce() -> Result<Box<dyn Keep>, SecretStoreError> + Send + 'static,
    ) -> Result<Self, SecretStoreError> {
        let (jobs, waiting) = mpsc::channel::<Job>();
        let (says, opened) = oneshot::channel();
        let work = move || match open() {
            Ok(keeper) => {
                // Where nobody waits any more, there are no jobs either.
                let _ = says.send(Ok(()));
                waiting.into_iter().for_each(|job| job(&*keeper));
            }
            Err(error) => drop(says.send(Err(error))),
        };
        let thread = std::thread::Builder::new().name("secrets".to_owned()).spawn(work);
        thread.map_err(|error| SecretStoreError::Failed { store: kind, problem: error.to_string() })?;
        in_time(kind, within, opened).await?;
        Ok(Self { kind, place, jobs })
    }

    /// Which store it is.
    pub fn kind(&self) -> StoreKind {
        self.kind
    }

    /// Where it keeps things, in words.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The value of this name; nothing where there is none.
    ///
    /// # Errors
    /// See [`SecretStoreError`].
    pub async fn get(&self, name: &SecretName) -> Result<Option<Secret>, SecretStoreError> {
        let name = name.clone();
        self.work(move |keeper| keeper.get(&name)).await
    }

    /// Keeps a value, in the place of the one that was there.
    ///
    /// # Errors
    /// See [`SecretStoreError`].
    pub async fn set(&self, name: &SecretName, value: Secret) -> Result<(), SecretStoreError> {
        let name = name.clone();
        self.work(move |keeper| keeper.set(&name, &value)).await
    }

    /// Forgets a value, and says whether there was one.
    ///
    /// # Errors
    /// See [`SecretStoreError`].
    pub async fn remove(&self, name: &SecretName) -> Result<bool, SecretStoreError> {
        let name = name.clone();
        self.work(move |keeper| keeper.remove(&name)).await
    }

    /// The names of all that is kept, in order.
    ///
    /// # Errors
    /// See [`SecretStoreError`].
    pub async fn names(&self) -> Result<Vec<SecretName>, SecretStoreError> {
        self.work(|keeper| keeper.names()).await
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Keep) -> Result<T, SecretStoreError> + Send + 'static,
    ) -> Result<T, SecretStoreError> {
        let (says, outcome) = oneshot::channel();
        // Where the thread has ended, so has the other end of `outcome`.
        let _ = self.jobs.send(Box::new(move |keeper| drop(says.send(work(keeper)))));
        in_time(self.kind, WORKING, outcome).await
    }
}

/// What the store's thread says, unless it takes too long: a daemon can hang for ever.
async fn in_time<T>(
    store: StoreKind,
    within: Duration,
    outcome: oneshot::Receiver<Result<T, SecretStoreError>>,
) -> Result<T, SecretStoreError> {
    match tokio::time::timeout(within, outcome).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(SecretStoreError::Failed { store, problem: "it broke off".to_owned() }),
        Err(_) => Err(SecretStoreError::Silent { store, within }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_named_as_in_the_configuration() {
        for name in ["secret-service", "kernel-keyring", "file"] {
            let kind: StoreKind = name.parse().unwrap();
            assert_eq!((kind.to_string(), serde_json::to_value(kind).unwrap()), (name.to_owned(), name.into()));
        }
        assert!("File".parse::<StoreKind>().is_err());
    }

    async fn open(
        within: Duration,
        open: impl FnOnce() -> Result<Box<dyn Keep>, SecretStoreError> + Send + 'static,
    ) -> Result<SecretStore, SecretStoreError> {
        SecretStore::of(StoreKind::SecretService, "here".to_owned(), within, open).await
    }

    #[tokio::test]
    async fn a_store_that_hangs_is_given_up() {
        let (_hold, wait) = mpsc::channel::<()>();
        let hangs = move || {
            let _ = wait.recv();
            Err(SecretStoreError::Failed { store: StoreKind::File, problem: "too late".to_owned() })
        };
        let given_up = open(Duration::from_millis(1), hangs).await;
        assert!(matches!(given_up, Err(SecretStoreError::Silent { .. })));
    }

    #[tokio::test]
    async fn a_store_that_breaks_is_an_error() {
        let broken = open(OPENING, || panic!("for the test")).await;
        assert!(matches!(broken, Err(SecretStoreError::Failed { .. })));
        struct Breaks;
        impl Keep for Breaks {
            fn get(&self, _: &SecretName) -> Result<Option<Secret>, SecretStoreError> {
                panic!("for the test")
            }
            fn set(&self, _: &SecretName, _: &Secret) -> Result<(), SecretStoreError> {
                Ok(())
            }
            fn remove(&self, _: &SecretName) -> Result<bool, SecretStoreError> {
                Ok(true)
            }
            fn names(&self) -> Result<Vec<SecretName>, SecretStoreError> {
                Ok(Vec::new())
            }
        }
        let store = open(OPENING, || Ok(Box::new(Breaks))).await.unwrap();
        assert_eq!(store.names().await.unwrap(), []);
        for _ in 0..2 {
            let broken = store.get(&"a".parse().unwrap()).await;
            assert!(matches!(broken, Err(SecretStoreError::Failed { .. })));
        }
    }
}
