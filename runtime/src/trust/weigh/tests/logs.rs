//! Logs, and what proves that they have a signature.

use super::*;

/// A bundle that counts, and entries of the log for another signature of its holder, and by another log.
struct Scene {
    authority: Authority,
    good: Value,
    foreign: Value,
    of_evil: Value,
}

impl Scene {
    fn new() -> Self {
        let (instance, evil) = (Instance::new(), Instance::new());
        let holder = instance.issue(&Asked::workflow());
        let entry = |instance: &Instance| signed(instance, &holder)["verificationMaterial"]["tlogEntries"][0].clone();
        Self {
            authority: workflow(instance.root()),
            good: signed(&instance, &holder),
            foreign: entry(&instance),
            of_evil: entry(&evil),
        }
    }

    /// Checks that each of these changes of the entry breaks what counts without them.
    fn broken_by(&self, cases: &[Case<'_>]) {
        assert!(outcome(&self.good, &self.authority).is_ok());
        for (number, (expected, change)) in cases.iter().enumerate() {
            let mut bundle = self.good.clone();
            change(entry(&mut bundle));
            assert_ne!(bundle, self.good, "{number}");
            assert_eq!(fault(&bundle, &self.authority).code(), *expected, "{number}");
        }
    }
}

#[test]
fn attack_11_another_time_than_the_logs_breaks_its_promise() {
    Scene::new().broken_by(&[
        ("log-promise", &|e| e["integratedTime"] = (EPOCH + 61).to_string().into()),
        ("no-time", &|e| e["integratedTime"] = "0".into()),
    ]);
}

#[test]
fn attack_12_an_entry_or_promise_for_another_signature_does_not_count() {
    let scene = Scene::new();
    let Scene { foreign, of_evil, .. } = &scene;
    scene.broken_by(&[
        ("log-promise", &|e| e["inclusionPromise"] = foreign["inclusionPromise"].clone()),
        ("log-promise", &|e| e["canonicalizedBody"] = foreign["canonicalizedBody"].clone()),
        ("log-mismatch", &|e| *e = foreign.clone()),
        ("unknown-log", &|e| *e = of_evil.clone()),
    ]);
    // A second entry that shows nothing does not hide behind the first.
    let mut hiding = scene.good.clone();
    let mut second = entry(&mut hiding).clone();
    second.as_object_mut().unwrap().retain(|key, _| !key.starts_with("inclusion"));
    hiding["verificationMaterial"]["tlogEntries"].as_array_mut().unwrap().push(second);
    assert_eq!(fault(&hiding, &scene.authority), Fault::NotProven);
}

#[test]
fn attack_13_a_proof_that_leads_to_another_root_does_not_count() {
    let scene = Scene::new();
    let other = BASE64_STANDARD.encode([7; 32]);
    scene.broken_by(&[
        ("log-proof", &|e| e["inclusionProof"]["hashes"] = json!([other])),
        ("log-proof", &|e| e["inclusionProof"]["hashes"] = json!([])),
        ("log-proof", &|e| e["inclusionProof"]["rootHash"] = other.clone().into()),
        ("log-proof", &|e| e["inclusionProof"] = scene.foreign["inclusionProof"].clone()),
        ("log-proof", &|e| e["inclusionProof"]["logIndex"] = "1".into()),
        ("log-proof", &|e| e["inclusionProof"]["treeSize"] = "0".into()),
    ]);
}

#[test]
fn attack_14_a_checkpoint_that_the_log_did_not_sign_does_not_count() {
    let scene = Scene::new();
    let note = |entry: &Value| entry["inclusionProof"]["checkpoint"]["envelope"].as_str().unwrap().to_owned();
    let signed_by = |entry: &mut Value, signature: &str| {
        let text = note(entry);
        let text = format!("{}\n\n{signature}", text.split_once("\n\n").unwrap().0);
        entry["inclusionProof"]["checkpoint"]["envelope"] = text.into();
    };
    let by_evil = note(&scene.of_evil).split_once("\n\n").unwrap().1.to_owned();
    let for_another = note(&scene.foreign).split_once("\n\n").unwrap().1.to_owned();
    scene.broken_by(&[
        ("log-checkpoint", &|e| signed_by(e, &by_evil)),
        ("log-checkpoint", &|e| signed_by(e, &for_another)),
        ("signature-unreadable", &|e| signed_by(e, "")),
        ("log-checkpoint", &|e| drop(e["inclusionProof"].as_object_mut().unwrap().remove("checkpoint"))),
    ]);
}

#[test]
fn attack_15_a_bundle_that_nobody_logged_does_not_count() {
    let instance = Instance::new();
    let mut bundle = signed(&instance, &instance.issue(&Asked::workflow()));
    for nothing in [json!([]), Value::Null] {
        bundle["verificationMaterial"]["tlogEntries"] = nothing.clone();
        let fault = fault(&bundle, &workflow(instance.root()));
        let expected = if nothing.is_null() { "signature-unreadable" } else { "not-logged" };
        assert_eq!(fault.code(), expected);
    }
    bundle["verificationMaterial"].as_object_mut().unwrap().remove("tlogEntries");
    assert_eq!(fault(&bundle, &workflow(instance.root())), Fault::NotLogged);
}

#[test]
fn attack_16_a_promise_under_the_label_of_a_version_that_asks_for_a_proof_does_not_count() {
    let instance = Instance::new();
    let authority = workflow(instance.root());
    let newest = signed(&instance, &instance.issue(&Asked::workflow()));
    let oldest = oldest(newest.clone());
    assert!(outcome(&oldest, &authority).is_ok());
    let mut relabelled = newest.clone();
    entry(&mut relabelled).as_object_mut().unwrap().remove("inclusionProof");
    assert_eq!(fault(&relabelled, &authority).code(), "log-not-proven");
    let mut middle = oldest.clone();
    middle["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.2".into();
    assert_eq!(fault(&middle, &authority), Fault::NotProven);
    let mut chain = oldest.clone();
    chain["mediaType"] = newest["mediaType"].clone();
    assert_eq!(fault(&chain, &authority), Fault::Unreadable);
    for label in [Value::Null, "application/vnd.dev.sigstore.bundle+json;version=0.4".into(), "".into()] {
        let mut other = newest.clone();
        other["mediaType"] = label;
        assert_eq!(fault(&other, &authority), Fault::Unreadable);
    }
    let mut none = oldest;
    none.as_object_mut().unwrap().remove("mediaType");
    assert_eq!(fault(&none, &authority), Fault::Unreadable);
}
