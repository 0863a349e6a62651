//! Attacks on what certificates and keys sign, each with its reason.

mod certificates;
mod independent;
mod keys;
mod legacy;
mod logs;
mod real;
mod second_rekor;
mod stamped;
mod statements;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rcgen::ExtendedKeyUsagePurpose;
use serde_json::{Value, json};

use super::*;
use crate::trust::authority::Need;
use crate::trust::evidence::{Notes, Place};
use crate::trust::forge::Hand;
use crate::trust::forge::instance::{
    Asked, EPOCH, Holder, ISSUER, Instance, Logged, WORKFLOW, bundle, email, envelope, uri,
};
use crate::trust::identity::{Claim, Claims, SubjectRule};
use crate::trust::key::SignerKey;
use crate::trust::root::TrustRoot;
use crate::trust::statement::{MAX_SUBJECTS, PAYLOAD_TYPE, StatementProblem};

const SIGNATURE: &str = "https://sigstore.dev/cosign/sign/v1";

/// A change of a bundle, and what it leads to.
type Case<'a> = (Fault, &'a dyn Fn(&mut Value));

fn about() -> Digest {
    Digest::of(b"manifest")
}

fn statement_about(digest: &Digest) -> Vec<u8> {
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{ "digest": { "sha256": digest.hex() } }],
        "predicateType": SIGNATURE,
        "predicate": {},
    })
    .to_string()
    .into_bytes()
}

/// Whether its signer stands behind the manifest with it.
fn is_signature(said: &Said) -> bool {
    match said {
        Said::Payload(_) | Said::Manifest => true,
        Said::Statement(statement) => statement.is_signature(),
    }
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(EPOCH).unwrap() + 3600)
}

/// Whoever has [`WORKFLOW`]'s certificate, with everything asked for.
fn workflow(root: Arc<TrustRoot>) -> Authority {
    keyless(root, SubjectRule::exactly(WORKFLOW).unwrap(), Claims::new())
}

fn keyless(root: Arc<TrustRoot>, subject: SubjectRule, claims: Claims) -> Authority {
    let who = Who::Keyless { issuer: ISSUER.to_owned(), subject, claims };
    Authority { name: "acme".to_owned(), who, root, log: Need::Required, sct: Need::Required, timestamp: Need::Ignore }
}

fn key(hand: &Hand, log: Need) -> Authority {
    let who = Who::Key(SignerKey::from_pem(&hand.pem()).unwrap());
    let root = TrustRoot::public_good().unwrap();
    Authority { name: "acme.pub".to_owned(), who, root, log, sct: Need::Ignore, timestamp: Need::Ignore }
}

/// The same authority under this root.
fn under(root: &Arc<TrustRoot>, authority: &Authority) -> Authority {
    Authority { root: Arc::clone(root), ..authority.clone() }
}

/// Weighs it for an authority under this root.
fn weighed(form: Form, authority: &Authority, root: &Arc<TrustRoot>) -> Result<Authenticated, Fault> {
    let evidence = Evidence { about: about(), place: Place::Referrers, form };
    Weighing::of(&evidence).by(&under(root, authority), now())
}

/// Weighs a bundle for an authority that is known by its certificates.
fn outcome(bundle: &Value, authority: &Authority) -> Result<Authenticated, Fault> {
    weighed(Form::Bundle(bundle.to_string().into_bytes()), authority, &authority.root)
}

fn fault(bundle: &Value, authority: &Authority) -> Fault {
    outcome(bundle, authority).map(|good| good.said).expect_err("it counts")
}

/// A statement about the manifest, signed by the holder and logged.
fn signed(instance: &Instance, holder: &Holder) -> Value {
    signed_bytes(instance, holder, &statement_about(&about()))
}

fn signed_bytes(instance: &Instance, holder: &Holder, payload: &[u8]) -> Value {
    let envelope = holder.envelope(PAYLOAD_TYPE, payload);
    let entry = instance.log.entry(&holder.pem(), &Logged::Dsse(&envelope), &signature_of(&envelope));
    bundle(holder.material(&[entry]), ("dsseEnvelope", envelope))
}

fn signature_of(envelope: &Value) -> Vec<u8> {
    BASE64_STANDARD.decode(envelope["signatures"][0]["sig"].as_str().unwrap()).unwrap()
}

fn entry(bundle: &mut Value) -> &mut Value {
    &mut bundle["verificationMaterial"]["tlogEntries"][0]
}

/// The same bundle in version 0.1, whose entries have a promise and no proof.
fn oldest(mut bundle: Value) -> Value {
    bundle["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.1".into();
    let material = bundle["verificationMaterial"].as_object_mut().unwrap();
    let certificate = material.remove("certificate").unwrap();
    material.insert("x509CertificateChain".to_owned(), json!({ "certificates": [certificate] }));
    entry(&mut bundle).as_object_mut().unwrap().remove("inclusionProof");
    bundle
}

#[test]
fn a_bundle_that_could_be_read_in_two_ways_is_refused() {
    let instance = Instance::new();
    let holder = instance.issue(&Asked::workflow());
    let authority = workflow(instance.root());
    let good = signed(&instance, &holder).to_string();
    let weigh = |text: String| weighed(Form::Bundle(text.into_bytes()), &authority, &instance.root()).unwrap_err();
    for (from, to) in [
        (r#""dsseEnvelope":"#, r#""messageSignature":{"signature":"AAAA"},"dsseEnvelope":"#),
        (r#""dsseEnvelope":"#, r#""dsseEnvelope":{},"dsseEnvelope":"#),
        (r#""dsseEnvelope":"#, r#""DsseEnvelope":{},"dsseEnvelope":"#),
        (r#""certificate":"#, r#""publicKey":{"hint":""},"certificate":"#),
        (r#""certificate":"#, r#""certificate":{"rawBytes":""},"certificate":"#),
        (r#""payload":"#, r#""payload":"","payload":"#),
        (r#""payloadType":"#, r#""payloadtype":"x","payloadType":"#),
        (r#""sig":"#, r#""Sig":"AAAA","sig":"#),
        (r#""tlogEntries":"#, r#""tlogEntries":[],"tlogEntries":"#),
        ("{", "[{"),
    ] {
        let text = good.replacen(from, to, 1);
        assert_ne!(text, good, "{from}");
        assert_eq!(weigh(text), Fault::Unreadable, "{to}");
    }
    let entry = json!({ "kindVersion": { "kind": "intoto", "version": "0.0.1" } });
    let unknown = good.replacen(r#""tlogEntries":["#, &format!(r#""tlogEntries":[{entry},"#), 1);
    assert_eq!(weigh(unknown), Fault::LogKind);
    let mut many: Value = serde_json::from_str(&good).unwrap();
    let entries = many["verificationMaterial"]["tlogEntries"].as_array_mut().unwrap();
    *entries = vec![entries[0].clone(); 9];
    assert_eq!(weigh(many.to_string()), Fault::TooLarge);
    assert_eq!(weigh(format!("{good}{}", " ".repeat(bundle::MAX_BUNDLE_BYTES))), Fault::TooLarge);
}

#[test]
fn a_signature_from_the_future_does_not_count() {
    let instance = Instance::new();
    let bundle = signed(&instance, &instance.issue(&Asked::workflow()));
    let form = Form::Bundle(bundle.to_string().into_bytes());
    let evidence = Evidence { about: about(), place: Place::Referrers, form };
    let at = |seconds: i64| {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(EPOCH + seconds).unwrap());
        Weighing::of(&evidence).by(&workflow(instance.root()), now)
    };
    assert_eq!(at(-3600).unwrap_err(), Fault::InTheFuture);
    assert!(at(0).is_ok());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_weighed_without_a_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let root = TrustRoot::public_good().unwrap();
        for form in [
            Form::Bundle(bytes.clone()),
            Form::Envelope { envelope: bytes.clone(), notes: Notes::default() },
            Form::SimpleSigning { payload: bytes.clone(), notes: Notes::default() },
        ] {
            proptest::prop_assert!(weighed(form, &workflow(root.clone()), &root).is_err());
        }
    }

    #[test]
    fn any_notes_are_weighed_without_a_panic(text in "\\PC{0,120}", base64 in "[A-Za-z0-9+/=]{0,80}") {
        let root = TrustRoot::public_good().unwrap();
        let promise = json!({
            "SignedEntryTimestamp": base64,
            "Payload": { "body": base64, "integratedTime": 1, "logIndex": 1, "logID": "00".repeat(32) },
        });
        let pem = format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----");
        for note in [text, base64.clone(), promise.to_string(), pem, json!({ "SignedRFC3161Timestamp": base64 }).to_string()] {
            let note = Some(note);
            let notes = Notes {
                signature: Some(base64.clone()),
                certificate: note.clone(),
                chain: note.clone(),
                log: note.clone(),
                timestamp: note.clone(),
                predicate_type: note,
            };
            let content = envelope(PAYLOAD_TYPE, &statement_about(&about()), b"x").to_string().into_bytes();
            for form in [
                Form::SimpleSigning { payload: content.clone(), notes: notes.clone() },
                Form::Envelope { envelope: content, notes },
            ] {
                proptest::prop_assert!(weighed(form, &workflow(root.clone()), &root).is_err());
            }
        }
    }

    #[test]
    fn an_envelope_with_one_byte_changed_says_the_same_or_nothing(at in proptest::num::usize::ANY, byte in 0x20_u8..0x7f) {
        use std::sync::OnceLock;
        static GOOD: OnceLock<(Hand, String)> = OnceLock::new();
        let (hand, text) = GOOD.get_or_init(|| {
            let (hand, payload) = (Hand::new(), statement_about(&about()));
            let signature = hand.sign_raw(&sigstore_types::pae(PAYLOAD_TYPE, &payload));
            let text = envelope(PAYLOAD_TYPE, &payload, &signature).to_string();
            (hand, text)
        });
        let mut bytes = text.clone().into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        let form = Form::Envelope { envelope: bytes, notes: Notes::default() };
        let root = TrustRoot::public_good().unwrap();
        if let Ok(good) = weighed(form, &key(hand, Need::Ignore), &root) {
            let Said::Statement(statement) = good.said else { panic!("another kind") };
            proptest::prop_assert!(statement.is_about(&about()) && statement.is_signature());
        }
    }

    #[test]
    fn a_bundle_with_one_byte_changed_says_the_same_or_nothing(at in proptest::num::usize::ANY, byte in 0x20_u8..0x7f) {
        use std::sync::OnceLock;
        static GOOD: OnceLock<(String, Arc<TrustRoot>)> = OnceLock::new();
        let (text, root) = GOOD.get_or_init(|| {
            let instance = Instance::new();
            (signed(&instance, &instance.issue(&Asked::workflow())).to_string(), instance.root())
        });
        let mut bytes = text.clone().into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(good) = weighed(Form::Bundle(bytes), &workflow(root.clone()), root) {
            let Said::Statement(statement) = good.said else { panic!("another kind") };
            proptest::prop_assert!(statement.is_about(&about()) && statement.is_signature());
        }
    }
}
