//! Images from a registry: which one is meant is found out here, the engine pulls exactly that, and nothing else starts.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::SHELL;
use crate::support::cosign::{Key, Repository};
use crate::support::{Engine, Home, Lockgate, OciRegistry};

/// A registry with an image, which is not on the engine, and a home that trusts a key.
struct Scene {
    registry: OciRegistry,
    home: Home,
    acme: Key,
    /// The manifest's digest.
    manifest: String,
    /// The image's own.
    image: String,
}

impl Scene {
    fn new() -> Self {
        let (registry, home) = (OciRegistry::start(), Home::empty());
        let acme = home.signer_key("acme");
        let mut scene = Self { registry, home, acme, manifest: String::new(), image: String::new() };
        // Nobody else's image has this script, so that removing it takes nothing from other tests.
        (scene.image, scene.manifest) = scene.push("1", &format!("# {}\n{SHELL}", scene.registry.address()));
        docker(&["rmi", "--force", &scene.image]);
        let policy = format!(
            "default = \"reject\"\n[[scope]]\nmatch = \"{}/*\"\nsigners = [{{ key = \"acme.pub\", log = \"ignore\" }}]\n",
            scene.name("acme")
        );
        fs::write(scene.home.path().join("config/trust.toml"), policy).unwrap();
        scene
    }

    /// Makes an image and pushes it as `acme/shell:TAG`: the image's digest, and its manifest's.
    fn push(&self, tag: &str, script: &str) -> (String, String) {
        let image = Engine::shared().image_of(script, &[]);
        let name = format!("{}:{tag}", self.name("acme/shell"));
        docker(&["tag", &image, &name]);
        let pushed = docker(&["push", &name]);
        let digest =
            pushed.split_whitespace().find(|word| word.starts_with("sha256:")).unwrap_or_else(|| panic!("{pushed}"));
        (image, digest.to_owned())
    }

    fn name(&self, path: &str) -> String {
        format!("{}/{path}", self.registry.address())
    }

    fn repository(&self) -> Repository {
        Repository::new(&self.name("acme/shell"))
    }

    fn sign(&self, digest: &str) {
        let signature = self.acme.sign(digest, &self.name("acme/shell"));
        self.repository().push_signatures(digest, &[signature]);
    }

    fn lockgate(&self, verb: &str, tag: &str) -> Lockgate {
        let source = format!("shell=docker://{}:{tag}", self.name("acme/shell"));
        Engine::shared().lockgate(verb).arg(source).home(self.home.path())
    }

    fn call(&self, tag: &str) -> Lockgate {
        self.lockgate("call", tag).args(["run", "command=echo hi"])
    }

    /// Pushes a list of platforms that names the image.
    fn push_index(&self, tag: &str) -> String {
        let bytes = fs::metadata(self.registry.blob_file(&self.manifest)).unwrap().len();
        let kind = "application/vnd.docker.distribution.manifest.v2+json";
        let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
        let entry = json!({
            "mediaType": kind, "digest": self.manifest, "size": bytes,
            "platform": {"os": "linux", "architecture": architecture},
        });
        let index = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.list.v2+json",
            "manifests": [entry],
        });
        self.repository().push_manifest(tag, &index)
    }
}

fn docker(arguments: &[&str]) -> String {
    let done = Engine::shared().docker(arguments.iter().copied()).output().unwrap();
    assert!(done.status.success(), "{arguments:?}: {done:?}");
    String::from_utf8(done.stdout).unwrap()
}

fn has(image: &str) -> bool {
    Engine::shared().docker(["image", "inspect", image]).output().unwrap().status.success()
}

#[test]
fn an_image_that_a_trusted_key_signed_is_pulled_and_runs() {
    let scene = Scene::new();
    scene.sign(&scene.manifest);
    let planned = scene.lockgate("plan", "1").args(["--format", "json"]).env("DOCKER_HOST", "unix:///nowhere").run();
    planned.good();
    let plan = planned.json();
    assert_eq!((&plan["image"], &plan["manifest"]), (&json!(scene.image), &json!(scene.manifest)));
    assert_eq!(plan["basis"], "signed");
    assert!(!has(&scene.image));
    let called = scene.call("1").run();
    assert_eq!(called.good(), "aGkK", "{called}");
    assert!(called.stderr.contains("the container engine pulls"), "{called}");
    let again = scene.call("1").run();
    assert!(again.good() == "aGkK" && !again.stderr.contains("pulls"), "{again}");
}

#[test]
fn an_image_that_nobody_signed_is_not_even_pulled() {
    let scene = Scene::new();
    for verb in ["plan", "run"] {
        assert!(scene.lockgate(verb, "1").run().failed(3).contains("is refused"), "{verb}");
    }
    assert!(!has(&scene.image));
    // Nor does it help that the engine has it already.
    docker(&["pull", &format!("{}:1", scene.name("acme/shell"))]);
    scene.call("1").run().failed(3);
}

#[test]
fn a_signature_of_the_list_of_platforms_is_one_of_the_image() {
    let scene = Scene::new();
    let index = scene.push_index("list");
    scene.sign(&index);
    let plan = scene.lockgate("plan", "list").args(["--format", "json"]).run().json();
    assert_eq!((&plan["index"], &plan["manifest"]), (&json!(index), &json!(scene.manifest)));
    let called = scene.call("list").run();
    assert_eq!(called.good(), "aGkK", "{called}");
    // The manifest alone was not signed.
    scene.call("1").run().failed(3);
}

#[test]
fn a_tag_that_means_something_else_on_the_engine_starts_nothing_else() {
    let scene = Scene::new();
    scene.sign(&scene.manifest);
    let evil = Engine::shared().image_of("echo evil >&2; exit 1", &[]);
    docker(&["tag", &evil, &format!("{}:1", scene.name("acme/shell"))]);
    let called = scene.call("1").run();
    assert_eq!(called.good(), "aGkK", "{called}");
}

#[test]
fn what_is_no_image_is_an_error() {
    let scene = Scene::new();
    let component = crate::support::probe();
    scene.repository().push_component("component", Path::new(&component));
    let ended = scene.lockgate("plan", "component").run();
    assert!(ended.failed(3).contains("it is no image for containers"), "{ended}");
}

#[test]
fn what_needs_a_password_is_pulled_with_the_one_that_is_configured() {
    let registry = OciRegistry::with_password();
    let (home, engine) = (Home::empty(), Engine::shared());
    let (_kept, folder) = crate::support::folder();
    let auth = Command::new("/bin/sh").args(["-c", "printf me:secret | base64"]).output().unwrap();
    let auth = String::from_utf8(auth.stdout).unwrap().trim().to_owned();
    let config = json!({"auths": {registry.address(): {"auth": auth}}});
    fs::write(folder.join("config.json"), config.to_string()).unwrap();
    let image = engine.image_of(&format!("# {}\n{SHELL}", registry.address()), &[]);
    let name = registry.reference("private/shell:1");
    docker(&["tag", &image, &name]);
    let pushed = engine.docker(["push", &name]).env("DOCKER_CONFIG", &folder).output().unwrap();
    assert!(pushed.status.success(), "{pushed:?}");
    docker(&["rmi", "--force", &image]);
    fs::create_dir_all(home.path().join("config")).unwrap();
    fs::write(home.path().join("config/trust.toml"), "default = \"allow-unsigned\"\n").unwrap();
    let call = || engine.lockgate("call").arg(format!("shell=docker://{name}")).args(["run", "command=echo hi"]);
    let without = call().home(home.path()).run();
    assert_ne!(without.code, Some(0), "{without}");
    let with = call().home(home.path()).env("DOCKER_CONFIG", &folder).run();
    assert_eq!(with.good(), "aGkK", "{with}");
}
