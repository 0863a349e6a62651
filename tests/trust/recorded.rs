//! What the log of a gateway says of how a server was judged.

use super::*;
use crate::support::bundles;
use crate::support::sigstore::statement;

impl Scene {
    /// What a gateway that serves `acme/time:1` to one client logs of it.
    fn logged(&self) -> String {
        let mut client = Client::start(self.lockgate("run", &self.name("acme/time:1")));
        client.initialize("2025-11-25", json!({}));
        let (ended, _) = client.close();
        let lines: Vec<&str> = ended.stderr.lines().filter(|line| line.contains(" by scope ")).collect();
        let [line] = &*lines else { panic!("{ended}") };
        line.replace(&self.address, "REGISTRY").replace(self.home.path().to_str().unwrap(), "HOME")
    }
}

#[test]
fn the_log_says_of_each_requirement_who_met_it() {
    let scene = Scene::new();
    scene.push_signatures(&[scene.good_signature()]);
    let auditor = scene.home.signer_key("audit");
    let audit = statement(&scene.digest, "https://acme.example/audit/v1", &json!({}));
    bundles::attach(&scene.repository("acme/time"), &scene.digest, &[bundles::by_key(&auditor, &audit)]);
    scene.policy(&format!(
        "{}attestations = [{{ type = \"https://acme.example/audit/v1\", signers = [{{ key = \"audit.pub\", log = \"ignore\" }}] }}]\nsbom = {{ required = false }}\n",
        scene.acme_policy()
    ));
    let expected = format!(
        "lockgate: time is accepted by scope REGISTRY/acme/* of HOME/config/trust.toml: signature by acme.pub {}; \
         attestation https://acme.example/audit/v1 by audit.pub {}; no sbom",
        fingerprint(&scene.acme),
        fingerprint(&auditor)
    );
    assert_eq!(scene.logged(), expected);
}

#[test]
fn the_log_says_on_what_else_something_is_accepted() {
    let scene = Scene::new();
    scene.policy(&scene.reviewed_policy(&scene.digest));
    let accepted = "lockgate: time is accepted by scope REGISTRY/acme/time of HOME/config/trust.toml: reviewed: its digest is in your trust policy";
    assert_eq!(scene.logged(), accepted);
    scene.policy(&format!("{}mode = \"warn\"\n", scene.acme_policy()));
    let mut client = Client::start(scene.lockgate("run", &scene.name("acme/time:1")));
    client.initialize("2025-11-25", json!({}));
    let (ended, _) = client.close();
    assert!(ended.stderr.contains("warning: time runs though it is unsigned: "), "{ended}");
}
