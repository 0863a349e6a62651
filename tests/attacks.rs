//! What is done to those who verify: a list, and that each of it has a test, named `attack_NN_…` where it is defended.

use std::path::Path;

const ATTACKS: [&str; 58] = [
    "a wrong key",
    "the right identity of another issuer",
    "an unanchored pattern, or a dot that means anything",
    "the same repository, another workflow or branch",
    "an e-mail address where a URI is expected",
    "a raw key in the place of a certificate (GHSA-fx35-mq7g-6g98)",
    "an attacker's authority or root inside the bundle",
    "another instance's root used for the public one",
    "a confusion of algorithms",
    "an expired certificate without a timestamp",
    "an altered time of the log",
    "a promise of the log for another entry (CVE-2022-36056)",
    "an inclusion proof that leads to another root",
    "a checkpoint by an unknown key",
    "a bundle 0.3 without a log",
    "a bundle 0.1 that says it is 0.3",
    "a timestamp over another signature, or outside of its authority's time",
    "a bad signed certificate timestamp",
    "an expired or older trust root",
    "a payload that names another digest under the right tag",
    "a victim's signature copied to another tag",
    "a signature for another repository",
    "an index for a platform, and the other way",
    "an extra platform in an index of signed platforms",
    "another reference digest or subject",
    "a subject whose SHA-512 fits and SHA-256 does not",
    "a statement with no subject, or with very many",
    "a manifest with `layers` and `manifests`, or of another type than said",
    "duplicate keys in JSON",
    "another type of payload",
    "another type in the annotation than in the payload",
    "an SBOM of another digest",
    "an SBOM offered as a signature",
    "a signature of an untrusted key beside a trusted one (which is accepted, and counts once)",
    "one key's signatures against a threshold of two",
    "an envelope with two signatures, of which one is valid",
    "a valid signature, and provenance from another repository",
    "an empty SBOM, and one format inside the other",
    "an unsigned SBOM of BuildKit's beside an unsigned index",
    "a tag that moves between verifying and running",
    "other bytes the second time",
    "a HEAD that lies",
    "a digest header of another algorithm",
    "referrers that answer with an error, HTML, or in pages",
    "a flood of unsigned referrers",
    "a withheld signature",
    "a redirect to another host with credentials, or to plain HTTP",
    "a realm at the metadata service",
    "foreign `urls` in descriptors",
    "a manifest of 400 MB, a lying length, a slow answer",
    "a blob that is shorter or longer than said",
    "a resumed download of two blobs",
    "a compression bomb",
    "paths that leave their folder, links and devices",
    "a core module that says it is a component, two layers, other digests",
    "a verdict that was kept although the policy changed",
    "a verifier or registry that is not there",
    "a reference with tag and another digest, and other spellings of a registry",
];

#[test]
fn every_attack_of_the_list_has_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut tested = vec![0; ATTACKS.len() + 1];
    for folder in ["runtime/src", "gateway/src", "tests"] {
        names_below(&root.join(folder), &mut |name| {
            for number in name.split('_').skip(1).map_while(number_or_and).flatten() {
                tested[number] += 1;
            }
        });
    }
    for (at, attack) in ATTACKS.iter().enumerate() {
        assert!(tested[at + 1] > 0, "attack {:02}, {attack}, has no test", at + 1);
    }
}

/// The numbers that a test's name begins with: `attack_02_and_04_…` is for both.
fn number_or_and(part: &str) -> Option<Option<usize>> {
    match part {
        "and" => Some(None),
        part if part.len() == 2 => part.parse().ok().filter(|number| (1..=ATTACKS.len()).contains(number)).map(Some),
        _ => None,
    }
}

/// The names of functions that begin with `attack_`, in all files below a folder.
fn names_below(folder: &Path, found: &mut impl FnMut(&str)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            names_below(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let names =
                text.lines().filter_map(|line| line.trim_start().trim_start_matches("async ").strip_prefix("fn "));
            names.filter(|name| name.starts_with("attack_")).for_each(&mut *found);
        }
    }
}
