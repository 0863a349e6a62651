//! Entries of the second Rekor for what keys sign: a `hashedrekord` 0.0.2, which promises nothing and knows no time.

use super::*;
use crate::trust::forge::stamps::Stamps;

/// An envelope by a key with an entry of the log, stamped.
fn signed_by(hand: &Hand, instance: &Instance, stamps: &Stamps) -> Value {
    let payload = statement_about(&about());
    let content = envelope(PAYLOAD_TYPE, &payload, &hand.sign_raw(&sigstore_types::pae(PAYLOAD_TYPE, &payload)));
    let signature = signature_of(&content);
    let entry = instance.log.entry(&hand.pem(), &Logged::Hashed(&content), &signature);
    let stamp = stamps.of_signature(&signature, "20240101000100Z");
    let material = json!({ "publicKey": { "hint": "" }, "tlogEntries": [entry], "timestampVerificationData": stamp });
    bundle(material, ("dsseEnvelope", content))
}

#[test]
fn an_envelope_of_a_key_counts_where_the_second_rekor_has_the_digest_of_what_is_signed() {
    let (instance, acme) = (Instance::new(), Hand::new());
    let stamps = Stamps::of(&instance);
    let root = instance.root_with(|root| root["timestampAuthorities"] = json!([stamps.named()]));
    let good = signed_by(&acme, &instance, &stamps);
    let weigh = |bundle: &Value, authority: &Authority| {
        weighed(Form::Bundle(bundle.to_string().into_bytes()), authority, &root)
    };
    let logged = key(&acme, Need::Required);
    let stamped = Authority { timestamp: Need::Required, ..logged.clone() };
    let stamped_at = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(EPOCH + 60).unwrap());
    for (authority, at) in [(&logged, None), (&stamped, Some(stamped_at))] {
        let good = weigh(&good, authority).unwrap();
        assert!(good.logged && is_signature(&good.said));
        assert_eq!(good.at, at);
    }
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut bundle = good.clone();
        change(&mut bundle["verificationMaterial"]);
        assert_ne!(bundle, good);
        weigh(&bundle, &stamped).unwrap_err()
    };
    let other = signed_by(&acme, &instance, &stamps);
    let of_stranger = signed_by(&Hand::new(), &instance, &stamps);
    let entry_of = |bundle: &Value| bundle["verificationMaterial"]["tlogEntries"].clone();
    assert_eq!(changed(&|m| m["tlogEntries"] = json!([])), Fault::NotLogged);
    // attack_12: another signature of the same key, and a stranger's.
    assert_eq!(changed(&|m| m["tlogEntries"] = entry_of(&other)), Fault::LogMismatch);
    assert_eq!(changed(&|m| m["tlogEntries"] = entry_of(&of_stranger)), Fault::LogMismatch);
    // attack_13: what the log signed says where the entry lies.
    assert_eq!(changed(&|m| m["tlogEntries"][0]["logIndex"] = "1".into()), Fault::LogProof);
    let elsewhere = Instance::new();
    let of_elsewhere = signed_by(&acme, &elsewhere, &stamps);
    assert_eq!(weigh(&of_elsewhere, &stamped).unwrap_err(), Fault::LogCheckpoint);
    let strange = other["verificationMaterial"]["timestampVerificationData"].clone();
    assert_eq!(changed(&|m| m["timestampVerificationData"] = strange.clone()), Fault::Timestamp);
}
