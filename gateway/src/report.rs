//! What a person sees on stderr while something happens. stdout belongs to the protocol and to results.

use std::io::{IsTerminal, Write};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use lockgate_runtime::{Basis, Decision, Event, Hooks, Problem, Requirement, ServerName, SignedBy, Untrusted, Verdict};

use crate::error::CommandError;

/// The longest line that a stranger writes into the log, in characters.
const MAX_LINE: usize = 1000;

/// The longest record of who met what a scope asks for, in characters.
const MAX_RECORD: usize = 4000;

/// How much is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// What is slow or went wrong: for one command of a person.
    Brief,
    /// Every start as well: for a gateway that runs.
    Full,
}

/// How many lines wait for a stderr that nobody reads. Further ones are lost: no guest waits for a log.
const WAITING_LINES: usize = 1024;

/// Hooks that write to stderr. For a gateway, a thread of its own writes, as whoever reads may not.
pub(crate) fn hooks(detail: Detail) -> Hooks {
    let write = writer(detail);
    let spinner: Mutex<Option<ProgressBar>> = Mutex::new(None);
    let terminal = std::io::stderr().is_terminal();
    Hooks {
        event: Arc::new(move |event| {
            let mut spinner = spinner.lock().unwrap_or_else(PoisonError::into_inner);
            match &event {
                Event::Compiling { bytes, .. } if terminal => *spinner = Some(compiling(*bytes)),
                Event::Transferred { name, done, total } if terminal && done < total => {
                    spinner.get_or_insert_with(|| transferring(name, *total)).set_position(*done);
                }
                Event::Compiled { .. } | Event::Transferred { .. } => {
                    if let Some(spinner) = spinner.take() {
                        spinner.finish_and_clear();
                    }
                }
                _ => {}
            }
            if let Some(line) = text(&event, detail, terminal) {
                write(line);
            }
        }),
    }
}

fn writer(detail: Detail) -> Box<dyn Fn(String) + Send + Sync> {
    if detail == Detail::Full {
        let (lines, waiting) = sync_channel::<String>(WAITING_LINES);
        let write_all = move || waiting.into_iter().for_each(|line| write_line(&line));
        if thread::Builder::new().name("log".to_owned()).spawn(write_all).is_ok() {
            return Box::new(move |line| drop(lines.try_send(line)));
        }
    }
    Box::new(|line| write_line(&line))
}

/// Writes one line of our own to stderr.
pub(crate) fn write_line(line: &str) {
    // There is nobody left to tell where stderr is closed.
    let _ = writeln!(std::io::stderr().lock(), "lockgate: {line}");
}

/// Writes an error that ends nothing, with all that belongs to it.
pub(crate) fn write_block(start: &str, error: &CommandError) {
    let text = error.text();
    write_line(&format!("{start}{}", text.trim_start_matches("lockgate: ").trim_end()));
}

/// How many characters a line has where a person reads: those of the terminal, less what lines are indented by.
pub(crate) fn width() -> usize {
    let columns = rustix::termios::tcgetwinsize(std::io::stderr()).map_or(0, |size| size.ws_col);
    if columns == 0 { 100 } else { usize::from(columns).saturating_sub(2) }
}

/// Shows the elapsed time: the compiler does not say how far it is.
fn compiling(bytes: usize) -> ProgressBar {
    let spinner = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
        spinner.set_style(style);
    }
    spinner.set_message(format!("compiling {} kB for this machine, once", bytes / 1000));
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

/// Shows how much of a blob has come in or gone out.
fn transferring(name: &str, total: u64) -> ProgressBar {
    let bar = ProgressBar::new(total);
    if let Ok(style) = ProgressStyle::with_template("{msg} {bar:30} {bytes}/{total_bytes} {bytes_per_sec}") {
        bar.set_style(style);
    }
    bar.set_message(name.to_owned());
    bar
}

fn text(event: &Event, detail: Detail, terminal: bool) -> Option<String> {
    Some(match event {
        Event::Starting { server, digest, basis } if detail == Detail::Full => {
            format!("starting {server}: {digest} ({})", basis_text(*basis))
        }
        Event::Judged { server, decision } if detail == Detail::Full => judged(server, decision),
        // A refusal is told by the error that it becomes.
        Event::Judged { .. } => return None,
        Event::Compiling { bytes, .. } if !terminal => {
            format!("compiling {} kB for this machine, once", bytes / 1000)
        }
        // Whoever runs one command is told, too.
        Event::Starting { server, digest, basis } if basis.is_unverified() => {
            format!("warning: {server} {digest} is {}", basis_text(*basis))
        }
        Event::Starting { .. } | Event::Compiling { .. } => return None,
        Event::Compiled { took, .. } if detail == Detail::Full => format!("compiled in {:.1} s", took.as_secs_f64()),
        Event::Compiled { .. } => return None,
        Event::Transferred { .. } => return None,
        Event::AskingAgain { registry, problem, wait } => {
            format!("{registry}: {}; asking again in {:.1} s", problem.to_line(MAX_LINE), wait.as_secs_f64())
        }
        Event::LastSeen { reference, manifest } => {
            format!("the registry of {reference} cannot be reached; taking what the tag named last: {manifest}")
        }
        Event::BesideLastSeen { repository } => {
            format!("{repository} cannot be reached; taking the signatures and attestations that it had last")
        }
        Event::PolicyTaken { reference, manifest, published } if detail == Detail::Full => {
            format!("the policy {reference} counts: {manifest}, published at {published}")
        }
        Event::PolicyTaken { .. } => return None,
        Event::PolicyNotTaken { reference, problem } if detail == Detail::Full => {
            format!("the policy {reference} does not count ({}): {}", problem.reason, words(problem))
        }
        // A refusal says the same.
        Event::PolicyNotTaken { .. } => return None,
        Event::StoreDamaged { path } => format!("{} is damaged; it was removed, and is pulled again", path.display()),
        Event::CodeNotOurs { path } => {
            format!("{} is damaged or was not made by this machine; it is compiled again", path.display())
        }
        Event::CodeNotKept { folder, error } => {
            format!("compiled code cannot be kept in {} ({error}); the next start compiles again", folder.display())
        }
        Event::PullingImage { repository, manifest } => format!("the container engine pulls {repository}@{manifest}"),
        Event::GuestWrote { server, line } => format!("[{server}] {}", line.to_line(MAX_LINE)),
        Event::SecretFileNotPrivate { path } => {
            format!("others on this machine can read the secret in {0}; to change that: chmod 600 {0}", path.display())
        }
        Event::RequestRefused { server, reason } => format!("[{server}] request refused: {}", reason.to_line(MAX_LINE)),
    })
}

/// How something was judged, in one line of the log.
fn judged(server: &ServerName, decision: &Decision) -> String {
    let scope = decision.scope.as_ref().map_or_else(|| "no scope".to_owned(), |scope| format!("scope {scope}"));
    let place = format!("{scope} of {}", decision.policy);
    match &decision.verdict {
        Verdict::Refused { why, .. } => format!("{server} is refused ({}) by {place}", why.reason),
        Verdict::Accepted { warning: Some(why), .. } => {
            format!("warning: {server} runs though it is {}: {} ({place})", why.reason, words(why))
        }
        Verdict::Accepted { basis: Basis::Signed, .. } => {
            let met: Vec<String> = decision.requirements.iter().map(met).collect();
            format!("{server} is accepted by {place}: {}", Untrusted::new(met.join("; ")).to_line(MAX_RECORD))
        }
        Verdict::Accepted { basis, .. } => format!("{server} is accepted by {place}: {}", basis_text(*basis)),
    }
}

/// Something that a scope asks for, and who met it.
fn met(requirement: &Requirement) -> String {
    let by = |by: &SignedBy| format!("{}{}", who(by), if by.logged { ", logged" } else { "" });
    let by: Vec<String> = requirement.by.iter().map(by).collect();
    if by.is_empty() {
        // It is asked for where there is one.
        return format!("no {}", requirement.what);
    }
    format!("{} by {}", requirement.what, by.join(" and "))
}

/// What is wrong: a stranger may have written some of the words.
fn words(problem: &Problem) -> String {
    Untrusted::new(problem.problem.as_str()).to_line(MAX_LINE)
}

/// Who signed: what the policy says of somebody without a key is a rule, and the certificate says who it is.
pub(crate) fn who(by: &SignedBy) -> String {
    if by.is_by_key() { format!("{} {}", by.name, by.identity) } else { by.identity.clone() }
}

/// Why something may run, in words.
pub(crate) fn basis_text(basis: Basis) -> &'static str {
    match basis {
        Basis::OwnFile => "your own file",
        Basis::ShippedInside => "shipped inside this program",
        Basis::Signed => "signed by a signer that the trust policy names",
        Basis::Reviewed => "reviewed: its digest is in your trust policy",
        Basis::OwnImage => "your own image",
        Basis::Waived => "NOT VERIFIED: waived on the command line",
        Basis::AllowedUnsigned => "NOT VERIFIED: your trust policy lets it through",
        Basis::Warned => "NOT VERIFIED: it does not meet its scope, which only warns",
        Basis::Host => "not checked: it is whoever its TLS certificate says",
    }
}
