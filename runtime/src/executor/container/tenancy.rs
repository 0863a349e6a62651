//! Whose containers are whose on an engine that many share.
//!
//! Each process holds a lock file while it has containers, and they carry its name. A process that was killed holds no
//! lock any more, so that the next one of the same home can remove what it has left. What belongs to other homes cannot
//! be checked, and is left alone.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bollard::models::ContainerCreateBody;
use rustix::fs::{FlockOperation, flock};
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::ContainerError;
use super::create::{LABEL, OWNER};
use super::engine::Engine;
use crate::artifact::Digest;

/// How long a container has to end by itself once its stdin has ended.
pub(super) const GRACE: Duration = Duration::from_secs(1);

/// How long this process waits at its end for its containers to be gone.
const FAREWELL: Duration = Duration::from_secs(10);

/// How many containers one process has at a time: every session of an older client may start one for each server.
pub(super) const MAX_CONTAINERS: usize = 64;

/// What one process keeps on the engine.
pub(super) struct Tenancy {
    pub(super) engine: Engine,
    threads: Handle,
    folder: PathBuf,
    home: String,
    lock: OwnLock,
    live: Arc<Live>,
}

/// A lock file that is held.
struct OwnLock {
    name: String,
    path: PathBuf,
    _file: File,
}

/// The containers that are not gone yet, by their names.
struct Live {
    names: Mutex<HashSet<String>>,
    gone: Condvar,
    closing: watch::Sender<bool>,
}

/// A container that is ours. Dropping it removes it.
pub(super) struct Container {
    tenancy: Arc<Tenancy>,
    name: String,
}

impl Tenancy {
    /// Takes a lock in `folder`, which is made if it is not there.
    pub(super) fn begin(engine: Engine, folder: &Path, threads: Handle) -> Result<Self, ContainerError> {
        let failed = |source| ContainerError::Folder { path: folder.to_owned(), source };
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        let home = home_id(folder).map_err(failed)?;
        let lock = OwnLock::take(folder).map_err(failed)?;
        let (closing, _) = watch::channel(false);
        let live = Arc::new(Live { names: Mutex::default(), gone: Condvar::new(), closing });
        Ok(Self { engine, threads, folder: folder.to_owned(), home, lock, live })
    }

    /// The label's value that says whose a container is.
    pub(super) fn owner(&self) -> String {
        format!("{}.{}", self.home, self.lock.name)
    }

    /// Makes a container for a server of this name. Whatever happens, it is removed with the value.
    pub(super) async fn create(
        self: &Arc<Self>,
        server: &str,
        body: ContainerCreateBody,
        image: &Digest,
    ) -> Result<Container, ContainerError> {
        let random = random_name().map_err(|source| ContainerError::Folder { path: self.folder.clone(), source })?;
        let name = format!("lockgate-{server}-{random}");
        {
            let mut names = self.live.lock();
            if *self.live.closing.borrow() {
                return Err(ContainerError::Closing);
            }
            if names.len() >= MAX_CONTAINERS {
                return Err(ContainerError::TooMany);
            }
            names.insert(name.clone());
        }
        let container = Container { tenancy: Arc::clone(self), name };
        self.engine.create(container.name(), body, image).await?;
        Ok(container)
    }

    /// Ready once this process wants all containers to end.
    pub(super) async fn closing(&self) {
        // The sender lives as long as this does.
        let _ = self.live.closing.subscribe().wait_for(|closing| *closing).await;
    }

    /// Ends all containers: first their stdin, then, after a moment, themselves.
    pub(super) fn close(&self) {
        let names = self.live.lock();
        self.live.closing.send_replace(true);
        let some_left = |names: &mut HashSet<String>| !names.is_empty();
        let waited = self.live.gone.wait_timeout_while(names, GRACE, some_left);
        let (names, _) = waited.unwrap_or_else(PoisonError::into_inner);
        for name in &*names {
            self.threads.spawn(remove(self.engine.clone(), Arc::clone(&self.live), name.clone()));
        }
        // What is not gone even then is left to the next process.
        drop(self.live.gone.wait_timeout_while(names, FAREWELL, some_left));
    }

    /// Removes what ended processes of this home have left. What cannot be removed is tried again by the next process.
    pub(super) async fn reap(self: Arc<Self>) {
        for container in self.engine.labelled(&format!("{LABEL}=1")).await.unwrap_or_default() {
            let owner = container.labels.get(OWNER).and_then(|owner| owner.split_once('.'));
            let Some((home, name)) = owner else { continue };
            if home == self.home && name != self.lock.name && has_ended(&self.folder, name) {
                let _ = self.engine.remove(&container.id).await;
            }
        }
        self.forget_ended();
    }

    /// Removes the lock files of ended processes.
    fn forget_ended(&self) {
        let Ok(entries) = std::fs::read_dir(&self.folder) else { return };
        for entry in entries.flatten() {
            let path = entry.path();
            let is_lock = path.extension().is_some_and(|extension| extension == "lock");
            if is_lock && path != self.lock.path && take_lock(&path).is_some() {
                let _ = std::fs::remove_file(path);
            }
        }
    }
}

impl Live {
    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Container {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn tenancy(&self) -> &Tenancy {
        &self.tenancy
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let Tenancy { engine, live, threads, .. } = &*self.tenancy;
        threads.spawn(remove(engine.clone(), Arc::clone(live), self.name.clone()));
    }
}

async fn remove(engine: Engine, live: Arc<Live>, name: String) {
    // Where the engine does not remove it now, the next process tries again.
    let _ = engine.remove(&name).await;
    live.lock().remove(&name);
    live.gone.notify_all();
}

impl OwnLock {
    fn take(folder: &Path) -> std::io::Result<Self> {
        loop {
            let name = random_name()?;
            let path = folder.join(format!("{name}.lock"));
            let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
            let file = match opened {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
                opened => opened?,
            };
            // Another process may have taken it for one that nobody holds, and removed it.
            if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() && file.metadata()?.nlink() > 0 {
                return Ok(Self { name, path, _file: file });
            }
        }
    }
}

impl Drop for OwnLock {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Whether the process that held this lock has ended. A name that is no lock's says nothing.
fn has_ended(folder: &Path, name: &str) -> bool {
    let is_name = name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let path = folder.join(format!("{name}.lock"));
    is_name && (take_lock(&path).is_some() || matches!(path.try_exists(), Ok(false)))
}

/// The lock, where nobody holds it.
fn take_lock(path: &Path) -> Option<File> {
    let file = OpenOptions::new().read(true).open(path).ok()?;
    flock(&file, FlockOperation::NonBlockingLockExclusive).ok()?;
    Some(file)
}

/// Tells this home from every other on this machine, and from copies of it.
fn home_id(folder: &Path) -> std::io::Result<String> {
    let place = folder.canonicalize()?;
    let meta = place.metadata()?;
    let identity = format!("{}:{}:{}", meta.dev(), meta.ino(), place.display());
    Ok(Digest::of(identity.as_bytes()).hex().chars().take(16).collect())
}

fn random_name() -> std::io::Result<String> {
    let mut bytes = [0; 8];
    let mut filled = 0;
    while filled < bytes.len() {
        filled += rustix::rand::getrandom(&mut bytes[filled..], rustix::rand::GetRandomFlags::empty())?;
    }
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_ended_once_nobody_holds_its_lock() {
        let folder = tempfile::tempdir().unwrap();
        let lock = OwnLock::take(folder.path()).unwrap();
        let name = lock.name.clone();
        assert!(!has_ended(folder.path(), &name));
        // As if it was killed: the file stays.
        let file = File::create(folder.path().join("0123456789abcdef.lock")).unwrap();
        drop(file);
        assert!(has_ended(folder.path(), "0123456789abcdef"));
        drop(lock);
        assert!(has_ended(folder.path(), &name));
    }

    #[test]
    fn a_label_that_names_no_lock_says_nothing() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["", "x", "../../etc/passwd", "0123456789abcde", "0123456789abcdeg", "0123456789abcdef0"] {
            assert!(!has_ended(folder.path(), name), "{name}");
        }
    }

    #[test]
    fn a_copy_of_a_home_is_another_home() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        for place in [&one, &two] {
            std::fs::create_dir(place).unwrap();
        }
        assert_eq!(home_id(&one).unwrap(), home_id(&one).unwrap());
        assert_ne!(home_id(&one).unwrap(), home_id(&two).unwrap());
    }
}
