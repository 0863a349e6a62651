//! What is done to those who verify: a list, and that each of it has a test, named `attack_NN_…` where it is defended,
//! which asserts why it is refused.

use std::collections::BTreeMap;
use std::path::Path;

/// Each attack, and the codes of the reasons that are its own.
const ATTACKS: [(&str, &[&str]); 58] = [
    ("a wrong key", &["unknown-signer"]),
    ("the right identity of another issuer", &["other-issuer"]),
    ("an unanchored pattern, or a dot that means anything", &["other-subject"]),
    ("the same repository, another workflow or branch", &["other-claim"]),
    ("an e-mail address where a URI is expected", &["other-subject-kind"]),
    ("a raw key in the place of a certificate (GHSA-fx35-mq7g-6g98)", &["certificate-unreadable"]),
    ("an attacker's authority or root inside the bundle", &["untrusted-certificate"]),
    ("another instance's root used for the public one", &["unknown-log"]),
    ("a confusion of algorithms", &["altered"]),
    ("an expired certificate without a timestamp", &["certificate-expired", "no-time"]),
    ("an altered time of the log", &["log-promise"]),
    ("a promise of the log for another entry (CVE-2022-36056)", &["log-mismatch"]),
    ("an inclusion proof that leads to another root", &["log-proof"]),
    ("a checkpoint by an unknown key", &["log-checkpoint"]),
    ("a bundle 0.3 without a log", &["not-logged"]),
    ("a bundle 0.1 that says it is 0.3", &["log-not-proven"]),
    (
        "a timestamp over another signature, or outside of its authority's time",
        &["timestamp-mismatch", "timestamp-window"],
    ),
    ("a bad signed certificate timestamp", &["certificate-not-logged"]),
    ("an expired or older trust root", &["root-expired", "root-rolled-back"]),
    ("a payload that names another digest under the right tag", &["other-digest"]),
    ("a victim's signature copied to another tag", &["other-digest"]),
    ("a signature for another repository", &["other-repository"]),
    ("an index for a platform, and the other way", &["other-digest"]),
    ("an extra platform in an index of signed platforms", &["unsigned"]),
    ("another reference digest or subject", &["other-referrer"]),
    ("a subject whose SHA-512 fits and SHA-256 does not", &["other-artifact", "no-subject-digest"]),
    ("a statement with no subject, or with very many", &["no-subject", "too-many-subjects"]),
    (
        "a manifest with `layers` and `manifests`, or of another type than said",
        &["manifest-ambiguous", "manifest-type"],
    ),
    ("duplicate keys in JSON", &["duplicate-key"]),
    ("another type of payload", &["other-payload-type"]),
    ("another type in the annotation than in the payload", &["no-sbom"]),
    ("an SBOM of another digest", &["other-artifact"]),
    ("an SBOM offered as a signature", &["only-attested"]),
    // The one that is let in.
    ("a signature of an untrusted key beside a trusted one (which is accepted, and counts once)", &[]),
    ("one key's signatures against a threshold of two", &["too-few-signers"]),
    ("an envelope with two signatures, of which one is valid", &["several-signatures"]),
    ("a valid signature, and provenance from another repository", &["other-source"]),
    ("an empty SBOM, and one format inside the other", &["sbom-empty", "sbom-disagrees"]),
    ("an unsigned SBOM of BuildKit's beside an unsigned index", &["not-signed"]),
    ("a tag that moves between verifying and running", &["moved"]),
    ("other bytes the second time", &["blob-digest-mismatch", "manifest-digest-mismatch"]),
    ("a HEAD that lies", &["not-found"]),
    ("a digest header of another algorithm", &["manifest-digest-mismatch"]),
    (
        "referrers that answer with an error, HTML, or in pages",
        &["unexpected-status", "access-denied", "manifest-unreadable", "next-page-elsewhere"],
    ),
    ("a flood of unsigned referrers", &["too-many-beside"]),
    ("a withheld signature", &["withheld", "unsigned"]),
    (
        "a redirect to another host with credentials, or to plain HTTP",
        &["insecure-redirect", "address-not-allowed", "unexpected-redirect"],
    ),
    ("a realm at the metadata service", &["realm-not-allowed"]),
    ("foreign `urls` in descriptors", &["blob-unknown"]),
    ("a manifest of 400 MB, a lying length, a slow answer", &["answer-too-large", "too-slow"]),
    ("a blob that is shorter or longer than said", &["size-mismatch"]),
    ("a resumed download of two blobs", &["resumed-digest-mismatch", "range-mismatch"]),
    ("a compression bomb", &["no-wasm"]),
    ("paths that leave their folder, links and devices", &["digest-invalid", "no-component"]),
    (
        "a core module that says it is a component, two layers, other digests",
        &["other-binary", "several-layers", "layer-digests"],
    ),
    ("a verdict that was kept although the policy changed", &["denied"]),
    ("a verifier or registry that is not there", &["signatures-unavailable", "root-missing"]),
    ("a reference with tag and another digest, and other spellings of a registry", &["tag-and-digest"]),
];

/// Codes that several attacks share, as they are the same fact for whoever has to do something about it.
const SHARED: [(&str, &[usize], &str); 4] = [
    (
        "other-digest",
        &[20, 21, 23],
        "a signature is for other content than it lies beside; whose it was, or whether that is near by, is not asked",
    ),
    ("other-artifact", &[26, 32], "a statement is about other content, whatever it states and whatever else fits"),
    (
        "manifest-digest-mismatch",
        &[41, 43],
        "what came is not what was asked for; no header is read, so none is blamed",
    ),
    ("unsigned", &[24, 46], "a signature that is kept back without a trace, and one that never was, look the same"),
];

#[test]
fn every_attack_of_the_list_has_a_test_that_asserts_its_reasons() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut tests = vec![String::new(); ATTACKS.len() + 1];
    for folder in ["runtime/src", "gateway/src", "tests"] {
        functions_below(&root.join(folder), &mut |name, body| {
            for number in name.split('_').skip(1).map_while(number_or_and).flatten() {
                tests[number].push_str(body);
            }
        });
    }
    for (number, (attack, codes)) in (1..).zip(ATTACKS) {
        assert!(!tests[number].is_empty(), "attack {number:02}, {attack}, has no test");
        for code in codes {
            assert!(has_word(&tests[number], code), "no test of attack {number:02}, {attack}, asserts `{code}`");
        }
    }
}

#[test]
fn an_attack_shares_its_reasons_with_no_other_but_for_a_reason() {
    let mut attacks: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (number, (_, codes)) in (1..).zip(ATTACKS) {
        codes.iter().for_each(|code| attacks.entry(code).or_default().push(number));
    }
    attacks.retain(|_, numbers| numbers.len() > 1);
    let shared: BTreeMap<&str, Vec<usize>> = SHARED.iter().map(|(code, of, _)| (*code, of.to_vec())).collect();
    assert_eq!(attacks, shared);
    let without: Vec<usize> = (1..).zip(ATTACKS).filter(|(_, (_, codes))| codes.is_empty()).map(|(at, _)| at).collect();
    assert_eq!(without, [34]);
}

/// The numbers that a test's name begins with: `attack_02_and_04_…` is for both.
fn number_or_and(part: &str) -> Option<Option<usize>> {
    match part {
        "and" => Some(None),
        part if part.len() == 2 => part.parse().ok().filter(|number| (1..=ATTACKS.len()).contains(number)).map(Some),
        _ => None,
    }
}

/// Whether a text has a code that is not a part of a longer one.
fn has_word(text: &str, code: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    text.match_indices(code)
        .any(|(at, _)| !text[..at].ends_with(is_part) && !text[at + code.len()..].starts_with(is_part))
}

/// The functions whose names begin with `attack_`, with their text, in all files below a folder.
fn functions_below(folder: &Path, found: &mut impl FnMut(&str, &str)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            functions_below(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            functions_of(&std::fs::read_to_string(&path).unwrap(), found);
        }
    }
}

/// As rustfmt writes them: a function ends at a brace that is indented as its first line is.
fn functions_of(text: &str, found: &mut impl FnMut(&str, &str)) {
    for (at, _) in text.match_indices("fn attack_") {
        let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
        let before = text[line..at].trim_start();
        let indent = &text[line..at - before.len()];
        if before.is_empty() || before == "async " {
            let body = text[at..].split_once(&format!("\n{indent}}}\n")).unwrap_or_else(|| panic!("{}", &text[at..])).0;
            let name = body["fn ".len()..].split('(').next().unwrap_or_default();
            found(name, body);
        }
    }
}
