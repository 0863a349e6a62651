use std::time::SystemTime;

use super::key::tests::{ed25519, p256};
use super::unsigned::PREDICATE_NOTE;
use super::*;
use crate::trust::authority::Authority;
use crate::trust::evidence::{Notes, Place};
use crate::trust::weigh::{Authenticated, Said, Weighing};

const SBOM: &str = include_str!("../../../../tests/data/sbom/npm.spdx-2.3.json");

fn name() -> Name {
    Name::of(&"127.1:443/acme/time:1".parse().unwrap())
}

fn manifest() -> Digest {
    Digest::of(b"manifest")
}

fn component() -> Digest {
    Digest::of(b"component")
}

fn statement(subject: &Digest) -> String {
    format!(
        r#"{{"_type": "https://in-toto.io/Statement/v0.1", "subject": [{{"name": "time.wasm", "digest": {{"sha256": "{}"}}}}],
        "predicateType": "https://slsa.dev/provenance/v1", "predicate": {}}}"#,
        subject.hex(),
        provenance("https://acme.example/builder@v1")
    )
}

fn provenance(builder: &str) -> String {
    format!(
        r#"{{"buildDefinition": {{"buildType": "https://acme.example/t", "externalParameters": {{"source": "git+https://github.com/acme/time@refs/tags/v1"}}}},
        "runDetails": {{"builder": {{"id": "{builder}"}}}}}}"#
    )
}

fn signing(pem: &str, predicates: Vec<Predicate>) -> Signing {
    Signing::new(SigningKey::from_pem(pem).unwrap(), "acme.pub".to_owned(), predicates)
}

fn everything() -> Vec<Predicate> {
    vec![Predicate::sbom(SBOM).unwrap(), Predicate::provenance(&statement(&component())).unwrap()]
}

fn of_signature(layer: &Layer) -> Evidence {
    let notes = Notes { signature: layer.annotations.get(SIGNATURE_ANNOTATION).cloned(), ..Notes::default() };
    let form = Form::SimpleSigning { payload: layer.content.bytes().to_vec(), notes };
    Evidence { about: manifest(), place: Place::LegacyTag, form }
}

fn of_attestation(attested: &Attested) -> Evidence {
    let form = Form::Bundle(attested.attachment.layer.content.bytes().to_vec());
    Evidence { about: manifest(), place: Place::Referrers, form }
}

/// What the key's owner is known to have said.
fn said(signing: &Signing, evidence: &Evidence) -> Said {
    let authority = Authority::of_key("acme.pub".to_owned(), signing.key.public().clone(), false).unwrap();
    let Authenticated { said, .. } = Weighing::of(evidence).by(&authority, SystemTime::now()).unwrap();
    said
}

#[test]
fn what_is_signed_is_what_those_who_verify_read() {
    for pem in [p256(), ed25519()] {
        let signing = signing(&pem, everything());
        let Signed { signature, attestations } = signing.of(&name(), &manifest(), &component()).unwrap();
        let Said::Payload(payload) = said(&signing, &of_signature(&signature)) else { panic!("another form") };
        assert_eq!(payload.manifest, manifest());
        payload.check_repository(&name()).unwrap();
        let kinds = ["https://spdx.dev/Document", "https://slsa.dev/provenance/v1"];
        for (attested, kind) in attestations.iter().zip(kinds) {
            let Said::Statement(statement) = said(&signing, &of_attestation(attested)) else { panic!("another form") };
            assert_eq!(statement.predicate_type, kind);
            assert_eq!(statement.subjects.len(), 1);
            assert!(statement.is_about(&manifest()) && !statement.is_signature());
            assert_eq!(attested.attachment.annotations[PREDICATE_NOTE], kind);
        }
        assert_eq!(attestations.len(), 2);
    }
}

#[test]
fn a_payload_is_written_as_cosign_writes_it() {
    let signed = signing(&p256(), Vec::new()).of(&name(), &manifest(), &component()).unwrap();
    let text = format!(
        r#"{{"critical":{{"identity":{{"docker-reference":"127.0.0.1/acme/time"}},"image":{{"docker-manifest-digest":"{}"}},"type":"cosign container image signature"}},"optional":null}}"#,
        manifest()
    );
    assert_eq!(signed.signature.content.bytes(), text.as_bytes());
}

#[test]
fn a_folder_is_no_repository_that_could_be_signed_for() {
    let signing = signing(&p256(), everything());
    let signed = signing.of(&Name::Layout, &manifest(), &component()).unwrap();
    let Said::Payload(payload) = said(&signing, &of_signature(&signed.signature)) else { panic!("another form") };
    payload.check_repository(&Name::Layout).unwrap();
    assert!(payload.check_repository(&name()).is_err());
}

#[test]
fn a_statement_about_something_else_is_not_signed() {
    let of = |subject: &Digest| {
        let predicates = vec![Predicate::provenance(&statement(subject)).unwrap()];
        signing(&p256(), predicates).of(&name(), &manifest(), &component()).map(|_| ())
    };
    assert_eq!((of(&manifest()), of(&component())), (Ok(()), Ok(())));
    assert!(matches!(of(&Digest::of(b"other")), Err(SigningError::OtherSubject { what: "its provenance", .. })));
}

#[test]
fn what_nobody_would_read_is_not_signed() {
    let filler = "x".repeat(MAX_BUNDLE_BYTES / 4 * 3);
    let large = SBOM.replacen('{', &format!(r#"{{"comment":"{filler}","#), 1);
    let predicates = vec![Predicate::sbom(&large).unwrap()];
    let signed = signing(&p256(), predicates).of(&name(), &manifest(), &component());
    assert_eq!(signed.map(|_| ()), Err(SigningError::TooLarge { what: "its SBOM" }));
}

#[test]
fn what_this_key_has_signed_is_known_again() {
    let (ours, theirs) = (signing(&p256(), everything()), signing(&p256(), everything()));
    let of = |signing: &Signing, about: &Digest| signing.of(&name(), about, &component()).unwrap();
    let (before, now) = (of(&ours, &manifest()), of(&ours, &manifest()));
    assert_ne!(before.signature.annotations, now.signature.annotations);
    let sbom = |signed: &Signed| of_attestation(&signed.attestations[0]);
    assert!(ours.has_signed(&now.signature, &of_signature(&before.signature)));
    assert!(ours.has_attested(&now.attestations[0], &sbom(&before)));
    for other in [of(&theirs, &manifest()), of(&ours, &Digest::of(b"other"))] {
        assert!(!ours.has_signed(&now.signature, &of_signature(&other.signature)));
        assert!(!ours.has_attested(&now.attestations[0], &sbom(&other)));
    }
    assert!(!ours.has_attested(&now.attestations[1], &sbom(&before)));
    assert!(!ours.has_signed(&now.signature, &sbom(&before)));
}

#[test]
fn the_scope_asks_for_what_there_is() {
    let scope = |predicates| {
        let signing = signing(&p256(), predicates);
        let signer = signing.signer();
        Signer::Key(Box::new(signing)).scope(&name(), &signer)
    };
    let head = "[[scope]]\nmatch = \"127.0.0.1/acme/time\"\nsigners = [{ key = \"acme.pub\", log = \"ignore\" }]";
    assert_eq!(scope(Vec::new()), head);
    let built = r#"provenance = { required = true, builder = "https://acme.example/builder", source = "https://github.com/acme/time" }"#;
    assert_eq!(scope(everything()), format!("{head}\nsbom = {{ required = true }}\n{built}"));
    // Of two builds, what both say.
    let two = ["https://acme.example/a", "a builder\u{7f}"].map(|id| Predicate::provenance(&provenance(id)).unwrap());
    let built = r#"provenance = { required = true, source = "https://github.com/acme/time" }"#;
    assert_eq!(scope(two.to_vec()), format!("{head}\n{built}"));
}
