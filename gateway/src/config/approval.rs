//! Which project files a person approved: a `lockgate.toml` that lies in a working directory may come from a stranger,
//! and is inert until somebody has approved exactly this content at this path.

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use lockgate_runtime::Digest;
use serde::{Deserialize, Serialize};

use super::file::{File, Read};
use super::{ConfigError, Configured, text_of};
use crate::environment::Folders;

/// The approved files, by their paths.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Approvals(BTreeMap<PathBuf, Digest>);

impl Approvals {
    /// Reads what was approved.
    pub(crate) fn read(folders: &Folders) -> Result<Self, ConfigError> {
        let path = file(folders);
        let Some(text) = text_of(&path)? else {
            return Ok(Self::default());
        };
        serde_json::from_str(&text).map_err(|error| ConfigError::Form {
            path,
            line: error.line(),
            problem: format!("{error}; delete the file to approve again"),
        })
    }

    /// Whether this content was approved at this path.
    pub(crate) fn contains(&self, path: &Path, content: &Digest) -> bool {
        self.0.get(&real(path)) == Some(content)
    }
}

/// Approves a project's file as it is now, and says what is in it. What is written is written whole or not at all.
///
/// # Errors
/// Where the file is none, or the approval cannot be kept.
pub(crate) fn approve(folders: &Folders, path: &Path) -> Result<Vec<Configured>, ConfigError> {
    let missing = || ConfigError::Unreadable {
        path: path.to_owned(),
        source: std::io::Error::new(std::io::ErrorKind::NotFound, "there is no such file"),
    };
    let text = text_of(path)?.ok_or_else(missing)?;
    // A file that could not be used is not approved.
    let Read { trust, servers, .. } = File::parse(path, &text)?.read(path, &text, folders)?;
    if trust.is_some() {
        return Err(ConfigError::TrustOfProject(path.to_owned()));
    }
    let kept = file(folders);
    let unwritable = |source| ConfigError::Unreadable { path: kept.clone(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(&folders.data).map_err(unwritable)?;
    let mut approvals = Approvals::read(folders)?;
    approvals.0.insert(real(path), Digest::of(text.as_bytes()));
    let json = serde_json::to_vec_pretty(&approvals).map_err(|error| unwritable(error.into()))?;
    crate::files::replace(&kept, &json).map_err(unwritable)?;
    Ok(servers)
}

fn file(folders: &Folders) -> PathBuf {
    folders.data.join("approved.json")
}

/// The path without links: the same file is the same however it is reached.
fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}
