//! Fetches a trust root by TUF. The only part of this that asks anybody, and the only one that writes.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

use jiff::Timestamp;
use sigstore_tuf::TrustedMetadataSet;

use super::chain::{Chain, advance, begin, hash_in_name, listed, verify};
use super::kept::{Kept, MAX_KEPT_BYTES, MAX_ROOTS, Seen, paths};
use super::{MAX_METADATA_BYTES, RootFault, RootProblem, TufRoot, TufState, read_once};
use crate::files;
use crate::trust::root::TrustRoot;

/// Who has the files.
pub(crate) trait Mirror {
    /// A file of at most `most` bytes, by its path. Nothing where there is none.
    ///
    /// # Errors
    /// Where it cannot be had, or is larger: in words.
    fn fetch(&self, path: &str, most: usize) -> impl Future<Output = Result<Option<Vec<u8>>, String>> + Send;
}

/// Why a trust root was not refreshed. What was there before is there still.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// Whoever has it gave nothing, or not what was asked for.
    #[error("it cannot be fetched: {0}")]
    Unreachable(String),
    /// What was given is not taken.
    #[error("{code}: {problem}")]
    Refused {
        /// Why, as a code that stays the same.
        code: &'static str,
        /// The same in words.
        problem: String,
    },
    /// It cannot be kept.
    #[error("it cannot be kept")]
    Unwritable(#[source] std::io::Error),
}

/// Fetches, verifies and keeps a trust root below this folder, and says what it is now.
///
/// # Errors
/// See [`RefreshError`].
pub(crate) async fn refresh(
    root: &TufRoot,
    mirror: &impl Mirror,
    folder: &Path,
    now: Timestamp,
) -> Result<TufState, RefreshError> {
    let [metadata, seen] = paths(&folder.join(root.folder()));
    // With room for what comes: spaces between what is signed are anybody's to add, and are not kept for ever.
    let before = kept(&metadata, MAX_KEPT_BYTES / 2)?;
    let fetched = fetch(root, mirror, before.as_ref(), now).await?;
    let chain = verify(root, &fetched, now)?;
    let lock = lock(&folder.join(root.folder())).map_err(RefreshError::Unwritable)?;
    floor(root, &metadata, &seen)?.map_or(Ok(()), |floor| floor.allows(&chain.seen))?;
    let (text, newest) = (written(&fetched)?, written(&chain.seen)?);
    if text.len() > MAX_KEPT_BYTES {
        let words = format!("all of its metadata is larger than {} MiB", MAX_KEPT_BYTES >> 20);
        return Err(RootFault::unreadable(words).into());
    }
    let by_tuf = TrustRoot::by_chain(root.clone(), Ok(chain));
    if let Some(fault) = by_tuf.fault(now.into()) {
        return Err(fault.into());
    }
    // In this order: a crash between them leaves newer metadata, and not metadata that is said to be too old.
    for (path, text) in [(&metadata, text), (&seen, newest)] {
        files::replace(path, text.as_bytes()).map_err(RefreshError::Unwritable)?;
    }
    drop(lock);
    by_tuf.state(now.into()).ok_or_else(|| RootFault::missing().into())
}

async fn fetch(
    root: &TufRoot,
    mirror: &impl Mirror,
    before: Option<&Kept>,
    now: Timestamp,
) -> Result<Kept, RefreshError> {
    let mut set = begin(root)?;
    let mut roots: Vec<String> = Vec::new();
    // Those that were verified before are not asked for again.
    for known in before.iter().flat_map(|before| &before.roots).take(MAX_ROOTS) {
        if advance(&mut set, known).is_err() {
            break;
        }
        roots.push(known.clone());
    }
    while let Some(next) = set.root().version.checked_add(1) {
        let Some(newer) = optional(mirror, &format!("{next}.root.json"), MAX_METADATA_BYTES).await? else { break };
        if roots.len() >= MAX_ROOTS {
            let words = format!("there are more than {MAX_ROOTS} changes of its root metadata; begin with a newer one");
            return Err(RootFault::unreadable(words).into());
        }
        advance(&mut set, &newer)?;
        roots.push(newer);
    }
    set.check_root_expired(now).map_err(RootFault::from)?;
    let timestamp = required(mirror, "timestamp.json", MAX_METADATA_BYTES).await?;
    set.update_timestamp(timestamp.as_bytes(), now).map_err(RootFault::from)?;
    let version = set.timestamp().and_then(|timestamp| timestamp.snapshot_meta()).map(|pin| pin.version);
    let snapshot = required(mirror, &versioned(&set, version, "snapshot")?, MAX_METADATA_BYTES).await?;
    set.update_snapshot(snapshot.as_bytes(), now).map_err(RootFault::from)?;
    let version = set.snapshot().and_then(|snapshot| snapshot.meta.get("targets.json")).map(|pin| pin.version);
    let targets = required(mirror, &versioned(&set, version, "targets")?, MAX_METADATA_BYTES).await?;
    set.update_targets(targets.as_bytes(), now).map_err(RootFault::from)?;
    let listed = listed(&set, root)?;
    let path = match hash_in_name(listed) {
        _ if !set.root().consistent_snapshot => format!("targets/{}", root.target),
        Some(hash) => format!("targets/{hash}.{}", root.target),
        None => {
            return Err(RootFault::unreadable("the trusted root is listed without a SHA-256 or SHA-512 hash").into());
        }
    };
    let length = usize::try_from(listed.length).unwrap_or(0);
    let target = required(mirror, &path, length).await?;
    Ok(Kept { roots, timestamp, snapshot, targets, target })
}

fn versioned(set: &TrustedMetadataSet, version: Option<u64>, role: &str) -> Result<String, RootFault> {
    let version =
        version.ok_or_else(|| RootFault::unreadable(format!("nothing says which {role} metadata is meant")))?;
    Ok(if set.root().consistent_snapshot { format!("{version}.{role}.json") } else { format!("{role}.json") })
}

async fn required(mirror: &impl Mirror, path: &str, most: usize) -> Result<String, RefreshError> {
    let found = optional(mirror, path, most).await?;
    found.ok_or_else(|| RefreshError::Unreachable(format!("there is no {path}")))
}

async fn optional(mirror: &impl Mirror, path: &str, most: usize) -> Result<Option<String>, RefreshError> {
    let Some(bytes) = mirror.fetch(path, most).await.map_err(RefreshError::Unreachable)? else { return Ok(None) };
    Ok(Some(read_once(&bytes)?.to_owned()))
}

/// How far things had come: as it is written, or else as what is kept shows, whether that has expired or not.
fn floor(root: &TufRoot, metadata: &Path, seen: &Path) -> Result<Option<Seen>, RefreshError> {
    if let Some(bytes) = files::read(seen, MAX_KEPT_BYTES as u64).map_err(RefreshError::Unwritable)? {
        // Nobody but a person takes this away: else a mirror of long ago would be believed.
        return Ok(Some(Seen::read(&bytes).map_err(|fault| RefreshError::Refused {
            code: fault.problem.code(),
            problem: format!(
                "{} says no longer how far it had come; remove it if you know why: {fault}",
                seen.display()
            ),
        })?));
    }
    let kept = kept(metadata, MAX_KEPT_BYTES)?;
    let chain: Option<Chain> = kept.and_then(|kept| verify(root, &kept, Timestamp::MIN).ok());
    Ok(chain.map(|chain| chain.seen))
}

/// What is kept, of at most `most` bytes. What is larger or was changed is as good as none: all of it is fetched again.
fn kept(metadata: &Path, most: usize) -> Result<Option<Kept>, RefreshError> {
    match files::read(metadata, most as u64) {
        Ok(bytes) => Ok(bytes.and_then(|bytes| Kept::read(&bytes).ok())),
        Err(error) if error.kind() == ErrorKind::FileTooLarge => Ok(None),
        Err(error) => Err(RefreshError::Unwritable(error)),
    }
}

/// Two refreshes at once do not undo each other.
fn lock(folder: &Path) -> std::io::Result<File> {
    files::private_folder(folder)?;
    let lock = File::open(folder)?;
    lock.lock()?;
    Ok(lock)
}

fn written(value: &impl serde::Serialize) -> Result<String, RefreshError> {
    serde_json::to_string(value).map_err(|error| RefreshError::Unwritable(error.into()))
}

impl RefreshError {
    /// What a person does about it.
    pub fn next(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "see that the URL is right and answers; redirects are not followed",
            Self::Unwritable(_) => "see that the data folder can be written to, and that its disk is not full",
            Self::Refused { code, .. } if *code == RootProblem::Expired.code() => {
                "the mirror is out of date, or the clock of this machine is wrong; else only its keepers can sign it anew"
            }
            Self::Refused { code, .. } if *code == RootProblem::RolledBack.code() => {
                "the mirror is out of date, or lies: ask its keepers before you trust it again"
            }
            Self::Refused { .. } => {
                "see that `tuf` and `root` of the policy are what its keepers give out; if they are, the mirror lies"
            }
        }
    }
}

impl From<RootFault> for RefreshError {
    fn from(RootFault { problem, words }: RootFault) -> Self {
        Self::Refused { code: problem.code(), problem: words }
    }
}
