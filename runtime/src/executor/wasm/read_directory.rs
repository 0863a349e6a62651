//! Listing directories for a guest, a part at a time.
//!
//! This replaces `descriptor.read-directory` of wasmtime and what belongs to it: there, every listing is held in the
//! memory of the host as a whole, from its start to its end, and a guest can begin thousands of them.

use std::collections::VecDeque;
use std::fs::File as HostFile;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, openat, statat};
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource, ResourceType};
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::p2::bindings::filesystem::types::{DescriptorType, DirectoryEntry, ErrorCode};

use super::host::Host;
use super::open_at::{INTERFACE, error_code, granted};

/// How many listings an instance has open at the same time.
const MAX_LISTINGS: usize = 64;

/// How many entries are read ahead of the guest, in one go on a thread that may wait.
const READ_AHEAD: usize = 256;

type Entry = Result<DirectoryEntry, ErrorCode>;

/// A listing that a guest has begun, behind its `directory-entry-stream`.
#[derive(Clone)]
struct Listing(Arc<Mutex<Progress>>);

struct Progress {
    directory: Dir,
    ahead: VecDeque<Entry>,
}

/// Puts these functions, and the resource, in the place of wasmtime's.
pub(super) fn shadow(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    let mut types = linker.instance(INTERFACE)?;
    types.resource("directory-entry-stream", ResourceType::host::<Listing>(), |mut store, stream| {
        let host: &mut Host = store.data_mut();
        host.table.delete(Resource::<Listing>::new_own(stream))?;
        host.listings = host.listings.saturating_sub(1);
        Ok(())
    })?;
    types.func_wrap_async(
        "[method]descriptor.read-directory",
        |store: StoreContextMut<'_, Host>, (directory,): (Resource<Descriptor>,)| {
            Box::new(async move { Ok((begin(store, directory).await?,)) })
        },
    )?;
    types.func_wrap_async(
        "[method]directory-entry-stream.read-directory-entry",
        |store: StoreContextMut<'_, Host>, (stream,): (Resource<Listing>,)| {
            Box::new(async move { Ok((next(store, stream).await?,)) })
        },
    )?;
    Ok(())
}

async fn begin(
    mut store: StoreContextMut<'_, Host>,
    directory: Resource<Descriptor>,
) -> wasmtime::Result<Result<Resource<Listing>, ErrorCode>> {
    let root = match granted(&store, &directory)? {
        Ok((root, _)) => root,
        Err(code) => return Ok(Err(code)),
    };
    if store.data().listings >= MAX_LISTINGS {
        return Ok(Err(ErrorCode::InsufficientMemory));
    }
    let begun = tokio::task::spawn_blocking(move || Listing::begin(&root)).await?;
    Ok(match begun {
        Ok(listing) => {
            let host = store.data_mut();
            let stream = host.table.push(listing)?;
            host.listings += 1;
            Ok(stream)
        }
        Err(code) => Err(code),
    })
}

async fn next(
    store: StoreContextMut<'_, Host>,
    stream: Resource<Listing>,
) -> wasmtime::Result<Result<Option<DirectoryEntry>, ErrorCode>> {
    let listing = store.data().table.get(&stream)?.clone();
    let entry = match listing.read_already() {
        Some(entry) => Some(entry),
        // It can be slow, on a network share say.
        None => tokio::task::spawn_blocking(move || listing.read_on()).await?,
    };
    Ok(entry.transpose())
}

impl Listing {
    fn begin(root: &HostFile) -> Result<Self, ErrorCode> {
        // Opened anew: two listings of one directory go on apart from each other.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let own = openat(root.as_fd(), ".", flags, Mode::empty()).map_err(error_code)?;
        let directory = Dir::new(own).map_err(error_code)?;
        Ok(Self(Arc::new(Mutex::new(Progress { directory, ahead: VecDeque::new() }))))
    }

    fn read_already(&self) -> Option<Entry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).ahead.pop_front()
    }

    /// The next entry, once it and some more are read; nothing at the end.
    fn read_on(&self) -> Option<Entry> {
        let mut progress = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while progress.ahead.len() < READ_AHEAD {
            let Some(entry) = progress.directory.read() else { break };
            let entry = match entry {
                Ok(entry) if [c".", c".."].contains(&entry.file_name()) => continue,
                Ok(entry) => read(&progress.directory, &entry),
                Err(error) => Err(error_code(error)),
            };
            progress.ahead.push_back(entry);
        }
        progress.ahead.pop_front()
    }
}

fn read(directory: &Dir, entry: &rustix::fs::DirEntry) -> Entry {
    let name = entry.file_name().to_str().map_err(|_| ErrorCode::IllegalByteSequence)?.to_owned();
    let kind = match entry.file_type() {
        // Some file systems do not say it here.
        FileType::Unknown => {
            let stat = directory.fd().and_then(|fd| statat(fd, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW));
            stat.map_or(FileType::Unknown, |stat| FileType::from_raw_mode(stat.st_mode))
        }
        kind => kind,
    };
    Ok(DirectoryEntry { type_: descriptor_type(kind), name })
}

fn descriptor_type(kind: FileType) -> DescriptorType {
    match kind {
        FileType::RegularFile => DescriptorType::RegularFile,
        FileType::Directory => DescriptorType::Directory,
        FileType::Symlink => DescriptorType::SymbolicLink,
        FileType::BlockDevice => DescriptorType::BlockDevice,
        FileType::CharacterDevice => DescriptorType::CharacterDevice,
        // As wasmtime says it: the adapter of components that began as preview 1 knows no others, and traps.
        FileType::Fifo | FileType::Socket | FileType::Unknown => DescriptorType::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    fn all(listing: &Listing) -> Vec<Entry> {
        std::iter::from_fn(|| listing.read_already().or_else(|| listing.read_on())).collect()
    }

    #[test]
    fn a_large_directory_is_listed_whole_and_held_in_parts() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..3 * READ_AHEAD + 7 {
            std::fs::write(folder.path().join(format!("f{number}")), "").unwrap();
        }
        let root = HostFile::open(folder.path()).unwrap();
        let (listing, other) = (Listing::begin(&root).unwrap(), Listing::begin(&root).unwrap());
        other.read_on().unwrap().unwrap();
        assert_eq!(other.0.lock().unwrap().ahead.len(), READ_AHEAD - 1);
        let names: BTreeSet<String> = all(&listing).into_iter().map(|entry| entry.unwrap().name).collect();
        assert_eq!(names.len(), 3 * READ_AHEAD + 7);
        assert_eq!(all(&other).len(), names.len() - 1);
    }

    #[test]
    fn entries_have_their_own_types() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        std::fs::create_dir(path.join("dir")).unwrap();
        std::fs::write(path.join("file"), "").unwrap();
        std::os::unix::fs::symlink("dir", path.join("link")).unwrap();
        let root = HostFile::open(path).unwrap();
        rustix::fs::mknodat(&root, "fifo", FileType::Fifo, Mode::RWXU, 0).unwrap();
        let mut found: Vec<(String, DescriptorType)> = all(&Listing::begin(&root).unwrap())
            .into_iter()
            .map(|entry| entry.map(|entry| (entry.name, entry.type_)).unwrap())
            .collect();
        found.sort_by(|a, b| a.0.cmp(&b.0));
        let types = found.iter().map(|(name, kind)| format!("{name} {kind:?}")).collect::<Vec<_>>().join("; ");
        let expected = "dir DescriptorType::Directory; fifo DescriptorType::Unknown; \
                        file DescriptorType::RegularFile; link DescriptorType::SymbolicLink";
        assert_eq!(types, expected);
    }

    #[test]
    fn a_name_that_is_no_text_is_an_error_of_its_entry() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(OsStr::from_bytes(b"\xff")), "").unwrap();
        let root = HostFile::open(folder.path()).unwrap();
        let entries = all(&Listing::begin(&root).unwrap());
        assert!(matches!(entries[..], [Err(ErrorCode::IllegalByteSequence)]), "{}", entries.len());
    }
}
