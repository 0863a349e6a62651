//! Replaces parts of a text.

use guest::js;

use crate::diff;

/// What is to be replaced by what.
#[derive(Debug)]
pub(crate) struct Edit<'a> {
    pub(crate) old: &'a str,
    pub(crate) new: &'a str,
}

/// Applies edits one after the other, with line ends as on Unix.
///
/// An edit replaces the first place that is exactly so, or else the first one that is so but for the spaces around its
/// lines; then the indentation of the place is kept.
///
/// # Errors
/// Where there is no such place.
pub(crate) fn apply(text: &str, edits: &[Edit<'_>]) -> Result<String, String> {
    let mut text = unix_lines(text);
    for edit in edits {
        let (old, new) = (unix_lines(edit.old), unix_lines(edit.new));
        text = if text.contains(&old) {
            text.replacen(&old, &new, 1)
        } else {
            but_for_spaces(&text, &old, &new)
                .ok_or_else(|| format!("Could not find exact match for edit:\n{}", edit.old))?
        };
    }
    Ok(text)
}

/// The change as a block of Markdown.
pub(crate) fn shown(path: &str, old: &str, new: &str) -> String {
    let diff = diff::unified(path, &unix_lines(old), &unix_lines(new));
    let mut fence = "```".to_owned();
    while diff.contains(&fence) {
        fence.push('`');
    }
    format!("{fence}diff\n{diff}{fence}\n\n")
}

pub(crate) fn unix_lines(text: &str) -> String {
    text.replace("\r\n", "\n")
}

fn but_for_spaces(text: &str, old: &str, new: &str) -> Option<String> {
    let mut lines: Vec<&str> = text.split('\n').collect();
    let old: Vec<&str> = old.split('\n').collect();
    let same = |lines: &[&str]| lines.iter().zip(&old).all(|(line, old)| js::trim(line) == js::trim(old));
    let place = lines.windows(old.len()).position(same)?;
    let indent = indent(lines[place]);
    let new: Vec<String> = new.split('\n').enumerate().map(|(row, line)| indented(row, line, indent, &old)).collect();
    lines.splice(place..place + old.len(), new.iter().map(String::as_str));
    Some(lines.join("\n"))
}

/// A new line, indented as the place is and, beyond that, as it is deeper than the old line.
fn indented(row: usize, line: &str, place: &str, old: &[&str]) -> String {
    let bare = line.trim_start_matches(js::is_space);
    if row == 0 {
        return format!("{place}{bare}");
    }
    let (old, new) = (old.get(row).map_or("", |line| indent(line)), indent(line));
    if old.is_empty() || new.is_empty() {
        return line.to_owned();
    }
    let deeper = new.chars().count().saturating_sub(old.chars().count());
    format!("{place}{}{bare}", " ".repeat(deeper))
}

fn indent(line: &str) -> &str {
    &line[..line.len() - line.trim_start_matches(js::is_space).len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(text: &str, edits: &[(&str, &str)]) -> Result<String, String> {
        let edits: Vec<_> = edits.iter().map(|(old, new)| Edit { old, new }).collect();
        apply(text, &edits)
    }

    #[test]
    fn the_first_exact_place_is_replaced_and_edits_see_those_before() {
        assert_eq!(edited("a b a", &[("a", "x")]).unwrap(), "x b a");
        assert_eq!(edited("a b a", &[("a", "c"), ("c b", "d")]).unwrap(), "d a");
        assert_eq!(edited("ab", &[("", "x")]).unwrap(), "xab");
        assert_eq!(edited("$1", &[("$1", "$& $$")]).unwrap(), "$& $$");
    }

    #[test]
    fn line_ends_are_those_of_unix_afterwards() {
        assert_eq!(edited("a\r\nb\r\nc\rd", &[("a\nb", "x\r\ny")]).unwrap(), "x\ny\nc\rd");
    }

    #[test]
    fn spaces_around_lines_do_not_matter_and_the_indentation_stays() {
        let text = "fn a() {\n\tif b {\n\t\tc();\n\t}\n}\n";
        let edited = edited(text, &[("if b {\n  c();\n}", "if d {\n  e();\n    f();\n}")]).unwrap();
        assert_eq!(edited, "fn a() {\n\tif d {\n\te();\n    f();\n}\n}\n");
    }

    #[test]
    fn a_place_that_is_not_there_is_named() {
        let refusal = edited("a\nb", &[("a\nc", "")]).unwrap_err();
        assert_eq!(refusal, "Could not find exact match for edit:\na\nc");
        assert!(edited("a", &[("a\nb\nc", "")]).is_err());
    }

    #[test]
    fn a_fence_is_longer_than_those_within() {
        let shown = shown("f", "a\n", "````\n");
        assert!(shown.starts_with("`````diff\nIndex: f\n") && shown.ends_with("\n`````\n\n"), "{shown}");
    }
}
