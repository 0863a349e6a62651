//! What it costs to judge what has been judged before: offline, and at the start of a gateway with many servers.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use lockgate_runtime::{Decision, Hooks, PolicyFiles, Runtime, Settings, Source, TrustPolicy, Verdict};
use serde_json::{Value, json};

use crate::executor::settings;
use crate::measure::Samples;
use crate::stdio::{Client, META};
use crate::support::cosign::{Key, Repository};
use crate::support::sigstore::{ISSUER, SIGNATURE, sign, statement, workflow};
use crate::support::{OciRegistry, probe};

/// Packages in the SBOM.
const PACKAGES: usize = 300;

/// Files in one folder.
struct Folder<'a>(&'a Path);

impl PolicyFiles for Folder<'_> {
    fn read(&mut self, path: &Path) -> std::io::Result<Vec<u8>> {
        fs::read(self.0.join(path))
    }

    fn path(&mut self, path: &Path) -> std::io::Result<std::path::PathBuf> {
        Ok(self.0.join(path))
    }
}

/// The median time of judging an artifact with a keyless signature and an SBOM, whose registry is gone. Its packages
/// are looked up in a snapshot of so many advisories, if any.
pub(crate) fn again_offline(home: &Path, advisories: usize, runs: usize) -> Duration {
    let registry = OciRegistry::start();
    let looked_up = if advisories > 0 {
        write_snapshot(&home.join("osv"), advisories);
        r#", max-severity = "low", vulnerabilities = "osv", max-age = "500w""#
    } else {
        ""
    };
    let name = format!("{}/acme/time", registry.address());
    let digest = Repository::new(&name).push_component("1", Path::new(&probe()));
    let claims = workflow("acme/time", "release.yml", "refs/heads/main");
    let item = |statement: Value| json!({ "claims": claims, "statement": statement, "image": name, "digest": digest });
    let signed = statement(&digest, SIGNATURE, &json!({}));
    let attested = statement(&digest, "https://spdx.dev/Document/v2.3", &sbom());
    sign(&home.join("root.json"), &[item(signed), item(attested)]);
    let policy = format!(
        r#"
        default = "reject"
        [[scope]]
        match = "{name}"
        signers = [{{ issuer = "{ISSUER}", subject = "{}", root = "root.json" }}]
        sbom = {{ required = true, minimum = ["name", "version"], deny-licences = ["AGPL-3.0-only"]{looked_up} }}
        "#,
        claims["sub"].as_str().expect("a subject")
    );
    let trust = TrustPolicy::read(&policy, &mut Folder(home)).expect("a policy");
    let settings = Settings { trust, ..settings(home) };
    let runtime = Runtime::new(settings, Hooks { event: Arc::new(|_| ()) }, &[]).expect("a runtime");
    let threads = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a thread");
    let source = Source::Oci(format!("{name}:1").parse().expect("a reference"));
    let verify = || threads.block_on(runtime.verify(&source)).expect("a decision");
    assert_accepted(&verify());
    drop(registry);
    let mut samples = Samples::default();
    for _ in 0..runs {
        let start = Instant::now();
        let decision = verify();
        samples.add(start.elapsed());
        assert_accepted(&decision);
    }
    samples.median()
}

fn assert_accepted(decision: &Decision) {
    assert!(matches!(decision.verdict, Verdict::Accepted { .. }), "{decision:?}");
}

/// Advisories about other packages, of the size that real ones have.
fn write_snapshot(folder: &Path, advisories: usize) {
    let details = "What somebody could do, and what to do about it. ".repeat(20);
    let advisory = |at: usize| {
        let advisory = json!({
            "id": format!("BENCH-{at}"), "modified": "2026-01-02T03:04:05Z", "details": details,
            "affected": [{ "package": { "ecosystem": "crates.io", "name": format!("other-{at}") },
                "ranges": [{ "type": "SEMVER", "events": [{ "introduced": "0" }, { "fixed": "1.2.3" }] }] }],
        });
        format!("{advisory}\n")
    };
    fs::create_dir(folder).expect("a folder");
    fs::write(folder.join("all.jsonl"), (0..advisories).map(advisory).collect::<String>()).expect("a file");
    // No index is kept of what may still be written.
    std::thread::sleep(Duration::from_secs(4));
}

fn sbom() -> Value {
    let package = |at: usize| {
        json!({
            "name": format!("package-{at}"), "SPDXID": format!("SPDXRef-{at}"), "versionInfo": "1.2.3",
            "licenseDeclared": "MIT OR Apache-2.0", "licenseConcluded": "MIT", "downloadLocation": "NOASSERTION",
            "externalRefs": [{ "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                "referenceLocator": format!("pkg:cargo/package-{at}@1.2.3") }],
        })
    };
    json!({
        "spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "name": "time",
        "creationInfo": { "created": "2026-01-02T03:04:05Z", "creators": ["Tool: bench"] },
        "packages": (0..PACKAGES).map(package).collect::<Vec<_>>(),
    })
}

/// The median time from starting a gateway with `servers` signed servers to a list with the tools of all of them.
pub(crate) fn start_with(servers: usize, runs: usize) -> Duration {
    let registry = OciRegistry::start();
    let home = tempfile::tempdir().expect("a folder");
    let config = home.path().join("config");
    fs::create_dir(&config).expect("a folder");
    let acme = Key::new(&config, "acme");
    let mut text = String::new();
    for at in 0..servers {
        let name = format!("{}/acme/server-{at}", registry.address());
        let repository = Repository::new(&name);
        let digest = repository.push_component("1", Path::new(&probe()));
        repository.push_signatures(&digest, &[acme.sign(&digest, &name)]);
        text.push_str(&format!("[servers.server-{at}]\nsource = \"{name}:1\"\n"));
    }
    fs::write(config.join("config.toml"), text).expect("a file");
    let policy = format!(
        "default = \"reject\"\n[[scope]]\nmatch = \"{}/acme/*\"\nsigners = [{{ key = \"acme.pub\", log = \"ignore\" }}]\n",
        registry.address()
    );
    fs::write(config.join("trust.toml"), policy).expect("a file");
    let mut samples = Samples::default();
    for run in 0..=runs {
        let start = Instant::now();
        let mut client = started(home.path());
        let mut id = 0;
        loop {
            id += 1;
            client.send(&format!(
                "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"tools/list\",\"params\":{{{META}}}}}\n"
            ));
            let list = client.receive();
            if (0..servers).all(|at| list.contains(&format!("\"server-{at}__echo\""))) {
                break;
            }
            assert!(start.elapsed() < Duration::from_secs(120), "not all servers have started: {list}");
        }
        // The first one pulls and compiles.
        if run > 0 {
            samples.add(start.elapsed());
        }
    }
    samples.median()
}

fn started(home: &Path) -> Client {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockgate"));
    // Nothing is locked here, which a machine of CI would not start.
    Client::spawn(command.env_remove("CI").arg("--home").arg(home).arg("run").stderr(Stdio::null()))
}
