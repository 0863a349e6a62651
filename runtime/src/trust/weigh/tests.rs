//! Attacks on what certificates and keys sign, each with its reason.

mod legacy;
mod real;

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
use crate::trust::statement::{MAX_SUBJECTS, StatementProblem};

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
    let who = Who::Keyless { issuer: ISSUER.to_owned(), subject, claims, root };
    Authority { name: "acme".to_owned(), who, log: Need::Required, sct: Need::Required, timestamp: Need::Ignore }
}

fn key(hand: &Hand, log: Need) -> Authority {
    let who = Who::Key(SignerKey::from_pem(&hand.pem()).unwrap());
    Authority { name: "acme.pub".to_owned(), who, log, sct: Need::Ignore, timestamp: Need::Ignore }
}

fn weighed(form: Form, authority: &Authority, log_root: &TrustRoot) -> Result<Authenticated, Fault> {
    let evidence = Evidence { about: about(), place: Place::Referrers, form };
    weigh(&evidence, authority, log_root, now())
}

/// Weighs a bundle for an authority that is known by its certificates.
fn outcome(bundle: &Value, authority: &Authority) -> Result<Authenticated, Fault> {
    let Who::Keyless { root, .. } = &authority.who else { panic!("a key") };
    weighed(Form::Bundle(bundle.to_string().into_bytes()), authority, root)
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
fn what_the_holder_of_a_certificate_signed_counts_in_every_version() {
    let instance = Instance::new();
    let holder = instance.issue(&Asked::workflow());
    let authority = workflow(instance.root());
    let newest = signed(&instance, &holder);
    let mut middle = oldest(newest.clone());
    middle["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.2".into();
    *entry(&mut middle) = newest["verificationMaterial"]["tlogEntries"][0].clone();
    for bundle in [oldest(newest.clone()), middle, newest] {
        let good = outcome(&bundle, &authority).unwrap();
        assert!(is_signature(&good.said) && good.logged);
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(EPOCH).unwrap() + 60);
        assert_eq!(good.at, Some(at));
        let (issuer, subject) = (Untrusted::new(ISSUER), Untrusted::new(WORKFLOW));
        assert_eq!(good.signer, SignerId::Identity { issuer, subject });
        let claims = good.identity.unwrap().claims;
        assert_eq!(claims[&Claim::Source].expose(), "https://github.com/acme/time");
        assert_eq!(claims[&Claim::OwnerId].expose(), "4242");
        assert!(!claims.contains_key(&Claim::Trigger));
    }
    // An envelope that is logged in the older form.
    let envelope = holder.envelope(PAYLOAD_TYPE, &statement_about(&about()));
    let logged = instance.log.entry(&holder.pem(), &Logged::InToto(&envelope), &signature_of(&envelope));
    assert!(outcome(&bundle(holder.material(&[logged]), ("dsseEnvelope", envelope)), &authority).is_ok());
}

#[test]
fn a_signature_over_the_manifest_itself_counts() {
    let instance = Instance::new();
    let holder = instance.issue(&Asked::workflow());
    let authority = workflow(instance.root());
    let over = |bytes: &[u8]| {
        let signature = holder.sign(bytes);
        let entry = instance.log.entry(&holder.pem(), &Logged::Bytes(bytes), &signature);
        let digest = BASE64_STANDARD.encode(sigstore_crypto::sha256(bytes).as_bytes());
        let content = json!({
            "messageDigest": { "algorithm": "SHA2_256", "digest": digest },
            "signature": BASE64_STANDARD.encode(signature),
        });
        bundle(holder.material(&[entry]), ("messageSignature", content))
    };
    let good = outcome(&over(b"manifest"), &authority).unwrap();
    assert!(matches!(good.said, Said::Manifest));
    assert_eq!(fault(&over(b"another"), &authority), Fault::OtherDigest);
    let mut unsaid = over(b"another");
    unsaid["messageSignature"].as_object_mut().unwrap().remove("messageDigest");
    assert_eq!(fault(&unsaid, &authority), Fault::Altered);
}

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
fn attack_02_the_right_subject_of_another_issuer_is_somebody_else() {
    let instance = Instance::new();
    let issuer = "https://accounts.example".to_owned();
    let holder = instance.issue(&Asked { issuer, ..Asked::workflow() });
    let fault = fault(&signed(&instance, &holder), &workflow(instance.root()));
    assert_eq!((fault, fault.is_by_trusted()), (Fault::OtherIssuer, false));
}

#[test]
fn attack_04_another_workflow_or_branch_of_the_same_repository_does_not_count() {
    let instance = Instance::new();
    let source = "https://github.com/acme/time".to_owned();
    let of_source = || SubjectRule::pattern(r"https://github\.com/acme/time/.*").unwrap();
    for other in [WORKFLOW.replace("release.yml", "test.yml"), WORKFLOW.replace("heads/main", "heads/evil")] {
        let mut asked = Asked { subject: uri(&other), ..Asked::workflow() };
        for (number, text) in &mut asked.claims {
            match number {
                9 | 18 => text.clone_from(&other),
                14 if other.contains("evil") => "refs/heads/evil".clone_into(text),
                _ => {}
            }
        }
        let bundle = signed(&instance, &instance.issue(&asked));
        assert_eq!(fault(&bundle, &workflow(instance.root())), Fault::OtherSubject);
        // A pattern that lets both through, and claims that do not.
        let with = |claim: Claim, text: &str| {
            let claims = Claims::from([(Claim::Source, source.clone()), (claim, text.to_owned())]);
            outcome(&bundle, &keyless(instance.root(), of_source(), claims)).map(|good| good.signer)
        };
        assert!(with(Claim::Runner, "github-hosted").is_ok());
        assert_eq!(with(Claim::Workflow, WORKFLOW).unwrap_err(), Fault::OtherClaim(Claim::Workflow));
        assert_eq!(with(Claim::Signer, WORKFLOW).unwrap_err(), Fault::OtherClaim(Claim::Signer));
        assert_eq!(with(Claim::OwnerId, "4243").unwrap_err(), Fault::OtherClaim(Claim::OwnerId));
        let branch = with(Claim::SourceRef, "refs/heads/main");
        assert_eq!(branch.is_err(), other.contains("evil"));
        // What the certificate does not say is not there.
        assert_eq!(with(Claim::SignerDigest, "").unwrap_err(), Fault::OtherClaim(Claim::SignerDigest));
    }
}

#[test]
fn attack_05_an_address_with_the_text_of_a_uri_does_not_count() {
    let instance = Instance::new();
    let holder = instance.issue(&Asked { subject: email(WORKFLOW), ..Asked::workflow() });
    assert_eq!(fault(&signed(&instance, &holder), &workflow(instance.root())), Fault::OtherSubject);
    let address = |subject| Asked { subject, ..Asked::workflow() };
    let authority = keyless(instance.root(), SubjectRule::exactly("joe@acme.example").unwrap(), Claims::new());
    let good = signed(&instance, &instance.issue(&address(email("joe@acme.example"))));
    assert!(outcome(&good, &authority).is_ok());
    let bad = signed(&instance, &instance.issue(&address(uri("joe@acme.example"))));
    assert_eq!(fault(&bad, &authority), Fault::OtherSubject);
    // A name of another kind is none.
    let dns = signed(&instance, &instance.issue(&address(rcgen::SanType::DnsName("acme.example".try_into().unwrap()))));
    assert_eq!(fault(&dns, &authority), Fault::OtherSubject);
}

#[test]
fn attack_06_a_key_in_the_place_of_a_certificate_vouches_for_nothing() {
    let instance = Instance::new();
    let holder = instance.issue(&Asked::workflow());
    let mut bundle = signed(&instance, &holder);
    let pem = holder.public_key_pem();
    let der: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    bundle["verificationMaterial"]["certificate"]["rawBytes"] = der.into();
    let fault = fault(&bundle, &workflow(instance.root()));
    assert_eq!((fault, fault.is_by_trusted()), (Fault::CertificateUnreadable, false));
    // Nor does a trusted key where somebody holds a certificate for it.
    let authority = Authority { log: Need::Ignore, ..key(&Hand::new(), Need::Ignore) };
    let authority = Authority { who: Who::Key(SignerKey::from_pem(&pem).unwrap()), ..authority };
    let form = Form::Bundle(signed(&instance, &holder).to_string().into_bytes());
    assert_eq!(weighed(form, &authority, &instance.root()).unwrap_err(), Fault::UnknownKey);
}

#[test]
fn attack_07_an_authority_inside_the_bundle_is_not_trusted() {
    let (instance, evil) = (Instance::new(), Instance::new());
    let holder = evil.issue(&Asked::workflow());
    // Even with the trusted log, which keeps whatever it is given.
    let bundle = oldest(signed(&instance, &holder));
    let authority = workflow(instance.root());
    let fault = fault(&bundle, &authority);
    assert_eq!((fault, fault.is_by_trusted()), (Fault::UntrustedCertificate, false));
    let mut with_root = bundle.clone();
    let chain = &mut with_root["verificationMaterial"]["x509CertificateChain"]["certificates"];
    chain.as_array_mut().unwrap().push(json!({ "rawBytes": BASE64_STANDARD.encode(evil.authority()) }));
    assert_eq!(outcome(&with_root, &authority).unwrap_err(), Fault::UntrustedCertificate);
    // A certificate for something else than signing.
    let purpose = ExtendedKeyUsagePurpose::ServerAuth;
    let server = instance.issue(&Asked { purpose, ..Asked::workflow() });
    assert_eq!(outcome(&signed(&instance, &server), &authority).unwrap_err(), Fault::UntrustedCertificate);
}

#[test]
fn attack_08_no_root_stands_in_for_another() {
    let (instance, other) = (Instance::new(), Instance::new());
    let bundle = signed(&instance, &instance.issue(&Asked::workflow()));
    for root in [other.root(), TrustRoot::public_good().unwrap(), TrustRoot::github().unwrap()] {
        assert_eq!(fault(&bundle, &workflow(root.clone())), Fault::UnknownLog);
        let unlogged = Authority { log: Need::Ignore, sct: Need::Ignore, ..workflow(root) };
        assert_eq!(fault(&bundle, &unlogged), Fault::UnknownLog);
    }
    // Nor do a trusted log and another authority make one.
    let logs = instance.root_with(|root| root["certificateAuthorities"] = json!([]));
    assert_eq!(fault(&bundle, &workflow(logs)), Fault::UntrustedCertificate);
    let authorities = instance.root_with(|root| root["tlogs"] = json!([]));
    assert_eq!(fault(&bundle, &workflow(authorities)), Fault::UnknownLog);
}

#[test]
fn attack_09_a_key_of_another_algorithm_does_not_help() {
    let instance = Instance::new();
    let authority = workflow(instance.root());
    let p384 = instance.issue(&Asked { key: &rcgen::PKCS_ECDSA_P384_SHA384, ..Asked::workflow() });
    let p256 = instance.issue(&Asked::workflow());
    assert!(outcome(&signed(&instance, &p384), &authority).is_ok());
    for (certificate, signer) in [(&p384, &p256), (&p256, &p384)] {
        let content = signer.envelope(PAYLOAD_TYPE, &statement_about(&about()));
        let entry = instance.log.entry(&certificate.pem(), &Logged::Dsse(&content), &signature_of(&content));
        let bundle = bundle(certificate.material(&[entry]), ("dsseEnvelope", content));
        assert_eq!(fault(&bundle, &authority), Fault::Altered);
    }
    // A trusted key is of one kind, and nothing in the evidence says which.
    let acme = Hand::new();
    let content = p384.envelope(PAYLOAD_TYPE, &statement_about(&about()));
    let bundle = bundle(json!({ "publicKey": { "hint": "PKIX_ECDSA_P384_SHA_384" } }), ("dsseEnvelope", content));
    let form = Form::Bundle(bundle.to_string().into_bytes());
    assert_eq!(weighed(form, &key(&acme, Need::Ignore), &instance.root()).unwrap_err(), Fault::UnknownKey);
}

#[test]
fn attack_10_a_certificate_that_was_not_valid_proves_nothing() {
    let instance = Instance::new();
    let holder = instance.issue(&Asked::workflow());
    let authority = workflow(instance.root());
    let content = holder.envelope(PAYLOAD_TYPE, &statement_about(&about()));
    for (time, expected) in
        [(-1, Some(Fault::CertificateExpired)), (0, None), (600, None), (601, Some(Fault::CertificateExpired))]
    {
        let entry =
            instance.log.entry_at(&holder.pem(), &Logged::Dsse(&content), &signature_of(&content), EPOCH + time);
        let bundle = bundle(holder.material(&[entry]), ("dsseEnvelope", content.clone()));
        assert_eq!(outcome(&bundle, &authority).err(), expected, "{time}");
    }
    // In the log, but nothing says since when; and not even in the log.
    let mut timeless = signed(&instance, &holder);
    entry(&mut timeless).as_object_mut().unwrap().remove("inclusionPromise");
    assert_eq!(fault(&timeless, &authority), Fault::NoTime);
    let unlogged = Authority { log: Need::Ignore, ..authority };
    timeless["verificationMaterial"]["tlogEntries"] = json!([]);
    assert_eq!(fault(&timeless, &unlogged), Fault::NoTime);
}

/// A bundle that counts, and entries of the log for another signature of its holder, and by another log.
struct Scene {
    authority: Authority,
    good: Value,
    foreign: Value,
    of_evil: Value,
}

impl Scene {
    fn new() -> Self {
        let (instance, evil) = (Instance::new(), Instance::new());
        let holder = instance.issue(&Asked::workflow());
        let entry = |instance: &Instance| signed(instance, &holder)["verificationMaterial"]["tlogEntries"][0].clone();
        Self {
            authority: workflow(instance.root()),
            good: signed(&instance, &holder),
            foreign: entry(&instance),
            of_evil: entry(&evil),
        }
    }

    /// Checks that each of these changes of the entry breaks what counts without them.
    fn broken_by(&self, cases: &[Case<'_>]) {
        assert!(outcome(&self.good, &self.authority).is_ok());
        for (number, (expected, change)) in cases.iter().enumerate() {
            let mut bundle = self.good.clone();
            change(entry(&mut bundle));
            assert_ne!(bundle, self.good, "{number}");
            assert_eq!(fault(&bundle, &self.authority), *expected, "{number}");
        }
    }
}

#[test]
fn attack_11_another_time_than_the_logs_breaks_its_promise() {
    Scene::new().broken_by(&[
        (Fault::LogPromise, &|e| e["integratedTime"] = (EPOCH + 61).to_string().into()),
        (Fault::NoTime, &|e| e["integratedTime"] = "0".into()),
    ]);
}

#[test]
fn attack_12_an_entry_or_promise_for_another_signature_does_not_count() {
    let scene = Scene::new();
    let Scene { foreign, of_evil, .. } = &scene;
    scene.broken_by(&[
        (Fault::LogPromise, &|e| e["inclusionPromise"] = foreign["inclusionPromise"].clone()),
        (Fault::LogPromise, &|e| e["canonicalizedBody"] = foreign["canonicalizedBody"].clone()),
        (Fault::LogMismatch, &|e| *e = foreign.clone()),
        (Fault::UnknownLog, &|e| *e = of_evil.clone()),
    ]);
    // A second entry that shows nothing does not hide behind the first.
    let mut hiding = scene.good.clone();
    let mut second = entry(&mut hiding).clone();
    second.as_object_mut().unwrap().retain(|key, _| !key.starts_with("inclusion"));
    hiding["verificationMaterial"]["tlogEntries"].as_array_mut().unwrap().push(second);
    assert_eq!(fault(&hiding, &scene.authority), Fault::NotProven);
}

#[test]
fn attack_13_a_proof_that_leads_to_another_root_does_not_count() {
    let scene = Scene::new();
    let other = BASE64_STANDARD.encode([7; 32]);
    scene.broken_by(&[
        (Fault::LogProof, &|e| e["inclusionProof"]["hashes"] = json!([other])),
        (Fault::LogProof, &|e| e["inclusionProof"]["hashes"] = json!([])),
        (Fault::LogProof, &|e| e["inclusionProof"]["rootHash"] = other.clone().into()),
        (Fault::LogProof, &|e| e["inclusionProof"] = scene.foreign["inclusionProof"].clone()),
        (Fault::LogProof, &|e| e["inclusionProof"]["logIndex"] = "1".into()),
        (Fault::LogProof, &|e| e["inclusionProof"]["treeSize"] = "0".into()),
    ]);
}

#[test]
fn attack_14_a_checkpoint_that_the_log_did_not_sign_does_not_count() {
    let scene = Scene::new();
    let note = |entry: &Value| entry["inclusionProof"]["checkpoint"]["envelope"].as_str().unwrap().to_owned();
    let signed_by = |entry: &mut Value, signature: &str| {
        let text = note(entry);
        let text = format!("{}\n\n{signature}", text.split_once("\n\n").unwrap().0);
        entry["inclusionProof"]["checkpoint"]["envelope"] = text.into();
    };
    let by_evil = note(&scene.of_evil).split_once("\n\n").unwrap().1.to_owned();
    let for_another = note(&scene.foreign).split_once("\n\n").unwrap().1.to_owned();
    scene.broken_by(&[
        (Fault::LogCheckpoint, &|e| signed_by(e, &by_evil)),
        (Fault::LogCheckpoint, &|e| signed_by(e, &for_another)),
        (Fault::Unreadable, &|e| signed_by(e, "")),
        (Fault::LogCheckpoint, &|e| drop(e["inclusionProof"].as_object_mut().unwrap().remove("checkpoint"))),
    ]);
}

#[test]
fn attack_15_a_bundle_that_nobody_logged_does_not_count() {
    let instance = Instance::new();
    let mut bundle = signed(&instance, &instance.issue(&Asked::workflow()));
    for nothing in [json!([]), Value::Null] {
        bundle["verificationMaterial"]["tlogEntries"] = nothing.clone();
        let fault = fault(&bundle, &workflow(instance.root()));
        let expected = if nothing.is_null() { Fault::Unreadable } else { Fault::NotLogged };
        assert_eq!(fault, expected);
    }
    bundle["verificationMaterial"].as_object_mut().unwrap().remove("tlogEntries");
    assert_eq!(fault(&bundle, &workflow(instance.root())), Fault::NotLogged);
}

#[test]
fn attack_16_a_promise_under_the_label_of_a_version_that_asks_for_a_proof_does_not_count() {
    let instance = Instance::new();
    let authority = workflow(instance.root());
    let newest = signed(&instance, &instance.issue(&Asked::workflow()));
    let oldest = oldest(newest.clone());
    assert!(outcome(&oldest, &authority).is_ok());
    let mut relabelled = newest.clone();
    entry(&mut relabelled).as_object_mut().unwrap().remove("inclusionProof");
    assert_eq!(fault(&relabelled, &authority), Fault::NotProven);
    let mut middle = oldest.clone();
    middle["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.2".into();
    assert_eq!(fault(&middle, &authority), Fault::NotProven);
    let mut chain = oldest.clone();
    chain["mediaType"] = newest["mediaType"].clone();
    assert_eq!(fault(&chain, &authority), Fault::Unreadable);
    for label in [Value::Null, "application/vnd.dev.sigstore.bundle+json;version=0.4".into(), "".into()] {
        let mut other = newest.clone();
        other["mediaType"] = label;
        assert_eq!(fault(&other, &authority), Fault::Unreadable);
    }
    let mut none = oldest;
    none.as_object_mut().unwrap().remove("mediaType");
    assert_eq!(fault(&none, &authority), Fault::Unreadable);
}

#[test]
fn attack_18_a_certificate_that_its_log_does_not_know_does_not_count() {
    let instance = Instance::new();
    let authority = workflow(instance.root());
    let unlogged = signed(&instance, &instance.issue(&Asked { logged: false, ..Asked::workflow() }));
    assert_eq!(fault(&unlogged, &authority), Fault::CertificateNotLogged);
    let ignoring = Authority { sct: Need::Ignore, ..workflow(instance.root()) };
    assert!(outcome(&unlogged, &ignoring).is_ok());
    let good = signed(&instance, &instance.issue(&Asked::workflow()));
    for ctlogs in [json!([]), Instance::new().certificate_logs()] {
        let root = instance.root_with(|root| root["ctlogs"] = ctlogs.clone());
        assert_eq!(fault(&good, &workflow(root)), Fault::CertificateNotLogged);
    }
}

/// Nothing fetches trust roots, so that none can be rolled back on the way. What a root says of its keys' time holds.
#[test]
fn attack_19_keys_that_were_withdrawn_do_not_vouch_for_what_came_later() {
    let instance = Instance::new();
    let bundle = signed(&instance, &instance.issue(&Asked::workflow()));
    let ended = |part: &str, expected: Fault| {
        let root = instance.root_with(|root| {
            let valid = json!({ "start": "2023-01-01T00:00:00Z", "end": "2023-12-31T00:00:00Z" });
            let part = &mut root[part][0];
            let holder = if part["publicKey"].is_null() { part } else { &mut part["publicKey"] };
            holder["validFor"] = valid;
        });
        assert_eq!(fault(&bundle, &workflow(root)), expected, "{part}");
    };
    ended("certificateAuthorities", Fault::UntrustedCertificate);
    ended("tlogs", Fault::LogPromise);
    ended("ctlogs", Fault::CertificateNotLogged);
}

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
    assert_eq!((fault, fault.is_by_trusted()), (Fault::OtherDigest, true));
    let fault = fault_of_subjects(json!([{ "digest": { "sha512": sha512 } }]));
    assert_eq!(fault, Fault::Statement(StatementProblem::NoDigest));
}

#[test]
fn attack_27_a_signed_statement_about_nothing_or_everything_does_not_count() {
    assert_eq!(fault_of_subjects(json!([])), Fault::Statement(StatementProblem::NoSubject));
    let subject = json!({ "digest": { "sha256": about().hex() } });
    let fault = fault_of_subjects(vec![subject; MAX_SUBJECTS + 1].into());
    assert_eq!(fault, Fault::Statement(StatementProblem::TooManySubjects));
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
        assert_eq!(fault(&bundle, &workflow(instance.root())), Fault::OtherPayloadType);
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
        assert_eq!(fault(&bundle, &workflow(instance.root())), Fault::SeveralSignatures);
        let form =
            Form::Envelope { envelope: bundle["dsseEnvelope"].to_string().into_bytes(), notes: Notes::default() };
        let fault = weighed(form, &key(&Hand::new(), Need::Ignore), &instance.root()).unwrap_err();
        assert_eq!(fault, Fault::SeveralSignatures);
    }
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
    assert_eq!(weigh(unknown), Fault::Unsupported);
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
        weigh(&evidence, &workflow(instance.root()), &instance.root(), now)
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
