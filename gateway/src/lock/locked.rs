//! What of a server is locked.

use std::collections::{BTreeMap, BTreeSet};

use lockgate_runtime::message::Json;
use lockgate_runtime::{ContainerRun, Digest, Plan, Runs, Source};

use super::canonical::canonical;
use super::surface::{Kind, Said, Surface};

/// One server, as it was when a person accepted it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Locked {
    /// What runs, and who vouched for it.
    pub(crate) origin: Origin,
    /// The hash of its instructions, if it had any.
    pub(crate) instructions: Option<Digest>,
    /// The hashes of what it has of each kind, by name or URI.
    pub(crate) items: BTreeMap<Kind, BTreeMap<String, Digest>>,
}

/// What runs, and who vouches for it: what is known before a server starts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    /// Its source, as it is written in the configuration.
    pub(crate) source: String,
    /// Of a server elsewhere: whose it is, as its TLS certificate says.
    pub(crate) host: Option<String>,
    /// The manifest that its tag named.
    pub(crate) manifest: Option<Digest>,
    /// What runs: the component; or an image of the person's own. None for what is shipped inside this program, and
    /// changes with it.
    pub(crate) digest: Option<Digest>,
    /// The hash of what it is started with.
    pub(crate) arguments: Option<Digest>,
    /// Who signed it.
    pub(crate) signers: BTreeSet<String>,
    /// What of it is not locked, as the configuration says: lists that change all the time.
    pub(crate) unlocked: BTreeSet<Kind>,
}

impl Origin {
    /// What a plan says. `written` is the source as it stands in the configuration, and `unlocked` what is not locked.
    pub(crate) fn of(written: &str, unlocked: &BTreeSet<Kind>, plan: &Plan) -> Self {
        let (manifest, digest) = match &plan.runs {
            Runs::Wasm { digest, manifest, .. } => (*manifest, Some(*digest)),
            // The image under a manifest is another one on each platform.
            Runs::Container(ContainerRun { image, manifest, index }) => match index.or(*manifest) {
                Some(manifest) => (Some(manifest), None),
                None => (None, Some(*image)),
            },
            Runs::Remote => (None, None),
        };
        let host = match &plan.source {
            Source::Remote(remote) => Some(remote.url().origin().ascii_serialization()),
            _ => None,
        };
        let words: Vec<&str> = plan.arguments.iter().map(|argument| argument.value.as_str()).collect();
        let arguments = (!words.is_empty()).then(|| Digest::of(canonical(&Json::of(&words)).as_bytes()));
        let digest = digest.filter(|_| !matches!(plan.source, Source::BuiltIn(_)));
        let signers = plan.signers.iter().cloned().collect();
        let (source, unlocked) = (written.to_owned(), unlocked.clone());
        Self { source, host, manifest, digest, arguments, signers, unlocked }
    }
}

impl Locked {
    /// A server as it is now.
    pub(crate) fn new(origin: Origin, surface: &Surface) -> Self {
        let digests = |items: &BTreeMap<String, Said>| {
            items.iter().map(|(name, said)| (name.clone(), said.digest)).collect::<BTreeMap<_, _>>()
        };
        let items = surface.items.iter();
        let items = items.filter(|(kind, items)| !items.is_empty() && !origin.unlocked.contains(kind));
        let items = items.map(|(kind, items)| (*kind, digests(items))).collect();
        Self { origin, instructions: surface.instructions.as_ref().map(|said| said.digest), items }
    }

    /// Leaves out what is not locked.
    pub(crate) fn leave_out(&mut self, unlocked: &BTreeSet<Kind>) {
        self.origin.unlocked.clone_from(unlocked);
        self.items.retain(|kind, _| !unlocked.contains(kind));
    }

    /// Whether what it has of a kind is locked.
    pub(crate) fn is_locked(&self, kind: Kind) -> bool {
        !self.origin.unlocked.contains(&kind)
    }

    /// The hash of something that it has.
    pub(crate) fn item(&self, kind: Kind, name: &str) -> Option<&Digest> {
        self.items.get(&kind)?.get(name)
    }

    /// The names or URIs of what it has of a kind.
    pub(crate) fn names(&self, kind: Kind) -> impl Iterator<Item = &String> {
        self.items.get(&kind).into_iter().flat_map(BTreeMap::keys)
    }
}
