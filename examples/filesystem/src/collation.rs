//! The order of names for people, near to `localeCompare`: letters without regard to accents, then case.

use std::cmp::Ordering;

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Punctuation in the order of the Unicode Collation Algorithm's root table.
const PUNCTUATION: &str = "_-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$";

/// Compares two names: first by their characters, then by accents, then small letters before capitals.
pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    let letters = |text: &str| text.nfd().filter(|c| !is_combining_mark(*c)).map(weight).collect::<Vec<_>>();
    let accents = |text: &str| text.nfd().filter(|c| is_combining_mark(*c)).collect::<Vec<_>>();
    let capitals = |text: &str| text.chars().map(char::is_uppercase).collect::<Vec<_>>();
    letters(a).cmp(&letters(b)).then_with(|| accents(a).cmp(&accents(b))).then_with(|| capitals(a).cmp(&capitals(b)))
}

/// Spaces, punctuation, digits, letters.
fn weight(c: char) -> (u8, u32) {
    match c {
        c if c.is_whitespace() => (0, u32::from(c)),
        c if c.is_numeric() => (2, u32::from(c)),
        c if c.is_alphabetic() => (3, c.to_lowercase().next().map_or(0, u32::from)),
        c => match PUNCTUATION.chars().position(|known| known == c) {
            Some(place) => (1, place as u32),
            None => (1, u32::from(c) + 100),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_as_people_expect_them() {
        let expected = [
            " x", "_a", "-a", ".a", "(a)", "$a", "1", "10", "2", "a", "A", "á", "ä", "ab", "Ab", "b", "B.txt", "ba",
            "Zoo", "zoo2", "я", "日",
        ];
        let mut names = expected;
        names.reverse();
        names.sort_by(|a, b| compare(a, b));
        assert_eq!(names, expected);
    }
}
