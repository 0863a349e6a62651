//! What a command did, as text that is the same in every run.

use std::ffi::OsStr;

use super::Ended;

/// Texts that differ from run to run, and what is written instead. The longest goes first.
#[derive(Debug, Clone, Default)]
pub(super) struct Names(Vec<(String, String)>);

impl Names {
    pub(super) fn add(&mut self, text: &OsStr, name: &str) {
        let text = text.to_string_lossy().into_owned();
        if !text.is_empty() {
            self.0.push((text, name.to_owned()));
            self.0.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
        }
    }

    fn apply(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (found, name)| text.replace(found.as_str(), name))
    }
}

/// The command, how it ended, and what it wrote.
pub(super) fn transcript(ended: &Ended, shown: &str, names: &Names) -> String {
    let mut text = format!("{shown}\n");
    for (stream, written) in [("1> ", &ended.stdout), ("2> ", &ended.stderr)] {
        for line in written.lines() {
            text.push_str(format!("{stream}{}", visible(line)).trim_end());
            text.push('\n');
        }
    }
    match (ended.code, ended.signal) {
        (Some(code), _) => text.push_str(&format!("exit {code}\n")),
        (None, signal) => text.push_str(&format!("ended by signal {signal:?}\n")),
    }
    sizes(&digests(&temporary(&times(&names.apply(&text)))))
}

/// When something was judged.
fn times(text: &str) -> String {
    const AT: &str = "1> at        ";
    text.split_inclusive('\n')
        .map(|line| if line.starts_with(AT) { format!("{AT}TIME\n") } else { line.into() })
        .collect()
}

/// Control characters written out, so that snapshots are plain text.
fn visible(line: &str) -> String {
    line.chars().map(|c| if c.is_control() { c.escape_unicode().to_string() } else { c.to_string() }).collect()
}

/// The random end of a temporary file's name.
fn temporary(text: &str) -> String {
    ["/.key", "/.code"].iter().fold(text.to_owned(), |text, prefix| {
        let mut parts = text.split(prefix);
        let first = parts.next().unwrap_or_default().to_owned();
        let cut = |part: &str| format!("{prefix}…{}", part.trim_start_matches(|c: char| c.is_ascii_alphanumeric()));
        parts.fold(first, |text, part| text + &cut(part))
    })
}

/// Guests are built anew on every machine, so their digests differ.
fn digests(text: &str) -> String {
    let mut parts = text.split("sha256:");
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        result.push_str("sha256:…");
        result.push_str(part.trim_start_matches(|c: char| c.is_ascii_hexdigit()));
    }
    result
}

/// And so do their sizes: numbers before ` bytes` and ` kB`.
fn sizes(text: &str) -> String {
    let mut result = text.to_owned();
    for unit in [" bytes", " kB"] {
        let mut parts = result.split(unit);
        let mut replaced = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let number = replaced.len() - replaced.chars().rev().take_while(char::is_ascii_digit).count();
            if number < replaced.len() {
                replaced.truncate(number);
                replaced.push('…');
            }
            replaced.push_str(unit);
            replaced.push_str(part);
        }
        result = replaced;
    }
    result
}
