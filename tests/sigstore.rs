//! Who is trusted without a key of their own: what workflows sign with Sigstore, on a real registry, as others' programs
//! make and store it.

mod by_tuf;
mod offered;
mod readme;

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::support::cosign::{Key, Repository, Signature, payload};
use crate::support::sigstore::{ISSUER, SIGNATURE, sign, statement, workflow};
use crate::support::{Ended, Home, Lockgate, OciRegistry, probe};

const SLSA: &str = "https://slsa.dev/provenance/v1";
const WORKFLOW: &str = "https://github.com/acme/time/.github/workflows/release.yml@refs/heads/main";

/// A registry with one component, and a person's home without a policy.
struct Scene {
    registry: OciRegistry,
    home: Home,
    digest: String,
}

impl Scene {
    fn new() -> Self {
        let (registry, home) = (OciRegistry::start(), Home::warm());
        fs::create_dir_all(home.path().join("config")).unwrap();
        let repository = Repository::new(&format!("{}/acme/time", registry.address()));
        let digest = repository.push_component("1", Path::new(&probe()));
        Self { registry, home, digest }
    }

    fn name(&self) -> String {
        format!("{}/acme/time", self.registry.address())
    }

    /// Attaches what these sign to `acme/time:1`: each what its token says, and the statement. The keys of their instance
    /// are in `ROOT.json` beside the policy.
    fn attach(&self, root: &str, signed: &[(Value, Value)]) {
        let item = |(claims, statement): &(Value, Value)| json!({ "claims": claims, "statement": statement, "image": self.name(), "digest": self.digest });
        let items: Vec<Value> = signed.iter().map(item).collect();
        sign(&self.home.path().join(format!("config/{root}.json")), &items);
    }

    /// Signs these bytes as the workflow, and attaches the bundle to `acme/time:1` if asked.
    fn sign_bytes(&self, bytes: &str, attached: bool) -> Value {
        let mut item = json!({ "claims": release(), "bytes": BASE64_STANDARD.encode(bytes) });
        if attached {
            (item["image"], item["digest"]) = (self.name().into(), self.digest.as_str().into());
        }
        sign(&self.home.path().join("config/good.json"), &[item]).remove(0)
    }

    fn repository(&self) -> Repository {
        Repository::new(&self.name())
    }

    fn signature(&self) -> Value {
        statement(&self.digest, SIGNATURE, &json!({}))
    }

    /// Trusts one signer for `acme/time`: the fields of its table in the policy.
    fn trust(&self, signer: &str) {
        let text = format!(
            "default = \"reject\"\n[[scope]]\nmatch = \"{}\"\nsigners = [{{ issuer = \"{ISSUER}\", root = \"good.json\", {signer} }}]\n",
            self.name()
        );
        fs::write(self.home.path().join("config/trust.toml"), text).unwrap();
    }

    fn verify(&self) -> Ended {
        let verify = Lockgate::new("verify").arg(format!("{}:1", self.name())).home(self.home.path());
        verify.args(["--format", "json"]).run()
    }

    fn accepted(&self) -> Value {
        let verified = self.verify();
        verified.good();
        let verified = verified.json();
        assert_eq!((&verified["verdict"], &verified["basis"]), (&json!("accepted"), &json!("signed")));
        verified
    }

    fn refused(&self, reason: &str) {
        let verified = self.verify();
        verified.failed(3);
        let verified = verified.json();
        assert_eq!((&verified["verdict"], &verified["reason"]), (&json!("refused"), &json!(reason)));
    }
}

/// What GitHub attests of what the workflow built at this ref (`actions/attest`).
fn built(git_ref: &str) -> Value {
    let repository = "https://github.com/acme/time";
    json!({
        "buildDefinition": {
            "buildType": "https://actions.github.io/buildtypes/workflow/v1",
            "externalParameters": { "workflow": {
                "ref": git_ref,
                "repository": repository,
                "path": ".github/workflows/release.yml",
            } },
            "resolvedDependencies": [{
                "uri": format!("git+{repository}@{git_ref}"),
                "digest": { "gitCommit": "0123456789012345678901234567890123456789" },
            }],
        },
        "runDetails": { "builder": { "id": format!("{repository}/.github/workflows/release.yml@{git_ref}") } },
    })
}

fn release() -> Value {
    workflow("acme/time", "release.yml", "refs/heads/main")
}

#[test]
fn what_a_workflow_signed_runs_and_its_identity_is_compared_exactly() {
    let scene = Scene::new();
    scene.attach("good", &[(release(), scene.signature())]);
    let exact = format!(r#"subject = "{WORKFLOW}""#);
    scene.trust(&exact);
    let verified = scene.accepted();
    let signer = &verified["signers"][0];
    assert_eq!((&signer["logged"], &signer["root"]), (&json!(true), &json!("good.json")), "{verified}");
    let call = Lockgate::new("call").arg(format!("{}:1", scene.name())).home(scene.home.path());
    assert_eq!(call.args(["echo", "text=hello"]).run().good(), "hello");
    let pattern =
        r#"subject-pattern = '''https://github\.com/acme/time/\.github/workflows/[a-z]+\.yml@refs/heads/main'''"#;
    for signer in [
        pattern,
        &format!(r#"{pattern}, source = "https://github.com/acme/time", source-ref = "refs/heads/main""#),
        &format!(r#"{pattern}, runner = "github-hosted", owner-id = "4242", workflow = "{WORKFLOW}""#),
    ] {
        scene.trust(signer);
        scene.accepted();
    }
    for (signer, reason) in [
        (exact.replace("release.yml", "other.yml"), "other-subject"),
        (exact.replace("refs/heads/main", "refs/heads/mai"), "other-subject"),
        (r#"subject-pattern = '''https://github\.com/acme/time'''"#.to_owned(), "other-subject"),
        (format!(r#"{exact}, source = "https://github.com/acme/tim""#), "other-claim"),
        (format!(r#"{exact}, runner = "self-hosted""#), "other-claim"),
        (format!(r#"{exact}, environment = "production""#), "other-claim"),
    ] {
        scene.trust(&signer);
        scene.refused(reason);
    }
}

#[test]
fn attack_08_an_instance_that_the_policy_does_not_name_vouches_for_nothing() {
    let scene = Scene::new();
    // The same words under the same name, by somebody else's instance.
    scene.attach("evil", &[(release(), scene.signature())]);
    sign(&scene.home.path().join("config/good.json"), &[]);
    scene.trust(&format!(r#"subject = "{WORKFLOW}""#));
    scene.refused("unknown-log");
}

#[test]
fn attack_02_and_04_another_issuer_or_branch_is_somebody_else() {
    for (claims, reason) in [
        (workflow("acme/time", "release.yml", "refs/heads/evil"), "other-subject"),
        (workflow("acme/time", "evil.yml", "refs/heads/main"), "other-subject"),
        (workflow("acme/time-evil", "release.yml", "refs/heads/main"), "other-subject"),
        (json!({ "iss": "https://evil.example", "sub": WORKFLOW }), "other-issuer"),
    ] {
        let scene = Scene::new();
        scene.attach("good", &[(claims, scene.signature())]);
        scene.trust(&format!(r#"subject = "{WORKFLOW}""#));
        scene.refused(reason);
    }
}

#[test]
fn attack_33_an_attestation_is_no_signature_and_a_signature_for_other_content_is_none() {
    let scene = Scene::new();
    let sbom = statement(&scene.digest, "https://spdx.dev/Document/v2.3", &json!({ "spdxVersion": "SPDX-2.3" }));
    scene.attach("good", &[(release(), sbom)]);
    scene.trust(&format!(r#"subject = "{WORKFLOW}""#));
    scene.refused("only-attested");
    let scene = Scene::new();
    let other = format!("sha256:{}", "0".repeat(64));
    scene.attach("good", &[(release(), statement(&other, SIGNATURE, &json!({})))]);
    scene.trust(&format!(r#"subject = "{WORKFLOW}""#));
    scene.refused("other-digest");
}

#[test]
fn a_signature_over_the_manifest_itself_counts() {
    let scene = Scene::new();
    let manifest = scene.repository().pull_manifest("1");
    scene.sign_bytes(&manifest, true);
    scene.trust(&format!(r#"subject = "{WORKFLOW}""#));
    scene.accepted();
    let scene = Scene::new();
    scene.sign_bytes("another manifest", true);
    scene.trust(&format!(r#"subject = "{WORKFLOW}""#));
    scene.refused("other-digest");
}

/// A signature with a certificate as cosign 2 stores it: the parts of the bundle are annotations.
fn in_the_old_layout(payload: Vec<u8>, bundle: &Value) -> Signature {
    let material = &bundle["verificationMaterial"];
    let certificate = material["certificate"]["rawBytes"]
        .as_str()
        .or(material["x509CertificateChain"]["certificates"][0]["rawBytes"].as_str())
        .unwrap();
    let entry = &material["tlogEntries"][0];
    let number = |name: &str| entry[name].as_str().unwrap().parse::<i64>().unwrap();
    let log = BASE64_STANDARD.decode(entry["logId"]["keyId"].as_str().unwrap()).unwrap();
    let log: String = log.iter().map(|byte| format!("{byte:02x}")).collect();
    let promise = json!({
        "SignedEntryTimestamp": entry["inclusionPromise"]["signedEntryTimestamp"],
        "Payload": {
            "body": entry["canonicalizedBody"],
            "integratedTime": number("integratedTime"),
            "logIndex": number("logIndex"),
            "logID": log,
        },
    });
    let certificate = format!("-----BEGIN CERTIFICATE-----\n{certificate}\n-----END CERTIFICATE-----\n");
    let annotations = json!({
        "dev.sigstore.cosign/certificate": certificate,
        "dev.sigstore.cosign/chain": "",
        "dev.sigstore.cosign/bundle": promise.to_string(),
    });
    Signature::of(payload, bundle["messageSignature"]["signature"].as_str().unwrap().to_owned(), annotations)
}

#[test]
fn a_signature_with_a_certificate_counts_in_cosigns_old_layout() {
    let scene = Scene::new();
    let payload = |digest: &str| payload(digest, &scene.name()).to_string();
    let good = scene.sign_bytes(&payload(&scene.digest), false);
    scene.trust(&format!(r#"subject = "{WORKFLOW}""#));
    let push = |signature| scene.repository().push_signatures(&scene.digest, &[signature]);
    push(in_the_old_layout(payload(&scene.digest).into_bytes(), &good));
    scene.accepted();
    scene.trust(&format!(r#"subject = "{}""#, WORKFLOW.replace("acme", "evil")));
    scene.refused("other-subject");
    scene.trust(&format!(r#"subject = "{WORKFLOW}""#));
    // All of it is public, and does not vouch for other words.
    let other = payload(&scene.digest).replacen('{', "{ ", 1);
    push(in_the_old_layout(other.into_bytes(), &good));
    scene.refused("altered");
}

#[test]
fn the_lines_that_a_refusal_prints_name_who_signed_and_let_it_run() {
    let scene = Scene::new();
    scene.attach("good", &[(release(), scene.signature())]);
    scene.trust(r#"subject = "https://github.com/acme/time/.github/workflows/other.yml@refs/heads/main""#);
    let refused = scene.verify();
    refused.failed(3);
    let remedies = refused.json()["remedies"].as_array().unwrap().clone();
    let line = remedies.iter().find_map(|remedy| remedy["write"].as_str().filter(|write| write.contains(WORKFLOW)));
    let text = format!("default = \"reject\"\n[[scope]]\nmatch = \"{}\"\n{}\n", scene.name(), line.unwrap());
    fs::write(scene.home.path().join("config/trust.toml"), text).unwrap();
    scene.accepted();
}

#[test]
fn a_survey_shows_who_signed_and_takes_no_wider_scope_away() {
    let scene = Scene::new();
    scene.attach("good", &[(release(), scene.signature())]);
    // The policy names the instance, and nobody who signs with it here.
    scene.trust(r#"subject = "https://github.com/acme/other""#);
    let policy = scene.home.path().join("config/trust.toml");
    let wide = fs::read_to_string(&policy).unwrap().replace("acme/time\"", "**\"");
    fs::write(&policy, wide).unwrap();
    let add = |more: &[&str]| {
        Lockgate::new("trust").args(["add", &format!("{}:1", scene.name())]).args(more).home(scene.home.path()).run()
    };
    let shown = add(&[]);
    shown.failed(3);
    let signer = format!("{WORKFLOW} by {ISSUER}");
    assert!(shown.stdout.contains(&format!("signed by {signer}")), "{shown}");
    // What the wider scope asks for would no longer hold for this one.
    let signer = format!("{signer}, for https://github.com/acme/time");
    let refused = add(&["--signer", &signer]);
    assert!(refused.failed(3).contains("would no longer hold"), "{refused}");
}

#[test]
fn attack_35_a_workflow_that_signs_on_two_branches_is_one_signer() {
    let scene = Scene::new();
    let elsewhere = workflow("acme/time", "release.yml", "refs/heads/dev");
    scene.attach("good", &[(release(), scene.signature()), (elsewhere, scene.signature())]);
    let config = scene.home.path().join("config");
    let key = Key::new(&config, "acme");
    let text = format!(
        "default = \"reject\"\n[[scope]]\nmatch = \"{}\"\nthreshold = 2\nsigners = [\n  {{ issuer = \"{ISSUER}\", root = \"good.json\", subject-pattern = \"https://github.com/acme/time/.*\" }},\n  {{ key = \"acme.pub\", log = \"ignore\" }},\n]\n",
        scene.name()
    );
    fs::write(config.join("trust.toml"), text).unwrap();
    scene.refused("too-few-signers");
    scene.repository().push_signatures(&scene.digest, &[key.sign(&scene.digest, &scene.name())]);
    scene.accepted();
}
