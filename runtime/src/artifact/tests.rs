//! Depots against a registry of the tests' own, on loopback.

#[path = "../../../tests/support/listener.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod listener;
#[path = "../../../tests/support/own_registry.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
pub(crate) mod own_registry;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use self::own_registry::{INDEX, Lists, OwnRegistry, Reply, digest_of, not_found};
use super::attach::{Attachment, Layer};
use super::*;
use crate::dial::Dialler;
use crate::settings::{Event, Hooks, RegistrySettings};

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// What depots told.
pub(crate) type Told = Arc<Mutex<Vec<String>>>;

/// Depots that keep what they pull in a folder, and have little patience.
pub(crate) fn depots(folder: &Path) -> (Depots, Told) {
    let told = Told::default();
    let events = Arc::clone(&told);
    let hooks = Hooks {
        event: Arc::new(move |event| {
            if !matches!(event, Event::Transferred { .. }) {
                events.lock().unwrap().push(format!("{event:?}"));
            }
        }),
    };
    let pace = Pace { first_wait: Duration::from_millis(1), ..Pace::default() };
    let logins = Logins::new(&RegistrySettings::default());
    let (dialler, token_hosts) = (Dialler::new(&[]).unwrap(), TokenHosts::default());
    let shared = Shared { dialler, logins, token_hosts, pace, hooks: hooks.clone() };
    (Depots::new(shared, Store::new(folder.join("store"), hooks)), told)
}

/// The repository `a/b` of a registry, seen from a machine of its own.
pub(crate) struct Seen {
    _kept: tempfile::TempDir,
    pub(crate) told: Told,
    depots: Depots,
    reference: Reference,
}

impl Seen {
    pub(crate) fn of(registry: &OwnRegistry) -> Self {
        let kept = tempfile::tempdir().unwrap();
        let (depots, told) = depots(kept.path());
        Self { _kept: kept, told, depots, reference: registry.reference("a/b:1").parse().unwrap() }
    }

    /// As a new start of the program sees it.
    pub(crate) fn depot(&self) -> Depot {
        self.depots.registry(&self.reference)
    }
}

fn digest(descriptor: &Value) -> Digest {
    descriptor["digest"].as_str().unwrap().parse().unwrap()
}

/// Something that others refer to.
fn subject(registry: &OwnRegistry) -> Value {
    let layer = registry.blob("application/wasm", b"\0asm");
    registry.image("a/b", Some("1"), &[layer], json!({}))
}

fn referrer(registry: &OwnRegistry, subject: &Value, text: &str) -> Value {
    let layer = registry.blob(BUNDLE, text.as_bytes());
    registry.image("a/b", None, &[layer], json!({ "subject": subject, "artifactType": BUNDLE }))
}

fn digests(found: &Referrers) -> Vec<Digest> {
    found.entries.iter().map(|entry| entry.digest).collect()
}

#[tokio::test]
async fn a_registry_lists_what_refers_to_a_manifest_page_by_page() {
    for page in [usize::MAX, 2, 1] {
        let registry = OwnRegistry::good_but(Lists(Some(page)), |_, _| None);
        let subject = subject(&registry);
        let expected: Vec<Digest> =
            ["one", "two", "three"].map(|text| digest(&referrer(&registry, &subject, text))).to_vec();
        let seen = Seen::of(&registry);
        let found = seen.depot().referrers(&digest(&subject)).await.unwrap();
        assert_eq!((digests(&found), found.more), (expected.clone(), false));
        assert_eq!(found.entries[0].artifact_type.as_deref(), Some(BUNDLE));
        // What it said is remembered for the time when nobody answers.
        drop(registry);
        assert_eq!(seen.depot().referrers(&digest(&subject)).await.unwrap(), found);
        assert_eq!(seen.told.lock().unwrap().len(), 1);
        assert!(seen.told.lock().unwrap()[0].contains("BesideLastSeen"));
    }
}

#[tokio::test]
async fn a_registry_without_lists_says_so_and_has_none() {
    for status in ["404 Not Found", "406 Not Acceptable"] {
        let registry = OwnRegistry::good_but(Lists(None), move |heard, _| {
            heard.path.contains("/referrers/").then(|| Reply::new(status, &[], b"<html>"))
        });
        let subject = subject(&registry);
        let seen = Seen::of(&registry);
        assert_eq!(seen.depot().referrers(&digest(&subject)).await.unwrap(), Referrers::default());
        assert!(seen.depot().companion(fallback_tag(&digest(&subject))).await.unwrap().is_none());
        // That there was none is remembered, too; what was never asked is not.
        drop(registry);
        assert_eq!(seen.depot().referrers(&digest(&subject)).await.unwrap(), Referrers::default());
        assert!(seen.depot().companion(fallback_tag(&digest(&subject))).await.unwrap().is_none());
        let never = seen.depot().companion("sha256-never.sig".to_owned()).await;
        assert!(matches!(never, Err(DepotError::Unreachable { .. })));
        // A tag that somebody asks for is not taken for missing where nobody answers.
        let tag = Selector::Tag(fallback_tag(&digest(&subject)));
        assert!(matches!(seen.depot().manifest(&tag).await, Err(DepotError::Unreachable { .. })));
    }
}

#[tokio::test]
async fn attack_44_an_answer_other_than_a_list_is_never_taken_for_none() {
    let other = json!({ "schemaVersion": 2, "config": own_entry("x"), "layers": [] }).to_string();
    let twice = format!(r#"{{"schemaVersion":2,"manifests":[],"manifests":[{}]}}"#, own_entry("x"));
    let docker = "application/vnd.docker.distribution.manifest.list.v2+json";
    let sha512 = json!({ "schemaVersion": 2, "manifests": [{ "mediaType": "a/b", "digest": "sha512:00", "size": 1 }] });
    let replies: Vec<(&str, Box<Answering>)> = vec![
        ("unexpected-status", Box::new(|| Reply::new("500 Internal Server Error", &[("retry-after", "0")], b""))),
        ("access-denied", Box::new(|| Reply::new("401 Unauthorized", &[("www-authenticate", "Basic realm=x")], b""))),
        ("access-denied", Box::new(|| Reply::new("403 Forbidden", &[], b""))),
        ("unexpected-status", Box::new(|| Reply::new("400 Bad Request", &[], b""))),
        ("unexpected-status", Box::new(|| Reply::new("429 Too Many Requests", &[("retry-after", "86400")], b""))),
        ("unexpected-status", Box::new(|| Reply::new("204 No Content", &[], b""))),
        ("unexpected-redirect", Box::new(|| Reply::redirect("https://example.com/v2/"))),
        ("manifest-unreadable", Box::new(|| Reply::ok("text/html", b"<html>please log in</html>"))),
        ("manifest-unreadable", Box::new(|| Reply::ok(INDEX, b"<html>please log in</html>"))),
        ("manifest-invalid", Box::new(|| Reply::ok(INDEX, b"{}"))),
        ("manifest-type", Box::new(|| Reply::new("200 OK", &[], br#"{"schemaVersion":2,"manifests":[]}"#))),
        ("manifest-type", Box::new(move || Reply::ok(docker, br#"{"schemaVersion":2,"manifests":[]}"#))),
        ("manifest-type", Box::new(move || Reply::ok(INDEX, other.as_bytes()))),
        ("duplicate-key", Box::new(move || Reply::ok(INDEX, twice.as_bytes()))),
        ("digest-invalid", Box::new(move || Reply::ok(INDEX, sha512.to_string().as_bytes()))),
        ("answer-too-large", Box::new(|| Reply::lying("200 OK", &[("content-type", INDEX)], 400_000_000, b"{"))),
        ("connection-broken", Box::new(|| Reply::raw("no http at all\r\n\r\n"))),
        ("connection-broken", Box::new(|| Reply::lying("200 OK", &[("content-type", INDEX)], 500, b"{"))),
    ];
    for (expected, reply) in replies {
        let registry =
            OwnRegistry::good_but(Lists(Some(9)), move |heard, _| heard.path.contains("/referrers/").then(&reply));
        let subject = digest(&subject(&registry));
        let error = Seen::of(&registry).depot().referrers(&subject).await.unwrap_err();
        assert_eq!(error.code(), expected, "{error:?}");
    }
}

type Answering = dyn Fn() -> Reply + Send + Sync;

fn own_entry(text: &str) -> Value {
    json!({ "mediaType": "a/b", "digest": digest_of(text.as_bytes()), "size": text.len() })
}

#[tokio::test]
async fn attack_44_a_page_that_is_missing_makes_the_whole_list_unknown() {
    for (expected, second) in [
        ("unexpected-status", Reply::new("500 Internal Server Error", &[], b"")),
        ("not-found", not_found()),
        ("manifest-invalid", Reply::ok(INDEX, b"{}")),
    ] {
        let second = Mutex::new(Some(second));
        let registry = OwnRegistry::good_but(Lists(Some(1)), move |heard, _| {
            let again = || Reply::new("500 Internal Server Error", &[], b"");
            heard.path.contains("?from=1").then(|| second.lock().unwrap().take().unwrap_or_else(again))
        });
        let subject = subject(&registry);
        for text in ["one", "two"] {
            referrer(&registry, &subject, text);
        }
        let error = Seen::of(&registry).depot().referrers(&digest(&subject)).await.unwrap_err();
        assert_eq!(error.code(), expected, "{error:?}");
    }
    for link in ["<https://example.com/v2/x>; rel=\"next\"", "<http://169.254.169.254/v2/>; rel=next", "x; rel=next"] {
        let registry = OwnRegistry::good_but(Lists(Some(1)), move |heard, _| {
            let list = br#"{"schemaVersion":2,"manifests":[]}"#;
            let headers = [("content-type", INDEX), ("link", link)];
            heard.path.contains("/referrers/").then(|| Reply::new("200 OK", &headers, list))
        });
        let subject = subject(&registry);
        let error = Seen::of(&registry).depot().referrers(&digest(&subject)).await.unwrap_err();
        assert_eq!(error.code(), "next-page-elsewhere", "{link}: {error:?}");
    }
}

#[tokio::test]
async fn attack_45_a_list_without_end_is_not_read_to_its_end() {
    let registry = OwnRegistry::good_but(Lists(Some(1)), |heard, before| {
        if !heard.path.contains("/referrers/") {
            return None;
        }
        let list = json!({ "schemaVersion": 2, "manifests": [own_entry(&before.to_string())] }).to_string();
        let link = format!("<{}>; rel=\"next\"", heard.path);
        Some(Reply::new("200 OK", &[("content-type", INDEX), ("link", &link)], list.as_bytes()))
    });
    let subject = digest(&subject(&registry));
    let seen = Seen::of(&registry);
    let found = seen.depot().referrers(&subject).await.unwrap();
    assert_eq!((found.entries.len(), found.more), (16, true));
    assert_eq!(registry.lines().len(), 16);
    drop(registry);
    assert_eq!(seen.depot().referrers(&subject).await.unwrap(), found);
    // Many on one page.
    let registry = OwnRegistry::good_but(Lists(Some(1)), |heard, _| {
        let entries: Vec<Value> = (0..5000).map(|number: u32| own_entry(&number.to_string())).collect();
        let list = json!({ "schemaVersion": 2, "manifests": entries }).to_string();
        heard.path.contains("/referrers/").then(|| Reply::ok(INDEX, list.as_bytes()))
    });
    let found = Seen::of(&registry).depot().referrers(&subject).await.unwrap();
    assert_eq!((found.entries.len(), found.more), (1000, true));
}

#[tokio::test]
async fn several_questions_at_once_prove_who_asks_once() {
    let registry = OwnRegistry::good_but(Lists(Some(9)), |heard, _| {
        if heard.path.starts_with("/token?") {
            return Some(Reply::ok("application/json", br#"{"token":"t0ken"}"#));
        }
        let wanted = format!("Bearer realm=\"http://{}/token\"", heard.header("host").unwrap());
        let known = heard.header("authorization") == Some("Bearer t0ken");
        (!known).then(|| Reply::new("401 Unauthorized", &[("www-authenticate", &wanted)], b""))
    });
    let subject = digest(&subject(&registry));
    let seen = Seen::of(&registry);
    let depot = seen.depot();
    let tags = [".sig", ".att", ""].map(|ending| depot.companion(fallback_tag(&subject) + ending));
    let (tags, listed) = tokio::join!(futures_util::future::join_all(tags), depot.referrers(&subject));
    assert!(tags.into_iter().all(|found| found.unwrap().is_none()) && listed.is_ok());
    assert_eq!(registry.lines().iter().filter(|line| line.contains("/token")).count(), 1);
}

fn attachment(text: &str) -> Attachment {
    Attachment {
        artifact_type: BUNDLE.to_owned(),
        annotations: BTreeMap::from([("made".to_owned(), "today".to_owned())]),
        layer: layer(BUNDLE, text, &[]),
    }
}

fn layer(media_type: &str, text: &str, notes: &[(&str, &str)]) -> Layer {
    Layer {
        media_type: media_type.to_owned(),
        content: Artifact::new(text.as_bytes()),
        annotations: notes.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
    }
}

#[tokio::test]
async fn what_is_attached_is_listed_by_the_registry_or_under_the_fallback_tag() {
    for (registry, listed) in [(OwnRegistry::with_lists(), true), (OwnRegistry::without_lists(), false)] {
        let subject = subject(&registry);
        let depot = Seen::of(&registry).depot();
        let one = depot.attach(&digest(&subject), &attachment("one")).await.unwrap();
        let two = depot.attach(&digest(&subject), &attachment("two")).await.unwrap();
        assert_eq!(depot.attach(&digest(&subject), &attachment("one")).await.unwrap(), one);
        let tag = fallback_tag(&digest(&subject));
        let entries = if listed {
            assert!(registry.tagged("a/b", &tag).is_none());
            depot.referrers(&digest(&subject)).await.unwrap().entries
        } else {
            let list = depot.companion(tag).await.unwrap().unwrap();
            let Content::Index { manifests } = list.content else { panic!("no list") };
            manifests
        };
        assert_eq!(entries.iter().map(|entry| entry.digest).collect::<Vec<_>>(), [one, two]);
        let entry = &entries[0];
        assert_eq!((entry.artifact_type.as_deref(), entry.annotations["made"].as_str()), (Some(BUNDLE), "today"));
        let manifest = depot.manifest(&Selector::Digest(one)).await.unwrap();
        let about = manifest.subject.as_ref().unwrap();
        assert_eq!((about.digest, Some(about.size)), (digest(&subject), subject["size"].as_u64()));
        let Content::Image { config, layers } = &manifest.content else { panic!("no artifact") };
        assert_eq!(depot.blob(config, 9).await.unwrap().bytes(), b"{}");
        assert_eq!(depot.blob(&layers[0], 9).await.unwrap().bytes(), b"one");
    }
}

#[tokio::test]
async fn a_registry_that_claims_to_list_and_makes_no_lists_gets_the_fallback_tag() {
    let claims = Mutex::new(String::new());
    let claimed = Arc::new(claims);
    let subject_of_claim = Arc::clone(&claimed);
    let registry = OwnRegistry::good_but(Lists(None), move |heard, _| {
        let subject = subject_of_claim.lock().unwrap();
        let is_referrer = heard.method == "PUT" && heard.path.contains("/manifests/sha256:");
        is_referrer.then(|| Reply::new("201 Created", &[("oci-subject", &subject)], b""))
    });
    let subject = digest(&subject(&registry));
    *claimed.lock().unwrap() = subject.to_string();
    let attached = Seen::of(&registry).depot().attach(&subject, &attachment("one")).await.unwrap();
    let list = registry.tagged("a/b", &fallback_tag(&subject)).unwrap();
    assert_eq!(digest(&list["manifests"][0]), attached);
}

#[tokio::test]
async fn many_who_attach_at_the_same_time_lose_nothing() {
    let registry = OwnRegistry::without_lists();
    let subject = subject(&registry);
    let texts = ["one", "two", "three", "four"];
    let machines: Vec<Seen> = texts.iter().map(|_| Seen::of(&registry)).collect();
    let attaching = machines.iter().zip(texts).map(|(machine, text)| {
        let (depot, subject) = (machine.depot(), digest(&subject));
        async move {
            let attached = depot.attach(&subject, &attachment(text)).await.unwrap();
            let signature = layer("application/vnd.dev.cosign.simplesigning.v1+json", text, &[]);
            depot.attach_under_tag(&subject, &signature).await.unwrap();
            attached
        }
    });
    let mut attached = futures_util::future::join_all(attaching).await;
    let tag = fallback_tag(&digest(&subject));
    let list = registry.tagged("a/b", &tag).unwrap();
    let mut listed: Vec<Digest> = list["manifests"].as_array().unwrap().iter().map(digest).collect();
    attached.sort_unstable();
    listed.sort_unstable();
    assert_eq!(listed, attached);
    let signatures = registry.tagged("a/b", &(tag + ".sig")).unwrap();
    assert_eq!(signatures["layers"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn signatures_of_others_under_cosigns_tag_stay() {
    let kind = "application/vnd.dev.cosign.simplesigning.v1+json";
    let registry = OwnRegistry::with_lists();
    let subject = subject(&registry);
    let depot = Seen::of(&registry).depot();
    let sign = |text: &str, note: &str| layer(kind, text, &[("dev.cosignproject.cosign/signature", note)]);
    for (text, note) in [("one", "a"), ("one", "b"), ("one", "a"), ("two", "a")] {
        let signature = sign(text, note);
        depot.attach_under_tag(&digest(&subject), &signature).await.unwrap();
    }
    let tag = fallback_tag(&digest(&subject)) + ".sig";
    let manifest = depot.companion(tag.clone()).await.unwrap().unwrap();
    let Content::Image { config, layers } = &manifest.content else { panic!("no image") };
    let found: Vec<(Digest, &str)> = layers
        .iter()
        .map(|layer| (layer.digest, layer.annotations["dev.cosignproject.cosign/signature"].as_str()))
        .collect();
    let (one, two) = (Digest::of(b"one"), Digest::of(b"two"));
    assert_eq!(found, [(one, "a"), (one, "b"), (two, "a")]);
    let config: Value = serde_json::from_slice(depot.blob(config, 9999).await.unwrap().bytes()).unwrap();
    assert_eq!(config["rootfs"]["diff_ids"], json!([one, one, two]));
    // What is none of this kind is left as it is.
    let component = registry.tagged("a/b", "1").unwrap();
    registry.manifest("a/b", Some(&tag), &component);
    let error = depot.attach_under_tag(&digest(&subject), &sign("x", "y")).await.unwrap_err();
    assert!(matches!(error, DepotError::TagTaken(_)), "{error}");
    let registry = OwnRegistry::without_lists();
    let subject = self::subject(&registry);
    let other = registry.tagged("a/b", "1").unwrap();
    let other = self::own_registry_with_note(other);
    registry.manifest("a/b", Some(&fallback_tag(&digest(&subject))), &other);
    let error = Seen::of(&registry).depot().attach(&digest(&subject), &attachment("x")).await.unwrap_err();
    assert!(matches!(error, DepotError::TagTaken(_)), "{error}");
}

/// Another manifest with the same content.
fn own_registry_with_note(mut manifest: Value) -> Value {
    manifest["annotations"] = json!({ "a": "b" });
    manifest
}

#[tokio::test]
async fn a_folder_is_attached_to_as_a_registry_is() {
    let kept = tempfile::tempdir().unwrap();
    let folder = depots(kept.path()).0.folder(&kept.path().join("layout"));
    let artifact = Artifact::new(*b"\0asm\x0d\0\x01\0");
    let packed = Packed::component(&artifact, &Default::default(), &Default::default()).unwrap();
    let subject = *packed.digest();
    folder.push(&packed, Some("1")).await.unwrap();
    let attached = folder.attach(&subject, &attachment("one")).await.unwrap();
    assert_eq!(folder.attach(&subject, &attachment("one")).await.unwrap(), attached);
    let signature = layer("application/vnd.dev.cosign.simplesigning.v1+json", "payload", &[]);
    let signed = folder.attach_under_tag(&subject, &signature).await.unwrap();
    assert_eq!(digests(&folder.referrers(&subject).await.unwrap()), [attached]);
    let found = folder.companion(fallback_tag(&subject) + ".sig").await.unwrap().unwrap();
    assert_eq!(*found.digest(), signed);
    // It still holds one artifact.
    assert_eq!(folder.only().await.unwrap(), Selector::Digest(subject));
}
