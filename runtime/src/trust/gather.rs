//! Finds whatever lies beside a manifest and may speak for it, in all places where anybody puts such things.
//!
//! ```text
//! manifests ─▶ places: what is there? ─▶ leads ─▶ content: what is in them? ─▶ evidence
//!                 ▲                                                              │
//!                 └──── once more, for manifests that hold bare statements ◀─────┘
//! ```
//!
//! All places are asked, and what they have is put together: hiding something in one of them makes none of the others
//! count for more. Nothing of it is weighed here. What a place does not answer cleanly is an error, never "nothing".

mod content;
mod places;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde::Serialize;

use self::content::{Budget, Wanting};
use super::evidence::{Evidence, Form, Place};
use super::reason::Reason;
use crate::artifact::{Depot, DepotError, Digest, Manifest, Selector};

/// How many questions are asked at the same time.
const AT_ONCE: usize = 8;

/// The most manifests with bare statements for which signatures are looked for. Hardened images have about fifteen.
const MAX_CARRIERS: usize = 32;

/// The most that is said about what is strange.
const MAX_ODDITIES: usize = 32;

/// What is looked for besides signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Statements about what is in an artifact and where it comes from, and who vouches for these.
    pub(crate) attestations: bool,
}

/// What lies beside some manifests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// In the order of manifests, places and lists.
    pub(crate) evidence: Vec<Evidence>,
    /// How many things are there besides that were not looked at: strange, too large, or too many.
    pub(crate) others: usize,
    /// The gravest that is wrong with any of these.
    pub(crate) gravest: Option<Strange>,
    /// What is wrong with these: the first of them.
    pub(crate) oddities: Vec<Oddity>,
}

/// Something that may have been meant as evidence, and is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Oddity {
    /// The manifest that it was found beside.
    pub(crate) about: Digest,
    pub(crate) place: Place,
    /// The manifest that it is, if it is one.
    pub(crate) manifest: Option<Digest>,
    pub(crate) problem: Strange,
}

/// Why something is no evidence: the worse, the later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Strange {
    /// It lies where signatures lie, and holds none.
    NotEvidence,
    /// It is no manifest that is read, or a list of manifests.
    NotAManifest,
    /// Its size is not what its list says.
    OtherSize,
    /// Its media type is not what its list says.
    OtherMediaType,
    /// It does not say what it is about.
    NoSubject,
    /// It says that it is about another manifest.
    OtherSubject,
    /// It gives another size for what it is about.
    OtherSubjectSize,
    /// It gives another media type for what it is about.
    OtherSubjectMediaType,
    /// It is larger than what is read of its kind.
    TooLarge,
    /// It is listed and not there.
    Missing,
    /// There are more than are looked at.
    TooMany,
}

/// Why it is not known what lies beside a manifest.
#[derive(Debug, thiserror::Error)]
#[error("what lies {} of {digest} could not be found out ({})", place.text(), source.code())]
pub(crate) struct GatherError {
    /// The manifest.
    pub(crate) digest: Digest,
    /// Where it could not be found out.
    pub(crate) place: Place,
    /// Why.
    pub(crate) source: DepotError,
}

/// Gathers what may speak for `manifests`, which lie in `depot`: of an image, its index and the platform's own. Another
/// repository for signatures is asked as well.
///
/// # Errors
/// Where it is not known whether there is something.
pub(crate) async fn gather(
    depot: &Depot,
    signatures: Option<&Depot>,
    manifests: &[Digest],
    wanted: Wanted,
) -> Result<Found, GatherError> {
    let subjects = subjects(depot, manifests).await?;
    let depots = Depots { own: depot, signatures };
    let mut found = Found::default();
    let mut budget = Budget::default();
    let mut carriers = Vec::new();
    look_beside(&subjects, depots, wanted, &mut budget, &mut found, &mut carriers).await?;
    if wanted.attestations && !carriers.is_empty() {
        for lost in carriers.drain(MAX_CARRIERS.min(carriers.len())..) {
            found.note(*lost.digest(), Place::Referrers, None, Strange::TooMany);
        }
        let wanted = Wanted { attestations: false };
        look_beside(&carriers, depots, wanted, &mut budget, &mut found, &mut Vec::new()).await?;
    }
    Ok(found)
}

/// Where signatures may lie.
#[derive(Clone, Copy)]
struct Depots<'a> {
    own: &'a Depot,
    signatures: Option<&'a Depot>,
}

/// The manifests themselves, each once: their size and media type are part of what others say about them.
async fn subjects(depot: &Depot, manifests: &[Digest]) -> Result<Vec<Manifest>, GatherError> {
    let mut subjects: Vec<Manifest> = Vec::new();
    for digest in manifests {
        if subjects.iter().any(|subject| subject.digest() == digest) {
            continue;
        }
        let manifest = depot.manifest(&Selector::Digest(*digest)).await;
        subjects.push(manifest.map_err(|source| GatherError { digest: *digest, place: Place::Index, source })?);
    }
    Ok(subjects)
}

/// One round: leads from all places, their manifests, and what is in them.
async fn look_beside(
    subjects: &[Manifest],
    depots: Depots<'_>,
    wanted: Wanted,
    budget: &mut Budget,
    found: &mut Found,
    carriers: &mut Vec<Manifest>,
) -> Result<(), GatherError> {
    let leads = places::leads(subjects, depots, wanted, found).await?;
    let manifests = together(leads.iter().map(|lead| lead.manifest().boxed()).collect()).await?;
    let mut wanting: Vec<Wanting<'_>> = Vec::new();
    for (lead, manifest) in leads.iter().zip(manifests) {
        match manifest.and_then(|manifest| content::of(lead, manifest, wanted, budget, found)) {
            Ok(wants) => wanting.extend(wants),
            Err(problem) => found.note(lead.about(), lead.place, Some(lead.digest()), problem),
        }
    }
    // Several signatures may be over the same words.
    let (mut blobs, mut at): (Vec<&Wanting<'_>>, BTreeMap<_, usize>) = Default::default();
    for wants in &wanting {
        at.entry(wants.blob()).or_insert_with(|| {
            blobs.push(wants);
            blobs.len() - 1
        });
    }
    let mut known = BTreeSet::new();
    let bytes = together(blobs.iter().map(|wants| wants.fetch().boxed()).collect()).await?;
    for wants in &wanting {
        let Some(bytes) = at.get(&wants.blob()).and_then(|at| bytes.get(*at)) else { continue };
        match bytes {
            Ok(bytes) => {
                let evidence = wants.evidence(bytes.bytes());
                let is_new = carriers.iter().all(|known| known.digest() != wants.carrier.digest());
                if matches!(evidence.form, Form::Statement { .. }) && is_new {
                    carriers.push(wants.carrier.clone());
                }
                // The same thing, listed many times, says no more than once.
                if known.insert((wants.about, wants.place, wants.key())) {
                    found.evidence.push(evidence);
                }
            }
            Err(problem) => found.note(wants.about, wants.place, Some(*wants.carrier.digest()), *problem),
        }
    }
    Ok(())
}

/// Asks several questions at the same time, but not too many. The answers, and the first error, are in their order.
async fn together<T>(questions: Vec<BoxFuture<'_, Result<T, GatherError>>>) -> Result<Vec<T>, GatherError> {
    stream::iter(questions).buffered(AT_ONCE).try_collect().await
}

impl Found {
    /// Why what is there besides evidence is none; nothing where nothing is.
    pub(crate) fn why_none(&self) -> Option<Reason> {
        let reason = match self.gravest {
            Some(Strange::TooMany) => Reason::TOO_MANY,
            Some(Strange::Missing) => Reason::WITHHELD,
            Some(Strange::OtherSubject | Strange::OtherSubjectSize | Strange::OtherSubjectMediaType) => {
                Reason::OTHER_REFERRER
            }
            _ => Reason::NO_SIGNATURE,
        };
        (self.others > 0).then_some(reason)
    }

    fn note(&mut self, about: Digest, place: Place, manifest: Option<Digest>, problem: Strange) {
        self.others += 1;
        self.gravest = self.gravest.max(Some(problem));
        if self.oddities.len() < MAX_ODDITIES {
            self.oddities.push(Oddity { about, place, manifest, problem });
        }
    }
}

impl Place {
    /// In words, for messages.
    fn text(self) -> &'static str {
        match self {
            Self::LegacyTag => "under cosign's tags",
            Self::Referrers => "in the registry's list of referrers",
            Self::FallbackTag => "in the list of referrers under the fallback tag",
            Self::SignatureRepository => "in the repository for signatures",
            Self::Index => "in the index",
        }
    }
}

impl fmt::Display for Oddity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { about, place, manifest, problem } = self;
        match manifest {
            Some(manifest) => write!(f, "{manifest}, {} of {about}, {}", place.text(), problem.words()),
            None => write!(f, "something {} of {about} {}", place.text(), problem.words()),
        }
    }
}

impl Strange {
    /// What is wrong, in words that follow "it".
    fn words(self) -> &'static str {
        match self {
            Self::Missing => "is listed and not there",
            Self::NotAManifest => "is no manifest that is read",
            Self::OtherSize => "has another size than its list says",
            Self::OtherMediaType => "has another media type than its list says",
            Self::NoSubject => "does not say what it is about",
            Self::OtherSubject => "says that it is about another manifest",
            Self::OtherSubjectSize => "gives another size for what it is about",
            Self::OtherSubjectMediaType => "gives another media type for what it is about",
            Self::NotEvidence => "lies where signatures lie, and holds none",
            Self::TooLarge => "is larger than what is read of its kind",
            Self::TooMany => "comes after the most that is looked at",
        }
    }
}
