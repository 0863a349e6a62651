//! From a source to bytes that may run: found, judged, and only then read.

use std::path::PathBuf;

use super::{ResolveError, Runtime, ServerError, read_file};
use crate::artifact::{Artifact, Depot, Digest, Manifest, Selector};
use crate::executor::wasm::describe;
use crate::plan::Runs;
use crate::spec::{Layout, Source};
use crate::trust::{self, Basis, Decision, Name, Refused, Subject, Verified};

/// A manifest, where it lies, and what is judged of it.
struct Listed {
    depot: Depot,
    manifest: Manifest,
    subject: Subject,
}

impl Runtime {
    /// Reads what a source is, without judging it: nothing of it runs.
    ///
    /// # Errors
    /// See [`ResolveError`].
    pub async fn inspect(&self, source: &Source) -> Result<Runs, ResolveError> {
        if trust::own_basis(source).is_some() {
            return described(source, &self.own(source).await?, None);
        }
        let listed = self.list(source, None).await?;
        described(source, &listed.depot.wasm(&listed.manifest).await?, Some(&listed.manifest))
    }

    /// Judges what lies in a registry or a folder, without pulling it.
    ///
    /// # Errors
    /// Where it cannot be found. A refusal is a decision, too.
    pub async fn verify(&self, source: &Source) -> Result<Decision, ResolveError> {
        let listed = self.list(source, None).await?;
        Ok(self.judge.decide(&listed.subject, &listed.depot).await)
    }

    /// What a source is, and why it may run.
    pub(super) async fn judged(&self, source: &Source) -> Result<(Basis, Runs), ResolveError> {
        if let Some(basis) = trust::own_basis(source) {
            return Ok((basis, described(source, &self.own(source).await?, None)?));
        }
        let listed = self.list(source, None).await?;
        let allowed = self.judge.decide(&listed.subject, &listed.depot).await.allowed()?;
        let artifact = listed.depot.wasm(&listed.manifest).await?;
        Ok((allowed.basis(), described(source, &artifact, Some(&listed.manifest))?))
    }

    /// The planned bytes, with the proof that they may run by the policy of this run. What was planned from a registry
    /// or folder is had by the digest of its manifest, whatever its tag names by now.
    pub(super) async fn verified(
        &self,
        source: &Source,
        planned: &Digest,
        manifest: Option<&Digest>,
    ) -> Result<Verified, ServerError> {
        if trust::own_basis(source).is_some() {
            return Ok(trust::judge_own(source, planned, self.own(source).await?)?);
        }
        let listed = self.list(source, manifest).await?;
        let allowed = self.judge.decide(&listed.subject, &listed.depot).await.allowed()?;
        let artifact = listed.depot.wasm(&listed.manifest).await.map_err(ResolveError::from)?;
        let verified = allowed.component(&listed.manifest, artifact)?;
        if verified.digest() != planned {
            return Err(Refused::Changed { planned: *planned, found: *verified.digest() }.into());
        }
        Ok(verified)
    }

    async fn own(&self, source: &Source) -> Result<Artifact, ResolveError> {
        match source {
            Source::File(path) => Ok(read_file(path.clone()).await?),
            Source::BuiltIn(name) => {
                let found = self.built_ins.iter().find(|(known, _)| known == name);
                let (_, bytes) = found.ok_or_else(|| ResolveError::NotBuiltIn(name.clone()))?;
                Ok(Artifact::new(*bytes))
            }
            other => Err(ResolveError::NotYet(other.to_string())),
        }
    }

    /// Finds a manifest: the planned one, or what the source names now.
    async fn list(&self, source: &Source, planned: Option<&Digest>) -> Result<Listed, ResolveError> {
        let (depot, name, selector) = match source {
            Source::Oci(reference) => {
                (self.depots.registry(reference), Name::of(reference), reference.selector().clone())
            }
            Source::Layout(Layout { folder, selector }) => {
                let depot = self.depots.folder(folder);
                let selector = match selector {
                    Some(selector) => selector.clone(),
                    None => depot.only().await?,
                };
                (depot, Name::Layout, selector)
            }
            other => return Err(ResolveError::NotYet(other.to_string())),
        };
        let selector = planned.map_or(selector, |digest| Selector::Digest(*digest));
        let manifest = depot.manifest(&selector).await?;
        let subject = Subject { reference: source.to_string(), name, manifests: vec![*manifest.digest()] };
        Ok(Listed { depot, manifest, subject })
    }
}

fn described(source: &Source, artifact: &Artifact, manifest: Option<&Manifest>) -> Result<Runs, ResolveError> {
    let component = describe(artifact.bytes())
        .map_err(|error| ResolveError::NotAServer { path: PathBuf::from(source.to_string()), error })?;
    let (digest, bytes) = (*artifact.digest(), artifact.bytes().len());
    Ok(Runs::Wasm { digest, bytes, manifest: manifest.map(|manifest| *manifest.digest()), component })
}
