//! Debian's versions: `[EPOCH:]UPSTREAM[-REVISION]` (Debian Policy, §5.6.12).

use std::cmp::Ordering;

/// A version, in parts.
#[derive(Debug)]
pub(super) struct Version<'a> {
    epoch: u32,
    upstream: &'a str,
    revision: &'a str,
}

impl<'a> Version<'a> {
    /// Reads one; nothing where it is none.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        let (epoch, rest) = match text.split_once(':') {
            Some((epoch, rest)) if epoch.bytes().all(|byte| byte.is_ascii_digit()) => (epoch.parse().ok()?, rest),
            Some(_) => return None,
            None => (0, text),
        };
        let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
        let is_well_formed = |text: &str, others: &str| {
            text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '~') || others.contains(c))
        };
        let starts_well = upstream.starts_with(|c: char| c.is_ascii_digit());
        (starts_well && is_well_formed(upstream, "-:") && is_well_formed(revision, "_")).then_some(Self {
            epoch,
            upstream,
            revision,
        })
    }
}

impl Version<'_> {
    /// Which of the two comes first.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        let parts = || compare_part(self.upstream, other.upstream);
        self.epoch.cmp(&other.epoch).then_with(parts).then_with(|| compare_part(self.revision, other.revision))
    }
}

/// Compares what is no number character by character, then a number by its value, and so on.
fn compare_part(mut one: &str, mut other: &str) -> Ordering {
    while !one.is_empty() || !other.is_empty() {
        let (words, other_words) = (take(&mut one, |c| !c.is_ascii_digit()), take(&mut other, |c| !c.is_ascii_digit()));
        let (number, other_number) = (take(&mut one, |c| c.is_ascii_digit()), take(&mut other, |c| c.is_ascii_digit()));
        let ordering = compare_words(words, other_words).then_with(|| compare_numbers(number, other_number));
        if ordering != Ordering::Equal {
            return ordering;
        }
    }
    Ordering::Equal
}

fn take<'a>(text: &mut &'a str, is_part: impl Fn(char) -> bool) -> &'a str {
    let (part, rest) = text.split_at(text.find(|c| !is_part(c)).unwrap_or(text.len()));
    *text = rest;
    part
}

/// `~` comes before the end, the end before letters, and letters before all else.
fn compare_words(one: &str, other: &str) -> Ordering {
    let weight = |c: char| match c {
        '~' => 0,
        'a'..='z' | 'A'..='Z' => u32::from(c) + 1,
        _ => u32::from(c) + 256,
    };
    let weights = |text: &str| -> Vec<u32> { text.chars().map(weight).chain([1]).collect() };
    weights(one).cmp(&weights(other))
}

/// Numbers of any length, by their value.
pub(super) fn compare_numbers(one: &str, other: &str) -> Ordering {
    let (one, other) = (one.trim_start_matches('0'), other.trim_start_matches('0'));
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}
