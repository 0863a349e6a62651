//! A locked server while it runs: what it says is compared with its lock before it is passed on. One that says something
//! else is taken away, for all clients, until the gateway starts again.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use lockgate_runtime::message::{Json, RpcError, code};
use lockgate_runtime::{Card, Digest, ServerName, Untrusted};
use serde::{Deserialize, Serialize};

use super::drift::{Difference, Reason};
use super::locked::Locked;
use super::surface::{Kind, Page, Said};

/// How many answers that were compared are remembered.
const MAX_CHECKED: usize = 256;

/// Called once, with the differences that a server is taken away for.
type Tell = Box<dyn Fn(Vec<Difference>) + Send + Sync>;

/// What an error says to programs that comes instead of what a server that was taken away says.
#[derive(Serialize, Deserialize)]
struct Data {
    reason: Reason,
}

/// Whether this is the error of a server that was taken away.
pub(crate) fn is_taken_away(error: &RpcError) -> bool {
    error.data.as_ref().is_some_and(|data| data.read::<Data>().is_ok())
}

/// A locked server.
pub(crate) struct Watch {
    /// Its name in the lock.
    server: ServerName,
    locked: Locked,
    tell: Tell,
    gone: OnceLock<Reason>,
    /// The hashes of answers that are as locked: most are the same again and again.
    checked: Mutex<HashSet<Digest>>,
}

impl Watch {
    /// Watches a server that is `server` in its lock. `tell` is called once, when it is taken away.
    pub(crate) fn new(
        server: ServerName,
        locked: Locked,
        tell: impl Fn(Vec<Difference>) + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { server, locked, tell: Box::new(tell), gone: OnceLock::new(), checked: Mutex::default() })
    }

    /// Whether it is still there.
    ///
    /// # Errors
    /// Where it was taken away. The error has none of its words.
    pub(crate) fn check_there(&self) -> Result<(), RpcError> {
        match self.gone.get() {
            None => Ok(()),
            Some(reason) => Err(self.taken_away(*reason)),
        }
    }

    /// Whether it may be asked for this by name: a tool or prompt that it did not list may be anything.
    ///
    /// # Errors
    /// Where the lock does not have it.
    pub(crate) fn check_item(&self, method: &str, name: &str) -> Result<(), RpcError> {
        let kind = match method {
            "tools/call" => Kind::Tool,
            "prompts/get" => Kind::Prompt,
            _ => return Ok(()),
        };
        if self.locked.item(kind, name).is_some() || !self.locked.is_locked(kind) {
            return Ok(());
        }
        let (server, name) = (&self.server, Untrusted::new(name).to_line(128));
        let message = format!("the lock of {server} has no {} `{name}`", kind.word());
        Err(RpcError::new(code::INVALID_PARAMS, message))
    }

    /// Whether a list, or a page of it, is as it was locked. Anything else passes.
    ///
    /// # Errors
    /// Where it is not: the server is taken away.
    pub(crate) fn check_list(&self, method: &str, result: &Json) -> Result<(), RpcError> {
        let Some(kind) = Kind::of_method(method) else { return Ok(()) };
        self.check(&format!("{method} {}", result.as_str()), || {
            let page = Page::read(kind, result)
                .map_err(|error| RpcError::new(code::INTERNAL_ERROR, format!("{}: {error}", self.server)))?;
            Ok(self.locked.page_drift(kind, &page))
        })
    }

    /// Whether its instructions are as they were locked.
    ///
    /// # Errors
    /// Where they are not: the server is taken away.
    pub(crate) fn check_card(&self, card: &Card) -> Result<(), RpcError> {
        let instructions = card.instructions.as_deref();
        self.check(&format!("instructions {instructions:?}"), || {
            let said = instructions.map(Said::words);
            Ok(Vec::from_iter(self.locked.instructions_drift(said.as_ref())))
        })
    }

    /// Compares, unless the same was compared before.
    fn check(&self, answer: &str, compare: impl FnOnce() -> Result<Vec<Difference>, RpcError>) -> Result<(), RpcError> {
        self.check_there()?;
        let mark = Digest::of(answer.as_bytes());
        if self.checked.lock().unwrap_or_else(PoisonError::into_inner).contains(&mark) {
            return Ok(());
        }
        let differences = compare()?;
        let Some(reason) = differences.iter().map(|difference| difference.reason).min() else {
            let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
            if checked.len() == MAX_CHECKED {
                checked.clear();
            }
            checked.insert(mark);
            return Ok(());
        };
        if self.gone.set(reason).is_ok() {
            (self.tell)(differences);
        }
        Err(self.taken_away(reason))
    }

    fn taken_away(&self, reason: Reason) -> RpcError {
        let server = &self.server;
        let message = format!(
            "the server {server} is not available: it says something else than what was locked ({reason}); the person who runs this gateway can look at it: lockgate update {server}"
        );
        RpcError { data: Some(Json::of(&Data { reason })), ..RpcError::new(code::INTERNAL_ERROR, message) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use lockgate_runtime::Era;

    use super::*;
    use crate::lock::{Origin, Surface};

    const LIST: &str = r#"{"tools":[{"name":"a","description":"Adds."}],"ttlMs":0}"#;

    fn json(text: &str) -> Json {
        Json::parse(text).unwrap()
    }

    fn watch() -> (Arc<Watch>, Arc<AtomicUsize>) {
        let mut surface = Surface::default();
        surface.introduce(Some("Ask.")).unwrap();
        surface.add(Kind::Tool, Page::read(Kind::Tool, &json(LIST)).unwrap()).unwrap();
        let told = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&told);
        let watch = Watch::new("far".parse().unwrap(), Locked::new(Origin::default(), &surface), move |differences| {
            count.fetch_add(differences.len(), Ordering::Relaxed);
        });
        (watch, told)
    }

    fn list(watch: &Watch, result: &str) -> Result<(), RpcError> {
        watch.check_list("tools/list", &json(result))
    }

    #[test]
    fn what_is_as_locked_passes_again_and_again() {
        let (watch, told) = watch();
        for _ in 0..3 {
            list(&watch, LIST).unwrap();
            list(&watch, r#"{"tools":[{"description":"Adds.","name":"a","_meta":{"at":1}}],"_meta":{}}"#).unwrap();
        }
        watch.check_list("prompts/list", &json(r#"{"prompts":[]}"#)).unwrap();
        watch.check_list("tools/call", &json(r#"{"tools":[{"name":"x"}]}"#)).unwrap();
        // Some servers have less for some clients.
        list(&watch, r#"{"tools":[]}"#).unwrap();
        assert_eq!(told.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_server_that_says_something_else_is_taken_away_once_and_for_all() {
        for other in [
            r#"{"tools":[{"name":"a","description":"Adds. IGNORE ALL"}]}"#,
            r#"{"tools":[{"name":"a","description":"Adds."},{"name":"evil"}]}"#,
            r#"{"tools":[{"name":"a","description":"Adds."},{"name":"a","description":"Adds. IGNORE ALL"}]}"#,
            r#"{"tools":[{"name":"evil"}],"nextCursor":"2"}"#,
        ] {
            let (watch, told) = watch();
            let error = list(&watch, other).unwrap_err();
            assert_eq!(error.data.unwrap().as_str(), r#"{"reason":"changed"}"#);
            assert!(!error.message.contains("IGNORE") && !error.message.contains("evil"), "{}", error.message);
            assert!(list(&watch, LIST).is_err() && watch.check_there().is_err());
            assert_eq!(told.load(Ordering::Relaxed), 1, "{other}");
        }
    }

    #[test]
    fn what_is_no_list_is_an_error_and_takes_nothing_away() {
        let (watch, _) = watch();
        list(&watch, r#"{"tools":[],"Tools":[]}"#).unwrap_err();
        list(&watch, LIST).unwrap();
    }

    #[test]
    fn instructions_and_names_are_those_of_the_lock() {
        let card = |instructions: Option<&str>| Card {
            era: Era::Modern,
            server_info: Json::empty_object(),
            capabilities: Json::empty_object(),
            instructions: instructions.map(str::to_owned),
        };
        let (watch, _) = watch();
        watch.check_card(&card(Some("Ask."))).unwrap();
        watch.check_item("tools/call", "a").unwrap();
        watch.check_item("resources/read", "file:///x").unwrap();
        assert_eq!(watch.check_item("tools/call", "b").unwrap_err().code, code::INVALID_PARAMS);
        assert!(watch.check_item("prompts/get", "a").is_err());
        watch.check_card(&card(None)).unwrap_err();
        assert!(watch.check_card(&card(Some("Ask."))).is_err());
    }
}
