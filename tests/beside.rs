//! Signatures in every place where they lie beside an artifact, in registries that make lists of referrers and in those that
//! do not; and registries that hide or flood them.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::cosign::{Key, Repository, Signature};
use crate::support::own_registry::{Lists, OwnRegistry, Reply, digest_of, not_found};
use crate::support::sigstore::{ISSUER, SIGNATURE, sign, statement, workflow};
use crate::support::{Ended, Home, Lockgate, OciRegistry, folder, probe};

/// A person who trusts `acme.pub` for `acme/*` of a registry with one component, `acme/time:1`.
struct Scene {
    home: Home,
    acme: Key,
    /// `REGISTRY/acme/time`.
    name: String,
    digest: String,
}

impl Scene {
    fn at(registry: &str) -> Self {
        let home = Home::warm();
        let config = home.path().join("config");
        fs::create_dir_all(&config).unwrap();
        let acme = Key::new(&config, "acme");
        let signers = "signers = [{ key = \"acme.pub\", log = \"ignore\" }]";
        let policy = format!("default = \"reject\"\n[[scope]]\nmatch = \"{registry}/acme/*\"\n{signers}\n");
        fs::write(config.join("trust.toml"), policy).unwrap();
        let name = format!("{registry}/acme/time");
        let digest = Repository::new(&name).push_component("1", Path::new(&probe()));
        Self { home, acme, name, digest }
    }

    fn repository(&self) -> Repository {
        Repository::new(&self.name)
    }

    fn signature(&self) -> Signature {
        self.acme.sign(&self.digest, &self.name)
    }

    fn verify(&self) -> Ended {
        let reference = format!("{}:1", self.name);
        Lockgate::new("verify").arg(reference).args(["--format", "json"]).home(self.home.path()).run()
    }

    fn is_signed(&self) {
        let ended = self.verify();
        ended.good();
        assert_eq!(ended.json()["basis"], "signed", "{ended}");
    }

    fn is_refused(&self, reason: &str) {
        let ended = self.verify();
        ended.failed(3);
        assert_eq!(ended.json()["reason"], reason, "{ended}");
    }
}

#[test]
fn a_signature_in_the_registrys_list_of_referrers_counts_and_is_remembered() {
    let registry = OwnRegistry::with_lists();
    let scene = Scene::at(&registry.name());
    scene.is_refused("unsigned");
    scene.repository().push_referrer(&scene.digest, &[scene.signature()]);
    scene.is_signed();
    drop(registry);
    scene.is_signed();
}

#[test]
fn a_signature_under_the_fallback_tag_counts_where_the_registry_makes_no_lists() {
    let registry = OciRegistry::start();
    let scene = Scene::at(registry.address());
    let referrer = scene.repository().push_referrer(&scene.digest, &[scene.signature()]);
    scene.is_refused("unsigned");
    scene.repository().push_list(&scene.digest, &[referrer]);
    scene.is_signed();
    drop(registry);
    scene.is_signed();
}

#[test]
fn what_another_program_attached_is_verified_there_and_in_a_folder_without_a_network() {
    for registry in [OwnRegistry::with_lists(), OwnRegistry::without_lists()] {
        let scene = Scene::at(&registry.name());
        let config = scene.home.path().join("config");
        let claims = workflow("acme/time", "release.yml", "refs/heads/main");
        let signers =
            format!("signers = [{{ issuer = \"{ISSUER}\", subject = {}, root = \"root.json\" }}]", claims["sub"]);
        let scope = |name: &str| format!("[[scope]]\nmatch = \"{name}\"\n{signers}\n");
        let policy = format!("default = \"reject\"\n{}{}", scope(&scene.name), scope("oci-layout"));
        fs::write(config.join("trust.toml"), policy).unwrap();
        let item = |statement: Value| json!({ "claims": claims, "statement": statement, "image": scene.name, "digest": scene.digest });
        let sbom = json!({ "spdxVersion": "SPDX-2.3" });
        let sbom = statement(&scene.digest, "https://spdx.dev/Document", &sbom);
        // An instance of its own, whose keys are known, so that it is unsigned and not unknown.
        sign(&config.join("root.json"), &[]);
        scene.is_refused("unsigned");
        sign(&config.join("root.json"), &[item(sbom), item(statement(&scene.digest, SIGNATURE, &json!({})))]);
        scene.is_signed();
        let (_folder, folder) = folder();
        let to = folder.join("copy");
        let pull = Lockgate::new("pull").arg(format!("{}:1", scene.name)).arg("--to").arg(&to);
        assert_eq!(pull.home(scene.home.path()).run().good(), scene.digest);
        drop(registry);
        // On the machine that asked before, and on one that never did.
        scene.is_signed();
        let copied = format!("oci-layout:{}", to.display());
        let verify = Lockgate::new("verify").arg(&copied).args(["--format", "json"]).home(scene.home.path()).run();
        assert_eq!(verify.json()["basis"], "signed", "{verify}");
        fs::remove_dir_all(scene.home.path().join("data/store")).unwrap();
        let call = Lockgate::call(&copied, "echo").arg("text=hello").home(scene.home.path()).run();
        assert_eq!(call.good(), "hello");
        assert_ne!(scene.verify().code, Some(0));
    }
}

#[test]
fn no_place_hides_what_lies_in_another() {
    let registry = OwnRegistry::with_lists();
    let scene = Scene::at(&registry.name());
    let stranger = Key::new(scene.home.path(), "stranger");
    let noise = || stranger.sign(&scene.digest, &scene.name);
    scene.repository().push_referrer(&scene.digest, &[noise()]);
    scene.repository().push_list(&scene.digest, &[]);
    scene.repository().push_signatures(&scene.digest, &[noise()]);
    scene.is_refused("unknown-signer");
    let referrer = scene.repository().push_referrer(&scene.digest, &[scene.signature()]);
    scene.is_signed();
    // The same in the list under the fallback tag alone.
    let registry = OwnRegistry::without_lists();
    let scene = Scene { digest: scene.digest.clone(), ..Scene::at(&registry.name()) };
    scene.repository().push_signatures(&scene.digest, &[noise()]);
    scene.repository().push_list(&scene.digest, std::slice::from_ref(&referrer));
    // It is listed and is not there.
    assert_ne!(scene.verify().code, Some(0));
    let here = scene.repository().push_referrer(&scene.digest, &[scene.signature()]);
    scene.repository().push_list(&scene.digest, &[referrer, here]);
    scene.is_signed();
}

#[test]
fn attack_25_a_referrer_of_another_manifest_does_not_count() {
    let registry = OwnRegistry::without_lists();
    let scene = Scene::at(&registry.name());
    let other = scene.repository().push_component_with("2", Path::new(&probe()), json!({ "version": "2" }));
    // It is about the other one, and listed for this one.
    let referrer = scene.repository().push_referrer(&other, &[scene.acme.sign(&scene.digest, &scene.name)]);
    scene.repository().push_list(&scene.digest, &[referrer]);
    scene.is_refused("other-referrer");
    assert!(scene.verify().stdout.contains("says that it is about another manifest"));
}

#[test]
fn attack_45_a_flood_of_referrers_hides_no_signature_and_is_not_waited_for() {
    let registry = OwnRegistry::without_lists();
    let scene = Scene::at(&registry.name());
    let subject = registry.tagged("acme/time", "1").unwrap().to_string();
    let subject = json!({
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": digest_of(subject.as_bytes()),
        "size": subject.len(),
    });
    let noise = [registry.blob("application/vnd.dev.cosign.simplesigning.v1+json", b"noise")];
    let flood = |count: u32| -> Vec<Value> {
        let more = |number: u32| json!({ "subject": subject, "annotations": { "n": number.to_string() } });
        (0..count).map(|number| registry.image("acme/time", None, &noise, more(number))).collect()
    };
    let good = scene.repository().push_referrer(&scene.digest, &[scene.signature()]);
    let entries = [flood(20), vec![good.clone()], flood(900)].concat();
    scene.repository().push_list(&scene.digest, &entries);
    scene.is_signed();
    assert!(registry.lines().len() < 300, "{}", registry.lines().len());
    // What comes after the most that is looked at does not count, and is not taken for missing either.
    scene.repository().push_list(&scene.digest, &[flood(900), vec![good]].concat());
    scene.is_refused("too-many-beside");
}

/// What a registry withholds.
enum Withheld {
    Nothing,
    /// It says that nothing refers to anything.
    Lists,
    /// It lists this one, and does not give it.
    Manifest(String),
}

#[test]
fn attack_46_a_signature_that_is_withheld_is_no_way_to_run_unsigned() {
    let withheld = Arc::new(Mutex::new(Withheld::Nothing));
    let withholding = Arc::clone(&withheld);
    let registry = OwnRegistry::good_but(Lists(Some(9)), move |heard, _| match &*withholding.lock().unwrap() {
        Withheld::Lists if heard.path.contains("/referrers/") => {
            let list = br#"{"schemaVersion":2,"manifests":[]}"#;
            Some(Reply::ok("application/vnd.oci.image.index.v1+json", list))
        }
        Withheld::Manifest(digest) if heard.path.ends_with(digest) => Some(not_found()),
        _ => None,
    });
    let scene = Scene::at(&registry.name());
    let referrer = scene.repository().push_referrer(&scene.digest, &[scene.signature()]);
    let waived = || {
        let call = Lockgate::call(&format!("{}:1", scene.name), "echo").arg("text=hello");
        call.args(["--allow-unsigned", &scene.digest]).home(scene.home.path()).run()
    };
    // What is listed and not given is not taken for unsigned, so that nobody waives it.
    *withheld.lock().unwrap() = Withheld::Manifest(referrer["digest"].as_str().unwrap().to_owned());
    scene.is_refused("withheld");
    waived().failed(3);
    *withheld.lock().unwrap() = Withheld::Nothing;
    scene.is_signed();
    // What the registry said before does not come in the place of what it says now.
    *withheld.lock().unwrap() = Withheld::Lists;
    scene.is_refused("unsigned");
}
