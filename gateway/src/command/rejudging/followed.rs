//! A policy whose files are looked at again and again.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use lockgate_runtime::TrustPolicy;

use crate::config::ReadPolicy;
use crate::error::CommandError;
use crate::report;

/// A policy that is followed.
pub(super) struct Followed {
    /// Where it is read from, or would be.
    places: Vec<PathBuf>,
    /// What was read last, and holds.
    holds: Option<ReadPolicy>,
    /// The state of all files when that was read.
    mark: Mark,
    /// Why it could not be read since then, as it was told.
    told: Option<String>,
}

/// What tells one state of the files from another; nothing of a file that is not there.
type Mark = Vec<(PathBuf, Option<State>)>;

/// Which file it is, how long, and when it and what is kept of it were changed. Times alone can be set back.
#[derive(PartialEq, Eq)]
struct State {
    file: (u64, u64),
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Followed {
    /// Follows what was read from these places just now.
    pub(super) fn new(places: Vec<PathBuf>, holds: Option<ReadPolicy>) -> Self {
        let mark = mark(&places, holds.as_ref());
        Self { places, holds, mark, told: None }
    }

    /// What holds.
    pub(super) fn policy(&self) -> Option<TrustPolicy> {
        self.holds.as_ref().map(|holds| holds.policy.clone())
    }

    /// Whether its files say something else than what held so far; then that holds. What cannot be read is tried again
    /// with each look, and told once.
    pub(super) fn look(&mut self, read: impl FnOnce() -> Result<Option<ReadPolicy>, CommandError>) -> bool {
        // Before they are read: what changes meanwhile is noticed the next time.
        let now = mark(&self.places, self.holds.as_ref());
        if now == self.mark {
            return false;
        }
        match read() {
            Ok(policy) => {
                (self.holds, self.mark, self.told) = (policy, now, None);
                true
            }
            // Half a file, perhaps: what held before goes on to hold.
            Err(error) => {
                let text = error.text();
                if self.told.as_ref() != Some(&text) {
                    report::write_block("the trust policy before holds on: ", &error);
                    self.told = Some(text);
                }
                false
            }
        }
    }
}

fn mark(places: &[PathBuf], policy: Option<&ReadPolicy>) -> Mark {
    let state = |path: &PathBuf| {
        let meta = std::fs::metadata(path).ok()?;
        Some(State {
            file: (meta.dev(), meta.ino()),
            length: meta.len(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        })
    };
    let files = policy.into_iter().flat_map(|policy| &policy.files);
    places.iter().chain(files).map(|path| (path.clone(), state(path))).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::error::Kind;

    /// The policy in this file, which is made of the `files` besides.
    fn policy(file: &Path, files: &[&Path]) -> Result<Option<ReadPolicy>, CommandError> {
        let text = fs::read_to_string(file).map_err(|error| CommandError::new(Kind::Failed, error.to_string()))?;
        let files = files.iter().map(|file| (*file).to_owned()).collect();
        Ok(Some(ReadPolicy { policy: TrustPolicy::default().in_file(text), files }))
    }

    #[test]
    fn what_could_not_be_read_is_tried_again_though_nothing_has_changed_since() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("trust.toml");
        fs::write(&file, "one").unwrap();
        let mut followed = Followed::new(vec![file.clone()], policy(&file, &[]).unwrap());
        assert!(!followed.look(|| panic!("nothing has changed")));
        fs::write(&file, "other").unwrap();
        // What it names is not there yet: nobody could know to watch for it.
        let refused = || Err(CommandError::new(Kind::Usage, "there is no acme.pub"));
        assert!(!followed.look(refused));
        assert!(!followed.look(refused));
        assert!(followed.look(|| policy(&file, &[])));
        assert!(!followed.look(|| panic!("nothing has changed")));
    }

    #[test]
    fn a_file_in_the_place_of_another_is_noticed_though_it_is_as_long_and_as_old() {
        let folder = tempfile::tempdir().unwrap();
        let [file, other] = ["trust.toml", "other"].map(|name| folder.path().join(name));
        fs::write(&file, "one").unwrap();
        let mut followed = Followed::new(vec![file.clone()], policy(&file, &[]).unwrap());
        let then = fs::metadata(&file).unwrap().modified().unwrap();
        fs::write(&other, "two").unwrap();
        fs::File::options().write(true).open(&other).unwrap().set_modified(then).unwrap();
        fs::rename(&other, &file).unwrap();
        assert!(followed.look(|| policy(&file, &[])));
    }

    #[test]
    fn files_that_a_policy_begins_to_name_are_watched_as_well() {
        let folder = tempfile::tempdir().unwrap();
        let [file, key] = ["trust.toml", "acme.pub"].map(|name| folder.path().join(name));
        fs::write(&file, "one").unwrap();
        fs::write(&key, "key").unwrap();
        let mut followed = Followed::new(vec![file.clone()], policy(&file, &[]).unwrap());
        fs::write(&file, "with a key").unwrap();
        assert!(followed.look(|| policy(&file, &[&key])));
        // Once more: the key may have changed before anybody watched it.
        assert!(followed.look(|| policy(&file, &[&key])));
        assert!(!followed.look(|| panic!("nothing has changed")));
        fs::write(&key, "other key").unwrap();
        assert!(followed.look(|| policy(&file, &[&key])));
    }
}
