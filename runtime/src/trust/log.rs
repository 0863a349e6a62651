//! The promise of Sigstore's transparency log (Rekor) that it keeps a signature: a signed entry timestamp.

use std::sync::OnceLock;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::json;
use sigstore_trust_root::{SigstoreInstance, TrustedRoot};
use sigstore_types::Bundle;
use sigstore_verify::{PublicKeyVerificationPolicy, Verifier};

use super::key::SignerKey;
use crate::message::Json;

/// The largest annotation that is read as a promise, in bytes. Real ones have about 2,500.
const MAX_PROMISE_BYTES: usize = 64 * 1024;

/// Checks promises with the keys of one instance of the log.
pub(crate) struct TransparencyLog(Verifier);

/// Why a signature does not count as logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogProblem {
    /// There is no promise beside it.
    Missing,
    /// What is beside it is no promise that can be read.
    Unreadable,
    /// The promise was not made by the log, or for another signature, key or payload, or was altered.
    NotKept,
}

/// What cosign writes into the annotation `dev.sigstore.cosign/bundle`.
#[derive(Deserialize)]
struct Promise {
    #[serde(rename = "SignedEntryTimestamp")]
    signed_entry_timestamp: String,
    #[serde(rename = "Payload")]
    payload: Entry,
}

#[derive(Deserialize)]
struct Entry {
    body: String,
    #[serde(rename = "integratedTime")]
    integrated_time: i64,
    #[serde(rename = "logIndex")]
    log_index: u64,
    #[serde(rename = "logID")]
    log_id: String,
}

/// The head of a log entry (Rekor, `pkg/types`).
#[derive(Deserialize)]
struct Body {
    kind: String,
    #[serde(rename = "apiVersion")]
    api_version: String,
}

impl TransparencyLog {
    /// The public log. Its keys are shipped inside this program; nothing where they cannot be read.
    pub(crate) fn public() -> Option<&'static Self> {
        static PUBLIC: OnceLock<Option<TransparencyLog>> = OnceLock::new();
        PUBLIC.get_or_init(|| Self::of(&TrustedRoot::from_embedded(SigstoreInstance::PublicGood).ok()?)).as_ref()
    }

    fn of(root: &TrustedRoot) -> Option<Self> {
        Verifier::new(root).ok().map(Self)
    }

    /// Checks that the log promised to keep exactly this signature, by this key, over this payload.
    ///
    /// # Errors
    /// See [`LogProblem`].
    pub(crate) fn check(
        &self,
        key: &SignerKey,
        payload: &[u8],
        signature: &[u8],
        promise: Option<&str>,
    ) -> Result<(), LogProblem> {
        let bundle = bundle(key, signature, promise.ok_or(LogProblem::Missing)?).ok_or(LogProblem::Unreadable)?;
        let policy = PublicKeyVerificationPolicy::new(key.der().clone());
        let result = self.0.verify(payload, &bundle, &policy).map_err(|_| LogProblem::NotKept)?;
        // Only a promise with a time gives one: an entry without was not checked as one of the log.
        if result.tlog_verified() && result.integrated_time().is_some() { Ok(()) } else { Err(LogProblem::NotKept) }
    }
}

/// The same statement as a Sigstore bundle of version 0.1 (sigstore/protobuf-specs, `sigstore_bundle.proto`).
fn bundle(key: &SignerKey, signature: &[u8], promise: &str) -> Option<Bundle> {
    if promise.len() > MAX_PROMISE_BYTES {
        return None;
    }
    let promise: Promise = Json::parse(promise).ok()?.read().ok()?;
    let Entry { body, integrated_time, log_index, log_id } = promise.payload;
    let head = String::from_utf8(BASE64_STANDARD.decode(&body).ok()?).ok()?;
    let Body { kind, api_version } = Json::parse(head).ok()?.read().ok()?;
    // What cosign logs for an image. Other kinds say something else, or are checked in other ways.
    if (kind.as_str(), api_version.as_str()) != ("hashedrekord", "0.0.1") || integrated_time <= 0 {
        return None;
    }
    let bundle = json!({
        "mediaType": "application/vnd.dev.sigstore.bundle+json;version=0.1",
        "verificationMaterial": {
            "publicKey": { "hint": key.fingerprint().hex() },
            "tlogEntries": [{
                "logIndex": log_index.to_string(),
                "logId": { "keyId": BASE64_STANDARD.encode(bytes_of_hex(&log_id)?) },
                "kindVersion": { "kind": kind, "version": api_version },
                "integratedTime": integrated_time.to_string(),
                "inclusionPromise": { "signedEntryTimestamp": promise.signed_entry_timestamp },
                "canonicalizedBody": body,
            }],
        },
        "messageSignature": { "signature": BASE64_STANDARD.encode(signature) },
    });
    Bundle::from_json(&bundle.to_string()).ok()
}

/// The log is named by the digest of its key, as 64 hexadecimal digits.
fn bytes_of_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    };
    text.as_bytes().chunks(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::trust::forge::{Hand, Log, Statement};

    type Change<'a> = dyn Fn(&mut Value) + 'a;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    struct Logged {
        key: SignerKey,
        payload: Vec<u8>,
        signature: Vec<u8>,
        promise: String,
    }

    /// A signature that `log` promised to keep.
    fn logged(log: &Log, hand: &Hand, repository: &str) -> Logged {
        let candidate = hand.sign(&Statement::new(DIGEST, repository));
        let signature = BASE64_STANDARD.decode(candidate.signature.unwrap()).unwrap();
        let promise = log.promise(&hand.pem(), &candidate.payload, &signature);
        Logged { key: SignerKey::from_pem(&hand.pem()).unwrap(), payload: candidate.payload, signature, promise }
    }

    fn check(log: &Log, logged: &Logged, promise: Option<&str>) -> Result<(), LogProblem> {
        let Logged { key, payload, signature, .. } = logged;
        TransparencyLog::of(&log.trusted_root()).unwrap().check(key, payload, signature, promise)
    }

    #[test]
    fn a_promise_for_exactly_this_signature_is_kept() {
        let (log, hand) = (Log::new(), Hand::new());
        let logged = logged(&log, &hand, "ghcr.io/acme/time");
        assert_eq!(check(&log, &logged, Some(&logged.promise)), Ok(()));
    }

    #[test]
    fn a_promise_of_another_log_or_for_another_signature_is_not() {
        let (log, hand) = (Log::new(), Hand::new());
        let this = logged(&log, &hand, "ghcr.io/acme/time");
        let by_another_log = logged(&Log::new(), &hand, "ghcr.io/acme/time");
        let for_another_payload = logged(&log, &hand, "ghcr.io/acme/other");
        let by_another_key = logged(&log, &Hand::new(), "ghcr.io/acme/time");
        // The same payload, signed a second time: only the signature differs.
        let for_another_signature = logged(&log, &hand, "ghcr.io/acme/time");
        assert_ne!(for_another_signature.signature, this.signature);
        for other in [by_another_log, for_another_payload, by_another_key, for_another_signature] {
            assert_eq!(check(&log, &this, Some(&other.promise)), Err(LogProblem::NotKept));
        }
        // The public log made none of these.
        let public = TransparencyLog::public().unwrap();
        let result = public.check(&this.key, &this.payload, &this.signature, Some(&this.promise));
        assert_eq!(result, Err(LogProblem::NotKept));
    }

    #[test]
    fn whatever_is_altered_in_a_promise_breaks_it() {
        let (log, hand) = (Log::new(), Hand::new());
        let this = logged(&log, &hand, "ghcr.io/acme/time");
        let other = logged(&log, &hand, "ghcr.io/acme/other");
        let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let (good, foreign) = (value(&this.promise), value(&other.promise));
        let altered = |change: &Change<'_>| {
            let mut promise = good.clone();
            change(&mut promise);
            check(&log, &this, Some(&promise.to_string()))
        };
        assert_eq!(altered(&|_| {}), Ok(()));
        for change in [
            &(|p: &mut Value| p["Payload"]["integratedTime"] = 1_600_000_000.into()) as &Change<'_>,
            &|p: &mut Value| p["Payload"]["logIndex"] = 7.into(),
            &|p: &mut Value| p["Payload"]["logID"] = "00".repeat(32).into(),
            &|p: &mut Value| p["Payload"]["body"] = foreign["Payload"]["body"].clone(),
            &|p: &mut Value| p["SignedEntryTimestamp"] = foreign["SignedEntryTimestamp"].clone(),
            &|p: &mut Value| p["SignedEntryTimestamp"] = "AAAA".into(),
        ] {
            assert_eq!(altered(change), Err(LogProblem::NotKept));
        }
        for change in [
            &(|p: &mut Value| p["Payload"]["integratedTime"] = 0.into()) as &Change<'_>,
            &|p: &mut Value| p["Payload"]["integratedTime"] = (-1).into(),
            &|p: &mut Value| p["Payload"]["integratedTime"] = i64::MAX.into(),
            &|p: &mut Value| p["Payload"]["logIndex"] = (-1).into(),
            &|p: &mut Value| p["Payload"]["logID"] = "zz".into(),
            &|p: &mut Value| p["Payload"]["body"] = "!".into(),
            &|p: &mut Value| {
                p["Payload"]["body"] = BASE64_STANDARD.encode(r#"{"kind":"intoto","apiVersion":"0.0.2"}"#).into()
            },
            &|p: &mut Value| p["Payload"] = Value::Null,
            &|p: &mut Value| p["SignedEntryTimestamp"] = Value::Null,
        ] {
            assert_eq!(altered(change), Err(LogProblem::Unreadable));
        }
        assert_eq!(check(&log, &this, None), Err(LogProblem::Missing));
        let twice = this.promise.replacen('{', r#"{"SignedEntryTimestamp":"AAAA","#, 1);
        assert_eq!(check(&log, &this, Some(&twice)), Err(LogProblem::Unreadable));
    }

    #[test]
    fn a_promise_from_the_future_is_not_kept() {
        let (log, hand) = (Log::new(), Hand::new());
        let this = logged(&log, &hand, "ghcr.io/acme/time");
        let promise = log.promise_at(&hand.pem(), &this.payload, &this.signature, 32_503_680_000);
        assert_eq!(check(&log, &this, Some(&promise)), Err(LogProblem::NotKept));
    }

    proptest::proptest! {
        #[test]
        fn any_annotation_is_read_or_refused(text in "\\PC{0,200}", body in "[A-Za-z0-9+/=]{0,80}") {
            let key = SignerKey::from_pem(&Hand::new().pem()).unwrap();
            let _ = bundle(&key, b"signature", &text);
            let entry = json!({ "body": body, "integratedTime": 1, "logIndex": 1, "logID": "00".repeat(32) });
            let promise = json!({ "SignedEntryTimestamp": body, "Payload": entry }).to_string();
            proptest::prop_assert!(bundle(&key, b"signature", &promise).is_none());
        }
    }
}
