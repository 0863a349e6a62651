//! What is said of artifacts in the layouts of those who say it: cosign 2, BuildKit, Docker Hardened Images.

use std::path::Path;

use serde_json::{Value, json};

use super::{BY_ACME, Image, Scene, layout, push, signed};
use crate::support::cosign::{Key, digest_of, manifest};
use crate::support::sigstore::statement;
use crate::support::{folder, probe};

const SPDX: &str = "https://spdx.dev/Document/v2.3";
const SLSA: &str = "https://slsa.dev/provenance/v1";
const IN_TOTO: &str = "application/vnd.in-toto+json";

fn sbom() -> Value {
    json!({
        "spdxVersion": "SPDX-2.3",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": "server",
        "creationInfo": { "created": "2026-01-02T03:04:05Z", "creators": ["Tool: x"] },
        "packages": [{ "name": "left", "SPDXID": "SPDXRef-left", "versionInfo": "1.0.0", "licenseDeclared": "MIT",
            "licenseConcluded": "MIT", "downloadLocation": "NOASSERTION" }],
    })
}

fn provenance() -> Value {
    json!({
        "buildDefinition": { "buildType": "https://acme.example/build", "externalParameters": {} },
        "runDetails": { "builder": { "id": "https://acme.example/builder" } },
    })
}

#[test]
fn attestations_under_cosigns_tag_tell_what_is_in_a_component() {
    let (scene, (_folder, folder)) = (Scene::new(), folder());
    scene.trust(&format!("{BY_ACME}\nsbom = {{ required = true }}"));
    let reference = format!("{}:1", scene.name());
    let digest = scene.repository().push_component("1", Path::new(&probe()));
    scene.sign(&digest);
    let verify = || scene.verify(&reference);
    assert_eq!(verify()["reason"], "no-sbom");
    let said = statement(&digest, SPDX, &sbom());
    let attested_by = |key: &Key, said: &Value| scene.repository().push_attestations(&digest, &[key.attest(said)]);
    attested_by(&Key::new(scene.home.path(), "stranger"), &said);
    assert_eq!(verify()["reason"], "unknown-signer");
    let other = format!("sha256:{}", "0".repeat(64));
    attested_by(&scene.acme, &statement(&other, SPDX, &sbom()));
    assert_eq!(verify()["reason"], "other-artifact");
    attested_by(&scene.acme, &said);
    let verified = verify();
    signed(&verified, &digest);
    assert_eq!(verified["requirements"][1]["held"], true, "{verified:#}");
    scene.copy(&reference, &folder.join("copy"));
    let home = scene.elsewhere();
    signed(&home.verify(&layout(&folder.join("copy"))).json(), &digest);
}

/// Pushes an image with the SBOM of its platform's manifest as BuildKit has it, and gives the manifest that carries it.
fn with_buildkits_sbom(scene: &Scene, names_its_subject: bool) -> (Image, String) {
    let mut carrier = String::new();
    let image = scene.push_image_with(|platform| {
        let said = statement(platform["digest"].as_str().unwrap(), SPDX, &sbom()).to_string();
        let mut layer = scene.repository().push_blob(IN_TOTO, said.as_bytes());
        layer["annotations"] = json!({ "in-toto.io/predicate-type": SPDX });
        let config = scene.repository().push_blob("application/vnd.oci.image.config.v1+json", b"{}");
        let mut attestation = manifest(config, vec![layer], json!({}));
        if names_its_subject {
            attestation["artifactType"] = "application/vnd.docker.attestation.manifest.v1+json".into();
            attestation["subject"] = platform.clone();
            attestation["subject"].as_object_mut().unwrap().remove("platform");
        }
        let mut entry = push(&scene.repository(), &attestation);
        carrier = entry["digest"].as_str().unwrap().to_owned();
        entry["platform"] = json!({ "os": "unknown", "architecture": "unknown" });
        entry["annotations"] = json!({
            "vnd.docker.reference.type": "attestation-manifest",
            "vnd.docker.reference.digest": platform["digest"],
        });
        vec![entry]
    });
    (image, carrier)
}

#[test]
fn an_sbom_of_buildkits_counts_where_the_index_or_the_manifest_that_carries_it_is_signed() {
    for (names_its_subject, by_index) in [(false, true), (true, true), (true, false)] {
        let (scene, (_folder, folder)) = (Scene::new(), folder());
        scene.trust(&format!("{BY_ACME}\nsbom = {{ required = true }}"));
        let (image, carrier) = with_buildkits_sbom(&scene, names_its_subject);
        // attack_39: nothing that is signed covers it yet.
        scene.sign(&image.platform);
        assert_eq!(scene.verify(&scene.image())["reason"], "not-signed");
        scene.copy(&scene.image(), &folder.join("uncovered"));
        scene.sign(if by_index { &image.index } else { &carrier });
        let over = if by_index { &image.index } else { &image.platform };
        let verified = scene.verify(&scene.image());
        signed(&verified, over);
        assert_eq!(verified["sboms"].as_array().map(Vec::len), Some(1), "{verified:#}");
        scene.copy(&scene.image(), &folder.join("covered"));
        let home = scene.elsewhere();
        let verify = |name: &str| home.verify(&layout(&folder.join(name))).json();
        signed(&verify("covered"), over);
        assert_eq!(verify("uncovered")["reason"], "not-signed");
    }
}

#[test]
fn attestations_of_hardened_images_count_by_the_signatures_of_their_manifests() {
    let (scene, (_folder, folder)) = (Scene::new(), folder());
    // As `docker-hardened` asks, with a key of the tests' own.
    scene.trust(&format!(
        r#"attestations = [{{ type = "{SLSA}", signers = [{{ key = "acme.pub", log = "ignore" }}] }}]"#
    ));
    let repository = scene.repository();
    let mut platform = Value::Null;
    let image = scene.push_image_with(|entry| {
        platform = entry.clone();
        Vec::new()
    });
    platform.as_object_mut().unwrap().remove("platform");
    assert_eq!(scene.verify(&scene.image())["reason"], "not-attested");
    let said = statement(&image.platform, SLSA, &provenance()).to_string();
    let layer = repository.push_blob(IN_TOTO, said.as_bytes());
    let config = repository.push_blob("application/vnd.oci.empty.v1+json", b"{}");
    let mut attestation = manifest(config, vec![layer], json!({ "in-toto.io/predicate-type": SLSA }));
    attestation["artifactType"] = IN_TOTO.into();
    attestation["subject"] = platform;
    let attestation = push(&repository, &attestation);
    repository.push_list(&image.platform, std::slice::from_ref(&attestation));
    let carrier = attestation["digest"].as_str().unwrap();
    assert_eq!(scene.verify(&scene.image())["reason"], "not-signed");
    let sign = |key: &Key, digest: &str| repository.push_referrer(carrier, &[key.sign(digest, &scene.name())]);
    let stranger = Key::new(scene.home.path(), "stranger");
    for (entry, reason) in [
        (sign(&stranger, carrier), "not-signed"),
        // Of the image and not of what is said of it.
        (sign(&scene.acme, &image.platform), "not-signed"),
        (sign(&scene.acme, &digest_of(b"another attestation")), "not-signed"),
    ] {
        repository.push_list(carrier, &[entry]);
        assert_eq!(scene.verify(&scene.image())["reason"], reason);
    }
    repository.push_list(carrier, &[sign(&scene.acme, carrier)]);
    let is_met = |verified: &Value| {
        assert_eq!(
            (&verified["basis"], &verified["requirements"][0]["held"]),
            (&json!("signed"), &json!(true)),
            "{verified:#}"
        );
    };
    is_met(&scene.verify(&scene.image()));
    scene.copy(&scene.image(), &folder.join("copy"));
    let home = scene.elsewhere();
    is_met(&home.verify(&layout(&folder.join("copy"))).json());
}
