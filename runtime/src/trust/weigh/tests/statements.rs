//! What is in an envelope.

use super::*;

/// Why a signed statement about these subjects does not count.
fn fault_of_subjects(subjects: Value) -> Fault {
    let instance = Instance::new();
    let mut statement: Value = serde_json::from_slice(&statement_about(&about())).unwrap();
    statement["subject"] = subjects;
    let bundle = signed_bytes(&instance, &instance.issue(&Asked::workflow()), statement.to_string().as_bytes());
    fault(&bundle, &workflow(instance.root()))
}

#[test]
fn attack_26_another_digest_of_the_same_manifest_does_not_make_up_for_the_wrong_one() {
    let sha512 = sigstore_crypto::sha512(b"manifest").to_hex();
    let other = Digest::of(b"other").hex();
    let fault = fault_of_subjects(json!([{ "digest": { "sha512": sha512, "sha256": other } }]));
    assert_eq!((fault.code(), fault.is_by_trusted()), ("other-artifact", true));
    let fault = fault_of_subjects(json!([{ "digest": { "sha512": sha512 } }]));
    assert_eq!(fault.code(), "no-subject-digest");
}

#[test]
fn attack_27_a_signed_statement_about_nothing_or_everything_does_not_count() {
    assert_eq!(fault_of_subjects(json!([])).code(), "no-subject");
    let subject = json!({ "digest": { "sha256": about().hex() } });
    let fault = fault_of_subjects(vec![subject; MAX_SUBJECTS + 1].into());
    assert_eq!(fault.code(), "too-many-subjects");
}

#[test]
fn attack_30_what_is_no_statement_is_not_read_as_one() {
    let instance = Instance::new();
    let holder = instance.issue(&Asked::workflow());
    let acme = Hand::new();
    let payload = statement_about(&about());
    for kind in ["application/json", "application/vnd.in-toto+json; charset=utf-8", "APPLICATION/VND.IN-TOTO+JSON", ""]
    {
        let content = holder.envelope(kind, &payload);
        let entry = instance.log.entry(&holder.pem(), &Logged::Dsse(&content), &signature_of(&content));
        let bundle = bundle(holder.material(&[entry]), ("dsseEnvelope", content));
        assert_eq!(fault(&bundle, &workflow(instance.root())).code(), "other-payload-type");
        let content = envelope(kind, &payload, &acme.sign_raw(&sigstore_types::pae(kind, &payload)));
        let form = Form::Envelope { envelope: content.to_string().into_bytes(), notes: Notes::default() };
        let fault = weighed(form, &key(&acme, Need::Ignore), &instance.root()).unwrap_err();
        assert_eq!(fault, Fault::OtherPayloadType);
    }
    // The label is signed with the rest: one that was put on later does not hold.
    let content = holder.envelope("application/json", &payload);
    let mut bundle = signed(&instance, &holder);
    bundle["dsseEnvelope"] = content;
    bundle["dsseEnvelope"]["payloadType"] = PAYLOAD_TYPE.into();
    assert_eq!(fault(&bundle, &workflow(instance.root())), Fault::Altered);
}

#[test]
fn attack_33_an_sbom_is_no_signature() {
    let instance = Instance::new();
    let holder = instance.issue(&Asked::workflow());
    let text = String::from_utf8(statement_about(&about())).unwrap().replace(SIGNATURE, "https://spdx.dev/Document");
    let good = outcome(&signed_bytes(&instance, &holder, text.as_bytes()), &workflow(instance.root())).unwrap();
    assert!(!is_signature(&good.said));
}

#[test]
fn attack_36_an_envelope_has_exactly_one_signature() {
    let instance = Instance::new();
    let holder = instance.issue(&Asked::workflow());
    let good = signed(&instance, &holder);
    let one = good["dsseEnvelope"]["signatures"][0].clone();
    let garbage = json!({ "sig": "AAAA" });
    for signatures in [json!([]), json!([one, garbage]), json!([garbage, one]), json!([one, one])] {
        let mut bundle = good.clone();
        bundle["dsseEnvelope"]["signatures"] = signatures;
        assert_eq!(fault(&bundle, &workflow(instance.root())).code(), "several-signatures");
        let form =
            Form::Envelope { envelope: bundle["dsseEnvelope"].to_string().into_bytes(), notes: Notes::default() };
        let fault = weighed(form, &key(&Hand::new(), Need::Ignore), &instance.root()).unwrap_err();
        assert_eq!(fault, Fault::SeveralSignatures);
    }
}
