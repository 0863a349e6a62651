//! A repository in a registry (OCI Distribution Specification). Whatever it says is a claim; what it sends is hashed.

mod body;
mod breach;
mod challenge;
mod detour;
mod download;
mod endpoint;
mod exchange;
mod link;
mod logins;
mod pace;
mod range;
mod redirect;
mod referrers;
mod token;
mod token_host;
mod upload;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use http::{HeaderValue, Method, header};

pub use self::breach::Breach;
pub use self::detour::Detour;
use self::endpoint::Endpoint;
use self::exchange::Request;
pub(crate) use self::logins::{Login, Logins};
pub(crate) use self::pace::Pace;
pub(super) use self::referrers::Pages;
pub use self::token_host::{InvalidTokenHost, TokenHost, TokenHosts};
use super::depot::Piece;
use super::manifest::{MANIFEST_TYPES, MAX_MANIFEST_BYTES, Manifest};
use super::{DepotError, Reference, Selector};
use crate::dial::Dialler;
use crate::settings::{Event, Hooks};

/// What all registries are asked with.
pub(crate) struct Shared {
    pub(crate) dialler: Dialler,
    pub(crate) logins: Logins,
    pub(crate) token_hosts: TokenHosts,
    pub(crate) pace: Pace,
    pub(crate) hooks: Hooks,
}

impl Shared {
    /// What proves to a registry who asks.
    pub(super) async fn login(&self, registry: &str) -> Result<Option<Login>, DepotError> {
        Ok(self.logins.of(registry).await?.credential)
    }
}

/// One repository of a registry. What proves who asks is kept with it, and used for no other.
#[derive(Clone)]
pub(crate) struct Registry(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    /// Which artifact of the repository does not matter.
    repository: Reference,
    endpoint: Option<Endpoint>,
    authorization: Mutex<HashMap<Access, HeaderValue>>,
    /// Held by whoever asks for a token.
    authenticating: tokio::sync::Mutex<()>,
    /// Why nobody answered, once it was so: it is not waited for again and again within one piece of work.
    unreachable: OnceLock<String>,
    /// Whether it was said that old answers take the place of new ones.
    told: AtomicBool,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Access {
    Pull,
    Push,
}

impl Registry {
    pub(super) fn new(shared: Arc<Shared>, repository: &Reference) -> Self {
        let endpoint = Endpoint::of(repository.registry());
        Self(Arc::new(Inner {
            shared,
            repository: repository.clone(),
            endpoint,
            authorization: Mutex::default(),
            authenticating: tokio::sync::Mutex::default(),
            unreachable: OnceLock::new(),
            told: AtomicBool::new(false),
        }))
    }

    /// One of the repository's artifacts.
    pub(super) fn reference(&self, selector: &Selector) -> Reference {
        self.0.repository.select(selector.clone())
    }

    /// Registry and repository.
    pub(super) fn name_of_repository(&self) -> String {
        self.0.repository.name()
    }

    /// The artifact that was named when the repository was.
    pub(super) fn selector(&self) -> &Selector {
        self.0.repository.selector()
    }

    /// Asks for a manifest. One that is asked for by its digest has it.
    pub(super) async fn manifest(&self, selector: &Selector) -> Result<Manifest, DepotError> {
        let wanted = self.reference(selector).to_string();
        let request = Request::new(Method::GET, self.url(&manifest_path(selector))?, Access::Pull)
            .header(header::ACCEPT, &MANIFEST_TYPES.join(", "));
        let answer = self.read_small(&request, MAX_MANIFEST_BYTES, &wanted).await?;
        let manifest = Manifest::read(answer.bytes, Some(&answer.media_type))
            .map_err(|error| DepotError::Manifest { name: wanted, error })?;
        if let Selector::Digest(digest) = selector {
            DepotError::expect_digest(Piece::Manifest, digest, manifest.digest())?;
        }
        Ok(manifest)
    }

    /// Asks something whose last answer is remembered. A registry that did not answer before is not tried again.
    pub(super) async fn or_unreachable<T>(
        &self,
        question: impl Future<Output = Result<T, DepotError>>,
    ) -> Result<T, DepotError> {
        if let Some(problem) = self.0.unreachable.get() {
            return Err(DepotError::Unreachable { registry: self.name().to_owned(), problem: problem.clone() });
        }
        let answer = question.await;
        if let Err(DepotError::Unreachable { problem, .. }) = &answer {
            self.0.unreachable.get_or_init(|| problem.clone());
        }
        answer
    }

    /// Says, once, that what lies beside its artifacts is taken as it was last.
    pub(super) fn tell_remembered(&self) {
        if !self.0.told.swap(true, Ordering::Relaxed) {
            self.tell(Event::BesideLastSeen { repository: self.0.repository.name() });
        }
    }

    /// The URL of something in the repository.
    fn url(&self, path: &str) -> Result<url::Url, DepotError> {
        Ok(self.endpoint()?.url(&format!("{}/{path}", self.0.repository.repository())))
    }

    fn endpoint(&self) -> Result<&Endpoint, DepotError> {
        self.0
            .endpoint
            .as_ref()
            .ok_or_else(|| self.not_followed((Detour::NoHost, "its name is no host that can be dialled".to_owned())))
    }

    fn name(&self) -> &str {
        self.0.repository.registry()
    }

    fn broken(&self, breach: Breach, problem: impl Into<String>) -> DepotError {
        DepotError::Broken { registry: self.name().to_owned(), breach, problem: problem.into() }
    }

    fn not_followed(&self, (detour, problem): (Detour, String)) -> DepotError {
        DepotError::NotFollowed { registry: self.name().to_owned(), detour, problem }
    }
}

fn manifest_path(selector: &Selector) -> String {
    match selector {
        Selector::Tag(tag) => format!("manifests/{tag}"),
        Selector::Digest(digest) => format!("manifests/{digest}"),
    }
}
