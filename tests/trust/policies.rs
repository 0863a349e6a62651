//! Policies: what they ask, how they are checked and added to, and who has the last word.

use std::fs;

use super::*;

/// Where the machine's policy is another one for this process alone: `/etc` is this folder.
pub(crate) fn with_machine_policy(command: Lockgate, etc: &Path) -> Lockgate {
    let mount = format!("mount --bind '{}' /etc", etc.display());
    command.after(format!("exec unshare --mount /bin/sh -c \"{mount} && exec \\\"\\$@\\\"\" sh \"$@\""))
}

/// An `/etc` with this policy for the machine, beside which `acme.pub` lies.
pub(super) fn machine(policy: &str, scene: &Scene) -> tempfile::TempDir {
    let etc = etc(policy);
    fs::copy(&scene.acme.public, etc.path().join("lockgate/acme.pub")).unwrap();
    etc
}

/// An `/etc` with this policy for the machine.
pub(crate) fn etc(policy: &str) -> tempfile::TempDir {
    let etc = tempfile::tempdir().unwrap();
    fs::create_dir(etc.path().join("lockgate")).unwrap();
    fs::write(etc.path().join("lockgate/trust.toml"), policy).unwrap();
    // Where the system's certificate authorities are.
    let copied = std::process::Command::new("cp").args(["-a", "/etc/ssl"]).arg(etc.path()).status().unwrap();
    assert!(copied.success());
    etc
}

#[test]
fn what_a_policy_asks_is_said_without_asking_anybody() {
    let mut scene = Scene::new();
    scene.policy(&format!(
        "{}sbom = {{ required = true, minimum = \"ntia\", deny-licences = [\"AGPL-3.0-only\"] }}\nprovenance = {{ required = true, source = \"https://github.com/acme/time\" }}\n",
        scene.acme_policy()
    ));
    scene.registry = None;
    let explain = |reference: &str| scene.lockgate("trust", "explain").arg(reference).run();
    insta::assert_snapshot!(explain(&scene.name("acme/time:1")));
    insta::assert_snapshot!(explain(&scene.name("other/time:1")));
    insta::assert_snapshot!(explain("docker://docker.io/mcp/time"));
    insta::assert_snapshot!(explain("docker://dhi.io/python:3"));
    explain("/tmp/time.wasm").failed(2);
}

#[test]
fn a_policy_is_checked_with_its_lines() {
    let scene = Scene::new();
    let check = |text: &str| {
        let file = scene.home.path().join("config/new.toml");
        fs::write(&file, text).unwrap();
        scene.lockgate("trust", "check").arg(&file).run()
    };
    insta::assert_snapshot!(check(&scene.acme_policy()));
    insta::assert_snapshot!(check("default = \"reject\"\n\n[[scope]]\nmatch = \"ghcr.io/acme/*\"\nsigner = []\n"));
    insta::assert_snapshot!(check(
        "default = \"reject\"\n[[scope]]\nmatch = \"ghcr.io/acme/*\"\nsigners = [{ issuer = \"https://token.actions.githubusercontent.com\" }]\n"
    ));
}

#[test]
fn content_that_a_person_reviewed_is_added_to_the_policy_and_runs() {
    let scene = Scene::without_policy();
    let add = || scene.lockgate("trust", "add").arg(scene.name("acme/time:1"));
    let shown = add().run();
    insta::assert_snapshot!(shown);
    assert!(!scene.home.path().join("config/trust.toml").exists(), "{shown}");
    insta::assert_snapshot!(add().arg("--digest").run());
    scene.accepted("reviewed");
    // What is there already is not written a second time, and nothing is lost.
    let before = fs::read(scene.home.path().join("config/trust.toml")).unwrap();
    let again = add().arg("--digest").run();
    assert!(again.good().contains("has it already, and was not changed"), "{again}");
    assert_eq!(fs::read(scene.home.path().join("config/trust.toml")).unwrap(), before);
}

#[test]
fn a_signer_is_added_to_the_policy_and_nobody_else() {
    let scene = Scene::without_policy();
    scene.push_signatures(&[scene.good_signature()]);
    let key = scene.acme.public.to_str().unwrap().to_owned();
    let add = |more: &[&str]| {
        let add = scene.lockgate("trust", "add").arg(scene.name("acme/time:1")).args(more);
        add.naming(&key, "ACME.pub").run()
    };
    insta::assert_snapshot!(add(&[]));
    add(&["--signer", "somebody"]).failed(3);
    let other = Key::new(scene.home.path(), "other");
    add(&["--key", other.public.to_str().unwrap(), "--no-log", "--signer", other.public.to_str().unwrap()]).failed(3);
    insta::assert_snapshot!(add(&["--key", &key, "--no-log", "--signer", &key]));
    scene.accepted("signed");
}

#[test]
fn a_policy_may_stand_in_the_configuration_of_the_person_and_in_no_projects() {
    let scene = Scene::without_policy();
    scene.push_signatures(&[scene.good_signature()]);
    let policy = scene.acme_policy().replace("[[scope]]", "[[trust.scope]]");
    let config = scene.home.path().join("config/config.toml");
    fs::write(&config, format!("[trust]\n{policy}")).unwrap();
    scene.accepted("signed");
    fs::write(&config, format!("[trust]\n{}", policy.replace("signers", "signer"))).unwrap();
    let ended = scene.verify().run();
    assert!(ended.failed(2).contains("config.toml, line 5: unknown field `signer`"), "{ended}");
    fs::write(&config, format!("[trust]\n{policy}")).unwrap();
    scene.policy("default = \"reject\"");
    let ended = scene.verify().run();
    assert!(ended.failed(2).contains("keep one of them"), "{ended}");
    let (_kept, project) = folder();
    fs::write(project.join("lockgate.toml"), "[trust]\ndefault = \"allow-unsigned\"\n").unwrap();
    let ended = Lockgate::new("allow").arg("./lockgate.toml").home(scene.home.path()).current_dir(&project).run();
    assert!(ended.failed(2).contains("in no project's"), "{ended}");
}

#[test]
fn the_machines_policy_is_a_ceiling_that_nothing_lifts() {
    let scene = Scene::without_policy();
    scene.policy("default = \"allow-unsigned\"");
    scene.accepted("allowed-unsigned");
    let etc = machine(&scene.acme_policy(), &scene);
    let call = |more: &[&str]| with_machine_policy(scene.call().args(more), etc.path()).run();
    let refused = call(&[]);
    assert!(refused.failed(3).contains("is refused (unsigned)"), "{refused}");
    assert!(refused.stderr.contains("/etc/lockgate/trust.toml"), "{refused}");
    // Neither a waiver nor another policy.
    call(&["--allow-unsigned", &scene.digest]).failed(3);
    let own = scene.home.path().join("own.toml");
    fs::write(&own, "default = \"allow-unsigned\"").unwrap();
    call(&["--trust-policy", own.to_str().unwrap()]).failed(3);
    // What it asks for is enough for it, and the person's own policy is asked as well.
    scene.push_signatures(&[scene.good_signature()]);
    call(&[]).good();
    scene.policy("default = \"reject\"");
    let refused = call(&[]);
    assert!(refused.failed(3).contains("is refused (no-scope)"), "{refused}");
    let broken = machine("default = \"maybe\"", &scene);
    with_machine_policy(scene.call(), broken.path()).run().failed(2);
}

#[test]
fn what_is_denied_does_not_run_whoever_signed_it() {
    let scene = Scene::new();
    scene.push_signatures(&[scene.good_signature()]);
    scene.accepted("signed");
    scene.policy(&format!("deny = [\"{}\"]\n{}", scene.digest, scene.acme_policy()));
    scene.refused("denied");
    scene.call().args(["--allow-unsigned", &scene.digest]).run().failed(3);
}

#[test]
fn what_is_denied_does_not_run_from_a_file_of_ones_own_either() {
    let scene = Scene::new();
    let call = || Lockgate::call(&probe(), "echo").arg("text=hello").home(scene.home.path());
    call().run().good();
    let plan = Lockgate::new("plan").arg(probe()).args(["--format", "json"]).home(scene.home.path()).run();
    let component = plan.json()["digest"].as_str().unwrap().to_owned();
    scene.policy(&format!("deny = [\"{component}\"]\n{}", scene.acme_policy()));
    let refused = call().run();
    assert!(refused.failed(3).contains("is refused (denied)"), "{refused}");
    // Nor under a manifest that names it.
    scene.push_signatures(&[scene.good_signature()]);
    scene.refused("denied");
}

#[test]
fn a_scope_that_warns_runs_what_it_would_not_and_says_so_each_time() {
    let scene = Scene::new();
    scene.policy(&format!("{}mode = \"warn\"\n", scene.acme_policy()));
    let ended = scene.accepted("warned");
    assert!(ended.stderr.contains("NOT VERIFIED: it does not meet its scope"), "{ended}");
    scene.push_signatures(&[scene.good_signature()]);
    assert_eq!(scene.accepted("signed").stderr, "");
}

#[test]
fn signatures_that_lie_in_another_repository_count_where_the_policy_says_so() {
    let scene = Scene::new();
    scene.repository("signatures").push_signatures(&scene.digest, &[scene.good_signature()]);
    scene.refused("unsigned");
    scene.policy(&format!("{}signatures = \"{}\"\n", scene.acme_policy(), scene.name("signatures")));
    scene.accepted("signed");
    // The payload has to name what was signed, wherever it lies.
    let other = scene.acme.sign(&scene.digest, &scene.name("acme/other"));
    scene.repository("more").push_signatures(&scene.digest, &[other]);
    scene.policy(&format!("{}signatures = \"{}\"\n", scene.acme_policy(), scene.name("more")));
    scene.refused("other-repository");
    // A repository that cannot be asked is none without signatures.
    scene.policy(&format!("{}signatures = \"127.0.0.1:1/signatures\"\n", scene.acme_policy()));
    scene.refused("signatures-unavailable");
}
