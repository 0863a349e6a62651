//! What a decision says of who signed: when, and under which trust root.

use super::*;

/// What a key signed, with the public log and a timestamp authority as witnesses.
const BUNDLE: &str = include_str!("../../../../../tests/data/sigstore/managed-key.sigstore.json");
const KEY: &str = include_str!("../../../../../tests/data/sigstore/managed-key.pub");
const SIGNED: &str = include_str!("../../../../../tests/data/sigstore/managed-key.txt");

#[test]
fn what_a_key_had_logged_counts_under_a_root_and_what_it_signed_alone_under_none() {
    let digest = Digest::of(SIGNED.as_bytes());
    let signer = |terms: &str| {
        let mut files = Given::new([("acme.pub", KEY.as_bytes().to_vec())]);
        let policy = TrustPolicy::read(&ACME.replace("log = \"ignore\"", terms), &mut files).unwrap();
        let form = Form::Bundle(BUNDLE.as_bytes().to_vec());
        let evidence = Evidence { about: digest, place: Place::Referrers, form };
        let decision = decide(&policy, &[], &of_manifests(&[digest]), Ok(beside([evidence])));
        let Verdict::Accepted { signers, .. } = decision.verdict else { panic!("{decision:?}") };
        let [signer] = <[_; 1]>::try_from(signers).unwrap();
        assert!(signer.is_by_key());
        (signer.root, signer.logged, signer.at.is_some())
    };
    let public = || Some("public-good".to_owned());
    assert_eq!(signer("log = \"required\""), (public(), true, true));
    assert_eq!(signer("log = \"ignore\", timestamp = \"required\""), (public(), false, true));
    assert_eq!(signer("log = \"ignore\""), (None, false, false));
}
