//! Docker's images and hardened images, as the builtin scopes ask for them: by the tests' own keys and log in place of
//! Docker's and the public one, in the layouts in which Docker stores its signatures. Everything lies in a registry.

use std::sync::{Arc, LazyLock};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::*;
use crate::artifact::tests::depots;
use crate::artifact::tests::own_registry::{INDEX, OwnRegistry};
use crate::artifact::{Reference, image_digests};
use crate::trust::fault::Fault;
use crate::trust::forge::instance::{Instance, Logged, log_note};
use crate::trust::key::SignerKey;
use crate::trust::root::TrustRoot;

const SIMPLE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const IN_TOTO: &str = "application/vnd.in-toto+json";

/// Whose log has what is logged here.
static INSTANCE: LazyLock<Instance> = LazyLock::new(Instance::new);

/// A registry with an image, a builtin scope for it, and whoever has the key in place of Docker's.
struct Scene {
    registry: OwnRegistry,
    builtin: &'static str,
    docker: Hand,
    index: Value,
    platform: Value,
}

impl Scene {
    fn new(builtin: &'static str) -> Self {
        let registry = OwnRegistry::with_lists();
        let config = registry.blob("application/vnd.oci.image.config.v1+json", b"{}");
        let platform = registry.image("mcp/time", None, &[], json!({ "config": config }));
        let mut entry = platform.clone();
        let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
        entry["platform"] = json!({ "os": "linux", "architecture": architecture });
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [entry] });
        let index = registry.manifest("mcp/time", Some("1"), &index);
        Self { registry, builtin, docker: Hand::new(), index, platform }
    }

    /// What is signed of a manifest of this repository.
    fn payload(&self, manifest: &Value) -> Vec<u8> {
        Statement::new(manifest["digest"].as_str().unwrap(), &self.registry.reference("mcp/time")).bytes()
    }

    /// A signature as a layer.
    fn signed(&self, by: &Hand, payload: &[u8]) -> Value {
        let mut layer = self.registry.blob(SIMPLE, payload);
        layer["annotations"] = json!({ "dev.cosignproject.cosign/signature": by.sign_bytes(payload).signature });
        layer
    }

    /// The same with the promise of the log.
    fn logged(&self, by: &Hand, payload: &[u8]) -> Value {
        let mut layer = self.signed(by, payload);
        let signature = layer["annotations"]["dev.cosignproject.cosign/signature"].as_str().unwrap();
        let signature = BASE64_STANDARD.decode(signature).unwrap();
        let entry = INSTANCE.log.entry(&by.pem(), &Logged::Bytes(payload), &signature);
        layer["annotations"]["dev.sigstore.cosign/bundle"] = log_note(&entry).into();
        layer
    }

    /// Keeps signatures under cosign's tag for a manifest, in a repository that has nothing else.
    fn keep_apart(&self, about: &Value, signatures: &[Value]) {
        let tag = about["digest"].as_str().unwrap().replace(':', "-") + ".sig";
        self.registry.image("mcp/signatures", Some(&tag), signatures, json!({}));
    }

    async fn decide(&self) -> Decision {
        let kept = tempfile::tempdir().unwrap();
        let depots = depots(kept.path()).0;
        let reference: Reference = self.registry.reference("mcp/time:1").parse().unwrap();
        let depot = depots.registry(&reference);
        let digests = image_digests(&depot, reference.selector()).await.unwrap();
        let subject = Subject::of_image(reference.to_string(), Name::of(&reference), &digests);
        let (repositories, builtin) = (self.registry.reference("mcp/*"), self.builtin);
        let text = format!("default = \"reject\"\n[[scope]]\nmatch = \"{repositories}\"\nbuiltin = \"{builtin}\"\n");
        let signatures = self.registry.reference("mcp/signatures:signatures").parse().unwrap();
        let key = SignerKey::from_pem(&self.docker.pem()).unwrap();
        let policy =
            TrustPolicy::read(&text, &mut Given::new([])).unwrap().by_key_of_tests(&key, &INSTANCE.root(), &signatures);
        let advisories = Advisories::new("/nowhere".into());
        let law = Law { policy: &policy, waived: &BTreeSet::new(), advisories: &advisories };
        law.decide(&subject, &depot, &depots).await
    }

    async fn refused(&self) -> &'static str {
        match self.decide().await.verdict {
            Verdict::Refused { why, .. } => why.reason.code(),
            accepted => panic!("{accepted:?}"),
        }
    }
}

#[tokio::test]
async fn an_image_of_dockers_is_accepted_by_a_logged_signature_in_the_repository_for_signatures() {
    let scene = Scene::new("docker-mcp");
    assert_eq!(scene.refused().await, "unsigned");
    for signed in [&scene.index, &scene.platform] {
        scene.keep_apart(signed, &[scene.logged(&scene.docker, &scene.payload(signed))]);
        let Verdict::Accepted { basis, manifest, signers, .. } = scene.decide().await.verdict else {
            panic!("refused")
        };
        assert_eq!((basis, manifest), (Basis::Signed, Some(digest(signed["digest"].as_str().unwrap()))));
        let [signer] = signers.try_into().expect("one signer");
        assert_eq!((signer.name.as_str(), signer.logged), ("Docker's key for docker.io/mcp", true));
        scene.keep_apart(signed, &[scene.signed(&Hand::new(), &scene.payload(signed))]);
    }
}

#[tokio::test]
async fn attack_20_an_image_of_dockers_is_not_accepted_by_a_signature_that_lacks_anything() {
    let scene = Scene::new("docker-mcp");
    let (stranger, payload) = (Hand::new(), scene.payload(&scene.index));
    let evil = json!({ "digest": OTHER });
    let mut borrowed = scene.signed(&scene.docker, &payload);
    let note = "dev.sigstore.cosign/bundle";
    borrowed["annotations"][note] = scene.logged(&scene.docker, &scene.payload(&evil))["annotations"][note].clone();
    let elsewhere = Statement::new(scene.index["digest"].as_str().unwrap(), "docker.io/mcp/time").bytes();
    for (expected, signature) in [
        ("not-logged", scene.signed(&scene.docker, &payload)),
        ("unknown-signer", scene.logged(&stranger, &payload)),
        ("log-mismatch", borrowed),
        // What others do not compare (docker/mcp-gateway, `pkg/signatures`): only the tag names this image.
        ("other-digest", scene.logged(&scene.docker, &scene.payload(&evil))),
        ("other-digest", scene.logged(&scene.docker, &scene.payload(&scene.platform))),
        ("other-repository", scene.logged(&scene.docker, &elsewhere)),
    ] {
        scene.keep_apart(&scene.index, &[signature]);
        assert_eq!(scene.refused().await, expected);
    }
}

#[tokio::test]
async fn a_hardened_image_is_accepted_by_a_signature_of_the_manifest_that_carries_its_provenance() {
    let scene = Scene::new("docker-hardened");
    let Scene { registry, docker, platform, .. } = &scene;
    let this = digest(platform["digest"].as_str().unwrap());
    let attest = |about: &Digest| {
        let said = in_toto(about, SLSA, &provenance("https://github.com/docker-hardened-images/time"));
        let notes = json!({ "in-toto.io/predicate-type": SLSA });
        let more = json!({ "subject": platform, "artifactType": IN_TOTO, "annotations": notes });
        registry.image("mcp/time", None, &[registry.blob(IN_TOTO, said.as_bytes())], more)
    };
    let vouch = |carrier: &Value, by: &Hand, named: &Value| {
        let kind = "application/vnd.dev.cosign.artifact.sig.v1+json";
        let more = json!({ "subject": carrier, "artifactType": kind });
        registry.image("mcp/time", None, &[scene.signed(by, &scene.payload(named))], more);
    };
    assert_eq!(scene.refused().await, "not-attested");
    let carrier = attest(&this);
    assert_eq!(scene.refused().await, "not-signed");
    vouch(&carrier, &Hand::new(), &carrier);
    assert_eq!(scene.refused().await, "not-signed");
    // Beside what carries it, and about something else.
    vouch(&carrier, docker, platform);
    assert_eq!(scene.refused().await, "not-signed");
    // One that Docker vouches for, of another image.
    let other = attest(&digest(OTHER));
    vouch(&other, docker, &other);
    assert_eq!(scene.refused().await, "other-digest");
    vouch(&carrier, docker, &carrier);
    let Decision { verdict, requirements, provenance, .. } = scene.decide().await;
    assert!(matches!(verdict, Verdict::Accepted { basis: Basis::Signed, .. }), "{verdict:?}");
    assert_eq!((requirements.len(), requirements[0].held, provenance.len()), (1, true, 1));
    assert_eq!(requirements[0].by[0].name, "Docker's key for hardened images");
}
