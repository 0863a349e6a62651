//! What a container writes besides messages: lines of a stranger, some of which are shown.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::settings::{Event, Hooks};
use crate::spec::ServerName;
use crate::untrusted::Untrusted;

/// How much is shown at once, in bytes, and how much more with every second.
const BURST: f64 = 64.0 * 1024.0;
const PER_SECOND: f64 = 8.0 * 1024.0;

/// The longest line that is kept, in bytes. What follows up to its end is left out.
const MAX_LINE: usize = 4096;

/// How many lines are kept to say what was written last.
const RECENT: usize = 10;

/// The lines of one container. Handles share them.
#[derive(Clone)]
pub(super) struct GuestLog(Arc<Inner>);

struct Inner {
    server: ServerName,
    hooks: Hooks,
    state: Mutex<State>,
}

struct State {
    line: Vec<u8>,
    room: f64,
    filled: Instant,
    left_out: u64,
    recent: VecDeque<String>,
}

impl GuestLog {
    pub(super) fn new(server: ServerName, hooks: Hooks) -> Self {
        let state =
            State { line: Vec::new(), room: BURST, filled: Instant::now(), left_out: 0, recent: VecDeque::new() };
        Self(Arc::new(Inner { server, hooks, state: Mutex::new(state) }))
    }

    /// Takes a part of its stderr.
    pub(super) fn stderr(&self, bytes: &[u8]) {
        let mut state = self.lock();
        for part in bytes.split_inclusive(|&byte| byte == b'\n') {
            let room = MAX_LINE.saturating_sub(state.line.len());
            let text = part.strip_suffix(b"\n").unwrap_or(part);
            state.line.extend_from_slice(&text[..text.len().min(room)]);
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut state.line);
                self.write(&mut state, &line);
            }
        }
    }

    /// Takes a line of its stdout that is no message.
    pub(super) fn noise(&self, line: &[u8]) {
        self.write(&mut self.lock(), &line[..line.len().min(MAX_LINE)]);
    }

    /// What was written last, to explain an end; nothing where nothing was.
    pub(super) fn last_words(&self) -> Option<String> {
        let mut state = self.lock();
        let line = std::mem::take(&mut state.line);
        self.write(&mut state, &line);
        let lines: Vec<&str> = state.recent.iter().map(String::as_str).collect();
        (!lines.is_empty()).then(|| lines.join("\n  "))
    }

    fn write(&self, state: &mut State, line: &[u8]) {
        let text = String::from_utf8_lossy(line).trim_end().to_owned();
        if text.is_empty() {
            return;
        }
        let words = Untrusted::new(text);
        if state.recent.len() == RECENT {
            state.recent.pop_front();
        }
        state.recent.push_back(words.to_line(300));
        let now = Instant::now();
        let since = now.saturating_duration_since(state.filled).as_secs_f64();
        state.room = (state.room + since * PER_SECOND).min(BURST);
        state.filled = now;
        // Short lines cost something, too.
        let cost = line.len().max(64) as f64;
        if state.room < cost {
            state.left_out += 1;
            return;
        }
        state.room -= cost;
        if state.left_out > 0 {
            let left_out = std::mem::take(&mut state.left_out);
            self.tell(Untrusted::new(format!("({left_out} lines are not shown: it writes too many)")));
        }
        self.tell(words);
    }

    fn tell(&self, line: Untrusted) {
        (self.0.hooks.event)(Event::GuestWrote { server: self.0.server.clone(), line });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log() -> (GuestLog, Arc<Mutex<Vec<String>>>) {
        let shown = Arc::<Mutex<Vec<String>>>::default();
        let hooks = Hooks {
            event: Arc::new({
                let shown = Arc::clone(&shown);
                move |event| {
                    if let Event::GuestWrote { line, .. } = event {
                        shown.lock().unwrap().push(line.to_line(usize::MAX));
                    }
                }
            }),
        };
        (GuestLog::new("test".parse().unwrap(), hooks), shown)
    }

    #[test]
    fn lines_are_shown_as_they_are_complete_and_the_last_ones_kept() {
        let (log, shown) = log();
        log.stderr(b"one\ntw");
        log.stderr(b"o\n\n  \nthr\x1bee");
        assert_eq!(*shown.lock().unwrap(), ["one", "two"]);
        assert_eq!(log.last_words().unwrap(), "one\n  two\n  thr\\u{1b}ee");
    }

    #[test]
    fn a_flood_is_left_out_and_its_end_kept() {
        let (log, shown) = log();
        for number in 0..100_000 {
            log.stderr(format!("line {number}\n").as_bytes());
        }
        assert!(shown.lock().unwrap().len() < 10_000);
        assert!(log.last_words().unwrap().ends_with("line 99998\n  line 99999"));
        assert_eq!(log.last_words().unwrap().lines().count(), RECENT);
    }

    #[test]
    fn a_line_without_an_end_is_cut() {
        let (log, shown) = log();
        for _ in 0..1000 {
            log.stderr(&[b'x'; 1000]);
        }
        assert!(log.lock().line.len() <= MAX_LINE);
        log.stderr(b"\nnext\n");
        let shown = shown.lock().unwrap();
        assert_eq!((shown[0].len(), shown[1].as_str()), (MAX_LINE, "next"));
    }

    #[test]
    fn silence_has_no_last_words() {
        assert_eq!(log().0.last_words(), None);
    }
}
