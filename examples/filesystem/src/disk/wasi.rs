//! Straight from WASI 0.2: the standard library ends a listing at the first name that is not UTF-8.

use wasip2::filesystem::{
    preopens::get_directories,
    types::{Descriptor, DescriptorFlags, DescriptorType, DirectoryEntryStream, ErrorCode, OpenFlags, PathFlags},
};

use super::{Entry, Kind};
use crate::{fault::Fault, path};

pub(super) fn granted() -> Vec<String> {
    get_directories().into_iter().map(|(_, path)| path::resolve("/", &path)).collect()
}

pub(super) fn list(folder: &str) -> Result<impl Iterator<Item = Result<Entry, Fault>>, Fault> {
    let roots = get_directories().into_iter().map(|(root, at)| (root, path::resolve("/", &at)));
    let around = roots.filter(|(_, at)| path::is_within(folder, at));
    let (root, at) = around.max_by_key(|(_, at)| at.len()).ok_or(Fault::ENOENT)?;
    let opened = match path::below(folder, &at) {
        None | Some("") => root,
        Some(below) => root.open_at(PathFlags::SYMLINK_FOLLOW, below, OpenFlags::DIRECTORY, DescriptorFlags::READ)?,
    };
    let stream = opened.read_directory()?;
    Ok(Entries { stream, _opened: opened })
}

struct Entries {
    stream: DirectoryEntryStream,
    /// Outlives the stream, whose parent it is.
    _opened: Descriptor,
}

impl Iterator for Entries {
    type Item = Result<Entry, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.stream.read_directory_entry() {
            Ok(None) => None,
            Ok(Some(entry)) => {
                let kind = match entry.type_ {
                    DescriptorType::Directory => Kind::Directory,
                    DescriptorType::SymbolicLink => Kind::Link,
                    _ => Kind::Other,
                };
                Some(Ok(Entry { name: entry.name, kind }))
            }
            Err(ErrorCode::IllegalByteSequence) => {
                Some(Ok(Entry { name: char::REPLACEMENT_CHARACTER.to_string(), kind: Kind::Unnamed }))
            }
            Err(code) => Some(Err(code.into())),
        }
    }
}

impl From<ErrorCode> for Fault {
    fn from(code: ErrorCode) -> Self {
        match code {
            ErrorCode::Access => Self::EACCES,
            ErrorCode::Busy => Self::EBUSY,
            ErrorCode::IllegalByteSequence => Self::EILSEQ,
            ErrorCode::Invalid => Self::EINVAL,
            ErrorCode::Loop => Self::ELOOP,
            ErrorCode::NameTooLong => Self::ENAMETOOLONG,
            ErrorCode::NoEntry => Self::ENOENT,
            ErrorCode::NotDirectory => Self::ENOTDIR,
            ErrorCode::NotPermitted => Self::EPERM,
            _ => Self::EIO,
        }
    }
}
