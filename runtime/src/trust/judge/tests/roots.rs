//! Whose log counts for what keys sign.

use super::*;
use crate::trust::forge::instance::{Instance, Logged, bundle, envelope};

const PAYLOAD: &str = "application/vnd.in-toto+json";

/// A signature by a key that this instance's log has.
fn logged(instance: &Instance, hand: &Hand) -> Evidence {
    let about = digest(DIGEST);
    let payload = in_toto(&about, "https://sigstore.dev/cosign/sign/v1", &json!({})).into_bytes();
    let signature = hand.sign_raw(&sigstore_types::pae(PAYLOAD, &payload));
    let envelope = envelope(PAYLOAD, &payload, &signature);
    let entry = instance.log.entry(&hand.pem(), &Logged::Dsse(&envelope), &signature);
    let material = json!({ "publicKey": { "hint": "" }, "tlogEntries": [entry] });
    let bytes = bundle(material, ("dsseEnvelope", envelope)).to_string().into_bytes();
    Evidence { about, place: Place::Referrers, form: Form::Bundle(bytes) }
}

/// ACME's scope, where its key has to be in the log of the root that is written so.
fn scope(root: &str) -> String {
    ACME.replace("log = \"ignore\"", &format!("{root}log = \"required\""))
}

#[test]
fn a_key_counts_where_the_log_of_its_root_has_it_and_no_other() {
    let (ours, theirs, acme) = (Instance::new(), Instance::new(), Hand::new());
    let under = |root: &str| {
        let json = |instance: &Instance| instance.root_json().to_string().into_bytes();
        let files = [("acme.pub", acme.pem().into_bytes()), ("ours.json", json(&ours)), ("theirs.json", json(&theirs))];
        TrustPolicy::read(&scope(root), &mut Given::new(files)).unwrap()
    };
    let judged = |root: &str, instance: &Instance| outcome(&under(root), &[], Ok(beside([logged(instance, &acme)])));
    assert_eq!(judged("root = \"ours.json\", ", &ours), Ok(Basis::Signed));
    assert_eq!(judged("root = \"theirs.json\", ", &theirs), Ok(Basis::Signed));
    assert_eq!(judged("root = \"ours.json\", ", &theirs), Err("unknown-log"));
    assert_eq!(judged("root = \"theirs.json\", ", &ours), Err("unknown-log"));
    // Sigstore's public log stands in for none of them, nor they for it.
    for public in ["", "root = \"public-good\", "] {
        assert_eq!(judged(public, &ours), Err("unknown-log"));
    }
    // Whose log it was is shown, unless it is the one that everybody would expect.
    let found = Ok(beside([logged(&ours, &acme)]));
    let decision = decide(&under("root = \"ours.json\", "), &[], &subject(), found);
    let [by] = decision.signers() else { panic!("{decision:?}") };
    assert_eq!((by.is_by_key(), by.logged, by.root.as_deref()), (true, true, Some("ours.json")));
}

#[test]
fn a_key_does_not_count_under_a_root_that_has_yet_to_be_fetched() {
    let (ours, acme) = (Instance::new(), Hand::new());
    let read = |text: &str| {
        let files = Given::new([("acme.pub", acme.pem().into_bytes())]);
        TrustPolicy::read(text, &mut NothingFetched(files)).unwrap()
    };
    let roots = "[roots.fresh]\n    tuf = \"public-good\"\n    [[scope]]";
    let text = scope("root = \"fresh\", ").replace("[[scope]]", roots);
    let decision = decide(&read(&text), &[], &subject(), Ok(beside([logged(&ours, &acme)])));
    let Verdict::Refused { why, remedies } = decision.verdict else { panic!("it runs") };
    assert_eq!(why.reason.code(), "root-missing");
    assert!(remedies.iter().any(|remedy| remedy.write == "lockgate trust refresh fresh"), "{remedies:?}");
    // Without a log there is nothing that the root would be needed for.
    let unlogged = ACME.replace("[[scope]]", roots);
    assert_eq!(outcome(&read(&unlogged), &[], Ok(beside([logged(&ours, &acme)]))), Ok(Basis::Signed));
}
