use sigstore_crypto::KeyPair;

use super::*;
use crate::trust::forge::Given;

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Reads policies beside which the keys `acme.pub`, `other.pub` and `third.pub` lie, the first also elsewhere.
struct Keys(Vec<(&'static str, Vec<u8>)>);

impl Keys {
    fn new() -> Self {
        let pem = || KeyPair::generate_ecdsa_p256().unwrap().public_key_der().unwrap().to_pem().into_bytes();
        let acme = pem();
        Self(vec![("acme.pub", acme.clone()), ("/keys/acme.pub", acme), ("other.pub", pem()), ("third.pub", pem())])
    }

    /// What becomes of a policy that has `scope` with a scope that says `added`.
    fn addition(&self, scope: &str, added: &str) -> Addition {
        let read = |text: &str| {
            let files = self.0.clone();
            TrustPolicy::read(&format!("default = \"reject\"\n{text}"), &mut Given::new(files)).unwrap()
        };
        let added = format!("[[scope]]\nmatch = \"ghcr.io/acme/time\"\n{added}");
        read(scope).addition(&read(&added))
    }
}

fn signer(key: &str) -> String {
    format!("signers = [{{ key = \"{key}\", log = \"ignore\" }}]")
}

fn means(addition: Addition) -> String {
    let Addition::Item { means, .. } = addition else { panic!("{addition:?}") };
    means.join("; ")
}

#[test]
fn a_scope_for_other_repositories_is_not_added_to() {
    let keys = Keys::new();
    for pattern in ["ghcr.io/acme/*", "ghcr.io/acme/time2", "oci-layout"] {
        let scope = format!("[[scope]]\nmatch = \"{pattern}\"\n{}", signer("acme.pub"));
        assert_eq!(keys.addition(&scope, &signer("acme.pub")), Addition::Scope, "{pattern}");
    }
    assert_eq!(keys.addition("", &signer("acme.pub")), Addition::Scope);
}

#[test]
fn the_scope_for_the_same_repository_is_found_in_every_spelling() {
    let keys = Keys::new();
    let first = format!("[[scope]]\nmatch = \"ghcr.io/acme/*\"\n{}\n", signer("acme.pub"));
    for same in ["ghcr.io/acme/time", "GHCR.io/acme/time", "ghcr.io:443/acme/time"] {
        let scope = format!("{first}[[scope]]\nmatch = \"{same}\"\n{}", signer("other.pub"));
        let addition = keys.addition(&scope, &signer("acme.pub"));
        assert!(matches!(addition, Addition::Item { index: 1, .. }), "{same}: {addition:?}");
    }
}

#[test]
fn what_is_there_already_is_nothing_to_add_whatever_it_is_called() {
    let keys = Keys::new();
    let scope = format!("[[scope]]\nmatch = \"ghcr.io/acme/time\"\n{}\ndigests = [\"{DIGEST}\"]", signer("acme.pub"));
    assert_eq!(keys.addition(&scope, &signer("/keys/acme.pub")), Addition::Nothing);
    assert_eq!(keys.addition(&scope, &format!("digests = [\"{DIGEST}\"]")), Addition::Nothing);
}

#[test]
fn what_the_policy_contradicts_is_not_added() {
    let keys = Keys::new();
    let scope = "[[scope]]\nmatch = \"ghcr.io/acme/time\"\nsigners = [{ key = \"acme.pub\", log = \"required\" }]";
    let addition = keys.addition(scope, &signer("/keys/acme.pub"));
    assert!(matches!(&addition, Addition::Contradiction(why) if why.contains("log = \"required\"")), "{addition:?}");
    let denied = format!("deny = [\"{DIGEST}\"]");
    let addition = keys.addition(&denied, &format!("digests = [\"{DIGEST}\"]"));
    assert!(matches!(&addition, Addition::Contradiction(why) if why.contains("never runs")), "{addition:?}");
}

#[test]
fn it_is_said_what_an_addition_means_for_the_scope() {
    let keys = Keys::new();
    let with = |lines: &str, added: &str| {
        means(keys.addition(&format!("[[scope]]\nmatch = \"ghcr.io/acme/time\"\n{lines}"), added))
    };
    let (third, digest) = (signer("third.pub"), format!("digests = [\"{DIGEST}\"]"));
    let two = "signers = [{ key = \"acme.pub\", log = \"ignore\" }, { key = \"other.pub\", log = \"ignore\" }]";
    let type_of_other =
        "[[scope.attestations]]\ntype = \"https://x.example/y\"\nsigners = [{ key = \"other.pub\", log = \"ignore\" }]";
    for (lines, added, says) in [
        (
            signer("acme.pub"),
            &third,
            "it widens the scope: this signer alone is enough from now on, as the other one was",
        ),
        (two.to_owned(), &third, "this signer alone is enough from now on, as each of the other 2 was"),
        (format!("{two}\nthreshold = 2"), &third, "any 2 of 3 signers are enough from now on, where they were 2 of 2"),
        (digest.clone(), &third, "what this signer signs runs as well, not only what was reviewed"),
        (type_of_other.to_owned(), &third, "from now on it has to be signed as well, by this signer"),
        ("builtin = \"docker-hardened\"".to_owned(), &third, "from now on it has to be signed as well, by this signer"),
        (
            "builtin = \"docker-mcp\"".to_owned(),
            &third,
            "this signer alone is enough from now on, as the other one was",
        ),
        (
            format!("{}\nsbom = {{ required = true }}", signer("acme.pub")),
            &third,
            "what this signer attests of it counts",
        ),
        (signer("acme.pub"), &digest, "this content runs without anything else that the scope asks for"),
    ] {
        let means = with(&lines, added);
        assert!(means.contains(says), "{lines}\n{means}");
    }
    let own = format!(
        "{}\nsbom = {{ required = true }}\n[[scope.attestations]]\ntype = \"https://spdx.dev/Document\"\nsigners = [{{ key = \"other.pub\", log = \"ignore\" }}]",
        signer("acme.pub")
    );
    assert!(!with(&own, &third).contains("attests"), "{}", with(&own, &third));
    assert_eq!(
        with("digests = [\"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"]", &digest),
        ""
    );
}

fn attested(kind: &str, key: &str) -> String {
    format!("attestations = [{{ type = \"https://{kind}\", signers = [{{ key = \"{key}\", log = \"ignore\" }}] }}]")
}

#[test]
fn who_attests_joins_those_who_may_attest_the_same() {
    let keys = Keys::new();
    let scope = |lines: &str| format!("[[scope]]\nmatch = \"ghcr.io/acme/time\"\n{lines}");
    let added = attested("a/b", "acme.pub");
    assert_eq!(keys.addition("", &added), Addition::Scope);
    assert_eq!(keys.addition(&scope(&added), &added), Addition::Nothing);
    let both = format!("{}\n{}", signer("third.pub"), attested("a/b", "other.pub"));
    for same in [attested("a/b", "other.pub"), both] {
        assert!(means(keys.addition(&scope(&same), &added)).contains("widens the scope"), "{same}");
    }
    let reviewed = scope(&format!("digests = [\"{DIGEST}\"]"));
    assert_eq!(
        means(keys.addition(&reviewed, &added)),
        "what this signer attests runs as well, not only what was reviewed"
    );
    let logged = attested("a/b", "acme.pub").replace("ignore", "required");
    assert!(matches!(keys.addition(&scope(&logged), &added), Addition::Contradiction(_)));
}

#[test]
fn who_attests_something_else_than_what_a_scope_asks_for_is_not_added_to_it() {
    let keys = Keys::new();
    for asked in [signer("acme.pub"), attested("c/d", "acme.pub"), attested("c/d", "other.pub")] {
        let scope = format!("[[scope]]\nmatch = \"ghcr.io/acme/time\"\n{asked}");
        let beside = Addition::Beside { scope: "ghcr.io/acme/time".to_owned() };
        assert_eq!(keys.addition(&scope, &attested("a/b", "acme.pub")), beside, "{asked}");
    }
}
