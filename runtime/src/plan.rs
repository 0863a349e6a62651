//! What is resolved and can be printed, before anything runs. Plain data.

use serde::{Deserialize, Serialize};

use crate::artifact::Digest;
use crate::executor::wasm::Description;
use crate::sandbox::{Grant, Limits};
use crate::spec::{ServerName, Source, Sourced};
use crate::trust::Basis;

/// A server as it will run. Every item of its grant and limits says who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Its name among the servers of this gateway.
    pub name: ServerName,
    /// Where it comes from.
    pub source: Source,
    /// What will run, and who runs it.
    #[serde(flatten)]
    pub runs: Runs,
    /// Why it may run.
    pub basis: Basis,
    /// Who vouches for it: the digests of keys, or whom certificates name and who vouches for that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signers: Vec<String>,
    /// What it is started with, where its executor takes arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<Sourced<String>>,
    /// What it may touch.
    pub grant: Grant,
    /// How much it may use.
    pub limits: Limits,
}

/// What will run, and who runs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "executor", rename_all = "kebab-case")]
pub enum Runs {
    /// A WASI component in a sandbox, which enforces every rule that a grant can have.
    Wasm {
        /// Exactly these bytes.
        digest: Digest,
        /// The manifest that names them; none for a file, or what is shipped inside.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        manifest: Option<Digest>,
        /// How large they are.
        bytes: usize,
        /// What the bytes are.
        component: Description,
    },
    /// A container on an engine.
    Container(ContainerRun),
    /// A server that somebody else runs; nothing of it can be checked but whose it is.
    Remote,
}

/// Which image runs, by all digests it is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerRun {
    /// The image's own digest (its configuration's), as engines name images. Nothing else is started.
    pub image: Digest,
    /// The manifest that names this image; none for a local one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Digest>,
    /// The list of platforms that names the manifest, if there is one: what is signed is often that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<Digest>,
}
