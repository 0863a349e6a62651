//! What a component hands itself through the client, so that the client cannot alter it, use it elsewhere, or keep it for long.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::artifact::Digest;
use crate::principal::Principal;

/// How long a client has to answer.
const LIFETIME: Duration = Duration::from_secs(15 * 60);

/// Seals the states of one server. The key lives as long as this process: a question that is answered after a restart
/// has to be asked again.
pub(super) struct Sealer {
    key: [u8; 32],
    server: Digest,
}

/// Why a state is not taken.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum SealError {
    #[error("requestState was not made for this request; send back the one that came with the question, unchanged")]
    Broken,
    #[error("requestState is older than 15 minutes; send the request again without it")]
    Expired,
}

/// The request that a state belongs to.
pub(super) struct Purpose<'a> {
    pub(super) principal: &'a Principal,
    pub(super) method: &'a str,
    /// The tool, prompt or resource.
    pub(super) target: &'a str,
    /// Its arguments in a canonical form, so that an answer given for some is not used for others. Few calls ask.
    pub(super) arguments: &'a (dyn Fn() -> String + Sync),
}

impl Sealer {
    /// # Errors
    /// Where the system gives no random numbers.
    pub(super) fn new(server: Digest) -> std::io::Result<Self> {
        let mut key = [0; 32];
        let filled = rustix::rand::getrandom(&mut key, rustix::rand::GetRandomFlags::empty())?;
        // The system gives up to 256 bytes whole (getrandom(2)).
        if filled != key.len() {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Self { key, server })
    }

    /// `MAC.EXPIRY.STATE`: the client may read it, as the contract says.
    pub(super) fn seal(&self, purpose: &Purpose<'_>, state: &str) -> String {
        let expiry = (now() + LIFETIME).as_secs();
        format!("{}.{expiry}.{state}", self.mac(purpose, expiry, state).to_hex())
    }

    pub(super) fn open(&self, purpose: &Purpose<'_>, sealed: &str) -> Result<String, SealError> {
        let mut parts = sealed.splitn(3, '.');
        let (Some(mac), Some(expiry), Some(state)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(SealError::Broken);
        };
        let mac = blake3::Hash::from_hex(mac).map_err(|_| SealError::Broken)?;
        let expiry: u64 = expiry.parse().map_err(|_| SealError::Broken)?;
        // `blake3::Hash` is compared in constant time.
        if mac != self.mac(purpose, expiry, state) {
            return Err(SealError::Broken);
        }
        if now().as_secs() > expiry {
            return Err(SealError::Expired);
        }
        Ok(state.to_owned())
    }

    fn mac(&self, purpose: &Purpose<'_>, expiry: u64, state: &str) -> blake3::Hash {
        let Purpose { principal, method, target, arguments } = purpose;
        let (principal, arguments) = (principal.to_string(), arguments());
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(self.server.hex().as_bytes()).update(&expiry.to_le_bytes());
        for part in [&principal, *method, *target, &arguments, state] {
            // With its length in front, no part runs into the next.
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
        hasher.finalize()
    }
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none() -> String {
        "{}".to_owned()
    }

    fn some() -> String {
        r#"{"a":1}"#.to_owned()
    }

    fn purpose<'a>(
        principal: &'a Principal,
        target: &'a str,
        arguments: &'a (dyn Fn() -> String + Sync),
    ) -> Purpose<'a> {
        Purpose { principal, method: "tools/call", target, arguments }
    }

    #[test]
    fn a_state_comes_back_as_it_was() {
        let (sealer, me) = (Sealer::new(Digest::of(b"")).unwrap(), Principal::local());
        for state in ["", "a.b.c", "\u{1f600}"] {
            let sealed = sealer.seal(&purpose(&me, "ask", &none), state);
            assert_eq!(sealer.open(&purpose(&me, "ask", &none), &sealed).unwrap(), state);
        }
    }

    #[test]
    fn a_state_serves_only_the_request_it_was_made_for() {
        let (sealer, me, you) =
            (Sealer::new(Digest::of(b"")).unwrap(), Principal::local(), Principal::named("you").unwrap());
        let sealed = sealer.seal(&purpose(&me, "ask", &none), "s");
        let refused = |sealer: &Sealer, purpose: &Purpose<'_>, sealed: &str| {
            assert_eq!(sealer.open(purpose, sealed), Err(SealError::Broken));
        };
        refused(&sealer, &purpose(&you, "ask", &none), &sealed);
        refused(&sealer, &purpose(&me, "other", &none), &sealed);
        refused(&sealer, &purpose(&me, "ask", &some), &sealed);
        refused(&sealer, &purpose(&me, "ask", &none), &format!("{sealed}x"));
        refused(&sealer, &purpose(&me, "ask", &none), &sealed.replacen('.', ".9", 1));
        refused(&sealer, &purpose(&me, "ask", &none), "s");
        refused(&Sealer::new(Digest::of(b"")).unwrap(), &purpose(&me, "ask", &none), &sealed);
    }

    #[test]
    fn a_state_expires() {
        let (sealer, me) = (Sealer::new(Digest::of(b"")).unwrap(), Principal::local());
        let purpose = purpose(&me, "ask", &none);
        let sealed = format!("{}.1.s", sealer.mac(&purpose, 1, "s").to_hex());
        assert_eq!(sealer.open(&purpose, &sealed), Err(SealError::Expired));
    }
}
