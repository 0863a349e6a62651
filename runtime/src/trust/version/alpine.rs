//! Alpine's versions: `N(.N)*[a-z](_SUFFIX[N])*[~HASH][-rN]` (apk-tools, `version.c`).

use std::cmp::Ordering;

use super::debian::compare_numbers;

/// A version, in parts.
#[derive(Debug)]
pub(super) struct Version<'a> {
    numbers: Vec<&'a str>,
    letter: Option<u8>,
    suffixes: Vec<(Suffix, &'a str)>,
    /// The commit that it was made of.
    hash: &'a str,
    revision: &'a str,
}

/// What follows a version: some come before it, some after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Suffix {
    Alpha,
    Beta,
    Pre,
    Rc,
    None,
    Cvs,
    Svn,
    Git,
    Hg,
    P,
}

const SUFFIXES: [(&str, Suffix); 9] = [
    ("alpha", Suffix::Alpha),
    ("beta", Suffix::Beta),
    ("pre", Suffix::Pre),
    ("rc", Suffix::Rc),
    ("cvs", Suffix::Cvs),
    ("svn", Suffix::Svn),
    ("git", Suffix::Git),
    ("hg", Suffix::Hg),
    ("p", Suffix::P),
];

impl<'a> Version<'a> {
    /// Reads one; nothing where it is none.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        let (rest, revision) = match text.rsplit_once("-r") {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (text, ""),
        };
        let (rest, hash) = match rest.split_once('~') {
            Some((rest, hash)) if !hash.is_empty() && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => (rest, hash),
            Some(_) => return None,
            None => (rest, ""),
        };
        let mut parts = rest.split('_');
        let numbers = parts.next()?;
        let (numbers, letter) = match numbers.as_bytes().split_last() {
            Some((letter @ b'a'..=b'z', before)) => (&numbers[..before.len()], Some(*letter)),
            _ => (numbers, None),
        };
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let numbers: Vec<&str> = numbers.split('.').collect();
        if numbers.iter().any(|number| number.is_empty() || !is_number(number)) || !is_number(revision) {
            return None;
        }
        let suffix = |text: &'a str| {
            let (name, number) = text.split_at(text.find(|c: char| c.is_ascii_digit()).unwrap_or(text.len()));
            let (_, suffix) = SUFFIXES.into_iter().find(|(known, _)| *known == name)?;
            is_number(number).then_some((suffix, number))
        };
        Some(Self { numbers, letter, suffixes: parts.map(suffix).collect::<Option<_>>()?, hash, revision })
    }
}

impl Version<'_> {
    /// Which of the two comes first.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        self.compare_release(other)
            .then_with(|| self.letter.cmp(&other.letter))
            .then_with(|| self.compare_suffixes(other))
            .then_with(|| self.hash.cmp(other.hash))
            .then_with(|| compare_numbers(self.revision, other.revision))
    }

    /// After the first number, one that starts with 0 is compared as the digits of a fraction are.
    fn compare_release(&self, other: &Self) -> Ordering {
        for (place, (one, other)) in self.numbers.iter().zip(&other.numbers).enumerate() {
            let is_fraction = place > 0 && (one.starts_with('0') || other.starts_with('0'));
            let ordering = if is_fraction { one.cmp(other) } else { compare_numbers(one, other) };
            if ordering != Ordering::Equal {
                return ordering;
            }
        }
        self.numbers.len().cmp(&other.numbers.len())
    }

    fn compare_suffixes(&self, other: &Self) -> Ordering {
        let at = |version: &Self, place: usize| version.suffixes.get(place).copied().unwrap_or((Suffix::None, ""));
        for place in 0..self.suffixes.len().max(other.suffixes.len()) {
            let ((one, number), (other, other_number)) = (at(self, place), at(other, place));
            let ordering = one.cmp(&other).then_with(|| compare_numbers(number, other_number));
            if ordering != Ordering::Equal {
                return ordering;
            }
        }
        Ordering::Equal
    }
}
