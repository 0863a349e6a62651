//! Blobs and manifests to the registry (OCI Distribution Specification, "Push").

use bytes::Bytes;
use http::{Method, Response, StatusCode, header};
use url::Url;

use super::breach::Breach;
use super::detour::Detour;
use super::download::REPORT;
use super::exchange::Request;
use super::{Access, Registry};
use crate::artifact::manifest::{Descriptor, Manifest};
use crate::artifact::{DepotError, Digest};
use crate::settings::Event;
use crate::untrusted::Untrusted;

impl Registry {
    /// Sends a blob, unless the registry says that it has it. Where that is a lie, it refuses the manifest or breaks its
    /// own artifact: who pulls hashes.
    pub(in crate::artifact) async fn upload(&self, blob: &Descriptor, bytes: Bytes) -> Result<(), DepotError> {
        let name = format!("blob {} of {}", blob.digest, self.0.repository.name());
        let head = Request::new(Method::HEAD, self.url(&format!("blobs/{}", blob.digest))?, Access::Push);
        if self.exchange(&head).await?.status() == StatusCode::OK {
            return Ok(());
        }
        let begin =
            Request::new(Method::POST, self.url("blobs/uploads/")?, Access::Push).header(header::CONTENT_LENGTH, "0");
        let response = self.exchange(&begin).await?;
        if response.status() != StatusCode::ACCEPTED {
            return Err(self.unexpected(response, &name).await);
        }
        let (registry, total) = (self.clone(), bytes.len() as u64);
        let place = self.place(&begin.url, &response, &blob.digest)?;
        let put = Request::new(Method::PUT, place, Access::Push).body("application/octet-stream", bytes).telling(
            move |done| {
                if done % REPORT == 0 || done == total {
                    registry.tell(Event::Transferred { name: registry.0.repository.name(), done, total });
                }
            },
        );
        let response = self.exchange(&put).await?;
        if matches!(response.status(), StatusCode::CREATED | StatusCode::NO_CONTENT) {
            Ok(())
        } else {
            Err(self.unexpected(response, &name).await)
        }
    }

    /// Sends a manifest under a tag, or its own digest. Whether the registry says that it lists it among what refers to
    /// its subject ("Pushing Manifests with Subject").
    pub(in crate::artifact) async fn upload_manifest(
        &self,
        name: &str,
        manifest: &Manifest,
    ) -> Result<bool, DepotError> {
        let put = Request::new(Method::PUT, self.url(&format!("manifests/{name}"))?, Access::Push)
            .body(manifest.media_type(), Bytes::copy_from_slice(manifest.bytes()));
        let response = self.exchange(&put).await?;
        if response.status() != StatusCode::CREATED {
            return Err(self.unexpected(response, &format!("{} {name}", self.0.repository.name())).await);
        }
        let subject = manifest.subject.as_ref().map(|subject| subject.digest.to_string());
        let listed = response.headers().get("oci-subject").and_then(|value| value.to_str().ok());
        Ok(subject.is_some_and(|subject| listed == Some(subject.as_str())))
    }

    /// Where a blob is to be sent: to the registry itself, as whoever may push is proven there.
    fn place(&self, from: &Url, response: &Response<reqwest::Body>, digest: &Digest) -> Result<Url, DepotError> {
        let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
        let location = location.unwrap_or_default();
        let place = from.join(location).ok().filter(|_| !location.is_empty());
        let mut place = place.ok_or_else(|| self.broken(Breach::Form, "it does not say where to send a blob"))?;
        if !self.endpoint()?.is_at(&place) {
            let shown = Untrusted::new(location).to_line(200);
            return Err(self.not_followed((Detour::Upload, format!("it wants the blob to be sent to {shown}"))));
        }
        place.query_pairs_mut().append_pair("digest", &digest.to_string());
        Ok(place)
    }
}
