//! What is resolved and can be printed, before anything runs. Plain data.

use serde::{Deserialize, Serialize};

use crate::artifact::Digest;
use crate::executor::wasm::Description;
use crate::sandbox::{Grant, Limits};
use crate::spec::{ServerName, Source};
use crate::trust::Basis;

/// A server as it will run. Every item of its grant and limits says who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Its name among the servers of this gateway.
    pub name: ServerName,
    /// Where it comes from.
    pub source: Source,
    /// What will run: exactly these bytes.
    pub digest: Digest,
    /// How large they are.
    pub bytes: usize,
    /// Why they may run.
    pub basis: Basis,
    /// Who runs it.
    pub executor: ExecutorKind,
    /// What the bytes are, and why this executor.
    pub component: Description,
    /// What it may touch.
    pub grant: Grant,
    /// How much it may use.
    pub limits: Limits,
}

/// Who runs a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExecutorKind {
    /// A WASI component in a sandbox; it enforces every rule a grant can have.
    Wasm,
}
