//! Results on stdout, errors on stderr.

use std::io::{IsTerminal, Write};

use lockgate_runtime::Untrusted;
use serde::Serialize;

use crate::environment;
use crate::error::{CommandError, Kind};

/// Prints one JSON document and nothing else.
pub(super) fn json(document: &impl Serialize) -> Result<(), CommandError> {
    let text = serde_json::to_string_pretty(document)
        .map_err(|error| CommandError::new(Kind::Failed, format!("the result cannot be written as JSON: {error}")))?;
    if std::io::stdout().is_terminal() { text_line(&Untrusted::new(text).to_json_lines()) } else { text_line(&text) }
}

/// Prints lines of our own.
pub(super) fn text_line(text: &str) -> Result<(), CommandError> {
    let written = writeln!(std::io::stdout().lock(), "{text}");
    match written {
        // Whoever read has enough, as `head` does.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// Whether results are shown in colour (<https://no-color.org>).
pub(super) fn has_colour() -> bool {
    let unwanted = environment::variable("NO_COLOR").is_some_and(|value| !value.is_empty());
    !unwanted && std::io::stdout().is_terminal()
}

/// Whether a person at a terminal reads all that is written, and can answer.
pub(super) fn is_dialogue() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal() && std::io::stderr().is_terminal()
}

/// Prints a stranger's words: as they are for a program, harmless for a terminal.
pub(super) fn words(words: &Untrusted) -> Result<(), CommandError> {
    if std::io::stdout().is_terminal() { text_line(&words.to_lines(usize::MAX)) } else { text_line(words.expose()) }
}

/// Prints an error.
pub(super) fn error(text: &str) {
    // There is nobody left to tell where stderr is closed.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// Asks the person at this terminal. Whatever is not a yes is a no, and nobody is asked where there is no terminal.
pub(super) fn ask(question: &str) -> std::io::Result<bool> {
    if !is_dialogue() {
        return Ok(false);
    }
    write!(std::io::stderr().lock(), "\n{question} [y/N] ")?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
