//! What the README says on whom to trust: each of its policies can be used, and the one for what GitHub built accepts that.

use super::*;

/// The policies that the README shows in its section on trust.
fn policies() -> Vec<String> {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).unwrap();
    let (_, section) = readme.split_once("\n## Whom you trust\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let blocks = section.split("```toml\n").skip(1).map(|block| block.split_once("```").unwrap().0.to_owned());
    blocks.collect()
}

#[test]
fn each_policy_of_the_readme_can_be_used() {
    let home = Home::warm();
    let folder = tempfile::tempdir().unwrap();
    Key::new(folder.path(), "acme");
    fs::create_dir(folder.path().join("osv-snapshot")).unwrap();
    let policies = policies();
    assert_eq!(policies.len(), 3);
    for policy in policies {
        // A digest has no place in a line of the README.
        let policy = policy.replace("sha256:…", &format!("sha256:{}", "0".repeat(64)));
        let file = folder.path().join("trust.toml");
        fs::write(&file, &policy).unwrap();
        let checked = Lockgate::new("trust").arg("check").arg(&file).home(home.path()).run();
        assert!(checked.good().contains("can be used"), "{policy}\n{checked}");
    }
}

#[test]
fn the_readmes_policy_for_what_github_built_accepts_provenance_alone() {
    let policy = policies().into_iter().find(|policy| policy.contains("attestations")).unwrap();
    let scene = Scene::new();
    // What is not the README's: where it was pushed, the owner's number, and the instance of Sigstore.
    let changes = [
        ("ghcr.io/acme/time", scene.name()),
        ("owner-id = \"12345\"", "owner-id = \"4242\"".to_owned()),
        ("issuer = ", "root = \"good.json\", issuer = ".to_owned()),
    ];
    let policy = changes.iter().fold(policy, |policy, (written, here)| {
        assert!(policy.contains(written), "{policy}");
        policy.replace(written, here)
    });
    let provenance = |git_ref: &str| {
        let said = statement(&scene.digest, SLSA, &built(git_ref));
        scene.attach("good", &[(workflow("acme/time", "release.yml", git_ref), said)]);
        fs::write(scene.home.path().join("config/trust.toml"), &policy).unwrap();
    };
    provenance("refs/heads/main");
    scene.refused("other-subject");
    provenance("refs/tags/v1");
    scene.accepted();
    let call = Lockgate::new("call").arg(format!("{}:1", scene.name())).home(scene.home.path());
    assert_eq!(call.args(["echo", "text=hello"]).run().good(), "hello");
}
