//! Python's versions: `[N!]N(.N)*[{a|b|rc}N][.postN][.devN][+LOCAL]`, in any of their spellings (PEP 440).

/// A version in the parts by which it is ordered.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    epoch: u64,
    /// Without zeros at the end, which say nothing.
    release: Vec<u64>,
    pre: Pre,
    /// None comes first.
    post: Option<u64>,
    dev: Dev,
    local: Vec<Local>,
}

/// Whether it is a release yet. `1.0.dev1` comes before `1.0a1`.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Pre {
    DevelopmentOnly,
    Before(Kind, u64),
    Released,
}

/// What comes before a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Alpha,
    Beta,
    Candidate,
}

/// A development version comes before what it develops into.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Dev {
    Number(u64),
    Finished,
}

/// A part of a local version: words come before numbers.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Local {
    Word(String),
    Number(u64),
}

impl Version {
    /// Reads one; nothing where it is none.
    pub(super) fn read(text: &str) -> Option<Self> {
        let lower = text.trim().to_ascii_lowercase();
        let (public, local) = match lower.split_once('+') {
            Some((public, local)) => (public, read_local(local)?),
            None => (lower.as_str(), Vec::new()),
        };
        let mut rest = public.strip_prefix('v').unwrap_or(public);
        let mut epoch = 0;
        if let Some((number, after)) = rest.split_once('!') {
            (epoch, rest) = (number.parse().ok()?, after);
        }
        let mut release = vec![number(&mut rest)?];
        while let Some(mut after) = rest.strip_prefix('.')
            && let Some(next) = number(&mut after)
        {
            release.push(next);
            rest = after;
        }
        while release.last() == Some(&0) {
            release.pop();
        }
        let pre_names = [
            ("alpha", Kind::Alpha),
            ("a", Kind::Alpha),
            ("beta", Kind::Beta),
            ("b", Kind::Beta),
            ("preview", Kind::Candidate),
            ("pre", Kind::Candidate),
            ("rc", Kind::Candidate),
            ("c", Kind::Candidate),
        ];
        let pre = pre_names.iter().find_map(|(name, kind)| Some(Pre::Before(*kind, named(&mut rest, name)?)));
        // `1.0-1` is a post release as well.
        let mut implicit = rest.strip_prefix('-');
        let post = match implicit.as_mut().and_then(number) {
            Some(post) => {
                rest = implicit.unwrap_or_default();
                Some(post)
            }
            None => ["post", "rev", "r"].iter().find_map(|name| named(&mut rest, name)),
        };
        let dev = named(&mut rest, "dev");
        let pre = match (pre, post, dev) {
            (Some(pre), _, _) => pre,
            (None, None, Some(_)) => Pre::DevelopmentOnly,
            _ => Pre::Released,
        };
        rest.is_empty().then_some(Self {
            epoch,
            release,
            pre,
            post,
            dev: dev.map_or(Dev::Finished, Dev::Number),
            local,
        })
    }
}

/// Takes the number at the start.
fn number(text: &mut &str) -> Option<u64> {
    let (digits, rest) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let number = digits.parse().ok()?;
    *text = rest;
    Some(number)
}

/// Takes a name and its number, which is 0 where there is none: `.post2`, `-rc.1`, `a`.
fn named(text: &mut &str, name: &str) -> Option<u64> {
    let after = text.strip_prefix(['.', '-', '_']).unwrap_or(text).strip_prefix(name)?;
    let mut digits = after.strip_prefix(['.', '-', '_']).unwrap_or(after);
    if let Some(number) = number(&mut digits) {
        *text = digits;
        return Some(number);
    }
    *text = after;
    Some(0)
}

fn read_local(text: &str) -> Option<Vec<Local>> {
    let part = |part: &str| {
        let is_word = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let is_number = part.bytes().all(|byte| byte.is_ascii_digit());
        match (is_word, is_number) {
            (true, true) => part.parse().ok().map(Local::Number),
            (true, false) => Some(Local::Word(part.to_owned())),
            (false, _) => None,
        }
    };
    text.split(['.', '-', '_']).map(part).collect()
}
