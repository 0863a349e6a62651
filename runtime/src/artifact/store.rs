//! Artifacts on this machine, by digest. Whatever is read from here is hashed again.
//!
//! ```text
//! blobs/sha256/HEX    a blob or manifest; it gets there whole, by a rename, or not at all
//! seen/HEX            what a registry said last: which manifest a tag had, and what refers to a manifest
//! incoming/…          what is being written: locked by whoever writes it, removed once nobody does
//! ```
//!
//! Several processes may use it at the same time, and each may be killed at any moment.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::digest::Hasher;
use super::{Artifact, Digest};
use crate::files;
use crate::message::Json;
use crate::settings::{Event, Hooks};

/// The largest record, in bytes.
const MAX_RECORD: u64 = 4096;

/// A folder with artifacts, for its owner alone.
#[derive(Clone)]
pub(crate) struct Store {
    folder: Arc<PathBuf>,
    hooks: Hooks,
}

/// A blob on its way into the store. Dropped, it leaves nothing behind.
pub(super) struct Incoming {
    file: NamedTempFile,
    hasher: Hasher,
    written: u64,
}

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the store cannot use {}; make the folder writable, and see that its disk is not full", path.display())]
pub struct ArtifactStoreError {
    path: PathBuf,
    source: io::Error,
}

/// What a registry said.
#[derive(Serialize, Deserialize)]
struct Seen {
    question: String,
    answer: Vec<Digest>,
}

impl Store {
    pub(crate) fn new(folder: PathBuf, hooks: Hooks) -> Self {
        Self { folder: Arc::new(folder), hooks }
    }

    /// The bytes of this digest; nothing where they are not here, or no longer what they were.
    pub(super) fn read(&self, digest: &Digest, cap: u64) -> Result<Option<Artifact>, ArtifactStoreError> {
        let path = self.path(digest);
        let Some(bytes) = files::read(&path, cap).map_err(|source| failed(&path, source))? else { return Ok(None) };
        let artifact = Artifact::new(bytes);
        if artifact.digest() == digest { Ok(Some(artifact)) } else { self.remove_damaged(&path) }
    }

    /// Whether the bytes of this digest are here, and still what they were. They are hashed, and not held in memory.
    pub(super) fn has(&self, digest: &Digest) -> Result<bool, ArtifactStoreError> {
        let path = self.path(digest);
        let error = |source| failed(&path, source);
        let Some(mut file) = files::open(&path).map_err(error)? else { return Ok(false) };
        if hash_of(&mut file).map_err(error)? == *digest {
            return Ok(true);
        }
        Ok(self.remove_damaged::<()>(&path)?.is_some())
    }

    /// How large what has this digest is, in bytes. `expected` is what its descriptor says: a file of another size is
    /// hashed, to tell a wrong descriptor from a damaged file.
    pub(super) fn size(&self, digest: &Digest, expected: u64) -> Result<Option<u64>, ArtifactStoreError> {
        let path = self.path(digest);
        let error = |source| failed(&path, source);
        let file = files::open(&path).map_err(error)?;
        match file.map(|file| file.metadata().map(|meta| meta.len())).transpose().map_err(error)? {
            Some(size) if size != expected && !self.has(digest)? => Ok(None),
            size => Ok(size),
        }
    }

    /// The first bytes of what is here: enough to tell what it is.
    pub(super) fn head(&self, digest: &Digest) -> Result<Vec<u8>, ArtifactStoreError> {
        let path = self.path(digest);
        let error = |source| failed(&path, source);
        let mut head = Vec::new();
        if let Some(file) = files::open(&path).map_err(error)? {
            file.take(64).read_to_end(&mut head).map_err(error)?;
        }
        Ok(head)
    }

    /// Keeps bytes that are held in memory. What is here already is not written again.
    pub(super) fn put(&self, bytes: &[u8]) -> Result<(), ArtifactStoreError> {
        let path = self.path(&Digest::of(bytes));
        if files::read(&path, bytes.len() as u64).is_ok_and(|kept| kept.is_some_and(|kept| kept == bytes)) {
            return Ok(());
        }
        let mut incoming = self.incoming()?;
        incoming.write(bytes).map_err(|source| self.error(source))?;
        self.keep(incoming).map(drop)
    }

    /// Gives another store the bytes of this digest, if they are here and still what they were.
    pub(super) fn copy_to(&self, other: &Self, digest: &Digest) -> Result<(), ArtifactStoreError> {
        let path = self.path(digest);
        let error = |source| failed(&path, source);
        let Some(mut file) = files::open(&path).map_err(error)? else { return Ok(()) };
        let mut incoming = other.incoming()?;
        let mut buffer = vec![0; 128 * 1024];
        loop {
            match file.read(&mut buffer).map_err(error)? {
                0 => break,
                count => incoming.write(&buffer[..count]).map_err(|source| other.error(source))?,
            }
        }
        if incoming.digest_as_written() == *digest {
            other.keep(incoming)?;
        }
        Ok(())
    }

    /// A place for a blob that comes in parts.
    pub(super) fn incoming(&self) -> Result<Incoming, ArtifactStoreError> {
        let file = self.temporary().map_err(|source| failed(&self.folder.join("incoming"), source))?;
        Ok(Incoming { file, hasher: Hasher::new(), written: 0 })
    }

    /// Puts a blob in its place, under the digest that it has.
    pub(super) fn keep(&self, incoming: Incoming) -> Result<Digest, ArtifactStoreError> {
        let digest = incoming.hasher.finish();
        let path = self.path(&digest);
        put_in_place(incoming.file, &path).map_err(|source| failed(&path, source))?;
        Ok(digest)
    }

    /// Remembers which manifests a registry answered a question with. No manifest is an answer, too.
    pub(super) fn saw(&self, question: &str, answer: &[Digest]) -> Result<(), ArtifactStoreError> {
        if self.last_seen(question).is_ok_and(|seen| seen.is_some_and(|seen| seen == answer)) {
            return Ok(());
        }
        let path = self.record(question);
        let record = Json::of(&Seen { question: question.to_owned(), answer: answer.to_vec() });
        let write = || {
            let mut file = self.temporary()?;
            file.write_all(record.as_str().as_bytes())?;
            // Nothing tells a record that was cut off from one that never was.
            file.as_file().sync_all()?;
            put_in_place(file, &path)
        };
        write().map_err(|source| failed(&path, source))
    }

    /// Which manifests a registry answered a question with, when it was last asked.
    pub(super) fn last_seen(&self, question: &str) -> Result<Option<Vec<Digest>>, ArtifactStoreError> {
        let path = self.record(question);
        let bytes = files::read(&path, MAX_RECORD).map_err(|source| failed(&path, source))?;
        let seen = bytes.and_then(|bytes| Json::parse(String::from_utf8(bytes).ok()?).ok()?.read::<Seen>().ok());
        Ok(seen.filter(|seen| seen.question == question).map(|seen| seen.answer))
    }

    /// The error of writing to the store.
    pub(super) fn error(&self, source: io::Error) -> ArtifactStoreError {
        failed(&self.folder, source)
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.folder.join("blobs/sha256").join(digest.hex())
    }

    fn record(&self, question: &str) -> PathBuf {
        self.folder.join("seen").join(Digest::of(question.as_bytes()).hex())
    }

    fn remove_damaged<T>(&self, path: &Path) -> Result<Option<T>, ArtifactStoreError> {
        (self.hooks.event)(Event::StoreDamaged { path: path.to_owned() });
        fs::remove_file(path).or_else(missing_is_fine).map_err(|source| failed(path, source))?;
        Ok(None)
    }

    /// A file that is locked as long as it is written. Those of processes that have ended are removed on the way.
    fn temporary(&self) -> io::Result<NamedTempFile> {
        let folder = self.folder.join("incoming");
        files::private_folder(&folder)?;
        // Held from making a file to locking it, so that nobody takes it for one that was left.
        let guard = File::open(&folder)?;
        guard.lock()?;
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if let Ok(Some(file)) = files::open(&path)
                && file.try_lock().is_ok()
            {
                fs::remove_file(&path).or_else(missing_is_fine)?;
            }
        }
        let file = tempfile::Builder::new().prefix("part-").tempfile_in(&folder)?;
        file.as_file().lock()?;
        Ok(file)
    }
}

impl Incoming {
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.file.write_all(bytes)?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    /// Begins anew.
    pub(super) fn restart(&mut self) -> io::Result<()> {
        self.file.as_file().set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.hasher = Hasher::new();
        self.written = 0;
        Ok(())
    }

    /// The digest of what is in the file now, read again from its first byte to its last.
    pub(super) fn digest(&mut self) -> io::Result<Digest> {
        self.file.seek(SeekFrom::Start(0))?;
        hash_of(self.file.as_file_mut())
    }

    /// The digest of what was written.
    pub(super) fn digest_as_written(&self) -> Digest {
        self.hasher.clone().finish()
    }
}

fn hash_of(file: &mut File) -> io::Result<Digest> {
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; 128 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finish()),
            count => hasher.update(&buffer[..count]),
        }
    }
}

/// Renames a file that is whole, so that no process ever sees half of it. It is not waited for until it is on the disk:
/// what a power cut leaves of it has another digest, by which the next reader notices, and has it pulled again.
fn put_in_place(file: NamedTempFile, path: &Path) -> io::Result<()> {
    files::private_folder(path.parent().unwrap_or(Path::new("/")))?;
    file.persist(path)?;
    Ok(())
}

fn missing_is_fine(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

fn failed(path: &Path, source: io::Error) -> ArtifactStoreError {
    ArtifactStoreError { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::sync::Mutex;

    use super::*;

    fn store() -> (tempfile::TempDir, Store, Arc<Mutex<Vec<String>>>) {
        let folder = tempfile::tempdir().unwrap();
        let told = Arc::<Mutex<Vec<String>>>::default();
        let events = Arc::clone(&told);
        let hooks = Hooks { event: Arc::new(move |event| events.lock().unwrap().push(format!("{event:?}"))) };
        let store = Store::new(folder.path().join("store"), hooks);
        (folder, store, told)
    }

    fn files_in(path: &Path) -> usize {
        fs::read_dir(path).unwrap().count()
    }

    #[test]
    fn bytes_are_kept_for_their_owner_alone() {
        let (_kept, store, _) = store();
        let digest = Digest::of(b"bytes");
        assert!(store.read(&digest, 100).unwrap().is_none());
        assert!(!store.has(&digest).unwrap());
        store.put(b"bytes").unwrap();
        assert_eq!(store.read(&digest, 100).unwrap().unwrap().bytes(), b"bytes");
        assert_eq!((store.has(&digest).unwrap(), store.head(&digest).unwrap()), (true, b"bytes".to_vec()));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let path = store.path(&digest);
        assert_eq!((mode(&path), mode(path.parent().unwrap()), mode(&store.folder)), (0o600, 0o700, 0o700));
        assert_eq!(files_in(&store.folder.join("incoming")), 0);
    }

    #[test]
    fn damaged_bytes_are_noticed_and_can_be_kept_again() {
        let (_kept, store, told) = store();
        let digest = Digest::of(b"bytes");
        for _ in 0..2 {
            store.put(b"bytes").unwrap();
            fs::write(store.path(&digest), "BYTES").unwrap();
            assert!(store.read(&digest, 100).unwrap().is_none());
            store.put(b"bytes").unwrap();
            fs::write(store.path(&digest), "bytes and more").unwrap();
            assert!(!store.has(&digest).unwrap());
            assert!(!store.path(&digest).exists());
            store.put(b"bytes").unwrap();
            assert_eq!(store.size(&digest, 6).unwrap(), Some(5));
            fs::write(store.path(&digest), "").unwrap();
            assert_eq!(store.size(&digest, 5).unwrap(), None);
        }
        assert_eq!(told.lock().unwrap().len(), 6);
    }

    #[test]
    fn what_was_left_by_the_dead_is_removed_and_what_the_living_write_is_not() {
        let (_kept, store, _) = store();
        let mut living = store.incoming().unwrap();
        living.write(b"half").unwrap();
        let left = store.folder.join("incoming/part-left");
        fs::write(&left, "half of something").unwrap();
        store.put(b"other").unwrap();
        assert!(!left.exists());
        living.write(b" and half").unwrap();
        assert_eq!(store.keep(living).unwrap(), Digest::of(b"half and half"));
        assert_eq!(files_in(&store.folder.join("incoming")), 0);
    }

    #[test]
    fn what_is_not_kept_leaves_nothing() {
        let (_kept, store, _) = store();
        let mut incoming = store.incoming().unwrap();
        incoming.write(b"half").unwrap();
        assert_eq!(files_in(&store.folder.join("incoming")), 1);
        drop(incoming);
        assert_eq!(files_in(&store.folder.join("incoming")), 0);
    }

    #[test]
    fn a_blob_that_begins_anew_has_nothing_of_the_old() {
        let (_kept, store, _) = store();
        let mut incoming = store.incoming().unwrap();
        incoming.write(b"a long beginning").unwrap();
        incoming.restart().unwrap();
        incoming.write(b"new").unwrap();
        assert_eq!((incoming.written(), incoming.digest().unwrap()), (3, Digest::of(b"new")));
        assert_eq!(incoming.digest_as_written(), Digest::of(b"new"));
    }

    #[test]
    fn an_answer_is_remembered_as_it_was_last() {
        let (_kept, store, _) = store();
        let (tag, other) = ("ghcr.io/a/b:1", "ghcr.io/a/b:2");
        assert!(store.last_seen(tag).unwrap().is_none());
        for answer in [vec![Digest::of(b"old")], vec![], vec![Digest::of(b"new"), Digest::of(b"next")]] {
            store.saw(tag, &answer).unwrap();
            assert_eq!(store.last_seen(tag).unwrap(), Some(answer));
        }
        assert!(store.last_seen(other).unwrap().is_none());
        // A record of another question, and one that is none.
        fs::copy(store.record(tag), store.record(other)).unwrap();
        assert!(store.last_seen(other).unwrap().is_none());
        fs::write(store.record(tag), "{").unwrap();
        assert!(store.last_seen(tag).unwrap().is_none());
    }

    #[test]
    fn what_is_here_already_is_not_written_again() {
        let (_kept, store, _) = store();
        let inode = |path: &Path| std::os::unix::fs::MetadataExt::ino(&fs::metadata(path).unwrap());
        store.put(b"bytes").unwrap();
        store.saw("question", &[Digest::of(b"bytes")]).unwrap();
        let paths = [store.path(&Digest::of(b"bytes")), store.record("question")];
        let before = paths.each_ref().map(|path| inode(path));
        store.put(b"bytes").unwrap();
        store.saw("question", &[Digest::of(b"bytes")]).unwrap();
        assert_eq!(paths.each_ref().map(|path| inode(path)), before);
    }

    #[test]
    fn many_threads_keep_the_same_and_other_bytes() {
        let (_kept, store, _) = store();
        std::thread::scope(|scope| {
            for number in 0..8_u8 {
                let store = &store;
                scope.spawn(move || {
                    for round in 0..10_u8 {
                        store.put(&[round; 1000]).unwrap();
                        store.put(&[number, round]).unwrap();
                    }
                });
            }
        });
        assert_eq!(files_in(&store.folder.join("blobs/sha256")), 10 + 80);
        assert_eq!(files_in(&store.folder.join("incoming")), 0);
    }
}
