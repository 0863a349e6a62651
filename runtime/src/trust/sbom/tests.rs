use std::collections::BTreeSet;
use std::time::Instant;

use super::*;

macro_rules! document {
    ($name:literal) => {
        include_str!(concat!("../../../../tests/data/sbom/", $name, ".json"))
    };
}

const SPDX: &str = document!("npm.spdx-2.3");
const CYCLONEDX: &str = document!("cyclonedx-npm.cyclonedx-1.6");

/// Names and versions of what is inside.
fn inside(sbom: &Sbom) -> BTreeSet<(String, String)> {
    let parts = sbom.packages.iter().filter(|package| !package.is_subject);
    parts.map(|package| (package.purls[0].full_name(), package.best_version().unwrap().to_owned())).collect()
}

fn read(predicate_type: &str, predicate: &str) -> Result<Sbom, SbomProblem> {
    Sbom::read(predicate_type, &Json::parse(predicate).unwrap())
}

#[test]
fn documents_of_every_version_and_tool_say_the_same_of_one_artifact() {
    let expected: BTreeSet<(String, String)> =
        [("@isaacs/ttlcache", "1.4.1"), ("lodash", "4.17.20"), ("minimist", "1.2.5")]
            .map(|(name, version)| (name.to_owned(), version.to_owned()))
            .into();
    for (text, format, version, has_relationships) in [
        (SPDX, Format::Spdx, "2.3", true),
        (document!("spdx-tools.spdx-2.2"), Format::Spdx, "2.2", true),
        (document!("npm.cyclonedx-1.5"), Format::CycloneDx, "1.5", true),
        (document!("cyclonedx-npm.cyclonedx-1.4"), Format::CycloneDx, "1.4", true),
        (CYCLONEDX, Format::CycloneDx, "1.6", true),
    ] {
        let sbom = Sbom::read_document(text).unwrap();
        assert_eq!((sbom.format, sbom.version, sbom.has_relationships), (format, version, has_relationships));
        assert_eq!(inside(&sbom), expected, "{version}");
        assert_eq!(sbom.packages.iter().filter(|package| package.is_subject).count(), 1);
        assert!(!sbom.tools.is_empty());
        let lodash = sbom.packages.iter().find(|package| package.name.expose() == "lodash").unwrap();
        let licences: Vec<String> = lodash.licences.iter().map(|licence| licence.written().to_line(10)).collect();
        assert_eq!(licences, ["MIT"]);
        assert_eq!(read(sbom.predicate_type(), text).unwrap().packages.len(), sbom.packages.len());
    }
}

#[test]
fn documents_of_python_say_their_licences_twice_and_are_understood_once() {
    for text in [document!("cyclonedx-py.cyclonedx-1.4"), document!("cyclonedx-py.cyclonedx-1.6")] {
        let sbom = Sbom::read_document(text).unwrap();
        let licence_of = |name: &str| {
            let package = sbom.packages.iter().find(|package| package.name.expose() == name).unwrap();
            package.licences.iter().map(|licence| licence.written().to_line(60)).collect::<Vec<_>>()
        };
        assert_eq!(licence_of("certifi"), ["MPL-2.0"]);
        // Where nothing else is said, that is said.
        assert_eq!(licence_of("requests"), ["License :: OSI Approved :: Apache Software License"]);
    }
}

#[test]
fn the_supplier_and_the_author_are_who_they_are_said_to_be() {
    let sbom = Sbom::read_document(document!("spdx-tools.spdx-2.2")).unwrap();
    let suppliers: BTreeSet<Option<&str>> =
        sbom.packages.iter().map(|package| package.supplier.as_ref().map(Untrusted::expose)).collect();
    assert_eq!(suppliers, [Some("Acme")].into());
    assert_eq!(sbom.authors, [Untrusted::new("Acme (sec@acme.example)")]);
    assert_eq!(sbom.created.unwrap().to_string(), "2026-01-02T03:04:05Z");
}

#[test]
fn the_predicate_type_and_the_document_agree() {
    for (predicate_type, text) in [
        ("https://spdx.dev/Document", SPDX),
        ("https://spdx.dev/Document/v2.3", SPDX),
        ("https://spdx.dev/Document/2.3", SPDX),
        ("https://cyclonedx.org/bom", CYCLONEDX),
        ("https://cyclonedx.org/bom/v1.6", CYCLONEDX),
    ] {
        assert!(read(predicate_type, text).is_ok(), "{predicate_type}");
    }
    for (predicate_type, text, problem) in [
        ("https://spdx.dev/Document/v2.2", SPDX, "it is announced as SPDX 2.2, and holds SPDX 2.3"),
        ("https://cyclonedx.org/bom/v1.5", CYCLONEDX, "it is announced as CycloneDX 1.5, and holds CycloneDX 1.6"),
        (
            "https://cyclonedx.org/bom/v\u{1b}[2J",
            CYCLONEDX,
            "it is announced as CycloneDX \\u{1b}[2J, and holds CycloneDX 1.6",
        ),
        ("https://cyclonedx.org/bom/", CYCLONEDX, "it is announced as CycloneDX , and holds CycloneDX 1.6"),
    ] {
        assert_eq!(read(predicate_type, text).unwrap_err().to_string(), problem);
    }
    for predicate_type in [
        "",
        "https://spdx.dev/Documents",
        "https://spdx.dev/document",
        "https://cyclonedx.org/bomb",
        "https://slsa.dev/provenance/v1",
        "https://sigstore.dev/cosign/sign/v1",
    ] {
        assert_eq!(read(predicate_type, SPDX).unwrap_err(), SbomProblem::OtherType, "{predicate_type}");
    }
}

#[test]
fn attack_38_one_format_wrapped_as_the_other_is_refused() {
    let problem = |predicate_type, text: &str| read(predicate_type, text).unwrap_err();
    let disagreement = problem(SPDX_PREDICATE, CYCLONEDX);
    assert_eq!(disagreement.to_string(), "it is announced as SPDX, and holds CycloneDX 1.6");
    assert_eq!(disagreement.code(), "sbom-disagrees");
    assert_eq!(problem(CYCLONEDX_PREDICATE, SPDX).to_string(), "it is announced as CycloneDX, and holds SPDX 2.3");
    // Both at once: one reader would see the one, another the other.
    let both = SPDX.replacen('{', r#"{"bomFormat": "CycloneDX", "specVersion": "1.6", "#, 1);
    assert_eq!(problem(SPDX_PREDICATE, &both), SbomProblem::TwoFormats);
    assert_eq!(problem(CYCLONEDX_PREDICATE, &both), SbomProblem::TwoFormats);
    // The one inside the other, as text or as a member.
    let inside = format!(r#"{{"Data": {CYCLONEDX}}}"#);
    assert_eq!(problem(SPDX_PREDICATE, &inside), SbomProblem::NoFormat);
    let inside = format!(r#"{{"spdxVersion": "SPDX-2.3", "packages": [], "bom": {CYCLONEDX}}}"#);
    assert_eq!(problem(SPDX_PREDICATE, &inside), SbomProblem::NoPackages);
}

#[test]
fn attack_38_an_empty_sbom_is_not_clean() {
    for text in [
        r#"{"spdxVersion": "SPDX-2.3"}"#,
        r#"{"spdxVersion": "SPDX-2.3", "packages": []}"#,
        r#"{"spdxVersion": "SPDX-2.3", "packages": null}"#,
        // The artifact alone, in the two ways to say so.
        r#"{"spdxVersion": "SPDX-2.3", "documentDescribes": ["a"], "packages": [{"SPDXID": "a", "name": "acme"}]}"#,
        r#"{"spdxVersion": "SPDX-2.3", "packages": [{"SPDXID": "a", "name": "acme"}],
            "relationships": [{"spdxElementId": "d", "relationshipType": "DESCRIBES", "relatedSpdxElement": "a"}]}"#,
        r#"{"bomFormat": "CycloneDX", "specVersion": "1.6"}"#,
        r#"{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": []}"#,
        r#"{"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": {"component": {"type": "container", "name": "acme"}}}"#,
        r#"{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{"type": "file", "name": "/bin/sh"}]}"#,
    ] {
        let problem = Sbom::read_document(text).unwrap_err();
        assert_eq!((&problem, problem.code()), (&SbomProblem::NoPackages, "sbom-empty"), "{text}");
    }
}

#[test]
fn a_document_that_could_be_read_in_two_ways_is_refused() {
    for text in [
        SPDX.replacen('{', r#"{"packages": [], "#, 1),
        SPDX.replacen('{', r#"{"Packages": [], "#, 1),
        SPDX.replacen('{', r#"{"pac\u006bages": [], "#, 1),
        SPDX.replacen("\"name\": \"lodash\"", "\"name\": \"lodash\", \"name\": \"left-pad\"", 1),
        CYCLONEDX.replacen('{', r#"{"Components": [], "#, 1),
        CYCLONEDX.replacen('{', r#"{"BOMFormat": "SPDX", "#, 1),
    ] {
        assert_eq!(Sbom::read_document(&text).unwrap_err().code(), "sbom-unreadable");
    }
}

#[test]
fn what_is_no_document_of_a_known_version_is_refused() {
    for (text, code) in [
        ("", "sbom-unreadable"),
        ("[]", "sbom-unreadable"),
        ("{}", "sbom-no-format"),
        (r#"{"bomFormat": "SPDX"}"#, "sbom-no-format"),
        (r#"{"bomFormat": 1}"#, "sbom-unreadable"),
        (r#"{"spdxVersion": "SPDX-3.0"}"#, "sbom-other-version"),
        (r#"{"spdxVersion": "2.3"}"#, "sbom-other-version"),
        (r#"{"bomFormat": "CycloneDX"}"#, "sbom-other-version"),
        (r#"{"bomFormat": "CycloneDX", "specVersion": "1.3"}"#, "sbom-other-version"),
        (r#"{"bomFormat": "CycloneDX", "specVersion": "1.7"}"#, "sbom-other-version"),
        (r#"{"spdxVersion": "SPDX-2.3", "packages": {}}"#, "sbom-unreadable"),
        (r#"{"spdxVersion": "SPDX-2.3", "packages": [{}]}"#, "sbom-unreadable"),
        (r#"{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [1]}"#, "sbom-unreadable"),
    ] {
        assert_eq!(Sbom::read_document(text).unwrap_err().code(), code, "{text}");
    }
}

#[test]
fn no_document_makes_much_of_little() {
    let started = Instant::now();
    let many = |item: &str, count: usize| vec![item; count].join(",");
    let spdx = format!(
        r#"{{"spdxVersion": "SPDX-2.3", "packages": [{}]}}"#,
        many(r#"{"SPDXID":"","name":""}"#, MAX_PACKAGES + 1)
    );
    let wide = format!(
        r#"{{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{}]}}"#,
        many(r#"{"type":"","name":""}"#, MAX_PACKAGES + 1)
    );
    // Few at each place, and too many in all.
    let group = format!(r#"{{"type":"","name":"","components":[{}]}}"#, many(r#"{"type":"","name":""}"#, 1_000));
    let nested =
        format!(r#"{{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{}]}}"#, many(&group, 101));
    let (open, close) = (r#"{"type":"","name":"","components":["#.repeat(40), "]}".repeat(40));
    let deep = format!(r#"{{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{open}{close}]}}"#);
    let large = format!("{{\"spdxVersion\": \"{}\"}}", " ".repeat(MAX_DOCUMENT_BYTES));
    for text in [spdx, wide, nested, deep, large] {
        assert_eq!(Sbom::read_document(&text).unwrap_err().code(), "sbom-too-large");
    }
    assert!(Sbom::read_document(&"[".repeat(1_000_000)).is_err());
    // A bound against what never ends, and no measurement.
    assert!(started.elapsed().as_secs() < 120);
}

#[test]
fn a_summary_says_what_is_inside_and_shows_no_stranger_unescaped() {
    let sbom = Sbom::read_document(document!("spdx-tools.spdx-2.2")).unwrap();
    assert_eq!(
        sbom.summary().line(),
        "SPDX 2.2, 3 packages (MIT 2, ISC 1), by Acme (sec@acme.example), with npm/cli-11.19.1, 2026-01-02"
    );
    let json = serde_json::to_value(sbom.summary()).unwrap();
    assert_eq!(json["format"], "spdx");
    assert_eq!(json["packages"], 3);
    assert_eq!(json["licences"]["MIT"], 2);
    assert_eq!(json["created"], "2026-01-02T03:04:05Z");
    let evil = r#"{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{"type": "library", "name": "a\u001b[2J",
        "licenses": [{"license": {"name": "\u202eMIT"}}]}], "metadata": {"authors": [{"name": "\u001b]0;x"}]}}"#;
    let sbom = Sbom::read_document(evil).unwrap();
    let line = format!("{} {}", sbom.summary().line(), sbom.packages[0].shown());
    assert!(!line.contains(['\u{1b}', '\u{202e}']), "{line}");
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in ".{0,200}") {
        proptest::prop_assert!(Sbom::read_document(&text).is_err());
    }

    #[test]
    fn a_document_with_anything_anywhere_is_read_or_refused(
        at in 0_usize..8_000,
        with in "[\\[\\]{}\",:0-9a-z \\\\]{0,6}|null|true|\"\"|[0-9]{1,30}",
        take in 0_usize..40,
    ) {
        for text in [SPDX, CYCLONEDX] {
            let start = at.min(text.len());
            let end = (start + take).min(text.len());
            let mangled = format!("{}{with}{}", text.get(..start).unwrap_or(""), text.get(end..).unwrap_or(""));
            if let Ok(sbom) = Sbom::read_document(&mangled) {
                let _ = sbom.summary().line();
            }
        }
    }
}
