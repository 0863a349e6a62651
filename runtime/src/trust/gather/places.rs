//! The places where something may lie beside a manifest, and what is there.

use futures_util::FutureExt;

use super::{Depots, Found, GatherError, Strange, Wanted, together};
use crate::artifact::{Content, Depot, DepotError, Descriptor, Digest, Manifest, Referrers, Selector, fallback_tag};
use crate::trust::evidence::Place;

/// The most manifests of one place that are looked at. Whoever may push could add any number.
const MAX_LEADS: usize = 64;

/// The largest manifest of something that lies beside another one, in bytes: 64 signatures with their certificates.
const MAX_LEAD_BYTES: u64 = 1024 * 1024;

/// How large all of these are together, at most, in bytes.
const MAX_LEADS_BYTES: u64 = 16 * 1024 * 1024;

/// What BuildKit writes at the entries of an index (BuildKit, `docs/attestations/attestation-storage.md`).
const REFERENCE_TYPE: &str = "vnd.docker.reference.type";
const REFERENCE_DIGEST: &str = "vnd.docker.reference.digest";
const ATTESTATION_MANIFEST: &str = "attestation-manifest";

/// A manifest that is said to be about another one.
pub(super) struct Lead<'a> {
    subject: &'a Manifest,
    pub(super) place: Place,
    pub(super) depot: &'a Depot,
    at: At,
}

/// What is known of a lead's manifest.
enum At {
    /// How it is listed; its own `subject` has to agree.
    Listed(Descriptor),
    /// How the image's own index lists it. A `subject` may be missing: the index says the same.
    InIndex(Descriptor),
    /// It was under a tag of its own.
    Tagged(Box<Manifest>),
}

/// One question.
#[derive(Clone, Copy)]
enum Question {
    Referrers,
    FallbackTag,
    /// Under the tag with this ending.
    LegacyTag(&'static str),
}

/// What is in one place beside one manifest.
struct Answer<'a> {
    subject: &'a Manifest,
    depot: &'a Depot,
    place: Place,
    at: Vec<At>,
    more: bool,
}

/// All leads of all places, each manifest once, in a stable order.
pub(super) async fn leads<'a>(
    subjects: &'a [Manifest],
    depots: Depots<'a>,
    wanted: Wanted,
    found: &mut Found,
) -> Result<Vec<Lead<'a>>, GatherError> {
    let mut questions = vec![Question::Referrers, Question::FallbackTag, Question::LegacyTag(".sig")];
    if wanted.attestations {
        questions.push(Question::LegacyTag(".att"));
    }
    let mut asked = Vec::new();
    for subject in subjects {
        let own = (depots.own, false);
        for (depot, is_separate) in [own].into_iter().chain(depots.signatures.map(|depot| (depot, true))) {
            for question in &questions {
                asked.push(question.ask(subject, depot, is_separate).boxed());
            }
        }
    }
    let answers = together(asked).await?;
    let mut leads: Vec<Lead<'a>> = Vec::new();
    if wanted.attestations {
        for (subject, entry) in in_index(subjects) {
            add(&mut leads, found, subject, depots.own, Place::Index, vec![At::InIndex(entry.clone())]);
        }
    }
    for Answer { subject, depot, place, at, more } in answers {
        add(&mut leads, found, subject, depot, place, at);
        if more {
            found.note(*subject.digest(), place, None, Strange::TooMany);
        }
    }
    Ok(leads)
}

/// Adds the leads of one place, but for manifests that are known from another.
fn add<'a>(
    leads: &mut Vec<Lead<'a>>,
    found: &mut Found,
    subject: &'a Manifest,
    depot: &'a Depot,
    place: Place,
    mut at: Vec<At>,
) {
    // What is likely to be a signature comes before what is not; nothing is left out for what its list says it is.
    at.sort_by_key(At::rank);
    let mut added = 0;
    let mut bytes: u64 = leads.iter().map(|lead| lead.at.size()).sum();
    for at in at {
        let lead = Lead { subject, place, depot, at };
        if leads.iter().any(|known| known.digest() == lead.digest() && known.about() == lead.about()) {
            continue;
        }
        let size = lead.at.size();
        let too_large = (size > MAX_LEAD_BYTES).then_some(Strange::TooLarge);
        let too_many = added == MAX_LEADS || bytes.saturating_add(size) > MAX_LEADS_BYTES;
        if let Some(problem) = too_large.or(too_many.then_some(Strange::TooMany)) {
            found.note(*subject.digest(), place, Some(lead.digest()), problem);
            continue;
        }
        bytes += size;
        added += 1;
        leads.push(lead);
    }
}

/// The attestation manifests that an index has for others of its entries.
fn in_index(subjects: &[Manifest]) -> impl Iterator<Item = (&Manifest, &Descriptor)> {
    let entries = subjects.iter().flat_map(|index| match &index.content {
        Content::Index { manifests } => manifests.as_slice(),
        Content::Image { .. } => &[],
    });
    entries.filter_map(|entry| {
        let note = |key: &str| entry.annotations.get(key).map(String::as_str);
        let about: Digest = note(REFERENCE_DIGEST)?.parse().ok()?;
        let is_attestation = note(REFERENCE_TYPE) == Some(ATTESTATION_MANIFEST) && entry.digest != about;
        let subject = subjects.iter().find(|subject| is_attestation && *subject.digest() == about)?;
        Some((subject, entry))
    })
}

impl Question {
    fn place(self) -> Place {
        match self {
            Self::Referrers => Place::Referrers,
            Self::FallbackTag => Place::FallbackTag,
            Self::LegacyTag(_) => Place::LegacyTag,
        }
    }

    async fn ask<'a>(
        self,
        subject: &'a Manifest,
        depot: &'a Depot,
        is_separate: bool,
    ) -> Result<Answer<'a>, GatherError> {
        let place = if is_separate { Place::SignatureRepository } else { self.place() };
        match self.what_is_there(depot, *subject.digest()).await {
            Ok((at, more)) => Ok(Answer { subject, depot, place, at, more }),
            Err(source) => Err(GatherError { digest: *subject.digest(), place, source }),
        }
    }

    /// What is there, and whether there is more.
    async fn what_is_there(self, depot: &Depot, subject: Digest) -> Result<(Vec<At>, bool), DepotError> {
        match self {
            Self::Referrers => {
                let Referrers { entries, more } = depot.referrers(&subject).await?;
                Ok((entries.into_iter().map(At::Listed).collect(), more))
            }
            Self::FallbackTag => match depot.companion(fallback_tag(&subject)).await? {
                // GitLab's registry takes the tag for the digest, and gives the manifest itself.
                Some(list) if *list.digest() != subject => match list.content {
                    Content::Index { manifests } => Ok((manifests.into_iter().map(At::Listed).collect(), false)),
                    Content::Image { .. } => Ok((vec![At::Tagged(Box::new(list))], false)),
                },
                _ => Ok((Vec::new(), false)),
            },
            Self::LegacyTag(ending) => {
                let manifest = depot.companion(fallback_tag(&subject) + ending).await?;
                Ok((manifest.into_iter().map(|manifest| At::Tagged(Box::new(manifest))).collect(), false))
            }
        }
    }
}

impl At {
    /// How large the manifest is said to be, in bytes. Of one that is here already, nothing more is read.
    fn size(&self) -> u64 {
        match self {
            Self::Listed(entry) | Self::InIndex(entry) => entry.size,
            Self::Tagged(_) => 0,
        }
    }

    fn rank(&self) -> u8 {
        const LIKELY: [&str; 5] = [
            "application/vnd.dev.sigstore.",
            "application/vnd.dev.cosign.",
            "application/vnd.in-toto",
            "application/vnd.docker.attestation.",
            // What some registries list in place of everything else.
            "application/vnd.oci.empty.",
        ];
        match self {
            Self::Tagged(_) | Self::InIndex(_) => 0,
            Self::Listed(entry) => match &entry.artifact_type {
                Some(said) if LIKELY.iter().any(|likely| said.starts_with(likely)) => 0,
                None => 1,
                Some(_) => 2,
            },
        }
    }
}

impl Lead<'_> {
    /// The manifest that it is said to be about.
    pub(super) fn about(&self) -> Digest {
        *self.subject.digest()
    }

    /// Its own digest.
    pub(super) fn digest(&self) -> Digest {
        match &self.at {
            At::Listed(entry) | At::InIndex(entry) => entry.digest,
            At::Tagged(manifest) => *manifest.digest(),
        }
    }

    /// Whether a signature of the index covers it.
    pub(super) fn by_index(&self) -> bool {
        matches!(self.at, At::InIndex(_))
    }

    /// Whether it was put where nothing but signatures and attestations lie.
    pub(super) fn is_in_place_for_evidence(&self) -> bool {
        matches!(self.at, At::Tagged(_) | At::InIndex(_))
    }

    /// Its manifest, if it is what it is said to be, and about what it is said to be. That it cannot be had from where it is listed is one thing; that nobody answers is another.
    pub(super) async fn manifest(&self) -> Result<Result<Manifest, Strange>, GatherError> {
        if let At::Tagged(manifest) = &self.at {
            return Ok(self.check(manifest).map(|()| Manifest::clone(manifest)));
        }
        let manifest = or_strange(self.depot.manifest(&Selector::Digest(self.digest())).await);
        let manifest = manifest.map_err(|source| GatherError { digest: self.about(), place: self.place, source })?;
        // One that does not fit is not held any longer: its size is another than the one that was counted.
        Ok(manifest.and_then(|manifest| self.check(&manifest).map(|()| manifest)))
    }

    /// Checks that its manifest is what it is said to be, and about what it is said to be.
    fn check(&self, manifest: &Manifest) -> Result<(), Strange> {
        if let At::Listed(entry) | At::InIndex(entry) = &self.at {
            if entry.size != manifest.bytes().len() as u64 {
                return Err(Strange::OtherSize);
            }
            if entry.media_type != manifest.media_type() {
                return Err(Strange::OtherMediaType);
            }
        }
        let expected = self.subject;
        match &manifest.subject {
            None if matches!(self.at, At::Listed(_)) => Err(Strange::NoSubject),
            None => Ok(()),
            Some(subject) if subject.digest != *expected.digest() => Err(Strange::OtherSubject),
            Some(subject) if subject.size != expected.bytes().len() as u64 => Err(Strange::OtherSubjectSize),
            Some(subject) if subject.media_type != expected.media_type() => Err(Strange::OtherSubjectMediaType),
            Some(_) => Ok(()),
        }
    }
}

/// Tells what lies there and is of no use from what could not be found out.
pub(super) fn or_strange<T>(answer: Result<T, DepotError>) -> Result<Result<T, Strange>, DepotError> {
    match answer {
        Ok(found) => Ok(Ok(found)),
        Err(DepotError::None(_) | DepotError::NoBlob(_)) => Ok(Err(Strange::Missing)),
        Err(DepotError::Manifest { .. }) => Ok(Err(Strange::NotAManifest)),
        Err(DepotError::OtherSize { .. }) => Ok(Err(Strange::OtherSize)),
        Err(DepotError::TooLarge { .. } | DepotError::AnswerTooLarge { .. }) => Ok(Err(Strange::TooLarge)),
        Err(error) => Err(error),
    }
}
