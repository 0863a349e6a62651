use super::check::ProvenanceReason;
use super::slsa::ProvenanceProblem;
use super::*;

const V1: &str = "https://slsa.dev/provenance/v1";
const V0_2: &str = "https://slsa.dev/provenance/v0.2";

/// As GitHub's `attest-build-provenance` writes it.
fn of_github(repository: &str, git_ref: &str) -> String {
    format!(
        r#"{{"buildDefinition": {{"buildType": "https://actions.github.io/buildtypes/workflow/v1",
            "externalParameters": {{"workflow": {{"ref": "{git_ref}", "repository": "{repository}",
                "path": ".github/workflows/release.yml"}}}},
            "internalParameters": {{"github": {{"event_name": "push", "repository_owner_id": "12345"}}}},
            "resolvedDependencies": [{{"uri": "git+{repository}@{git_ref}", "digest": {{"gitCommit": "{COMMIT}"}}}}]}},
        "runDetails": {{"builder": {{"id": "{BUILDER}"}}, "metadata": {{"invocationId": "x"}}}}}}"#
    )
}

const COMMIT: &str = "9c3f2b1d0a9c3f2b1d0a9c3f2b1d0a9c3f2b1d0a";
const TOOLS: &str = "https://github.com/acme/tools";
const BUILDER: &str = "https://github.com/acme/tools/.github/workflows/release.yml@refs/tags/v1.2.0";

const RUN: &str = "https://github.com/acme/tools/actions/runs/4242/attempts/2";

fn read(predicate_type: &str, predicate: &str) -> Provenance {
    Provenance::read(predicate_type, predicate).unwrap()
}

fn rules(text: &str) -> Result<ProvenanceRules, String> {
    #[derive(serde::Deserialize)]
    struct Scope {
        provenance: ProvenanceRules,
    }
    toml::from_str(&format!("provenance = {{ {text} }}"))
        .map(|scope: Scope| scope.provenance)
        .map_err(|error| error.message().to_owned())
}

/// What the certificate of the build that made [`of_github`] says.
fn certificate() -> CertificateClaims<'static> {
    CertificateClaims {
        subject: BUILDER,
        build_signer: Some(BUILDER),
        source_repository: Some(TOOLS),
        source_ref: Some("refs/tags/v1.2.0"),
        source_commit: Some(COMMIT),
        run: Some(RUN),
    }
}

fn reasons(rule: &str, provenance: &Provenance, certificate: Option<&CertificateClaims<'_>>) -> Vec<ProvenanceReason> {
    let faults = rules(rule).unwrap().check(provenance, certificate);
    faults.into_iter().map(|fault| fault.reason).collect()
}

#[test]
fn provenance_of_every_builder_names_builder_source_ref_and_commit() {
    let of_github = of_github(TOOLS, "refs/tags/v1.2.0");
    let of_generator = format!(
        r#"{{"builder": {{"id": "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/g.yml@refs/tags/v1.9.0"}},
            "buildType": "https://github.com/slsa-framework/slsa-github-generator/generic@v1",
            "invocation": {{"configSource": {{"uri": "git+{TOOLS}@refs/tags/v1.2.0", "digest": {{"sha1": "{COMMIT}"}},
                "entryPoint": ".github/workflows/release.yml"}}}},
            "materials": [{{"uri": "git+{TOOLS}@refs/tags/v1.2.0", "digest": {{"sha1": "{COMMIT}"}}}}]}}"#
    );
    let of_buildkit = format!(
        r#"{{"builder": {{"id": ""}}, "buildType": "https://mobyproject.org/buildkit@v1",
            "invocation": {{"configSource": {{"uri": "{TOOLS}.git#refs/tags/v1.2.0", "digest": {{"sha1": "{COMMIT}"}},
                "entryPoint": "Dockerfile"}}, "parameters": {{"frontend": "dockerfile.v0"}}}},
            "materials": [{{"uri": "pkg:docker/alpine@3.18?platform=linux%2Famd64", "digest": {{"sha256": "00"}}}}]}}"#
    );
    let of_buildkit_1 = format!(
        r#"{{"buildDefinition": {{"buildType": "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md",
            "externalParameters": {{"configSource": {{"uri": "{TOOLS}.git#refs/tags/v1.2.0", "digest": {{"sha1": "{COMMIT}"}},
                "path": "Dockerfile"}}, "request": {{"frontend": "gateway.v0"}}}}}},
        "runDetails": {{"builder": {{"id": "https://github.com/acme/tools/actions/runs/1"}}}}}}"#
    );
    for (predicate_type, predicate) in [(V1, of_github), (V0_2, of_generator), (V0_2, of_buildkit), (V1, of_buildkit_1)]
    {
        let source = read(predicate_type, &predicate).source.unwrap();
        assert_eq!(source.repository.to_string(), TOOLS, "{predicate}");
        assert_eq!(source.git_ref.as_deref(), Some("refs/tags/v1.2.0"));
        assert_eq!(source.commit.as_deref(), Some(COMMIT));
    }
}

#[test]
fn a_local_build_names_no_source() {
    for (predicate_type, predicate) in [
        (V0_2, r#"{"builder": {"id": ""}, "buildType": "https://mobyproject.org/buildkit@v1", "invocation": {}}"#),
        (V0_2, r#"{"builder": {"id": "x"}, "buildType": "y", "invocation": {"configSource": {"uri": "/home/me"}}}"#),
        (
            V1,
            r#"{"buildDefinition": {"buildType": "y", "externalParameters": {}}, "runDetails": {"builder": {"id": "x"}}}"#,
        ),
    ] {
        let provenance = read(predicate_type, predicate);
        assert_eq!(provenance.source, None);
        let rule = r#"required = true, source = "https://github.com/acme/tools", ref = "refs/tags/v*""#;
        assert_eq!(reasons(rule, &provenance, None), [ProvenanceReason::NoSource, ProvenanceReason::NoRef]);
    }
}

#[test]
fn provenance_that_is_as_asked_for_has_no_fault() {
    let provenance = read(V1, &of_github(TOOLS, "refs/tags/v1.2.0"));
    for rule in [
        "required = true",
        r#"required = true, source = "https://github.com/acme/tools.git""#,
        r#"required = true, builder = "https://github.com/acme/tools/.github/workflows/release.yml""#,
        r#"required = true, builder = "https://github.com/acme/tools/.github/workflows/release.yml@refs/tags/v1.2.0""#,
        r#"required = true, ref = "refs/tags/v1.2.0""#,
        r#"required = true, ref = "refs/tags/v*", build-type = "https://actions.github.io/buildtypes/workflow/v1""#,
    ] {
        assert_eq!(reasons(rule, &provenance, None), [], "{rule}");
        assert_eq!(reasons(rule, &provenance, Some(&certificate())), [], "{rule}");
    }
}

#[test]
fn attack_37_provenance_of_another_build_is_refused_whoever_signed_it() {
    use ProvenanceReason::{OtherBuildType, OtherBuilder, OtherRef, OtherSource};
    let evil = read(V1, &of_github("https://github.com/evil/tools", "refs/tags/v1.2.0"));
    let rule = r#"required = true, source = "https://github.com/acme/tools""#;
    assert_eq!(reasons(rule, &evil, None), [OtherSource]);
    let fault = &rules(rule).unwrap().check(&evil, None)[0];
    assert_eq!(fault.reason.code(), "other-source");
    assert_eq!(
        fault.problem,
        "it was built from https://github.com/evil/tools, and not from https://github.com/acme/tools"
    );
    let good = read(V1, &of_github(TOOLS, "refs/heads/evil"));
    for (rule, reason) in [
        (r#"ref = "refs/tags/v*""#, OtherRef),
        (r#"ref = "refs/heads/evi""#, OtherRef),
        (r#"ref = "refs/heads/evil*""#, OtherRef),
        (r#"builder = "https://github.com/acme/tools/.github/workflows/release.yml@refs/tags/v1.2""#, OtherBuilder),
        (r#"builder = "https://github.com/acme/tools/.github/workflows/release""#, OtherBuilder),
        (r#"builder = "https://github.com/acme/tools""#, OtherBuilder),
        (r#"build-type = "https://actions.github.io/buildtypes/workflow""#, OtherBuildType),
    ] {
        assert_eq!(reasons(&format!("required = true, {rule}"), &good, None), [reason], "{rule}");
    }
    let nested = read(V1, &of_github(TOOLS, "refs/tags/v1/evil"));
    assert_eq!(reasons(r#"required = true, ref = "refs/tags/v*""#, &nested, None), [OtherRef]);
}

#[test]
fn attack_37_provenance_says_what_the_certificate_of_its_signature_says() {
    use ProvenanceReason::{BuilderNotOfCertificate, SourceNotOfCertificate};
    let provenance = read(V1, &of_github(TOOLS, "refs/tags/v1.2.0"));
    let other = |change: fn(&mut CertificateClaims<'static>)| {
        let mut certificate = certificate();
        change(&mut certificate);
        reasons("required = true", &provenance, Some(&certificate))
    };
    assert_eq!(other(|_| ()), []);
    assert_eq!(
        other(|claims| claims.source_repository = Some("https://github.com/evil/tools")),
        [SourceNotOfCertificate]
    );
    assert_eq!(other(|claims| claims.source_ref = Some("refs/heads/main")), [SourceNotOfCertificate]);
    assert_eq!(other(|claims| claims.source_commit = Some("0000")), [SourceNotOfCertificate]);
    let evil = "https://github.com/evil/tools/.github/workflows/release.yml@refs/tags/v1.2.0";
    let signed_by = |subject, build_signer| {
        let claims = CertificateClaims { subject, build_signer, ..certificate() };
        reasons("required = true", &provenance, Some(&claims))
    };
    assert_eq!(signed_by(evil, Some(evil)), [BuilderNotOfCertificate]);
    // A person's certificate says nothing of a build.
    assert_eq!(signed_by("me@acme.example", None), [BuilderNotOfCertificate]);
    // The same, one version further; and a name that only begins alike.
    assert_eq!(signed_by(&BUILDER[..BUILDER.len() - 1], None), [BuilderNotOfCertificate]);
    let longer = "https://github.com/acme/tools/.github/workflows/release.yml@refs/tags/v1.2.0.1";
    assert_eq!(signed_by(longer, None), [BuilderNotOfCertificate]);
    // Nor is the part of an address before its `@` a builder.
    let named_me = read(V0_2, r#"{"builder": {"id": "me"}, "buildType": "x"}"#);
    let person = CertificateClaims { subject: "me@acme.example", build_signer: None, ..certificate() };
    assert_eq!(reasons("required = true", &named_me, Some(&person)), [BuilderNotOfCertificate]);
    // An empty builder is nobody's.
    let nobody = read(V0_2, r#"{"builder": {"id": ""}, "buildType": "x"}"#);
    assert_eq!(reasons("required = true", &nobody, Some(&certificate())), [BuilderNotOfCertificate]);
}

#[test]
fn a_builder_that_is_a_run_is_the_run_of_the_certificate() {
    let by = |builder: &str, certificate: &CertificateClaims<'_>| {
        let text = format!(
            r#"{{"builder": {{"id": "{builder}"}}, "buildType": "https://mobyproject.org/buildkit@v1",
                "invocation": {{"configSource": {{"uri": "{TOOLS}.git#refs/tags/v1.2.0", "digest": {{"sha1": "{COMMIT}"}}}}}}}}"#
        );
        reasons("required = true", &read(V0_2, &text), Some(certificate))
    };
    // As BuildKit writes it, with the attempt and without.
    for builder in [RUN, "https://github.com/acme/tools/actions/runs/4242"] {
        assert_eq!(by(builder, &certificate()), [], "{builder}");
        // It is no proof where the certificate names no run, or another.
        for run in [
            None,
            Some("https://github.com/acme/tools/actions/runs/42421/attempts/2"),
            Some("https://github.com/evil/tools/actions/runs/4242/attempts/2"),
            Some("https://github.com/acme/tools/actions/runs/4242/attempts/"),
            Some("https://github.com/acme/tools/actions/runs/4242/attempts/2/x"),
            Some(""),
        ] {
            let certificate = CertificateClaims { run, ..certificate() };
            assert_eq!(by(builder, &certificate), [ProvenanceReason::BuilderNotOfCertificate], "{run:?}");
        }
    }
    for builder in [
        "",
        "https://github.com/acme/tools",
        "https://github.com/acme/tools/actions/runs/4242/attempts/1",
        "https://github.com/acme/tools/actions/runs/424",
    ] {
        assert_eq!(by(builder, &certificate()), [ProvenanceReason::BuilderNotOfCertificate], "{builder}");
    }
    // The source is compared all the same.
    let elsewhere = CertificateClaims { source_commit: Some("0000"), ..certificate() };
    assert_eq!(by(RUN, &elsewhere), [ProvenanceReason::SourceNotOfCertificate]);
}

#[test]
fn provenance_that_names_two_sources_names_none() {
    let two = of_github(TOOLS, "refs/tags/v1")
        .replace(r#""workflow": {"#, r#""source": "https://github.com/evil/x", "workflow": {"#);
    assert_eq!(Provenance::read(V1, &two), Err(ProvenanceProblem::Ambiguous));
    let source = |source: &str| {
        of_github(TOOLS, "refs/tags/v1").replace(r#""workflow": {"#, &format!(r#""source": {source}, "workflow": {{"#))
    };
    for other in [r#""git+https://github.com/acme/tools@refs/tags/v2""#, r#"{"uri": "https://github.com/acme/tools2"}"#]
    {
        assert_eq!(Provenance::read(V1, &source(other)), Err(ProvenanceProblem::Ambiguous), "{other}");
    }
    for same in [
        r#""git+https://github.com/acme/tools@refs/tags/v1""#,
        r#"{"uri": "git+https://github.com/acme/tools", "digest": {"gitCommit": "9c3f2b1d0a9c3f2b1d0a9c3f2b1d0a9c3f2b1d0a"}}"#,
        // What another type of build means by it.
        "[1]",
        r#""main""#,
    ] {
        let source = read(V1, &source(same)).source.unwrap();
        assert_eq!(
            (source.git_ref.as_deref(), source.commit.as_deref()),
            (Some("refs/tags/v1"), Some(COMMIT)),
            "{same}"
        );
    }
}

#[test]
fn what_is_no_provenance_is_refused() {
    let good = of_github(TOOLS, "refs/tags/v1");
    for predicate_type in [
        "",
        "https://slsa.dev/provenance/v0.1",
        "https://slsa.dev/provenance/v1.1",
        "https://slsa.dev/provenance/v1/",
        "https://spdx.dev/Document",
    ] {
        assert_eq!(Provenance::read(predicate_type, &good), Err(ProvenanceProblem::OtherType), "{predicate_type}");
    }
    for (predicate_type, predicate) in [
        (V0_2, good.as_str()),
        (V1, ""),
        (V1, "{}"),
        (V1, "[]"),
        (V1, r#"{"buildDefinition": {"buildType": "x"}, "runDetails": {"builder": {"id": "x"}}}"#),
        (
            V1,
            r#"{"buildDefinition": {"buildType": "x", "externalParameters": []}, "runDetails": {"builder": {"id": "x"}}}"#,
        ),
        (V1, &good.replacen('{', r#"{"runDetails": {"builder": {"id": "x"}}, "#, 1)),
        (V1, &good.replacen('{', r#"{"RunDetails": {"builder": {"id": "x"}}, "#, 1)),
    ] {
        assert!(
            matches!(Provenance::read(predicate_type, predicate), Err(ProvenanceProblem::Unreadable(_))),
            "{predicate}"
        );
    }
    assert_eq!(Provenance::read(V1, &" ".repeat(17 << 20)), Err(ProvenanceProblem::TooLarge));
}

#[test]
fn a_rule_that_cannot_be_enforced_is_refused_when_it_is_read() {
    for (rule, problem) in [
        ("", "missing field `required`"),
        ("required = true, sources = []", "unknown field `sources`"),
        (
            r#"required = true, source = "github.com/acme/tools""#,
            "source = \"github.com/acme/tools\": a source repository is written as",
        ),
        (r#"required = true, source = "https://github.com/acme/tools@refs/tags/v1""#, "`source` is a repository alone"),
        (r#"required = true, ref = "v1""#, "ref = \"v1\" is no full ref"),
        (r#"required = true, ref = "refs/*/v1""#, "ref = \"refs/*/v1\" is no full ref"),
        (r#"required = true, ref = "*""#, "ref = \"*\" is no full ref"),
        (r#"required = true, builder = "acme""#, "builder = \"acme\" is no URI"),
        (r#"required = true, build-type = """#, "build-type = \"\" is no URI"),
    ] {
        let error = rules(rule).unwrap_err();
        assert!(error.starts_with(problem), "{rule}: {error}");
    }
}

#[test]
fn a_summary_shows_no_stranger_unescaped() {
    let summary = read(V1, &of_github(TOOLS, "refs/tags/v1.2.0")).summary();
    assert_eq!(summary.line(), format!("built by {BUILDER} from {TOOLS} at refs/tags/v1.2.0 (9c3f2b1d0a9c)"));
    assert_eq!(serde_json::to_value(&summary).unwrap()["slsa"], "1");
    let evil = read(V0_2, r#"{"builder": {"id": "\u001b[2Jé\u202e"}, "buildType": "x"}"#);
    assert!(!evil.summary().line().contains(['\u{1b}', '\u{202e}']));
    for fault in rules(r#"required = true, builder = "https://a""#).unwrap().check(&evil, Some(&certificate())) {
        assert!(!format!("{}{}", fault.problem, fault.fix).contains(['\u{1b}', '\u{202e}']));
    }
    // A line for the policy is a line for the policy, whatever a builder calls itself.
    let evil =
        read(V0_2, r#"{"builder": {"id": "https://x\", required = false, source = \"https://y/z"}, "buildType": "x"}"#);
    let fault = &rules(r#"required = true, builder = "https://a""#).unwrap().check(&evil, None)[0];
    assert_eq!(fault.fix, "nobody should trust it: it is no plain address");
    // A commit that is no ASCII is not cut apart.
    let odd = of_github(TOOLS, "refs/tags/v1").replace(COMMIT, "äääääääääääää");
    assert!(read(V1, &odd).summary().line().contains("ä"));
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in ".{0,200}") {
        proptest::prop_assert!(Provenance::read(V1, &text).is_err());
    }

    #[test]
    fn provenance_with_anything_anywhere_is_read_or_refused(at in 0_usize..900, with in "[\\[\\]{}\",:0-9a-z \\\\]{0,6}|null|true", take in 0_usize..40) {
        let text = of_github(TOOLS, "refs/tags/v1");
        let start = at.min(text.len());
        let mangled = format!("{}{with}{}", &text[..start], &text[(start + take).min(text.len())..]);
        if let Ok(provenance) = Provenance::read(V1, &mangled) {
            let _ = rules("required = true").unwrap().check(&provenance, Some(&certificate()));
            let _ = provenance.summary().line();
        }
    }
}
