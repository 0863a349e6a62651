//! Provenance speaks of the build that signed it.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::*;
use crate::trust::forge::instance::{Asked, Holder, ISSUER, Instance, Logged, WORKFLOW, bundle};

const PAYLOAD: &str = "application/vnd.in-toto+json";

/// What a workflow says of this artifact, as its certificate shows.
fn said(instance: &Instance, holder: &Holder, kind: &str, predicate: &Value) -> Evidence {
    let about = digest(DIGEST);
    let envelope = holder.envelope(PAYLOAD, in_toto(&about, kind, predicate).as_bytes());
    let signature = BASE64_STANDARD.decode(envelope["signatures"][0]["sig"].as_str().unwrap()).unwrap();
    let entry = instance.log.entry(&holder.pem(), &Logged::Dsse(&envelope), &signature);
    let bytes = bundle(holder.material(&[entry]), ("dsseEnvelope", envelope)).to_string().into_bytes();
    Evidence { about, place: Place::Referrers, form: Form::Bundle(bytes) }
}

/// Provenance of a build by this workflow, from this repository and ref.
fn built(builder: &str, source: &str, git_ref: &str) -> Value {
    json!({
        "buildDefinition": {
            "buildType": "https://actions.github.io/buildtypes/workflow/v1",
            "externalParameters": { "workflow": { "repository": source, "ref": git_ref, "path": "release.yml" } },
        },
        "runDetails": { "builder": { "id": builder } },
    })
}

#[test]
fn what_a_workflow_says_of_anothers_build_does_not_count() {
    let instance = Instance::new();
    let holder = instance.issue(&Asked::workflow());
    let text = format!(
        "default = \"reject\"\n[[scope]]\nmatch = \"ghcr.io/acme/*\"\n\
         signers = [{{ issuer = \"{ISSUER}\", subject = \"{WORKFLOW}\", root = \"ours.json\" }}]\n\
         provenance = {{ required = true }}"
    );
    let root = instance.root_json().to_string().into_bytes();
    let policy = TrustPolicy::read(&text, &mut Given::new([("ours.json", root)])).unwrap();
    let judged = |builder: &str, source: &str, git_ref: &str| {
        let signature = said(&instance, &holder, "https://sigstore.dev/cosign/sign/v1", &json!({}));
        let provenance = said(&instance, &holder, SLSA, &built(builder, source, git_ref));
        outcome(&policy, &[DIGEST], Ok(beside([signature, provenance])))
    };
    let (ours, main) = ("https://github.com/acme/time", "refs/heads/main");
    assert_eq!(judged(WORKFLOW, ours, main), Ok(Basis::Signed));
    assert_eq!(judged(WORKFLOW, "https://github.com/acme/other", main), Err("source-not-of-certificate"));
    assert_eq!(judged(WORKFLOW, ours, "refs/heads/evil"), Err("source-not-of-certificate"));
    assert_eq!(judged("https://github.com/acme/builder", ours, main), Err("builder-not-of-certificate"));
}
