use sigstore_crypto::KeyPair;

use super::*;
use crate::trust::authority::Need;
use crate::trust::forge::Given;
use crate::trust::key::MAX_KEY_BYTES;
use crate::trust::policy::{Fallback, Mode};
use crate::trust::scope::{Name, Repository};

/// Reads a policy beside which the keys `acme.pub` and `other.pub` lie.
fn read(text: &str) -> Result<TrustPolicy, String> {
    let pem = || KeyPair::generate_ecdsa_p256().unwrap().public_key_der().unwrap().to_pem().into_bytes();
    let (acme, other) = (pem(), pem());
    let mut files = Given::new([
        ("acme.pub", acme.clone()),
        ("./acme.pub", acme),
        ("other.pub", other),
        ("bad.pub", vec![0xff; 10]),
        ("large.pub", vec![b' '; MAX_KEY_BYTES + 1]),
        ("root.json", b"{}".to_vec()),
    ]);
    TrustPolicy::read(text, &mut files).map_err(|error| error.to_string())
}

fn scope<'a>(policy: &'a TrustPolicy, repository: &str) -> Option<&'a str> {
    let name = Name::Repository(Repository::of(&format!("{repository}:1").parse().unwrap()));
    policy.scope(&name).map(|scope| scope.written.as_str())
}

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[test]
fn a_policy_has_scopes_and_the_most_specific_counts() {
    let policy = read(&format!(
        r#"
        default = "allow-unsigned"
        [[scope]]
        match = "ghcr.io/**"
        signers = [{{ key = "acme.pub", log = "required" }}, {{ key = "other.pub", log = "ignore" }}]
        [[scope]]
        match = "ghcr.io/acme/time"
        digests = ["{DIGEST}"]
        [[scope]]
        match = "ghcr.io/acme/*"
        signers = [{{ key = "acme.pub", log = "ignore" }}]
        "#
    ))
    .unwrap();
    assert_eq!(policy.fallback(), Fallback::AllowUnsigned);
    assert_eq!(scope(&policy, "ghcr.io/acme/time"), Some("ghcr.io/acme/time"));
    assert_eq!(scope(&policy, "ghcr.io/acme/other"), Some("ghcr.io/acme/*"));
    assert_eq!(scope(&policy, "ghcr.io/x"), Some("ghcr.io/**"));
    assert_eq!(scope(&policy, "quay.io/x"), None);
    assert_eq!(policy.scopes[0].signers[0].log, Need::Required);
    assert_eq!(policy.scopes[1].digests, [DIGEST.parse().unwrap()].into());
}

#[test]
fn nothing_is_trusted_where_nothing_is_written() {
    let policy = TrustPolicy::default();
    assert_eq!((policy.fallback(), scope(&policy, "ghcr.io/x")), (Fallback::Reject, None));
    assert_eq!(read("default = \"reject\"").unwrap().fallback(), Fallback::Reject);
}

#[test]
fn whatever_cannot_be_meant_is_refused_with_its_line() {
    let of = |lines: &str| read(&format!("default = \"reject\"\n{lines}"));
    let scope = |lines: &str| of(&format!("[[scope]]\nmatch = \"a.io/x\"\n{lines}"));
    let signer = |signer: &str| scope(&format!("signers = [{{ {signer} }}]"));
    for (result, expected) in [
        (read(""), "line 1: missing field `default`"),
        (read("default = \"warn\""), "line 1: unknown variant `warn`, expected `reject` or `allow-unsigned`"),
        (read("default = true"), "line 1: wanted string or table"),
        (read("default = "), "line 1: string values must be quoted, expected literal string"),
        (of("default = \"reject\""), "line 2: duplicate key"),
        (of("scopes = []"), "line 2: unknown field `scopes`, expected `default` or `scope`"),
        (of("Default = \"reject\""), "line 2: unknown field `Default`, expected `default` or `scope`"),
        (of("[scope]\nmatch = \"a.io/x\""), "line 2: invalid type: map, expected a sequence"),
        (of("[[scope]]\nsigners = []"), "line 2: missing field `match`"),
        (
            of("[[scope]]\nmatch = \"a.io/*/x\"\nsigners = []"),
            "line 3: `a.io/*/x`: a * stands alone, as the whole last part: registry/path/*",
        ),
        (
            of("[[scope]]\nmatch = \"acme\"\nsigners = []"),
            "line 3: `acme`: it is no registry/repository, as ghcr.io/acme/time or ghcr.io/acme/*, in lower case, nor `oci-layout`",
        ),
        (scope(""), "line 2: `a.io/x`: it has neither signers nor digests: nothing could ever run"),
        (
            scope("signers = []\ndigests = []"),
            "line 2: `a.io/x`: it has neither signers nor digests: nothing could ever run",
        ),
        (scope("match = \"a.io/y\""), "line 4: duplicate key"),
        (scope("\nsigner = []"), "line 5: unknown field `signer`, expected one of `match`, `signers`, `digests`"),
        (scope("signers = \"acme.pub\""), "line 4: invalid type: string \"acme.pub\", expected a sequence"),
        (signer("key = \"acme.pub\""), "line 4: missing field `log`"),
        (signer("log = \"ignore\""), "line 4: missing field `key`"),
        (
            signer("key = \"acme.pub\", log = \"maybe\""),
            "line 4: unknown variant `maybe`, expected `required` or `ignore`",
        ),
        (
            signer("key = \"acme.pub\", log = \"ignore\", tlog = true"),
            "line 4: unknown field `tlog`, expected `key` or `log`",
        ),
        (
            signer("key = \"nobody.pub\", log = \"ignore\""),
            "line 4: the key `nobody.pub` cannot be read: entity not found",
        ),
        (
            signer("key = \"bad.pub\", log = \"ignore\""),
            "line 4: the key `bad.pub`: it is not one PEM block that begins with -----BEGIN PUBLIC KEY-----",
        ),
        (signer("key = \"large.pub\", log = \"ignore\""), "line 4: the key `large.pub` is larger than 16 KiB"),
        (
            signer("key = \"acme.pub\", log = \"ignore\" }, { key = \"./acme.pub\", log = \"ignore\""),
            "line 4: `acme.pub` and `./acme.pub` are the same key",
        ),
        (scope("digests = [\"sha256:00\"]"), "line 4: a digest is `sha256:` and 64 lower-case hexadecimal digits"),
        (scope("digests = [\"latest\"]"), "line 4: a digest is `sha256:` and 64 lower-case hexadecimal digits"),
        (scope(&format!("digests = [\"{DIGEST}\", \"{DIGEST}\"]")), "line 4: this digest is there twice"),
        (
            scope(&format!("digests = [\"{DIGEST}\"]\n\n[[scope]]\nmatch = \"A.io:443/x\"\ndigests = [\"{DIGEST}\"]")),
            "line 7: `A.io:443/x`: another scope is for the same repositories",
        ),
    ] {
        assert_eq!(result.err().as_deref(), Some(expected));
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,80}|([a-z\\[\\]{}\"=,.\\n]|default|scope|match|signers){0,30}") {
        let _ = read(&text);
    }

    #[test]
    fn a_policy_with_a_strange_key_is_refused(key in "[a-z]{1,9}") {
        proptest::prop_assume!(!["default", "scope"].contains(&key.as_str()));
        let text = format!("default = \"reject\"\n{key} = 1");
        proptest::prop_assert!(read(&text).is_err());
    }
}
