use std::time::Duration;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::*;
use crate::secret::Secret;
use crate::trust::bundle::MAX_BUNDLE_BYTES;
use crate::trust::forge::instance::{Asked, EPOCH, ISSUER, Instance, Logged, TheirKey, WORKFLOW, pem, uri};
use crate::trust::sign::instance::tests::config;

const SBOM: &str = include_str!("../../../../../tests/data/sbom/npm.spdx-2.3.json");

fn at(seconds: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(EPOCH + seconds).unwrap())
}

fn manifest() -> Digest {
    Digest::of(b"manifest")
}

fn name() -> Name {
    Name::of(&"127.1:443/acme/time:1".parse().unwrap())
}

fn token() -> IdentityToken {
    let claims = json!({ "iss": ISSUER, "sub": "repo:acme/time", "aud": "ours", "exp": EPOCH + 300,
        "job_workflow_ref": WORKFLOW.strip_prefix("https://github.com/").unwrap() });
    let raw = format!("e30.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(claims.to_string()));
    IdentityToken::read(Secret::new(raw).unwrap(), at(0)).unwrap()
}

fn keyless(instance: &Instance, predicates: Vec<Predicate>) -> Keyless {
    let config = config("https://ca.example", "https://log.example").to_string();
    let root = instance.root_json().to_string();
    let instance = SigningInstance::read(config.as_bytes(), "ours.json", root.as_bytes(), "ours".to_owned()).unwrap();
    Keyless::new(token(), instance, predicates).unwrap()
}

fn certified(certificate: &[u8]) -> Vec<u8> {
    let chain = json!({ "chain": { "certificates": [pem(certificate)] } });
    json!({ "signedCertificateEmbeddedSct": chain }).to_string().into_bytes()
}

/// Somebody who was given what they asked for.
fn holder(keyless: &Keyless, instance: &Instance) -> Holder {
    let asking = keyless.ask(at(0)).unwrap();
    let certificate = instance.certify(&Asked::workflow(), &TheirKey::of_der(asking.key.public_der()));
    asking.certified(&certified(&certificate)).unwrap()
}

/// How a log answers that has this entry, which is written as in a bundle.
fn answer(entry: &Value) -> Value {
    let bytes = |value: &Value| BASE64_STANDARD.decode(value.as_str().unwrap()).unwrap();
    let hex = |value: &Value| bytes(value).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let number = |value: &Value| value.as_str().unwrap().parse::<i64>().unwrap();
    let proof = &entry["inclusionProof"];
    json!({ "uuid": {
        "body": entry["canonicalizedBody"],
        "integratedTime": number(&entry["integratedTime"]),
        "logID": hex(&entry["logId"]["keyId"]),
        "logIndex": number(&entry["logIndex"]),
        "verification": {
            "signedEntryTimestamp": entry["inclusionPromise"]["signedEntryTimestamp"],
            "inclusionProof": {
                "checkpoint": proof["checkpoint"]["envelope"],
                "hashes": proof["hashes"].as_array().unwrap().iter().map(hex).collect::<Vec<_>>(),
                "logIndex": number(&proof["logIndex"]),
                "rootHash": hex(&proof["rootHash"]),
                "treeSize": number(&proof["treeSize"]),
            },
        },
    } })
}

/// The entry of an honest log.
fn entry(instance: &Instance, holder: &Holder, logging: &Logging<'_>) -> Value {
    entry_at(instance, holder, logging, 60)
}

fn entry_at(instance: &Instance, holder: &Holder, logging: &Logging<'_>, seconds: i64) -> Value {
    let envelope: Value = serde_json::to_value(&logging.envelope).unwrap();
    let signature = logging.envelope.signature.sig.as_bytes();
    let certificate = holder.certificate.to_pem();
    instance.log.entry_at(&certificate, &Logged::Dsse(&envelope), signature, EPOCH + seconds)
}

#[test]
fn an_authority_is_shown_the_token_and_that_the_key_is_there() {
    let instance = Instance::new();
    let keyless = keyless(&instance, Vec::new());
    let asking = keyless.ask(at(0)).unwrap();
    let request: Value = serde_json::from_slice(&asking.request().unwrap()).unwrap();
    assert_eq!(request["credentials"]["oidcIdentityToken"], keyless.token.expose());
    let key = &request["publicKeyRequest"];
    assert_eq!(key["publicKey"], json!({ "algorithm": "ECDSA", "content": asking.key.public_pem() }));
    let proof = BASE64_STANDARD.decode(key["proofOfPossession"].as_str().unwrap()).unwrap();
    assert!(asking.key.public().signed(b"repo:acme/time", &proof));
    // Another time, another key.
    assert_ne!(keyless.ask(at(0)).unwrap().key.public_pem(), asking.key.public_pem());
}

#[test]
fn what_is_signed_and_logged_is_known_again_by_the_same_identity() {
    let instance = Instance::new();
    let keyless = keyless(&instance, vec![Predicate::sbom(SBOM).unwrap()]);
    let holders = (holder(&keyless, &instance), holder(&keyless, &instance));
    let statements = keyless.statements(&name(), &manifest(), &manifest()).unwrap();
    assert_eq!(statements.iter().map(|statement| statement.what).collect::<Vec<_>>(), ["its signature", "its SBOM"]);
    for (statement, other) in [(&statements[0], &statements[1]), (&statements[1], &statements[0])] {
        let logging = holders.0.sign(statement).unwrap();
        let answer = answer(&entry(&instance, &holders.0, &logging)).to_string();
        let attached = holders.0.logged(logging, answer.as_bytes(), &manifest(), at(120)).unwrap();
        let form = Form::Bundle(attached.layer.content.bytes().to_vec());
        let evidence = Evidence { about: manifest(), place: Place::Referrers, form };
        assert!(holders.1.has_said(statement, &evidence, at(9999)));
        assert!(!holders.1.has_said(other, &evidence, at(9999)));
        let elsewhere = Evidence { about: Digest::of(b"other"), ..evidence };
        assert!(!holders.1.has_said(statement, &elsewhere, at(9999)));
    }
    assert!(holders.0.signer().starts_with(&format!("{{ issuer = \"{ISSUER}\", subject = \"{WORKFLOW}\", ")));
}

#[test]
fn a_certificate_for_something_else_is_not_signed_with() {
    use CertificateProblem::{Detached, OtherIdentity, OtherKey, Unreadable};
    let instance = Instance::new();
    let keyless = keyless(&instance, Vec::new());
    let certify = |change: &dyn Fn(&mut Asked), answer: &dyn Fn(&[u8]) -> Vec<u8>| {
        let (asking, mut asked) = (keyless.ask(at(0)).unwrap(), Asked::workflow());
        change(&mut asked);
        let certificate = instance.certify(&asked, &TheirKey::of_der(asking.key.public_der()));
        asking.certified(&answer(&certificate)).map(|holder| holder.identity())
    };
    assert!(certify(&|_| (), &certified).is_ok());
    let evil = "https://github.com/acme/time/.github/workflows/evil.yml@refs/heads/main";
    for change in [
        &(|asked: &mut Asked| asked.subject = uri(evil)) as &dyn Fn(&mut Asked),
        &|asked| asked.issuer = "https://evil.example".to_owned(),
        &|asked| asked.subject = crate::trust::forge::instance::email("a@b.example"),
    ] {
        assert!(matches!(certify(change, &certified), Err(OtherIdentity(_))));
    }
    let other = instance.issue(&Asked::workflow()).certificate;
    assert_eq!(certify(&|_| (), &|_| certified(&other)), Err(OtherKey));
    let detached = |certificate: &[u8]| {
        String::from_utf8(certified(certificate)).unwrap().replace("Embedded", "Detached").into_bytes()
    };
    assert_eq!(certify(&|_| (), &detached), Err(Detached));
    for answer in ["", "{}", "[]", r#"{"signedCertificateEmbeddedSct":{"chain":{"certificates":["x"]}}}"#] {
        assert_eq!(certify(&|_| (), &|_| answer.as_bytes().to_vec()), Err(Unreadable), "{answer}");
    }
    // Of a key that is there twice, others could read the other one.
    let twice = |certificate: &[u8]| {
        let text = String::from_utf8(certified(certificate)).unwrap();
        text.replacen('{', r#"{"signedCertificateEmbeddedSct":{"chain":{"certificates":[]}},"#, 1).into_bytes()
    };
    assert_eq!(certify(&|_| (), &twice), Err(Unreadable));
}

#[test]
fn what_does_not_prove_that_it_was_logged_is_not_attached() {
    let (instance, others) = (Instance::new(), Instance::new());
    let keyless = keyless(&instance, Vec::new());
    let holder = holder(&keyless, &instance);
    let statements = keyless.statements(&name(), &manifest(), &manifest()).unwrap();
    let logged = |answer: &dyn Fn(&Logging<'_>) -> String| {
        let logging = holder.sign(&statements[0]).unwrap();
        let answer = answer(&logging);
        holder.logged(logging, answer.as_bytes(), &manifest(), at(120)).map(|_| "attached")
    };
    let good = |logging: &Logging<'_>| answer(&entry(&instance, &holder, logging));
    let without = |key: &str| {
        let key = key.to_owned();
        move |logging: &Logging<'_>| {
            let mut answer = good(logging);
            answer["uuid"]["verification"].as_object_mut().unwrap().remove(&key);
            answer.to_string()
        }
    };
    assert_eq!(logged(&|logging| good(logging).to_string()), Ok("attached"));
    for (code, answer) in [
        ("no-time", &without("signedEntryTimestamp") as &dyn Fn(&Logging<'_>) -> String),
        ("log-not-proven", &without("inclusionProof")),
        ("log-mismatch", &|_| good(&holder.sign(&statements[0]).unwrap()).to_string()),
        ("unknown-log", &|logging| answer(&entry(&others, &holder, logging)).to_string()),
        ("certificate-expired", &|logging| answer(&entry_at(&instance, &holder, logging, 601)).to_string()),
    ] {
        let Err(NotLogged::Refused(fault)) = logged(answer) else { panic!("{code}") };
        assert_eq!(fault.code(), code);
    }
    let several = |logging: &Logging<'_>| {
        let mut answer = good(logging);
        answer["other"] = answer["uuid"].clone();
        answer.to_string()
    };
    assert_eq!(logged(&several), Err(NotLogged::Unreadable));
    for answer in ["", "{}", "[]", r#"{"uuid":{}}"#] {
        assert_eq!(logged(&|_| answer.to_owned()), Err(NotLogged::Unreadable), "{answer}");
    }
}

#[test]
fn a_certificate_that_users_would_refuse_is_not_laid_to_the_log() {
    let (instance, others) = (Instance::new(), Instance::new());
    let keyless = keyless(&instance, Vec::new());
    let statements = keyless.statements(&name(), &manifest(), &manifest()).unwrap();
    let unlogged = Asked { logged: false, ..Asked::workflow() };
    for (by, asked, reason) in
        [(&others, &Asked::workflow(), "untrusted-certificate"), (&instance, &unlogged, "certificate-not-logged")]
    {
        let asking = keyless.ask(at(0)).unwrap();
        let certificate = by.certify(asked, &TheirKey::of_der(asking.key.public_der()));
        let holder = asking.certified(&certified(&certificate)).unwrap();
        let logging = holder.sign(&statements[0]).unwrap();
        let answer = answer(&entry(&instance, &holder, &logging)).to_string();
        let refused = holder.logged(logging, answer.as_bytes(), &manifest(), at(120)).map(|_| ());
        let Err(NotLogged::Certificate(CertificateProblem::Refused { code, .. })) = refused else { panic!("{reason}") };
        assert_eq!(code, reason);
    }
}

#[test]
fn a_token_that_expires_while_the_artifact_is_pushed_is_not_sent() {
    let keyless = keyless(&Instance::new(), Vec::new());
    assert!(keyless.ask(at(299)).is_ok());
    let refused = keyless.ask(at(300)).map(|_| ());
    assert!(matches!(refused, Err(CannotAsk::Token(InvalidIdentityToken::Expired(_)))));
}

#[test]
fn what_nobody_would_read_is_refused_before_a_certificate_is_asked_for() {
    let filler = "x".repeat(MAX_BUNDLE_BYTES / 4 * 3);
    let large = SBOM.replacen('{', &format!(r#"{{"comment":"{filler}","#), 1);
    let keyless = keyless(&Instance::new(), vec![Predicate::sbom(&large).unwrap()]);
    let statements = keyless.statements(&name(), &manifest(), &manifest()).map(|_| ());
    assert_eq!(statements, Err(SigningError::TooLarge { what: "its SBOM" }));
}
