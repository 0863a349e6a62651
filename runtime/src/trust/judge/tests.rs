mod docker;
mod github;
mod provenance;
mod recorded;
mod remedies;
mod roots;
mod vulnerabilities;

use std::path::PathBuf;

use serde_json::{Value, json};

use super::*;
use crate::trust::PolicyFiles;
use crate::trust::decision::Requirement;
use crate::trust::evidence::{Evidence, Form, Notes, Place};
use crate::trust::forge::{self, Candidate, Given, Hand, Statement};

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const OTHER: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

const ACME: &str = r#"
    default = "reject"
    [[scope]]
    match = "ghcr.io/acme/*"
    signers = [{ key = "acme.pub", log = "ignore" }]
"#;

fn digest(text: &str) -> Digest {
    text.parse().unwrap()
}

fn subject() -> Subject {
    of_manifests(&[digest(DIGEST)])
}

fn of_manifests(manifests: &[Digest]) -> Subject {
    let reference: crate::artifact::Reference = "ghcr.io/acme/time:1".parse().unwrap();
    let (name, reference) = (Name::of(&reference), reference.to_string());
    Subject { reference, name, manifests: manifests.to_vec(), content: vec![Digest::of(b"component")] }
}

/// A policy beside which `acme.pub` and `other.pub` lie.
fn policy(text: &str, acme: &Hand, other: &Hand) -> TrustPolicy {
    let mut files = Given::new([("acme.pub", acme.pem().into_bytes()), ("other.pub", other.pem().into_bytes())]);
    TrustPolicy::read(text, &mut files).unwrap()
}

/// Files beside a policy on a machine that has fetched nothing.
struct NothingFetched(Given);

impl PolicyFiles for NothingFetched {
    fn read(&mut self, path: &Path) -> std::io::Result<Vec<u8>> {
        self.0.read(path)
    }

    fn path(&mut self, path: &Path) -> std::io::Result<PathBuf> {
        self.0.path(path)
    }

    fn keeps_roots(&self) -> bool {
        true
    }
}

fn decide(policy: &TrustPolicy, waived: &[&str], subject: &Subject, found: Result<Found, String>) -> Decision {
    let waived = waived.iter().map(|text| digest(text)).collect();
    let advisories = Advisories::new("/nowhere".into());
    let law = Law { policy, waived: &waived, advisories: &advisories };
    let now = SystemTime::now();
    law.without_evidence(subject, now).unwrap_or_else(|| law.with_evidence(subject, found, now))
}

/// The basis, or the reason's code.
fn outcome(policy: &TrustPolicy, waived: &[&str], found: Result<Found, String>) -> Result<Basis, &'static str> {
    match decide(policy, waived, &subject(), found).verdict {
        Verdict::Accepted { basis, .. } => Ok(basis),
        Verdict::Refused { why, .. } => Err(why.reason.code()),
    }
}

fn found(candidates: impl IntoIterator<Item = Candidate>) -> Result<Found, String> {
    Ok(beside(candidates.into_iter().map(|candidate| of(&digest(DIGEST), candidate))))
}

fn beside(evidence: impl IntoIterator<Item = Evidence>) -> Found {
    Found { evidence: evidence.into_iter().collect(), ..Found::default() }
}

fn of(about: &Digest, candidate: Candidate) -> Evidence {
    let Candidate { payload, signature, promise } = candidate;
    let notes = Notes { signature, log: promise, ..Notes::default() };
    Evidence { about: *about, place: Place::LegacyTag, form: Form::SimpleSigning { payload, notes } }
}

fn statement() -> Statement {
    Statement::new(DIGEST, "ghcr.io/acme/time")
}

/// An attestation in a bundle, by a key.
fn attestation(hand: &Hand, about: &Digest, kind: &str, predicate: &Value) -> Evidence {
    let statement = in_toto(about, kind, predicate);
    let kind = "application/vnd.in-toto+json";
    let pae = format!("DSSEv1 {} {kind} {} {statement}", kind.len(), statement.len());
    use base64::Engine;
    let base64 = |bytes: &[u8]| base64::prelude::BASE64_STANDARD.encode(bytes);
    let bundle = json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": { "publicKey": { "hint": "" } },
        "dsseEnvelope": {
            "payload": base64(statement.as_bytes()),
            "payloadType": kind,
            "signatures": [{ "sig": base64(&hand.sign_raw(pae.as_bytes())) }],
        },
    });
    Evidence { about: *about, place: Place::Referrers, form: Form::Bundle(bundle.to_string().into_bytes()) }
}

fn in_toto(about: &Digest, kind: &str, predicate: &Value) -> String {
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{ "name": "x", "digest": { "sha256": about.hex() } }],
        "predicateType": kind,
        "predicate": predicate,
    })
    .to_string()
}

fn bare(carrier: &Digest, by_index: bool, statement: &str) -> Evidence {
    let form = Form::Statement { statement: statement.as_bytes().to_vec(), carrier: *carrier, by_index };
    Evidence { about: *carrier, place: Place::Index, form }
}

fn sbom(licence: &str) -> Value {
    json!({
        "spdxVersion": "SPDX-2.3",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": "time",
        "creationInfo": { "created": "2026-01-02T03:04:05Z", "creators": ["Tool: x"] },
        "packages": [{ "name": "left", "SPDXID": "SPDXRef-left", "versionInfo": "1.0.0", "licenseDeclared": licence,
            "licenseConcluded": licence, "downloadLocation": "NOASSERTION" }],
    })
}

fn provenance(source: &str) -> Value {
    json!({
        "buildDefinition": {
            "buildType": "https://actions.github.io/buildtypes/workflow/v1",
            "externalParameters": { "workflow": { "repository": source, "ref": "refs/tags/v1", "path": "x.yml" } },
            "resolvedDependencies": [{ "uri": format!("git+{source}@refs/tags/v1"), "digest": { "gitCommit": "00" } }],
        },
        "runDetails": { "builder": { "id": "https://github.com/acme/builder" } },
    })
}

const SPDX: &str = "https://spdx.dev/Document/v2.3";
const SLSA: &str = "https://slsa.dev/provenance/v1";

#[test]
fn attack_34_one_valid_signature_by_a_trusted_key_is_enough_whatever_lies_beside_it() {
    let (acme, stranger) = (Hand::new(), Hand::new());
    let policy = policy(ACME, &acme, &stranger);
    let good = || acme.sign(&statement());
    let all = [stranger.sign(&statement()), forge::garbage(), good(), good(), acme.sign(&statement().tagged("2"))];
    let decision = decide(&policy, &[], &subject(), found(all));
    let Verdict::Accepted { basis: Basis::Signed, signers, manifest, .. } = decision.verdict else { panic!("refused") };
    assert_eq!((signers.len(), signers[0].name.as_str(), manifest), (1, "acme.pub", Some(digest(DIGEST))));
    // Something unusable beside it, too.
    let others = Found { others: 3, ..found([good()]).unwrap() };
    assert_eq!(outcome(&policy, &[], Ok(others)), Ok(Basis::Signed));
}

#[test]
fn every_way_to_have_no_valid_signature_has_its_reason() {
    let (acme, stranger) = (Hand::new(), Hand::new());
    let policy = policy(ACME, &acme, &stranger);
    let mut altered = acme.sign(&statement());
    altered.payload = statement().tagged("2").bytes();
    let others = Ok(Found { others: 1, ..Found::default() });
    for (expected, result) in [
        ("unsigned", found([])),
        ("unknown-signer", found([stranger.sign(&statement())])),
        ("unknown-signer", found([altered])),
        ("signature-unreadable", found([forge::garbage()])),
        ("no-signature", others),
        ("signatures-unavailable", Err("the registry answered with status 500".to_owned())),
        ("other-statement", found([acme.sign(&statement().of_type("atomic container signature"))])),
        ("payload-unreadable", found([acme.sign_bytes(b"{}")])),
        ("no-repository", found([acme.sign(&Statement::new(DIGEST, ""))])),
        // A bad one is graver than a stranger's.
        ("other-digest", found([stranger.sign(&statement()), acme.sign(&Statement::new(OTHER, "ghcr.io/acme/time"))])),
    ] {
        assert_eq!(outcome(&policy, &[], result), Err(expected));
    }
}

#[test]
fn attack_20_a_payload_that_names_another_digest_counts_under_no_tag() {
    let acme = Hand::new();
    let policy = policy(ACME, &acme, &acme);
    let other = found([acme.sign(&Statement::new(OTHER, "ghcr.io/acme/time"))]);
    assert_eq!(outcome(&policy, &[], other), Err("other-digest"));
}

#[test]
fn attack_22_a_signature_for_another_repository_does_not_count() {
    let acme = Hand::new();
    let policy = policy(ACME, &acme, &acme);
    for repository in ["ghcr.io/acme/evil", "ghcr.io/acme-evil/time", "evil.io/acme/time"] {
        let other = found([acme.sign(&Statement::new(DIGEST, repository))]);
        assert_eq!(outcome(&policy, &[], other), Err("other-repository"));
    }
}

#[test]
fn attack_57_what_cannot_be_found_out_is_never_taken_for_unsigned_nor_waived() {
    let acme = Hand::new();
    let policy = policy(ACME, &acme, &acme);
    let down = || Err("the registry is down".to_owned());
    assert_eq!(outcome(&policy, &[], down()), Err("signatures-unavailable"));
    assert_eq!(outcome(&policy, &[DIGEST], down()), Err("signatures-unavailable"));
}

#[test]
fn a_waiver_lifts_that_nobody_vouches_and_nothing_else() {
    let (acme, stranger) = (Hand::new(), Hand::new());
    let scoped = policy(ACME, &acme, &stranger);
    assert_eq!(outcome(&scoped, &[DIGEST], found([])), Ok(Basis::Waived));
    assert_eq!(outcome(&scoped, &[DIGEST], found([acme.sign(&statement())])), Ok(Basis::Signed));
    for (reason, result) in [
        ("unknown-signer", found([stranger.sign(&statement())])),
        ("other-digest", found([acme.sign(&Statement::new(OTHER, "ghcr.io/acme/time"))])),
        ("no-signature", Ok(Found { others: 1, ..Found::default() })),
    ] {
        assert_eq!(outcome(&scoped, &[DIGEST], result), Err(reason));
    }
    // Nor does one for another digest.
    assert_eq!(outcome(&scoped, &[OTHER], found([])), Err("unsigned"));
    let empty = policy("default = \"reject\"", &acme, &stranger);
    assert_eq!(outcome(&empty, &[OTHER], found([])), Err("no-scope"));
    assert_eq!(outcome(&empty, &[DIGEST], found([])), Ok(Basis::Waived));
}

#[test]
fn without_a_scope_the_default_holds_and_within_one_it_does_not() {
    let acme = Hand::new();
    let allowing = policy("default = \"allow-unsigned\"", &acme, &acme);
    assert_eq!(outcome(&allowing, &[], found([])), Ok(Basis::AllowedUnsigned));
    let scoped = policy(&ACME.replace("reject", "allow-unsigned"), &acme, &acme);
    assert_eq!(outcome(&scoped, &[], found([])), Err("unsigned"));
}

#[test]
fn a_reviewed_digest_needs_no_signature_and_only_that_one() {
    let acme = Hand::new();
    let reviewed = |digest: &str| {
        let text = format!("default = \"reject\"\n[[scope]]\nmatch = \"ghcr.io/acme/time\"\ndigests = [\"{digest}\"]");
        policy(&text, &acme, &acme)
    };
    assert_eq!(outcome(&reviewed(DIGEST), &[], Err("down".to_owned())), Ok(Basis::Reviewed));
    assert_eq!(outcome(&reviewed(OTHER), &[], found([])), Err("not-reviewed"));
    assert_eq!(outcome(&reviewed(OTHER), &[DIGEST], found([])), Ok(Basis::Waived));
}

#[test]
fn what_is_denied_never_runs_by_whatever_digest_it_is_named() {
    let acme = Hand::new();
    for denied in [digest(DIGEST), Digest::of(b"component")] {
        let text = ACME.replacen("default", &format!("deny = [\"{denied}\"]\ndefault"), 1);
        let policy = policy(&text, &acme, &acme);
        let signed = found([acme.sign(&statement())]);
        assert_eq!(outcome(&policy, &[DIGEST], signed), Err("denied"));
    }
}

#[test]
fn attack_23_a_signature_over_the_index_or_the_platforms_manifest_counts_and_no_other() {
    let acme = Hand::new();
    let policy = policy(ACME, &acme, &acme);
    let (index, platform) = (Digest::of(b"index"), Digest::of(b"platform"));
    let subject = of_manifests(&[index, platform]);
    let signed =
        |about: &Digest, named: &Digest| of(about, acme.sign(&Statement::new(&named.to_string(), "ghcr.io/acme/time")));
    for (evidence, over) in [
        (vec![signed(&index, &index)], Some(index)),
        (vec![signed(&platform, &platform)], Some(platform)),
        // Each under the tag of the other.
        (vec![signed(&index, &platform), signed(&platform, &index)], None),
        (vec![signed(&platform, &Digest::of(b"another platform"))], None),
    ] {
        match (decide(&policy, &[], &subject, Ok(beside(evidence))).verdict, over) {
            (Verdict::Accepted { manifest, .. }, Some(digest)) => assert_eq!(manifest, Some(digest)),
            (Verdict::Refused { why, .. }, None) => assert_eq!(why.reason.code(), "other-digest"),
            (verdict, _) => panic!("{verdict:?}"),
        }
    }
}

#[test]
fn attack_21_a_signature_of_something_else_says_nothing_of_this() {
    let acme = Hand::new();
    let policy = policy(ACME, &acme, &acme);
    let copied = of(&digest(DIGEST), acme.sign(&Statement::new(OTHER, "ghcr.io/acme/victim")));
    let decision = decide(&policy, &[], &subject(), Ok(beside([copied])));
    assert!(matches!(decision.verdict, Verdict::Refused { why, .. } if why.reason.code() == "other-digest"));
}

#[test]
fn attack_35_one_keys_signatures_count_once_against_a_threshold() {
    let (acme, other) = (Hand::new(), Hand::new());
    let text = ACME.replace(
        "signers = [{ key = \"acme.pub\", log = \"ignore\" }]",
        "signers = [{ key = \"acme.pub\", log = \"ignore\" }, { key = \"other.pub\", log = \"ignore\" }]\nthreshold = 2",
    );
    let policy = policy(&text, &acme, &other);
    let (first, second) = (acme.sign(&statement()), acme.sign(&statement().tagged("2")));
    assert_eq!(outcome(&policy, &[DIGEST], found([first.clone(), first.clone(), second])), Err("too-few-signers"));
    assert_eq!(outcome(&policy, &[], found([first, other.sign(&statement())])), Ok(Basis::Signed));
}

#[test]
fn attack_33_an_sbom_is_no_signature() {
    let acme = Hand::new();
    let policy = policy(ACME, &acme, &acme);
    let attested = attestation(&acme, &digest(DIGEST), SPDX, &sbom("MIT"));
    assert_eq!(outcome(&policy, &[DIGEST], Ok(beside([attested]))), Err("only-attested"));
    let signed = attestation(&acme, &digest(DIGEST), "https://sigstore.dev/cosign/sign/v1", &json!({}));
    assert_eq!(outcome(&policy, &[], Ok(beside([signed]))), Ok(Basis::Signed));
}

/// ACME's scope, with these lines besides.
fn asking(lines: &str) -> String {
    format!("{ACME}\n{lines}")
}

#[test]
fn all_requirements_hold_together() {
    let (acme, stranger) = (Hand::new(), Hand::new());
    let text = asking(
        "sbom = { required = true, deny-licences = [\"AGPL-3.0-only\"] }\nprovenance = { required = true, source = \"https://github.com/acme/tools\" }",
    );
    let policy = policy(&text, &acme, &stranger);
    let this = digest(DIGEST);
    let signature = || of(&this, acme.sign(&statement()));
    let sbom_of = |hand: &Hand, licence: &str| attestation(hand, &this, SPDX, &sbom(licence));
    let built = |hand: &Hand, source: &str| attestation(hand, &this, SLSA, &provenance(source));
    let ours = "https://github.com/acme/tools";
    for (expected, evidence) in [
        (Ok(Basis::Signed), vec![signature(), sbom_of(&acme, "MIT"), built(&acme, ours)]),
        (Err("unsigned"), vec![]),
        (Err("only-attested"), vec![sbom_of(&acme, "MIT"), built(&acme, ours)]),
        (Err("no-sbom"), vec![signature(), built(&acme, ours)]),
        (Err("unknown-signer"), vec![signature(), sbom_of(&stranger, "MIT"), built(&acme, ours)]),
        (Err("licence-denied"), vec![signature(), sbom_of(&acme, "AGPL-3.0-only"), built(&acme, ours)]),
        // One that is clean hides nothing that is in the other.
        (
            Err("licence-denied"),
            vec![signature(), sbom_of(&acme, "MIT"), sbom_of(&acme, "AGPL-3.0-only"), built(&acme, ours)],
        ),
        (Err("no-provenance"), vec![signature(), sbom_of(&acme, "MIT")]),
        (Err("other-source"), vec![signature(), sbom_of(&acme, "MIT"), built(&acme, "https://github.com/acme/evil")]),
    ] {
        assert_eq!(outcome(&policy, &[], Ok(beside(evidence))), expected);
    }
}

#[test]
fn everything_that_is_wrong_with_an_attestation_is_shown() {
    let acme = Hand::new();
    let text = asking(
        "sbom = { required = true, deny-licences = [\"AGPL-3.0-only\"], deny-packages = [\"pkg:npm/right\"], minimum = [\"supplier\"] }\n\
         provenance = { required = true, source = \"https://github.com/acme/tools\", ref = \"refs/heads/main\" }",
    );
    let policy = policy(&text, &acme, &acme);
    let this = digest(DIGEST);
    let attested = |names: &[&str]| attestation(&acme, &this, SPDX, &sbom_of_npm(names));
    let built = attestation(&acme, &this, SLSA, &provenance("https://github.com/acme/evil"));
    let judged = |sboms: Vec<Evidence>| {
        let evidence = [of(&this, acme.sign(&statement())), built.clone()].into_iter().chain(sboms);
        let decision = decide(&policy, &[], &subject(), Ok(beside(evidence)));
        let Verdict::Refused { why, .. } = decision.verdict else { panic!("it runs") };
        let [_, sbom, provenance] = decision.requirements.try_into().expect("three requirements");
        (why, sbom, provenance)
    };
    let codes = |requirement: &Requirement| -> Vec<&str> {
        requirement.why.iter().chain(&requirement.also).map(|problem| problem.reason.code()).collect()
    };
    // The same one twice is wrong once.
    let (why, sbom, provenance) = judged(vec![attested(&["right"]), attested(&["right"])]);
    assert_eq!(codes(&sbom), ["sbom-incomplete", "package-denied", "licence-denied"]);
    assert_eq!((why.reason.code(), sbom.more), ("sbom-incomplete", 0));
    assert_eq!(codes(&provenance), ["other-source", "other-ref"]);
    let json = serde_json::to_value(&sbom).unwrap();
    assert_eq!((&json["reason"], &json["also"][1]["reason"]), (&json!("sbom-incomplete"), &json!("licence-denied")));
    assert!(json.get("more").is_none());
    // However many there are, the list has an end.
    let many = (0..12).map(|number| attested(&["right", &format!("name-{number}")]));
    let (_, sbom, _) = judged(many.collect());
    assert_eq!(codes(&sbom).len(), 10);
    assert!(sbom.more > 0);
}

/// An SBOM of npm's packages with these names, all under a licence that not everybody likes.
fn sbom_of_npm(names: &[&str]) -> Value {
    let mut sbom = sbom("AGPL-3.0-only");
    let package = sbom["packages"][0].clone();
    let named = |name: &&str| {
        let mut package = package.clone();
        package["name"] = (*name).into();
        package["SPDXID"] = format!("SPDXRef-{name}").into();
        package["externalRefs"] = json!([{ "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
            "referenceLocator": format!("pkg:npm/{name}@1.0.0") }]);
        package
    };
    sbom["packages"] = names.iter().map(named).collect();
    sbom
}

/// An attestation as cosign stores it, with the type that its annotation announces.
fn announced(hand: &Hand, announced: &str, kind: &str, predicate: &Value) -> Evidence {
    let Evidence { form: Form::Bundle(bundle), about, .. } = attestation(hand, &digest(DIGEST), kind, predicate) else {
        panic!("no bundle")
    };
    let bundle: Value = serde_json::from_slice(&bundle).unwrap();
    let notes = Notes { predicate_type: Some(announced.to_owned()), ..Notes::default() };
    let form = Form::Envelope { envelope: bundle["dsseEnvelope"].to_string().into_bytes(), notes };
    Evidence { about, place: Place::LegacyTag, form }
}

#[test]
fn attack_31_what_counts_is_the_type_in_the_signed_statement() {
    let acme = Hand::new();
    let policy = policy(&asking("sbom = { required = true }"), &acme, &acme);
    let (this, note) = (digest(DIGEST), "https://acme.example/note");
    let with = |evidence| outcome(&policy, &[], Ok(beside([of(&this, acme.sign(&statement())), evidence])));
    // Announced as an SBOM, and signed as something else.
    assert_eq!(with(announced(&acme, SPDX, note, &sbom("MIT"))), Err("no-sbom"));
    assert_eq!(with(attestation(&acme, &this, note, &sbom("MIT"))), Err("no-sbom"));
    // Nor does an annotation, which anybody can change, take an SBOM away.
    assert_eq!(with(announced(&acme, note, SPDX, &sbom("MIT"))), Ok(Basis::Signed));
}

#[test]
fn attack_32_an_sbom_of_something_else_does_not_count() {
    let acme = Hand::new();
    let policy = policy(&asking("sbom = { required = true }"), &acme, &acme);
    let this = digest(DIGEST);
    let mut other = attestation(&acme, &digest(OTHER), SPDX, &sbom("MIT"));
    other.about = this;
    let evidence = [of(&this, acme.sign(&statement())), other];
    assert_eq!(outcome(&policy, &[], Ok(beside(evidence))), Err("other-artifact"));
}

#[test]
fn attack_39_a_bare_statement_counts_only_where_something_signed_covers_it() {
    let (acme, stranger) = (Hand::new(), Hand::new());
    let policy = policy(&asking("sbom = { required = true }"), &acme, &stranger);
    let (index, platform, carrier) = (Digest::of(b"index"), Digest::of(b"platform"), Digest::of(b"carrier"));
    let subject = of_manifests(&[index, platform]);
    let sign =
        |hand: &Hand, digest: &Digest| of(digest, hand.sign(&Statement::new(&digest.to_string(), "ghcr.io/acme/time")));
    let statement = |by_index| bare(&carrier, by_index, &in_toto(&platform, SPDX, &sbom("MIT")));
    let other = bare(&carrier, true, &in_toto(&Digest::of(b"another"), SPDX, &sbom("MIT")));
    for (expected, evidence) in [
        // The index names the carrier by its digest, and is signed.
        (Ok(Basis::Signed), vec![sign(&acme, &index), statement(true)]),
        // The carrier is signed itself.
        (Ok(Basis::Signed), vec![sign(&acme, &platform), statement(true), sign(&acme, &carrier)]),
        (Ok(Basis::Signed), vec![sign(&acme, &platform), statement(false), sign(&acme, &carrier)]),
        // Nothing that is signed covers it.
        (Err("not-signed"), vec![sign(&acme, &platform), statement(true)]),
        (Err("not-signed"), vec![sign(&acme, &index), statement(false)]),
        (Err("not-signed"), vec![sign(&acme, &platform), sign(&stranger, &index), statement(true)]),
        (Err("not-signed"), vec![sign(&acme, &platform), sign(&stranger, &carrier), statement(false)]),
        // It is about another platform.
        (Err("other-artifact"), vec![sign(&acme, &index), other.clone()]),
        // Whoever signs the carrier alone has not signed the image.
        (Err("only-attested"), vec![sign(&acme, &carrier), statement(false)]),
    ] {
        let got = match decide(&policy, &[], &subject, Ok(beside(evidence))).verdict {
            Verdict::Accepted { basis, .. } => Ok(basis),
            Verdict::Refused { why, .. } => Err(why.reason.code()),
        };
        assert_eq!(got, expected);
    }
}

#[test]
fn an_attestation_has_signers_of_its_own_where_they_are_named() {
    let (acme, auditor) = (Hand::new(), Hand::new());
    let kind = "https://acme.example/audit/v1";
    let text = asking(&format!(
        "attestations = [{{ type = \"{kind}\", signers = [{{ key = \"other.pub\", log = \"ignore\" }}] }}]"
    ));
    let policy = policy(&text, &acme, &auditor);
    let this = digest(DIGEST);
    let signature = || of(&this, acme.sign(&statement()));
    let audit = |hand: &Hand| attestation(hand, &this, kind, &json!({ "passed": true }));
    assert_eq!(outcome(&policy, &[], Ok(beside([signature(), audit(&auditor)]))), Ok(Basis::Signed));
    assert_eq!(outcome(&policy, &[], Ok(beside([signature(), audit(&acme)]))), Err("not-attested"));
    assert_eq!(outcome(&policy, &[], Ok(beside([signature()]))), Err("not-attested"));
    assert_eq!(outcome(&policy, &[], Ok(beside([audit(&auditor)]))), Err("only-attested"));
}

#[test]
fn a_scope_that_warns_lets_run_and_says_why_it_should_not() {
    let (acme, stranger) = (Hand::new(), Hand::new());
    let policy = policy(&asking("mode = \"warn\""), &acme, &stranger);
    for result in [found([]), found([stranger.sign(&statement())]), Err("down".to_owned())] {
        let decision = decide(&policy, &[], &subject(), result);
        let Verdict::Accepted { basis: Basis::Warned, warning: Some(_), .. } = decision.verdict else {
            panic!("{:?}", decision.verdict)
        };
        assert!(Basis::Warned.is_unverified());
    }
    assert_eq!(outcome(&policy, &[], found([acme.sign(&statement())])), Ok(Basis::Signed));
}

#[test]
fn attack_56_todays_policy_judges_what_yesterdays_accepted() {
    let (acme, other) = (Hand::new(), Hand::new());
    let signed = || found([acme.sign(&statement())]);
    assert_eq!(outcome(&policy(ACME, &acme, &other), &[], signed()), Ok(Basis::Signed));
    // The same file has another key now.
    assert_eq!(outcome(&policy(ACME, &other, &acme), &[], signed()), Err("unknown-signer"));
    assert_eq!(outcome(&policy("default = \"reject\"", &acme, &other), &[], signed()), Err("no-scope"));
}

#[test]
fn attack_58_another_spelling_of_a_registry_falls_under_the_same_scope() {
    let acme = Hand::new();
    let text = ACME.replace("reject", "allow-unsigned").replace("ghcr.io/acme/*", "docker.io/mcp/*");
    let policy = policy(&text, &acme, &acme);
    for name in ["docker.io/mcp/x", "index.docker.io/mcp/x", "Registry-1.Docker.IO/mcp/x", "docker.io:443/mcp/x"] {
        let reference: crate::artifact::Reference = format!("{name}:1").parse().unwrap();
        let subject = Subject { name: Name::of(&reference), reference: reference.to_string(), ..subject() };
        let Verdict::Refused { why, .. } = decide(&policy, &[], &subject, found([])).verdict else {
            panic!("{name} runs")
        };
        assert_eq!(why.reason.code(), "unsigned", "{name}");
    }
}

#[test]
fn a_waiver_does_not_reach_what_is_wrong_behind_what_is_missing() {
    let acme = Hand::new();
    let text = asking(
        "sbom = { required = true }\nprovenance = { required = true, source = \"https://github.com/acme/tools\" }",
    );
    let policy = policy(&text, &acme, &acme);
    let this = digest(DIGEST);
    let signature = || of(&this, acme.sign(&statement()));
    let built = |source: &str| attestation(&acme, &this, SLSA, &provenance(source));
    let elsewhere = vec![signature(), built("https://github.com/acme/evil")];
    assert_eq!(outcome(&policy, &[DIGEST], Ok(beside(elsewhere))), Err("other-source"));
    let missing = vec![signature(), built("https://github.com/acme/tools")];
    assert_eq!(outcome(&policy, &[DIGEST], Ok(beside(missing))), Ok(Basis::Waived));
    // A trusted signer's attestation of something else lies here.
    let mut other = attestation(&acme, &digest(OTHER), SPDX, &sbom("MIT"));
    other.about = this;
    let scoped = self::policy(ACME, &acme, &acme);
    assert_eq!(outcome(&scoped, &[DIGEST], Ok(beside([other]))), Err("other-artifact"));
}

#[test]
fn who_is_not_named_for_a_version_is_not_trusted_for_it_because_another_is_written() {
    let (acme, builder) = (Hand::new(), Hand::new());
    let text = asking(
        "attestations = [{ type = \"https://slsa.dev/provenance/v0.2\", signers = [{ key = \"other.pub\", log = \"ignore\" }] }]\nprovenance = { required = false, source = \"https://github.com/acme/tools\" }",
    );
    let policy = policy(&text, &acme, &builder);
    let scope = policy.scope(&subject().name).unwrap();
    for kind in ["https://slsa.dev/provenance/v0.2", SLSA] {
        let attesters = scope.attesters(kind);
        assert_eq!(attesters.iter().map(|by| by.name.as_str()).collect::<Vec<_>>(), ["other.pub"], "{kind}");
    }
    assert_eq!(scope.attesters(SPDX)[0].name, "acme.pub");
}
