//! The file that has the person's trust policy, and how something is added to it.

use std::fs;
use std::io::{Error, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use lockgate_runtime::{Addition, TrustPolicy};

use super::super::trusting::{MACHINE_POLICY, OWN_POLICY, read_file};
use super::edit::{Added, Form, with_item, with_scope};
use crate::config::{self, Config, FilesBeside, MAX_POLICY_BYTES, OWN_FILE};
use crate::environment::Folders;
use crate::error::{CommandError, Kind};
use crate::files;

/// What a policy begins as.
const FIRST: &str = "default = \"reject\"\n";

/// Where the person's policy is written.
pub(super) struct Place {
    pub(super) path: PathBuf,
    pub(super) form: Form,
    folders: Folders,
}

/// What would be written, and what that means.
#[derive(Debug)]
pub(super) struct Change {
    after: String,
    /// The policy that it would be.
    pub(super) policy: TrustPolicy,
    /// The lines that it is about, as a person would compare them.
    pub(super) lines: String,
    /// What it means for the scope, in words.
    pub(super) means: Vec<String>,
    /// Whether it makes a scope of its own.
    pub(super) is_scope: bool,
}

impl Place {
    /// The person's own file that says whom they trust, or would.
    pub(super) fn of(folders: Folders, config: &Config) -> Self {
        let (file, form) = match config.trust {
            Some(_) => (OWN_FILE, Form::Table),
            None => (OWN_POLICY, Form::Whole),
        };
        Self { path: folders.config.join(file), form, folders }
    }

    /// Whether messages call a policy so that stands here.
    pub(super) fn is_called(&self, name: &str) -> bool {
        name == self.name()
    }

    fn name(&self) -> String {
        match self.form {
            Form::Whole => self.path.display().to_string(),
            Form::Table => config::name_of_trust(&self.path),
        }
    }

    /// The change that adds this to the policy; none where it is there already.
    ///
    /// # Errors
    /// Where the policy says otherwise, or would become one that cannot be used.
    pub(super) fn change(&self, name: &str, added: &Added) -> Result<Option<Change>, CommandError> {
        let before = self.text()?;
        let scope = self.form.scope(name, added);
        let by_hand = |problem: String| {
            CommandError::new(Kind::Usage, problem).hint(format!("nothing was changed; write it by hand:\n{scope}"))
        };
        let whole = format!("{FIRST}{}", Form::Whole.scope(name, added));
        let new = self.beside(|files| TrustPolicy::read(&whole, files).map_err(|error| by_hand(error.to_string())))?;
        let path = self.path.display();
        let (text, means, is_scope) = match self.policy(&before)?.addition(&new) {
            Addition::Nothing => return Ok(None),
            Addition::Contradiction(problem) => {
                return Err(CommandError::new(Kind::Usage, problem).hint("nothing was changed"));
            }
            Addition::Beside { scope: written } => {
                let line = added.line();
                let message = format!("the scope `{written}` of {path} asks for something that this does not say");
                let hint =
                    format!("nothing was changed; for this alone to be enough, write by hand in its place:\n{scope}");
                let other = format!("or change what it asks for by hand, with: {line}");
                return Err(CommandError::new(Kind::Usage, message).hint(hint).hint(other));
            }
            Addition::Scope => (with_scope(&before, self.form, name, added), Vec::new(), true),
            Addition::Item { index, means } => (with_item(&before, self.form, index, added), means, false),
        };
        let after = text.map_err(|error| by_hand(format!("{path} is not changed: {error}")))?;
        if after.len() as u64 > MAX_POLICY_BYTES {
            return Err(by_hand(format!("{path} would become larger than {} MiB", MAX_POLICY_BYTES >> 20)));
        }
        let unusable = |error: &str| by_hand(format!("{path} would become one that cannot be used: {error}"));
        let policy = self.policy(&after).map_err(|error| unusable(error.message()))?;
        if policy.addition(&new) != Addition::Nothing {
            return Err(unusable("it would not have what was added"));
        }
        let lines = if is_scope { scope } else { difference(&before, &after) };
        let policy = policy.in_file(self.name());
        Ok(Some(Change { after, policy, lines, means, is_scope }))
    }

    /// Writes the change that adds this, which was shown and judged.
    ///
    /// # Errors
    /// Where the file has become another one since then, or cannot be written: then nothing is changed.
    pub(super) fn write(&self, name: &str, added: &Added, change: &Change) -> Result<(), CommandError> {
        let unwritable = |error: Error| self.unwritable(&error);
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unwritable)?;
        // Two of these at once do not lose what one of them wrote.
        let lock = fs::File::open(folder).map_err(unwritable)?;
        lock.lock().map_err(unwritable)?;
        if self.change(name, added)?.is_none_or(|now| now.after != change.after) {
            let message = format!("{} was changed meanwhile, and was left as it is", self.path.display());
            return Err(CommandError::new(Kind::Failed, message).hint("run this once more"));
        }
        // What a link names is changed, not the link; and one that names nothing is none to follow.
        let path = match fs::canonicalize(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound && fs::symlink_metadata(&self.path).is_err() => {
                self.path.clone()
            }
            path => path.map_err(unwritable)?,
        };
        if fs::canonicalize(MACHINE_POLICY).is_ok_and(|machines| machines == path) {
            return Err(unwritable(Error::other(format!("it is {MACHINE_POLICY}, which is the machine's"))));
        }
        files::replace_alike(&path, change.after.as_bytes()).map_err(unwritable)
    }

    fn text(&self) -> Result<String, CommandError> {
        match read_file(&self.path) {
            Ok(bytes) => String::from_utf8(bytes).map_err(|error| self.unwritable(&Error::other(error))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(FIRST.to_owned()),
            Err(error) => Err(self.unwritable(&error)),
        }
    }

    fn policy(&self, text: &str) -> Result<TrustPolicy, CommandError> {
        match self.form {
            Form::Whole => self.beside(|files| {
                TrustPolicy::read(text, files).map_err(|error| CommandError::new(Kind::Usage, error.to_string()))
            }),
            Form::Table => config::trust_of(&self.path, text, &self.folders)?
                .ok_or_else(|| CommandError::new(Kind::Usage, format!("{} has no [trust]", self.path.display()))),
        }
    }

    fn beside<T>(&self, read: impl FnOnce(&mut FilesBeside) -> Result<T, CommandError>) -> Result<T, CommandError> {
        let beside = FilesBeside::new(&self.path).map_err(|error| self.unwritable(&error))?;
        read(&mut beside.with_roots(self.folders.roots()))
    }

    fn unwritable(&self, error: &Error) -> CommandError {
        CommandError::new(Kind::Failed, format!("cannot write {}: {error}", self.path.display()))
            .hint("make it writable, and see that its disk is not full; nothing was changed")
    }
}

/// The lines that are others, those of before with `-`.
fn difference(before: &str, after: &str) -> String {
    let (before, after): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let same = before.iter().zip(&after).take_while(|(one, other)| one == other).count();
    let (before, after) = (&before[same..], &after[same..]);
    let tail = before.iter().rev().zip(after.iter().rev()).take_while(|(one, other)| one == other).count();
    let (gone, new) = (&before[..before.len() - tail], &after[..after.len() - tail]);
    let lines = gone.iter().map(|line| format!("- {line}")).chain(new.iter().map(|line| format!("+ {line}")));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_the_lines_that_are_others() {
        for (before, after, lines) in [
            ("a\nb\nc\n", "a\nB\nc\n", "- b\n+ B"),
            ("a\nc\n", "a\nb\nc\n", "+ b"),
            ("a\na\n", "a\na\na\n", "+ a"),
            ("a", "a\n", ""),
        ] {
            assert_eq!(difference(before, after), lines);
        }
    }
}
