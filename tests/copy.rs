//! Artifacts with all that speaks for them, copied into folders for machines without a network.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::cosign::{Key, Repository};
use crate::support::own_registry::{INDEX, Lists, OwnRegistry, Reply, digest_of, not_found};
use crate::support::{DEADLINE, Ended, Home, Lockgate, OciRegistry, folder, probe};

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const SIMPLE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const IN_TOTO: &str = "application/vnd.in-toto+json";

fn copy_of(reference: &str, to: &Path, home: &Home) -> Lockgate {
    Lockgate::new("pull").arg(reference).arg("--to").arg(to).home(home.path())
}

/// The folder's list of manifests.
fn listed(folder: &Path) -> Vec<Value> {
    let index: Value = serde_json::from_slice(&fs::read(folder.join("index.json")).unwrap()).unwrap();
    index["manifests"].as_array().unwrap().clone()
}

/// The digests of a folder's blobs, each checked.
fn blobs(folder: &Path) -> BTreeSet<String> {
    let files = fs::read_dir(folder.join("blobs/sha256")).unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|path| {
            let digest = digest_of(&fs::read(&path).unwrap());
            assert!(digest.ends_with(path.file_name().unwrap().to_str().unwrap()), "{}", path.display());
            digest
        })
        .collect()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_signed_component_is_verified_and_runs_from_a_folder_without_its_registry() {
    let (registry, home, (_folder, folder)) = (OciRegistry::start(), Home::warm(), folder());
    let config = home.path().join("config");
    fs::create_dir_all(&config).unwrap();
    let acme = Key::new(&config, "acme");
    let scope =
        |name: &str| format!("[[scope]]\nmatch = \"{name}\"\nsigners = [{{ key = \"acme.pub\", log = \"ignore\" }}]\n");
    fs::write(config.join("trust.toml"), format!("default = \"reject\"\n{}", scope("oci-layout"))).unwrap();
    let name = registry.reference("acme/time");
    let repository = Repository::new(&name);
    let digest = repository.push_component("1", Path::new(&probe()));
    let to = folder.join("new/copy");
    let copied = copy_of(&format!("{name}:1"), &to, &home).args(["--format", "json"]).run();
    assert_eq!((&copied.json()["digest"], &copied.json()["manifests"]), (&json!(digest), &json!(1)));
    let server = format!("oci-layout:{}", to.display());
    let verify = || Lockgate::new("verify").arg(&server).args(["--format", "json"]).home(home.path()).run();
    assert_eq!(verify().json()["reason"], "unsigned");
    // The same folder again, now that there is a signature.
    repository.push_signatures(&digest, &[acme.sign(&digest, &name)]);
    assert_eq!(copy_of(&format!("{name}:1"), &to, &home).run().good(), digest);
    drop(registry);
    assert_eq!(verify().json()["basis"], "signed");
    let call = |server: &str| Lockgate::call(server, "echo").arg("text=hello").home(home.path()).run();
    assert_eq!(call(&server).good(), "hello");
    assert_eq!(call(&format!("{server}:1")).good(), "hello");
    assert_eq!(names(&to), ["blobs", "index.json", "oci-layout"]);
    assert_eq!(names(&folder.join("new")), ["copy"]);
}

/// An image for two platforms with everything that can lie beside it, and the digests of all of it.
fn image(registry: &OwnRegistry) -> BTreeSet<String> {
    let note = |mut entry: Value, notes: Value| {
        entry["annotations"] = notes;
        entry
    };
    let manifests = std::cell::RefCell::new(Vec::new());
    let keep = |tag: Option<&str>, kind: &str, text: &str, more: Value| {
        let layer = registry.blob(kind, text.as_bytes());
        let manifest = registry.image("acme/image", tag, &[layer], more);
        manifests.borrow_mut().push((manifest.clone(), digest_of(text.as_bytes())));
        manifest
    };
    let tag = |about: &Value, ending: &str| about["digest"].as_str().unwrap().replace(':', "-") + ending;
    let entries: Vec<Value> = ["amd64", "arm64"]
        .into_iter()
        .flat_map(|platform| {
            let config = registry.blob("application/vnd.oci.image.config.v1+json", b"{}");
            let image = keep(None, "text/plain", platform, json!({ "config": config }));
            keep(None, BUNDLE, &format!("{platform} bundle"), json!({ "subject": image }));
            let attestation = keep(None, IN_TOTO, &format!("{platform} sbom"), json!({}));
            keep(None, SIMPLE, &format!("{platform} sbom signed"), json!({ "subject": attestation }));
            let hardened = keep(None, IN_TOTO, &format!("{platform} vex"), json!({ "subject": image }));
            keep(None, SIMPLE, &format!("{platform} vex signed"), json!({ "subject": hardened }));
            keep(Some(&tag(&image, ".sig")), SIMPLE, &format!("{platform} signed"), json!({}));
            let notes = json!({
                "vnd.docker.reference.type": "attestation-manifest",
                "vnd.docker.reference.digest": image["digest"],
            });
            let mut entry = image;
            entry["platform"] = json!({ "os": "linux", "architecture": platform });
            [entry, note(attestation, notes)]
        })
        .collect();
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": entries });
    let index = registry.manifest("acme/image", Some("1"), &index);
    keep(Some(&tag(&index, ".att")), "application/vnd.dsse.envelope.v1+json", "index attested", json!({}));
    let tagged = keep(None, BUNDLE, "tagged bundle", json!({ "subject": index }));
    let list = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [tagged] });
    let list = registry.manifest("acme/image", Some(&tag(&index, "")), &list);
    let mut all: BTreeSet<String> = [&index, &list].map(|entry| entry["digest"].as_str().unwrap().to_owned()).into();
    for (manifest, layer) in manifests.into_inner() {
        all.extend([manifest["digest"].as_str().unwrap().to_owned(), layer]);
    }
    all.insert(digest_of(b"{}"));
    all
}

#[test]
fn everything_beside_an_image_and_its_platforms_is_copied() {
    for registry in [OwnRegistry::with_lists(), OwnRegistry::good_but(Lists(Some(1)), |_, _| None)] {
        let (home, (_folder, folder)) = (Home::empty(), folder());
        let expected = image(&registry);
        let to = folder.join("copy");
        let reference = format!("docker://{}", registry.reference("acme/image:1"));
        let copied = copy_of(&reference, &to, &home).args(["--format", "json"]).run();
        assert_eq!((&copied.json()["manifests"], &copied.json()["left-out"]), (&json!(18), &json!(0)), "{copied}");
        assert_eq!(blobs(&to), expected);
        // Nothing was asked twice.
        let mut lines = registry.lines();
        let asked = lines.len();
        lines.sort();
        lines.dedup();
        assert_eq!(lines.len(), asked, "{:#?}", registry.lines());
        // Others may read it.
        let mode = |path: &Path| std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path).unwrap().permissions());
        assert_eq!((mode(&to) & 0o777, mode(&to.join("blobs/sha256")) & 0o777), (0o755, 0o755));
        // It is one artifact, and all else is about it.
        let verify = || Lockgate::new("verify").arg(format!("oci-layout:{}", to.display())).home(home.path()).run();
        assert!(verify().failed(3).contains("no-scope"));
        // A second copy changes nothing.
        let before = listed(&to).len();
        copy_of(&reference, &to, &home).run().good();
        assert_eq!((blobs(&to), listed(&to).len()), (expected, before));
    }
}

#[test]
fn signatures_may_come_from_another_repository() {
    let (registry, home, (_folder, folder)) = (OwnRegistry::without_lists(), Home::empty(), folder());
    let layer = registry.blob("text/plain", b"image");
    let image = registry.image("mcp/time", Some("1"), &[layer], json!({}));
    let tag = image["digest"].as_str().unwrap().replace(':', "-") + ".sig";
    let signature = registry.blob(SIMPLE, b"signed");
    registry.image("mcp/signatures", Some(&tag), &[signature], json!({}));
    let to = folder.join("copy");
    let repository = registry.reference("mcp/signatures");
    copy_of(&registry.reference("mcp/time:1"), &to, &home).args(["--signatures", &repository]).run().good();
    assert!(blobs(&to).contains(&digest_of(b"signed")));
    let tags: Vec<Value> = listed(&to)
        .into_iter()
        .map(|entry| entry["annotations"]["org.opencontainers.image.ref.name"].clone())
        .collect();
    assert_eq!(tags, [json!("1"), json!(tag)]);
}

fn refused(ended: &Ended, code: i32, words: &str, folder: &Path) {
    assert!(ended.failed(code).contains(words), "{ended}");
    assert_eq!(names(folder), [""; 0], "{ended}");
}

#[test]
fn a_copy_that_fails_leaves_nothing() {
    let (home, (_folder, folder)) = (Home::empty(), folder());
    let to = folder.join("copy");
    for (code, words, missing) in [(1, "there is no blob", "/blobs/"), (1, "there is no", "/manifests/sha256:")] {
        let registry =
            OwnRegistry::good_but(Lists(Some(9)), move |heard, _| heard.path.contains(missing).then(not_found));
        image(&registry);
        refused(&copy_of(&registry.reference("acme/image:1"), &to, &home).run(), code, words, &folder);
    }
    // Where it is not known what lies beside it, it is not copied as if nothing did.
    for about in ["/referrers/", ".sig"] {
        let registry = OwnRegistry::good_but(Lists(Some(9)), move |heard, _| {
            heard.path.contains(about).then(|| Reply::new("403 Forbidden", &[], b""))
        });
        image(&registry);
        refused(&copy_of(&registry.reference("acme/image:1"), &to, &home).run(), 1, "does not let you have", &folder);
    }
    // A folder of another kind stays as it is.
    let registry = OwnRegistry::with_lists();
    image(&registry);
    fs::create_dir(&to).unwrap();
    fs::write(to.join("mine.txt"), "mine").unwrap();
    copy_of(&registry.reference("acme/image:1"), &to, &home).run().failed(1);
    assert_eq!(names(&to), ["mine.txt"]);
    // An empty one is filled.
    fs::remove_file(to.join("mine.txt")).unwrap();
    copy_of(&registry.reference("acme/image:1"), &to, &home).run().good();
    assert_eq!(names(&to), ["blobs", "index.json", "oci-layout"]);
}

#[test]
fn what_is_listed_and_not_there_is_left_out_and_said_so() {
    let (home, (_folder, folder)) = (Home::empty(), folder());
    let gone = digest_of(b"tagged bundle");
    let registry = OwnRegistry::good_but(Lists(Some(9)), move |heard, _| heard.path.ends_with(&gone).then(not_found));
    image(&registry);
    let copied = copy_of(&registry.reference("acme/image:1"), &folder.join("copy"), &home).run();
    copied.good();
    assert!(copied.stderr.contains("1 things beside it were not copied"), "{copied}");
}

#[test]
fn a_copy_that_is_killed_leaves_no_folder_that_looks_like_one() {
    let (home, (_folder, folder)) = (Home::empty(), folder());
    let to = folder.join("copy");
    let last = digest_of(b"arm64");
    let registry = OwnRegistry::good_but(Lists(Some(9)), move |heard, before| {
        let hangs = heard.path.ends_with(&last) && before < 200;
        hangs.then(|| Reply::raw("").then(DEADLINE, "HTTP/1.1 200 OK\r\n\r\n"))
    });
    image(&registry);
    let process = copy_of(&registry.reference("acme/image:1"), &to, &home).start();
    let until = std::time::Instant::now() + DEADLINE;
    while !registry.lines().iter().any(|line| line.ends_with(&digest_of(b"arm64"))) {
        assert!(std::time::Instant::now() < until, "the copy never begins");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    process.signal(Signal::KILL);
    assert_eq!(process.finish().signal, Some(9));
    assert!(!to.exists());
    assert_eq!(names(&folder).len(), 1);
    // The next one takes away what was left.
    let registry = OwnRegistry::with_lists();
    image(&registry);
    copy_of(&registry.reference("acme/image:1"), &to, &home).run().good();
    assert_eq!(names(&folder), ["copy"]);
}

#[test]
fn an_image_is_pulled_by_its_engine_and_not_by_us() {
    let home = Home::empty();
    let ended = Lockgate::new("pull").arg("docker://mcp/time").home(home.path()).run();
    assert!(ended.failed(2).contains("--to DIR"), "{ended}");
    let ended = Lockgate::new("pull").args(["ghcr.io/a/b:1", "--signatures", "ghcr.io/a/c"]).home(home.path()).run();
    ended.failed(2);
}
