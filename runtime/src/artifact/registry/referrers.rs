//! What a registry says to refer to a manifest (OCI Distribution Specification 1.1, "Listing Referrers").

use http::{Method, StatusCode, header};

use super::breach::Breach;
use super::exchange::Request;
use super::link::next_page;
use super::{Access, Registry};
use crate::artifact::manifest::{Content, MAX_MANIFEST_BYTES, Manifest, OCI_INDEX};
use crate::artifact::{DepotError, Digest};

/// How many pages of a list are read, at most.
const MAX_PAGES: usize = 16;

/// How large all pages are together, at most, in bytes.
const MAX_LIST_BYTES: usize = 8 * 1024 * 1024;

/// A list of referrers as the registry gave it.
#[derive(Debug, Clone, Default)]
pub(in crate::artifact) struct Pages {
    /// Its parts, each an index.
    pub(in crate::artifact) pages: Vec<Manifest>,
    /// Whether it goes on after what was read.
    pub(in crate::artifact) more: bool,
}

impl Registry {
    /// What the registry itself lists; nothing where it says that it has no such lists. No filter is asked for: a
    /// registry may leave it out, and says so in words that anybody between could change (`OCI-Filters-Applied`).
    ///
    /// # Errors
    /// Any other answer than a list, or that there are none.
    pub(in crate::artifact) async fn referrers(&self, subject: &Digest) -> Result<Option<Pages>, DepotError> {
        let wanted = format!("the referrers of {subject} in {}", self.0.repository.name());
        let invalid = |error| DepotError::Manifest { name: wanted.clone(), error };
        let mut url = self.url(&format!("referrers/{subject}"))?;
        let mut found = Pages::default();
        loop {
            let request = Request::new(Method::GET, url.clone(), Access::Pull).header(header::ACCEPT, OCI_INDEX);
            let missing: &[StatusCode] = if found.pages.is_empty() { NO_LISTS } else { &[] };
            let Some(answer) = self.read_unless(missing, &request, MAX_MANIFEST_BYTES, &wanted).await? else {
                return Ok(None);
            };
            let page = Manifest::read(answer.bytes, Some(&answer.media_type)).map_err(invalid)?;
            if !matches!(page.content, Content::Index { .. }) {
                return Err(self.broken(Breach::Form, format!("{wanted} are no list")));
            }
            found.pages.push(page);
            let next =
                next_page(&url, &answer.headers, self.endpoint()?).map_err(|detour| self.not_followed(detour))?;
            let Some(next) = next else { return Ok(Some(found)) };
            if found.is_full() {
                found.more = true;
                return Ok(Some(found));
            }
            url = next;
        }
    }
}

impl Pages {
    /// A list as it was kept.
    pub(in crate::artifact) fn remembered(pages: Vec<Manifest>) -> Self {
        let mut found = Self { pages, more: false };
        // Whether it went on is not kept; a list that could not have been read further is taken for one that did.
        found.more = found.is_full();
        found
    }

    fn is_full(&self) -> bool {
        let bytes: usize = self.pages.iter().map(|page| page.bytes().len()).sum();
        self.pages.len() >= MAX_PAGES || bytes > MAX_LIST_BYTES
    }
}

/// How registries say that they list no referrers. The second is Artifactory's. What else lies beside a manifest is asked
/// for all the same, so this alone never means that there is nothing.
const NO_LISTS: &[StatusCode] = &[StatusCode::NOT_FOUND, StatusCode::NOT_ACCEPTABLE];
