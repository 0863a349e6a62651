//! Words of a stranger.

use std::fmt::Write;

/// A string that a stranger wrote: a tool's text, a log line, a name in a certificate. It has no `Display`; whoever
/// shows it picks the escaper of the place it is shown at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Untrusted(String);

impl Untrusted {
    /// Marks a stranger's words.
    pub fn new(words: impl Into<String>) -> Self {
        Self(words.into())
    }

    /// One line for a terminal or a log: control characters, and the invisible ones that reorder or hide text, are
    /// written as `\u{…}`; what is longer than `max_chars` ends in `…`.
    pub fn to_line(&self, max_chars: usize) -> String {
        escaped(&self.0, max_chars, |_| false)
    }

    /// As [`to_line`](Self::to_line), with line breaks and tabs kept.
    pub fn to_lines(&self, max_chars: usize) -> String {
        escaped(&self.0, max_chars, |c| c == '\n' || c == '\t')
    }

    /// The words as they are, for a sink that frames them itself, as a JSON string does.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

fn escaped(words: &str, max_chars: usize, keep: impl Fn(char) -> bool) -> String {
    let mut line = String::with_capacity(words.len().min(max_chars));
    for (count, c) in words.chars().enumerate() {
        if count == max_chars {
            line.push('…');
            break;
        }
        if !keep(c) && (c.is_control() || hides_or_reorders(c)) {
            // Writing to a String cannot fail.
            let _ = write!(line, "\\u{{{:x}}}", u32::from(c));
        } else {
            line.push(c);
        }
    }
    line
}

/// Characters that change how their neighbours read without being seen (Unicode UAX #9, UTS #39, tag characters).
fn hides_or_reorders(c: char) -> bool {
    matches!(u32::from(c),
        0x00ad | 0x034f | 0x061c | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f
        | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0x3164 | 0xfe00..=0xfe0f | 0xfeff | 0xffa0
        | 0xfff0..=0xfffb | 0x1d173..=0x1d17a | 0xe0000..=0xe0fff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_gets_no_escape_sequence_and_no_second_line() {
        let words = Untrusted::new("ok\u{1b}[2J\nroot# \u{202e}txt.exe");
        assert_eq!(words.to_line(80), "ok\\u{1b}[2J\\u{a}root# \\u{202e}txt.exe");
    }

    #[test]
    fn long_words_are_cut() {
        assert_eq!(Untrusted::new("äöü").to_line(2), "äö…");
        assert_eq!(Untrusted::new("äö").to_line(2), "äö");
    }

    proptest::proptest! {
        #[test]
        fn no_control_character_survives(words in "\\PC*|.*") {
            let line = Untrusted::new(words).to_line(usize::MAX);
            proptest::prop_assert!(!line.chars().any(|c| c.is_control() || hides_or_reorders(c)));
        }
    }
}
