//! The body of an answer, from somebody who may send too much, too slowly, or not to the end.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Response;
use http_body_util::BodyExt;

/// A body in parts.
pub(super) struct Body {
    inner: reqwest::Body,
    idle: Duration,
    deadline: Instant,
}

/// Why a body was not read to its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// It comes too slowly.
    Slow,
    /// The connection broke.
    Broken(String),
    /// There is more of it than there may be.
    TooLong { read: u64 },
}

impl Body {
    pub(super) fn new(inner: reqwest::Body, idle: Duration, deadline: Instant) -> Self {
        Self { inner, idle, deadline }
    }

    /// The next part, which is not empty; nothing at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Stop> {
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now()).min(self.idle);
            let frame = tokio::time::timeout(left, self.inner.frame()).await.map_err(|_elapsed| Stop::Slow)?;
            match frame {
                None => return Ok(None),
                Some(Err(error)) => return Err(Stop::Broken(innermost(&error))),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) if !bytes.is_empty() => return Ok(Some(bytes)),
                    // Trailers, and parts without bytes: they count as idle time, as long as the deadline is not over.
                    _ if Instant::now() >= self.deadline => return Err(Stop::Slow),
                    _ => {}
                },
            }
        }
    }

    /// All of it, where it has at most `cap` bytes.
    pub(super) async fn all(&mut self, cap: u64) -> Result<Vec<u8>, Stop> {
        let mut all = Vec::new();
        while let Some(bytes) = self.next().await? {
            all.extend_from_slice(&bytes);
            if all.len() as u64 > cap {
                return Err(Stop::TooLong { read: all.len() as u64 });
            }
        }
        Ok(all)
    }
}

/// The length that an answer says its body has: a claim.
pub(super) fn said_length(response: &Response<reqwest::Body>) -> Option<u64> {
    response.headers().get(http::header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// What went wrong at the bottom of a chain of errors: those above repeat the URL, which may hold a signature.
pub(super) fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(cause) = error.source() {
        error = cause;
    }
    error.to_string()
}
