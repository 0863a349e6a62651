//! What is kept for fuzzing (`fuzz/corpus`) is read on every run of the tests as well.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use super::*;

/// Feeds one target with the bytes of a file.
type Feed = fn(&[u8]) -> bool;

/// Each target, as `fuzz/fuzz_targets` calls it.
const TARGETS: [(&str, Feed); 9] = [
    ("advisory", |bytes| advisory(text(bytes))),
    ("bundle", bundle),
    ("manifest", manifest),
    ("policy", |bytes| policy(text(bytes))),
    ("provenance", |bytes| provenance(text(bytes))),
    ("root", root),
    ("sbom", |bytes| sbom(text(bytes))),
    ("statement", statement),
    ("vex", |bytes| vex(text(bytes))),
];

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("a file of this target is text")
}

fn fuzz(folder: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz")).join(folder)
}

/// The names of what lies in a folder of `fuzz/`, without endings.
fn names(folder: &str) -> BTreeSet<String> {
    let name =
        |entry: std::io::Result<fs::DirEntry>| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned();
    fs::read_dir(fuzz(folder)).unwrap().map(name).collect()
}

#[test]
fn every_target_has_files_and_every_file_a_target() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names("fuzz_targets"), targets);
    assert_eq!(names("corpus"), targets);
    let manifest = fs::read_to_string(fuzz("Cargo.toml")).unwrap();
    let built = manifest.lines().filter_map(|line| line.strip_prefix("path = \"fuzz_targets/")?.strip_suffix(".rs\""));
    assert_eq!(built.map(str::to_owned).collect::<BTreeSet<_>>(), targets);
}

/// One that is refused at once would teach a fuzzer nothing of what comes behind.
#[test]
fn every_file_that_is_kept_for_fuzzing_is_read() {
    for (target, feed) in TARGETS {
        let files: Vec<PathBuf> =
            fs::read_dir(fuzz("corpus").join(target)).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(files.len() > 1, "{target} has not enough files");
        for file in files {
            assert!(feed(&fs::read(&file).unwrap()), "{} cannot be read", file.display());
        }
    }
}
