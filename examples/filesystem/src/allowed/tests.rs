use std::os::unix::fs::symlink;

use super::*;

/// A folder with `granted` and `other`, which are allowed, and `secret` beside them.
struct Disk {
    _folder: tempfile::TempDir,
    base: String,
}

impl Disk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().canonicalize().unwrap().to_str().unwrap().to_owned();
        for name in ["granted/sub", "other", "granted2"] {
            fs::create_dir_all(format!("{base}/{name}")).unwrap();
        }
        for name in ["granted/a", "granted/sub/b", "other/c", "secret", "granted2/d"] {
            fs::write(format!("{base}/{name}"), name).unwrap();
        }
        Self { _folder: folder, base }
    }

    fn allowed(&self) -> Allowed {
        Allowed(vec![format!("{}/granted", self.base), format!("{}/other", self.base)])
    }

    fn link(&self, name: &str, target: &str) {
        symlink(target, format!("{}/granted/{name}", self.base)).unwrap();
    }

    /// What a path leads to, without the base.
    fn find(&self, requested: &str) -> Result<String, String> {
        let cut = |text: String| text.replace(&format!("{}/", self.base), "");
        self.allowed().find(requested).map(cut).map_err(cut)
    }

    fn denied(&self, requested: &str) {
        let refusal = self.find(requested).unwrap_err();
        assert!(refusal.starts_with("Access denied - "), "{requested}: {refusal}");
    }
}

#[test]
fn relative_paths_count_from_the_first_directory_they_stay_in() {
    let disk = Disk::new();
    for (requested, found) in [
        ("a", "granted/a"),
        ("", "granted"),
        (".", "granted"),
        ("sub/../a", "granted/a"),
        ("new/file", "granted/new/file"),
        ("../other/c", "other/c"),
    ] {
        assert_eq!(disk.find(requested).as_deref(), Ok(found), "{requested}");
    }
}

#[test]
fn nothing_else_is_allowed() {
    let disk = Disk::new();
    let base = disk.base.clone();
    for requested in ["../secret", "/etc/passwd", "/", "sub/../../secret", "../granted2/d", "a\0", "~", "~/x", "C:\\x"]
    {
        disk.denied(requested);
    }
    for requested in ["granted/../secret", "granted2/d", "granted ", "grant"] {
        disk.denied(&format!("{base}/{requested}"));
    }
    let refusal = disk.find("../secret").unwrap_err();
    assert_eq!(refusal, "Access denied - path outside allowed directories: secret not in granted, other");
}

#[test]
fn links_are_followed_within_and_refused_without() {
    let disk = Disk::new();
    disk.link("to_a", "a");
    disk.link("to_sub", "sub");
    disk.link("sub/up", "../a");
    disk.link("to_other", "../other/c");
    disk.link("absolute", &format!("{}/other/c", disk.base));
    disk.link("around", "../../../granted/a");
    for (requested, found) in [
        ("to_a", "granted/a"),
        ("to_sub/b", "granted/sub/b"),
        ("to_sub/up", "granted/a"),
        ("to_other", "other/c"),
        ("absolute", "other/c"),
    ] {
        assert_eq!(disk.find(requested).as_deref(), Ok(found), "{requested}");
    }
    disk.link("out", "../secret");
    disk.link("out_dir", "..");
    disk.link("root", "/");
    disk.link("chain", "out");
    for requested in ["out", "out_dir", "out_dir/secret", "root/etc/passwd", "chain", "out_dir/new", "around"] {
        disk.denied(requested);
    }
    assert_eq!(disk.find("out_dir/granted/a").as_deref(), Ok("granted/a"));
}

#[test]
fn what_leads_nowhere_is_told_as_node_does() {
    let disk = Disk::new();
    disk.link("loop", "loop");
    disk.link("dangling", "nowhere");
    let refusal = disk.find("loop").unwrap_err();
    assert!(refusal.starts_with("ELOOP: too many symbolic links encountered, realpath '"), "{refusal}");
    assert_eq!(disk.find("dangling").unwrap_err(), "Parent directory does not exist: granted");
    let refusal = disk.find("a/b").unwrap_err();
    assert_eq!(refusal, "ENOTDIR: not a directory, realpath 'granted/a/b'");
}

#[test]
fn names_are_found_in_another_form_of_the_same_text() {
    let disk = Disk::new();
    fs::write(format!("{}/granted/cafe\u{301}", disk.base), "").unwrap();
    assert_eq!(disk.find("caf\u{e9}").as_deref(), Ok("granted/cafe\u{301}"));
    fs::write(format!("{}/granted/\u{212b}", disk.base), "").unwrap();
    fs::write(format!("{}/granted/A\u{30a}", disk.base), "").unwrap();
    assert_eq!(disk.find("\u{c5}").unwrap_err(), "Ambiguous Unicode path component: \u{c5}");
    assert_eq!(disk.find("new \u{e9}").as_deref(), Ok("granted/new \u{e9}"));
}

#[test]
fn without_directories_everything_is_refused() {
    let none = Allowed(Vec::new());
    for requested in ["", "a", "/a"] {
        assert!(none.find(requested).unwrap_err().starts_with("Access denied - path outside"));
    }
}
