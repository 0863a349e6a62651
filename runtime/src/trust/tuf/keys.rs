//! Who may sign for a role: the keys themselves, whatever metadata calls them and writes beside them.

use std::collections::BTreeSet;

use sigstore_tuf::{Key, RoleKeys, Root};

use super::RootFault;
use crate::artifact::Digest;

/// The keys that may sign for a role, each by its digest.
pub(super) fn of_role(root: &Root, role: &RoleKeys) -> BTreeSet<Digest> {
    role.keyids.iter().filter_map(|id| root.keys.get(id)).map(digest).collect()
}

/// Checks that no role has a key under two names: each of them would count as somebody else.
///
/// # Errors
/// Where one has.
pub(super) fn check_names(root: &Root) -> Result<(), RootFault> {
    for (name, role) in &root.roles {
        let names: BTreeSet<&String> = role.keyids.iter().filter(|id| root.keys.contains_key(*id)).collect();
        if of_role(root, role).len() < names.len() {
            return Err(RootFault::unreadable(format!("its role {name} has one key under two names")));
        }
    }
    Ok(())
}

/// Of what signatures are checked with: the same key in another spelling, or for another scheme, is the same. Signatures
/// of a key that cannot be used never count.
fn digest(key: &Key) -> Digest {
    match key.verification_key() {
        Ok(usable) => Digest::of(usable.as_bytes()),
        Err(_) => Digest::of(key.keyval.public.trim().as_bytes()),
    }
}
