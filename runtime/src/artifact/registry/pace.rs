//! How long a registry is waited for, and how often it is asked again.

use std::time::{Duration, Instant};

use http::{HeaderMap, StatusCode, header};

/// The patience with a registry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// For the head of an answer, and between two parts of its body.
    pub(in crate::artifact) idle: Duration,
    /// For a whole body, whatever its size.
    pub(in crate::artifact) grace: Duration,
    /// What a body has to come at in the long run, in bytes a second.
    pub(in crate::artifact) slowest: u64,
    /// Before a request is made the second time; doubled before each further one.
    pub(in crate::artifact) first_wait: Duration,
    /// The longest wait that a registry may ask for.
    pub(in crate::artifact) longest_wait: Duration,
    /// How often a request is made, at most.
    pub(in crate::artifact) attempts: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(20),
            grace: Duration::from_secs(30),
            slowest: 16 * 1024,
            first_wait: Duration::from_millis(300),
            longest_wait: Duration::from_secs(20),
            attempts: 4,
        }
    }
}

impl Pace {
    /// When a body of this size has to be here.
    pub(super) fn deadline(&self, bytes: u64) -> Instant {
        Instant::now() + self.grace + Duration::from_secs(bytes / self.slowest)
    }

    /// How long to wait before the next attempt; nothing where none is left, or the registry asks for more than it gets.
    pub(super) fn wait(&self, attempt: u32, headers: Option<&HeaderMap>) -> Option<Duration> {
        if attempt >= self.attempts {
            return None;
        }
        let own = self.first_wait * 2_u32.saturating_pow(attempt.saturating_sub(1));
        match headers.and_then(retry_after) {
            Some(asked) if asked > self.longest_wait => None,
            Some(asked) => Some(asked.max(self.first_wait)),
            None => Some(own.min(self.longest_wait)),
        }
    }
}

/// Whether the same request may be answered well a little later.
pub(super) fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 500 | 502 | 503 | 504)
}

/// How long the registry asks us to wait (RFC 9110, §10.2.3). A date is not read: clocks differ.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let digits = !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
    digits.then(|| Duration::from_secs(text.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(text: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::RETRY_AFTER, text.parse().unwrap());
        headers
    }

    #[test]
    fn waits_grow_and_end() {
        let pace = Pace::default();
        let waits: Vec<_> = (1..=4).map(|attempt| pace.wait(attempt, None).map(|wait| wait.as_millis())).collect();
        assert_eq!(waits, [Some(300), Some(600), Some(1200), None]);
    }

    #[test]
    fn a_registry_is_given_the_time_it_asks_for_within_reason() {
        let pace = Pace::default();
        assert_eq!(pace.wait(1, Some(&asking("2"))), Some(Duration::from_secs(2)));
        assert_eq!(pace.wait(1, Some(&asking("0"))), Some(pace.first_wait));
        assert_eq!(pace.wait(4, Some(&asking("2"))), None);
        for long in ["3600", "99999999999999999999999"] {
            assert_eq!(pace.wait(1, Some(&asking(long))), None);
        }
        for unread in ["Wed, 21 Oct 2026 07:28:00 GMT", "-1", "1.5", ""] {
            assert_eq!(pace.wait(1, Some(&asking(unread))), Some(pace.first_wait), "{unread}");
        }
    }
}
