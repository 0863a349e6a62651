//! `$NAME` and `${NAME}` in a catalog's values.
//!
//! Docker's gateway puts anything of the container's environment in their place, secrets too, in values that the person
//! wrote as well. Here they stand only where the catalog itself wrote them, and only for a variable that the entry
//! declares. A `$` without a name behind it is a `$`.

use super::template::{MAX_TEXT, TooLong};

/// Why a text with variables has no value.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum VariableError {
    /// `${` without a name and `}`.
    #[error("a `${{` is not followed by a name and `}}`")]
    Unclosed,
    /// Nothing has this name.
    #[error("it uses ${0}, which the entry does not declare before it")]
    Undeclared(String),
    /// The value is a secret.
    #[error("it uses ${0}, which is a secret, and everybody on a machine can read the commands that run there")]
    Secret(String),
    /// The value gets too long.
    #[error(transparent)]
    TooLong(#[from] TooLong),
}

/// A text with the values of its variables.
///
/// # Errors
/// See [`VariableError`]; also what `value_of` says.
pub(super) fn expand<'v>(
    text: &str,
    mut value_of: impl FnMut(&str) -> Result<&'v str, VariableError>,
) -> Result<String, VariableError> {
    let mut expanded = String::new();
    for piece in Pieces(text) {
        match piece? {
            Piece::Text(text) => expanded.push_str(text),
            Piece::Variable(name) => expanded.push_str(value_of(name)?),
        }
        if expanded.len() > MAX_TEXT {
            return Err(TooLong.into());
        }
    }
    Ok(expanded)
}

/// The pieces of a text.
pub(super) struct Pieces<'a>(pub(super) &'a str);

/// A piece of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// What stays.
    Text(&'a str),
    /// The name of a variable.
    Variable(&'a str),
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Result<Piece<'a>, VariableError>;

    fn next(&mut self) -> Option<Self::Item> {
        let text = self.0;
        if text.is_empty() {
            return None;
        }
        let (piece, rest) = match text.find('$') {
            Some(0) => match after_dollar(&text[1..]) {
                Ok(Some((name, rest))) => (Piece::Variable(name), rest),
                Ok(None) => (Piece::Text("$"), &text[1..]),
                Err(error) => {
                    self.0 = "";
                    return Some(Err(error));
                }
            },
            Some(dollar) => (Piece::Text(&text[..dollar]), &text[dollar..]),
            None => (Piece::Text(text), ""),
        };
        self.0 = rest;
        Some(Ok(piece))
    }
}

/// The name behind a `$`, if there is one, and what comes after it.
fn after_dollar(text: &str) -> Result<Option<(&str, &str)>, VariableError> {
    if let Some(braced) = text.strip_prefix('{') {
        let (name, rest) = braced.split_once('}').ok_or(VariableError::Unclosed)?;
        return if is_variable(name) { Ok(Some((name, rest))) } else { Err(VariableError::Unclosed) };
    }
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    Ok(is_variable(name).then_some((name, rest)))
}

/// Whether a text can be a variable's name (POSIX.1-2017, §3.235).
pub(super) fn is_variable(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.starts_with(|c: char| inner(c) && !c.is_ascii_digit()) && name.chars().all(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value_of(name: &str) -> Result<&'static str, VariableError> {
        match name {
            "A" => Ok("one"),
            "B_2" => Ok("$A"),
            "TOKEN" => Err(VariableError::Secret(name.to_owned())),
            name => Err(VariableError::Undeclared(name.to_owned())),
        }
    }

    #[test]
    fn variables_are_replaced_once() {
        for (text, expanded) in [
            ("", ""),
            ("plain", "plain"),
            ("$A", "one"),
            ("${A}s", "ones"),
            ("<$A-${A}>", "<one-one>"),
            ("$A$A", "oneone"),
            ("$B_2", "$A"),
            ("$", "$"),
            ("5$ and $$A", "5$ and $one"),
            ("$1 $(A) $-", "$1 $(A) $-"),
            ("ä$Aö", "äoneö"),
        ] {
            assert_eq!(expand(text, value_of).unwrap(), expanded, "{text}");
        }
    }

    #[test]
    fn what_is_unclear_or_secret_is_an_error() {
        for (text, error) in [
            ("${A", VariableError::Unclosed),
            ("${}", VariableError::Unclosed),
            ("${A:-x}", VariableError::Unclosed),
            ("${1}", VariableError::Unclosed),
            ("x$AB", VariableError::Undeclared("AB".to_owned())),
            ("--t=$TOKEN", VariableError::Secret("TOKEN".to_owned())),
        ] {
            assert_eq!(expand(text, value_of), Err(error), "{text}");
        }
    }

    #[test]
    fn a_value_that_doubles_does_not_grow_without_end() {
        let mut value = "x".to_owned();
        let error = (0..40).find_map(|_| match expand("$V$V", |_| Ok(&value)) {
            Ok(doubled) => {
                value = doubled;
                None
            }
            Err(error) => Some(error),
        });
        assert_eq!(error, Some(VariableError::TooLong(TooLong)));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_to_its_end(text in "\\PC{0,40}|[${}A-C_0-9]{0,30}") {
            let _ = expand(&text, |_| Ok(""));
            if !text.contains('$') {
                proptest::prop_assert_eq!(expand(&text, value_of).unwrap(), text);
            }
        }
    }
}
