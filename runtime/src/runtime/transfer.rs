//! Components on their way from and to registries and folders.

use std::path::{Path, PathBuf};

use super::component::read_file;
use super::{ResolveError, Runtime};
use crate::artifact::{Copied, Depot, DepotError, Digest, Packed, PushTarget, Reference};
use crate::executor::wasm::describe;

/// What was pulled or pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transferred {
    /// The manifest: by this digest it can be pulled, and nothing else can.
    pub manifest: Digest,
    /// The component in it.
    pub component: Digest,
    /// How large that is.
    pub bytes: u64,
}

impl Runtime {
    /// Brings a component into the store. That it is here says nothing about whether it may run.
    ///
    /// # Errors
    /// See [`DepotError`].
    pub async fn pull(&self, reference: &Reference) -> Result<Transferred, DepotError> {
        let depot = self.depots.registry(reference);
        let manifest = depot.manifest(reference.selector()).await?;
        let component = depot.fetch_wasm(&manifest).await?;
        Ok(Transferred { manifest: *manifest.digest(), component: component.digest, bytes: component.size })
    }

    /// Copies an artifact, with its signatures and attestations, into a folder in the OCI layout: also those that lie in
    /// another repository, if one is named.
    ///
    /// # Errors
    /// See [`DepotError`].
    pub async fn copy(
        &self,
        reference: &Reference,
        signatures: Option<&Reference>,
        to: &Path,
    ) -> Result<Copied, DepotError> {
        self.depots.copy(reference, signatures, to).await
    }

    /// Sends the server in a file to a registry or layout, under a tag. The same file becomes the same artifact.
    ///
    /// # Errors
    /// Where the file is no server, or the registry or folder does not take it.
    pub async fn push(&self, file: PathBuf, to: &PushTarget) -> Result<Transferred, ResolveError> {
        let (packed, done) = pack(file).await?;
        let (depot, tag) = self.place(to);
        depot.push(&packed, Some(tag)).await?;
        Ok(done)
    }

    /// Where something is pushed to, and under which tag.
    pub(super) fn place<'t>(&self, to: &'t PushTarget) -> (Depot, &'t str) {
        match to {
            PushTarget::Registry { reference, tag } => (self.depots.registry(reference), tag),
            PushTarget::Layout { folder, tag } => (self.depots.folder(folder), tag),
        }
    }
}

/// Packs the server in a file.
pub(super) async fn pack(file: PathBuf) -> Result<(Packed, Transferred), ResolveError> {
    let artifact = read_file(file.clone()).await?;
    let described = describe(artifact.bytes());
    let described = described.map_err(|error| ResolveError::NotAServer { path: file, error })?;
    let packed = Packed::component(&artifact, &described.imports, &described.exports)?;
    let bytes = artifact.bytes().len() as u64;
    let done = Transferred { manifest: *packed.digest(), component: *artifact.digest(), bytes };
    Ok((packed, done))
}
