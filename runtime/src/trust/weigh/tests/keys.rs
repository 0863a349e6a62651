//! What keys sign.

use super::*;

#[test]
fn attack_01_a_signature_by_another_key_is_unknown() {
    let instance = Instance::new();
    let (acme, stranger) = (Hand::new(), Hand::new());
    let payload = statement_about(&about());
    let by = |hand: &Hand| {
        let content = envelope(PAYLOAD_TYPE, &payload, &hand.sign_raw(&sigstore_types::pae(PAYLOAD_TYPE, &payload)));
        let entry = instance.log.entry(&hand.pem(), &Logged::Dsse(&content), &signature_of(&content));
        bundle(json!({ "publicKey": { "hint": "x" }, "tlogEntries": [entry] }), ("dsseEnvelope", content))
    };
    let form = |bundle: &Value| Form::Bundle(bundle.to_string().into_bytes());
    let root = instance.root();
    for need in [Need::Required, Need::Ignore] {
        let authority = key(&acme, need);
        let good = weighed(form(&by(&acme)), &authority, &root).unwrap();
        assert_eq!(good.signer, SignerId::Key(*SignerKey::from_pem(&acme.pem()).unwrap().fingerprint()));
        assert_eq!((good.logged, good.at.is_some()), (need.is_required(), need.is_required()));
        assert_eq!(weighed(form(&by(&stranger)), &authority, &root).unwrap_err(), Fault::UnknownKey);
        let mut altered = by(&acme);
        altered["dsseEnvelope"]["payload"] = BASE64_STANDARD.encode(statement_about(&Digest::of(b"x"))).into();
        assert_eq!(weighed(form(&altered), &authority, &root).unwrap_err(), Fault::UnknownKey);
    }
    // The log counts only where it is asked for.
    let mut bare = by(&acme);
    bare["verificationMaterial"].as_object_mut().unwrap().remove("tlogEntries");
    assert!(weighed(form(&bare), &key(&acme, Need::Ignore), &root).is_ok());
    assert_eq!(weighed(form(&bare), &key(&acme, Need::Required), &root).unwrap_err(), Fault::NotLogged);
    let elsewhere = Instance::new().root();
    assert_eq!(weighed(form(&by(&acme)), &key(&acme, Need::Required), &elsewhere).unwrap_err(), Fault::UnknownLog);
    let stamped = Authority { timestamp: Need::Required, ..key(&acme, Need::Ignore) };
    assert_eq!(weighed(form(&by(&acme)), &stamped, &root).unwrap_err(), Fault::NoTimestamp);
    // The entry of another signature by the same key.
    let mut borrowed = by(&acme);
    *entry(&mut borrowed) = by(&acme)["verificationMaterial"]["tlogEntries"][0].clone();
    assert_eq!(weighed(form(&borrowed), &key(&acme, Need::Required), &root).unwrap_err(), Fault::LogMismatch);
    assert!(weighed(form(&borrowed), &key(&acme, Need::Ignore), &root).is_ok());
}

#[test]
fn what_one_check_leaves_out_is_there_for_the_next() {
    let (instance, acme) = (Instance::new(), Hand::new());
    let (root, holder) = (instance.root(), instance.issue(&Asked::workflow()));
    let payload = statement_about(&about());
    let content = envelope(PAYLOAD_TYPE, &payload, &acme.sign_raw(&sigstore_types::pae(PAYLOAD_TYPE, &payload)));
    let entry = instance.log.entry(&acme.pem(), &Logged::Dsse(&content), &signature_of(&content));
    let by_key = json!({ "publicKey": { "hint": "x" }, "tlogEntries": [&entry] });
    let notes = Notes { log: Some(legacy::log_note(&entry)), ..Notes::default() };
    let forms = [
        Form::Bundle(bundle(by_key, ("dsseEnvelope", content.clone())).to_string().into_bytes()),
        Form::Envelope { envelope: content.to_string().into_bytes(), notes },
        Form::Bundle(signed(&instance, &holder).to_string().into_bytes()),
    ];
    let unstamped = Authority { timestamp: Need::Required, ..key(&acme, Need::Ignore) };
    let unlogged = Authority { log: Need::Ignore, ..workflow(instance.root()) };
    let authorities = [
        key(&acme, Need::Ignore),
        unstamped,
        key(&acme, Need::Required),
        key(&Hand::new(), Need::Required),
        unlogged,
        workflow(instance.root()),
    ];
    for form in forms {
        let evidence = Evidence { about: about(), place: Place::Referrers, form };
        let by = |weighing: &mut Weighing<'_>, authority: &Authority| {
            weighing.by(&under(&root, authority), now()).map(|good| (good.signer, good.logged, good.at))
        };
        let alone: Vec<_> = authorities.iter().map(|authority| by(&mut Weighing::of(&evidence), authority)).collect();
        assert!(alone.iter().any(Result::is_ok) && alone.iter().any(Result::is_err));
        // Each after each other, and itself once more.
        for (first, before) in authorities.iter().enumerate() {
            let mut weighing = Weighing::of(&evidence);
            for (second, after) in authorities.iter().enumerate() {
                assert_eq!(by(&mut weighing, before), alone[first], "{first} before {second}");
                assert_eq!(by(&mut weighing, after), alone[second], "{second} after {first}");
            }
        }
    }
}
