//! Directories that are granted, opened once and without following links.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags};

use super::{Access, Directory};

/// The file systems that are no files but the kernel itself: proc, sysfs, cgroup 1 and 2, debugfs, tracefs, securityfs
/// and bpf, by their magic numbers (statfs(2)). `/proc/self/mem` is the memory of this program.
const KERNEL_FILE_SYSTEMS: [u64; 8] =
    [0x9fa0, 0x6265_6572, 0x0027_e0eb, 0x6367_7270, 0x6462_6720, 0x7472_6163, 0x7363_6673, 0xcafe_4a11];

/// The folders of this program itself, which no grant may touch.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProtectedFolders(Vec<PathBuf>);

/// Why a directory is not granted.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// It cannot be opened.
    #[error("cannot open the directory {}", path.display())]
    Unopenable {
        /// The path on the host.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A part of the path is a symbolic link.
    #[error("{} goes through a symbolic link; grant the directory it leads to", .0.display())]
    Link(PathBuf),
    /// It is a view into the kernel, and through it into every process.
    #[error("{} is not granted: it is a view into the kernel, not a directory of files", .0.display())]
    Kernel(PathBuf),
    /// It holds, or lies in, a folder of this program.
    #[error("{} is not granted: {} belongs to Lockgate itself", granted.display(), protected.display())]
    OwnHouse {
        /// The directory that was asked for.
        granted: PathBuf,
        /// The folder of this program.
        protected: PathBuf,
    },
}

impl ProtectedFolders {
    /// Protects these folders, whether they exist already or not.
    pub(crate) fn new(folders: impl IntoIterator<Item = PathBuf>) -> Self {
        Self(folders.into_iter().collect())
    }
}

/// A granted directory, held open: what is at its path later does not matter.
#[derive(Debug)]
pub(crate) struct OpenDirectory {
    file: File,
    pub(crate) guest: String,
    pub(crate) access: Access,
}

impl OpenDirectory {
    /// Opens a directory as a person wrote it.
    pub(crate) fn open(directory: &Directory, protected: &ProtectedFolders) -> Result<Self, DirectoryError> {
        let path = &directory.host;
        let unopenable = |source| DirectoryError::Unopenable { path: path.clone(), source };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let opened = rustix::fs::openat2(rustix::fs::CWD, path, flags, Mode::empty(), resolve);
        let file = match opened {
            Ok(descriptor) => File::from(descriptor),
            Err(rustix::io::Errno::LOOP) => return Err(DirectoryError::Link(path.clone())),
            Err(error) => return Err(unopenable(error.into())),
        };
        let file_system = rustix::fs::fstatfs(&file).map_err(|error| unopenable(error.into()))?;
        if KERNEL_FILE_SYSTEMS.contains(&(file_system.f_type as u64)) {
            return Err(DirectoryError::Kernel(path.clone()));
        }
        // Where the descriptor leads, not where the path said.
        let place = std::fs::read_link(descriptor_path(&file)).map_err(unopenable)?;
        let identity = file.metadata().map(|meta| (meta.dev(), meta.ino())).map_err(unopenable)?;
        for folder in &protected.0 {
            if overlaps(&place, identity, folder) {
                return Err(DirectoryError::OwnHouse { granted: path.clone(), protected: folder.clone() });
            }
        }
        Ok(Self { file, guest: directory.guest.clone(), access: directory.access })
    }

    /// A path that leads to what is held open, whatever has happened to the names since.
    pub(crate) fn path(&self) -> PathBuf {
        descriptor_path(&self.file)
    }

    /// Where it is, for those who cannot use the descriptor. Another directory may be there by the time it is used.
    ///
    /// # Errors
    /// Where that cannot be told.
    pub(crate) fn place(&self) -> Result<PathBuf, DirectoryError> {
        let path = self.path();
        std::fs::read_link(&path).map_err(|source| DirectoryError::Unopenable { path, source })
    }

    /// Whether it is what `path` leads to, without a link in it.
    ///
    /// # Errors
    /// Where nothing can be told of what is there.
    pub(crate) fn is_at(&self, path: &Path) -> std::io::Result<bool> {
        let found = std::fs::symlink_metadata(path)?;
        let own = self.file.metadata()?;
        Ok((found.dev(), found.ino()) == (own.dev(), own.ino()))
    }

    /// Whether it lies in `folder`, or `folder` in it.
    ///
    /// # Errors
    /// Where it cannot be told where it is.
    pub(crate) fn overlaps(&self, folder: &Path) -> Result<bool, DirectoryError> {
        let (path, place) = (self.path(), self.place()?);
        let own = self.file.metadata().map_err(|source| DirectoryError::Unopenable { path, source })?;
        Ok(overlaps(&place, (own.dev(), own.ino()), folder))
    }
}

fn descriptor_path(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_fd().as_raw_fd()))
}

/// Whether one of the two lies in the other. `folder` need not exist yet: its nearest existing parent then counts for
/// where it will be. Bind mounts have other paths, so identities are compared on the way up, too.
fn overlaps(place: &Path, identity: (u64, u64), folder: &Path) -> bool {
    let folder = resolved(folder);
    if folder.starts_with(place) || place.starts_with(&folder) {
        return true;
    }
    let above_folder = folder.ancestors().any(|path| identity_of(path) == Some(identity));
    let folder_identity = identity_of(&folder);
    let above_place = folder_identity.is_some() && place.ancestors().any(|path| identity_of(path) == folder_identity);
    above_folder || above_place
}

fn identity_of(path: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()))
}

/// The path without links, as far as it exists.
fn resolved(path: &Path) -> PathBuf {
    let mut missing = Vec::new();
    let mut existing = path;
    loop {
        if let Ok(real) = existing.canonicalize() {
            return missing.iter().rev().fold(real, |path: PathBuf, part: &Component<'_>| path.join(part));
        }
        let (Some(parent), Some(last)) = (existing.parent(), existing.components().next_back()) else {
            return path.to_owned();
        };
        missing.push(last);
        existing = parent;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(host: &Path) -> Directory {
        Directory { host: host.to_owned(), guest: "/data".to_owned(), access: Access::Read }
    }

    #[test]
    fn a_directory_stays_the_one_that_was_opened() {
        let root = tempfile::tempdir().unwrap();
        let base = root.path().canonicalize().unwrap();
        std::fs::create_dir(base.join("data")).unwrap();
        std::fs::write(base.join("data/here"), "").unwrap();
        let opened = OpenDirectory::open(&grant(&base.join("data")), &ProtectedFolders::default()).unwrap();
        std::fs::rename(base.join("data"), base.join("moved")).unwrap();
        std::fs::create_dir(base.join("data")).unwrap();
        assert!(opened.path().join("here").exists());
    }

    #[test]
    fn a_link_on_the_way_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let base = root.path().canonicalize().unwrap();
        std::fs::create_dir_all(base.join("real/data")).unwrap();
        std::os::unix::fs::symlink(base.join("real"), base.join("link")).unwrap();
        for path in [base.join("link"), base.join("link/data")] {
            let refused = OpenDirectory::open(&grant(&path), &ProtectedFolders::default());
            assert!(matches!(refused, Err(DirectoryError::Link(_))), "{}", path.display());
        }
    }

    #[test]
    fn our_own_folders_are_never_granted() {
        let root = tempfile::tempdir().unwrap();
        let base = root.path().canonicalize().unwrap();
        std::fs::create_dir_all(base.join("home/lockgate/inside")).unwrap();
        std::fs::create_dir_all(base.join("home/other")).unwrap();
        let protected = ProtectedFolders::new([base.join("home/lockgate"), base.join("later/not/there")]);
        std::fs::create_dir(base.join("later")).unwrap();
        for path in ["home", "home/lockgate", "home/lockgate/inside", "later", ""] {
            let refused = OpenDirectory::open(&grant(&base.join(path)), &protected);
            assert!(matches!(refused, Err(DirectoryError::OwnHouse { .. })), "{path}");
        }
        assert!(OpenDirectory::open(&grant(&base.join("home/other")), &protected).is_ok());
    }

    #[test]
    fn the_kernel_is_never_granted() {
        for path in ["/proc", "/sys"] {
            let refused = OpenDirectory::open(&grant(Path::new(path)), &ProtectedFolders::default());
            assert!(matches!(refused, Err(DirectoryError::Kernel(_))), "{path}");
        }
    }

    #[test]
    fn a_file_is_no_directory() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let refused = OpenDirectory::open(&grant(file.path()), &ProtectedFolders::default());
        assert!(matches!(refused, Err(DirectoryError::Unopenable { .. })));
    }
}
