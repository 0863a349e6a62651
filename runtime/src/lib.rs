//! From a written source to a running MCP server in a sandbox that starts empty.
//!
//! ```text
//! Spec ── Runtime::resolve ──▶ Plan ── Runtime::start ──▶ Server ── open(Principal) ──▶ Link ── call ──▶ answers
//! ```
//!
//! The rooms stand in the order an artifact walks through them; each may use those before it:
//!
//! | room | what it knows |
//! |---|---|
//! | [`message`] | requests, answers and checked JSON, as plain data |
//! | `spec`, `plan` | what is written, and what is resolved |
//! | `artifact` | bytes under their digest: registries, layout folders, and the store on this machine |
//! | `trust` | who vouches for them: the only room that makes a `Verified` |
//! | `secret` | values that must not get out, and where they are kept |
//! | `sandbox` | grants, limits, directories, and the broker for what a guest sends |
//! | `dial` | the one way out |
//! | `sigstore` | the services that vouch for authors without a key |
//! | `executor` | who runs it: components in wasmtime, images on an engine, or somebody else; and the peer for servers of the older era |
//! | `server` | the running server, and one client's line to it |

mod address;
mod artifact;
mod dial;
mod executor;
mod files;
#[cfg(test)]
#[allow(
    unreachable_pub,
    reason = "the crate whose root is `fuzz_root.rs` shows it, and this one feeds it what is kept"
)]
mod fuzzed;
pub mod message;
mod plan;
mod principal;
mod runtime;
mod sandbox;
mod secret;
mod server;
mod settings;
mod sigstore;
mod spec;
mod trust;
mod untrusted;

pub use artifact::{
    Artifact, ArtifactError, ArtifactStoreError, Copied, DepotError, Digest, InvalidComponent, InvalidDigest,
    InvalidImage, InvalidManifest, InvalidPushTarget, InvalidReference, InvalidTokenHost, PushTarget, Reference,
    Selector, TokenHost, TokenHosts, names_registry,
};
pub use executor::container::{ContainerError, UnenforceableGrant};
pub use executor::remote::NotEnforced;
pub use executor::wasm::worker::{WorkerError, run as compile_worker};
pub use executor::wasm::{
    CodeError, DescribeError, Description, EngineError, Form, MissingImport, Profile, Shape, StartError,
};
pub use plan::{ContainerRun, Plan, Runs};
pub use principal::{InvalidPrincipal, Principal};
pub use runtime::{
    BuiltIns, NoLonger, PartError, PublishError, Published, PublishedPolicy, ResolveError, Runtime, RuntimeError,
    ServerError, Transferred,
};
pub use sandbox::{
    Access, Credential, CredentialHeader, Destination, Directory, DirectoryError, Format, Grant, HttpRule,
    InvalidCredential, InvalidGrant, InvalidLimit, Limits, Variable, WrittenCredential, parse_bytes, parse_duration,
};
pub use secret::{
    InvalidSecret, InvalidSecretName, InvalidSecretSource, InvalidStoreKind, Secret, SecretError, SecretName,
    SecretSettings, SecretSource, SecretStore, SecretStoreError, StoreKind,
};
pub use server::{Call, Caller, Card, ClientSession, Era, Link, Question, Server, ServerMessage};
pub use settings::{CompileWorker, Event, Hooks, RegistrySettings, Settings};
pub use sigstore::KeylessError;
pub use spec::{Image, InvalidServerName, InvalidSource, Layout, Origin, Remote, ServerName, Source, Sourced, Spec};
pub use trust::{
    Addition, Basis, CannotAsk, CertificateProblem, Decision, Explanation, IdentityToken, InvalidIdentityToken,
    InvalidKey, InvalidPredicate, InvalidSigningInstance, InvalidSigningKey, InvalidTrustPolicy, Keyless, PolicyFiles,
    Predicate, Problem, ProvenanceSummary, Reason, RefreshError, Refused, Remedy, Requirement, SbomSummary, SignedBy,
    Signer, SignerIdentity, SignerKey, Signing, SigningError, SigningInstance, SigningKey, Survey, Surveyed,
    TrustPolicy, TufRoot, TufState, Verdict, Versions, WrittenTrustPolicy,
};
pub use untrusted::Untrusted;
