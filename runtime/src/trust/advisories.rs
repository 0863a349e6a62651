//! Reads the snapshot of advisories that a policy names: a folder with files in the OSV format, or one such file.

use std::io;
use std::path::{Path, PathBuf};

use super::vulnerability::{SnapshotFile, SnapshotFiles};
use crate::files::open_at_once;

/// How deep folders may stand inside each other: OSV's own have one folder for each ecosystem.
const MAX_DEPTH: usize = 8;

/// Opens a snapshot. Folders inside it belong to it, links to folders do not. Only regular files count.
///
/// # Errors
/// Where there is none, or a part of it cannot be listed.
pub(crate) fn open(path: &Path) -> io::Result<SnapshotFiles> {
    let mut paths = Vec::new();
    if path.is_file() {
        paths.push(path.to_owned());
    } else {
        list(path, 0, &mut paths)?;
    }
    // In one order on every machine.
    paths.sort();
    Ok(Box::new(paths.into_iter().map(|path| file(&path))))
}

fn list(folder: &Path, depth: usize, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    if depth > MAX_DEPTH {
        return Err(io::Error::other("its folders stand too deep inside each other"));
    }
    for entry in folder.read_dir()? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            list(&path, depth + 1, paths)?;
        } else if path.is_file() {
            paths.push(path);
        }
    }
    Ok(())
}

fn file(path: &Path) -> io::Result<SnapshotFile> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(SnapshotFile { name, content: Box::new(open_at_once(path)?) })
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn a_snapshot_is_a_file_or_all_that_is_in_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("npm/b.json", "b"), ("npm/deep/a.jsonl", "a"), ("snapshot.json", "s")] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        std::os::unix::fs::symlink(folder.path(), folder.path().join("loop")).unwrap();
        let read = |path: &Path| -> Vec<(String, String)> {
            let files = open(path).unwrap().map(|file| {
                let SnapshotFile { name, mut content } = file.unwrap();
                let mut text = String::new();
                content.read_to_string(&mut text).unwrap();
                (name, text)
            });
            files.collect()
        };
        let named = |files: &[(&str, &str)]| -> Vec<(String, String)> {
            files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
        };
        assert_eq!(read(folder.path()), named(&[("b.json", "b"), ("a.jsonl", "a"), ("snapshot.json", "s")]));
        assert_eq!(read(&folder.path().join("npm/b.json")), named(&[("b.json", "b")]));
        assert!(open(&folder.path().join("nothing")).is_err());
    }

    #[test]
    fn folders_do_not_stand_inside_each_other_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("a/".repeat(20))).unwrap();
        assert!(open(folder.path()).is_err());
    }
}
