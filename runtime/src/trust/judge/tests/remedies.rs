//! What a refusal says a person could write: each of it is a policy that lets the artifact run.

use super::*;
use crate::trust::decision::Remedy;

const NONE: &str = "default = \"reject\"";

/// A scope for this repository alone, with these lines.
fn exactly(lines: &str) -> String {
    format!("default = \"reject\"\n[[scope]]\nmatch = \"ghcr.io/acme/time\"\n{lines}")
}

/// What stands in a policy after a person has done what a remedy says.
fn written(text: &str, remedy: &Remedy) -> String {
    let Remedy { when, write } = remedy;
    if when.contains("in the place of the scope") {
        return format!("{NONE}\n{write}");
    }
    // A line takes the place of the old one of its kind, if the scope has one.
    let kind = |line: &str| line.trim().split(' ').next().unwrap_or_default().to_owned();
    let new: Vec<String> = write.lines().map(kind).collect();
    let kept = text.lines().filter(|line| write.contains("[[scope]]") || !new.contains(&kind(line)));
    format!("{}\n{write}", Vec::from_iter(kept).join("\n"))
}

/// The lines by which a refusal would let this run, but for the digest: each is tried, and lets it run.
#[track_caller]
fn tried(text: &str, acme: &Hand, stranger: &Hand, evidence: &[Evidence]) -> Vec<String> {
    let found = || Ok(beside(evidence.iter().cloned()));
    let pem = |hand: &Hand| hand.pem().into_bytes();
    let read = |text: &str| {
        let mut files = Given::new([("acme.pub", pem(acme)), ("other.pub", pem(acme)), ("THEIR.pub", pem(stranger))]);
        TrustPolicy::read(text, &mut files).unwrap_or_else(|error| panic!("{error}\n{text}"))
    };
    let Verdict::Refused { remedies, .. } = decide(&read(text), &[], &subject(), found()).verdict else {
        panic!("accepted")
    };
    let lines = remedies.iter().filter(|remedy| !remedy.write.starts_with("--")).map(|remedy| {
        let text = written(text, remedy);
        assert!(outcome(&read(&text), &[], found()).is_ok(), "{}\n{text}", remedy.when);
        remedy.write.clone()
    });
    lines.filter(|line| !line.contains("digests")).collect()
}

/// A signature as cosign 3 makes it with a key.
fn bundle(hand: &Hand) -> Evidence {
    attestation(hand, &digest(DIGEST), "https://sigstore.dev/cosign/sign/v1", &json!({}))
}

fn built(hand: &Hand) -> Evidence {
    attestation(hand, &digest(DIGEST), SLSA, &provenance("https://github.com/acme/time"))
}

#[test]
fn what_would_let_it_run_is_a_policy_that_does() {
    let (acme, stranger) = (Hand::new(), Hand::new());
    for text in [NONE, ACME, &exactly("signers = [{ key = \"acme.pub\", log = \"ignore\" }]")] {
        for signature in [of(&digest(DIGEST), stranger.sign(&statement())), bundle(&stranger)] {
            let lines = tried(text, &acme, &stranger, &[signature]);
            let [line] = &*lines else { panic!("{lines:?}") };
            assert!(line.contains("signers = [") && !line.contains("attestations"), "{line}");
        }
    }
}

#[test]
fn who_only_attested_something_is_not_offered_as_one_who_signed() {
    let (acme, stranger) = (Hand::new(), Hand::new());
    let digests = exactly("digests = [\"sha256:0000000000000000000000000000000000000000000000000000000000000000\"]");
    let signed = "signers = [{ key = \"acme.pub\", log = \"ignore\" }]";
    let audited = "attestations = [{ type = \"https://acme.example/audit\", signers = [{ key = \"acme.pub\", log = \"ignore\" }] }]";
    let item = format!("{{ type = \"{SLSA}\", signers = [{{ key = \"THEIR.pub\", log = \"ignore\" }}] }}");
    for text in [NONE, ACME, &digests, &exactly(signed), &exactly(audited), &exactly(&format!("{signed}\n{audited}"))] {
        let sbom = attestation(&stranger, &digest(DIGEST), SPDX, &sbom("MIT"));
        let lines = tried(text, &acme, &stranger, &[sbom, built(&stranger)]);
        let [line] = &*lines else { panic!("{lines:?}") };
        assert!(line.ends_with(&format!("attestations = [{item}]")) && !line.contains("\nsigners"), "{line}");
    }
}

#[test]
fn who_attested_what_is_asked_for_joins_those_who_may() {
    let (acme, stranger) = (Hand::new(), Hand::new());
    let signature = || of(&digest(DIGEST), acme.sign(&statement()));
    let signed = "signers = [{ key = \"acme.pub\", log = \"ignore\" }]";
    let named = format!(
        "attestations = [{{ type = \"{SLSA}\", signers = [{{ key = \"other.pub\", log = \"ignore\" }}] }}]\nprovenance = {{ required = true }}"
    );
    for text in [
        exactly(&format!("{signed}\nprovenance = {{ required = true }}")),
        exactly(&format!("{signed}\n{named}")),
        exactly(&named),
    ] {
        let lines = tried(&text, &acme, &stranger, &[signature(), built(&stranger)]);
        let [line] = &*lines else { panic!("{lines:?}") };
        assert!(line.starts_with("attestations = [") && line.contains(".pub\", log = \"ignore\" }, { key"), "{line}");
    }
    // Whoever did both is trusted for both.
    let text = exactly(&format!("{signed}\n{named}"));
    let lines = tried(&text, &acme, &stranger, &[bundle(&stranger), built(&stranger)]);
    assert!(
        matches!(&*lines, [line] if line.contains("signers = [") && line.contains("\nattestations = [")),
        "{lines:?}"
    );
}

#[test]
fn a_trusted_signer_who_only_attested_is_offered_for_that() {
    let acme = Hand::new();
    for text in [ACME.to_owned(), asking("provenance = { required = true }")] {
        let lines = tried(&text, &acme, &Hand::new(), &[built(&acme)]);
        let [line] = &*lines else { panic!("{lines:?}") };
        assert!(line.contains(&format!("{{ type = \"{SLSA}\", signers = [{{ key = \"acme.pub\"")), "{line}");
    }
}

#[test]
fn nothing_is_offered_that_would_not_let_it_run() {
    let (acme, stranger) = (Hand::new(), Hand::new());
    for evidence in [
        of(&digest(DIGEST), stranger.sign(&Statement::new(DIGEST, "ghcr.io/acme/other"))),
        of(&digest(DIGEST), stranger.sign(&Statement::new(OTHER, "ghcr.io/acme/time"))),
        of(&digest(DIGEST), forge::garbage()),
        attestation(&stranger, &digest(DIGEST), "no type", &json!({})),
        Evidence { about: digest(DIGEST), ..attestation(&stranger, &digest(OTHER), SLSA, &json!({})) },
    ] {
        assert_eq!(tried(ACME, &acme, &stranger, &[evidence]), Vec::<String>::new());
    }
}

#[test]
fn those_of_a_builtin_are_not_written_out() {
    let (acme, stranger) = (Hand::new(), Hand::new());
    let reference: crate::artifact::Reference = "docker.io/mcp/time:1".parse().unwrap();
    let subject = Subject { name: Name::of(&reference), ..subject() };
    let text = "default = \"reject\"\n[[scope]]\nmatch = \"docker.io/mcp/time\"\nbuiltin = \"docker-mcp\"";
    let decision = decide(&policy(text, &acme, &acme), &[], &subject, Ok(beside([bundle(&stranger)])));
    let Verdict::Refused { remedies, .. } = decision.verdict else { panic!("accepted") };
    let line = "signers = [{ key = \"THEIR.pub\", log = \"ignore\" }]";
    assert!(remedies.iter().any(|remedy| remedy.write == line), "{remedies:?}");
}
