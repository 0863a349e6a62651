//! Covers a secret in what a server answers to a request that carried it.
//!
//! Some servers repeat what they were sent, in an error say. Each byte of the value becomes `*`, so that lengths stay
//! what they were. This finds the value as it is: a server that encodes it, packs it or sends it in parts gives it away,
//! as it could anyhow.
//!
//! Nothing here may tell a guest how much of a guess is right, which an early `no` would do byte by byte: the search
//! takes the same time whatever it finds, and how much of a body is held back depends on the value's length alone.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body::{Body, Frame, SizeHint};

use crate::secret::Secret;

/// The shortest value that is covered, in bytes. Shorter ones are in every text, and soon guessed.
const SHORTEST: usize = 8;

/// Any odd number with many bits would do.
const BASE: u64 = 0x9e37_79b9_7f4a_7c15;

/// What must not come back with an answer.
pub(crate) struct Redactor(Vec<Search>);

/// A search for one value, by a hash that rolls over the text (Rabin and Karp).
struct Search {
    secret: Arc<Secret>,
    hash: u64,
    /// What the first byte of a window counts in its hash.
    first: u64,
}

impl Redactor {
    pub(super) fn new(secrets: impl Iterator<Item = Arc<Secret>>) -> Self {
        Self(secrets.filter(|secret| secret.expose().len() >= SHORTEST).map(Search::new).collect())
    }

    /// Covers what must not come back in the head of an answer.
    pub(super) fn headers(&self, headers: &mut HeaderMap) {
        if self.0.is_empty() {
            return;
        }
        for value in headers.values_mut() {
            let mut bytes = value.as_bytes().to_vec();
            if self.cover(&mut bytes) {
                // `*` can stand wherever the value could.
                *value = HeaderValue::from_bytes(&bytes).unwrap_or(HeaderValue::from_static("*"));
            }
        }
    }

    /// Covers what must not come back in the body of an answer, as it arrives.
    pub(super) fn body(self, body: reqwest::Body) -> reqwest::Body {
        if self.0.is_empty() {
            return body;
        }
        reqwest::Body::wrap(Covered { body, redactor: self, held: Vec::new(), trailers: None })
    }

    /// Covers all values in the bytes, and says whether there were any.
    fn cover(&self, bytes: &mut [u8]) -> bool {
        let found: Vec<(usize, usize)> = self
            .0
            .iter()
            .flat_map(|search| {
                search.find(bytes).into_iter().map(|start| (start, start + search.secret.expose().len()))
            })
            .collect();
        for (start, end) in &found {
            bytes[*start..*end].fill(b'*');
        }
        !found.is_empty()
    }

    /// How many bytes at the end may be the start of a value. None goes over a line break, as none is in a header; so
    /// whole lines, and with them the events of a stream, are never held back.
    fn may_go_on(&self, bytes: &[u8]) -> usize {
        let longest = self.0.iter().map(|search| search.secret.expose().len()).max().unwrap_or(1);
        let line = bytes.iter().rev().take_while(|byte| **byte != b'\n').take(longest - 1);
        line.count()
    }
}

impl Search {
    fn new(secret: Arc<Secret>) -> Self {
        let bytes = secret.expose().as_bytes();
        let first = (1..bytes.len()).fold(1, |power: u64, _| power.wrapping_mul(BASE));
        Self { hash: hash(bytes), first, secret }
    }

    /// Where the value starts in a text.
    fn find(&self, text: &[u8]) -> Vec<usize> {
        let secret = self.secret.expose().as_bytes();
        let Some((window, rest)) = text.split_at_checked(secret.len()) else { return Vec::new() };
        let mut found = Vec::new();
        let mut rolling = hash(window);
        for (start, next) in rest.iter().map(Some).chain([None]).enumerate() {
            // The hash alone may be wrong, once in 2^64.
            if rolling == self.hash && &text[start..start + secret.len()] == secret {
                found.push(start);
            }
            if let Some(next) = next {
                let without_first = rolling.wrapping_sub(u64::from(text[start]).wrapping_mul(self.first));
                rolling = without_first.wrapping_mul(BASE).wrapping_add(u64::from(*next));
            }
        }
        found
    }
}

fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |hash: u64, byte| hash.wrapping_mul(BASE).wrapping_add(u64::from(*byte)))
}

/// A body in which values are covered.
struct Covered {
    body: reqwest::Body,
    redactor: Redactor,
    /// What may be the start of a value that the next part goes on with.
    held: Vec<u8>,
    trailers: Option<HeaderMap>,
}

impl Covered {
    /// What can be passed on, now that these bytes have come.
    fn take(&mut self, bytes: &[u8]) -> Bytes {
        self.held.extend_from_slice(bytes);
        self.redactor.cover(&mut self.held);
        let keep = self.redactor.may_go_on(&self.held);
        let rest = self.held.split_off(self.held.len() - keep);
        Bytes::from(std::mem::replace(&mut self.held, rest))
    }

    /// What is held, once nothing comes any more.
    fn last(&mut self) -> Option<Frame<Bytes>> {
        if !self.held.is_empty() {
            return Some(Frame::data(Bytes::from(std::mem::take(&mut self.held))));
        }
        self.trailers.take().map(Frame::trailers)
    }
}

impl Body for Covered {
    type Data = Bytes;
    type Error = reqwest::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, reqwest::Error>>> {
        let this = self.get_mut();
        loop {
            if this.trailers.is_some() {
                return Poll::Ready(this.last().map(Ok));
            }
            let Some(frame) = ready!(Pin::new(&mut this.body).poll_frame(context)?) else {
                return Poll::Ready(this.last().map(Ok));
            };
            match frame.into_data() {
                Ok(data) => {
                    let data = this.take(&data);
                    if !data.is_empty() {
                        return Poll::Ready(Some(Ok(Frame::data(data))));
                    }
                }
                Err(frame) => {
                    let mut trailers = frame.into_trailers().unwrap_or_default();
                    this.redactor.headers(&mut trailers);
                    this.trailers = Some(trailers);
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_empty() && self.trailers.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (hint, held) = (self.body.size_hint(), self.held.len() as u64);
        let mut whole = SizeHint::new();
        whole.set_lower(hint.lower() + held);
        if let Some(upper) = hint.upper() {
            whole.set_upper(upper + held);
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;
    use http_body_util::BodyExt;

    use super::*;

    const SECRET: &str = "s3cr3t-s3cr3t";

    fn redactor(secrets: &[&str]) -> Redactor {
        Redactor::new(secrets.iter().map(|secret| Arc::new(Secret::new((*secret).to_owned()).unwrap())))
    }

    fn body(chunks: &[&str]) -> reqwest::Body {
        let chunks: Vec<Result<String, std::io::Error>> = chunks.iter().map(|chunk| Ok((*chunk).to_owned())).collect();
        reqwest::Body::wrap_stream(futures_util::stream::iter(chunks))
    }

    async fn parts(chunks: &[&str]) -> Vec<String> {
        let body = redactor(&[SECRET]).body(body(chunks));
        body.into_data_stream().map(|part| String::from_utf8(part.unwrap().to_vec()).unwrap()).collect().await
    }

    #[tokio::test]
    async fn a_secret_is_covered_over_the_borders_of_parts() {
        let stars = "*".repeat(SECRET.len());
        for cut in 0..SECRET.len() {
            let (front, back) = SECRET.split_at(cut);
            let got = parts(&["<", front, back, ">s3cr3t-s3c"]).await.concat();
            assert_eq!(got, format!("<{stars}>s3cr3t-s3c"), "{cut}");
        }
    }

    #[tokio::test]
    async fn whole_lines_are_not_held_back() {
        assert_eq!(parts(&["data: 1\n\n", "data: s3c\n\n"]).await, ["data: 1\n\n", "data: s3c\n\n"]);
    }

    #[tokio::test]
    async fn how_much_is_held_back_says_nothing_of_the_secret() {
        let lengths = async |text: &str| Vec::from_iter(parts(&[text, "!"]).await.iter().map(String::len));
        assert_eq!(lengths("abcdefghijklmnopqrs3cr3t").await, lengths("abcdefghijklmnopqrstuvwx").await);
    }

    #[test]
    fn headers_are_covered() {
        let mut headers = HeaderMap::new();
        headers.insert("location", HeaderValue::from_static("/?token=s3cr3t-s3cr3t&x"));
        headers.append("x-echo", HeaderValue::from_static("s3cr3t-s3cr3ts3cr3t-s3cr3t"));
        headers.append("x-echo", HeaderValue::from_static("s3cr3t"));
        redactor(&[SECRET]).headers(&mut headers);
        let shown: Vec<&str> = headers.values().map(|value| value.to_str().unwrap()).collect();
        assert_eq!(shown, ["/?token=*************&x", "**************************", "s3cr3t"]);
    }

    #[test]
    fn a_short_value_is_in_every_text() {
        assert!(redactor(&["1234567"]).0.is_empty());
    }

    proptest::proptest! {
        #[test]
        fn what_is_covered_is_what_a_plain_search_finds(text in "[ab]{0,60}", a in "[ab]{8,9}", b in "[ab]{8,12}") {
            let mut expected = text.clone().into_bytes();
            for secret in [&a, &b] {
                for start in (0..text.len()).filter(|start| text[*start..].starts_with(secret.as_str())) {
                    expected[start..start + secret.len()].fill(b'*');
                }
            }
            let mut covered = text.clone().into_bytes();
            let found = redactor(&[&a, &b]).cover(&mut covered);
            proptest::prop_assert_eq!(found, covered != text.as_bytes());
            proptest::prop_assert_eq!(covered, expected);
        }
    }
}
