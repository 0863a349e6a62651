//! `lockgate trust add`, where the policy has something to say already.

use std::fs;

use super::policies::{machine, with_machine_policy};
use super::*;

impl Scene {
    /// The person's policy as it is now.
    fn written(&self, file: &str) -> String {
        fs::read_to_string(self.home.path().join("config").join(file)).unwrap()
    }

    fn add(&self, more: &[&str]) -> Ended {
        let key = self.acme.public.to_str().unwrap();
        let add = self.lockgate("trust", "add").arg(self.name("acme/time:1")).args(more);
        add.naming(key, "ACME.pub").naming(self.home.path().to_str().unwrap(), "HOME").run()
    }

    fn add_acme(&self) -> Ended {
        let key = self.acme.public.to_str().unwrap();
        self.add(&["--key", key, "--no-log", "--signer", key])
    }
}

/// A policy with comments, where one scope is for `acme/time` and trusts somebody else.
fn with_other(scene: &Scene, header: &str, more: &str) -> String {
    scene.home.signer_key("other");
    let name = scene.name("acme/time");
    let digest = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    format!(
        "default = \"reject\" # nobody else\n\n{header}\nmatch = \"{name}\" # the clock\nsigners = [\n    # first\n    \
         {{ key = \"other.pub\", log = \"ignore\" }}, # other\n]{more}\n\n# not theirs\n{header}\nmatch = \"ghcr.io/x/**\"\n\
         digests = [\"{digest}\"]\n"
    )
}

#[test]
fn a_signer_is_added_to_the_scope_that_is_there_and_all_else_stays() {
    let scene = Scene::without_policy();
    scene.push_signatures(&[scene.good_signature()]);
    let before = with_other(&scene, "[[scope]]", "");
    scene.policy(&before);
    let file = scene.home.path().join("config/trust.toml");
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    scene.refused("unknown-signer");
    insta::assert_snapshot!(scene.add_acme());
    let line = format!("    {{ key = \"{}\", log = \"ignore\" }},\n]", scene.acme.public.display());
    assert_eq!(scene.written("trust.toml"), before.replacen(']', &line, 3).replacen(&line, "]", 2));
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o644, "who could read it can read it");
    scene.accepted("signed");
    // Once more is nothing to do, and no error.
    let after = scene.written("trust.toml");
    let again = scene.add_acme();
    assert!(again.good().contains("has it already, and was not changed"), "{again}");
    assert_eq!(scene.written("trust.toml"), after);
    // With other terms it is no more than the scope says.
    let key = scene.acme.public.to_str().unwrap();
    scene.policy(&after.replace(&format!("{key}\", log = \"ignore\""), &format!("{key}\", log = \"required\"")));
    assert!(scene.add_acme().failed(2).contains("is in the scope"), "{again}");
}

#[test]
fn a_reviewed_digest_is_added_to_the_scope_that_is_there() {
    let scene = Scene::without_policy();
    let before = with_other(&scene, "[[scope]]", "\nthreshold = 1");
    scene.policy(&before);
    let added = scene.add(&["--digest", "--format", "json"]);
    added.good();
    let json = added.json();
    assert_eq!(json["written"], json!(format!("+ digests = [\"{}\"]", scene.digest)));
    assert_eq!(json["means"], json!(["this content runs without anything else that the scope asks for"]));
    let line = format!("threshold = 1\ndigests = [\"{}\"]\n", scene.digest);
    assert_eq!(scene.written("trust.toml"), before.replace("threshold = 1\n", &line));
    scene.accepted("reviewed");
}

#[test]
fn a_policy_in_the_configuration_is_added_to_there() {
    let scene = Scene::without_policy();
    scene.push_signatures(&[scene.good_signature()]);
    let servers = "\n# my servers\n[servers.clock]\nsource = \"time\" # built in\n";
    let config = |policy: &str| format!("[trust]\n{policy}{servers}");
    let file = scene.home.path().join("config/config.toml");
    fs::write(&file, config("default = \"reject\"")).unwrap();
    scene.add(&["--digest"]).good();
    let scope =
        format!("\n[[trust.scope]]\nmatch = \"{}\"\ndigests = [\"{}\"]\n", scene.name("acme/time"), scene.digest);
    assert_eq!(scene.written("config.toml"), config("default = \"reject\"") + &scope);
    let before = config(&with_other(&scene, "[[trust.scope]]", ""));
    fs::write(&file, &before).unwrap();
    scene.add_acme().good();
    let after = scene.written("config.toml");
    assert!(after.contains("acme.pub") && after.ends_with(servers) && after.len() > before.len(), "{after}");
    assert!(!scene.home.path().join("config/trust.toml").exists());
    scene.accepted("signed");
}

#[test]
fn a_policy_that_would_not_be_usable_is_left_as_it_is() {
    let scene = Scene::without_policy();
    scene.push_signatures(&[scene.good_signature()]);
    // Denied, whoever it is that is trusted.
    let denied = format!("deny = [\"{}\"]\ndefault = \"reject\"\n", scene.digest);
    scene.policy(&denied);
    assert!(scene.add(&["--digest"]).failed(2).contains("never runs"));
    insta::assert_snapshot!(scene.add_acme());
    assert_eq!(scene.written("trust.toml"), denied);
    // Narrower than a scope that asks for more.
    let wider = scene.acme_policy();
    scene.policy(&wider);
    insta::assert_snapshot!(scene.add_acme());
    assert_eq!(scene.written("trust.toml"), wider);
    // Written so that one place alone cannot be changed.
    let mixed = with_other(&scene, "[[scope]]", "").replacen('\n', "\r\n", 1);
    scene.policy(&mixed);
    assert!(scene.add_acme().failed(2).contains("cannot be changed in one place alone"));
    assert_eq!(scene.written("trust.toml"), mixed);
    // Two scopes for the same.
    let twice = format!("{wider}{}", wider.split_once('\n').unwrap().1);
    scene.policy(&twice);
    assert!(scene.add_acme().failed(2).contains("another scope is for the same repositories"));
    assert_eq!(scene.written("trust.toml"), twice);
}

#[test]
fn it_is_said_where_what_was_added_does_not_let_it_run_yet() {
    let scene = Scene::without_policy();
    scene.push_signatures(&[scene.good_signature()]);
    let policy = with_other(&scene, "[[scope]]", "\nthreshold = 2");
    scene.home.signer_key("third");
    let more = "    { key = \"third.pub\", log = \"ignore\" },\n]\nthreshold";
    scene.policy(&policy.replace("]\nthreshold", more));
    insta::assert_snapshot!(scene.add_acme());
    assert!(scene.written("trust.toml").contains("acme.pub"));
    scene.refused("too-few-signers");
}

#[test]
fn what_the_machine_denies_or_does_not_trust_is_said_and_only_the_persons_own_policy_is_changed() {
    let scene = Scene::without_policy();
    scene.push_signatures(&[scene.good_signature()]);
    scene.policy("default = \"reject\"\n");
    let deny = format!("deny = [\"{}\"]\ndefault = \"allow-unsigned\"\n", scene.digest);
    let add = |etc: &tempfile::TempDir| {
        let key = scene.acme.public.to_str().unwrap();
        let add = scene.lockgate("trust", "add").arg(scene.name("acme/time:1"));
        with_machine_policy(add.args(["--key", key, "--no-log", "--signer", key]), etc.path()).run()
    };
    let etc = machine(&deny, &scene);
    assert!(add(&etc).failed(3).contains("does not run (denied)"));
    assert_eq!(scene.written("trust.toml"), "default = \"reject\"\n");
    let rejecting = machine("default = \"reject\"\n", &scene);
    let added = add(&rejecting);
    let note = "note: it still does not run, by /etc/lockgate/trust.toml (no-scope)";
    assert!(added.good().contains(note) && added.stdout.contains("ask whoever writes that policy"), "{added}");
    assert!(scene.written("trust.toml").contains("acme.pub"));
    assert_eq!(fs::read_to_string(etc.path().join("lockgate/trust.toml")).unwrap(), deny);
    scene.accepted("signed");
    // Not by a link either, though this process may write everything.
    let own = scene.home.path().join("config/trust.toml");
    fs::remove_file(&own).unwrap();
    std::os::unix::fs::symlink("/etc/lockgate/trust.toml", &own).unwrap();
    assert!(add(&rejecting).failed(1).contains("which is the machine's"));
    assert_eq!(fs::read_to_string(rejecting.path().join("lockgate/trust.toml")).unwrap(), "default = \"reject\"\n");
}

#[test]
fn a_link_is_followed_and_what_nobody_may_write_is_not_written() {
    let scene = Scene::without_policy();
    let config = scene.home.path().join("config");
    let (file, link) = (scene.home.path().join("dotfiles.toml"), config.join("trust.toml"));
    std::os::unix::fs::symlink("../dotfiles.toml", &link).unwrap();
    assert!(scene.add(&["--digest"]).failed(1).contains("nothing was changed"));
    assert!(!file.exists() && link.is_symlink());
    fs::write(&file, "default = \"reject\"\n").unwrap();
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o444)).unwrap();
    assert!(scene.add(&["--digest"]).failed(1).contains("it is read-only"));
    assert_eq!(fs::read_to_string(&file).unwrap(), "default = \"reject\"\n");
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
    scene.add(&["--digest"]).good();
    assert!(link.is_symlink() && fs::read_to_string(&file).unwrap().contains(&scene.digest));
    scene.accepted("reviewed");
    // Nothing is left beside it.
    let left: Vec<_> = fs::read_dir(scene.home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with(".tmp")), "{left:?}");
}
