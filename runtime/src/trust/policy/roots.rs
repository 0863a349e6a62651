//! The trust roots that a policy names.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::PolicyFiles;
use crate::trust::root::{PUBLIC_GOOD, TrustRoot};

/// GitHub's own instance, for what is built in private repositories.
const GITHUB: &str = "github";

/// Those that were read already, by what the policy calls them.
#[derive(Default)]
pub(super) struct Roots(BTreeMap<String, Arc<TrustRoot>>);

impl Roots {
    /// The trust root of this name: a shipped one, or the one in the file of this path.
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
                    format!("the trust root `{path}` is neither `public-good` nor `github`, nor a file: {error}")
                })?;
                TrustRoot::read(path, &bytes)
            }
        };
        let root = root.map_err(|error| format!("the trust root `{name}`: {error}"))?;
        self.0.insert(name.to_owned(), Arc::clone(&root));
        Ok(root)
    }
}
