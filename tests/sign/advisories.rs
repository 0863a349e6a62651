//! What is known of packages inside: by a folder of advisories beside the policy, and the SBOM that the author signed.

use super::*;

const CRITICAL: &str = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H";
const LOW: &str = "CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N";

/// A published component whose SBOM names lodash 4.17.20, and a person whose policy asks for its advisories.
struct Judged {
    scene: Scene,
    reference: String,
    _registry: OciRegistry,
}

impl Judged {
    fn new() -> Self {
        let (registry, scene) = (OciRegistry::start(), Scene::new());
        let reference = registry.reference("acme/time:1");
        let document = scene.publish(&reference, &["--sbom", SBOM]);
        let rules = "sbom = { required = true, max-severity = \"medium\", vulnerabilities = \"osv/\" }";
        let scope = document["scope"].as_str().unwrap().replace("sbom = { required = true }", rules);
        let config = scene.home.path().join("config");
        fs::write(config.join("trust.toml"), format!("default = \"reject\"\n{scope}\n")).unwrap();
        fs::create_dir(config.join("osv")).unwrap();
        Self { scene, reference, _registry: registry }
    }

    /// Puts a snapshot there that was made so long ago: one advisory of lodash, so bad, and mended in this version.
    fn advise(&self, age: &str, severity: &str, fixed: &str) {
        let folder = self.scene.home.path().join("config/osv");
        let created = run("date", &["-u", "-d", age, "+%Y-%m-%dT%H:%M:%SZ"]);
        let advisory = json!({
            "id": "GHSA-0000-0000-0000",
            "modified": "2026-01-01T00:00:00Z",
            "severity": [{ "type": "CVSS_V3", "score": severity }],
            "affected": [{
                "package": { "ecosystem": "npm", "name": "lodash" },
                "ranges": [{ "type": "SEMVER", "events": [{ "introduced": "0" }, { "fixed": fixed }] }],
            }],
        });
        fs::write(folder.join("GHSA-0000-0000-0000.json"), advisory.to_string()).unwrap();
        fs::write(folder.join("snapshot.json"), json!({ "created": created.trim() }).to_string()).unwrap();
    }

    /// Checks that nothing of it runs, and why.
    fn refused(&self, reason: &str) {
        let call = Lockgate::new("call").arg(&self.reference).args(["echo", "text=hello"]);
        let ended = call.home(self.scene.home.path()).run();
        assert!(ended.failed(3).contains(&format!("is refused ({reason})")), "{ended}");
        assert_eq!(ended.stdout, "", "{ended}");
    }

    fn runs(&self) {
        self.scene.home.runs_as_signed(&self.reference);
    }
}

#[test]
fn what_has_a_vulnerability_that_the_policy_does_not_bear_does_not_run() {
    let judged = Judged::new();
    judged.advise("1 hour ago", CRITICAL, "4.17.21");
    judged.refused("vulnerable");
    // One that is not as bad, or that this version does not have any more.
    judged.advise("1 hour ago", LOW, "4.17.21");
    judged.runs();
    judged.advise("1 hour ago", CRITICAL, "4.17.20");
    judged.runs();
}

#[test]
fn nobody_is_judged_by_advisories_that_are_old_or_missing() {
    let judged = Judged::new();
    judged.refused("advisories-unreadable");
    judged.advise("8 days ago", LOW, "4.17.21");
    judged.refused("advisories-old");
    judged.advise("6 days ago", LOW, "4.17.21");
    judged.runs();
}
