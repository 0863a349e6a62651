//! What cosign 2 writes, by keys and by certificates.

use super::*;
use crate::trust::evidence::Notes;
pub(super) use crate::trust::forge::instance::log_note;
use crate::trust::forge::{Log, Statement as Signed};
use crate::trust::payload::PayloadProblem;

fn payload() -> Vec<u8> {
    Signed::new(&about().to_string(), "ghcr.io/acme/time").bytes()
}

/// A signature of the holder over a payload, with everything that cosign puts beside it.
fn signature(log: &Log, holder: &Holder, payload: &[u8]) -> Notes {
    let signature = holder.sign(payload);
    let entry = log.entry(&holder.pem(), &Logged::Bytes(payload), &signature);
    Notes {
        signature: Some(BASE64_STANDARD.encode(signature)),
        certificate: Some(holder.pem()),
        log: Some(log_note(&entry)),
        ..Notes::default()
    }
}

fn by_key(log: &Log, hand: &Hand, payload: &[u8]) -> Notes {
    let signature = hand.sign_raw(payload);
    let entry = log.entry(&hand.pem(), &Logged::Bytes(payload), &signature);
    Notes { signature: Some(BASE64_STANDARD.encode(signature)), log: Some(log_note(&entry)), ..Notes::default() }
}

fn weigh_notes(
    notes: &Notes,
    payload: &[u8],
    authority: &Authority,
    root: &Arc<TrustRoot>,
) -> Result<Authenticated, Fault> {
    weighed(Form::SimpleSigning { payload: payload.to_vec(), notes: notes.clone() }, authority, root)
}

#[test]
fn a_signature_of_a_key_or_of_a_certificate_counts() {
    let (instance, acme) = (Instance::new(), Hand::new());
    let root = instance.root();
    let good = weigh_notes(&by_key(&instance.log, &acme, &payload()), &payload(), &key(&acme, Need::Required), &root);
    let good = good.unwrap();
    assert!(good.logged && good.at.is_some() && is_signature(&good.said));
    let holder = instance.issue(&Asked::workflow());
    let mut notes = signature(&instance.log, &holder, &payload());
    // Whoever is in the chain is not looked at.
    notes.chain = Some("-----BEGIN CERTIFICATE-----\n!".to_owned());
    let good = weigh_notes(&notes, &payload(), &workflow(root.clone()), &root).unwrap();
    let Said::Payload(said) = good.said else { panic!("another kind") };
    assert_eq!((said.manifest, said.repository.expose()), (about(), "ghcr.io/acme/time"));
    assert_eq!(good.identity.unwrap().subject.expose(), WORKFLOW);
}

#[test]
fn what_is_not_asked_for_is_not_looked_at() {
    let (instance, acme) = (Instance::new(), Hand::new());
    let garbage = || Some("garbage".to_owned());
    let notes = Notes {
        certificate: garbage(),
        chain: garbage(),
        log: garbage(),
        timestamp: garbage(),
        predicate_type: garbage(),
        ..by_key(&instance.log, &acme, &payload())
    };
    let root = instance.root();
    assert!(weigh_notes(&notes, &payload(), &key(&acme, Need::Ignore), &root).is_ok());
    assert_eq!(weigh_notes(&notes, &payload(), &key(&acme, Need::Required), &root).unwrap_err(), Fault::LogUnreadable);
    let stamped = Authority { timestamp: Need::Required, ..key(&acme, Need::Ignore) };
    assert_eq!(weigh_notes(&notes, &payload(), &stamped, &root).unwrap_err(), Fault::Timestamp);
    let none = Notes { timestamp: None, ..notes };
    assert_eq!(weigh_notes(&none, &payload(), &stamped, &root).unwrap_err(), Fault::NoTimestamp);
}

#[test]
fn of_a_strangers_notes_only_the_certificate_is_looked_at() {
    let instance = Instance::new();
    let stranger = instance.issue(&Asked { subject: uri("https://evil.example/x"), ..Asked::workflow() });
    let garbage = || Some("garbage".to_owned());
    let notes = Notes { log: garbage(), timestamp: garbage(), ..signature(&instance.log, &stranger, &payload()) };
    let (root, authority) = (instance.root(), workflow(instance.root()));
    let fault = weigh_notes(&notes, &payload(), &authority, &root).unwrap_err();
    assert_eq!((fault, fault.is_by_trusted()), (Fault::OtherSubject, false));
    let notes = Notes { certificate: Some(instance.issue(&Asked::workflow()).pem()), ..notes };
    let fault = weigh_notes(&notes, &payload(), &authority, &root).unwrap_err();
    assert_eq!((fault, fault.is_by_trusted()), (Fault::LogUnreadable, true));
}

#[test]
fn attack_01_a_signature_of_another_key_is_unknown_before_anything_else_is_read() {
    let (instance, acme) = (Instance::new(), Hand::new());
    let root = instance.root();
    for need in [Need::Required, Need::Ignore] {
        let notes = by_key(&instance.log, &Hand::new(), b"{}");
        assert_eq!(weigh_notes(&notes, b"{}", &key(&acme, need), &root).unwrap_err(), Fault::UnknownKey);
    }
    let notes = by_key(&instance.log, &acme, b"{}");
    let fault = weigh_notes(&notes, b"{}", &key(&acme, Need::Ignore), &root).unwrap_err();
    assert_eq!((fault, fault.is_by_trusted()), (Fault::Payload(PayloadProblem::Unreadable), true));
    let unsigned = Notes { signature: None, ..notes };
    assert_eq!(weigh_notes(&unsigned, b"{}", &key(&acme, Need::Ignore), &root).unwrap_err(), Fault::Unreadable);
}

#[test]
fn attack_06_a_key_in_the_note_for_the_certificate_vouches_for_nothing() {
    let instance = Instance::new();
    let holder = instance.issue(&Asked::workflow());
    let good = signature(&instance.log, &holder, &payload());
    let (root, certificate) = (instance.root(), holder.pem());
    let with = |text: &str| {
        let notes = Notes { certificate: Some(text.to_owned()), ..good.clone() };
        weigh_notes(&notes, &payload(), &workflow(root.clone()), &root).map(|good| good.said)
    };
    assert!(with(&certificate).is_ok());
    for text in [
        holder.public_key_pem(),
        holder.public_key_pem().replace("PUBLIC KEY", "CERTIFICATE"),
        format!("{certificate}{certificate}"),
        format!("{}{certificate}", holder.public_key_pem()),
        "garbage".to_owned(),
    ] {
        assert_eq!(with(&text).unwrap_err(), Fault::CertificateUnreadable, "{text}");
    }
    assert_eq!(with("").unwrap_err(), Fault::NoCertificate);
}

#[test]
fn attack_12_the_signers_own_certificate_and_promise_do_not_vouch_for_another_payload() {
    let instance = Instance::new();
    let holder = instance.issue(&Asked::workflow());
    let (root, authority) = (instance.root(), workflow(instance.root()));
    let good = signature(&instance.log, &holder, &payload());
    let evil = Signed::new(&about().to_string(), "ghcr.io/acme/time").tagged("evil").bytes();
    // Everything of the signer's is public. Nothing of it fits another payload.
    assert_eq!(weigh_notes(&good, &evil, &authority, &root).unwrap_err(), Fault::Altered);
    let stranger = Hand::new();
    let mut resigned = good.clone();
    resigned.signature = Some(BASE64_STANDARD.encode(stranger.sign_raw(&evil)));
    assert_eq!(weigh_notes(&resigned, &evil, &authority, &root).unwrap_err(), Fault::Altered);
    // Nor does the promise for another signature of the same signer.
    let other = Notes { log: signature(&instance.log, &holder, &payload()).log, ..good };
    assert_eq!(weigh_notes(&other, &payload(), &authority, &root).unwrap_err(), Fault::LogMismatch);
}

#[test]
fn whatever_is_altered_in_a_promise_breaks_it() {
    let (instance, acme) = (Instance::new(), Hand::new());
    let good = by_key(&instance.log, &acme, &payload());
    let (root, authority) = (instance.root(), key(&acme, Need::Required));
    let value: Value = serde_json::from_str(good.log.as_ref().unwrap()).unwrap();
    let other = by_key(&instance.log, &acme, &Signed::new(&about().to_string(), "ghcr.io/acme/other").bytes());
    let other: Value = serde_json::from_str(&other.log.unwrap()).unwrap();
    let cases: &[Case<'_>] = &[
        (Fault::LogPromise, &|p| p["Payload"]["integratedTime"] = (EPOCH + 1).into()),
        (Fault::LogPromise, &|p| p["Payload"]["logIndex"] = 7.into()),
        (Fault::LogPromise, &|p| p["Payload"]["body"] = other["Payload"]["body"].clone()),
        (Fault::LogPromise, &|p| p["SignedEntryTimestamp"] = other["SignedEntryTimestamp"].clone()),
        (Fault::LogPromise, &|p| p["SignedEntryTimestamp"] = "AAAA".into()),
        (Fault::LogMismatch, &|p| *p = other.clone()),
        (Fault::UnknownLog, &|p| p["Payload"]["logID"] = "00".repeat(32).into()),
        (Fault::LogUnreadable, &|p| p["Payload"]["integratedTime"] = 0.into()),
        (Fault::LogUnreadable, &|p| p["Payload"]["integratedTime"] = (-1).into()),
        (Fault::LogUnreadable, &|p| p["Payload"]["integratedTime"] = i64::MAX.into()),
        (Fault::LogUnreadable, &|p| p["Payload"]["logIndex"] = (-1).into()),
        (Fault::LogUnreadable, &|p| p["Payload"]["logID"] = "zz".into()),
        (Fault::LogUnreadable, &|p| p["Payload"]["body"] = "!".into()),
        (Fault::LogUnreadable, &|p| p["Payload"] = Value::Null),
        (Fault::LogUnreadable, &|p| p["SignedEntryTimestamp"] = Value::Null),
        (Fault::LogKind, &|p| {
            p["Payload"]["body"] = BASE64_STANDARD.encode(r#"{"kind":"intoto","apiVersion":"0.0.2"}"#).into();
        }),
    ];
    for (number, (expected, change)) in cases.iter().enumerate() {
        let mut promise = value.clone();
        change(&mut promise);
        let notes = Notes { log: Some(promise.to_string()), ..good.clone() };
        assert_eq!(weigh_notes(&notes, &payload(), &authority, &root).unwrap_err(), *expected, "{number}");
    }
    for (expected, log) in [
        (Fault::NotLogged, None),
        (Fault::NotLogged, Some(String::new())),
        (Fault::LogUnreadable, Some(value.to_string().replacen('{', r#"{"SignedEntryTimestamp":"AAAA","#, 1))),
        (Fault::TooLarge, Some(format!("{value}{}", " ".repeat(64 * 1024)))),
    ] {
        let notes = Notes { log, ..good.clone() };
        assert_eq!(weigh_notes(&notes, &payload(), &authority, &root).unwrap_err(), expected);
    }
}

#[test]
fn an_attestation_of_a_key_or_of_a_certificate_counts() {
    let (instance, acme) = (Instance::new(), Hand::new());
    let holder = instance.issue(&Asked::workflow());
    let root = instance.root();
    let bytes = statement_about(&about());
    let by_holder = holder.envelope(PAYLOAD_TYPE, &bytes);
    let by_hand = envelope(PAYLOAD_TYPE, &bytes, &acme.sign_raw(&sigstore_types::pae(PAYLOAD_TYPE, &bytes)));
    let weigh_it = |content: &Value, notes: Notes, authority: &Authority| {
        let envelope = content.to_string().into_bytes();
        weighed(Form::Envelope { envelope, notes }, authority, &root).map(|good| good.said)
    };
    for logged in [Logged::Dsse(&by_holder), Logged::InToto(&by_holder)] {
        let entry = instance.log.entry(&holder.pem(), &logged, &signature_of(&by_holder));
        let notes = Notes { certificate: Some(holder.pem()), log: Some(log_note(&entry)), ..Notes::default() };
        let Ok(Said::Statement(said)) = weigh_it(&by_holder, notes.clone(), &workflow(root.clone())) else {
            panic!("it does not count")
        };
        assert!(said.is_about(&about()));
        // Under another envelope the same notes are worth nothing.
        let other = holder.envelope(PAYLOAD_TYPE, &bytes);
        assert_eq!(weigh_it(&other, notes.clone(), &workflow(root.clone())).unwrap_err(), Fault::LogMismatch);
        assert_eq!(weigh_it(&by_hand, notes, &workflow(root.clone())).unwrap_err(), Fault::Altered);
    }
    let entry = instance.log.entry(&acme.pem(), &Logged::Dsse(&by_hand), &signature_of(&by_hand));
    let notes = Notes { log: Some(log_note(&entry)), ..Notes::default() };
    assert!(weigh_it(&by_hand, notes.clone(), &key(&acme, Need::Required)).is_ok());
    assert_eq!(weigh_it(&by_hand, Notes::default(), &key(&acme, Need::Required)).unwrap_err(), Fault::NotLogged);
    assert!(weigh_it(&by_hand, Notes::default(), &key(&acme, Need::Ignore)).is_ok());
    assert_eq!(weigh_it(&by_hand, notes, &workflow(root.clone())).unwrap_err(), Fault::NoCertificate);
    assert_eq!(weigh_it(&by_holder, Notes::default(), &key(&acme, Need::Ignore)).unwrap_err(), Fault::UnknownKey);
}

#[test]
fn attack_20_a_payload_for_another_manifest_is_bad_wherever_it_lies() {
    let (instance, acme) = (Instance::new(), Hand::new());
    let other = Signed::new(&Digest::of(b"other").to_string(), "ghcr.io/acme/time").bytes();
    let notes = by_key(&instance.log, &acme, &other);
    let fault = weigh_notes(&notes, &other, &key(&acme, Need::Ignore), &instance.root()).unwrap_err();
    assert_eq!((fault, fault.is_by_trusted()), (Fault::OtherDigest, true));
    // An attestation, too, whether or not the library has looked at it.
    let statement = statement_about(&Digest::of(b"other"));
    let signature = acme.sign_raw(&sigstore_types::pae(PAYLOAD_TYPE, &statement));
    let content = envelope(PAYLOAD_TYPE, &statement, &signature);
    let entry = instance.log.entry(&acme.pem(), &Logged::Dsse(&content), &signature);
    for need in [Need::Required, Need::Ignore] {
        let notes = Notes { log: Some(log_note(&entry)), ..Notes::default() };
        let form = Form::Envelope { envelope: content.to_string().into_bytes(), notes };
        assert_eq!(weighed(form, &key(&acme, need), &instance.root()).unwrap_err(), Fault::OtherDigest);
    }
}
