//! Opening files for a guest: regular files and directories below what was granted, and nothing that could wait.
//!
//! This replaces `descriptor.open-at` of wasmtime, which opens a FIFO like a file and then holds a host thread until
//! somebody writes to it.

use std::fs::File as HostFile;
use std::os::fd::AsFd;
use std::sync::Arc;

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::FsPerms;
use wasmtime_wasi::filesystem::{Descriptor, Dir, File, OpenMode};
use wasmtime_wasi::p2::bindings::filesystem::types::{DescriptorFlags, ErrorCode, OpenFlags, PathFlags};

use super::host::Host;

/// The interface as wasmtime links it; guests of every 0.2 are given this one.
pub(super) const INTERFACE: &str = "wasi:filesystem/types@0.2.12";

/// How paths are resolved: never out of the directory, and not into what is mounted below it, which may be the kernel
/// or a folder that was not granted.
pub(super) const BELOW: ResolveFlags =
    ResolveFlags::BENEATH.union(ResolveFlags::NO_MAGICLINKS).union(ResolveFlags::NO_XDEV);

type Arguments = (Resource<Descriptor>, PathFlags, String, OpenFlags, DescriptorFlags);

/// Puts this function in the place of wasmtime's.
pub(super) fn shadow(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.instance(INTERFACE)?.func_wrap_async(
        "[method]descriptor.open-at",
        |store: StoreContextMut<'_, Host>, arguments: Arguments| {
            Box::new(async move { Ok((open(store, arguments).await?,)) })
        },
    )?;
    Ok(())
}

async fn open(
    mut store: StoreContextMut<'_, Host>,
    (directory, path_flags, path, open_flags, flags): Arguments,
) -> wasmtime::Result<Result<Resource<Descriptor>, ErrorCode>> {
    let (root, perms) = match granted(&store, &directory)? {
        Ok(granted) => granted,
        Err(code) => return Ok(Err(code)),
    };
    let wish = match Wish::read(path_flags, open_flags, flags, perms) {
        Ok(wish) => wish,
        Err(code) => return Ok(Err(code)),
    };
    // Even a regular file can be slow to open, on a network share say.
    let opened = tokio::task::spawn_blocking(move || wish.open(&root, &path)).await?;
    Ok(match opened {
        Ok(descriptor) => Ok(store.data_mut().table.push(descriptor)?),
        Err(code) => Err(code),
    })
}

/// The directory behind a guest's handle, and what the guest may do in it.
pub(super) fn granted(
    store: &StoreContextMut<'_, Host>,
    directory: &Resource<Descriptor>,
) -> wasmtime::Result<Result<(Arc<HostFile>, FsPerms), ErrorCode>> {
    Ok(match store.data().table.get(directory)? {
        Descriptor::Dir(dir) => Ok((Arc::clone(&dir.dir), dir.perms)),
        Descriptor::File(_) => Err(ErrorCode::NotDirectory),
    })
}

/// What the guest wants, within what it may.
struct Wish {
    host_flags: OFlags,
    mode: OpenMode,
    directory: bool,
    perms: FsPerms,
}

impl Wish {
    /// The meaning of the flags is that of `wasi:filesystem` 0.2, `descriptor.open-at`.
    fn read(path: PathFlags, open: OpenFlags, flags: DescriptorFlags, perms: FsPerms) -> Result<Self, ErrorCode> {
        let synchronised = DescriptorFlags::FILE_INTEGRITY_SYNC
            | DescriptorFlags::DATA_INTEGRITY_SYNC
            | DescriptorFlags::REQUESTED_WRITE_SYNC;
        if flags.intersects(synchronised) {
            return Err(ErrorCode::Unsupported);
        }
        let directory = open.contains(OpenFlags::DIRECTORY);
        let creates = open.contains(OpenFlags::CREATE);
        let truncates = open.contains(OpenFlags::TRUNCATE);
        if directory && (creates || truncates || open.contains(OpenFlags::EXCLUSIVE)) {
            return Err(ErrorCode::Invalid);
        }
        let writes = creates || truncates || flags.contains(DescriptorFlags::WRITE);
        if writes && perms.write_not_permitted() {
            return Err(ErrorCode::NotPermitted);
        }
        let reads = flags.contains(DescriptorFlags::READ) || !flags.contains(DescriptorFlags::WRITE);
        let mut host_flags = OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        host_flags |= match (reads, writes) {
            (true, true) => OFlags::RDWR,
            (false, true) => OFlags::WRONLY,
            (_, false) => OFlags::RDONLY,
        };
        host_flags.set(OFlags::CREATE, creates);
        host_flags.set(OFlags::EXCL, creates && open.contains(OpenFlags::EXCLUSIVE));
        host_flags.set(OFlags::TRUNC, truncates);
        host_flags.set(OFlags::NOFOLLOW, !path.contains(PathFlags::SYMLINK_FOLLOW));
        host_flags.set(OFlags::DIRECTORY, directory);
        let mut mode = OpenMode::empty();
        mode.set(OpenMode::READ, reads);
        mode.set(OpenMode::WRITE, writes);
        Ok(Self { host_flags, mode, directory, perms })
    }

    fn open(self, root: &HostFile, path: &str) -> Result<Descriptor, ErrorCode> {
        let mode = if self.host_flags.contains(OFlags::CREATE) { Mode::from_raw_mode(0o666) } else { Mode::empty() };
        let opened = openat2(root.as_fd(), path, self.host_flags, mode, BELOW).map_err(error_code)?;
        let file = HostFile::from(opened);
        // Asked of what was opened, not of the path: that may lead elsewhere by now.
        let kind = file.metadata().map_err(|_| ErrorCode::Io)?.file_type();
        if kind.is_dir() {
            Ok(Descriptor::Dir(Dir::new(file, self.perms, self.mode, false)))
        } else if self.directory {
            Err(ErrorCode::NotDirectory)
        } else if kind.is_file() {
            Ok(Descriptor::File(File::new(file, self.perms, self.mode, false)))
        } else {
            Err(ErrorCode::NotPermitted)
        }
    }
}

pub(super) fn error_code(error: rustix::io::Errno) -> ErrorCode {
    match error {
        // A path that leads out of the directory, as wasmtime answers it.
        rustix::io::Errno::XDEV => ErrorCode::NotPermitted,
        // A FIFO that nobody reads, opened for writing.
        rustix::io::Errno::NXIO => ErrorCode::NotPermitted,
        error => ErrorCode::from(std::io::Error::from(error)),
    }
}
