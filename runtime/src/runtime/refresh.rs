//! Trust roots are fetched by TUF when a person asks for that, and never otherwise.

use std::time::{Duration, SystemTime};

use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use jiff::Timestamp;

use super::Runtime;
use crate::dial::Dialler;
use crate::trust::{Mirror, RefreshError, TufRoot, TufState, refresh_root, with_causes};

/// The longest that one file is waited for.
const FILE_TIMEOUT: Duration = Duration::from_secs(30);

/// The longest that a trust root is waited for.
const ROOT_TIMEOUT: Duration = Duration::from_secs(180);

impl Runtime {
    /// The trust roots of the policies that come by TUF, each once.
    pub fn tuf_roots(&self) -> Vec<&TufRoot> {
        let mut roots: Vec<&TufRoot> = Vec::new();
        let policies = self.settings.ceiling.iter().chain([&self.settings.trust]);
        for root in policies.flat_map(|policy| policy.root_sources()) {
            if !roots.contains(&root) {
                roots.push(root);
            }
        }
        roots
    }

    /// Fetches and verifies a trust root, and keeps it for those who verify with it, who ask nobody.
    ///
    /// # Errors
    /// See [`RefreshError`]. What was kept before is kept still.
    pub async fn refresh_root(&self, root: &TufRoot) -> Result<TufState, RefreshError> {
        let mirror = HttpMirror { root, dialler: &self.dialler };
        let now = Timestamp::try_from(SystemTime::now()).unwrap_or(Timestamp::MAX);
        let refreshed = refresh_root(root, &mirror, &self.settings.roots_folder, now);
        let in_time = tokio::time::timeout(ROOT_TIMEOUT, refreshed).await;
        in_time.unwrap_or_else(|_elapsed| Err(RefreshError::Unreachable("it takes too long".to_owned())))
    }
}

/// Files of TUF over HTTP.
struct HttpMirror<'a> {
    root: &'a TufRoot,
    dialler: &'a Dialler,
}

impl Mirror for HttpMirror<'_> {
    async fn fetch(&self, path: &str, most: usize) -> Result<Option<Vec<u8>>, String> {
        let (url, is_written_out) = self.root.file(path);
        let failed = |problem: &dyn std::fmt::Display| format!("{url}: {problem}");
        let asked = async {
            let request = Request::builder().method(Method::GET).uri(url.as_str()).body(reqwest::Body::default());
            let request = request.map_err(|error| failed(&error))?;
            let answer = self.dialler.send(request, &url, is_written_out).await;
            let answer = answer.map_err(|error| failed(&with_causes(&error)))?;
            match answer.status() {
                StatusCode::OK => {}
                // Stores of objects answer so where there is none.
                StatusCode::NOT_FOUND | StatusCode::FORBIDDEN => return Ok(None),
                status => return Err(failed(&format_args!("the answer is {status}"))),
            }
            let body = Limited::new(answer.into_body(), most).collect().await;
            let body = body.map_err(|error| failed(&format_args!("{error} (at most {most} bytes are read)")))?;
            Ok(Some(body.to_bytes().to_vec()))
        };
        let in_time = tokio::time::timeout(FILE_TIMEOUT, asked).await;
        in_time.unwrap_or_else(|_elapsed| Err(failed(&"it takes too long")))
    }
}
