use super::*;
use crate::trust::sbom::{CYCLONEDX_PREDICATE, SPDX_PREDICATE, Sbom};

const SUBJECT: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn package(purl: &str) -> Package {
    let text = format!(
        r#"{{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{{"type": "library", "name": "x", "purl": "{purl}"}}]}}"#
    );
    Sbom::read_document(&text).unwrap().packages.remove(0)
}

/// An OpenVEX document of these statements.
fn openvex(statements: &str) -> Result<Vex, VexProblem> {
    let text = format!(r#"{{"timestamp": "2026-11-01T00:00:00Z", "statements": [{statements}]}}"#);
    Vex::read("https://openvex.dev/ns/v0.2.0", &text, &[SUBJECT.parse().unwrap()])
}

/// A statement that something does not concern these products.
fn harmless(products: &str) -> String {
    format!(
        r#"{{"vulnerability": {{"name": "CVE-1", "aliases": ["GHSA-1"]}}, "products": [{products}],
            "status": "not_affected", "justification": "component_not_present"}}"#
    )
}

fn clears_lodash(documents: &[Vex], name: &str) -> bool {
    clears(documents, &[name.to_owned()], &package("pkg:npm/lodash@4.17.20"))
}

#[test]
fn a_statement_is_about_the_products_and_names_that_it_has() {
    let inside = |subject: &str| {
        format!(r#"{{"@id": "pkg:oci/time@{subject}", "subcomponents": [{{"@id": "pkg:npm/lodash@4.17.20"}}]}}"#)
    };
    for (products, expected) in [
        (r#"{"@id": "pkg:npm/lodash@4.17.20"}"#.to_owned(), true),
        (r#"{"@id": "pkg:npm/lodash"}"#.to_owned(), true),
        (r#""pkg:npm/lodash@4.17.20""#.to_owned(), true),
        (r#"{"@id": "https://acme.example/x", "identifiers": {"purl": "pkg:npm/lodash@4.17.20"}}"#.to_owned(), true),
        (r#"{"@id": "pkg:npm/lodash@4.17.19"}"#.to_owned(), false),
        (r#"{"@id": "pkg:npm/lodash2@4.17.20"}"#.to_owned(), false),
        (r#"{"@id": "pkg:cargo/lodash@4.17.20"}"#.to_owned(), false),
        (r#"{"@id": "lodash"}"#.to_owned(), false),
        (String::new(), false),
        // The artifact, or a part of it; never another one, nor any.
        (inside(&SUBJECT.replace(':', "%3A")), true),
        (inside(SUBJECT), true),
        (format!(r#"{{"@id": "pkg:oci/time@{SUBJECT}"}}"#), true),
        (inside(&SUBJECT.replace('e', "f")), false),
        (r#"{"@id": "pkg:oci/time@1.0"}"#.to_owned(), false),
        (r#"{"@id": "pkg:oci/time"}"#.to_owned(), false),
        (inside(SUBJECT).replace("lodash", "left-pad"), false),
    ] {
        let document = openvex(&harmless(&products)).unwrap();
        assert_eq!(clears_lodash(std::slice::from_ref(&document), "CVE-1"), expected, "{products}");
        assert_eq!(clears_lodash(std::slice::from_ref(&document), "ghsa-1"), expected, "{products}");
        assert!(!clears_lodash(&[document], "CVE-2"), "{products}");
    }
}

#[test]
fn only_what_is_reasoned_or_fixed_clears() {
    let status = |status: &str| {
        let statement = format!(r#"{{"vulnerability": "CVE-1", "products": ["pkg:npm/lodash"], {status}}}"#);
        openvex(&statement).map(|document| clears_lodash(&[document], "CVE-1"))
    };
    assert_eq!(status(r#""status": "fixed""#), Ok(true));
    assert_eq!(status(r#""status": "not_affected", "impact_statement": "never called""#), Ok(true));
    assert_eq!(status(r#""status": "not_affected""#), Ok(false));
    assert_eq!(status(r#""status": "affected", "justification": "x""#), Ok(false));
    assert_eq!(status(r#""status": "under_investigation""#), Ok(false));
    assert!(status(r#""status": "Not_Affected""#).is_err());
}

#[test]
fn the_newest_statement_counts_and_where_none_is_the_one_that_does_not_clear() {
    let at = |time: &str, status: &str| {
        format!(
            r#"{{"vulnerability": "CVE-1", "products": ["pkg:npm/lodash"], "status": "{status}",
                "timestamp": "{time}", "justification": "x"}}"#
        )
    };
    let (old, new) = ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z");
    for (statements, expected) in [
        ([at(old, "affected"), at(new, "not_affected")], true),
        ([at(new, "not_affected"), at(old, "affected")], true),
        ([at(new, "affected"), at(old, "not_affected")], false),
        ([at(old, "not_affected"), at(old, "affected")], false),
        ([at(old, "affected"), at(old, "not_affected")], false),
    ] {
        let documents: Vec<Vex> = statements.iter().map(|statement| openvex(statement).unwrap()).collect();
        assert_eq!(clears_lodash(&documents, "CVE-1"), expected, "{statements:?}");
        assert_eq!(clears_lodash(&[openvex(&statements.join(",")).unwrap()], "CVE-1"), expected);
    }
}

#[test]
fn cyclonedx_speaks_of_its_own_components_and_of_package_urls() {
    let clears = |affects: &str, state: &str| {
        let text = format!(
            r#"{{"bomFormat": "CycloneDX", "specVersion": "1.5",
                "components": [{{"type": "library", "bom-ref": "a", "name": "lodash", "purl": "pkg:npm/lodash@4.17.20"}},
                    {{"type": "library", "bom-ref": "b", "name": "x", "purl": "pkg:npm/x@1"}}],
                "vulnerabilities": [{{"id": "CVE-1", "references": [{{"id": "GHSA-1"}}],
                    "analysis": {{"state": "{state}"}}, "affects": [{{"ref": "{affects}"}}]}}]}}"#
        );
        let document = Vex::read("https://cyclonedx.org/bom/v1.5", &text, &[]).unwrap();
        clears_lodash(&[document], "GHSA-1")
    };
    for state in ["not_affected", "false_positive", "resolved", "resolved_with_pedigree"] {
        assert!(clears("a", state) && clears("pkg:npm/lodash@4.17.20", state) && !clears("b", state), "{state}");
    }
    for state in ["exploitable", "in_triage", "", "NOT_AFFECTED"] {
        assert!(!clears("a", state), "{state}");
    }
    assert!(!clears("urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#a", "not_affected"));
    // A document without components, about a package by its package URL.
    let bare = r#"{"bomFormat": "CycloneDX", "specVersion": "1.4", "vulnerabilities": [{"id": "CVE-1",
        "analysis": {"state": "not_affected"}, "affects": [{"ref": "pkg:npm/lodash@4.17.20"}]}]}"#;
    assert!(clears_lodash(&[Vex::read(CYCLONEDX_PREDICATE, bare, &[]).unwrap()], "CVE-1"));
}

#[test]
fn what_is_no_vex_document_is_refused() {
    let good = r#"{"statements": []}"#;
    for predicate_type in
        ["", "https://openvex.dev", "https://openvex.dev/nsx", "https://openvex.dev/ns/v1.0", SPDX_PREDICATE]
    {
        assert_eq!(Vex::read(predicate_type, good, &[]).err(), Some(VexProblem::OtherType), "{predicate_type}");
    }
    for text in ["", "{}", "[]", r#"{"statements": [{}]}"#, r#"{"statements": [], "statements": []}"#] {
        assert!(matches!(Vex::read(OPENVEX_PREDICATE, text, &[]), Err(VexProblem::Unreadable(_))), "{text}");
        assert!(matches!(Vex::read(CYCLONEDX_PREDICATE, text, &[]), Err(VexProblem::Unreadable(_))), "{text}");
    }
    let many = format!(r#"{{"statements": [{}]}}"#, vec![harmless(""); MAX_STATEMENTS + 1].join(","));
    assert!(matches!(Vex::read(OPENVEX_PREDICATE, &many, &[]), Err(VexProblem::Unreadable(_))));
    // Each product has each of the parts: few words for very many.
    let of = |part: &str, count: usize| vec![format!(r#"{{"@id":"pkg:npm/{part}@1"}}"#); count].join(",");
    let multiplied = |count: usize| {
        let (products, parts) = (of("a", count), of("b", count));
        format!(
            r#"{{"statements":[{{"vulnerability":{{"name":"CVE-1"}},"status":"fixed","products":[{products}],"subcomponents":[{parts}]}}]}}"#
        )
    };
    assert!(Vex::read(OPENVEX_PREDICATE, &multiplied(100), &[]).is_ok());
    let refused = Vex::read(OPENVEX_PREDICATE, &multiplied(400), &[]).err();
    assert!(matches!(&refused, Some(VexProblem::Unreadable(why)) if why.contains("products")), "{refused:?}");
}

proptest::proptest! {
    #[test]
    fn any_document_is_read_or_refused(text in ".{0,100}", status in "[a-z_]{0,12}", id in "\\PC{0,30}|pkg:[a-z/@0-9]{0,20}") {
        let _ = Vex::read(OPENVEX_PREDICATE, &text, &[]);
        let _ = Vex::read(CYCLONEDX_PREDICATE, &text, &[]);
        let id = serde_json::to_string(&id).unwrap();
        let _ = openvex(&format!(r#"{{"vulnerability": {id}, "products": [{id}], "status": "{status}"}}"#));
    }
}
