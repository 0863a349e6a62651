use std::io::{Cursor, Error, ErrorKind};

use super::*;
use crate::trust::vulnerability::{SnapshotFile, SnapshotFiles};

const SPDX: &str = include_str!("../../../../../tests/data/sbom/npm.spdx-2.3.json");
const COMPLETE: &str = include_str!("../../../../../tests/data/sbom/spdx-tools.spdx-2.2.json");
const NOW: &str = "2026-11-22T00:00:00Z";

fn rules(text: &str) -> SbomRules {
    #[derive(serde::Deserialize)]
    struct Scope {
        sbom: SbomRules,
    }
    let scope: Scope = toml::from_str(&format!("sbom = {{ required = true, {text} }}")).unwrap();
    scope.sbom
}

/// A snapshot of these files, at `osv/`.
fn snapshot(files: &[(&str, &str)]) -> impl Fn(&Path) -> std::io::Result<Snapshot> {
    let files: Vec<(String, String)> =
        files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    move |path| {
        if path != Path::new("osv/") {
            return Err(Error::from(ErrorKind::NotFound));
        }
        let file = |(name, text): (String, String)| Ok(SnapshotFile { name, content: Box::new(Cursor::new(text)) });
        let files = Box::new(files.clone().into_iter().map(file)) as SnapshotFiles;
        Ok(Snapshot { files, index: None })
    }
}

fn findings_of(text: &str, sbom: &str, vex: &[Vex], files: &[(&str, &str)]) -> SbomFindings {
    let sbom = Sbom::read_document(sbom).unwrap();
    rules(text).check(&sbom, vex, NOW.parse().unwrap(), &snapshot(files))
}

fn faults(text: &str, sbom: &str) -> Vec<(SbomReason, Vec<String>)> {
    let findings = findings_of(text, sbom, &[], &[]);
    findings.faults.into_iter().map(|fault| (fault.reason, fault.examples)).collect()
}

fn reasons(findings: &SbomFindings) -> Vec<SbomReason> {
    findings.faults.iter().map(|fault| fault.reason).collect()
}

/// An advisory about lodash before 4.17.21.
fn advisory(more: &str) -> String {
    format!(
        r#"{{"id": "GHSA-35jh-r3h4-6jhm", "aliases": ["CVE-2021-23337"], "modified": "2026-11-20T00:00:00Z", {more}
            "affected": [{{"package": {{"ecosystem": "npm", "name": "lodash"}},
                "ranges": [{{"type": "SEMVER", "events": [{{"introduced": "0"}}, {{"fixed": "4.17.21"}}]}}]}}]}}"#
    )
}

const HIGH: &str = r#""severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:H/UI:N/S:U/C:H/I:H/A:H"}],"#;
const LOOK_UP: &str = r#"vulnerabilities = "osv/", max-severity = "medium""#;

#[test]
fn attack_32_an_sbom_without_what_is_asked_for_is_refused() {
    assert_eq!(faults(r#"minimum = "ntia""#, COMPLETE), []);
    let [(SbomReason::SbomIncomplete, examples)] = &faults(r#"minimum = "ntia""#, SPDX)[..] else { panic!() };
    assert_eq!(examples, &["the supplier is missing for acme-time 1.2.0 and 3 more", "it does not say who wrote it"]);
    let bare = r#"{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{"type": "library", "name": " "}]}"#;
    let fields = ["supplier", "name", "version", "id", "relationships", "author", "timestamp", "licence"];
    for field in fields {
        let found = faults(&format!("minimum = [\"{field}\"]"), bare);
        assert!(matches!(&found[..], [(SbomReason::SbomIncomplete, examples)] if examples.len() == 1), "{field}");
        assert_eq!(faults(&format!("minimum = [\"{field}\"]"), COMPLETE), [], "{field}");
    }
}

#[test]
fn a_denied_package_is_refused_under_every_name_it_can_be_known_by() {
    let deny = |package: &str| format!("deny-packages = [\"{package}\"]");
    let denied =
        |examples: &[&str]| vec![(SbomReason::PackageDenied, examples.iter().map(|&one| one.into()).collect())];
    assert_eq!(
        faults(&deny("pkg:npm/lodash@<4.17.21"), SPDX),
        denied(&["lodash 4.17.20 (by pkg:npm/lodash@<4.17.21)"])
    );
    assert_eq!(faults(&deny("pkg:npm/Lodash"), SPDX), denied(&["lodash 4.17.20 (by pkg:npm/Lodash)"]));
    // The artifact itself, too.
    assert_eq!(faults(&deny("pkg:npm/acme-time"), SPDX), denied(&["acme-time 1.2.0 (by pkg:npm/acme-time)"]));
    for other in [
        "pkg:npm/lodash@<4.17.20",
        "pkg:npm/lodash@>4.17.20",
        "pkg:cargo/lodash",
        "pkg:npm/lodash2",
        "pkg:npm/ttlcache",
    ] {
        assert_eq!(faults(&deny(other), SPDX), [], "{other}");
    }
    // Without its package URL, or with one that cannot be read, it is known by its name; without its version, by any.
    for changed in [
        SPDX.replace("\"referenceType\": \"purl\"", "\"referenceType\": \"other\""),
        SPDX.replace("pkg:npm/lodash@4.17.20", "npm/lodash@4.17.20"),
        SPDX.replace("pkg:npm/lodash@4.17.20", "pkg:npm/lodash").replace("\"versionInfo\": \"4.17.20\",", ""),
    ] {
        assert_eq!(faults(&deny("pkg:npm/lodash@<4.17.21"), &changed).len(), 1);
    }
}

#[test]
fn a_denied_licence_is_refused_wherever_it_stands() {
    let deny = r#"deny-licences = ["AGPL-3.0-only"]"#;
    assert_eq!(faults(deny, SPDX), []);
    for licence in ["AGPL-3.0-only", "AGPL-3.0-or-later", "MIT AND AGPL-3.0", "agpl-3.0-only"] {
        let text = SPDX.replacen(r#""licenseDeclared": "MIT""#, &format!(r#""licenseDeclared": "{licence}""#), 1);
        let expected = format!("lodash 4.17.20 ({})", licence.replace("agpl", "AGPL"));
        assert_eq!(faults(deny, &text), [(SbomReason::LicenceDenied, vec![expected])], "{licence}");
        // What somebody concluded does not take away what its author declared.
        let text = text.replacen(r#""licenseDeclared""#, r#""licenseConcluded": "MIT", "licenseDeclared""#, 2);
        assert_eq!(faults(deny, &text).len(), 1, "{licence}");
    }
    let text = SPDX.replacen(r#""licenseDeclared": "MIT""#, r#""licenseDeclared": "MIT OR AGPL-3.0-only""#, 1);
    assert_eq!(faults(deny, &text), []);
}

#[test]
fn a_licence_that_cannot_be_judged_is_told_and_refused_where_the_policy_says_so() {
    for licence in [r#""licenseDeclared": "LicenseRef-acme""#, r#""licenseDeclared": "NOASSERTION""#, r#""x": "y""#] {
        let text = SPDX.replacen(r#""licenseDeclared": "MIT""#, licence, 1);
        let findings = findings_of(r#"deny-licences = ["MIT"]"#, &text, &[], &[]);
        assert_eq!(reasons(&findings), [SbomReason::LicenceDenied], "minimist is MIT");
        assert!(findings.remarks[0].starts_with("the licence of lodash 4.17.20 ("), "{:?}", findings.remarks);
        let findings = findings_of(r#"unknown-licences = "deny""#, &text, &[], &[]);
        assert_eq!(reasons(&findings), [SbomReason::LicenceUnknown]);
    }
    assert_eq!(faults(r#"unknown-licences = "deny""#, SPDX), []);
}

#[test]
fn a_vulnerability_worse_than_the_policy_lets_through_is_refused() {
    let high = advisory(HIGH);
    let files = [("GHSA-35jh-r3h4-6jhm.json", high.as_str())];
    let findings = findings_of(LOOK_UP, SPDX, &[], &files);
    assert_eq!(reasons(&findings), [SbomReason::Vulnerable]);
    assert_eq!(findings.faults[0].examples, ["lodash 4.17.20: GHSA-35jh-r3h4-6jhm (high)"]);
    let high_is_fine = LOOK_UP.replace("medium", "high");
    assert_eq!(findings_of(&high_is_fine, SPDX, &[], &files), SbomFindings::default());
    let fixed = SPDX.replace("4.17.20", "4.17.21");
    assert_eq!(findings_of(LOOK_UP, &fixed, &[], &files), SbomFindings::default());
    // How bad it is is not known: it counts.
    let unknown = advisory("");
    let findings = findings_of(&high_is_fine, SPDX, &[], &[("a.json", &unknown)]);
    let expected = "lodash 4.17.20: GHSA-35jh-r3h4-6jhm (how bad is not known, so it counts)";
    assert_eq!(findings.faults[0].examples, [expected]);
    // Its version cannot be compared: it counts.
    let odd = SPDX.replace("4.17.20", "latest");
    let findings = findings_of(LOOK_UP, &odd, &[], &files);
    let expected =
        "lodash latest: GHSA-35jh-r3h4-6jhm (high; its version cannot be compared, so it counts as affected)";
    assert_eq!(findings.faults[0].examples, [expected]);
}

#[test]
fn advisories_that_are_missing_broken_or_old_fail_with_a_reason_of_their_own() {
    let old = advisory(HIGH).replace("2026-11-20", "2026-11-14");
    let other = advisory(HIGH).replace("lodash", "left-pad");
    let future = other.replace("2026-11-20", "2099-01-01");
    let fixed = SPDX.replace("4.17.20", "4.17.21");
    let of = |files: &[(&str, &str)]| reasons(&findings_of(LOOK_UP, &fixed, &[], files));
    use SbomReason::{AdvisoriesOld, AdvisoriesUnreadable};
    assert_eq!(of(&[("a.json", &other)]), []);
    assert_eq!(of(&[]), [AdvisoriesUnreadable]);
    assert_eq!(of(&[("README.md", "hello")]), [AdvisoriesUnreadable]);
    assert_eq!(of(&[("a.json", &other), ("b.json", "{")]), [AdvisoriesUnreadable]);
    assert_eq!(of(&[("a.json", &other), ("all.zip", "PK")]), [AdvisoriesUnreadable]);
    assert_eq!(of(&[("a.json", &old)]), [AdvisoriesOld]);
    // What comes from the future says nothing of the age.
    assert_eq!(of(&[("a.json", &future)]), [AdvisoriesOld]);
    assert_eq!(of(&[("a.json", &future), ("b.json", &old)]), [AdvisoriesOld]);
    assert_eq!(of(&[("a.json", &old), ("b.json", &other)]), []);
    // A manifest says better when they were fetched than the newest of them.
    let fresh = r#"{"created": "2026-11-21T00:00:00Z"}"#;
    assert_eq!(of(&[("a.json", &old), ("snapshot.json", fresh)]), []);
    assert_eq!(of(&[("a.json", &other), ("snapshot.json", r#"{"created": "2026-01-01T00:00:00Z"}"#)]), [AdvisoriesOld]);
    assert_eq!(of(&[("a.json", &other), ("snapshot.json", "{}")]), [AdvisoriesUnreadable]);
    let missing = rules(r#"vulnerabilities = "elsewhere/", max-severity = "low""#);
    let sbom = Sbom::read_document(SPDX).unwrap();
    let findings = missing.check(&sbom, &[], NOW.parse().unwrap(), &snapshot(&[]));
    assert_eq!(
        findings.faults[0].problem,
        "the advisories in elsewhere/ cannot be used: its files cannot be read: entity not found"
    );
    let findings = findings_of(LOOK_UP, &fixed, &[], &[("a.json", &old)]);
    let expected = "the advisories in osv/ are 8 days old, and the policy lets them be 7 days old";
    assert_eq!(findings.faults[0].problem, expected);
    // An old snapshot still finds what it knows.
    let both = findings_of(LOOK_UP, SPDX, &[], &[("a.json", &old)]);
    assert_eq!(reasons(&both), [AdvisoriesOld, SbomReason::Vulnerable]);
}

#[test]
fn packages_that_no_advisory_can_name_are_told_and_are_not_all_there_is() {
    let files = [("a.json", &*advisory(HIGH))];
    let none = SPDX.replace("pkg:npm/", "pkg:generic/");
    assert_eq!(reasons(&findings_of(LOOK_UP, &none, &[], &files)), [SbomReason::NothingToLookUp]);
    let some = SPDX.replace("pkg:npm/lodash", "pkg:generic/lodash");
    let findings = findings_of(LOOK_UP, &some, &[], &files);
    assert_eq!((reasons(&findings), findings.remarks.len()), (vec![], 1));
}

#[test]
fn a_signed_vex_document_takes_an_advisory_away_where_the_policy_lets_it() {
    let vex = |status: &str| {
        let text = format!(
            r#"{{"@context": "https://openvex.dev/ns/v0.2.0", "timestamp": "2026-11-01T00:00:00Z", "statements": [
                {{"vulnerability": {{"name": "CVE-2021-23337"}}, "products": [{{"@id": "pkg:npm/lodash@4.17.20"}}],
                  "status": "{status}", "justification": "vulnerable_code_not_in_execute_path"}}]}}"#
        );
        vec![Vex::read(vex::OPENVEX_PREDICATE, &text, &[]).unwrap()]
    };
    let files = [("a.json", &*advisory(HIGH))];
    let signed = format!("{LOOK_UP}, vex = \"signed\"");
    let cleared = findings_of(&signed, SPDX, &vex("not_affected"), &files);
    assert_eq!((reasons(&cleared), cleared.remarks.len()), (vec![], 1));
    for (rule, vex) in [
        (LOOK_UP, vex("not_affected")),
        (&signed, vex("affected")),
        (&signed, vex("under_investigation")),
        (&signed, vec![]),
        (&signed, [vex("not_affected"), vex("affected")].concat()),
    ] {
        assert_eq!(reasons(&findings_of(rule, SPDX, &vex, &files)), [SbomReason::Vulnerable]);
    }
}

#[test]
fn examples_are_few_and_say_how_many_more_there_are() {
    let package =
        |number: u32| format!(r#"{{"type": "library", "name": "p{number}", "purl": "pkg:npm/evil@1.0.{number}"}}"#);
    let packages: Vec<String> = (0..100).map(package).collect();
    let text = format!(r#"{{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{}]}}"#, packages.join(","));
    let findings = findings_of(r#"deny-packages = ["pkg:npm/evil"]"#, &text, &[], &[]);
    assert_eq!(findings.faults[0].examples.len(), 21);
    assert_eq!(findings.faults[0].examples[20], "and 80 more");
    assert!(findings.faults[0].problem.ends_with("evil 1.0.1 (by pkg:npm/evil); and 98 more"));
}

#[test]
fn no_stranger_is_shown_unescaped() {
    let evil = r#"{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{"type": "library",
        "name": "\u001b[2Jlodash", "purl": "pkg:npm/lodash%1b%5b2J@%e2%80%ae1", "licenses": [{"license": {"name": "\u001b]x"}}]}]}"#;
    let text = r#"minimum = "ntia", deny-packages = ["pkg:npm/lodash%1b%5b2J"], unknown-licences = "deny""#;
    let findings = findings_of(text, evil, &[], &[]);
    assert_eq!(findings.faults.len(), 3);
    let shown = format!("{findings:?}");
    assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown}");
}
