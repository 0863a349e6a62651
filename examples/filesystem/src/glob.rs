//! Patterns of paths, as `minimatch` with `dot: true` understands them: braces, `**`, `*`, `?`, `[…]`, `!`, and `+(a|b)`.

mod braces;
mod portion;

use crate::glob::portion::Portion;

/// A pattern, ready to match.
#[derive(Debug)]
pub(crate) struct Glob {
    /// What one of which has to match; nothing at all does where there is none.
    alternatives: Vec<Vec<Part>>,
    negated: bool,
}

/// What stands between two slashes.
#[derive(Debug)]
enum Part {
    /// `**`: any number of folders.
    Globstar,
    One(Portion),
}

/// The longest pattern, in bytes; the reference's bound.
const MAX_PATTERN: usize = 64 << 10;

impl Glob {
    /// Reads a pattern. Every text is one.
    ///
    /// # Errors
    /// Where it is longer than 64 KiB.
    pub(crate) fn new(pattern: &str) -> Result<Self, String> {
        if pattern.len() > MAX_PATTERN {
            return Err("pattern is too long".to_owned());
        }
        if pattern.starts_with('#') {
            return Ok(Self { alternatives: Vec::new(), negated: false });
        }
        let bare = pattern.trim_start_matches('!');
        let mut expanded = braces::expand(bare);
        expanded.sort();
        expanded.dedup();
        let alternatives = expanded.iter().map(|text| parts(text)).collect();
        Ok(Self { alternatives, negated: (pattern.len() - bare.len()) % 2 == 1 })
    }

    /// Whether a relative path matches: names with slashes between them.
    pub(crate) fn matches(&self, path: &str) -> bool {
        let names = split(path);
        self.alternatives.iter().any(|parts| all_match(parts, &names)) != self.negated
    }
}

/// The portions of a pattern, without `name/..` and repeated `**`.
fn parts(pattern: &str) -> Vec<Part> {
    let mut kept: Vec<&str> = Vec::new();
    for part in split(pattern) {
        match (part, kept.last()) {
            ("**", Some(&"**")) => {}
            ("..", Some(last)) if !["", "..", ".", "**"].contains(last) => {
                kept.pop();
            }
            _ => kept.push(part),
        }
    }
    if kept.is_empty() {
        kept.push("");
    }
    kept.into_iter().map(|part| if part == "**" { Part::Globstar } else { Part::One(Portion::new(part)) }).collect()
}

/// Splits at slashes; several count as one.
fn split(text: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = text.split('/').collect();
    let last = parts.len() - 1;
    let mut place = 0;
    parts.retain(|part| {
        place += 1;
        !part.is_empty() || place == 1 || place == last + 1
    });
    parts
}

fn all_match(parts: &[Part], names: &[&str]) -> bool {
    let Some(first) = parts.iter().position(|part| matches!(part, Part::Globstar)) else {
        return parts.len() == names.len() && one_by_one(parts, names);
    };
    let (head, rest) = parts.split_at(first);
    if names.len() < head.len() || !one_by_one(head, names) {
        return false;
    }
    let mut names = &names[head.len()..];
    // Between two `**` a section may stand anywhere; taking the first place leaves most for those after it.
    let mut sections: Vec<&[Part]> = rest[1..].split(|part| matches!(part, Part::Globstar)).collect();
    let tail = sections.pop().unwrap_or_default();
    for section in sections {
        let Some(place) = (0..=names.len().saturating_sub(section.len()))
            .find(|place| names.len() >= section.len() && one_by_one(section, &names[*place..]))
        else {
            return false;
        };
        names = &names[place + section.len()..];
    }
    // A `**` at the end stands for something.
    if tail.is_empty() {
        return !names.is_empty();
    }
    names.len() >= tail.len() && one_by_one(tail, &names[names.len() - tail.len()..])
}

/// Whether the first names match, each its part.
fn one_by_one(parts: &[Part], names: &[&str]) -> bool {
    parts.iter().zip(names).all(|(part, name)| match part {
        Part::Globstar => true,
        Part::One(portion) => portion.matches(name),
    })
}

#[cfg(test)]
mod tests;
