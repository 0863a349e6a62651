//! Tags that name something else while they are looked at.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::*;
use crate::support::own_registry::{Lists, OwnRegistry, Reply};

#[test]
fn attack_40_a_tag_that_moves_between_two_questions_is_judged_as_what_it_is_then() {
    let (evil, asked) = (Arc::new(Mutex::new(None::<String>)), Arc::new(AtomicUsize::new(0)));
    let (moved, count) = (Arc::clone(&evil), Arc::clone(&asked));
    // Once there is an evil one, the first who asks for the tag still gets the signed one, and whoever asks again does not.
    let registry = OwnRegistry::good_but(Lists(None), move |heard, _| {
        let moved = moved.lock().unwrap();
        let evil = moved.as_ref().filter(|_| heard.method == "GET" && heard.path.ends_with("/manifests/1"))?;
        (count.fetch_add(1, Ordering::Relaxed) > 0).then(|| Reply::ok(OCI_MANIFEST, evil.as_bytes()))
    });
    let mut scene = Scene::without_policy();
    scene.registry = None;
    scene.address = registry.name();
    scene.policy(&scene.acme_policy());
    let repository = scene.repository("acme/time");
    scene.digest = repository.push_component("1", Path::new(&probe()));
    scene.push_signatures(&[scene.good_signature()]);
    repository.push_component_with("evil", Path::new(&probe()), json!({ "version": "evil" }));
    *evil.lock().unwrap() = Some(repository.pull_manifest("evil"));
    // One start asks for the tag once. What it verified is what runs, by its digest.
    assert_eq!(scene.call().run().good(), "hello");
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    // The next start is given the other one, and nothing that the first one found counts for it.
    scene.refused("unsigned");
}
