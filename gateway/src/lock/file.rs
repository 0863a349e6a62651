//! `lockgate.lock`: its form, and how it is changed. TOML, sorted, and the same text for the same content.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::{File, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use lockgate_runtime::{Digest, ServerName};
use serde::Deserialize;

use super::locked::{Locked, Origin};
use super::surface::Kind;

/// The name of the file, beside the configuration that it locks.
pub(crate) const LOCK_FILE: &str = "lockgate.lock";

/// The form that is read and written.
const VERSION: i64 = 1;

/// The largest file that is read, in bytes.
const MAX_BYTES: u64 = 16 << 20;

const HEAD: &str = "# What each server was when it was accepted. `lockgate update` writes this file; keep it with the configuration.\n";

/// What is locked beside one configuration file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LockFile {
    /// The servers, by their names.
    pub(crate) servers: BTreeMap<ServerName, Locked>,
}

/// Why a lock cannot be used, or not changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockError {
    /// It cannot be read.
    #[error("cannot read the lock {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is not of the form.
    #[error("the lock {}, line {line}: {problem}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// The line, from 1 on.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// It is of another version.
    #[error("the lock {} is of version {found}, and this program knows version {VERSION}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// The version that it says.
        found: i64,
    },
    /// It cannot be written. It is as it was.
    #[error("cannot write the lock {}, which is as it was", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody else changed what was looked at.
    #[error("the lock {} was changed by somebody else meanwhile, and is as they left it", .0.display())]
    ChangedMeanwhile(PathBuf),
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    #[serde(rename = "version")]
    _version: i64,
    #[serde(default)]
    servers: BTreeMap<ServerName, Table>,
}

/// `[servers.NAME]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Table {
    source: String,
    host: Option<String>,
    manifest: Option<Digest>,
    digest: Option<Digest>,
    arguments: Option<Digest>,
    #[serde(default)]
    signers: BTreeSet<String>,
    #[serde(default)]
    unlocked: BTreeSet<Kind>,
    instructions: Option<Digest>,
    #[serde(default)]
    tools: BTreeMap<String, Digest>,
    #[serde(default)]
    prompts: BTreeMap<String, Digest>,
    #[serde(default)]
    resources: BTreeMap<String, Digest>,
    #[serde(default)]
    resource_templates: BTreeMap<String, Digest>,
}

impl LockFile {
    /// Reads a file; nothing where there is none.
    ///
    /// # Errors
    /// Where it cannot be read, or not understood in full.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>, LockError> {
        let unreadable = |source| LockError::Unreadable { path: path.to_owned(), source };
        let bytes = match crate::files::read(path, MAX_BYTES) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error)),
        };
        let text =
            String::from_utf8(bytes).map_err(|error| unreadable(io::Error::new(ErrorKind::InvalidData, error)))?;
        Self::parse(path, &text).map(Some)
    }

    /// Reads the text of the file at `path`.
    fn parse(path: &Path, text: &str) -> Result<Self, LockError> {
        let form = |error: toml::de::Error| {
            let line = error.span().map_or(1, |span| 1 + text[..span.start.min(text.len())].matches('\n').count());
            LockError::Form { path: path.to_owned(), line, problem: error.message().to_owned() }
        };
        // Another version may have other fields: that it is another is what there is to say then.
        let table: toml::Table = toml::from_str(text).map_err(form)?;
        if let Some(found) = table.get("version").and_then(toml::Value::as_integer)
            && found != VERSION
        {
            return Err(LockError::Version { path: path.to_owned(), found });
        }
        let Form { servers, .. } = toml::from_str(text).map_err(form)?;
        Ok(Self { servers: servers.into_iter().map(|(name, table)| (name, table.read())).collect() })
    }

    /// Sets servers, or removes those without a value, in the file at `path`, which has `before` of them. Whoever else
    /// writes it waits meanwhile, and what they wrote of other servers stays.
    ///
    /// # Errors
    /// Where it has something else of these servers by now, or cannot be written. It is as it was then.
    pub(crate) fn change(
        path: &Path,
        before: &Self,
        changes: &BTreeMap<ServerName, Option<Locked>>,
    ) -> Result<(), LockError> {
        let unwritable = |source| LockError::Unwritable { path: path.to_owned(), source };
        let folder = path.parent().unwrap_or(Path::new("."));
        // The folder, as the file itself is replaced.
        let guard = File::open(folder).map_err(unwritable)?;
        guard.lock().map_err(unwritable)?;
        let mut lock = Self::read(path)?.unwrap_or_default();
        let is_other = |(name, change): (&ServerName, &Option<Locked>)| {
            let now = lock.servers.get(name);
            now != before.servers.get(name) && now != change.as_ref()
        };
        if changes.iter().any(is_other) {
            return Err(LockError::ChangedMeanwhile(path.to_owned()));
        }
        for (name, change) in changes {
            match change {
                Some(locked) => lock.servers.insert(name.clone(), locked.clone()),
                None => lock.servers.remove(name),
            };
        }
        let text = lock.to_string();
        if text.len() as u64 > MAX_BYTES {
            return Err(unwritable(io::Error::new(ErrorKind::FileTooLarge, "it would be larger than 16 MiB")));
        }
        let write = || {
            // It holds no secret, and others may want to read it, as they do the configuration.
            let mode = std::fs::metadata(path).map_or(0o644, |meta| meta.permissions().mode() & 0o777);
            let mut builder = tempfile::Builder::new();
            builder.prefix(".lockgate-").permissions(Permissions::from_mode(mode));
            let mut file = builder.tempfile_in(folder)?;
            file.write_all(text.as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(path)?;
            guard.sync_all()
        };
        write().map_err(unwritable)
    }
}

impl Table {
    fn read(self) -> Locked {
        let Self { source, host, manifest, digest, arguments, signers, unlocked, instructions, .. } = self;
        let lists = [
            (Kind::Tool, self.tools),
            (Kind::Prompt, self.prompts),
            (Kind::Resource, self.resources),
            (Kind::ResourceTemplate, self.resource_templates),
        ];
        let items = lists.into_iter().filter(|(_, items)| !items.is_empty()).collect();
        let origin = Origin { source, host, manifest, digest, arguments, signers, unlocked };
        Locked { origin, instructions, items }
    }
}

/// The text of the file.
impl std::fmt::Display for LockFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{HEAD}version = {VERSION}")?;
        for (name, Locked { origin, instructions, items }) in &self.servers {
            let Origin { source, host, manifest, digest, arguments, signers, unlocked } = origin;
            writeln!(f, "\n[servers.{name}]\nsource = {}", quoted(source))?;
            if let Some(host) = host {
                writeln!(f, "host = {}", quoted(host))?;
            }
            let digests =
                [("manifest", manifest), ("digest", digest), ("arguments", arguments), ("instructions", instructions)];
            for (key, digest) in digests {
                if let Some(digest) = digest {
                    writeln!(f, "{key} = \"{digest}\"")?;
                }
            }
            if !signers.is_empty() {
                writeln!(f, "signers = [{}]", Vec::from_iter(signers.iter().map(|name| quoted(name))).join(", "))?;
            }
            if !unlocked.is_empty() {
                let unlocked = unlocked.iter().map(|kind| quoted(kind.written()));
                writeln!(f, "unlocked = [{}]", Vec::from_iter(unlocked).join(", "))?;
            }
            for (kind, items) in items {
                writeln!(f, "\n[servers.{name}.{}]", kind.written())?;
                for (name, digest) in items {
                    writeln!(f, "{} = \"{digest}\"", quoted(name))?;
                }
            }
        }
        Ok(())
    }
}

/// A basic string (TOML 1.0, "String") without any character that a reader could not see, or that could be one of
/// another alphabet: a person compares these lines.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            ' '..='~' => quoted.push(c),
            // Writing to a String cannot fail.
            _ => drop(write!(quoted, "\\U{:08X}", u32::from(c))),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path() -> &'static Path {
        Path::new("lockgate.lock")
    }

    fn digest(text: &str) -> Digest {
        Digest::of(text.as_bytes())
    }

    fn locked(source: &str, tools: &[&str]) -> Locked {
        let origin = Origin {
            source: source.to_owned(),
            manifest: Some(digest("m")),
            signers: ["b", "a"].map(str::to_owned).into(),
            unlocked: [Kind::ResourceTemplate, Kind::Resource].into(),
            ..Origin::default()
        };
        let tools: BTreeMap<_, _> = tools.iter().map(|name| ((*name).to_owned(), digest(name))).collect();
        let items = BTreeMap::from([(Kind::Tool, tools)]).into_iter().filter(|(_, items)| !items.is_empty());
        Locked { origin, instructions: Some(digest("i")), items: items.collect() }
    }

    fn name(text: &str) -> ServerName {
        text.parse().unwrap()
    }

    #[test]
    fn a_lock_is_written_sorted_and_read_back() {
        let servers = BTreeMap::from([(name("z"), locked("z.wasm", &["b", "a"])), (name("a"), locked("x", &[]))]);
        let lock = LockFile { servers };
        let (a, b, i, m) = (digest("a"), digest("b"), digest("i"), digest("m"));
        let expected = format!(
            r#"{HEAD}version = 1

[servers.a]
source = "x"
manifest = "{m}"
instructions = "{i}"
signers = ["a", "b"]
unlocked = ["resources", "resource-templates"]

[servers.z]
source = "z.wasm"
manifest = "{m}"
instructions = "{i}"
signers = ["a", "b"]
unlocked = ["resources", "resource-templates"]

[servers.z.tools]
"a" = "{a}"
"b" = "{b}"
"#
        );
        assert_eq!(lock.to_string(), expected);
        assert_eq!(LockFile::parse(path(), &expected).unwrap(), lock);
    }

    #[test]
    fn what_is_not_understood_in_full_is_an_error_with_its_line() {
        let digest = digest("x");
        for (text, says) in [
            ("", "missing field `version`"),
            ("version = 2\nfuture = true", "is of version 2"),
            ("version = 0", "is of version 0"),
            ("version = \"1\"", "line 1: invalid type"),
            ("version = 1\nserver = {}", "line 2: unknown field `server`"),
            ("version = 1\n[servers.a]", "missing field `source`"),
            ("version = 1\n[servers.a]\nsource = \"x\"\ndigest = \"sha256:00\"", "line 4: a digest is"),
            ("version = 1\n[servers.a]\nsource = \"x\"\nextra = 1", "line 4: unknown field `extra`"),
            ("version = 1\n[servers.a]\nsource = \"x\"\n[servers.a]", "line 4: duplicate key"),
            ("version = 1\n[servers.A]\nsource = \"x\"", "a server's name has"),
            (
                &format!("version = 1\n[servers.a]\nsource = \"x\"\ntools = {{ a = \"{digest}\", a = \"{digest}\" }}"),
                "line 4: ",
            ),
            ("version = 1\n[servers.a]\nsource = \"x\"\nunlocked = [\"all\"]", "line 4: `all` is none of tools"),
            ("version = 1\n<<<<<<< ours", "line 2: "),
        ] {
            let error = LockFile::parse(path(), text).unwrap_err().to_string();
            assert!(error.contains(says), "{text}\n{error}");
        }
    }

    #[test]
    fn changes_touch_no_other_server_and_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(LOCK_FILE);
        let read = || LockFile::read(&path).unwrap();
        let set = |before: &LockFile, server: &str, locked: Option<Locked>| {
            LockFile::change(&path, before, &BTreeMap::from([(name(server), locked)]))
        };
        assert_eq!(read(), None);
        let empty = LockFile::default();
        set(&empty, "a", Some(locked("a", &["x"]))).unwrap();
        // Another process did not see that.
        set(&empty, "b", Some(locked("b", &[]))).unwrap();
        assert_eq!(read().unwrap().servers.len(), 2);
        assert!(matches!(set(&empty, "a", Some(locked("a", &[]))), Err(LockError::ChangedMeanwhile(_))));
        // That it accepted the same does no harm.
        set(&empty, "a", Some(locked("a", &["x"]))).unwrap();
        let before = read().unwrap();
        set(&before, "a", None).unwrap();
        assert_eq!(read().unwrap().servers.into_keys().collect::<Vec<_>>(), [name("b")]);
        std::fs::write(&path, "version = 1\nbroken").unwrap();
        assert!(set(&before, "b", None).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "version = 1\nbroken");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_lock_that_could_not_be_read_again_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(LOCK_FILE);
        let huge = locked("a", &[&"x".repeat(17 << 20)]);
        let written = LockFile::change(&path, &LockFile::default(), &BTreeMap::from([(name("a"), Some(huge))]));
        assert!(matches!(written, Err(LockError::Unwritable { .. })));
        assert!(!path.exists());
    }

    #[test]
    fn a_mode_that_a_person_chose_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(LOCK_FILE);
        let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        let change = || LockFile::change(&path, &LockFile::default(), &BTreeMap::new()).unwrap();
        change();
        assert_eq!(mode() & 0o600, 0o600);
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        change();
        assert_eq!(mode(), 0o600);
    }

    proptest::proptest! {
        #[test]
        fn any_name_of_a_tool_is_read_back(tools in proptest::collection::btree_set(".{0,12}", 0..4), source in ".{0,20}") {
            let tools: Vec<&str> = tools.iter().map(String::as_str).collect();
            let lock = LockFile { servers: BTreeMap::from([(name("a"), locked(&source, &tools))]) };
            let text = lock.to_string();
            proptest::prop_assert!(text.is_ascii());
            proptest::prop_assert_eq!(LockFile::parse(path(), &text).unwrap(), lock);
        }

        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in "(version = 1\n)?\\PC{0,100}") {
            let _ = LockFile::parse(path(), &text);
        }
    }
}
