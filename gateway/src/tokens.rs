//! Who may come in by HTTP: the file `tokens`, which a person writes, and which says whose each token is.

use std::collections::BTreeSet;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lockgate_runtime::Principal;
use rustix::fs::{OFlags, RenameFlags, renameat_with};
use rustix::rand::{GetRandomFlags, getrandom};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

/// The bytes of a token that is made here.
const NEW_TOKEN: usize = 32;

/// How long a token is, in characters: no shorter one is hard to guess.
const LENGTH: std::ops::RangeInclusive<usize> = 32..=512;

/// The most bytes of the file.
const MAX_FILE: u64 = 1 << 20;

/// Who is let in.
#[derive(Debug)]
pub(crate) enum Access {
    /// Everybody, as the person at this machine.
    Anybody {
        /// Who that is.
        principals: BTreeSet<Principal>,
    },
    /// Those who have a token.
    Tokens(Tokens),
}

/// All tokens, and whose they are.
pub(crate) struct Tokens {
    tokens: Vec<(String, usize)>,
    owners: Vec<Principal>,
    principals: BTreeSet<Principal>,
}

/// Why there are no tokens.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokensError {
    /// The file cannot be read.
    #[error("the tokens in {} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file cannot be made.
    #[error("the file {} for tokens cannot be made", path.display())]
    Make {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody else could read or change it.
    #[error("others than its owner may use {}; make new tokens, and allow it to its owner alone: chmod 600", .0.display())]
    NotPrivate(PathBuf),
    /// A line is not of its form.
    #[error("{}, line {line}: {reason}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        reason: InvalidLine,
    },
    /// Nobody could come in.
    #[error("{} has no tokens; remove it, and the next start makes one", .0.display())]
    Empty(PathBuf),
}

/// What is wrong with a line.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum InvalidLine {
    #[error("a line is PRINCIPAL TOKEN, or begins with #")]
    Form,
    #[error("a principal's name has 1 to 64 of the characters A-Z a-z 0-9 . _ - @")]
    Principal,
    #[error("a token has {} to {} characters; make one with: head -c 32 /dev/urandom | base64 -w0", LENGTH.start(), LENGTH.end())]
    Length,
    #[error("a token has the characters A-Z a-z 0-9 - . _ ~ + / and = at its end")]
    Characters,
    #[error("this token is there already")]
    Twice,
}

/// Whether the tokens were there, or have just been made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// A person wrote them, or an earlier start did.
    There,
    /// There were none.
    Made,
}

impl Access {
    /// Everybody on this machine.
    pub(crate) fn anybody() -> Self {
        Self::Anybody { principals: BTreeSet::from([Principal::local()]) }
    }

    /// Whoever may come in.
    pub(crate) fn principals(&self) -> &BTreeSet<Principal> {
        match self {
            Self::Anybody { principals } => principals,
            Self::Tokens(tokens) => &tokens.principals,
        }
    }
}

impl Tokens {
    /// Reads the file at `path`. Where there is none, makes it, with a token for the person at this machine. Two
    /// processes that do so at the same time end up with the same.
    ///
    /// # Errors
    /// See [`TokensError`].
    pub(crate) fn read_or_make(path: &Path) -> Result<(Self, Found), TokensError> {
        if let Some(text) = read(path)? {
            return Ok((Self::parse(&text, path)?, Found::There));
        }
        let found = make(path).map_err(|source| TokensError::Make { path: path.to_owned(), source })?;
        let text = read(path)?.unwrap_or_default();
        Ok((Self::parse(&text, path)?, found))
    }

    fn parse(text: &str, path: &Path) -> Result<Self, TokensError> {
        let mut tokens = Self { tokens: Vec::new(), owners: Vec::new(), principals: BTreeSet::new() };
        for (number, line) in text.lines().enumerate() {
            let line_error = |reason| TokensError::Line { path: path.to_owned(), line: number + 1, reason };
            tokens.add(line.trim_matches([' ', '\t'])).map_err(line_error)?;
        }
        if tokens.tokens.is_empty() { Err(TokensError::Empty(path.to_owned())) } else { Ok(tokens) }
    }

    fn add(&mut self, line: &str) -> Result<(), InvalidLine> {
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        let mut words = line.split([' ', '\t']).filter(|word| !word.is_empty());
        let (Some(name), Some(token), None) = (words.next(), words.next(), words.next()) else {
            return Err(InvalidLine::Form);
        };
        let principal = Principal::named(name).map_err(|_| InvalidLine::Principal)?;
        if !LENGTH.contains(&token.len()) {
            return Err(InvalidLine::Length);
        }
        // RFC 6750, §2.1.
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
        if !token.trim_end_matches('=').bytes().all(allowed) {
            return Err(InvalidLine::Characters);
        }
        if self.tokens.iter().any(|(known, _)| known == token) {
            return Err(InvalidLine::Twice);
        }
        self.tokens.push((token.to_owned(), self.owners.len()));
        self.owners.push(principal.clone());
        self.principals.insert(principal);
        Ok(())
    }

    /// Whose this token is. It is compared with all of them, each in constant time, so that how long it takes says
    /// nothing of how much of it is right.
    pub(crate) fn principal(&self, given: &[u8]) -> Option<Principal> {
        let (mut found, mut owner) = (Choice::from(0), 0_u64);
        for (token, index) in &self.tokens {
            let same = token.as_bytes().ct_eq(given);
            owner.conditional_assign(&(*index as u64), same);
            found |= same;
        }
        let owner = usize::try_from(owner).ok()?;
        if found.into() { self.owners.get(owner).cloned() } else { None }
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("owners", &self.owners).finish_non_exhaustive()
    }
}

/// The text of the file; nothing where there is none.
fn read(path: &Path) -> Result<Option<String>, TokensError> {
    let failed = |source| TokensError::Read { path: path.to_owned(), source };
    let mut options = OpenOptions::new();
    // A FIFO in its place is not waited for.
    let opened = options.read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let meta = file.metadata().map_err(failed)?;
    let is_private = meta.is_file() && meta.mode() & 0o077 == 0 && meta.uid() == rustix::process::geteuid().as_raw();
    if !is_private {
        return Err(TokensError::NotPrivate(path.to_owned()));
    }
    if meta.len() > MAX_FILE {
        return Err(failed(io::Error::other("it is larger than 1 MiB")));
    }
    let mut text = String::new();
    file.take(MAX_FILE).read_to_string(&mut text).map_err(failed)?;
    Ok(Some(text))
}

/// Writes beside the place and renames, so that nobody ever reads half a file.
fn make(path: &Path) -> io::Result<Found> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut random = [0; NEW_TOKEN];
    // The system gives up to 256 bytes whole (getrandom(2)).
    getrandom(&mut random, GetRandomFlags::empty())?;
    let token = URL_SAFE_NO_PAD.encode(random);
    let beside = folder.join(format!(".tokens-{}", &URL_SAFE_NO_PAD.encode(random_name()?)));
    let written = write_new(&beside, &token);
    let placed = written
        .and_then(|()| Ok(renameat_with(rustix::fs::CWD, &beside, rustix::fs::CWD, path, RenameFlags::NOREPLACE)?));
    match placed {
        Ok(()) => Ok(Found::Made),
        Err(error) => {
            // It holds a token that nobody uses.
            let _ = std::fs::remove_file(&beside);
            if error.kind() == ErrorKind::AlreadyExists { Ok(Found::There) } else { Err(error) }
        }
    }
}

fn random_name() -> io::Result<[u8; 12]> {
    let mut name = [0; 12];
    getrandom(&mut name, GetRandomFlags::empty())?;
    Ok(name)
}

fn write_new(path: &Path, token: &str) -> io::Result<()> {
    let mut file: File = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "# Who may use this gateway over HTTP: one PRINCIPAL TOKEN a line. Read when the gateway starts.")?;
    writeln!(file, "local {token}")?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb+/-._~==";

    fn parse(text: &str) -> Result<Tokens, String> {
        Tokens::parse(text, Path::new("/t")).map_err(|error| error.to_string())
    }

    #[test]
    fn tokens_say_who_somebody_is() {
        let tokens =
            parse(&format!("# all of us\n\nlocal {A}\n \tann@x.example\t {B} \r\nann@x.example {A}2\n")).unwrap();
        let whose = |token: &str| tokens.principal(token.as_bytes()).map(|principal| principal.to_string());
        assert_eq!(whose(A).as_deref(), Some("local"));
        assert_eq!(whose(&format!("{A}2")).as_deref(), Some("ann@x.example"));
        for other in ["", "a", &A[1..], &format!("{A}a"), "local", &A.to_uppercase()] {
            assert_eq!(whose(other), None, "{other}");
        }
        assert_eq!(tokens.principals.len(), 2);
    }

    #[test]
    fn a_line_that_is_not_right_is_named() {
        for (line, reason) in [
            ("local", InvalidLine::Form),
            (A, InvalidLine::Form),
            (&*format!("local {A} # mine"), InvalidLine::Form),
            (&*format!("lo/cal {A}"), InvalidLine::Principal),
            ("local short", InvalidLine::Length),
            (&*format!("local {}", "x".repeat(513)), InvalidLine::Length),
            (&*format!("local {A}é"), InvalidLine::Characters),
            (&*format!("local {A}=a"), InvalidLine::Characters),
            (&*format!("local \"{A}\""), InvalidLine::Characters),
            (&*format!("other {B}"), InvalidLine::Twice),
        ] {
            let error = parse(&format!("local {B}\n{line}\n")).unwrap_err();
            assert_eq!(error, format!("/t, line 2: {reason}"), "{line}");
            assert!(!error.contains(A), "{error}");
        }
        assert!(parse("# nobody\n").unwrap_err().contains("has no tokens"));
    }

    #[test]
    fn the_first_start_makes_a_token_that_later_ones_find() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config/tokens");
        let (made, found) = Tokens::read_or_make(&path).unwrap();
        assert_eq!(found, Found::Made);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        let (there, found) = Tokens::read_or_make(&path).unwrap();
        assert_eq!((found, &there.tokens), (Found::There, &made.tokens));
        let token = &made.tokens[0].0;
        assert_eq!(token.len(), 43);
        assert_eq!(made.principal(token.as_bytes()), Some(Principal::local()));
        assert!(!format!("{made:?}").contains(token.as_str()));
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        fs::write(&path, format!("local {A}\n")).unwrap();
        for mode in [0o644, 0o640, 0o604, 0o620, 0o610] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(matches!(Tokens::read_or_make(&path), Err(TokensError::NotPrivate(_))), "{mode:o}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(Tokens::read_or_make(&path).is_ok());
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(Tokens::read_or_make(&path).is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in "(.{0,40}\n){0,4}", token in "[a-z=# ]{0,40}") {
            let _ = parse(&text);
            let _ = parse(&format!("local {token}"));
        }
    }
}
