//! Who vouches for what is about to run. Nothing else makes a [`Verified`], and executors take nothing else.
//!
//! ```text
//! TrustPolicy, waivers ─▶ Judge ─ decide(Subject, Depot) ─▶ Decision ─ allowed() ─▶ Allowed ─ component() ─▶ Verified
//! ```
//!
//! `scope` says which rule of the `policy` is for a name, `gather` asks the depot for `evidence`, `weigh` finds out who
//! of the scope's `authority`s made each of it and what it says, `sbom`, `vulnerability` and `provenance` read and check
//! what was attested, and `judge` decides. `sign` is the other way round: what an author signs so that others can verify
//! it. `tuf` is where trust roots come from whose keepers replace their keys. All but `gather`, `advisories` and what
//! refreshes a root is pure.

mod advisories;
mod authority;
mod bundle;
mod by_certificate;
mod by_key;
mod claimed;
mod decision;
mod evidence;
mod explain;
mod fault;
#[cfg(test)]
mod forge;
mod gather;
mod identity;
mod judge;
mod key;
mod legacy;
mod payload;
mod policy;
mod predicate;
mod proof;
mod provenance;
mod reason;
mod remedy;
mod root;
mod sbom;
mod scope;
mod sign;
mod signature;
mod statement;
mod survey;
mod time;
mod tuf;
mod version;
mod vex;
mod vulnerability;
mod weigh;

use serde::{Deserialize, Serialize};

pub(crate) use self::advisories::Advisories;
pub(crate) use self::authority::Authority;
pub use self::decision::{Decision, Problem, Remedy, Requirement, SignedBy, Verdict};
pub(crate) use self::evidence::Evidence;
pub use self::explain::Explanation;
pub(crate) use self::gather::{Wanted, gather};
pub(crate) use self::judge::{Judge, Subject, with_causes};
pub use self::key::{InvalidKey, SignerKey};
pub use self::policy::{Addition, InvalidTrustPolicy, PolicyFiles, TrustPolicy, WrittenTrustPolicy};
pub(crate) use self::policy::{Counted, Fetched, Include, Published};
pub use self::predicate::{InvalidPredicate, Predicate};
pub use self::provenance::ProvenanceSummary;
pub use self::reason::Reason;
pub use self::sbom::SbomSummary;
pub(crate) use self::scope::Name;
pub(crate) use self::sign::{Attested, Holder, NotLogged, Service, Signed, Unsigned, Words, include};
pub use self::sign::{
    CannotAsk, CertificateProblem, IdentityToken, InvalidIdentityToken, InvalidSigningInstance, InvalidSigningKey,
    Keyless, Signer, SignerIdentity, Signing, SigningError, SigningInstance, SigningKey,
};
pub use self::survey::{Survey, Surveyed};
pub(crate) use self::tuf::Mirror;
pub(crate) use self::tuf::refresh as refresh_root;
pub use self::tuf::{RefreshError, TufRoot, TufState, Versions};
use crate::artifact::{Artifact, Content, Digest, Manifest};
use crate::spec::Source;

/// What is fuzzed.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzed {
    pub(crate) use super::evidence::{Evidence, Form, Notes, Place};
    pub(crate) use super::fault::Fault;
    pub(crate) use super::payload::Payload;
    pub(crate) use super::provenance::Provenance;
    pub(crate) use super::root::TrustRoot;
    pub(crate) use super::sbom::Sbom;
    pub(crate) use super::scope::Name;
    pub(crate) use super::statement::Statement;
    pub(crate) use super::vex::Vex;
    pub(crate) use super::vulnerability::{Snapshot, SnapshotFile, look_up};
    pub(crate) use super::weigh::Weighing;
}

/// Why an artifact may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// The person named a file of their own.
    OwnFile,
    /// It was shipped inside this program.
    ShippedInside,
    /// A signer that the trust policy names signed this digest.
    Signed,
    /// A person wrote this digest into the trust policy.
    Reviewed,
    /// The person named an image of their own, by its ID.
    OwnImage,
    /// Nobody vouches for it: the person waived this digest on the command line.
    Waived,
    /// Nobody vouches for it: the trust policy lets everything of this scope through.
    AllowedUnsigned,
    /// It does not meet its scope, which only warns.
    Warned,
    /// Somebody else runs it: it is whoever its TLS certificate says.
    Host,
}

impl Basis {
    /// Whether nobody vouches for what was pulled, and it runs all the same: shown at every start.
    pub fn is_unverified(self) -> bool {
        matches!(self, Self::Waived | Self::AllowedUnsigned | Self::Warned)
    }

    /// Whether it runs by what a trust policy says, and not as somebody's own.
    pub(crate) fn is_by_policy(self) -> bool {
        match self {
            Self::Signed | Self::Reviewed | Self::Waived | Self::AllowedUnsigned | Self::Warned => true,
            Self::OwnFile | Self::ShippedInside | Self::OwnImage | Self::Host => false,
        }
    }
}

/// Proof that an artifact may run: these bytes, for this reason.
#[derive(Clone)]
pub(crate) struct Verified {
    artifact: Artifact,
    basis: Basis,
}

/// Proof that a manifest may run, and so whatever it names by digest.
#[derive(Debug, Clone)]
pub(crate) struct Allowed {
    manifests: Vec<Digest>,
    basis: Basis,
    signers: Vec<String>,
}

/// Proof that an image of an engine may run: this one, for this reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VerifiedImage {
    image: Digest,
    basis: Basis,
}

/// Why an artifact may not run.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The bytes are others than those that were planned.
    #[error("the artifact has changed: {planned} was planned, {found} is there now")]
    Changed {
        /// What the plan names.
        planned: Digest,
        /// What is there.
        found: Digest,
    },
    /// The trust policy does not let it run.
    #[error("{} is refused ({reason}): {problem}", .decision.named())]
    Policy {
        /// Why, as a code that stays the same.
        reason: Reason,
        /// Why, in words.
        problem: String,
        /// What was judged, and how.
        decision: Box<Decision>,
    },
    /// The trust policy says that it never runs.
    #[error("{0} is refused (denied): its digest is denied by the trust policy, and never runs")]
    Denied(Digest),
    /// What should run is not what the judged manifest names.
    #[error("{found} is not what the manifest {manifest} names")]
    NotNamed {
        /// What was judged.
        manifest: Digest,
        /// What should run.
        found: Digest,
    },
}

/// Judges what is the person's own: a file, or a server shipped inside, of which `planned` was resolved.
///
/// # Errors
/// Where it has changed since, or is nobody's own.
pub(crate) fn judge_own(source: &Source, planned: &Digest, artifact: Artifact) -> Result<Verified, Refused> {
    if artifact.digest() != planned {
        return Err(Refused::Changed { planned: *planned, found: *artifact.digest() });
    }
    match own_basis(source) {
        Some(basis) => Ok(Verified { artifact, basis }),
        None => Err(Refused::NotNamed { manifest: *planned, found: *artifact.digest() }),
    }
}

/// On what basis an artifact runs that nobody has to vouch for, as it is the person's own.
pub(crate) fn own_basis(source: &Source) -> Option<Basis> {
    match source {
        Source::File(_) => Some(Basis::OwnFile),
        Source::BuiltIn(_) => Some(Basis::ShippedInside),
        Source::Oci(_) | Source::Layout(_) | Source::Image(_) | Source::Remote(_) => None,
    }
}

impl Refused {
    /// What would let it run.
    pub fn remedies(&self) -> &[Remedy] {
        match self {
            Self::Policy { decision, .. } => match &decision.verdict {
                Verdict::Refused { remedies, .. } => remedies,
                Verdict::Accepted { .. } => &[],
            },
            Self::Changed { .. } | Self::Denied(_) | Self::NotNamed { .. } => &[],
        }
    }
}

impl Decision {
    /// Why it may not run, if it may not.
    pub fn refused(self) -> Option<Refused> {
        self.allowed().err()
    }

    /// The proof, where it may run.
    ///
    /// # Errors
    /// Where it may not.
    pub(crate) fn allowed(self) -> Result<Allowed, Refused> {
        match &self.verdict {
            Verdict::Accepted { basis, signers, .. } => {
                let signers = signers.iter().map(|by| by.identity.clone()).collect();
                Ok(Allowed { basis: *basis, signers, manifests: self.manifests })
            }
            Verdict::Refused { why: Problem { reason, problem }, .. } => {
                Err(Refused::Policy { reason: *reason, problem: problem.clone(), decision: Box::new(self) })
            }
        }
    }
}

impl Allowed {
    /// Why it may run.
    pub(crate) fn basis(&self) -> Basis {
        self.basis
    }

    /// Who vouches for it.
    pub(crate) fn signers(&self) -> &[String] {
        &self.signers
    }

    /// The proof for a component: one that the judged manifest names as a layer.
    ///
    /// # Errors
    /// Where another manifest, or another layer, was judged.
    pub(crate) fn component(&self, manifest: &Manifest, artifact: Artifact) -> Result<Verified, Refused> {
        let found = *artifact.digest();
        let named = match &manifest.content {
            Content::Image { layers, .. } => layers.iter().any(|layer| layer.digest == found),
            Content::Index { .. } => false,
        };
        self.check(manifest, named, found)?;
        Ok(Verified { artifact, basis: self.basis })
    }

    /// The proof for an image: the one that the judged manifest names as its configuration, as engines name images.
    ///
    /// # Errors
    /// Where another manifest was judged, or it is no image.
    pub(crate) fn image(&self, manifest: &Manifest) -> Result<VerifiedImage, Refused> {
        let Content::Image { config, .. } = &manifest.content else {
            return Err(Refused::NotNamed { manifest: *manifest.digest(), found: *manifest.digest() });
        };
        self.check(manifest, true, config.digest)?;
        Ok(VerifiedImage { image: config.digest, basis: self.basis })
    }

    fn check(&self, manifest: &Manifest, named: bool, found: Digest) -> Result<(), Refused> {
        if named && self.manifests.contains(manifest.digest()) {
            Ok(())
        } else {
            Err(Refused::NotNamed { manifest: *manifest.digest(), found })
        }
    }
}

impl Verified {
    /// The digest of what may run.
    pub(crate) fn digest(&self) -> &Digest {
        self.artifact.digest()
    }

    /// The bytes that may run.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.artifact.bytes()
    }

    /// Why they may.
    pub(crate) fn basis(&self) -> Basis {
        self.basis
    }
}

impl VerifiedImage {
    /// An image of the person's own on their engine, by its ID: nothing that a registry or a tag could change.
    pub(crate) fn own(image: Digest) -> Self {
        Self { image, basis: Basis::OwnImage }
    }

    /// The image's own digest, as engines name images.
    pub(crate) fn image(&self) -> &Digest {
        &self.image
    }

    /// Why it may run.
    pub(crate) fn basis(&self) -> Basis {
        self.basis
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_bytes_than_the_planned_ones_are_refused() {
        let source = Source::File("server.wasm".into());
        let planned = Digest::of(b"reviewed");
        assert!(judge_own(&source, &planned, Artifact::new(*b"reviewed")).is_ok());
        let swapped = judge_own(&source, &planned, Artifact::new(*b"swapped"));
        assert!(matches!(swapped, Err(Refused::Changed { .. })));
    }

    #[test]
    fn what_comes_from_elsewhere_is_nobodys_own() {
        let planned = Digest::of(b"x");
        for source in [Source::Oci("ghcr.io/a/b:1".parse().unwrap()), Source::Layout("dir".parse().unwrap())] {
            assert!(judge_own(&source, &planned, Artifact::new(*b"x")).is_err());
        }
    }

    /// A manifest with one layer of these bytes.
    fn manifest_of(layer: &[u8], config: &[u8]) -> Manifest {
        let descriptor = |bytes: &[u8]| {
            let (digest, size) = (Digest::of(bytes), bytes.len());
            format!(r#"{{"mediaType":"application/wasm","digest":"{digest}","size":{size}}}"#)
        };
        let (config, layer) = (descriptor(config), descriptor(layer));
        let text = format!(r#"{{"schemaVersion":2,"config":{config},"layers":[{layer}]}}"#);
        Manifest::read(text.into_bytes(), None).unwrap()
    }

    #[test]
    fn a_proof_is_for_what_the_judged_manifest_names_and_for_nothing_else() {
        let (judged, other) = (manifest_of(b"good", b"config"), manifest_of(b"evil", b"config"));
        let allowed = Allowed { manifests: vec![*judged.digest()], basis: Basis::Signed, signers: Vec::new() };
        assert!(allowed.component(&judged, Artifact::new(*b"good")).is_ok());
        assert!(allowed.component(&judged, Artifact::new(*b"evil")).is_err());
        assert!(allowed.component(&judged, Artifact::new(*b"config")).is_err());
        assert!(allowed.component(&other, Artifact::new(*b"evil")).is_err());
        assert_eq!(*allowed.image(&judged).unwrap().image(), Digest::of(b"config"));
        assert!(allowed.image(&other).is_err());
    }
}
