//! Setting the times of a file for a guest, without opening the file.
//!
//! This replaces `descriptor.set-times-at` of wasmtime, which opens what it is given to follow links, and then waits at
//! a FIFO, or wakes a device.

use std::fs::File as HostFile;
use std::os::fd::{AsFd, AsRawFd};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, openat2, utimensat};
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::p2::bindings::filesystem::types::{ErrorCode, NewTimestamp, PathFlags};

use super::host::Host;
use super::open_at::{BELOW, INTERFACE, error_code, granted};

type Arguments = (Resource<Descriptor>, PathFlags, String, NewTimestamp, NewTimestamp);

/// Puts this function in the place of wasmtime's.
pub(super) fn shadow(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.instance(INTERFACE)?.func_wrap_async(
        "[method]descriptor.set-times-at",
        |store: StoreContextMut<'_, Host>, arguments: Arguments| {
            Box::new(async move { Ok((set_times(store, arguments).await?,)) })
        },
    )?;
    Ok(())
}

async fn set_times(
    store: StoreContextMut<'_, Host>,
    (directory, path_flags, path, accessed, modified): Arguments,
) -> wasmtime::Result<Result<(), ErrorCode>> {
    let (root, perms) = match granted(&store, &directory)? {
        Ok(granted) => granted,
        Err(code) => return Ok(Err(code)),
    };
    if perms.write_not_permitted() {
        return Ok(Err(ErrorCode::NotPermitted));
    }
    let (Some(last_access), Some(last_modification)) = (timespec(accessed), timespec(modified)) else {
        return Ok(Err(ErrorCode::Overflow));
    };
    let times = Timestamps { last_access, last_modification };
    let follow = path_flags.contains(PathFlags::SYMLINK_FOLLOW);
    Ok(tokio::task::spawn_blocking(move || set(&root, &path, follow, &times)).await?)
}

fn set(root: &HostFile, path: &str, follow: bool, times: &Timestamps) -> Result<(), ErrorCode> {
    let mut flags = OFlags::PATH | OFlags::CLOEXEC;
    flags.set(OFlags::NOFOLLOW, !follow);
    let place = HostFile::from(openat2(root.as_fd(), path, flags, Mode::empty(), BELOW).map_err(error_code)?);
    let kind = place.metadata().map_err(|_| ErrorCode::Io)?.file_type();
    if !kind.is_file() && !kind.is_dir() {
        return Err(ErrorCode::NotPermitted);
    }
    let place = format!("/proc/self/fd/{}", place.as_raw_fd());
    utimensat(CWD, place, times, AtFlags::empty()).map_err(error_code)
}

/// Nothing where the seconds are more than the host can write down.
fn timespec(time: NewTimestamp) -> Option<Timespec> {
    Some(match time {
        NewTimestamp::NoChange => Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        NewTimestamp::Now => Timespec { tv_sec: 0, tv_nsec: UTIME_NOW },
        NewTimestamp::Timestamp(time) => {
            Timespec { tv_sec: time.seconds.try_into().ok()?, tv_nsec: (time.nanoseconds % 1_000_000_000).into() }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamps {
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        Timestamps { last_access: now, last_modification: now }
    }

    #[test]
    fn a_fifo_is_neither_waited_for_nor_changed() {
        let folder = tempfile::tempdir().unwrap();
        let root = HostFile::open(folder.path()).unwrap();
        rustix::fs::mknodat(&root, "fifo", rustix::fs::FileType::Fifo, Mode::RWXU, 0).unwrap();
        std::os::unix::fs::symlink("fifo", folder.path().join("link")).unwrap();
        for (path, follow) in [("fifo", true), ("fifo", false), ("link", true), ("link", false)] {
            assert!(matches!(set(&root, path, follow, &now()), Err(ErrorCode::NotPermitted)), "{path} {follow}");
        }
    }

    #[test]
    fn a_file_gets_its_times_and_one_outside_does_not() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("granted")).unwrap();
        std::fs::write(folder.path().join("granted/file"), "").unwrap();
        std::os::unix::fs::symlink("../granted/file", folder.path().join("granted/out")).unwrap();
        let root = HostFile::open(folder.path().join("granted")).unwrap();
        let early = Timespec { tv_sec: 1, tv_nsec: 0 };
        set(&root, "file", false, &Timestamps { last_access: early, last_modification: early }).unwrap();
        let changed = std::fs::metadata(folder.path().join("granted/file")).unwrap().modified().unwrap();
        assert_eq!(changed, std::time::UNIX_EPOCH + std::time::Duration::from_secs(1));
        for path in ["../granted/file", "out", "/etc/passwd"] {
            assert!(matches!(set(&root, path, true, &now()), Err(ErrorCode::NotPermitted)), "{path}");
        }
    }
}
