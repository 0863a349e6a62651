//! Words of a stranger.

use std::fmt::Write;

/// A string that a stranger wrote: a tool's text, a log line, a name in a certificate. It has no `Display`; whoever
/// shows it picks the escaper of the place it is shown at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

    /// JSON text for a terminal: what [`to_line`](Self::to_line) escapes is written as JSON escapes it (RFC 8259, §7), so
    /// that it stays the same JSON. Line breaks and tabs are kept: in JSON they stand between values alone.
    pub fn to_json_lines(&self) -> String {
        let mut text = String::with_capacity(self.0.len());
        for c in self.0.chars() {
            if c != '\n' && c != '\t' && (c.is_control() || hides_or_reorders(c)) {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Writing to a String cannot fail.
                    let _ = write!(text, "\\u{unit:04x}");
                }
            } else {
                text.push(c);
            }
        }
        text
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

/// Whether a terminal shows all of a text, as one line and in its order.
pub(crate) fn is_plain(text: &str) -> bool {
    !text.chars().any(|c| c.is_control() || hides_or_reorders(c))
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
    fn json_for_a_terminal_stays_the_same_json() {
        let text = "{\n  \"a\": \"\u{9b}2J\u{202e}\u{e0041}\"\n}";
        let shown = Untrusted::new(text).to_json_lines();
        assert_eq!(shown, "{\n  \"a\": \"\\u009b2J\\u202e\\udb40\\udc41\"\n}");
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(read(&shown), read(text));
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
