use sigstore_crypto::KeyPair;

use super::*;
use crate::trust::authority::Need;
use crate::trust::forge::{self, Given};
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
        (
            of("scopes = []"),
            "line 2: unknown field `scopes`, expected one of `default`, `shipped`, `deny`, `include`, `roots`, `scope`",
        ),
        (
            of("Default = \"reject\""),
            "line 2: unknown field `Default`, expected one of `default`, `shipped`, `deny`, `include`, `roots`, `scope`",
        ),
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
        (scope(""), "line 2: `a.io/x`: it has neither signers nor attestations nor digests: nothing could ever run"),
        (
            scope("signers = []\ndigests = []"),
            "line 2: `a.io/x`: it has neither signers nor attestations nor digests: nothing could ever run",
        ),
        (scope("match = \"a.io/y\""), "line 4: duplicate key"),
        (
            scope("\nsigner = []"),
            "line 5: unknown field `signer`, expected one of `match`, `builtin`, `root`, `mode`, `signers`, `threshold`, `signatures`, `digests`, `attestations`, `sbom`, `provenance`",
        ),
        (scope("signers = \"acme.pub\""), "line 4: invalid type: string \"acme.pub\", expected a sequence"),
        (signer("key = \"acme.pub\""), r#"line 4: a key needs `log`: "required", or "ignore" written out"#),
        (
            signer("log = \"ignore\""),
            "line 4: a signer has a `key`, or an `issuer` with a `subject` or `subject-pattern`",
        ),
        (
            signer("key = \"acme.pub\", log = \"maybe\""),
            "line 4: unknown variant `maybe`, expected `required` or `ignore`",
        ),
        (
            signer("key = \"acme.pub\", log = \"ignore\", tlog = true"),
            "line 4: unknown field `tlog`, expected one of `key`, `issuer`, `subject`, `subject-pattern`, `root`, `log`, `sct`, `timestamp`, `source`, `source-digest`, `source-ref`, `source-id`, `owner-id`, `workflow`, `signer`, `signer-digest`, `runner`, `trigger`, `environment`",
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

/// A scope with a key, and these lines.
fn keyed(lines: &str) -> Result<TrustPolicy, String> {
    read(&format!(
        "default = \"reject\"\n[[scope]]\nmatch = \"a.io/x\"\nsigners = [{{ key = \"acme.pub\", log = \"ignore\" }}]\n{lines}"
    ))
}

/// A scope with an identity, of which this is written besides.
fn identity(more: &str) -> Result<TrustPolicy, String> {
    read(&format!(
        "default = \"reject\"\n[[scope]]\nmatch = \"a.io/x\"\nsigners = [{{ issuer = \"https://i.example\"{more} }}]"
    ))
}

#[test]
fn the_long_form_of_a_scope_is_read() {
    let policy = read(
        r#"
        default = "reject"
        deny = ["sha256:0000000000000000000000000000000000000000000000000000000000000000"]
        [[scope]]
        match   = "ghcr.io/acme/*"
        signers = [
          { issuer = "https://token.actions.githubusercontent.com", subject-pattern = "https://github.com/acme/tools/.github/workflows/release.yml@refs/tags/v.*", source = "https://github.com/acme/tools", owner-id = "12345" },
          { key = "acme.pub", log = "required" },
        ]
        threshold = 1
        sbom = { required = true, deny-licences = ["AGPL-3.0-only"], max-severity = "high", vulnerabilities = "osv-snapshot/" }
        provenance = { required = true, builder = "https://github.com/acme/builder", source = "https://github.com/acme/tools" }

        [[scope]]
        match = "docker.io/mcp/*"
        builtin = "docker-mcp"

        [[scope]]
        match = "a.io/x"
        mode = "warn"
        signatures = "a.io/signatures"
        attestations = [{ type = "https://a.example/audit", signers = [{ key = "other.pub", log = "ignore" }] }]
        "#,
    )
    .unwrap();
    let [acme, mcp, other] = &*policy.scopes else { panic!("{policy:?}") };
    assert_eq!((acme.signers.len(), acme.threshold, acme.mode), (2, 1, Mode::Enforce));
    assert_eq!((acme.signers[0].log, acme.signers[0].sct), (Need::Required, Need::Required));
    let Who::Keyless { subject, claims, .. } = &acme.signers[0].who else { panic!("{:?}", acme.signers[0]) };
    assert!(subject.is_pattern() && claims.len() == 2 && acme.signers[0].root.is_public_good());
    assert!(acme.sbom.is_some() && acme.provenance.is_some() && acme.wants_attestations());
    assert_eq!(mcp.signatures.as_ref().unwrap().name(), "docker.io/mcp/signatures");
    assert!(mcp.is_written_here() && mcp.signers[0].log == Need::Required);
    assert_eq!((other.mode, other.attestations.len(), other.signers.len()), (Mode::Warn, 1, 0));
    assert!(policy.denies(&"sha256:0000000000000000000000000000000000000000000000000000000000000000".parse().unwrap()));
}

#[test]
fn keys_and_builtins_name_whose_log_counts() {
    let root = forge::instance::Instance::new().root_json().to_string().into_bytes();
    let pem = KeyPair::generate_ecdsa_p256().unwrap().public_key_der().unwrap().to_pem().into_bytes();
    let mut files = Given::new([("acme.pub", pem), ("private.json", root)]);
    let text = r#"
        default = "reject"
        [[scope]]
        match = "a.io/x"
        signers = [{ key = "acme.pub", root = "private.json", log = "required" }]
        [[scope]]
        match = "a.io/y"
        signers = [{ key = "acme.pub", log = "required" }]
        [[scope]]
        match = "docker.io/mcp/*"
        builtin = "docker-mcp"
        root = "private.json"
        [[scope]]
        match = "docker.io/other/*"
        builtin = "docker-mcp"
        "#;
    let policy = TrustPolicy::read(text, &mut files).unwrap();
    let roots = policy.scopes.iter().map(|scope| scope.signers[0].root_in_use().unwrap().name());
    assert_eq!(roots.collect::<Vec<_>>(), ["private.json", "public-good", "private.json", "public-good"]);
    // What is shipped beside it is as it was.
    let name = Name::Repository(Repository::of(&"docker.io/mcp/time:1".parse().unwrap()));
    let shipped = TrustPolicy::default();
    assert_eq!(shipped.scope(&name).unwrap().signers[0].root.name(), "public-good");
}

#[test]
fn a_root_that_nothing_is_checked_with_is_refused_with_its_line() {
    let scope = |lines: &str| read(&format!("default = \"reject\"\n[[scope]]\nmatch = \"a.io/x\"\n{lines}"));
    let key = |more: &str| scope(&format!("signers = [{{ key = \"acme.pub\", {more} }}]"));
    for (result, expected) in [
        (
            key("root = \"github\", log = \"ignore\""),
            "line 4: the key `acme.pub`: `root` says whose log and timestamps count, and neither is asked for; write log = \"required\", or leave `root` out",
        ),
        (
            key("root = \"github\", log = \"required\""),
            "line 4: the key `acme.pub`: the trust root `github` has no log, so that no signature could ever count; write log = \"ignore\" if you mean that",
        ),
        (
            key("sct = \"required\", log = \"required\""),
            "line 4: the key `acme.pub` has no certificate: only `root`, `log` and `timestamp` go with a key",
        ),
        (
            key("root = \"none.json\", log = \"required\""),
            "line 4: the trust root `none.json` is neither `public-good` nor `github`, nor a table of [roots], nor a file: entity not found",
        ),
        (
            keyed("root = \"github\""),
            "line 5: `root` stands beside the `key` or `issuer` that it is for; beside `match` it is for a `builtin`",
        ),
        (
            scope("builtin = \"docker-hardened\"\nroot = \"github\""),
            "line 5: what this `builtin` stands for needs neither log nor timestamp: leave out `root`",
        ),
        (
            scope("builtin = \"docker-mcp\"\nroot = \"github\""),
            "line 4: Docker's key for docker.io/mcp: the trust root `github` has no log, so that no signature could ever count; write log = \"ignore\" if you mean that",
        ),
    ] {
        assert_eq!(result.err().as_deref(), Some(expected));
    }
    let stamped = key("root = \"github\", log = \"ignore\", timestamp = \"required\"");
    assert!(stamped.is_ok(), "{:?}", stamped.err());
}

#[test]
fn what_is_shipped_holds_where_nothing_of_the_persons_does() {
    let name = Name::Repository(Repository::of(&"docker.io/mcp/time:1".parse().unwrap()));
    let scope =
        |text: &str| read(text).unwrap().scope(&name).map(|scope| (scope.written.clone(), !scope.is_written_here()));
    assert_eq!(scope("default = \"reject\""), Some(("docker.io/mcp/*".to_owned(), true)));
    assert_eq!(scope("default = \"reject\"\nshipped = false"), None);
    let wide = format!("default = \"reject\"\n[[scope]]\nmatch = \"docker.io/**\"\ndigests = [\"{DIGEST}\"]");
    assert_eq!(scope(&wide), Some(("docker.io/**".to_owned(), false)));
}

#[test]
fn what_cannot_be_held_to_is_refused_with_its_line() {
    for (result, expected) in [
        (keyed("threshold = 0"), "line 5: a threshold of 0 would let everything through; leave it out for 1"),
        (keyed("threshold = 2"), "line 5: 2 signers can never have signed where 1 are named"),
        (keyed("builtin = \"docker\""), "line 5: unknown variant `docker`, expected `docker-mcp` or `docker-hardened`"),
        (keyed("mode = \"skip\""), "line 5: unknown variant `skip`, expected `enforce` or `warn`"),
        (keyed("signatures = \"a.io/*\""), "line 5: `a.io/*` is no repository, as docker.io/mcp/signatures"),
        (
            keyed("builtin = \"docker-mcp\"\nsignatures = \"a.io/x\""),
            "line 5: `docker-mcp` says where signatures lie: leave out `signatures`",
        ),
        (
            keyed("attestations = [{ type = \"spdx\" }]"),
            "line 5: `spdx` is no type of attestation, as https://spdx.dev/Document",
        ),
        (
            keyed("attestations = [{ type = \"https://sigstore.dev/cosign/sign/v1\" }]"),
            "line 5: `https://sigstore.dev/cosign/sign/v1` is a signature: name its signers under `signers` of the scope",
        ),
        (
            keyed("attestations = [{ type = \"https://a.b/c\" }, { type = \"https://a.b/c\" }]"),
            "line 5: `https://a.b/c` is there twice",
        ),
        (
            read(&format!(
                "default = \"reject\"\n[[scope]]\nmatch = \"a.io/x\"\ndigests = [\"{DIGEST}\"]\nsbom = {{ required = true }}"
            )),
            "line 5: nobody is named who could attest an SBOM: give `signers`, or `attestations` with its type",
        ),
        (
            read(&format!(
                "default = \"reject\"\n[[scope]]\nmatch = \"a.io/x\"\ndigests = [\"{DIGEST}\"]\nattestations = [{{ type = \"https://a.b/c\" }}]"
            )),
            "line 5: `https://a.b/c`: nobody is named who could attest it; give `signers`",
        ),
        (
            read(
                "default = \"reject\"\n[[scope]]\nmatch = \"oci-layout\"\nsigners = [{ key = \"acme.pub\", log = \"ignore\" }]\nsignatures = \"a.io/x\"",
            ),
            "line 5: signatures of a folder lie in it: `signatures` cannot be held to here",
        ),
        (
            keyed("sbom = { required = true, max-severity = \"high\" }"),
            "line 5: `max-severity` needs `vulnerabilities`: a folder of advisories in the OSV format",
        ),
        (
            identity(""),
            "line 4: whom https://i.example vouches for is not said: give a `subject` or a `subject-pattern`",
        ),
        (
            identity(", subject = \"https://a\", subject-pattern = \"https://a\""),
            "line 4: a signer has a `subject` or a `subject-pattern`, not both",
        ),
        (
            identity(", subject = \"joe\""),
            "line 4: the subject `joe`: it is neither a URI, as https://github.com/…, nor an e-mail address",
        ),
        (
            identity(", subject = \"https://a\", key = \"acme.pub\", log = \"ignore\""),
            "line 4: a signer has a `key` or an `issuer`, not both",
        ),
        (
            identity(", subject = \"https://a\", root = \"github\""),
            "line 4: https://a by https://i.example: the trust root `github` has no log, so that no signature could ever count; write log = \"ignore\" if you mean that",
        ),
        (
            identity(", subject = \"https://a\", log = \"ignore\""),
            "line 4: https://a by https://i.example: its certificates live for minutes, and without log or timestamp nobody knows when it signed; write timestamp = \"required\"",
        ),
        (
            identity(", subject = \"https://a\", root = \"none.json\""),
            "line 4: the trust root `none.json` is neither `public-good` nor `github`, nor a table of [roots], nor a file: entity not found",
        ),
    ] {
        assert_eq!(result.err().as_deref(), Some(expected));
    }
    let github =
        ", subject = \"https://a\", root = \"github\", log = \"ignore\", sct = \"ignore\", timestamp = \"required\"";
    assert!(identity(github).is_ok(), "{:?}", identity(github).err());
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
