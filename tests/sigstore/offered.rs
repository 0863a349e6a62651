//! What a refusal prints, and what `trust add` writes, for who signed something and for who only attested something of it:
//! each of it is a policy by which it runs.

use std::io::Write;

use super::*;
use crate::support::bundles;

impl Scene {
    fn policy(&self, text: &str) {
        fs::write(self.home.path().join("config/trust.toml"), format!("default = \"reject\"\n{text}")).unwrap();
    }

    fn written(&self) -> String {
        fs::read_to_string(self.home.path().join("config/trust.toml")).unwrap()
    }

    /// A scope for something else, which names the instance.
    fn elsewhere(&self) -> String {
        format!(
            "[[scope]]\nmatch = \"ghcr.io/acme/other\"\nsigners = [{{ issuer = \"{ISSUER}\", root = \"good.json\", subject = \"{WORKFLOW}\" }}]\n"
        )
    }

    /// A scope for this, with these lines.
    fn scope(&self, lines: &str) -> String {
        format!("[[scope]]\nmatch = \"{}\"\n{lines}\n", self.name())
    }

    fn provenance(&self) -> Value {
        statement(&self.digest, SLSA, &built("refs/heads/main"))
    }

    fn remedies(&self) -> Vec<(String, String)> {
        let refused = self.verify();
        refused.failed(3);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let remedies = refused.json()["remedies"].as_array().unwrap().clone();
        remedies.iter().map(|remedy| (text(&remedy["when"]), text(&remedy["write"]))).collect()
    }

    fn add(&self, more: &[&str]) -> Ended {
        let add = Lockgate::new("trust").arg("add").arg(format!("{}:1", self.name())).args(more);
        let add = add.naming(self.registry.address(), "REGISTRY").naming(&self.digest, "DIGEST");
        add.home(self.home.path()).run()
    }
}

/// Who the workflow is, as it is shown.
fn signer() -> String {
    format!("{WORKFLOW} by {ISSUER}, for https://github.com/acme/time")
}

#[test]
fn the_lines_for_who_only_attested_how_it_was_built_let_it_run() {
    let scene = Scene::new();
    scene.attach("good", &[(release(), scene.provenance())]);
    let issuer = format!("signers = [{{ issuer = \"{ISSUER}\", root = \"good.json\"");
    let strangers = format!("{issuer}, subject = \"{}\" }}]", WORKFLOW.replace("release", "other"));
    let trusted = format!("{issuer}, subject = \"{WORKFLOW}\" }}]");
    for (policy, reason) in [
        (scene.elsewhere(), "no-scope"),
        (scene.scope(&strangers), "other-subject"),
        (scene.scope(&trusted), "only-attested"),
        (scene.scope(&trusted).replace(&scene.name(), &scene.name().replace("time", "*")), "only-attested"),
    ] {
        scene.policy(&policy);
        scene.refused(reason);
        let remedies = scene.remedies();
        let offered: Vec<_> = remedies.iter().filter(|(_, write)| write.contains(SLSA)).collect();
        let [(when, write)] = &*offered else { panic!("{remedies:?}") };
        assert!(when.contains(WORKFLOW) && when.contains("without signing it"), "{when}");
        assert!(!remedies.iter().any(|(_, write)| write.contains("\nsigners = [")), "{remedies:?}");
        let kept = if when.contains("in the place of the scope") { "" } else { &policy };
        scene.policy(&format!("{kept}{write}\n"));
        scene.accepted();
    }
}

#[test]
fn the_lines_for_what_cosign_3_signed_with_a_key_let_it_run() {
    let scene = Scene::new();
    let key = scene.home.signer_key("THEIR");
    for (statement, line) in [(scene.signature(), "\nsigners = ["), (scene.provenance(), "\nattestations = [")] {
        scene.policy("");
        bundles::attach(&scene.repository(), &scene.digest, &[bundles::by_key(&key, &statement)]);
        let remedies = scene.remedies();
        let offered: Vec<_> = remedies.iter().filter(|(_, write)| write.contains("THEIR.pub")).collect();
        let [(_, write)] = &*offered else { panic!("{remedies:?}") };
        assert!(write.contains(line), "{write}");
        scene.policy(&format!("{write}\n"));
        scene.accepted();
    }
}

#[test]
fn who_only_attested_how_it_was_built_can_be_trusted_for_that() {
    let scene = Scene::new();
    scene.attach("good", &[(release(), scene.provenance())]);
    scene.policy(&scene.elsewhere());
    let shown = scene.add(&[]);
    shown.failed(3);
    insta::assert_snapshot!(shown);
    insta::assert_snapshot!(scene.add(&["--signer", &signer()]));
    scene.accepted();
    let written = scene.written();
    let again = scene.add(&["--signer", &signer()]);
    assert!(again.good().contains("has it already"), "{again}");
    // Others may attest the same already.
    scene.policy(&written.replace("release.yml", "other.yml").replace("default = \"reject\"\n", ""));
    scene.refused("other-subject");
    assert!(scene.add(&["--signer", &signer()]).good().contains("it widens the scope"));
    scene.accepted();
    assert_eq!(scene.written().matches("[[scope]]").count(), 2);
    // A scope that asks for signatures is not met by that.
    let signed = scene.scope("signers = [{ key = \"acme.pub\", log = \"ignore\" }]");
    scene.home.signer_key("acme");
    scene.policy(&(scene.elsewhere() + &signed));
    let beside = scene.add(&["--signer", &signer()]);
    assert!(beside.failed(2).contains("asks for something that this does not say"), "{beside}");
    let (_, by_hand) = beside.stderr.split_once("write by hand in its place:\n").unwrap();
    let by_hand: Vec<&str> = by_hand.lines().map(str::trim).take_while(|line| !line.starts_with("help")).collect();
    scene.policy(&(scene.elsewhere() + &by_hand.join("\n")));
    scene.accepted();
}

#[test]
fn a_person_at_a_terminal_is_asked_whom_to_trust_and_only_a_yes_is_one() {
    let scene = Scene::new();
    scene.attach("good", &[(release(), scene.provenance())]);
    let at_terminal = |typed: &str| {
        scene.policy(&scene.elsewhere());
        let add = Lockgate::new("trust").arg("add").arg(format!("{}:1", scene.name())).home(scene.home.path());
        let mut process = add.after("exec script -qec \"$*\" /dev/null").start();
        process.stdin().write_all(typed.as_bytes()).unwrap();
        process.finish()
    };
    let question = format!("trust {}, who did not sign it and attested {SLSA}, for {}? [y/N]", signer(), scene.name());
    let reviewed = format!("have you reviewed {}, and trust exactly this content? [y/N]", scene.digest);
    for no in ["n\nn\n", "\n\n", "yy\nmaybe\n"] {
        let ended = at_terminal(no);
        assert!(ended.stdout.contains(&question) && ended.stdout.contains(&reviewed), "{ended}");
        assert!(ended.stdout.contains("nothing was trusted") && scene.written().matches("[[scope]]").count() == 1);
    }
    let ended = at_terminal("y\n");
    assert!(!ended.stdout.contains(&reviewed) && scene.written().contains("attestations = ["), "{ended}");
    scene.accepted();
    let ended = at_terminal("n\ny\n");
    assert!(scene.written().contains("digests = [") && !scene.written().contains("attestations"), "{ended}");
}

#[test]
fn who_signed_without_a_key_can_be_trusted() {
    let scene = Scene::new();
    let sbom = json!({
        "spdxVersion": "SPDX-2.3",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": "time",
        "creationInfo": { "created": "2026-11-01T00:00:00Z", "creators": ["Tool: x"] },
        "packages": [{ "name": "jiff", "SPDXID": "SPDXRef-jiff", "versionInfo": "0.2.15", "licenseDeclared": "MIT",
            "licenseConcluded": "MIT", "downloadLocation": "NOASSERTION" }],
    });
    let sbom = statement(&scene.digest, "https://spdx.dev/Document/v2.3", &sbom);
    let auditor = workflow("acme/audit", "audit.yml", "refs/heads/main");
    scene.attach("good", &[(release(), scene.signature()), (release(), scene.provenance()), (auditor, sbom)]);
    scene.policy(&scene.elsewhere());
    let added = scene.add(&["--signer", &signer()]);
    added.good();
    insta::assert_snapshot!(added);
    scene.accepted();
    // It was shown as well to who only looks.
    let inspected = Lockgate::new("inspect").arg(format!("{}:1", scene.name())).home(scene.home.path());
    let inspected = inspected.naming(scene.registry.address(), "REGISTRY").naming(&scene.digest, "DIGEST").run();
    inspected.good();
    insta::assert_snapshot!(inspected);
}
