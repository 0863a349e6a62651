//! Components in registries and folders: pushed, pulled, and pulled again, against a real registry.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use oci_client::client::{ClientConfig, ClientProtocol, Config, ImageLayer};
use oci_client::secrets::RegistryAuth;
use serde_json::json;

use crate::support::{Ended, Home, Lockgate, OciRegistry, folder, time, wasm_file};

fn push(file: &str, to: &str, home: &Home) -> Ended {
    Lockgate::new("push").arg(file).arg(to).home(home.path()).run()
}

fn pull(reference: &str, home: &Home) -> Ended {
    Lockgate::new("pull").arg(reference).home(home.path()).run()
}

/// The files of a home's store, and how large they are.
fn kept(home: &Home) -> BTreeMap<PathBuf, u64> {
    let blobs = fs::read_dir(home.path().join("data/store/blobs/sha256")).unwrap();
    blobs.map(|entry| entry.unwrap()).map(|entry| (entry.path(), entry.metadata().unwrap().len())).collect()
}

/// The file in a home's store that is as large as this one.
fn file_like(home: &Home, path: &str) -> PathBuf {
    let size = fs::metadata(path).unwrap().len();
    kept(home).into_iter().find(|(_, kept)| *kept == size).unwrap().0
}

/// Lets run what has this digest, without anybody's signature.
fn call(server: &str, digest: &str, home: &Home) -> Ended {
    Lockgate::call(server, "get_current_time")
        .arg("timezone=UTC")
        .args(["--allow-unsigned", digest])
        .home(home.path())
        .run()
}

#[test]
fn what_was_pushed_is_pulled_by_its_tag_and_its_digest() {
    let (registry, home) = (OciRegistry::start(), Home::empty());
    let digest = push(&time(), &registry.reference("acme/time:1.0"), &home).good().to_owned();
    assert!(registry.blob_file(&digest).is_file());
    for reference in ["acme/time:1.0".to_owned(), format!("acme/time@{digest}")] {
        let home = Home::empty();
        assert_eq!(pull(&registry.reference(&reference), &home).good(), digest, "{reference}");
        assert_eq!(fs::read(file_like(&home, &time())).unwrap(), fs::read(time()).unwrap());
    }
}

#[test]
fn the_same_file_is_the_same_artifact_and_is_not_sent_again() {
    let (registry, home) = (OciRegistry::start(), Home::empty());
    let first = push(&time(), &registry.reference("acme/time:1"), &home).good().to_owned();
    let blob = registry.blob_file(&first);
    let written = fs::metadata(&blob).unwrap().modified().unwrap();
    assert_eq!(push(&time(), &registry.reference("acme/time:2"), &home).good(), first);
    assert_eq!(fs::metadata(&blob).unwrap().modified().unwrap(), written);
}

#[test]
fn json_says_what_was_pushed_and_pulled() {
    let (registry, home) = (OciRegistry::start(), Home::empty());
    let reference = registry.reference("acme/time:1");
    let pushed = Lockgate::new("push").arg(time()).arg(&reference).args(["--format", "json"]).home(home.path()).run();
    let pushed = pushed.json();
    assert_eq!(pushed["reference"], reference);
    let pulled = Lockgate::new("pull").arg(&reference).args(["--format", "json"]).home(home.path()).run().json();
    assert_eq!(pulled, pushed);
    assert_eq!(pulled["bytes"], fs::metadata(time()).unwrap().len());
}

#[test]
fn what_was_pulled_runs_without_its_registry_and_a_tag_is_what_it_was_last() {
    let (registry, home) = (OciRegistry::start(), Home::empty());
    let reference = registry.reference("acme/time:1");
    let digest = push(&time(), &reference, &home).good().to_owned();
    assert!(call(&reference, &digest, &home).good().contains("UTC"));
    drop(registry);
    let ended = call(&reference, &digest, &home);
    assert!(ended.good().contains("UTC"));
    assert!(ended.stderr.contains(&format!("taking what the tag named last: {digest}")), "{ended}");
    // By its digest, nobody has to be asked which manifest is meant.
    let by_digest = reference.replace("time:1", &format!("time@{digest}"));
    assert!(!pull(&by_digest, &home).good().is_empty());
    // A tag that was never seen is nothing.
    let other = reference.replace("time:1", "time:2");
    assert!(pull(&other, &home).failed(1).contains("cannot be reached"));
}

#[test]
fn nothing_that_was_pulled_runs_unless_somebody_vouches_for_it() {
    let (registry, home) = (OciRegistry::start(), Home::empty());
    let reference = registry.reference("acme/time:1");
    push(&time(), &reference, &home).good();
    pull(&reference, &home).good();
    Lockgate::call(&reference, "get_current_time").arg("timezone=UTC").home(home.path()).run().failed(3);
}

#[test]
fn what_is_damaged_in_the_store_is_noticed_and_pulled_again() {
    let (registry, home) = (OciRegistry::start(), Home::empty());
    let reference = registry.reference("acme/time:1");
    push(&time(), &reference, &home).good();
    pull(&reference, &home).good();
    let file = file_like(&home, &time());
    let mut bytes = fs::read(&file).unwrap();
    bytes[1000] ^= 1;
    fs::write(&file, bytes).unwrap();
    let ended = pull(&reference, &home);
    ended.good();
    assert!(ended.stderr.contains("is damaged; it was removed, and is pulled again"), "{ended}");
    assert_eq!(fs::read(&file).unwrap(), fs::read(time()).unwrap());
}

#[test]
fn what_is_damaged_in_the_registry_is_refused() {
    let (registry, home) = (OciRegistry::start(), Home::empty());
    let reference = registry.reference("acme/time:1");
    let pushed = Lockgate::new("push").arg(time()).arg(&reference).args(["--format", "json"]).home(home.path()).run();
    let file = registry.blob_file(pushed.json()["component"].as_str().unwrap());
    let mut bytes = fs::read(&file).unwrap();
    bytes[1000] ^= 1;
    fs::write(&file, bytes).unwrap();
    let ended = pull(&reference, &home);
    assert!(ended.failed(3).contains("the bytes are not what their name says"), "{ended}");
    assert_eq!(fs::read_dir(home.path().join("data/store/incoming")).unwrap().count(), 0);
}

#[test]
fn what_is_not_there_is_said_to_be_missing() {
    let (registry, home) = (OciRegistry::start(), Home::empty());
    push(&time(), &registry.reference("acme/time:1"), &home).good();
    for rest in ["acme/time:2", "acme/other:1"] {
        let ended = pull(&registry.reference(rest), &home);
        assert!(ended.failed(1).contains(&format!("there is no {}", registry.reference(rest))), "{ended}");
    }
}

#[test]
fn localhost_is_this_machine() {
    let (registry, home) = (OciRegistry::start(), Home::empty());
    let port = registry.address().rsplit(':').next().unwrap();
    let digest = push(&time(), &format!("localhost:{port}/acme/time:1"), &home).good().to_owned();
    assert_eq!(pull(&registry.reference("acme/time:1"), &home).good(), digest);
}

#[test]
fn a_password_comes_from_dockers_configuration() {
    let (registry, home) = (OciRegistry::with_password(), Home::empty());
    let (_folder, docker) = folder();
    let reference = registry.reference("acme/time:1");
    let push = || Lockgate::new("push").arg(time()).arg(&reference).home(home.path());
    let ended = push().run();
    assert!(ended.failed(1).contains("docker login"), "{ended}");
    let configured = |user: &str| {
        // `me:secret` and `me:wrong` in base64.
        let config = json!({"auths": {registry.address(): {"auth": user}}});
        fs::write(docker.join("config.json"), config.to_string()).unwrap();
    };
    configured("bWU6d3Jvbmc=");
    let ended = push().env("DOCKER_CONFIG", &docker).run();
    assert!(ended.failed(1).contains("does not help"), "{ended}");
    configured("bWU6c2VjcmV0");
    push().env("DOCKER_CONFIG", &docker).run().good();
    let pull = Lockgate::new("pull").arg(&reference).home(home.path()).env("DOCKER_CONFIG", &docker).run();
    pull.good();
    assert!(!pull.stderr.contains("secret"));
}

#[test]
fn a_credential_program_is_started_only_where_the_person_said_so() {
    let (registry, home) = (OciRegistry::with_password(), Home::empty());
    let (_folder, docker) = folder();
    let program = docker.join("docker-credential-test");
    fs::write(&program, "#!/bin/sh\ncat >/dev/null\necho '{\"Username\":\"me\",\"Secret\":\"secret\"}'\n").unwrap();
    fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    fs::write(docker.join("config.json"), r#"{"credsStore":"test"}"#).unwrap();
    let reference = registry.reference("acme/time:1");
    let push = || {
        let path = format!("{}:/usr/bin:/bin", docker.display());
        let push = Lockgate::new("push").arg(time()).arg(&reference).home(home.path());
        push.env("DOCKER_CONFIG", &docker).env("PATH", path).run()
    };
    assert!(push().failed(1).contains("credential-programs = true"));
    fs::create_dir_all(home.path().join("config")).unwrap();
    fs::write(home.path().join("config/config.toml"), "[registry]\ncredential-programs = true\n").unwrap();
    push().good();
}

/// Pushes as others do.
fn pushed_by_another(registry: &OciRegistry, repository: &str, config_type: &str, layers: &[(&str, &[u8])]) -> String {
    let threads = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    threads.block_on(async {
        let protocol = ClientProtocol::Http;
        let client = oci_client::Client::try_from(ClientConfig { protocol, ..ClientConfig::default() }).unwrap();
        let reference = registry.reference(repository);
        let parsed: oci_client::Reference = reference.parse().unwrap();
        let layers: Vec<ImageLayer> =
            layers.iter().map(|(kind, bytes)| ImageLayer::new(bytes.to_vec(), (*kind).to_owned(), None)).collect();
        let config = Config::new(b"{}".to_vec(), config_type.to_owned(), None);
        client.push(&parsed, &layers, config, &RegistryAuth::Anonymous, None).await.unwrap();
        reference
    })
}

#[test]
fn what_others_push_is_pulled_too() {
    let (registry, home) = (OciRegistry::start(), Home::empty());
    let component = fs::read(time()).unwrap();
    let unknown = "application/vnd.unknown.config.v1+json";
    for (number, layers) in [
        &[("application/wasm", &*component)][..],
        &[("application/vnd.wasm.content.layer.v1+wasm", &component)],
        &[("application/vnd.wasm.policy.v1+yaml", b"version: 1"), ("application/wasm", &component)],
    ]
    .into_iter()
    .enumerate()
    {
        let reference = pushed_by_another(&registry, &format!("other/{number}:1"), unknown, layers);
        let digest = pull(&reference, &home).good().to_owned();
        assert!(call(&reference, &digest, &home).good().contains("UTC"), "{layers:?}");
    }
}

#[test]
fn attack_55_what_is_no_component_says_what_it_is() {
    let (registry, home) = (OciRegistry::start(), Home::empty());
    let component = fs::read(time()).unwrap();
    let kind = "application/vnd.wasm.component.v1";
    let module = b"\0asm\x01\0\0\0".as_slice();
    for (number, (config, layers, code)) in [
        ("x/y", &[("application/vnd.oci.image.layer.v1.tar+gzip", b"x".as_slice())][..], "no-component"),
        ("x/y", &[("application/wasm", &*component), ("application/wasm", module)], "several-layers"),
        ("x/y", &[("application/wasm", b"#!/bin/sh")], "no-wasm"),
        ("x/y", &[(kind, module)], "other-binary"),
        ("application/vnd.wasm.config.v0+json", &[("application/wasm", &component)], "component-config"),
    ]
    .into_iter()
    .enumerate()
    {
        let reference = pushed_by_another(&registry, &format!("other/{number}:1"), config, layers);
        let ended = pull(&reference, &home);
        assert!(ended.failed(3).contains(&format!("({code})")), "{ended}");
    }
}

#[test]
fn another_client_pulls_what_was_pushed() {
    let (registry, home) = (OciRegistry::start(), Home::empty());
    let reference = registry.reference("acme/time:1");
    push(&time(), &reference, &home).good();
    let threads = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let data = threads.block_on(async {
        let protocol = ClientProtocol::Http;
        let client = oci_client::Client::try_from(ClientConfig { protocol, ..ClientConfig::default() }).unwrap();
        let parsed = reference.parse().unwrap();
        client.pull(&parsed, &RegistryAuth::Anonymous, vec!["application/wasm"]).await.unwrap()
    });
    assert_eq!(data.layers[0].data.to_vec(), fs::read(time()).unwrap());
    assert_eq!(data.config.media_type, "application/vnd.wasm.config.v0+json");
}

#[test]
fn a_folder_is_a_registry_without_a_server() {
    let ((_folder, path), home) = (folder(), Home::empty());
    let layout = path.join("new/layout");
    let named = |rest: &str| format!("oci-layout:{}{rest}", layout.display());
    let digest = push(&time(), &named(":1"), &home).good().to_owned();
    for server in [named(""), named(":1"), named(&format!("@{digest}"))] {
        assert!(call(&server, &digest, &home).good().contains("UTC"), "{server}");
    }
    // Another artifact in it: without a tag, nobody can say which is meant.
    let other = wasm_file(&fs::read(crate::support::probe()).unwrap());
    push(other.path().to_str().unwrap(), &named(":2"), &home).good();
    assert!(call(&named(""), &digest, &home).failed(2).contains("holds 2 artifacts"));
    assert!(call(&named(":1"), &digest, &home).good().contains("UTC"));
    call(&named(":3"), &digest, &home).failed(1);
    // Its bytes are hashed each time.
    let size = fs::metadata(time()).unwrap().len();
    let blobs = fs::read_dir(layout.join("blobs/sha256")).unwrap().map(|entry| entry.unwrap().path());
    let blob = blobs.into_iter().find(|blob| fs::metadata(blob).unwrap().len() == size).unwrap();
    let mut bytes = fs::read(&blob).unwrap();
    bytes[1000] ^= 1;
    fs::write(&blob, bytes).unwrap();
    assert!(call(&named(":1"), &digest, &home).failed(3).contains("not what their name says"));
}

#[test]
fn what_is_no_server_is_not_pushed() {
    let ((_folder, path), home) = (folder(), Home::empty());
    let to = format!("oci-layout:{}:1", path.join("x").display());
    let script = wasm_file(b"#!/bin/sh\n");
    push(script.path().to_str().unwrap(), &to, &home).failed(1);
    push("/nowhere.wasm", &to, &home).failed(1);
    assert!(!Path::new(&path.join("x")).exists());
}

#[test]
fn what_is_no_place_to_push_to_is_a_usage_error() {
    let home = Home::empty();
    let digest = format!("127.0.0.1:1/a@sha256:{}", "ab".repeat(32));
    for to in ["time", "ghcr.io/a", "oci-layout:/x", "oci-layout:", &digest] {
        push(&time(), to, &home).failed(2);
    }
}
