//! Every layout in which evidence lies, in folders of the OCI layout; and what is no evidence.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::*;
use crate::artifact::tests::depots;
use crate::artifact::tests::own_registry::OwnRegistry;
use crate::trust::evidence::Notes;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const IN_TOTO: &str = "application/vnd.in-toto+json";
const SIMPLE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const ENVELOPE: &str = "application/vnd.dsse.envelope.v1+json";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";

const ALL: Wanted = Wanted { attestations: true };

/// A folder of the OCI layout that is being filled.
struct Folder {
    kept: tempfile::TempDir,
    entries: Vec<Value>,
}

impl Folder {
    fn new() -> Self {
        let kept = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(kept.path().join("blobs/sha256")).unwrap();
        std::fs::write(kept.path().join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        Self { kept, entries: Vec::new() }
    }

    fn blob(&self, media_type: &str, bytes: &[u8]) -> Value {
        let digest = Digest::of(bytes);
        std::fs::write(self.path(&digest.to_string()), bytes).unwrap();
        json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() })
    }

    fn path(&self, digest: &str) -> PathBuf {
        self.kept.path().join("blobs/sha256").join(&digest["sha256:".len()..])
    }

    /// Writes a manifest, and gives its descriptor.
    fn manifest(&self, manifest: &Value) -> Value {
        let media_type = manifest["mediaType"].as_str().unwrap();
        self.blob(media_type, manifest.to_string().as_bytes())
    }

    /// A manifest with these layers.
    fn image(&self, layers: &[(&str, &str)], more: Value) -> Value {
        let layers: Vec<Value> = layers.iter().map(|(kind, text)| self.blob(kind, text.as_bytes())).collect();
        let mut manifest =
            json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": self.blob(EMPTY, b"{}"), "layers": layers });
        for (key, value) in more.as_object().unwrap() {
            manifest[key] = value.clone();
        }
        self.manifest(&manifest)
    }

    fn index(&self, entries: &[Value]) -> Value {
        self.manifest(&json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": entries }))
    }

    /// Lists a manifest in the folder.
    fn list(&mut self, descriptor: &Value) {
        self.entries.push(descriptor.clone());
    }

    /// Lists a manifest under a tag.
    fn tag(&mut self, tag: &str, descriptor: &Value) {
        let mut entry = descriptor.clone();
        entry["annotations"] = json!({ "org.opencontainers.image.ref.name": tag });
        self.entries.push(entry);
    }

    fn depot(&self) -> Depot {
        let index = json!({ "schemaVersion": 2, "manifests": self.entries }).to_string();
        std::fs::write(self.kept.path().join("index.json"), index).unwrap();
        depots(self.kept.path()).0.folder(self.kept.path())
    }

    async fn found(&self, manifests: &[&Value], wanted: Wanted) -> Found {
        let manifests: Vec<Digest> = manifests.iter().map(|manifest| digest(manifest)).collect();
        gather(&self.depot(), None, &manifests, wanted).await.unwrap()
    }
}

fn digest(descriptor: &Value) -> Digest {
    descriptor["digest"].as_str().unwrap().parse().unwrap()
}

/// The tag of something about a manifest.
fn tag_of(subject: &Value, ending: &str) -> String {
    subject["digest"].as_str().unwrap().replace(':', "-") + ending
}

fn with(mut value: Value, key: &str, to: Value) -> Value {
    value[key] = to;
    value
}

fn bundle(about: &Value, place: Place, text: &str) -> Evidence {
    Evidence { about: digest(about), place, form: Form::Bundle(text.as_bytes().to_vec()) }
}

fn problems(found: &Found) -> Vec<Strange> {
    assert_eq!(found.others, found.oddities.len());
    found.oddities.iter().map(|oddity| oddity.problem).collect()
}

#[tokio::test]
async fn where_nothing_is_nothing_is_found() {
    let mut folder = Folder::new();
    let artifact = folder.image(&[("application/wasm", "x")], json!({}));
    folder.tag("1", &artifact);
    assert_eq!(folder.found(&[&artifact], ALL).await, Found::default());
}

#[tokio::test]
async fn bundles_are_found_however_their_type_is_written() {
    for (number, (artifact_type, config, layer)) in [
        (Some(BUNDLE), EMPTY, BUNDLE),
        (None, EMPTY, BUNDLE),
        (Some(EMPTY), EMPTY, BUNDLE),
        (None, BUNDLE, "application/octet-stream"),
        (Some(BUNDLE), EMPTY, "application/json"),
        (Some("application/vnd.dev.sigstore.bundle+json;version=0.1"), EMPTY, "application/octet-stream"),
        (None, EMPTY, "application/vnd.dev.sigstore.bundle+json;version=0.2"),
        (None, EMPTY, "application/vnd.dev.sigstore.bundle+json;version=0.3"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut folder = Folder::new();
        let artifact = folder.image(&[], json!({}));
        let mut more = json!({ "subject": artifact, "config": folder.blob(config, b"{}") });
        if let Some(kind) = artifact_type {
            more["artifactType"] = kind.into();
        }
        let referrer = folder.image(&[(layer, "bundle")], more);
        folder.list(&artifact);
        folder.list(&referrer);
        let found = folder.found(&[&artifact], Wanted { attestations: false }).await;
        assert_eq!(found.evidence, [bundle(&artifact, Place::Referrers, "bundle")], "{number}");
        assert_eq!(found.others, 0);
    }
}

#[tokio::test]
async fn all_places_are_put_together_and_each_manifest_counts_once() {
    let mut folder = Folder::new();
    let artifact = folder.image(&[], json!({}));
    let referrer = |text: &str| folder.image(&[(BUNDLE, text)], json!({ "subject": artifact }));
    let (listed, tagged) = (referrer("listed"), referrer("tagged"));
    let fallback = folder.index(&[tagged.clone(), listed.clone()]);
    let signature = folder.image(&[(SIMPLE, "payload")], json!({}));
    let attestation = folder.image(&[(ENVELOPE, "envelope"), (BUNDLE, "old tag, new form")], json!({}));
    folder.list(&artifact);
    folder.list(&listed);
    folder.tag(&tag_of(&artifact, ""), &fallback);
    folder.tag(&tag_of(&artifact, ".sig"), &signature);
    folder.tag(&tag_of(&artifact, ".att"), &attestation);
    let evidence = |place, form| Evidence { about: digest(&artifact), place, form };
    let payload = Form::SimpleSigning { payload: b"payload".to_vec(), notes: Notes::default() };
    let envelope = Form::Envelope { envelope: b"envelope".to_vec(), notes: Notes::default() };
    let mut expected = vec![
        bundle(&artifact, Place::Referrers, "listed"),
        bundle(&artifact, Place::FallbackTag, "tagged"),
        evidence(Place::LegacyTag, payload),
        evidence(Place::LegacyTag, envelope),
        bundle(&artifact, Place::LegacyTag, "old tag, new form"),
    ];
    let found = folder.found(&[&artifact, &artifact], ALL).await;
    assert_eq!((&found.evidence, found.others), (&expected, 0));
    // Attestations are asked for only where somebody wants them.
    expected.truncate(3);
    assert_eq!(folder.found(&[&artifact], Wanted { attestations: false }).await.evidence, expected);
}

#[tokio::test]
async fn cosigns_notes_are_taken_as_they_are() {
    let mut folder = Folder::new();
    let artifact = folder.image(&[], json!({}));
    let notes = json!({
        "dev.cosignproject.cosign/signature": "s",
        "dev.sigstore.cosign/certificate": "c",
        "dev.sigstore.cosign/chain": "ch",
        "dev.sigstore.cosign/bundle": "b",
        "dev.sigstore.cosign/rfc3161timestamp": "t",
        "predicateType": "p",
        "other": "o",
    });
    let layer = with(folder.blob(SIMPLE, b"payload"), "annotations", notes);
    let signature = folder.image(&[], json!({ "layers": [layer] }));
    folder.list(&artifact);
    folder.tag(&tag_of(&artifact, ".sig"), &signature);
    let text = |text: &str| Some(text.to_owned());
    let notes = Notes {
        signature: text("s"),
        certificate: text("c"),
        chain: text("ch"),
        log: text("b"),
        timestamp: text("t"),
        predicate_type: text("p"),
    };
    let found = folder.found(&[&artifact], ALL).await;
    assert_eq!(found.evidence[0].form, Form::SimpleSigning { payload: b"payload".to_vec(), notes });
}

#[tokio::test]
async fn another_repository_may_hold_the_signatures() {
    let (mut folder, mut signatures) = (Folder::new(), Folder::new());
    let artifact = folder.image(&[], json!({}));
    folder.list(&artifact);
    let signature = signatures.image(&[(SIMPLE, "payload")], json!({}));
    signatures.tag(&tag_of(&artifact, ".sig"), &signature);
    let found = gather(&folder.depot(), Some(&signatures.depot()), &[digest(&artifact)], ALL).await.unwrap();
    assert_eq!(found.evidence.len(), 1);
    assert_eq!((found.evidence[0].place, found.evidence[0].about), (Place::SignatureRepository, digest(&artifact)));
}

/// An image for one platform, with the attestation manifest that BuildKit makes for it.
struct Built {
    folder: Folder,
    platform: Value,
    attestation: Value,
    index: Value,
}

/// `subject` says whether the attestation manifest says what it is about, as BuildKit's newer ones do.
fn built(subject: impl Fn(&Value) -> Option<Value>) -> Built {
    let mut folder = Folder::new();
    let platform = folder.image(&[("text/plain", "program")], json!({}));
    let mut more = json!({});
    if let Some(subject) = subject(&platform) {
        more = json!({ "artifactType": "application/vnd.docker.attestation.manifest.v1+json", "subject": subject });
    }
    let attestation = folder.image(&[(IN_TOTO, "sbom"), (IN_TOTO, "provenance")], more);
    let entry = in_index(&attestation, &platform);
    let index = folder.index(&[platform.clone(), entry]);
    folder.tag("1", &index);
    Built { folder, platform, attestation, index }
}

fn in_index(attestation: &Value, platform: &Value) -> Value {
    let mut entry = attestation.clone();
    entry["platform"] = json!({ "os": "unknown", "architecture": "unknown" });
    entry["annotations"] = json!({
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": platform["digest"],
    });
    entry
}

fn statement(text: &str, about: &Value, place: Place, carrier: &Value, by_index: bool) -> Evidence {
    let form = Form::Statement { statement: text.as_bytes().to_vec(), carrier: digest(carrier), by_index };
    Evidence { about: digest(about), place, form }
}

#[tokio::test]
async fn attack_39_what_buildkit_attests_is_no_more_than_a_statement() {
    let (old, new) = (built(|_| None), built(|platform| Some(platform.clone())));
    for Built { folder, platform, attestation, index } in [&old, &new] {
        let found = folder.found(&[index, platform], ALL).await;
        let expected = ["sbom", "provenance"].map(|text| statement(text, platform, Place::Index, attestation, true));
        assert_eq!((found.evidence.as_slice(), found.others), (expected.as_slice(), 0));
        // Nobody who wants only signatures is given any.
        assert_eq!(folder.found(&[index, platform], Wanted { attestations: false }).await, Found::default());
        // The index alone is not what will run, and its statements are about the platform.
        assert_eq!(folder.found(&[index], ALL).await, Found::default());
    }
    // Where nobody looked at the index, the registry's list of referrers shows the newer form, which no index covers.
    let Built { mut folder, platform, attestation, .. } = new;
    folder.list(&attestation);
    folder.list(&platform);
    let found = folder.found(&[&platform], ALL).await;
    let expected = ["sbom", "provenance"].map(|text| statement(text, &platform, Place::Referrers, &attestation, false));
    assert_eq!(found.evidence, expected);
}

#[tokio::test]
async fn who_vouches_for_an_attestation_manifest_is_found_as_well() {
    let Built { mut folder, platform, attestation, index } = built(|platform| Some(platform.clone()));
    let signature = folder.image(&[(BUNDLE, "builder")], json!({ "subject": attestation, "artifactType": BUNDLE }));
    folder.list(&signature);
    let legacy = folder.image(&[(SIMPLE, "payload")], json!({}));
    folder.tag(&tag_of(&attestation, ".sig"), &legacy);
    let found = folder.found(&[&index, &platform], ALL).await;
    assert_eq!(found.evidence.len(), 4);
    assert_eq!(found.evidence[2], bundle(&attestation, Place::Referrers, "builder"));
    assert_eq!((found.evidence[3].about, found.evidence[3].place), (digest(&attestation), Place::LegacyTag));
}

#[tokio::test]
async fn the_chain_of_hardened_images_is_followed() {
    let mut folder = Folder::new();
    let platform = folder.image(&[("text/plain", "program")], json!({}));
    let index = folder.index(std::slice::from_ref(&platform));
    folder.tag("1", &index);
    let mut expected = Vec::new();
    let mut signatures = Vec::new();
    for text in ["sbom", "provenance", "vex"] {
        let more = json!({ "subject": platform, "artifactType": IN_TOTO, "annotations": { "predicate-type": text } });
        let attestation = folder.image(&[(IN_TOTO, text)], more);
        let kind = "application/vnd.dev.cosign.artifact.sig.v1+json";
        let more = json!({ "subject": attestation, "artifactType": kind });
        let signature = folder.image(&[(SIMPLE, &format!("{text} signed"))], more);
        folder.list(&attestation);
        folder.list(&signature);
        expected.push(statement(text, &platform, Place::Referrers, &attestation, false));
        let payload = format!("{text} signed").into_bytes();
        let form = Form::SimpleSigning { payload, notes: Notes::default() };
        signatures.push(Evidence { about: digest(&attestation), place: Place::Referrers, form });
    }
    expected.extend(signatures);
    assert_eq!(folder.found(&[&index, &platform], ALL).await.evidence, expected);
}

#[tokio::test]
async fn attack_24_evidence_for_one_platform_is_none_for_another() {
    let mut folder = Folder::new();
    let platforms = ["signed", "evil"].map(|text| folder.image(&[("text/plain", text)], json!({})));
    let attestation = folder.image(&[(IN_TOTO, "sbom")], json!({}));
    let index = folder.index(&[platforms[0].clone(), platforms[1].clone(), in_index(&attestation, &platforms[0])]);
    folder.tag("1", &index);
    let signature = folder.image(&[(BUNDLE, "bundle")], json!({ "subject": platforms[0] }));
    folder.list(&signature);
    assert_eq!(folder.found(&[&index, &platforms[1]], ALL).await, Found::default());
    assert_eq!(folder.found(&[&index, &platforms[0]], ALL).await.evidence.len(), 2);
}

#[tokio::test]
async fn attack_25_what_says_that_it_is_about_something_else_is_no_evidence() {
    let other =
        |key: &'static str, value: Value| move |platform: &Value| Some(with(platform.clone(), key, value.clone()));
    let evil = Digest::of(b"evil").to_string();
    for (subject, problem) in [
        (other("digest", evil.clone().into()), Strange::OtherSubject),
        (other("size", 1.into()), Strange::OtherSubjectSize),
        (other("mediaType", INDEX.into()), Strange::OtherSubjectMediaType),
    ] {
        // In the index of an image, and under the fallback tag.
        let Built { folder, platform, index, .. } = built(&subject);
        let found = folder.found(&[&index, &platform], ALL).await;
        assert_eq!((found.evidence.as_slice(), problems(&found)), ([].as_slice(), vec![problem]));
        assert_eq!(found.why_none().unwrap().code(), "other-referrer");
        let mut folder = Folder::new();
        let artifact = folder.image(&[], json!({}));
        let referrer = folder.image(&[(BUNDLE, "bundle")], json!({ "subject": subject(&artifact) }));
        folder.list(&artifact);
        let list = folder.index(&[referrer]);
        folder.tag(&tag_of(&artifact, ""), &list);
        let found = folder.found(&[&artifact], ALL).await;
        assert_eq!((found.evidence.as_slice(), problems(&found)), ([].as_slice(), vec![problem]));
    }
    // What the index says that it refers to is not there: nobody is asked about it.
    let Built { mut folder, platform, attestation, .. } = built(|_| None);
    let mut entry = in_index(&attestation, &platform);
    entry["annotations"]["vnd.docker.reference.digest"] = evil.into();
    let index = folder.index(&[platform.clone(), entry]);
    folder.tag("2", &index);
    assert_eq!(folder.found(&[&index, &platform], ALL).await, Found::default());
}

#[tokio::test]
async fn a_list_that_lies_about_its_entries_makes_no_evidence() {
    let mut folder = Folder::new();
    let artifact = folder.image(&[], json!({}));
    let good = folder.image(&[(BUNDLE, "good")], json!({ "subject": artifact }));
    let referrer = |text: &str| folder.image(&[(BUNDLE, text)], json!({ "subject": artifact }));
    let missing = with(good.clone(), "digest", Digest::of(b"nowhere").to_string().into());
    let entries = [
        missing,
        with(referrer("large"), "size", (2 * 1024 * 1024).into()),
        with(referrer("a"), "size", 7.into()),
        with(referrer("b"), "mediaType", INDEX.into()),
        folder.image(&[(BUNDLE, "about nothing")], json!({})),
        folder.index(&[]),
        folder.blob(MANIFEST, b"{}"),
        folder.image(&[], json!({ "subject": artifact, "layers": [], "manifests": [] })),
        good.clone(),
    ];
    folder.list(&artifact);
    let list = folder.index(&entries);
    folder.tag(&tag_of(&artifact, ""), &list);
    let found = folder.found(&[&artifact], ALL).await;
    assert_eq!(found.evidence, [bundle(&artifact, Place::FallbackTag, "good")]);
    assert_eq!(
        problems(&found),
        [
            Strange::TooLarge,
            Strange::Missing,
            Strange::OtherSize,
            Strange::OtherMediaType,
            Strange::NoSubject,
            Strange::NoSubject,
            Strange::NotAManifest,
            Strange::NotAManifest,
        ]
    );
}

#[tokio::test]
async fn blobs_that_are_not_what_their_manifest_says_make_no_evidence() {
    let mut folder = Folder::new();
    let artifact = folder.image(&[], json!({}));
    folder.list(&artifact);
    let layer = folder.blob(BUNDLE, b"bundle");
    for (layer, problem) in [
        (with(layer.clone(), "size", 100.into()), Strange::OtherSize),
        (with(layer.clone(), "size", (1_u64 << 40).into()), Strange::TooLarge),
        (with(layer.clone(), "digest", Digest::of(b"nowhere").to_string().into()), Strange::Missing),
    ] {
        let signature = folder.image(&[], json!({ "layers": [layer] }));
        folder.entries.truncate(1);
        folder.tag(&tag_of(&artifact, ".sig"), &signature);
        let found = folder.found(&[&artifact], ALL).await;
        assert_eq!((found.evidence.len(), problems(&found)), (0, vec![problem]));
    }
    // Other bytes than their name says: whoever keeps them is not believed in anything.
    let signature = folder.image(&[], json!({ "layers": [layer] }));
    folder.entries.truncate(1);
    folder.tag(&tag_of(&artifact, ".sig"), &signature);
    std::fs::write(folder.path(layer["digest"].as_str().unwrap()), "BUNDLE").unwrap();
    let error = gather(&folder.depot(), None, &[digest(&artifact)], ALL).await.unwrap_err();
    assert_eq!((error.place, error.digest), (Place::LegacyTag, digest(&artifact)));
    assert!(matches!(error.source, DepotError::OtherBytes { .. }));
}

#[tokio::test]
async fn what_lies_in_the_place_of_signatures_and_is_none_is_said_to_be_strange() {
    let mut folder = Folder::new();
    let artifact = folder.image(&[], json!({}));
    let (component, empty) = (folder.image(&[("application/wasm", "x")], json!({})), folder.image(&[], json!({})));
    folder.list(&artifact);
    folder.tag(&tag_of(&artifact, ".sig"), &component);
    folder.tag(&tag_of(&artifact, ".att"), &empty);
    // A fallback tag that is no list.
    folder.tag(&tag_of(&artifact, ""), &component);
    let found = folder.found(&[&artifact], ALL).await;
    assert_eq!((found.evidence.len(), problems(&found)), (0, vec![Strange::NotEvidence; 2]));
    // Among referrers lies much that is about something else.
    let mut folder = Folder::new();
    let artifact = folder.image(&[], json!({}));
    let other = folder.image(&[("text/markdown", "# Read me")], json!({ "subject": artifact, "artifactType": "a/b" }));
    folder.list(&artifact);
    folder.list(&other);
    assert_eq!(folder.found(&[&artifact], ALL).await, Found::default());
}

#[tokio::test]
async fn a_registry_that_takes_the_fallback_tag_for_the_digest_lists_nothing() {
    let mut folder = Folder::new();
    let platform = folder.image(&[], json!({}));
    let index = folder.index(std::slice::from_ref(&platform));
    folder.tag(&tag_of(&index, ""), &index);
    assert_eq!(folder.found(&[&index], ALL).await, Found::default());
}

#[tokio::test]
async fn attack_45_a_flood_hides_nothing_that_comes_before_it_and_is_not_waited_for() {
    let mut folder = Folder::new();
    let artifact = folder.image(&[], json!({}));
    folder.list(&artifact);
    let noise = folder.image(&[(BUNDLE, "noise")], json!({ "subject": artifact }));
    let flood: Vec<Value> = (0..900)
        .map(|number| {
            let noise = format!("noise {number}");
            folder.image(&[(BUNDLE, &noise)], json!({ "subject": artifact }))
        })
        .collect();
    let good = folder.image(&[(BUNDLE, "good")], json!({ "subject": artifact }));
    let unlikely = with(noise, "artifactType", "application/vnd.something.else".into());
    let entries = [&[unlikely, good.clone()], flood.as_slice()].concat();
    let list = folder.index(&entries);
    folder.tag(&tag_of(&artifact, ""), &list);
    let signature = folder.image(&[(SIMPLE, "payload")], json!({}));
    folder.tag(&tag_of(&artifact, ".sig"), &signature);
    let found = folder.found(&[&artifact], ALL).await;
    assert_eq!(found.evidence.len(), 64 + 1);
    assert_eq!(found.evidence[0], bundle(&artifact, Place::FallbackTag, "good"));
    // It hides nothing in another place either.
    assert_eq!(found.evidence[64].place, Place::LegacyTag);
    assert_eq!(found.others, 902 - 64);
    assert!(found.oddities.iter().all(|oddity| oddity.problem == Strange::TooMany));
    assert_eq!(found.why_none().unwrap().code(), "too-many-beside");
    assert_eq!(found.oddities.len(), MAX_ODDITIES);
    // The order is the same each time.
    assert_eq!(folder.found(&[&artifact], ALL).await, found);
}

#[tokio::test]
async fn attack_45_what_is_large_is_read_up_to_a_limit_and_what_is_small_always() {
    let mut folder = Folder::new();
    let artifact = folder.image(&[], json!({}));
    folder.list(&artifact);
    let large = |number: u8| [vec![b' '; 30 * 1024 * 1024], vec![number]].concat();
    let layers: Vec<Value> = (0..4).map(|number| folder.blob(ENVELOPE, &large(number))).collect();
    let layers = [layers, vec![folder.blob(ENVELOPE, b"small")]].concat();
    let attestation = folder.image(&[], json!({ "layers": layers }));
    folder.tag(&tag_of(&artifact, ".att"), &attestation);
    let found = folder.found(&[&artifact], ALL).await;
    assert_eq!((found.evidence.len(), problems(&found)), (3, vec![Strange::TooMany; 2]));
}

#[tokio::test]
async fn attack_45_what_is_listed_many_times_says_no_more_than_once() {
    let mut folder = Folder::new();
    let artifact = folder.image(&[], json!({}));
    folder.list(&artifact);
    let layers = vec![folder.blob(SIMPLE, b"payload"); 60];
    let copies: Vec<Value> = (0..60)
        .map(|number| {
            let note = json!({ "n": number.to_string() });
            folder.image(&[], json!({ "subject": artifact, "layers": layers, "annotations": note }))
        })
        .collect();
    let list = folder.index(&copies);
    folder.tag(&tag_of(&artifact, ""), &list);
    assert_eq!(folder.found(&[&artifact], ALL).await.evidence.len(), 1);
}

#[tokio::test]
async fn a_copy_in_a_folder_has_all_the_evidence_of_the_registry() {
    for registry in [OwnRegistry::with_lists(), OwnRegistry::without_lists()] {
        let image = |tag: Option<&str>, kind: &str, text: &str, more: Value| {
            let layer = registry.blob(kind, text.as_bytes());
            registry.image("a/b", tag, &[layer], more)
        };
        let platform = image(None, "text/plain", "program", json!({}));
        let built = image(None, IN_TOTO, "built sbom", json!({ "subject": platform }));
        let index =
            json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [platform, in_index(&built, &platform)] });
        let index = registry.manifest("a/b", Some("1"), &index);
        let vex = image(None, IN_TOTO, "vex", json!({ "subject": platform, "artifactType": IN_TOTO }));
        let mut referrers = vec![(&platform, vex.clone())];
        for (subject, text) in [(&index, "index"), (&platform, "platform"), (&built, "builder"), (&vex, "vex signed")] {
            referrers.push((subject, image(None, BUNDLE, text, json!({ "subject": subject }))));
        }
        for subject in [&index, &platform, &built, &vex] {
            // Where the registry lists none itself, others have.
            let list: Vec<&Value> = referrers
                .iter()
                .filter(|(about, _)| about["digest"] == subject["digest"])
                .map(|(_, entry)| entry)
                .collect();
            let list = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": list });
            registry.manifest("a/b", Some(&tag_of(subject, "")), &list);
            image(
                Some(&tag_of(subject, ".sig")),
                SIMPLE,
                "payload",
                json!({ "annotations": { "of": subject["digest"] } }),
            );
        }
        image(Some(&tag_of(&platform, ".att")), ENVELOPE, "envelope", json!({}));
        let kept = tempfile::tempdir().unwrap();
        let (depots, _) = depots(kept.path());
        let reference = registry.reference("a/b:1").parse().unwrap();
        let copy = kept.path().join("copy");
        depots.copy(&reference, None, &copy).await.unwrap();
        let manifests = [digest(&index), digest(&platform)];
        let sorted = |found: Found| {
            assert_eq!(found.others, 0);
            let key = |evidence: &Evidence| format!("{} {:?}", evidence.about, evidence.form);
            let mut keys: Vec<String> = found.evidence.iter().map(key).collect();
            keys.sort();
            keys
        };
        let there = sorted(gather(&depots.registry(&reference), None, &manifests, ALL).await.unwrap());
        drop(registry);
        let here = sorted(gather(&depots.folder(&copy), None, &manifests, ALL).await.unwrap());
        assert_eq!(here, there);
        assert_eq!(here.len(), 2 + 4 + 4 + 1);
        // What was gathered once is there without the registry, too.
        let again = sorted(gather(&depots.registry(&reference), None, &manifests, ALL).await.unwrap());
        assert_eq!(again, there);
    }
}
