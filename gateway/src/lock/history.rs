//! Which manifests a tag named when they were verified, in this order. One that was verified before the newest, and is
//! what the tag names again, is a step back: to a version, perhaps, whose faults are known.

use std::fs::{DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use lockgate_runtime::{Basis, ContainerRun, Digest, Image, Layout, Plan, Runs, Selector, Source};
use serde::{Deserialize, Serialize};

/// The most manifests that are remembered of one tag; the oldest are forgotten.
const MAX_MANIFESTS: usize = 1000;

/// The largest record that is read, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// The folder with one record for each tag, for its owner alone.
#[derive(Debug, Clone)]
pub(crate) struct History(PathBuf);

/// What a tag named.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    reference: String,
    /// The newest is the last.
    manifests: Vec<Digest>,
}

/// That a tag names something older than what was verified before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RolledBack {
    /// The tag.
    pub(crate) reference: String,
    /// What was verified last.
    pub(crate) newest: Digest,
    /// What it names.
    pub(crate) found: Digest,
}

/// Why it is not known what a tag named.
#[derive(Debug, thiserror::Error)]
#[error("cannot use {}, where it is kept which versions were verified", path.display())]
pub(crate) struct HistoryError {
    path: PathBuf,
    source: io::Error,
}

impl History {
    /// The records in this folder, which need not be there.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// Whether what a tag names is older than what it named before. Says nothing of what has no tag, and of what nobody
    /// vouches for.
    ///
    /// # Errors
    /// Where a record cannot be read.
    pub(crate) fn check(&self, plan: &Plan) -> Result<Option<RolledBack>, HistoryError> {
        let Some((reference, found)) = verified_tag(plan) else { return Ok(None) };
        let known = self.read(&reference)?;
        Ok(match known.split_last() {
            Some((newest, older)) if *newest != found && older.contains(&found) => {
                Some(RolledBack { reference, newest: *newest, found })
            }
            _ => None,
        })
    }

    /// Remembers what a tag names as the newest.
    ///
    /// # Errors
    /// Where it cannot be kept. What was kept before is.
    pub(crate) fn keep(&self, plan: &Plan) -> Result<(), HistoryError> {
        let Some((reference, found)) = verified_tag(plan) else { return Ok(()) };
        if self.read(&reference)?.last() == Some(&found) {
            return Ok(());
        }
        let failed = |source| self.failed(&reference, source);
        DirBuilder::new().recursive(true).mode(0o700).create(&self.0).map_err(failed)?;
        let guard = File::open(&self.0).map_err(failed)?;
        guard.lock().map_err(failed)?;
        let mut manifests = self.read(&reference)?;
        manifests.retain(|manifest| *manifest != found);
        manifests.push(found);
        manifests.drain(..manifests.len().saturating_sub(MAX_MANIFESTS));
        let path = self.path(&reference);
        let record = Record { reference: reference.clone(), manifests };
        let write = || {
            crate::files::replace(&path, &serde_json::to_vec_pretty(&record)?)?;
            guard.sync_all()
        };
        write().map_err(failed)
    }

    fn read(&self, reference: &str) -> Result<Vec<Digest>, HistoryError> {
        let bytes = match crate::files::read(&self.path(reference), MAX_BYTES) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.failed(reference, error)),
        };
        match serde_json::from_slice::<Record>(&bytes) {
            Ok(record) if record.reference == reference => Ok(record.manifests),
            Ok(_) => Err(self.failed(reference, io::Error::new(ErrorKind::InvalidData, "it is of another tag"))),
            Err(error) => Err(self.failed(reference, error.into())),
        }
    }

    fn path(&self, reference: &str) -> PathBuf {
        self.0.join(format!("{}.json", Digest::of(reference.as_bytes()).hex()))
    }

    fn failed(&self, reference: &str, source: io::Error) -> HistoryError {
        HistoryError { path: self.path(reference), source }
    }
}

/// The tag that a plan comes from, and what it named; only where that was verified.
fn verified_tag(plan: &Plan) -> Option<(String, Digest)> {
    let selector = match &plan.source {
        Source::Oci(reference) | Source::Image(Image::Registry(reference)) => Some(reference.selector()),
        Source::Layout(Layout { selector, .. }) => selector.as_ref(),
        Source::File(_) | Source::BuiltIn(_) | Source::Image(Image::Local(_)) | Source::Remote(_) => None,
    };
    let manifest = match &plan.runs {
        Runs::Wasm { manifest, .. } => *manifest,
        Runs::Container(ContainerRun { manifest, index, .. }) => index.or(*manifest),
        Runs::Remote => None,
    };
    let is_verified = matches!(plan.basis, Basis::Signed | Basis::Reviewed);
    match selector {
        Some(Selector::Tag(_)) if is_verified => Some((plan.source.to_string(), manifest?)),
        _ => None,
    }
}
