//! Signatures that others made with Sigstore's public instance and with GitHub's own, checked with the keys that are
//! shipped inside. Where they come from is written beside them.

use super::legacy::log_note;
use sigstore_trust_root::SIGSTORE_STAGING_TRUSTED_ROOT;

use super::*;
use crate::trust::identity::SubjectKind;
use crate::trust::payload::PayloadProblem;

macro_rules! data {
    ($name:literal) => {
        include_str!(concat!("../../../../../tests/data/sigstore/", $name))
    };
}

pub(super) const PROVENANCE: &str = data!("public-good-provenance.sigstore.json");
pub(super) const BLOB: &str = data!("cosign-v3-blob.sigstore.json");
const REKOR_2: &str = data!("conda-attestation-rekor2.sigstore.json");
const GITHUB: &str = data!("github-release.sigstore.json");
pub(super) const MANAGED: &str = data!("managed-key.sigstore.json");
pub(super) const MANAGED_KEY: &str = data!("managed-key.pub");
/// What the person signed.
pub(super) const BLOB_FILE: &str = data!("cosign-v3-blob.txt");
/// What the key signed.
pub(super) const MANAGED_FILE: &str = data!("managed-key.txt");

pub(super) const BEACON: &str = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";

pub(super) fn public() -> Arc<TrustRoot> {
    TrustRoot::public_good().unwrap()
}

/// Sigstore's instance for trials. Nothing but tests can name it: its keys are read as somebody's own.
fn staging() -> Arc<TrustRoot> {
    TrustRoot::read("staging", SIGSTORE_STAGING_TRUSTED_ROOT.as_bytes()).unwrap()
}

pub(super) fn authority(issuer: &str, subject: &str, root: Arc<TrustRoot>) -> Authority {
    let who = Who::Keyless {
        issuer: issuer.to_owned(),
        subject: SubjectRule::exactly(subject).unwrap(),
        claims: Claims::new(),
    };
    Authority { who, ..workflow(root) }
}

/// Weighs it as found beside this manifest.
pub(super) fn beside(about: &str, form: Form, authority: &Authority) -> Result<Authenticated, Fault> {
    let evidence = Evidence { about: format!("sha256:{about}").parse().unwrap(), place: Place::Referrers, form };
    Weighing::of(&evidence).by(authority, SystemTime::now())
}

fn bundle_of(text: &str) -> Form {
    Form::Bundle(text.as_bytes().to_vec())
}

pub(super) fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The digest of the file that the public instance's signatures are for.
pub(super) const FILE: &str = "a0cfc71271d6e278e57cd332ff957c3f7043fdda354c4cbb190a30d56efa01bf";
const PACKAGE: &str = "54303491a8418fbed24344b513546182c29b43bf282ceb433af65e2299f9271f";

#[test]
fn provenance_of_a_workflow_counts_as_a_bundle_and_in_cosigns_old_layout() {
    let authority = authority(ISSUER, BEACON, public());
    let good = beside(FILE, bundle_of(PROVENANCE), &authority).unwrap();
    let Said::Statement(statement) = good.said else { panic!("another kind") };
    assert_eq!(statement.predicate_type, "https://slsa.dev/provenance/v1");
    let claims = good.identity.unwrap().claims;
    assert_eq!(claims[&Claim::Runner].expose(), "github-hosted");
    assert_eq!(claims[&Claim::SourceRef].expose(), "refs/heads/main");
    let other = Digest::of(b"other").hex();
    assert_eq!(beside(&other, bundle_of(PROVENANCE), &authority).unwrap_err(), Fault::OtherDigest);

    let bundle = value(PROVENANCE);
    let material = &bundle["verificationMaterial"];
    let der = material["certificate"]["rawBytes"].as_str().unwrap();
    let notes = Notes {
        certificate: Some(format!("-----BEGIN CERTIFICATE-----\n{der}\n-----END CERTIFICATE-----\n")),
        log: Some(log_note(&material["tlogEntries"][0])),
        ..Notes::default()
    };
    let old = |notes: &Notes| {
        let envelope = bundle["dsseEnvelope"].to_string().into_bytes();
        beside(FILE, Form::Envelope { envelope, notes: notes.clone() }, &authority).map(|good| is_signature(&good.said))
    };
    assert_eq!(old(&notes), Ok(false));
    let log = notes.log.as_ref().unwrap().replace("1734374576", "1734374577");
    assert_eq!(old(&Notes { log: Some(log), ..notes }).unwrap_err(), Fault::LogPromise);
}

#[test]
fn a_signature_of_a_person_counts_as_a_bundle_and_in_cosigns_old_layout() {
    let mail = "w.vollprecht@gmail.com";
    let digest = Digest::of(BLOB_FILE.as_bytes()).hex();
    let issuer = "https://github.com/login/oauth";
    let authority = Authority { timestamp: Need::Required, ..authority(issuer, mail, public()) };
    let good = beside(&digest, bundle_of(BLOB), &authority).unwrap();
    assert!(matches!(good.said, Said::Manifest));
    assert_eq!(good.identity.unwrap().kind, SubjectKind::Email);

    // The same signature beside a payload. The content is none of cosign's, which is seen when all else was checked.
    let bundle = value(BLOB);
    let material = &bundle["verificationMaterial"];
    let der = material["certificate"]["rawBytes"].as_str().unwrap();
    let stamp = &material["timestampVerificationData"]["rfc3161Timestamps"][0]["signedTimestamp"];
    let notes = Notes {
        signature: Some(bundle["messageSignature"]["signature"].as_str().unwrap().to_owned()),
        certificate: Some(format!("-----BEGIN CERTIFICATE-----\n{der}\n-----END CERTIFICATE-----\n")),
        log: Some(log_note(&material["tlogEntries"][0])),
        timestamp: Some(json!({ "SignedRFC3161Timestamp": stamp }).to_string()),
        ..Notes::default()
    };
    let old = |notes: Notes, payload: &str| {
        beside(&digest, Form::SimpleSigning { payload: payload.as_bytes().to_vec(), notes }, &authority).unwrap_err()
    };
    let payload = BLOB_FILE;
    assert_eq!(old(notes.clone(), payload), Fault::Payload(PayloadProblem::Unreadable));
    assert_eq!(old(notes.clone(), "another"), Fault::Altered);
    assert_eq!(old(Notes { timestamp: None, ..notes }, payload), Fault::NoTimestamp);
}

#[test]
fn a_timestamp_alone_counts_where_no_log_is_asked_for() {
    let digest = Digest::of(BLOB_FILE.as_bytes()).hex();
    let strict = authority("https://github.com/login/oauth", "w.vollprecht@gmail.com", public());
    let unlogged = Authority { log: Need::Ignore, timestamp: Need::Required, ..strict.clone() };
    let mut bundle = value(BLOB);
    bundle["verificationMaterial"]["tlogEntries"] = json!([]);
    let good = beside(&digest, bundle_of(&bundle.to_string()), &unlogged).unwrap();
    assert!(!good.logged && good.at.is_some());
    assert_eq!(beside(&digest, bundle_of(&bundle.to_string()), &strict).unwrap_err(), Fault::NotLogged);
    bundle["verificationMaterial"]["timestampVerificationData"] = json!({});
    assert_eq!(beside(&digest, bundle_of(&bundle.to_string()), &unlogged).unwrap_err(), Fault::NoTimestamp);
}

#[test]
fn an_entry_of_the_second_rekor_counts_with_a_timestamp() {
    let mail = authority("https://github.com/login/oauth", "jku@goto.fi", staging());
    let good = beside(PACKAGE, bundle_of(REKOR_2), &mail).unwrap();
    assert!(good.logged && good.at.is_some());
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut bundle = value(REKOR_2);
        change(&mut bundle["verificationMaterial"]);
        beside(PACKAGE, bundle_of(&bundle.to_string()), &mail).unwrap_err()
    };
    assert_eq!(changed(&|m| m["timestampVerificationData"] = json!({})), Fault::NoTime);
    // attack_13: its own idea of where the entry lies counts for nothing, and the log's does.
    assert_eq!(changed(&|m| m["tlogEntries"][0]["logIndex"] = "1".into()), Fault::LogProof);
    assert_eq!(changed(&|m| m["tlogEntries"] = json!([])), Fault::NotLogged);
}

#[test]
fn attack_17_a_timestamp_for_something_else_or_out_of_its_time_does_not_count() {
    let mail = authority("https://github.com/login/oauth", "jku@goto.fi", staging());
    let mut bundle = value(REKOR_2);
    let of_another = value(BLOB)["verificationMaterial"]["timestampVerificationData"].clone();
    bundle["verificationMaterial"]["timestampVerificationData"] = of_another;
    assert_eq!(beside(PACKAGE, bundle_of(&bundle.to_string()), &mail).unwrap_err(), Fault::Timestamp);
    // An authority that had ended before.
    let mut root = value(SIGSTORE_STAGING_TRUSTED_ROOT);
    for authority in root["timestampAuthorities"].as_array_mut().unwrap() {
        authority["validFor"] = json!({ "start": "2020-01-01T00:00:00Z", "end": "2026-05-01T00:00:00Z" });
    }
    let ended = TrustRoot::read("ended", root.to_string().as_bytes()).unwrap();
    let late = authority("https://github.com/login/oauth", "jku@goto.fi", ended);
    assert_eq!(beside(PACKAGE, bundle_of(REKOR_2), &late).unwrap_err(), Fault::TimestampWindow);
    root["timestampAuthorities"] = json!([]);
    let none = TrustRoot::read("none", root.to_string().as_bytes()).unwrap();
    let unknown = authority("https://github.com/login/oauth", "jku@goto.fi", none);
    assert_eq!(beside(PACKAGE, bundle_of(REKOR_2), &unknown).unwrap_err(), Fault::Timestamp);
}

#[test]
fn attack_08_githubs_own_instance_and_the_public_one_do_not_vouch_for_each_other() {
    let releases = "https://dotcom.releases.github.com";
    let file = "76f1fe8593bf227cca2c089e3c16dc95014a8d3e89c5dd220530469ca043c428";
    let lax = |root| {
        let authority = authority("https://dotcom.releases.github.com", releases, root);
        Authority { log: Need::Ignore, sct: Need::Ignore, timestamp: Need::Required, ..authority }
    };
    // Its certificate names no issuer, so that it is nobody whom a policy could mean. All else holds with GitHub's root.
    let about = format!("sha256:{file}").parse().unwrap();
    let offered = || bundle::read(GITHUB.as_bytes()).unwrap();
    let github = lax(TrustRoot::github().unwrap());
    assert_eq!(beside(file, bundle_of(GITHUB), &github).unwrap_err(), Fault::OtherSubject);
    let policy = sigstore_verify::VerificationPolicy::any_identity().skip_tlog_unsafe().skip_sct();
    let under = |root: &TrustRoot| crate::trust::proof::verify(root, &offered(), &about, &policy);
    let good = under(&TrustRoot::github().unwrap()).unwrap();
    assert!(good.certificate_verified() && good.verified_timestamps().len() == 1);
    assert_eq!(under(&public()).unwrap_err(), Fault::Timestamp);
    let trial = authority("https://github.com/login/oauth", "jku@goto.fi", public());
    assert_eq!(beside(PACKAGE, bundle_of(REKOR_2), &trial).unwrap_err(), Fault::Timestamp);
    let public_under_github = authority(ISSUER, BEACON, TrustRoot::github().unwrap());
    assert_eq!(beside(FILE, bundle_of(PROVENANCE), &public_under_github).unwrap_err(), Fault::UnknownLog);
}

#[test]
fn a_signature_of_a_key_counts_where_the_public_log_has_it() {
    let who = Who::Key(SignerKey::from_pem(MANAGED_KEY).unwrap());
    let authority = Authority { who, sct: Need::Ignore, ..workflow(public()) };
    let strict = Authority { timestamp: Need::Required, ..authority.clone() };
    for authority in [&authority, &strict] {
        let good = beside(FILE, bundle_of(MANAGED), authority).unwrap();
        assert!(good.logged && good.at.is_some() && matches!(good.said, Said::Manifest));
    }
    let stamped = Authority { log: Need::Ignore, ..strict };
    let good = beside(FILE, bundle_of(MANAGED), &stamped).unwrap();
    assert!(!good.logged && good.at.is_some());
    // Where another log, or another timestamp authority, is to have it, the public one is none.
    let private = Instance::new().root();
    let elsewhere = |by: &Authority| beside(FILE, bundle_of(MANAGED), &under(&private, by)).unwrap_err();
    assert_eq!((elsewhere(&authority), elsewhere(&stamped)), (Fault::UnknownLog, Fault::Timestamp));
    assert_eq!(beside(PACKAGE, bundle_of(MANAGED), &authority).unwrap_err(), Fault::UnknownKey);
}
