//! A repository in a registry (OCI Distribution Specification). Whatever it says is a claim; what it sends is hashed.

mod endpoint;

use http::{Method, header};
use http_body_util::BodyExt;
use url::Url;

use self::endpoint::Endpoint;
use super::manifest::{Descriptor, MANIFEST_TYPES, MAX_MANIFEST_BYTES, Manifest};
use super::{Artifact, DepotError, Reference, Selector};
use crate::dial::Dialler;

/// One repository of a registry.
#[derive(Clone)]
pub(crate) struct Registry {
    dialler: Dialler,
    /// Which artifact of the repository does not matter.
    repository: Reference,
}

impl Registry {
    pub(super) fn new(dialler: Dialler, repository: &Reference) -> Self {
        Self { dialler, repository: repository.clone() }
    }

    pub(super) async fn manifest(&self, selector: &Selector) -> Result<Manifest, DepotError> {
        let wanted = self.repository.select(selector.clone());
        let name = match selector {
            Selector::Tag(tag) => tag.clone(),
            Selector::Digest(digest) => digest.to_string(),
        };
        let response = self.get(&format!("manifests/{name}"), &wanted.to_string()).await?;
        let said = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let said = said.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let bytes = self.read(response, MAX_MANIFEST_BYTES).await?;
        let manifest = Manifest::read(bytes, Some(&said))
            .map_err(|error| DepotError::Manifest { name: wanted.to_string(), error })?;
        if let Selector::Digest(digest) = selector {
            DepotError::expect_digest(digest, manifest.digest())?;
        }
        Ok(manifest)
    }

    pub(super) async fn blob(&self, blob: &Descriptor) -> Result<Artifact, DepotError> {
        let name = format!("blob {} in {}", blob.digest, self.repository.name());
        let response = self.get(&format!("blobs/{}", blob.digest), &name).await?;
        let artifact = Artifact::new(self.read(response, blob.size).await?);
        DepotError::expect_size(blob, artifact.bytes().len() as u64)?;
        DepotError::expect_digest(&blob.digest, artifact.digest())?;
        Ok(artifact)
    }

    async fn get(&self, path: &str, wanted: &str) -> Result<http::Response<reqwest::Body>, DepotError> {
        let registry = self.repository.registry();
        let endpoint = Endpoint::of(registry).ok_or_else(|| self.broken("its name is no host"))?;
        let url: Url = endpoint.url(&format!("{}/{path}", self.repository.repository()));
        let request = http::Request::builder()
            .method(Method::GET)
            .uri(url.as_str())
            .header(header::ACCEPT, MANIFEST_TYPES.join(", "))
            .body(reqwest::Body::default())
            .map_err(|error| self.broken(&error.to_string()))?;
        let response = self
            .dialler
            .send(request, &url, endpoint.wrote_out(&url))
            .await
            .map_err(|error| DepotError::Unreachable { registry: registry.to_owned(), source: error.into() })?;
        match response.status().as_u16() {
            200 => Ok(response),
            404 => Err(DepotError::None(wanted.to_owned())),
            status => Err(self.broken(&format!("it answered with status {status}"))),
        }
    }

    async fn read(&self, response: http::Response<reqwest::Body>, cap: u64) -> Result<Vec<u8>, DepotError> {
        let mut body = response.into_body();
        let mut bytes = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| self.broken(&error.to_string()))?;
            bytes.extend_from_slice(frame.data_ref().map(|data| &**data).unwrap_or_default());
            if bytes.len() as u64 > cap {
                return Err(self.broken(&format!("it sent more than {cap} bytes")));
            }
        }
        Ok(bytes)
    }

    fn broken(&self, problem: &str) -> DepotError {
        DepotError::Broken { registry: self.repository.registry().to_owned(), problem: problem.to_owned() }
    }
}
