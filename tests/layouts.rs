//! Images in the layouts in which others store them: judged where they lie, in a registry or in a folder without one, and
//! without any engine.

mod attested;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::cosign::{Key, OCI_MANIFEST, Repository, digest_of, manifest};
use crate::support::sigstore::{ISSUER, SIGNATURE, sign, statement, workflow};
use crate::support::{Home, Lockgate, OciRegistry, folder};

const BY_ACME: &str = r#"signers = [{ key = "acme.pub", log = "ignore" }]"#;

const ARCHITECTURE: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };

/// One that no test runs on.
const OTHER: &str = "s390x";

/// A registry, and a person's home with a key.
struct Scene {
    registry: OciRegistry,
    home: Home,
    acme: Key,
}

/// An image, by the digests it is known by.
struct Image {
    index: String,
    /// The manifest for this machine.
    platform: String,
    /// The image's own: its configuration's.
    image: String,
}

impl Scene {
    fn new() -> Self {
        let (registry, home) = (OciRegistry::start(), Home::empty());
        let acme = home.signer_key("acme");
        Self { registry, home, acme }
    }

    /// The one repository of it all.
    fn name(&self) -> String {
        format!("{}/acme/server", self.registry.address())
    }

    fn repository(&self) -> Repository {
        Repository::new(&self.name())
    }

    fn image(&self) -> String {
        format!("docker://{}:1", self.name())
    }

    /// What a scope asks for, of the repository and of folders.
    fn trust(&self, lines: &str) {
        let scopes =
            [self.name(), "oci-layout".to_owned()].map(|name| format!("[[scope]]\nmatch = \"{name}\"\n{lines}\n"));
        let text = format!("default = \"reject\"\n{}", scopes.concat());
        fs::write(self.home.path().join("config/trust.toml"), text).unwrap();
    }

    fn push_image(&self) -> Image {
        self.push_image_with(|_| Vec::new())
    }

    /// Pushes an image for this machine and one for another, with what else its index lists.
    fn push_image_with(&self, beside: impl FnOnce(&Value) -> Vec<Value>) -> Image {
        let ((platform, image), (other, _)) = (self.push_platform(ARCHITECTURE), self.push_platform(OTHER));
        let index = self.push_index([vec![other, platform.clone()], beside(&platform)].concat());
        Image { index, platform: platform["digest"].as_str().unwrap().to_owned(), image }
    }

    /// Pushes an image for one platform: its entry in an index, and its own digest.
    fn push_platform(&self, architecture: &str) -> (Value, String) {
        let layers = json!({ "type": "layers", "diff_ids": [] });
        let config = json!({ "architecture": architecture, "os": "linux", "rootfs": layers }).to_string();
        let config = self.repository().push_blob("application/vnd.oci.image.config.v1+json", config.as_bytes());
        let image = config["digest"].as_str().unwrap().to_owned();
        let mut entry = push(&self.repository(), &manifest(config, vec![], json!({})));
        entry["platform"] = json!({ "os": "linux", "architecture": architecture });
        (entry, image)
    }

    fn push_index(&self, entries: Vec<Value>) -> String {
        let kind = "application/vnd.oci.image.index.v1+json";
        self.repository().push_manifest("1", &json!({ "schemaVersion": 2, "mediaType": kind, "manifests": entries }))
    }

    /// Acme's signature of a manifest, where cosign puts it.
    fn sign(&self, digest: &str) {
        self.repository().push_signatures(digest, &[self.acme.sign(digest, &self.name())]);
    }

    fn copy(&self, reference: &str, to: &Path) {
        Lockgate::new("pull").arg(reference).arg("--to").arg(to).home(self.home.path()).run().good();
    }

    fn verify(&self, source: &str) -> Value {
        self.home.verify(source).json()
    }

    /// The policy and its files, without a registry, and without anything that was ever pulled from it.
    fn elsewhere(self) -> Home {
        let home = Home::empty();
        fs::create_dir_all(home.path().join("config")).unwrap();
        for entry in fs::read_dir(self.home.path().join("config")).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), home.path().join("config").join(entry.file_name())).unwrap();
        }
        home
    }
}

/// Pushes a manifest under its digest, and gives its descriptor.
fn push(repository: &Repository, manifest: &Value) -> Value {
    let text = manifest.to_string();
    let digest = digest_of(text.as_bytes());
    repository.push_manifest(&digest, manifest);
    json!({ "mediaType": OCI_MANIFEST, "digest": digest, "size": text.len() })
}

fn layout(folder: &Path) -> String {
    format!("oci-layout:{}", folder.display())
}

/// Checks that it counts as signed, by a signature of this manifest.
fn signed(verified: &Value, manifest: &str) {
    assert_eq!((&verified["basis"], &verified["manifest"]), (&json!("signed"), &json!(manifest)), "{verified:#}");
}

#[test]
fn an_image_is_verified_in_a_folder_without_its_registry_by_its_index_or_by_its_own_manifest() {
    for by_index in [true, false] {
        let (scene, (_folder, folder)) = (Scene::new(), folder());
        scene.trust(BY_ACME);
        let image = scene.push_image();
        scene.copy(&scene.image(), &folder.join("unsigned"));
        let over = if by_index { &image.index } else { &image.platform };
        scene.sign(over);
        scene.copy(&scene.image(), &folder.join("signed"));
        signed(&scene.verify(&scene.image()), over);
        let home = scene.elsewhere();
        let verify = |name: &str| home.verify(&layout(&folder.join(name))).json();
        assert_eq!(verify("unsigned")["reason"], "unsigned");
        let verified = verify("signed");
        signed(&verified, over);
        assert_eq!(verified["manifests"], json!([image.index, image.platform]));
        signed(&verify("signed:1"), over);
        // Of the manifest for this machine alone, its own signature counts.
        let alone = verify(&format!("signed@{}", image.platform));
        if by_index {
            assert_eq!(alone["reason"], "unsigned");
        } else {
            signed(&alone, over);
        }
    }
}

#[test]
fn one_platforms_image_is_copied_and_verified_by_itself() {
    let (scene, (_folder, folder)) = (Scene::new(), folder());
    scene.trust(BY_ACME);
    let image = scene.push_image();
    scene.sign(&image.platform);
    scene.copy(&format!("docker://{}@{}", scene.name(), image.platform), &folder.join("copy"));
    let home = scene.elsewhere();
    let verified = home.verify(&layout(&folder.join("copy"))).json();
    signed(&verified, &image.platform);
    assert_eq!(verified["manifests"], json!([image.platform]));
}

#[test]
fn an_image_for_other_machines_is_verified_in_a_folder_by_its_index_alone() {
    let (scene, (_folder, folder)) = (Scene::new(), folder());
    scene.trust(BY_ACME);
    let (other, _) = scene.push_platform(OTHER);
    let index = scene.push_index(vec![other.clone()]);
    scene.sign(other["digest"].as_str().unwrap());
    scene.copy(&scene.image(), &folder.join("by-platform"));
    scene.sign(&index);
    scene.copy(&scene.image(), &folder.join("by-index"));
    let home = scene.elsewhere();
    assert_eq!(home.verify(&layout(&folder.join("by-platform"))).json()["reason"], "unsigned");
    signed(&home.verify(&layout(&folder.join("by-index"))).json(), &index);
    let run = Lockgate::new("plan").arg(layout(&folder.join("by-index"))).home(home.path()).run();
    assert!(run.failed(3).contains("it lists several artifacts"), "{run}");
}

#[test]
fn attack_23_a_signature_of_another_manifest_of_an_image_is_none_in_a_folder_either() {
    let (scene, (_folder, folder)) = (Scene::new(), folder());
    scene.trust(BY_ACME);
    let image = scene.push_image();
    let sign = |digest: &str| [scene.acme.sign(digest, &scene.name())];
    scene.repository().push_signatures(&image.platform, &sign(&image.index));
    scene.repository().push_signatures(&image.index, &sign(&image.platform));
    scene.copy(&scene.image(), &folder.join("copy"));
    let home = scene.elsewhere();
    assert_eq!(home.verify(&layout(&folder.join("copy"))).json()["reason"], "other-digest");
}

#[test]
fn an_image_in_a_folder_is_denied_by_whatever_digest_it_is_named() {
    let (scene, (_folder, folder)) = (Scene::new(), folder());
    let image = scene.push_image();
    scene.copy(&scene.image(), &folder.join("copy"));
    let home = scene.elsewhere();
    for denied in [&image.index, &image.platform, &image.image] {
        let text = format!("default = \"allow-unsigned\"\ndeny = [\"{denied}\"]\n");
        fs::write(home.path().join("config/trust.toml"), text).unwrap();
        assert_eq!(home.verify(&layout(&folder.join("copy"))).json()["reason"], "denied");
    }
}

#[test]
fn an_image_in_a_folder_is_not_run_and_it_is_said_what_would_be() {
    let (scene, (_folder, folder)) = (Scene::new(), folder());
    scene.trust(BY_ACME);
    let image = scene.push_image();
    scene.sign(&image.index);
    scene.copy(&scene.image(), &folder.join("copy"));
    let home = scene.elsewhere();
    let index = layout(&folder.join("copy"));
    for source in [&index, &format!("{index}@{}", image.platform)] {
        for verb in ["run", "plan", "tools"] {
            let ended = Lockgate::new(verb).arg(source).home(home.path()).run();
            let refused = ended.failed(3);
            assert!(refused.contains("(image-in-folder)"), "{ended}");
            assert!(refused.contains(&format!("docker://{}", image.image)), "{ended}");
        }
        let shown = Lockgate::new("inspect").arg(source).args(["--format", "json"]).home(home.path()).run();
        assert_eq!(shown.json()["runs"]["image"], json!(image.image), "{shown}");
    }
}

#[test]
fn what_a_workflow_signed_counts_for_an_image_by_its_index_or_by_its_own_manifest() {
    let subject = "https://github.com/acme/server/.github/workflows/release.yml@refs/heads/main";
    for by_index in [true, false] {
        let (scene, (_folder, folder)) = (Scene::new(), folder());
        let image = scene.push_image();
        let over = if by_index { &image.index } else { &image.platform };
        let item = json!({
            "claims": workflow("acme/server", "release.yml", "refs/heads/main"),
            "statement": statement(over, SIGNATURE, &json!({})),
            "image": scene.name(),
            "digest": over,
        });
        sign(&scene.home.path().join("config/root.json"), &[item]);
        let trust = |subject: &str| {
            scene
                .trust(&format!(r#"signers = [{{ issuer = "{ISSUER}", root = "root.json", subject = "{subject}" }}]"#));
        };
        trust(&subject.replace("release", "other"));
        assert_eq!(scene.verify(&scene.image())["reason"], "other-subject");
        trust(subject);
        signed(&scene.verify(&scene.image()), over);
        scene.copy(&scene.image(), &folder.join("copy"));
        let home = scene.elsewhere();
        signed(&home.verify(&layout(&folder.join("copy"))).json(), over);
    }
}
