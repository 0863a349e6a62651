//! Advisories of a snapshot, and who may say that one of them does not concern the artifact.

use std::fs;

use super::*;

const OPENVEX: &str = "https://openvex.dev/ns/v0.2.0";
const CYCLONEDX: &str = "https://cyclonedx.org/bom/v1.6";

/// A snapshot from a moment ago, in which one package of the artifact has an advisory.
fn snapshot() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let advisory = json!({
        "id": "GHSA-1",
        "modified": jiff::Timestamp::now().to_string(),
        "severity": [{ "type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H" }],
        "affected": [{
            "package": { "ecosystem": "npm", "name": "left" },
            "ranges": [{ "type": "SEMVER", "events": [{ "introduced": "0" }, { "fixed": "2.0.0" }] }],
        }],
    });
    fs::write(folder.path().join("GHSA-1.json"), advisory.to_string()).unwrap();
    folder
}

/// That a vulnerability of the artifact does not concern it.
fn vex(vulnerability: &str) -> Value {
    json!({
        "@context": OPENVEX,
        "timestamp": "2026-01-01T00:00:00Z",
        "statements": [{
            "vulnerability": { "name": vulnerability },
            "products": [{ "@id": format!("pkg:oci/time@{DIGEST}") }],
            "status": "not_affected",
            "justification": "vulnerable_code_not_present",
        }],
    })
}

/// An SBOM that says so of itself.
fn sbom_with_vex() -> Value {
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "components": [{ "type": "library", "bom-ref": "left", "name": "left", "version": "1.0.0", "purl": "pkg:npm/left@1.0.0" }],
        "vulnerabilities": [{
            "id": "GHSA-1",
            "analysis": { "state": "not_affected", "justification": "code_not_present" },
            "affects": [{ "ref": "left" }],
        }],
    })
}

/// Judges what `acme` signed, with its SBOM and these. `rule` is written into `sbom`, `lines` into the scope.
fn judged(acme: &Hand, other: &Hand, rule: &str, lines: &str, more: Vec<Evidence>) -> Result<Basis, &'static str> {
    let folder = snapshot();
    let path = folder.path().display();
    let rules =
        format!("sbom = {{ required = true, vulnerabilities = \"{path}\", max-severity = \"low\"{rule} }}\n{lines}");
    let policy = policy(&asking(&rules), acme, other);
    let this = digest(DIGEST);
    let signed = [of(&this, acme.sign(&statement())), attestation(acme, &this, SPDX, &sbom_of_npm(&["left"]))];
    outcome(&policy, &[DIGEST], Ok(beside(signed.into_iter().chain(more))))
}

#[test]
fn only_a_signer_of_the_scope_takes_an_advisory_away_and_only_where_that_is_asked_for() {
    let (acme, stranger) = (Hand::new(), Hand::new());
    let this = digest(DIGEST);
    let by = |hand: &Hand, vulnerability: &str| vec![attestation(hand, &this, OPENVEX, &vex(vulnerability))];
    let unsigned = || vec![bare(&Digest::of(b"carrier"), false, &in_toto(&this, OPENVEX, &vex("GHSA-1")))];
    let within = || vec![attestation(&acme, &this, CYCLONEDX, &sbom_with_vex())];
    for (expected, rule, more) in [
        (Err("vulnerable"), ", vex = \"signed\"", vec![]),
        (Ok(Basis::Signed), ", vex = \"signed\"", by(&acme, "GHSA-1")),
        (Ok(Basis::Signed), ", vex = \"signed\"", within()),
        (Err("vulnerable"), ", vex = \"signed\"", by(&acme, "GHSA-2")),
        (Err("vulnerable"), ", vex = \"signed\"", by(&stranger, "GHSA-1")),
        (Err("vulnerable"), ", vex = \"signed\"", unsigned()),
        (Err("vulnerable"), "", by(&acme, "GHSA-1")),
        (Err("vulnerable"), "", within()),
    ] {
        assert_eq!(judged(&acme, &stranger, rule, "", more.clone()), expected, "{rule} {more:?}");
    }
}

#[test]
fn where_somebody_is_named_for_vex_nobody_else_takes_an_advisory_away() {
    let (acme, auditor) = (Hand::new(), Hand::new());
    let this = digest(DIGEST);
    let by = |hand: &Hand, vulnerability: &str| attestation(hand, &this, OPENVEX, &vex(vulnerability));
    let named =
        format!("attestations = [{{ type = \"{OPENVEX}\", signers = [{{ key = \"other.pub\", log = \"ignore\" }}] }}]");
    // Something of the auditor's is there in any case, as the scope asks for it.
    for (expected, more) in [
        (Ok(Basis::Signed), vec![by(&auditor, "GHSA-1")]),
        (Err("vulnerable"), vec![by(&auditor, "GHSA-2")]),
        (Err("vulnerable"), vec![by(&auditor, "GHSA-2"), by(&acme, "GHSA-1")]),
        (Err("vulnerable"), vec![by(&auditor, "GHSA-2"), attestation(&acme, &this, CYCLONEDX, &sbom_with_vex())]),
    ] {
        assert_eq!(judged(&acme, &auditor, ", vex = \"signed\"", &named, more), expected);
    }
}
