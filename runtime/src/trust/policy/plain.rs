//! Texts of a policy as people read them: they are shown on terminals and in logs, as what was decided and by whom.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::file::{Problem, problem};
use crate::untrusted::{Untrusted, is_plain};

/// Checks that no key and no string has characters that cannot be seen, or that reorder or hide others. Of another file
/// than a policy's own, `part` is the table to look at. What is no TOML passes here.
///
/// # Errors
/// Names the first one, in the order of the keys.
pub(super) fn check(text: &str, part: Option<&str>) -> Result<(), Problem> {
    let Ok(table) = DeTable::parse(text) else { return Ok(()) };
    match part {
        None => check_table(table.get_ref()),
        Some(part) => table.get_ref().get(part).map_or(Ok(()), check_value),
    }
}

fn check_table(table: &DeTable<'_>) -> Result<(), Problem> {
    for (key, value) in table {
        check_text(key.get_ref(), key)?;
        check_value(value)?;
    }
    Ok(())
}

fn check_value(value: &Spanned<DeValue<'_>>) -> Result<(), Problem> {
    match value.get_ref() {
        DeValue::String(text) => check_text(text, value),
        DeValue::Array(items) => items.iter().try_for_each(check_value),
        DeValue::Table(table) => check_table(table),
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => Ok(()),
    }
}

fn check_text<T>(text: &str, place: &Spanned<T>) -> Result<(), Problem> {
    if is_plain(text) {
        return Ok(());
    }
    let shown = Untrusted::new(text).to_line(100);
    Err(problem(
        &place.span(),
        format!("`{shown}` has characters that cannot be seen or that reorder others: leave them out"),
    ))
}

#[cfg(test)]
mod tests {
    use super::super::TrustPolicy;
    use super::super::WrittenTrustPolicy;
    use crate::trust::forge::Given;

    #[test]
    fn what_cannot_be_read_as_it_is_shown_is_in_no_policy() {
        let digest = format!("sha256:{}", "0".repeat(64));
        let policy = |name: &str| {
            format!("default = \"reject\"\n\n[[scope]]\nmatch = \"ghcr.io/{name}/*\"\ndigests = [\"{digest}\"]\n")
        };
        let read = |text: &str| TrustPolicy::read(text, &mut Given::new([])).map_err(|error| error.to_string());
        read(&policy("acme")).unwrap();
        for (bad, shown) in [
            ("a\\u001b[2Jb", r"`ghcr.io/a\u{1b}[2Jb/*`"),
            ("a\\nb", r"`ghcr.io/a\u{a}b/*`"),
            ("a\u{202e}b", r"`ghcr.io/a\u{202e}b/*`"),
            ("a\u{200b}b", r"`ghcr.io/a\u{200b}b/*`"),
        ] {
            let error = read(&policy(bad)).unwrap_err();
            assert!(error.starts_with("line 4: ") && error.contains(shown), "{error}");
        }
        for (text, line) in [
            ("default = \"reject\"\n\"a\u{202e}\" = 1\n", "line 2: "),
            ("default = \"reject\"\n\ndeny = [\"x\", \"\u{202e}\"]\n", "line 3: "),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.starts_with(line) && error.contains(r"\u{202e}"), "{error}");
        }
    }

    #[test]
    fn of_another_file_its_policy_alone_is_looked_at() {
        #[derive(serde::Deserialize)]
        struct File {
            trust: WrittenTrustPolicy,
        }
        let read = |text: &str| {
            let File { trust } = toml::from_str(text).unwrap();
            TrustPolicy::of_written(text, trust, &mut Given::new([])).map_err(|error| error.to_string())
        };
        read("x = \"\u{202e}\"\n[trust]\ndefault = \"reject\"\n").unwrap();
        let error = read("[trust]\ndefault = \"reject\"\ndeny = [\"\u{202e}\"]\n").unwrap_err();
        assert!(error.starts_with(r"line 3: `\u{202e}`"), "{error}");
    }
}
