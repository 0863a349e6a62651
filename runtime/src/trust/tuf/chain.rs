//! From the metadata that a policy names to the trusted root that its keepers stand behind.

use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use sigstore_crypto::{sha256, sha512};
use sigstore_tuf::{Error, TargetFile, TrustedMetadataSet};

use super::kept::{Kept, MAX_ROOTS, Seen, paths};
use super::{MAX_METADATA_BYTES, RootFault, RootProblem, TufRoot, Versions, keys, read_once};
use crate::trust::root::MAX_ROOT_BYTES;

/// What was verified, but for the time: it can be used until it expires.
#[derive(Debug)]
pub(in crate::trust) struct Chain {
    pub(super) seen: Seen,
    /// Until when all of it can be used.
    pub(in crate::trust) expires: Timestamp,
    /// What expires first.
    pub(in crate::trust) first: &'static str,
    /// The trusted root.
    pub(in crate::trust) target: String,
}

impl Chain {
    pub(in crate::trust) fn versions(&self) -> Versions {
        self.seen.versions()
    }
}

/// Begins with the metadata that the policy names.
///
/// # Errors
/// Where it is no root metadata that enough of its own keys signed.
pub(super) fn begin(root: &TufRoot) -> Result<TrustedMetadataSet, RootFault> {
    bounded(&root.bootstrap)?;
    read_once(&root.bootstrap)?;
    let set = TrustedMetadataSet::from_root(&root.bootstrap)?;
    keys::check_names(set.root())?;
    Ok(set)
}

/// Goes on to the next metadata of the role root.
///
/// # Errors
/// Where it is not the next, or not signed by enough keys of both. Then nothing has changed.
pub(super) fn advance(set: &mut TrustedMetadataSet, text: &str) -> Result<(), RootFault> {
    let mut next = set.clone();
    next.update_root(text.as_bytes())?;
    keys::check_names(next.root())?;
    *set = next;
    Ok(())
}

/// Verifies what is kept on this machine, as `kept` reads it. When it expires is said, and not compared with any clock.
///
/// # Errors
/// Where it was not fetched yet, is older than what was there before, or is not what the keepers signed.
pub(in crate::trust) fn verify_kept(
    root: &TufRoot,
    kept: &mut dyn FnMut(&Path) -> io::Result<Option<Vec<u8>>>,
) -> Result<Chain, RootFault> {
    let mut read =
        |path: PathBuf| kept(&path).map_err(|error| RootFault::unreadable(format!("what is kept of it: {error}")));
    let [metadata, seen] = paths(&root.folder());
    // Read in this order, and written in the other: of a refresh in between, the newer metadata is seen at most.
    let (seen, metadata) = (read(seen)?, read(metadata)?);
    let Some(metadata) = metadata else { return Err(RootFault::missing()) };
    let chain = verify(root, &Kept::read(&metadata)?, Timestamp::MIN)?;
    // Without it nobody stopped between writing the one and the other, or the metadata was fetched a first time.
    if let Some(seen) = seen {
        Seen::read(&seen)?.allows(&chain.seen)?;
    }
    Ok(chain)
}

/// Verifies all of this from the metadata that the policy names, as of `now`.
///
/// # Errors
/// Where anything is not signed by those who may, does not fit what names it, or has expired.
pub(super) fn verify(root: &TufRoot, kept: &Kept, now: Timestamp) -> Result<Chain, RootFault> {
    let Kept { roots, timestamp, snapshot, targets, target } = kept;
    let mut set = begin(root)?;
    if roots.len() > MAX_ROOTS {
        return Err(RootFault::unreadable(format!("it has more than {MAX_ROOTS} changes of its root metadata")));
    }
    for text in roots.iter().chain([timestamp, snapshot, targets]) {
        bounded(text.as_bytes())?;
        read_once(text.as_bytes())?;
    }
    for text in roots {
        advance(&mut set, text)?;
    }
    set.check_root_expired(now)?;
    set.update_timestamp(timestamp.as_bytes(), now)?;
    set.update_snapshot(snapshot.as_bytes(), now)?;
    set.update_targets(targets.as_bytes(), now)?;
    fits(target.as_bytes(), listed(&set, root)?)?;
    let none = || RootFault::unreadable("a role of its metadata is missing");
    let seen = Seen::of(&set).ok_or_else(none)?;
    let all = [
        (set.root().expires, "root"),
        (set.timestamp().ok_or_else(none)?.expires, "timestamp"),
        (set.snapshot().ok_or_else(none)?.expires, "snapshot"),
        (set.targets_role("targets").ok_or_else(none)?.expires, "targets"),
    ];
    let (expires, first) = all.into_iter().min_by_key(|(expires, _)| *expires).ok_or_else(none)?;
    Ok(Chain { seen, expires, first, target: target.clone() })
}

/// What the keepers say of the target.
///
/// # Errors
/// Where they do not list it, or it is larger than what is read.
pub(super) fn listed<'a>(set: &'a TrustedMetadataSet, root: &TufRoot) -> Result<&'a TargetFile, RootFault> {
    let listed = set.targets_role("targets").and_then(|targets| targets.target(&root.target));
    let listed = listed.ok_or_else(|| RootFault::unreadable(format!("its keepers list no {}", root.target)))?;
    if listed.length > MAX_ROOT_BYTES as u64 {
        return Err(RootFault::unreadable(format!("{} is larger than {} KiB", root.target, MAX_ROOT_BYTES >> 10)));
    }
    Ok(listed)
}

/// The hash that a target's file is named by where its metadata says so, in hexadecimal.
pub(super) fn hash_in_name(listed: &TargetFile) -> Option<&str> {
    let hash = listed.hashes.get("sha256").or(listed.hashes.get("sha512"))?;
    hash.bytes().all(|c| c.is_ascii_hexdigit()).then_some(hash)
}

/// Checks that these bytes are the listed ones: length, and every hash that is known here, of which there is one.
fn fits(bytes: &[u8], listed: &TargetFile) -> Result<(), RootFault> {
    let computed = [("sha256", sha256(bytes).to_hex()), ("sha512", sha512(bytes).to_hex())];
    let mut compared = computed.iter().filter_map(|(name, hash)| Some((listed.hashes.get(*name)?, hash))).peekable();
    let is_hashed = compared.peek().is_some();
    if bytes.len() as u64 == listed.length
        && is_hashed
        && compared.all(|(wanted, hash)| wanted.eq_ignore_ascii_case(hash))
    {
        return Ok(());
    }
    Err(RootFault::unreadable("the trusted root is not the one that its keepers list"))
}

fn bounded(bytes: &[u8]) -> Result<(), RootFault> {
    if bytes.len() <= MAX_METADATA_BYTES {
        return Ok(());
    }
    Err(RootFault::unreadable(format!("a file of its metadata is larger than {} KiB", MAX_METADATA_BYTES >> 10)))
}

/// What the library found.
impl From<Error> for RootFault {
    fn from(error: Error) -> Self {
        match &error {
            Error::Expired { role, expires } => Self::expired(role, &format!("{expires:.0}")),
            Error::Rollback { .. } => Self::new(RootProblem::RolledBack, &error),
            _ => Self::unreadable(crate::trust::judge::with_causes(&error)),
        }
    }
}
