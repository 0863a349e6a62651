//! The stores that others keep: the Secret Service of a desktop session, and the kernel's keyring.

use std::collections::HashMap;
use std::sync::Arc;

use keyring_core::api::CredentialStoreApi;
use keyring_core::{Entry, Error};
use zeroize::Zeroizing;

use super::{Keep, SecretStoreError, StoreKind};
use crate::secret::{Secret, SecretName};

/// What all entries of ours are filed under.
const SERVICE: &str = "lockgate";

/// What the kernel's keys are called around a secret's name.
const KERNEL_PREFIX: &str = "lockgate:secret:";

/// One of the stores that `keyring-core` knows.
pub(super) enum Keyring {
    SecretService(Arc<zbus_secret_service_keyring_store::Store>),
    Kernel(Arc<linux_keyutils_keyring_store::Store>),
}

impl Keyring {
    pub(super) fn secret_service() -> Result<Self, SecretStoreError> {
        let store = zbus_secret_service_keyring_store::Store::new();
        store.map(Self::SecretService).map_err(|error| failed(StoreKind::SecretService, &error))
    }

    pub(super) fn kernel() -> Result<Self, SecretStoreError> {
        let store = linux_keyutils_keyring_store::Store::new();
        store.map(Self::Kernel).map_err(|error| failed(StoreKind::KernelKeyring, &error))
    }

    fn kind(&self) -> StoreKind {
        match self {
            Self::SecretService(_) => StoreKind::SecretService,
            Self::Kernel(_) => StoreKind::KernelKeyring,
        }
    }

    fn entry(&self, name: &SecretName) -> Result<Entry, SecretStoreError> {
        let (label, description) = (format!("Lockgate: {name}"), format!("{KERNEL_PREFIX}{name}"));
        let entry = match self {
            Self::SecretService(store) => {
                store.build(SERVICE, name.as_str(), Some(&HashMap::from([("label", label.as_str())])))
            }
            Self::Kernel(store) => {
                store.build(SERVICE, name.as_str(), Some(&HashMap::from([("description", description.as_str())])))
            }
        };
        entry.map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &Error) -> SecretStoreError {
        failed(self.kind(), error)
    }
}

/// The words of an error. Some hold the value that was found, which their words leave out.
fn failed(store: StoreKind, error: &Error) -> SecretStoreError {
    let help = match (store, error) {
        (StoreKind::KernelKeyring, Error::NoStorageAccess(_)) => {
            "; it needs a session with a keyring of its own, as a login makes one"
        }
        _ => "",
    };
    SecretStoreError::Failed { store, problem: format!("{error}{help}") }
}

impl Keep for Keyring {
    fn get(&self, name: &SecretName) -> Result<Option<Secret>, SecretStoreError> {
        let value = match self.entry(name)?.get_secret() {
            Ok(value) => Zeroizing::new(value),
            Err(Error::NoEntry) => return Ok(None),
            Err(error) => return Err(self.failed(&error)),
        };
        let invalid = |problem: String| SecretStoreError::Failed { store: self.kind(), problem };
        let text = std::str::from_utf8(&value).map_err(|_| invalid(format!("the value of {name} is no text")))?;
        let secret = Secret::new(text.to_owned()).map_err(|error| invalid(format!("{name}: {error}")))?;
        Ok(Some(secret))
    }

    fn set(&self, name: &SecretName, value: &Secret) -> Result<(), SecretStoreError> {
        self.entry(name)?.set_secret(value.expose().as_bytes()).map_err(|error| self.failed(&error))
    }

    fn remove(&self, name: &SecretName) -> Result<bool, SecretStoreError> {
        match self.entry(name)?.delete_credential() {
            Ok(()) => Ok(true),
            Err(Error::NoEntry) => Ok(false),
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn names(&self) -> Result<Vec<SecretName>, SecretStoreError> {
        let mut names = match self {
            Self::SecretService(store) => {
                let found = store.search(&HashMap::from([("service", SERVICE)]));
                let found = found.map_err(|error| self.failed(&error))?;
                let names = found.iter().filter_map(|entry| entry.get_specifiers()?.1.parse().ok());
                names.collect()
            }
            Self::Kernel(_) => {
                let keys = std::fs::read_to_string("/proc/keys")
                    .map_err(|source| SecretStoreError::File { path: "/proc/keys".into(), source })?;
                let mut names = kernel_names(&keys, rustix::process::geteuid().as_raw());
                // It lists those of other sessions, too, which cannot be used in this one.
                names.retain(|name| self.entry(name).is_ok_and(|entry| entry.get_credential().is_ok()));
                names
            }
        };
        names.sort();
        names.dedup();
        Ok(names)
    }
}

/// The names of a user's secrets in `/proc/keys`, which lists all keys that the user may see (proc_keys(5)).
fn kernel_names(keys: &str, user: u32) -> Vec<SecretName> {
    let name = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_id, flags, _uses, timeout, _permissions, owner, _group, "user", description, ..] = fields[..] else {
            return None;
        };
        let gone = flags.contains(['R', 'D', 'i']) || timeout == "expd" || owner.parse() != Ok(user);
        let name = description.strip_suffix(':')?.strip_prefix(KERNEL_PREFIX)?;
        if gone { None } else { name.parse().ok() }
    };
    keys.lines().filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_list_of_keys_is_read() {
        let keys = "\
            009a2028 I--Q---     1 perm 3f010000  1000  1000 user      lockgate:secret:a/b.c: 12\n\
            00a1f2c3 I--Q---     1 perm 3f010000     0     0 user      lockgate:secret:of-root: 5\n\
            1a39e171 I--Q--i     1 perm 3f010000  1000  1000 user      lockgate:secret:gone: 5\n\
            1a39e172 I--Q---     1 expd 3f010000  1000  1000 user      lockgate:secret:expired: 5\n\
            1ce4a1a1 I--Q---    85 perm 3f030000  1000 65534 keyring   _uid.1000: 1\n\
            2150c92b I--Q---     1   2d 3f010000  1000  1000 user      lockgate:secret:later: 5\n\
            garbage\n";
        let names = kernel_names(keys, 1000);
        assert_eq!(names.iter().map(SecretName::as_str).collect::<Vec<_>>(), ["a/b.c", "later"]);
    }

    proptest::proptest! {
        #[test]
        fn any_list_is_read_without_a_panic(keys in "(\\PC{0,20} ?){0,12}") {
            kernel_names(&keys, 0);
        }
    }
}
