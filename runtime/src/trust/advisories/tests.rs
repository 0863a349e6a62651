use std::io::Read;

use super::*;

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// So long after now that everything has settled.
fn later() -> Timestamp {
    Timestamp::now() + jiff::SignedDuration::from_mins(1)
}

fn read(path: &Path) -> Vec<(String, String)> {
    let files = Listing::of(path).unwrap().files().map(|file| {
        let crate::trust::vulnerability::SnapshotFile { name, mut content } = file.unwrap();
        let mut text = String::new();
        content.read_to_string(&mut text).unwrap();
        (name, text)
    });
    files.collect()
}

/// More than is read without an index: one advisory about `x`, and many others.
fn advisories(id: &str) -> String {
    let line = |id: &str, name: &str| {
        format!(
            r#"{{"id": "{id}", "modified": "2026-11-20T00:00:00Z", "affected": [{{"package": {{"ecosystem": "npm", "name": "{name}"}}}}]}}"#
        )
    };
    let others: Vec<String> = (0..1000).map(|number| line("OTHER", &format!("other-{number}"))).collect();
    format!("{}\n{}\n", line(id, "x"), others.join("\n"))
}

#[test]
fn a_snapshot_is_a_file_or_all_that_is_in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [("npm/b.json", "b"), ("npm/deep/a.jsonl", "a"), ("snapshot.json", "s")] {
        write(folder.path(), name, text);
    }
    std::os::unix::fs::symlink(folder.path(), folder.path().join("loop")).unwrap();
    let named = |files: &[(&str, &str)]| -> Vec<(String, String)> {
        files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    };
    assert_eq!(read(folder.path()), named(&[("b.json", "b"), ("a.jsonl", "a"), ("snapshot.json", "s")]));
    assert_eq!(read(&folder.path().join("npm/b.json")), named(&[("b.json", "b")]));
    assert!(Listing::of(&folder.path().join("nothing")).is_err());
}

#[test]
fn folders_do_not_stand_inside_each_other_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("a/".repeat(20))).unwrap();
    assert!(Listing::of(folder.path()).is_err());
}

#[test]
fn whatever_changes_in_a_snapshot_its_old_index_is_not_asked() {
    let (folder, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let snapshot = folder.path().join("osv");
    let advisories_of = Advisories::new(kept.path().join("advisories"));
    let states = || -> Vec<Digest> { vec![Listing::of(&snapshot).unwrap().state()] };
    write(&snapshot, "all.jsonl", &advisories("X-1"));
    let mut known = states();
    assert!(advisories_of.open(&snapshot, later()).unwrap().index.is_some());
    // As long as before, at the time of before.
    let time = std::fs::metadata(snapshot.join("all.jsonl")).unwrap().modified().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(20));
    write(&snapshot, "all.jsonl", &advisories("X-2"));
    File::options().write(true).open(snapshot.join("all.jsonl")).unwrap().set_modified(time).unwrap();
    known.extend(states());
    write(&snapshot, "new.json", advisories("X-3").lines().next().unwrap());
    known.extend(states());
    std::fs::rename(snapshot.join("new.json"), snapshot.join("moved.json")).unwrap();
    known.extend(states());
    std::fs::remove_file(snapshot.join("moved.json")).unwrap();
    known.extend(states());
    known.sort();
    known.dedup();
    // The last is as the second.
    assert_eq!(known.len(), 4);
}

#[test]
fn an_index_is_made_once_and_for_what_has_settled_and_is_large() {
    let (folder, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let indexes = kept.path().join("advisories");
    let advisories_of = Advisories::new(indexes.clone());
    write(folder.path(), "small.json", advisories("X-1").lines().next().unwrap());
    assert!(advisories_of.open(folder.path(), later()).unwrap().index.is_none());
    write(folder.path(), "all.jsonl", &advisories("X-1"));
    assert!(advisories_of.open(folder.path(), Timestamp::now()).unwrap().index.is_none());
    assert!(!indexes.exists());
    for _ in 0..2 {
        assert!(advisories_of.open(folder.path(), later()).unwrap().index.is_some());
        let made: Vec<_> = indexes.read_dir().unwrap().map(|entry| entry.unwrap().metadata().unwrap()).collect();
        assert_eq!(made.len(), 1);
        assert!(files::is_private_file(&made[0]));
    }
}

#[test]
fn without_a_place_for_an_index_a_snapshot_is_read_as_it_is() {
    let (folder, kept) = (tempfile::tempdir().unwrap(), tempfile::NamedTempFile::new().unwrap());
    write(folder.path(), "all.jsonl", &advisories("X-1"));
    let snapshot = Advisories::new(kept.path().join("below a file")).open(folder.path(), later()).unwrap();
    assert!(snapshot.index.is_none());
    assert_eq!(snapshot.files.count(), 1);
    // What is no snapshot has no index either: reading it says why.
    write(folder.path(), "all.jsonl", &"{}\n".repeat(100_000));
    assert!(Advisories::new(kept.path().with_extension("d")).open(folder.path(), later()).unwrap().index.is_none());
}
