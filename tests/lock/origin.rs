//! What runs, and who vouches for it: tags that move or step back, files that change.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::{Far, Place, listed, names};
use crate::support::cosign::{Key, Repository};
use crate::support::{Client, OciRegistry, modern, probe};

/// A registry with a signed component under a tag, and a person who trusts who signs.
struct Scene {
    registry: OciRegistry,
    place: Place,
    key: Key,
}

impl Scene {
    fn new() -> Self {
        let registry = OciRegistry::start();
        let place = Place::new("");
        let key = place.home.signer_key("acme");
        let scene = Self { registry, place, key };
        let policy = format!(
            "default = \"reject\"\n[[scope]]\nmatch = \"{}\"\nsigners = [{{ key = \"acme.pub\", log = \"ignore\" }}]\n",
            scene.name()
        );
        fs::write(scene.place.home.path().join("config/trust.toml"), policy).unwrap();
        scene.place.configure(&format!("[servers.clock]\nsource = \"{}\"\n", scene.tag()));
        scene
    }

    fn name(&self) -> String {
        self.registry.reference("acme/time")
    }

    fn tag(&self) -> String {
        self.registry.reference("acme/time:1")
    }

    /// Pushes a version under the tag, signs it, and gives its digest.
    fn push(&self, version: &str) -> String {
        let repository = Repository::new(&self.name());
        let digest = repository.push_component_with("1", Path::new(&probe()), json!({ "version": version }));
        repository.push_signatures(&digest, &[self.key.sign(&digest, &self.name())]);
        digest
    }

    fn shown(&self, arguments: &[&str], digests: [&str; 2]) -> String {
        let ended = self.place.lockgate(arguments).naming(self.registry.address(), "REGISTRY");
        ended.naming(digests[0], "FIRST").naming(digests[1], "SECOND").run().to_string()
    }
}

#[test]
fn attack_40_a_tag_that_moved_does_not_start_though_a_trusted_key_signed_it() {
    let scene = Scene::new();
    let first = scene.push("1");
    scene.place.update();
    scene.place.run(&["tools", "clock", "--locked"]).good();
    let second = scene.push("2");
    assert_ne!(first, second);
    assert!(scene.place.run(&["tools", "clock"]).failed(3).contains("clock is not what was locked (moved)"));
    insta::assert_snapshot!(scene.shown(&["tools", "clock"], [&first, &second]));
    insta::assert_snapshot!(scene.shown(&["update", "clock", "--yes"], [&first, &second]));
    scene.place.run(&["tools", "clock", "--locked"]).good();
}

#[test]
fn a_tag_that_steps_back_is_noticed_with_and_without_a_lock() {
    let scene = Scene::new();
    let first = scene.push("1");
    scene.place.run(&["tools", "clock"]).good();
    let second = scene.push("2");
    scene.place.run(&["tools", "clock"]).good();
    assert_eq!(scene.push("1"), first);
    insta::assert_snapshot!(scene.shown(&["tools", "clock"], [&first, &second]));
    // Named on the command line, it is the same tag.
    let reference = scene.tag();
    assert!(scene.place.run(&["tools", &reference]).failed(3).contains("rolled-back"));
    assert!(scene.place.run(&["update", &reference]).failed(3).contains("nothing was accepted"));
    insta::assert_snapshot!(scene.shown(&["update", &reference, "--yes"], [&first, &second]));
    scene.place.run(&["tools", "clock"]).good();
    // From then on, that one is the newest.
    assert_eq!(scene.push("2"), second);
    assert!(scene.place.run(&["tools", "clock"]).failed(3).contains("rolled-back"));
    scene.place.update();
    scene.place.run(&["tools", "clock", "--locked"]).good();
    assert_eq!(scene.push("1"), first);
    assert!(scene.place.run(&["tools", "clock"]).failed(3).contains("clock is not what was locked (rolled-back)"));
    scene.place.update();
    scene.place.run(&["tools", "clock", "--locked"]).good();
}

#[test]
fn one_drifted_server_takes_only_itself_away() {
    let (far, scene) = (Far::adder(), Scene::new());
    scene.push("1");
    let place = &scene.place;
    place.configure(&format!(
        "[servers.clock]\nsource = \"{}\"\n[servers.far]\nsource = \"{}\"\n",
        scene.tag(),
        far.server.url()
    ));
    place.update();
    scene.push("2");
    let mut client = Client::start(place.lockgate(&["run", "--locked"]));
    let list = listed(&mut client, "list");
    assert_eq!(names(&list), ["far__add", "far__sub"]);
    client.request("call", "tools/call", json!({ "name": "clock__echo", "arguments": {}, "_meta": modern() }));
    let refused = client.answer("call");
    assert!(
        refused["error"]["message"].as_str().unwrap().contains("clock is not what was locked (moved)"),
        "{refused}"
    );
    let (ended, _) = client.close();
    assert!(ended.stderr.contains("[clock] does not start: clock is not what was locked (moved)"), "{ended}");
    assert!(ended.stderr.contains("lockgate update clock"), "{ended}");
}

#[test]
fn a_project_has_a_lock_of_its_own_that_no_server_is_given() {
    let far = Far::adder();
    let place = Place::new("");
    let project = tempfile::tempdir().unwrap();
    let folder = project.path().canonicalize().unwrap();
    let config =
        format!("[servers.far]\nsource = \"{}\"\n[servers.probe]\nsource = \"{}\"\n", far.server.url(), probe());
    fs::write(folder.join("lockgate.toml"), config).unwrap();
    let run = |arguments: &[&str]| place.lockgate(arguments).current_dir(&folder).run();
    run(&["allow", "./lockgate.toml"]).good();
    run(&["update", "--yes"]).good();
    assert!(folder.join("lockgate.lock").exists() && !place.lock().exists());
    run(&["tools", "far", "--locked"]).good();
    let granted = run(&["tools", "probe", "--dir", &format!("{}=/work", folder.display())]);
    assert!(granted.failed(3).contains("belongs to Lockgate itself"), "{granted}");
    far.says(|said| said.instructions = "Other words.");
    run(&["tools", "far"]).failed(3);
}

#[test]
fn what_is_shipped_inside_or_lies_in_a_file_is_locked_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("own.wasm");
    fs::copy(probe(), &file).unwrap();
    let place = Place::new(&format!("[servers.own]\nsource = \"{}\"\n", file.display()));
    place.update();
    assert!(place.lock_text().contains("[servers.own.prompts]"), "{}", place.lock_text());
    let mut bytes = fs::read(&file).unwrap();
    // A custom section: another file that does the same.
    bytes.extend([0, 2, 1, b'x']);
    fs::write(&file, bytes).unwrap();
    assert!(place.run(&["tools", "own"]).failed(3).contains("its content changed (moved)"));
    place.update();
    let mut client = Client::start(place.lockgate(&["run", "--locked"]));
    client.initialize("2025-11-25", json!({}));
    for method in ["tools/list", "prompts/list", "resources/list", "resources/templates/list"] {
        client.request(method, method, json!({}));
        let list = client.answer(method);
        assert!(list["result"].is_object(), "{list}");
    }
    assert_eq!(client.text("echo", json!({ "text": "hello" })), "hello");
}

#[test]
fn what_was_verified_before_is_known_or_nothing_starts() {
    let scene = Scene::new();
    scene.push("1");
    scene.place.run(&["tools", "clock"]).good();
    let folder = scene.place.home.path().join("data/verified");
    let record = fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    let good = fs::read_to_string(&record).unwrap();
    for damaged in ["", "{", &good[..good.len() / 2], &good.replace("acme/time", "acme/other")] {
        fs::write(&record, damaged).unwrap();
        let ended = scene.place.run(&["tools", "clock"]);
        assert!(ended.failed(1).contains("where it is kept which versions were verified"), "{ended}");
        assert!(ended.stderr.contains("delete that file"), "{ended}");
    }
    fs::remove_file(&record).unwrap();
    scene.place.run(&["tools", "clock"]).good();
    assert_eq!(fs::read_to_string(&record).unwrap(), good);
}

#[test]
fn another_signer_does_not_take_the_place_of_the_one_that_was_locked() {
    let scene = Scene::new();
    let config = scene.place.home.path().join("config");
    let other = Key::new(&config, "other");
    let keys = ["acme.pub", "other.pub"].map(|key| format!("{{ key = \"{key}\", log = \"ignore\" }}"));
    let (name, keys) = (scene.name(), keys.join(", "));
    let policy = format!("default = \"reject\"\n[[scope]]\nmatch = \"{name}\"\nsigners = [{keys}]\n");
    fs::write(config.join("trust.toml"), policy).unwrap();
    let digest = scene.push("1");
    scene.place.update();
    let signers = |text: &str| text.lines().find(|line| line.starts_with("signers = ")).map(str::to_owned);
    let locked = signers(&scene.place.lock_text()).unwrap_or_else(|| panic!("{}", scene.place.lock_text()));
    let sign = |keys: &[&Key]| {
        let signatures: Vec<_> = keys.iter().map(|key| key.sign(&digest, &scene.name())).collect();
        Repository::new(&scene.name()).push_signatures(&digest, &signatures);
    };
    // One signature more takes nothing away.
    sign(&[&scene.key, &other]);
    scene.place.run(&["tools", "clock", "--locked"]).good();
    // Trusted as well, but not who signed what was locked.
    sign(&[&other]);
    let refused = scene.place.run(&["tools", "clock"]);
    assert!(refused.failed(3).contains("clock is not what was locked (other-signer)"), "{refused}");
    assert!(refused.stderr.contains("somebody else signed it (other-signer)"), "{refused}");
    scene.place.update();
    scene.place.run(&["tools", "clock", "--locked"]).good();
    assert_ne!(signers(&scene.place.lock_text()), Some(locked));
}
