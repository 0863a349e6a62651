//! Timestamps of cosign 2's attestations, which are over the whole envelope as it is stored.

use sigstore_trust_root::SIGSTORE_PRODUCTION_TRUSTED_ROOT;

use super::independent::notes_of;
use super::real::{BEACON, FILE, PROVENANCE, authority, beside, value};
use super::*;

const STAMPS: &str = include_str!("../../../../../tests/data/sigstore/envelope-timestamps.json");

/// When the log has it.
const LOGGED: u64 = 1_734_374_576;

/// The public instance, which has this timestamp authority as well.
fn root(change: impl Fn(&mut Value)) -> Arc<TrustRoot> {
    let mut root = value(SIGSTORE_PRODUCTION_TRUSTED_ROOT);
    let mut stamps = value(STAMPS)["authority"].clone();
    change(&mut stamps);
    root["timestampAuthorities"].as_array_mut().unwrap().push(stamps);
    TrustRoot::read("stamped", root.to_string().as_bytes()).unwrap()
}

/// The envelope as cosign stores it.
fn envelope_of(bundle: &Value) -> Vec<u8> {
    let envelope = &bundle["dsseEnvelope"];
    let part = |value: &Value| value.as_str().unwrap().to_owned();
    let (kind, payload) = (part(&envelope["payloadType"]), part(&envelope["payload"]));
    let signature = part(&envelope["signatures"][0]["sig"]);
    format!(r#"{{"payloadType":"{kind}","payload":"{payload}","signatures":[{{"keyid":"","sig":"{signature}"}}]}}"#)
        .into_bytes()
}

fn note(stamp: &Value) -> Option<String> {
    Some(json!({ "SignedRFC3161Timestamp": stamp }).to_string())
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

#[test]
fn the_envelope_of_a_workflow_was_stamped_while_its_certificate_was_valid() {
    let (bundle, stamps) = (value(PROVENANCE), value(STAMPS));
    let weigh = |timestamp: Option<String>, need: Need, root: Arc<TrustRoot>| {
        let by = Authority { timestamp: need, ..authority(ISSUER, BEACON, Arc::clone(&root)) };
        let form = Form::Envelope { envelope: envelope_of(&bundle), notes: Notes { timestamp, ..notes_of(&bundle) } };
        beside(FILE, form, &by).map(|good| (good.logged, good.at))
    };
    let required = |stamp: Option<String>| weigh(stamp, Need::Required, root(|_| ()));
    assert_eq!(required(note(&stamps["inTime"])), Ok((true, Some(at(LOGGED)))));
    assert_eq!(required(note(&stamps["late"])), Err(Fault::CertificateExpired));
    assert_eq!(required(None), Err(Fault::NoTimestamp));
    // attack_17: of another envelope, by nobody who is known, or when its authority had ended.
    assert_eq!(required(note(&stamps["ofKey"]["inTime"])), Err(Fault::Timestamp));
    assert_eq!(required(note(&json!("AAAA"))), Err(Fault::Timestamp));
    let good = || note(&stamps["inTime"]);
    let public = TrustRoot::public_good().unwrap();
    assert_eq!(weigh(good(), Need::Required, public), Err(Fault::Timestamp));
    let ended = root(|authority| authority["validFor"]["end"] = "2024-12-01T00:00:00Z".into());
    assert_eq!(weigh(good(), Need::Required, ended), Err(Fault::TimestampWindow));
    // Where nobody asks for it, it is nothing.
    assert_eq!(weigh(Some("garbage".to_owned()), Need::Ignore, root(|_| ())), Ok((true, Some(at(LOGGED)))));
    // By itself it shows no time at which a certificate could be checked.
    let unlogged =
        Authority { log: Need::Ignore, timestamp: Need::Required, ..authority(ISSUER, BEACON, root(|_| ())) };
    let notes = Notes { timestamp: good(), log: None, ..notes_of(&bundle) };
    let form = Form::Envelope { envelope: envelope_of(&bundle), notes };
    assert_eq!(beside(FILE, form, &unlogged).unwrap_err(), Fault::NoTime);
}

#[test]
fn an_envelope_that_differs_in_a_space_is_not_the_one_that_was_stamped() {
    let (bundle, stamps) = (value(PROVENANCE), value(STAMPS));
    let mut envelope = envelope_of(&bundle);
    envelope.push(b' ');
    let root = root(|_| ());
    let by = Authority { timestamp: Need::Required, ..authority(ISSUER, BEACON, Arc::clone(&root)) };
    let notes = Notes { timestamp: note(&stamps["inTime"]), ..notes_of(&bundle) };
    assert_eq!(beside(FILE, Form::Envelope { envelope, notes }, &by).unwrap_err(), Fault::Timestamp);
}

#[test]
fn the_envelope_of_a_key_was_stamped_when_the_timestamp_says() {
    let stamps = value(STAMPS);
    let of_key = &stamps["ofKey"];
    let signer = SignerKey::from_pem(of_key["key"].as_str().unwrap()).unwrap();
    let by = Authority { who: Who::Key(signer), timestamp: Need::Required, ..key(&Hand::new(), Need::Ignore) };
    let weigh = |timestamp: Option<String>, by: &Authority| {
        let envelope = of_key["envelope"].as_str().unwrap().as_bytes().to_vec();
        let form = Form::Envelope { envelope, notes: Notes { timestamp, ..Notes::default() } };
        beside(FILE, form, &under(&root(|_| ()), by)).map(|good| (good.logged, good.at))
    };
    assert_eq!(weigh(note(&of_key["inTime"]), &by), Ok((false, Some(at(LOGGED + 4)))));
    assert_eq!(weigh(note(&stamps["inTime"]), &by), Err(Fault::Timestamp));
    assert_eq!(weigh(None, &by), Err(Fault::NoTimestamp));
    let logged = Authority { log: Need::Required, ..by };
    assert_eq!(weigh(note(&of_key["inTime"]), &logged), Err(Fault::NotLogged));
}
