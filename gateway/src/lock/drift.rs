//! How a server differs from what was locked.

use std::fmt;

use lockgate_runtime::{Digest, Untrusted};
use serde::{Deserialize, Serialize, Serializer};

use super::locked::{Locked, Origin};
use super::surface::{Kind, Page, Said, Surface};

/// Why a server is not taken as it is, as a code that stays the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Reason {
    /// Nobody accepted it.
    NotLocked,
    /// Who signed what was locked did not sign what is there now.
    OtherSigner,
    /// Its tag names something older than what was verified before.
    RolledBack,
    /// It is other content than what was locked.
    Moved,
    /// It says something else than what was locked.
    Changed,
}

/// The code.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// What differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subject {
    /// The source in the configuration.
    Source,
    /// Whose it is.
    Host,
    /// The manifest that its tag names.
    Manifest,
    /// What runs.
    Content,
    /// What it is started with.
    Arguments,
    /// Who signed it.
    Signers,
    /// What of it is not locked.
    Unlocked,
    /// How to use it.
    Instructions,
    /// Something that it has.
    Item(Kind, String),
}

/// As a person is shown it; names are a stranger's words, and made harmless.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "source",
            Self::Host => "host",
            Self::Manifest => "manifest",
            Self::Content => "content",
            Self::Arguments => "arguments",
            Self::Signers => "signers",
            Self::Unlocked => "unlocked",
            Self::Instructions => "instructions",
            Self::Item(kind, name) => {
                return write!(f, "{} `{}`", kind.word(), Untrusted::new(name.as_str()).to_line(128));
            }
        })
    }
}

impl Serialize for Subject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Item<'a> {
            kind: Kind,
            name: &'a str,
        }
        match self {
            Self::Item(kind, name) => Item { kind: *kind, name }.serialize(serializer),
            other => other.to_string().serialize(serializer),
        }
    }
}

/// What was locked, or what is there now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum Side {
    /// Words of the lock itself.
    Words(String),
    /// A text of which the lock has the hash.
    Text {
        /// The hash.
        digest: Digest,
        /// The text, where it is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Difference {
    /// Why it matters.
    pub(crate) reason: Reason,
    /// What differs.
    pub(crate) subject: Subject,
    /// As it was locked; nothing where it is new.
    pub(crate) locked: Option<Side>,
    /// As it is; nothing where it is gone.
    pub(crate) found: Option<Side>,
}

impl Difference {
    fn of_words(reason: Reason, subject: Subject, locked: Option<String>, found: Option<String>) -> Option<Self> {
        let side = |words: Option<String>| words.map(Side::Words);
        (locked != found).then(|| Self { reason, subject, locked: side(locked), found: side(found) })
    }

    fn of_text(subject: Subject, locked: Option<&Digest>, found: Option<&Said>) -> Option<Self> {
        if locked == found.map(|said| &said.digest) {
            return None;
        }
        let locked = locked.map(|digest| Side::Text { digest: *digest, text: None });
        let found = found.map(|said| Side::Text { digest: said.digest, text: Some(said.text.clone()) });
        Some(Self { reason: Reason::Changed, subject, locked, found })
    }

    /// Says of another manifest that it is an older one.
    pub(crate) fn step_back(&mut self) {
        if self.subject == Subject::Manifest {
            self.reason = Reason::RolledBack;
        }
    }

    /// What happened, in words that follow the name of the server.
    pub(crate) fn words(&self) -> String {
        let subject = &self.subject;
        match (subject, &self.locked, &self.found) {
            (Subject::Source, ..) => "the lock has another source for it".to_owned(),
            (Subject::Unlocked, ..) => "the lock has another `unlocked` for it".to_owned(),
            (Subject::Signers, ..) => "somebody else signed it".to_owned(),
            (Subject::Item(..), None, _) => format!("its {subject} is new"),
            (Subject::Item(..), _, None) => format!("its {subject} is gone"),
            (Subject::Manifest, ..) if self.reason == Reason::RolledBack => {
                "its tag names something older than what was verified before".to_owned()
            }
            (Subject::Manifest, ..) => "its tag names other content".to_owned(),
            _ => format!("its {subject} changed"),
        }
    }
}

impl Locked {
    /// How what would run differs. Nothing of it runs to find that out.
    pub(crate) fn origin_drift(&self, found: &Origin) -> Vec<Difference> {
        let locked = &self.origin;
        let words = |digest: Option<Digest>| digest.map(|digest| digest.to_string());
        let names = |origin: &Origin| Some(Vec::from_iter(origin.signers.iter().map(String::as_str)).join(", "));
        let source = |origin: &Origin| Some(origin.source.clone());
        let unlocked =
            |origin: &Origin| Some(Vec::from_iter(origin.unlocked.iter().map(|kind| kind.written())).join(", "));
        // A signer more takes nothing away from who signed before.
        let signers = !locked.signers.is_subset(&found.signers);
        [
            Difference::of_words(Reason::NotLocked, Subject::Source, source(locked), source(found)),
            Difference::of_words(Reason::NotLocked, Subject::Unlocked, unlocked(locked), unlocked(found)),
            Difference::of_words(Reason::Moved, Subject::Host, locked.host.clone(), found.host.clone()),
            signers
                .then(|| Difference::of_words(Reason::OtherSigner, Subject::Signers, names(locked), names(found)))
                .flatten(),
            Difference::of_words(Reason::Moved, Subject::Manifest, words(locked.manifest), words(found.manifest)),
            Difference::of_words(Reason::Moved, Subject::Content, words(locked.digest), words(found.digest)),
            Difference::of_words(Reason::Changed, Subject::Arguments, words(locked.arguments), words(found.arguments)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// How what it says differs.
    pub(crate) fn surface_drift(&self, found: &Surface) -> Vec<Difference> {
        let mut differences = Vec::from_iter(self.instructions_drift(found.instructions.as_ref()));
        for kind in Kind::ALL {
            let items = found.items.get(&kind);
            for (name, said) in items.into_iter().flatten() {
                differences.extend(self.item_drift(kind, name, said));
            }
            let is_gone = |name: &&String| !items.is_some_and(|items| items.contains_key(*name));
            differences.extend(self.names(kind).filter(is_gone).filter_map(|name| self.gone(kind, name)));
        }
        differences
    }

    /// How its instructions differ.
    pub(crate) fn instructions_drift(&self, found: Option<&Said>) -> Option<Difference> {
        Difference::of_text(Subject::Instructions, self.instructions.as_ref(), found)
    }

    /// How what is on a page of one of its lists differs. What is not there is no difference: some servers have less for
    /// some clients.
    pub(crate) fn page_drift(&self, kind: Kind, page: &Page) -> Vec<Difference> {
        page.items.iter().filter_map(|(name, said)| self.item_drift(kind, name, said)).collect()
    }

    fn item_drift(&self, kind: Kind, name: &str, said: &Said) -> Option<Difference> {
        let difference = Difference::of_text(Subject::Item(kind, name.to_owned()), self.item(kind, name), Some(said));
        difference.filter(|_| self.is_locked(kind))
    }

    fn gone(&self, kind: Kind, name: &str) -> Option<Difference> {
        Difference::of_text(Subject::Item(kind, name.to_owned()), self.item(kind, name), None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(manifest: &str, signers: &[&str]) -> Origin {
        Origin {
            source: "ghcr.io/acme/time:1".to_owned(),
            manifest: Some(Digest::of(manifest.as_bytes())),
            signers: signers.iter().map(|name| (*name).to_owned()).collect(),
            ..Origin::default()
        }
    }

    fn reasons(locked: Origin, found: &Origin) -> Vec<Reason> {
        let locked = Locked { origin: locked, ..Locked::default() };
        locked.origin_drift(found).iter().map(|difference| difference.reason).collect()
    }

    #[test]
    fn what_would_run_has_to_be_what_was_locked() {
        let locked = || origin("a", &["acme.pub"]);
        assert_eq!(reasons(locked(), &locked()), []);
        assert_eq!(reasons(locked(), &origin("b", &["acme.pub"])), [Reason::Moved]);
        let other = |change: fn(&mut Origin)| {
            let mut found = locked();
            change(&mut found);
            reasons(locked(), &found)
        };
        assert_eq!(other(|found| found.source = "ghcr.io/evil/time:1".to_owned()), [Reason::NotLocked]);
        assert_eq!(other(|found| found.host = Some("https://evil.example".to_owned())), [Reason::Moved]);
        assert_eq!(other(|found| found.manifest = None), [Reason::Moved]);
        assert_eq!(other(|found| found.digest = Some(Digest::of(b"x"))), [Reason::Moved]);
        assert_eq!(other(|found| found.arguments = Some(Digest::of(b"x"))), [Reason::Changed]);
    }

    #[test]
    fn every_signer_that_was_locked_has_to_have_signed() {
        let locked = || origin("a", &["acme.pub", "ci"]);
        assert_eq!(reasons(locked(), &origin("a", &["acme.pub", "ci", "more"])), []);
        for fewer in [&["acme.pub"][..], &["evil"], &[], &["acme.pub", "evil"]] {
            assert_eq!(reasons(locked(), &origin("a", fewer)), [Reason::OtherSigner], "{fewer:?}");
        }
        assert_eq!(reasons(origin("a", &[]), &origin("a", &["acme.pub"])), []);
        let both = reasons(locked(), &origin("b", &["evil"]));
        assert_eq!(both.iter().min(), Some(&Reason::OtherSigner), "{both:?}");
    }

    #[test]
    fn reasons_stay_the_same_words() {
        let reasons = [Reason::NotLocked, Reason::OtherSigner, Reason::RolledBack, Reason::Moved, Reason::Changed];
        let words = reasons.map(|reason| reason.to_string());
        assert_eq!(words, ["not-locked", "other-signer", "rolled-back", "moved", "changed"]);
    }

    #[test]
    fn ten_thousand_tools_that_are_gone_are_found_in_a_moment() {
        let tools = (0..10_000).map(|number| (format!("t{number}"), Digest::of(b"x"))).collect();
        let locked = Locked { items: [(Kind::Tool, tools)].into(), ..Locked::default() };
        assert_eq!(locked.surface_drift(&Surface::default()).len(), 10_000);
    }
}
