//! The trust roots that a policy names.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use toml::Spanned;

use super::PolicyFiles;
use super::file::{Problem, problem};
use super::written::WrittenRoot;
use crate::trust::root::{MAX_ROOT_BYTES, PUBLIC_GOOD, TrustRoot};
use crate::trust::tuf::TufRoot;

/// Why a policy that others include names no root that comes by TUF.
const NOT_BY_TUF: &str = "a policy that others include names no trust root that comes by TUF, as each of them would have to \
                          refresh it: let it bring along a file of the root, as `root = \"trusted_root.json\"`";

/// GitHub's own instance, for what is built in private repositories.
const GITHUB: &str = "github";

/// Those that were read already, by what the policy calls them.
#[derive(Default)]
pub(super) struct Roots(BTreeMap<String, Arc<TrustRoot>>);

impl Roots {
    /// Those that a policy has tables for, as they are kept on this machine. What is kept may be of no use: that is said
    /// where one of them is needed.
    ///
    /// # Errors
    /// Where a table does not say where a root comes from and how trust in it begins.
    pub(super) fn of_tables(
        tables: BTreeMap<Spanned<String>, Spanned<WrittenRoot>>,
        files: &mut dyn PolicyFiles,
    ) -> Result<Self, Problem> {
        let mut roots = Self::default();
        for (name, table) in tables {
            let place = name.span();
            let name = name.into_inner();
            check_name(&name).map_err(|error| problem(&place, error))?;
            let place = table.span();
            if !files.keeps_roots() {
                return Err(problem(&place, NOT_BY_TUF.to_owned()));
            }
            let source = source(&name, table.into_inner(), files)
                .map_err(|error| problem(&place, format!("the trust root `{name}`: {error}")))?;
            let root = TrustRoot::kept(source, &mut |path| files.kept(path));
            roots.0.insert(name, root);
        }
        Ok(roots)
    }

    /// Those that come by TUF, in the order of their names.
    pub(super) fn by_tuf(&self) -> Vec<Arc<TrustRoot>> {
        self.0.values().filter(|root| root.source().is_some()).cloned().collect()
    }

    /// The trust root of this name: one of the policy's tables, a shipped one, or the one in the file of this path.
    ///
    /// # Errors
    /// Where the file cannot be read, or is none.
    pub(super) fn named(&mut self, name: &str, files: &mut dyn PolicyFiles) -> Result<Arc<TrustRoot>, String> {
        if let Some(known) = self.0.get(name) {
            return Ok(Arc::clone(known));
        }
        let root = match name {
            PUBLIC_GOOD => TrustRoot::public_good(),
            GITHUB => TrustRoot::github(),
            path => {
                let bytes = files.read(Path::new(path)).map_err(|error| {
                    format!(
                        "the trust root `{path}` is neither `public-good` nor `github`, nor a table of [roots], nor a file: {error}"
                    )
                })?;
                TrustRoot::read(path, &bytes)
            }
        };
        let root = root.map_err(|error| format!("the trust root `{name}`: {error}"))?;
        self.0.insert(name.to_owned(), Arc::clone(&root));
        Ok(root)
    }
}

/// Nothing that could be meant otherwise: a shipped root, or a file's path.
fn check_name(name: &str) -> Result<(), String> {
    if name == PUBLIC_GOOD || name == GITHUB {
        return Err(format!("`{name}` is the trust root that is shipped; call this one otherwise"));
    }
    let is_plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    if name.is_empty() || name.len() > 64 || !name.bytes().all(is_plain) {
        let shown = name.escape_debug();
        return Err(format!("`{shown}` is no name of a trust root: small letters, digits and `-`, at most 64"));
    }
    Ok(())
}

fn source(name: &str, written: WrittenRoot, files: &mut dyn PolicyFiles) -> Result<TufRoot, String> {
    let WrittenRoot { tuf, root, target } = written;
    if let Some(shipped) = TufRoot::shipped(name, &tuf) {
        if root.is_some() || target.is_some() {
            return Err(format!("where trust in `{tuf}` begins is shipped: `tuf` alone says all"));
        }
        return Ok(shipped);
    }
    let path =
        root.ok_or("`root` is missing: the root metadata that trust in it begins with, as its keepers give it")?;
    let bytes = files.read(Path::new(&path)).map_err(|error| format!("`{path}` cannot be read: {error}"))?;
    if bytes.len() > MAX_ROOT_BYTES {
        return Err(format!("`{path}` is larger than {} KiB", MAX_ROOT_BYTES >> 10));
    }
    TufRoot::new(name, &tuf, target.as_deref(), bytes)
}
