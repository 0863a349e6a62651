//! What the system says when it refuses, in the words of Node.

use std::io;

/// A refusal of the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) code: &'static str,
    words: &'static str,
}

macro_rules! faults {
    ($($name:ident = $words:literal;)*) => {
        impl Fault {
            $(pub(crate) const $name: Self = Self { code: stringify!($name), words: $words };)*
        }
    };
}

faults! {
    EACCES = "permission denied";
    EBUSY = "resource busy or locked";
    EEXIST = "file already exists";
    EFBIG = "file too large";
    EILSEQ = "illegal byte sequence";
    EINVAL = "invalid argument";
    EIO = "i/o error";
    EISDIR = "illegal operation on a directory";
    ELOOP = "too many symbolic links encountered";
    ENAMETOOLONG = "name too long";
    ENOENT = "no such file or directory";
    ENOSPC = "no space left on device";
    ENOTDIR = "not a directory";
    ENOTEMPTY = "directory not empty";
    ENOTSUP = "operation not supported on socket";
    EPERM = "operation not permitted";
    EROFS = "read-only file system";
    EXDEV = "cross-device link not permitted";
}

impl Fault {
    /// With the call that was refused, as `open '/a'`.
    pub(crate) fn at(self, call: &str) -> String {
        format!("{}: {}, {call}", self.code, self.words)
    }
}

/// The numbers of WASI (preview 1, `errno`).
#[cfg(target_family = "wasm")]
const NUMBERS: &[(i32, Fault)] = &[
    (2, Fault::EACCES),
    (10, Fault::EBUSY),
    (20, Fault::EEXIST),
    (22, Fault::EFBIG),
    (25, Fault::EILSEQ),
    (28, Fault::EINVAL),
    (29, Fault::EIO),
    (31, Fault::EISDIR),
    (32, Fault::ELOOP),
    (37, Fault::ENAMETOOLONG),
    (44, Fault::ENOENT),
    (51, Fault::ENOSPC),
    (54, Fault::ENOTDIR),
    (55, Fault::ENOTEMPTY),
    (58, Fault::ENOTSUP),
    (63, Fault::EPERM),
    (69, Fault::EROFS),
    (75, Fault::EXDEV),
    // A descriptor without the right: as where the right was never there.
    (76, Fault::EPERM),
];

/// The numbers of Linux, for tests.
#[cfg(not(target_family = "wasm"))]
const NUMBERS: &[(i32, Fault)] = &[
    (1, Fault::EPERM),
    (2, Fault::ENOENT),
    (13, Fault::EACCES),
    (16, Fault::EBUSY),
    (17, Fault::EEXIST),
    (18, Fault::EXDEV),
    (20, Fault::ENOTDIR),
    (21, Fault::EISDIR),
    (22, Fault::EINVAL),
    (27, Fault::EFBIG),
    (28, Fault::ENOSPC),
    (30, Fault::EROFS),
    (36, Fault::ENAMETOOLONG),
    (39, Fault::ENOTEMPTY),
    (40, Fault::ELOOP),
    (84, Fault::EILSEQ),
    (95, Fault::ENOTSUP),
];

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        let known = error.raw_os_error().and_then(|number| NUMBERS.iter().find(|(known, _)| *known == number));
        match known {
            Some((_, fault)) => *fault,
            // The library itself refuses names with a zero byte, and finds no directory for a path.
            None if error.kind() == io::ErrorKind::InvalidInput => Self::EINVAL,
            None if error.kind() == io::ErrorKind::NotFound => Self::ENOENT,
            None => Self::EIO,
        }
    }
}
