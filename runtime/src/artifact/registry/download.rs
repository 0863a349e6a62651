//! A blob from the registry into the store, in parts and through breaks.

use std::io;
use std::time::Instant;

use bytes::Bytes;
use http::{Method, Response, StatusCode, header};
use tokio::sync::mpsc;

use super::body::{Body, Stop, said_length};
use super::breach::Breach;
use super::detour::Detour;
use super::exchange::Request;
use super::range::is_rest;
use super::redirect::{MAX_REDIRECTS, target};
use super::{Access, Registry};
use crate::artifact::depot::{Piece, blocking};
use crate::artifact::manifest::Descriptor;
use crate::artifact::store::{Incoming, Store};
use crate::artifact::{Artifact, DepotError};
use crate::settings::Event;

/// How many parts wait for the disk: what bounds the memory of a download.
const WAITING_PARTS: usize = 16;

/// How many bytes lie between two reports.
pub(super) const REPORT: u64 = 1024 * 1024;

impl Registry {
    /// Brings a blob into the store, where it has the size and the digest that its descriptor says.
    pub(in crate::artifact) async fn download(&self, blob: &Descriptor, store: &Store) -> Result<(), DepotError> {
        let pace = self.0.shared.pace;
        let deadline = pace.deadline(blob.size);
        let place = store.clone();
        let mut incoming = blocking(move || Ok(place.incoming()?)).await?;
        let (mut attempt, mut resumed) = (1, false);
        loop {
            let from = incoming.written();
            let response = self.ask_for_blob(blob, from).await?;
            if response.status() == StatusCode::PARTIAL_CONTENT {
                resumed = true;
            } else if from > 0 {
                incoming.restart().map_err(|error| store_error(store, error))?;
            }
            let body = Body::new(response.into_body(), pace.idle, deadline);
            let (received, stop) = self.receive(body, incoming, blob, store).await?;
            incoming = received;
            let problem = match stop {
                Ok(()) => break,
                Err(Stop::Slow) => return Err(self.broken(Breach::Slow, "the blob comes too slowly")),
                Err(Stop::TooLong { read }) => return DepotError::expect_size(blob, read),
                Err(Stop::Broken(problem)) => format!("the blob broke off: {problem}"),
            };
            // A connection that brings something is taken up again as often as the deadline allows.
            attempt = if incoming.written() >= from + REPORT { 1 } else { attempt };
            let wait = pace.wait(attempt, None).filter(|wait| Instant::now() + *wait < deadline);
            let Some(wait) = wait else { return Err(self.broken(Breach::Connection, problem)) };
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
        let (blob, store) = (blob.clone(), store.clone());
        blocking(move || finish(incoming, resumed, &blob, &store)).await
    }

    /// Reads a blob into memory, where it has the size and the digest that its descriptor says. It is as large as that says.
    pub(in crate::artifact) async fn read(&self, blob: &Descriptor) -> Result<Artifact, DepotError> {
        let pace = self.0.shared.pace;
        let response = self.ask_for_blob(blob, 0).await?;
        let read = Body::new(response.into_body(), pace.idle, pace.deadline(blob.size)).all(blob.size).await;
        let bytes = match read {
            Ok(bytes) => bytes,
            Err(Stop::Slow) => return Err(self.broken(Breach::Slow, "the blob comes too slowly")),
            Err(Stop::TooLong { read }) => {
                let (digest, expected) = (blob.digest, blob.size);
                return Err(DepotError::OtherSize { digest, expected, found: read });
            }
            Err(Stop::Broken(problem)) => {
                return Err(self.broken(Breach::Connection, format!("the blob broke off: {problem}")));
            }
        };
        DepotError::expect_size(blob, bytes.len() as u64)?;
        let artifact = Artifact::new(bytes);
        DepotError::expect_digest(Piece::Blob, &blob.digest, artifact.digest())?;
        Ok(artifact)
    }

    /// Asks for a blob from byte `from` on, wherever the registry keeps it.
    async fn ask_for_blob(&self, blob: &Descriptor, from: u64) -> Result<Response<reqwest::Body>, DepotError> {
        let wanted = format!("blob {} of {}", blob.digest, self.0.repository.name());
        let endpoint = self.endpoint()?;
        let mut url = self.url(&format!("blobs/{}", blob.digest))?;
        let mut at_registry = true;
        for _ in 0..=MAX_REDIRECTS {
            let mut request = Request::new(Method::GET, url.clone(), Access::Pull);
            if from > 0 {
                request = request.header(header::RANGE, &format!("bytes={from}-"));
            }
            // What proves who asks goes to the registry, and to nobody it sends us to, nor back from there.
            let response =
                if at_registry { self.exchange(&request).await? } else { self.patiently(&request, None).await? };
            match response.status() {
                StatusCode::OK => {
                    // A whole blob of another length is not worth reading.
                    return match said_length(&response) {
                        Some(length) => DepotError::expect_size(blob, length).map(|()| response),
                        None => Ok(response),
                    };
                }
                StatusCode::PARTIAL_CONTENT if from > 0 && is_rest(response.headers(), from, blob.size) => {
                    return Ok(response);
                }
                StatusCode::PARTIAL_CONTENT => {
                    return Err(self.broken(Breach::Range, "it sends another part of the blob than was asked for"));
                }
                status if status.is_redirection() => {
                    url = target(&url, response.headers(), endpoint).map_err(|detour| self.not_followed(detour))?;
                    at_registry &= endpoint.is_at(&url);
                }
                _ => {
                    return Err(match self.unexpected(response, &wanted).await {
                        DepotError::None(wanted) => DepotError::NoBlob(wanted),
                        error => error,
                    });
                }
            }
        }
        Err(self.not_followed((Detour::TooManyRedirects, format!("it redirects more than {MAX_REDIRECTS} times"))))
    }

    /// Reads a body into the store until it ends or stops. A thread that may wait hashes and writes.
    async fn receive(
        &self,
        mut body: Body,
        mut incoming: Incoming,
        blob: &Descriptor,
        store: &Store,
    ) -> Result<(Incoming, Result<(), Stop>), DepotError> {
        let mut received = incoming.written();
        let (sender, mut parts) = mpsc::channel::<Bytes>(WAITING_PARTS);
        let writer = tokio::task::spawn_blocking(move || {
            while let Some(part) = parts.blocking_recv() {
                incoming.write(&part)?;
            }
            Ok::<_, io::Error>(incoming)
        });
        let mut reported = received;
        let stop = loop {
            match body.next().await {
                Ok(Some(part)) => {
                    received += part.len() as u64;
                    if received > blob.size {
                        break Err(Stop::TooLong { read: received });
                    }
                    // Where the writer has given up, it says why.
                    if sender.send(part).await.is_err() {
                        break Ok(());
                    }
                    if received - reported >= REPORT || received == blob.size {
                        reported = received;
                        let name = self.0.repository.name();
                        self.tell(Event::Transferred { name, done: received, total: blob.size });
                    }
                }
                Ok(None) => break Ok(()),
                Err(stop) => break Err(stop),
            }
        };
        drop(sender);
        let written = writer.await.map_err(|error| DepotError::Interrupted(error.to_string()))?;
        Ok((written.map_err(|error| store_error(store, error))?, stop))
    }
}

/// Checks the whole of a blob and puts it in its place.
fn finish(mut incoming: Incoming, resumed: bool, blob: &Descriptor, store: &Store) -> Result<(), DepotError> {
    DepotError::expect_size(blob, incoming.written())?;
    let piece = if resumed { Piece::ResumedBlob } else { Piece::Blob };
    DepotError::expect_digest(piece, &blob.digest, &incoming.digest_as_written())?;
    if resumed {
        // Put together from several answers: what counts is what lies on the disk now, from the first byte to the last.
        let whole = incoming.digest().map_err(|error| store_error(store, error))?;
        DepotError::expect_digest(piece, &blob.digest, &whole)?;
    }
    store.keep(incoming)?;
    Ok(())
}

fn store_error(store: &Store, error: io::Error) -> DepotError {
    store.error(error).into()
}
