//! What is in a manifest that lies beside another one: which of its layers are evidence, of which form.

use std::collections::BTreeMap;

use super::places::{Lead, or_strange};
use super::{Found, GatherError, Strange, Wanted};
use crate::artifact::{Artifact, Content, Depot, Descriptor, Digest, Manifest};
use crate::trust::evidence::{Evidence, Form, Notes, Place};
use crate::trust::payload::MAX_PAYLOAD_BYTES;
use crate::trust::signature::{LOG_ANNOTATION, SIGNATURE_ANNOTATION, SIGNATURE_MEDIA_TYPE};

/// The most layers of one manifest that are looked at.
pub(crate) const MAX_LAYERS: usize = 64;

/// What counts against [`MAX_SMALL`], in bytes; what is larger counts against [`MAX_LARGE`].
const SMALL: u64 = MAX_PAYLOAD_BYTES as u64;

/// The largest statement that is read, in bytes; and, as they hold one in base64, envelope and bundle.
const MAX_STATEMENT: u64 = 40 * 1024 * 1024;
const MAX_ENVELOPE: u64 = MAX_STATEMENT / 3 * 4 + 1024 * 1024;

/// How large all that is small is together, at most, in bytes; each counts as no less than [`LEAST`].
const MAX_SMALL: u64 = 16 * 1024 * 1024;
const LEAST: u64 = 1024;

/// How large all that is not small is together, at most, in bytes.
const MAX_LARGE: u64 = 64 * 1024 * 1024;

const ENVELOPE_MEDIA_TYPE: &str = "application/vnd.dsse.envelope.v1+json";
const STATEMENT_MEDIA_TYPE: &str = "application/vnd.in-toto+json";
const BUNDLE_MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle";

/// What a layer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    SimpleSigning,
    Envelope,
    Bundle,
    Statement,
}

/// How much more may be read.
pub(super) struct Budget {
    large: u64,
    small: u64,
}

/// A layer that is to be read.
pub(super) struct Wanting<'a> {
    pub(super) about: Digest,
    pub(super) place: Place,
    /// The manifest that it is in.
    pub(super) carrier: Manifest,
    depot: &'a Depot,
    layer: Descriptor,
    kind: Kind,
    by_index: bool,
}

/// The layers of a manifest that are evidence, as far as the budget allows.
///
/// # Errors
/// Where it holds none, and lies where it should.
pub(super) fn of<'a>(
    lead: &Lead<'a>,
    manifest: Manifest,
    wanted: Wanted,
    budget: &mut Budget,
    found: &mut Found,
) -> Result<Vec<Wanting<'a>>, Strange> {
    let Content::Image { layers, .. } = &manifest.content else { return Err(Strange::NotAManifest) };
    let mut wanting = Vec::new();
    let mut any = false;
    for layer in layers {
        let Some(kind) = kind_of(layer, layers.len(), &manifest) else {
            if lead.is_in_place_for_evidence() {
                found.note(lead.about(), lead.place, Some(lead.digest()), Strange::NotEvidence);
            }
            continue;
        };
        any = true;
        if kind == Kind::Statement && !wanted.attestations {
            continue;
        }
        let problem = if wanting.len() == MAX_LAYERS {
            Some(Strange::TooMany)
        } else if layer.size > kind.cap() {
            Some(Strange::TooLarge)
        } else {
            (!budget.take(layer.size)).then_some(Strange::TooMany)
        };
        match problem {
            Some(problem) => found.note(lead.about(), lead.place, Some(lead.digest()), problem),
            None => wanting.push(Wanting {
                about: lead.about(),
                place: lead.place,
                carrier: manifest.clone(),
                depot: lead.depot,
                layer: layer.clone(),
                kind,
                by_index: lead.by_index(),
            }),
        }
    }
    if !any && layers.is_empty() && lead.is_in_place_for_evidence() {
        return Err(Strange::NotEvidence);
    }
    Ok(wanting)
}

/// What a layer is: what it says itself, or else, of the only layer, what its manifest says. Registries list artifact
/// types wrongly, and writers put them into several places.
fn kind_of(layer: &Descriptor, layers: usize, manifest: &Manifest) -> Option<Kind> {
    let config = match &manifest.content {
        Content::Image { config, .. } => Some(config.media_type.as_str()),
        Content::Index { .. } => None,
    };
    Kind::of(&layer.media_type).or_else(|| {
        let others = [manifest.artifact_type.as_deref(), config];
        // Only a bundle says of itself what it is.
        others.into_iter().flatten().filter(|_| layers == 1).find_map(Kind::of).filter(|kind| *kind == Kind::Bundle)
    })
}

impl Kind {
    fn of(media_type: &str) -> Option<Self> {
        match media_type {
            SIGNATURE_MEDIA_TYPE => Some(Self::SimpleSigning),
            ENVELOPE_MEDIA_TYPE => Some(Self::Envelope),
            STATEMENT_MEDIA_TYPE => Some(Self::Statement),
            // `….v0.3+json`, and `…+json;version=0.1` or so before.
            other => other.strip_prefix(BUNDLE_MEDIA_TYPE)?.starts_with(['.', '+']).then_some(Self::Bundle),
        }
    }

    fn cap(self) -> u64 {
        match self {
            Self::SimpleSigning => SMALL,
            Self::Statement => MAX_STATEMENT,
            Self::Envelope | Self::Bundle => MAX_ENVELOPE,
        }
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self { large: MAX_LARGE, small: MAX_SMALL }
    }
}

impl Budget {
    fn take(&mut self, size: u64) -> bool {
        // Each costs something, however small: what one blob holds may be listed any number of times.
        let left = if size <= SMALL { &mut self.small } else { &mut self.large };
        left.checked_sub(size.max(LEAST)).inspect(|rest| *left = *rest).is_some()
    }
}

impl Wanting<'_> {
    /// The bytes that it is to be read from: two with the same are read once.
    pub(super) fn blob(&self) -> (Digest, u64) {
        (self.layer.digest, self.layer.size)
    }

    /// What tells it from others of the same manifest and place.
    pub(super) fn key(&self) -> (Digest, BTreeMap<String, String>, Option<Digest>) {
        let carrier = (self.kind == Kind::Statement).then(|| *self.carrier.digest());
        (self.layer.digest, self.layer.annotations.clone(), carrier)
    }

    /// Reads the layer.
    pub(super) async fn fetch(&self) -> Result<Result<Artifact, Strange>, GatherError> {
        let blob = or_strange(self.depot.blob(&self.layer, self.kind.cap()).await);
        blob.map_err(|source| GatherError { digest: self.about, place: self.place, source })
    }

    /// What the layer with these bytes is evidence of.
    pub(super) fn evidence(&self, bytes: &[u8]) -> Evidence {
        let (bytes, notes) = (bytes.to_vec(), || notes(&self.layer));
        let form = match self.kind {
            Kind::SimpleSigning => Form::SimpleSigning { payload: bytes, notes: notes() },
            Kind::Envelope => Form::Envelope { envelope: bytes, notes: notes() },
            Kind::Bundle => Form::Bundle(bytes),
            Kind::Statement => {
                Form::Statement { statement: bytes, carrier: *self.carrier.digest(), by_index: self.by_index }
            }
        };
        Evidence { about: self.about, place: self.place, form }
    }
}

/// cosign's annotations (`specs/SIGNATURE_SPEC.md`, and what newer versions add).
fn notes(layer: &Descriptor) -> Notes {
    let note = |key: &str| layer.annotations.get(key).cloned();
    Notes {
        signature: note(SIGNATURE_ANNOTATION),
        certificate: note("dev.sigstore.cosign/certificate"),
        chain: note("dev.sigstore.cosign/chain"),
        log: note(LOG_ANNOTATION),
        timestamp: note("dev.sigstore.cosign/rfc3161timestamp"),
        predicate_type: note("predicateType").or_else(|| note("in-toto.io/predicate-type")),
    }
}
