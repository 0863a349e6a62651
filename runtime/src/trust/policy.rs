//! The trust policy: whose signatures, which attestations, and which reviewed digests let an artifact run.

mod addition;
mod file;
mod include;
mod plain;
mod roots;
mod shipped;
mod signer;
#[cfg(test)]
mod tests;
mod written;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

pub use self::addition::Addition;
pub use self::file::InvalidTrustPolicy;
pub(crate) use self::include::{Counted, Fetched, Include, Published};
pub(crate) use self::shipped::is_shipped;
pub use self::written::WrittenTrustPolicy;
use super::authority::Authority;
#[cfg(test)]
use super::authority::Who;
use super::key::SignerKey;
use super::provenance::{Provenance, ProvenanceRules};
use super::root::TrustRoot;
use super::sbom::{Sbom, SbomRules};
use super::scope::{Name, Pattern};
use super::tuf::{TufRoot, TufState};
use super::vex::OPENVEX_PREDICATE;
use crate::artifact::{Digest, Reference};

/// Who is trusted for what. Without any rule it rejects everything but what is shipped as trusted.
#[derive(Debug, Clone, Default)]
pub struct TrustPolicy {
    /// The file that a person reads and writes it in, for messages.
    place: String,
    /// Whether anybody has written it.
    written: bool,
    default: Fallback,
    /// Whether the shipped scopes do not hold.
    without_shipped: bool,
    /// Manifests, components and images that never run, whatever else holds.
    denied: BTreeSet<Digest>,
    /// The trust roots that come by TUF.
    roots: Vec<Arc<TrustRoot>>,
    scopes: Vec<Scope>,
    /// Policies in registries that hold as well.
    includes: Vec<Arc<Include>>,
    /// What has become of these; nothing where nobody has fetched them yet.
    fetched: Vec<Fetched>,
}

/// What a policy is read from beside its text. Relative paths count from the policy's own file.
pub trait PolicyFiles {
    /// The content of a file.
    ///
    /// # Errors
    /// Where it cannot be read, or is too large.
    fn read(&mut self, path: &Path) -> std::io::Result<Vec<u8>>;

    /// Where a file or folder lies.
    ///
    /// # Errors
    /// Where none could be meant.
    fn path(&mut self, path: &Path) -> std::io::Result<PathBuf>;

    /// Whether the policy may name trust roots that come by TUF: what is kept of them on this machine is [`kept`]. One
    /// that is written elsewhere may not: nobody here would know that they have to be refreshed, and from where.
    ///
    /// [`kept`]: Self::kept
    fn keeps_roots(&self) -> bool {
        false
    }

    /// The content of a file that is kept of trust roots on this machine, by its path below the folder for them. Nothing
    /// where there is none.
    ///
    /// # Errors
    /// Where it cannot be read, or is too large.
    fn kept(&mut self, _path: &Path) -> std::io::Result<Option<Vec<u8>>> {
        Ok(None)
    }
}

/// What holds for artifacts that no scope is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Fallback {
    /// They do not run.
    #[default]
    Reject,
    /// They run, and are shown as not verified at every start.
    AllowUnsigned,
}

/// What happens to an artifact that does not meet its scope.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mode {
    /// It does not run.
    #[default]
    Enforce,
    /// It runs, and is shown as not verified at every start.
    Warn,
}

/// One rule: what lets artifacts of some repositories run. It has a requirement or a reviewed digest.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    /// What it is for, as it was written.
    pub(crate) written: String,
    pattern: Pattern,
    origin: Origin,
    pub(crate) mode: Mode,
    /// Manifests that a person reviewed.
    pub(crate) digests: BTreeSet<Digest>,
    /// The repository that has the signatures, where they are not beside the artifact.
    pub(crate) signatures: Option<Reference>,
    /// Whose signatures count.
    pub(crate) signers: Vec<Arc<Authority>>,
    /// How many different signers it takes.
    pub(crate) threshold: usize,
    /// What has to be attested, each by whom. All of them hold.
    pub(crate) attestations: Vec<Attestations>,
    pub(crate) sbom: Option<SbomRules>,
    pub(crate) provenance: Option<ProvenanceRules>,
}

/// Where a scope stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin {
    /// In the policy itself.
    Written,
    /// Inside this program.
    Shipped,
    /// In one that was fetched from here.
    Fetched(Arc<str>),
}

/// A kind of attestation that there has to be, and who may make it.
#[derive(Debug, Clone)]
pub(crate) struct Attestations {
    /// Exactly what such an attestation says of its kind: of several, any.
    pub(crate) types: Vec<String>,
    /// Whose attestations count: of these, any.
    pub(crate) signers: Vec<Arc<Authority>>,
}

/// Types of attestations that say the same kind of thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Sbom,
    Provenance,
    Vex,
}

impl Family {
    /// The family of a type, if it has one.
    pub(crate) fn of(predicate_type: &str) -> Option<Self> {
        if Sbom::is_predicate_type(predicate_type) {
            Some(Self::Sbom)
        } else if Provenance::version(predicate_type).is_some() {
            Some(Self::Provenance)
        } else {
            predicate_type.starts_with(OPENVEX_PREDICATE).then_some(Self::Vex)
        }
    }
}

impl Attestations {
    /// Whether a text is a type of attestation that can be asked for.
    pub(crate) fn is_type(text: &str) -> bool {
        text.contains("://")
    }
}

impl Scope {
    fn new(written: String, pattern: Pattern) -> Self {
        Self {
            written,
            pattern,
            origin: Origin::Written,
            mode: Mode::Enforce,
            digests: BTreeSet::new(),
            signatures: None,
            signers: Vec::new(),
            threshold: 1,
            attestations: Vec::new(),
            sbom: None,
            provenance: None,
        }
    }

    /// One that stands in no policy: for looking at what these say.
    pub(crate) fn of_signers(signers: Vec<Arc<Authority>>) -> Self {
        Self { signers, ..Self::new("everybody".to_owned(), Pattern::Everything) }
    }

    /// Whether it stands in the policy itself, which its owner can change.
    pub(crate) fn is_written_here(&self) -> bool {
        self.origin == Origin::Written
    }

    /// Whether it stands for a key on the command line, and in no file.
    pub(crate) fn is_of_command_line(&self) -> bool {
        self.pattern == Pattern::Everything
    }

    /// Whether it is for no more than one repository, or for folders.
    pub(crate) fn is_for_one_name(&self) -> bool {
        matches!(self.pattern, Pattern::Exactly(_) | Pattern::Layouts)
    }

    /// Whether anything but a reviewed digest can meet it.
    pub(crate) fn has_requirements(&self) -> bool {
        !self.signers.is_empty() || !self.attestations.is_empty()
    }

    /// Whether anything has to be attested.
    pub(crate) fn wants_attestations(&self) -> bool {
        !self.attestations.is_empty() || self.sbom.is_some() || self.provenance.is_some()
    }

    /// Everybody whose word could count for something.
    pub(crate) fn authorities(&self) -> impl Iterator<Item = &Arc<Authority>> {
        self.signers.iter().chain(self.attestations.iter().flat_map(|asked| &asked.signers))
    }

    /// The trust roots that something of it is checked with.
    pub(crate) fn roots(&self) -> Vec<Arc<TrustRoot>> {
        distinct(self.authorities().filter_map(|authority| authority.root_in_use()))
    }

    /// What those of them are at this time that come by TUF.
    pub(crate) fn root_states(&self, now: SystemTime) -> Vec<TufState> {
        self.roots().iter().filter_map(|root| root.state(now)).collect()
    }

    /// Who may attest something of this kind: those named for exactly that, or else for another of its family, or else the
    /// signers. Who is not named for a version is not trusted for it because another version is written.
    pub(crate) fn attesters(&self, predicate_type: &str) -> Vec<Arc<Authority>> {
        let named = |is_meant: &dyn Fn(&str) -> bool| -> Vec<Arc<Authority>> {
            let asked = self.attestations.iter().filter(|asked| asked.types.iter().any(|known| is_meant(known)));
            asked.flat_map(|asked| asked.signers.iter().cloned()).collect()
        };
        let exactly = named(&|known| known == predicate_type);
        if !exactly.is_empty() {
            return exactly;
        }
        let kin = named(&|known| Family::of(known).is_some_and(|family| Some(family) == Family::of(predicate_type)));
        if kin.is_empty() { self.signers.clone() } else { kin }
    }

    /// Whether attestations of exactly this type are asked for, in words that the policy's owner can change.
    pub(crate) fn names_type(&self, predicate_type: &str) -> bool {
        let mut asked =
            self.attestations.iter().filter(|asked| asked.types.iter().any(|known| known == predicate_type));
        asked.any(|asked| asked.signers.iter().any(|authority| !is_shipped(authority)))
    }

    /// Whether something is asked of attestations of this type, which signers may make as nobody else is named for them.
    pub(crate) fn takes_from_signers(&self, predicate_type: &str) -> bool {
        Family::of(predicate_type).is_some_and(|family| {
            let is_asked = match family {
                Family::Sbom => self.sbom.is_some(),
                Family::Provenance => self.provenance.is_some(),
                Family::Vex => false,
            };
            is_asked && !self.names_family(family)
        })
    }

    /// Whether somebody is named for attestations of this family.
    pub(crate) fn names_family(&self, family: Family) -> bool {
        self.attestations.iter().any(|asked| asked.types.iter().any(|known| Family::of(known) == Some(family)))
    }
}

impl TrustPolicy {
    /// A policy of one key, for everything.
    ///
    /// # Errors
    /// Where the log that it would count with cannot be used, which no build of this program causes.
    pub fn of_key(name: String, key: SignerKey, log: bool) -> Result<Self, InvalidTrustPolicy> {
        let authority = Authority::of_key(name, key, log).map_err(InvalidTrustPolicy::of_root)?;
        let mut scope = Scope::new("--key".to_owned(), Pattern::Everything);
        scope.signers = vec![Arc::new(authority)];
        Ok(Self { scopes: vec![scope], without_shipped: true, ..Self::default() })
    }

    /// The same policy with the tests' own key and log for each key that it names, and its own repository for signatures,
    /// if it names one: of what is shipped inside, nobody here has the keys.
    #[cfg(test)]
    pub(crate) fn by_key_of_tests(mut self, key: &SignerKey, root: &Arc<TrustRoot>, signatures: &Reference) -> Self {
        for scope in &mut self.scopes {
            if let Some(shipped) = &mut scope.signatures {
                *shipped = signatures.clone();
            }
            let asked = scope.attestations.iter_mut().flat_map(|asked| &mut asked.signers);
            for authority in scope.signers.iter_mut().chain(asked) {
                let authority = Arc::make_mut(authority);
                (authority.who, authority.root) = (Who::Key(key.clone()), Arc::clone(root));
            }
        }
        self
    }

    /// The same policy, which messages say is written in this file.
    pub fn in_file(self, place: String) -> Self {
        Self { place, ..self }
    }

    /// What its scopes are for, as it is written, in their order.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.scopes.iter().map(|scope| scope.written.as_str())
    }

    /// What its trust roots that come by TUF are now, in the order of their names.
    pub fn root_states(&self) -> Vec<TufState> {
        let now = SystemTime::now();
        self.roots.iter().filter_map(|root| root.state(now)).collect()
    }

    /// The trust roots that can be named for this: those of its scope, and all that the policy names itself.
    pub(crate) fn roots_for(&self, name: &Name) -> Vec<Arc<TrustRoot>> {
        let scopes = self.scope(name).into_iter().chain(&self.scopes);
        let roots: Vec<Arc<TrustRoot>> = scopes.flat_map(Scope::roots).chain(self.roots.iter().cloned()).collect();
        distinct(&roots)
    }

    /// Where its trust roots come from that come by TUF.
    pub(crate) fn root_sources(&self) -> impl Iterator<Item = &TufRoot> {
        self.roots.iter().filter_map(|root| root.source())
    }

    /// The folders of advisories that it names, and those that it includes do: who writes there has a say in what runs.
    pub(crate) fn advisories(&self) -> impl Iterator<Item = &Path> {
        let fetched = self.fetched.iter().filter_map(|fetched| fetched.last.as_ref());
        let scopes = fetched.flat_map(|last| &last.policy.scopes).chain(&self.scopes);
        scopes.filter_map(|scope| scope.sbom.as_ref()?.snapshot())
    }

    /// Where to write something into it, in words.
    pub(crate) fn place(&self) -> &str {
        if self.place.is_empty() { "trust.toml" } else { &self.place }
    }

    /// Where the rule for this name is written, in words.
    pub(crate) fn place_of(&self, name: &Name) -> String {
        match self.scope(name) {
            Some(Scope { origin: Origin::Shipped, .. }) => "shipped with lockgate".to_owned(),
            Some(Scope { origin: Origin::Fetched(place), .. }) => place.to_string(),
            Some(scope) if scope.is_of_command_line() => "the command line".to_owned(),
            _ => self.place().to_owned(),
        }
    }

    /// Whether anybody has written it.
    pub(crate) fn is_written(&self) -> bool {
        self.written
    }

    /// The most specific scope for this name; of several for the same repositories, the policy's own before those that
    /// it includes. What is shipped holds only where the person has none, however wide theirs is.
    pub(crate) fn scope(&self, name: &Name) -> Option<&Scope> {
        let fetched = self.fetched.iter().filter_map(|fetched| fetched.last.as_ref());
        let all = fetched.flat_map(|last| &last.policy.scopes).chain(&self.scopes);
        let matching = all.filter(|scope| scope.pattern.matches(name));
        let own = matching.max_by_key(|scope| scope.pattern.specificity());
        own.or_else(|| if self.without_shipped { None } else { shipped::scope(name) })
    }

    /// Without the scopes that are shipped.
    pub(crate) fn without_shipped(self) -> Self {
        Self { without_shipped: true, ..self }
    }

    /// What holds where there is none.
    pub(crate) fn fallback(&self) -> Fallback {
        self.default
    }

    /// Whether this digest never runs. What was denied by a policy that is too old by now still is.
    pub(crate) fn denies(&self, digest: &Digest) -> bool {
        let mut fetched = self.fetched.iter().filter_map(|fetched| fetched.last.as_ref());
        self.denied.contains(digest) || fetched.any(|last| last.policy.denies(digest))
    }
}

/// Each of them once.
fn distinct<'a>(roots: impl IntoIterator<Item = &'a Arc<TrustRoot>>) -> Vec<Arc<TrustRoot>> {
    let mut distinct: Vec<Arc<TrustRoot>> = Vec::new();
    for root in roots {
        if !distinct.iter().any(|known| known.name() == root.name()) {
            distinct.push(Arc::clone(root));
        }
    }
    distinct
}
