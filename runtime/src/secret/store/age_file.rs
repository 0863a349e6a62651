//! Secrets in one file, encrypted with age (<https://age-encryption.org/v1>) to a key in another file.
//!
//! The file can be copied and backed up; without the key it says nothing. Both are what the `age` program reads:
//! `age --decrypt --identity secrets.key secrets.age` prints the secrets as one JSON object.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use age::secrecy::ExposeSecret;
use age::x25519::Identity;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Keep, SecretStoreError};
use crate::files::{is_private_file, open_at_once, private_folder};
use crate::secret::{Secret, SecretName};

/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 16 << 20;

/// The largest key file that is read, in bytes.
const MAX_KEY: u64 = 4096;

/// What files are called that are not in their place yet.
const UNFINISHED: &str = ".secrets";

/// The store.
pub(super) struct AgeFile {
    file: PathBuf,
    key: PathBuf,
}

/// All that is kept, in the clear.
type Values = BTreeMap<SecretName, Value>;

/// A value between file and memory; [`Secret`] itself is never written.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Value(String);

impl Drop for Value {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.0);
    }
}

impl AgeFile {
    pub(super) fn new(file: PathBuf, key: PathBuf) -> Self {
        Self { file, key }
    }

    /// All that is kept; nothing where there is no file yet. Whoever writes renames, so no lock is needed.
    fn read(&self) -> Result<Values, SecretStoreError> {
        let Some(encrypted) = read_whole(&self.file, MAX_FILE)? else { return Ok(Values::new()) };
        let missing = || SecretStoreError::KeyMissing { file: self.file.clone(), key: self.key.clone() };
        let identity = self.identity()?.ok_or_else(missing)?;
        let damaged = |problem: String| SecretStoreError::Damaged { path: self.file.clone(), problem };
        let plain = age::decrypt(&identity, &encrypted).map(Zeroizing::new);
        let plain = plain.map_err(|error| damaged(error.to_string()))?;
        // The words of an error in JSON name a place and a type, and could repeat a value.
        serde_json::from_slice(&plain).map_err(|_| damaged("it holds no list of secrets".to_owned()))
    }

    /// Changes what is kept, alone among all processes.
    fn change<T>(&self, change: impl FnOnce(&mut Values) -> T) -> Result<T, SecretStoreError> {
        let _lock = self.lock()?;
        let mut values = self.read()?;
        let changed = change(&mut values);
        let identity = match self.identity()? {
            Some(identity) => identity,
            None => self.new_identity()?,
        };
        let failed = |source: std::io::Error| SecretStoreError::File { path: self.file.clone(), source };
        let plain = serde_json::to_vec(&values).map(Zeroizing::new).map_err(|error| failed(error.into()))?;
        let encrypted = age::encrypt(&identity.to_public(), &plain);
        let encrypted = encrypted.map_err(|error| failed(std::io::Error::other(error.to_string())))?;
        let folder = self.folder();
        let mut file = unfinished(folder).map_err(failed)?;
        file.write_all(&encrypted).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
        file.persist(&self.file).map_err(|error| failed(error.error))?;
        // So that a loss of power does not bring the old file back.
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        Ok(changed)
    }

    fn lock(&self) -> Result<File, SecretStoreError> {
        let path = self.file.with_extension("lock");
        let failed = |source| SecretStoreError::File { path: path.clone(), source };
        let folder = self.folder();
        private_folder(folder).map_err(failed)?;
        // For reading as well: opening a FIFO only to write waits for somebody who reads.
        let mut options = OpenOptions::new();
        let file = options.create(true).truncate(false).read(true).write(true).mode(0o600).open(&path);
        let file = file.map_err(failed)?;
        file.lock().map_err(failed)?;
        // Whoever held the lock before may have been ended in the middle.
        remove_unfinished(folder);
        Ok(file)
    }

    fn folder(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new("/"))
    }

    /// The key; nothing where there is none yet.
    fn identity(&self) -> Result<Option<Identity>, SecretStoreError> {
        let failed = |source| SecretStoreError::File { path: self.key.clone(), source };
        let file = match open_at_once(&self.key) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        if !is_private_file(&file.metadata().map_err(failed)?) {
            return Err(SecretStoreError::KeyNotPrivate(self.key.clone()));
        }
        let mut text = Zeroizing::new(String::with_capacity(MAX_KEY as usize));
        file.take(MAX_KEY).read_to_string(&mut text).map_err(failed)?;
        let damaged = |problem: &str| SecretStoreError::Damaged { path: self.key.clone(), problem: problem.to_owned() };
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let line = lines.next().ok_or_else(|| damaged("it holds no key"))?;
        line.parse().map(Some).map_err(damaged)
    }

    /// Makes the key, for its owner alone. Called with the lock.
    fn new_identity(&self) -> Result<Identity, SecretStoreError> {
        let failed = |source| SecretStoreError::File { path: self.key.clone(), source };
        let folder = self.key.parent().unwrap_or(Path::new("/"));
        private_folder(folder).map_err(failed)?;
        let identity = Identity::generate();
        let mut file = unfinished(folder).map_err(failed)?;
        let text = identity.to_string();
        let comment = format!("# The key of {}. Whoever has both has your secrets.\n", self.file.display());
        for part in [comment.as_str(), text.expose_secret(), "\n"] {
            file.write_all(part.as_bytes()).map_err(failed)?;
        }
        file.as_file().sync_all().map_err(failed)?;
        file.persist_noclobber(&self.key).map_err(|error| failed(error.error))?;
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        Ok(identity)
    }
}

impl Keep for AgeFile {
    fn get(&self, name: &SecretName) -> Result<Option<Secret>, SecretStoreError> {
        let mut values = self.read()?;
        let Some(mut value) = values.remove(name) else { return Ok(None) };
        let damaged = |error: super::super::InvalidSecret| SecretStoreError::Damaged {
            path: self.file.clone(),
            problem: format!("{name}: {error}"),
        };
        Secret::new(std::mem::take(&mut value.0)).map(Some).map_err(damaged)
    }

    fn set(&self, name: &SecretName, value: &Secret) -> Result<(), SecretStoreError> {
        self.change(|values| drop(values.insert(name.clone(), Value(value.expose().to_owned()))))
    }

    fn remove(&self, name: &SecretName) -> Result<bool, SecretStoreError> {
        if !self.read()?.contains_key(name) {
            return Ok(false);
        }
        self.change(|values| values.remove(name).is_some())
    }

    fn names(&self) -> Result<Vec<SecretName>, SecretStoreError> {
        Ok(self.read()?.into_keys().collect())
    }
}

/// A new file of its owner alone, to be put into its place when it is whole.
fn unfinished(folder: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    tempfile::Builder::new().prefix(UNFINISHED).suffix(".new").tempfile_in(folder)
}

fn remove_unfinished(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| name.starts_with(UNFINISHED) && name.ends_with(".new")) {
            // What cannot be removed takes room, and does nothing else.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// All bytes of a regular file; nothing where there is none.
fn read_whole(path: &Path, most: u64) -> Result<Option<Vec<u8>>, SecretStoreError> {
    let failed = |source| SecretStoreError::File { path: path.to_owned(), source };
    let file = match open_at_once(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let damaged = |problem: &str| SecretStoreError::Damaged { path: path.to_owned(), problem: problem.to_owned() };
    let meta = file.metadata().map_err(failed)?;
    if !meta.is_file() {
        return Err(damaged("it is no regular file"));
    }
    if meta.len() > most {
        return Err(damaged("it is too large"));
    }
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes).map_err(failed)?;
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    struct Home(tempfile::TempDir);

    impl Home {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn file(&self) -> PathBuf {
            self.0.path().join("data/secrets.age")
        }

        fn key(&self) -> PathBuf {
            self.0.path().join("config/secrets.key")
        }

        fn store(&self) -> AgeFile {
            AgeFile::new(self.file(), self.key())
        }
    }

    fn name(text: &str) -> SecretName {
        text.parse().unwrap()
    }

    fn set(store: &AgeFile, named: &str, value: &str) {
        store.set(&name(named), &Secret::new(value.to_owned()).unwrap()).unwrap();
    }

    fn get(store: &AgeFile, named: &str) -> Option<String> {
        store.get(&name(named)).unwrap().map(|secret| secret.expose().to_owned())
    }

    #[test]
    fn what_is_kept_is_there_until_it_is_removed() {
        let home = Home::new();
        let store = home.store();
        assert_eq!((get(&store, "a"), store.names().unwrap()), (None, vec![]));
        assert!(!home.key().exists() && !home.file().exists(), "looking makes nothing");
        set(&store, "b", "two\nlines \u{1f511} \"\\");
        set(&store, "a", "one");
        set(&store, "a", "other");
        assert_eq!(get(&home.store(), "a").as_deref(), Some("other"));
        assert_eq!(get(&home.store(), "b").as_deref(), Some("two\nlines \u{1f511} \"\\"));
        assert_eq!(store.names().unwrap(), [name("a"), name("b")]);
        assert!(store.remove(&name("a")).unwrap() && !store.remove(&name("a")).unwrap());
        assert_eq!(store.names().unwrap(), [name("b")]);
    }

    #[test]
    fn files_are_for_their_owner_alone_and_hold_nothing_in_the_clear() {
        let home = Home::new();
        set(&home.store(), "visible-name", "visible-value");
        for path in [home.file(), home.key()] {
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            assert_eq!(std::fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
        }
        let bytes = std::fs::read(home.file()).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("visible"));
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let home = Home::new();
        set(&home.store(), "a", "one");
        for mode in [0o640, 0o604, 0o620] {
            std::fs::set_permissions(home.key(), std::fs::Permissions::from_mode(mode)).unwrap();
            assert!(matches!(home.store().get(&name("a")), Err(SecretStoreError::KeyNotPrivate(_))));
            assert!(matches!(home.store().remove(&name("a")), Err(SecretStoreError::KeyNotPrivate(_))));
        }
    }

    #[test]
    fn a_lost_key_is_not_replaced_while_something_needs_it() {
        let home = Home::new();
        set(&home.store(), "a", "one");
        let before = std::fs::read(home.file()).unwrap();
        std::fs::remove_file(home.key()).unwrap();
        let value = Secret::new("x".to_owned()).unwrap();
        assert!(matches!(home.store().set(&name("b"), &value), Err(SecretStoreError::KeyMissing { .. })));
        assert!(!home.key().exists());
        assert_eq!(std::fs::read(home.file()).unwrap(), before);
    }

    #[test]
    fn a_damaged_file_is_said_to_be_one_and_stays_as_it_is() {
        let home = Home::new();
        set(&home.store(), "a", "one");
        let whole = std::fs::read(home.file()).unwrap();
        let mut flipped = whole.clone();
        *flipped.last_mut().unwrap() ^= 1;
        let other = age::encrypt(&Identity::generate().to_public(), b"{}").unwrap();
        let no_json = age::encrypt(&home.store().identity().unwrap().unwrap().to_public(), b"v4lue").unwrap();
        for bytes in [&whole[..whole.len() / 2], &flipped, b"", b"age-encryption.org/v1\n", &other, &no_json] {
            std::fs::write(home.file(), bytes).unwrap();
            let error = home.store().get(&name("a")).unwrap_err();
            assert!(
                matches!(error, SecretStoreError::Damaged { .. }) && !error.to_string().contains("v4lue"),
                "{error}"
            );
            let value = Secret::new("x".to_owned()).unwrap();
            assert!(matches!(home.store().set(&name("a"), &value), Err(SecretStoreError::Damaged { .. })));
            assert_eq!(std::fs::read(home.file()).unwrap(), bytes);
        }
    }

    #[test]
    fn what_was_left_unfinished_is_removed() {
        let home = Home::new();
        set(&home.store(), "a", "one");
        let left = home.file().with_file_name(".secretsAbCdEf.new");
        std::fs::write(&left, "half").unwrap();
        set(&home.store(), "a", "two");
        assert!(!left.exists());
    }

    #[test]
    fn many_writers_lose_nothing() {
        let home = Home::new();
        std::thread::scope(|scope| {
            for number in 0..8 {
                let home = &home;
                scope.spawn(move || set(&home.store(), &format!("n{number}"), "value"));
            }
        });
        assert_eq!(home.store().names().unwrap().len(), 8);
    }

    proptest::proptest! {
        #[test]
        fn a_key_file_of_any_content_is_read_without_a_panic(text in "(# )?(AGE-SECRET-KEY-1)?\\PC{0,70}\n?") {
            let home = Home::new();
            std::fs::create_dir(home.key().parent().unwrap()).unwrap();
            std::fs::write(home.key(), text).unwrap();
            std::fs::set_permissions(home.key(), std::fs::Permissions::from_mode(0o600)).unwrap();
            proptest::prop_assert!(home.store().identity().is_err());
        }
    }
}
