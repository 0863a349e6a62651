//! Whatever reads the bytes of strangers before they are trusted, each as the function that `fuzz/` feeds.
//!
//! It takes any bytes at all, and says whether they could be read. It may refuse them; it may not panic, hang, or take
//! much memory.

#[cfg(test)]
mod tests;

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use sigstore_trust_root::SIGSTORE_PRODUCTION_TRUSTED_ROOT;

use crate::artifact::{Digest, Manifest};
use crate::trust::fuzzed::{
    Evidence, Fault, Form, Name, Notes, Payload, Place, Provenance, Sbom, Snapshot, SnapshotFile, Statement, TrustRoot,
    Vex, Weighing, look_up,
};
use crate::trust::{PolicyFiles, TrustPolicy, TufRoot};

/// A manifest of a registry.
pub fn manifest(bytes: &[u8]) -> bool {
    let mut is_read = false;
    for said in [None, Some("application/vnd.oci.image.manifest.v1+json")] {
        if let Ok(manifest) = Manifest::read(bytes, said) {
            assert_eq!(*manifest.digest(), Digest::of(bytes), "a manifest goes by the digest of its bytes");
            is_read = true;
        }
    }
    is_read
}

/// A bundle, and cosign's older forms, as somebody offers them who is not trusted; and what is inside, as one who is.
pub fn bundle(bytes: &[u8]) -> bool {
    let mut is_read = Payload::read(bytes).is_ok();
    let text = String::from_utf8_lossy(bytes).into_owned();
    let notes =
        Notes { signature: Some(text.clone()), certificate: Some(text.clone()), log: Some(text), ..Notes::default() };
    for form in [
        Form::Bundle(bytes.to_vec()),
        Form::Envelope { envelope: bytes.to_vec(), notes: notes.clone() },
        Form::SimpleSigning { payload: bytes.to_vec(), notes },
    ] {
        let evidence = Evidence { about: Digest::of(b"artifact"), place: Place::Referrers, form };
        let scope = TRUSTING.scope(&name()).expect("the policy has a scope for it");
        let mut weighing = Weighing::of(&evidence);
        for authority in &scope.signers {
            let weighed = weighing.by(authority, SystemTime::UNIX_EPOCH + Duration::from_secs(2_000_000_000));
            let fault = weighed.map(|good| good.signer).expect_err("nobody has the keys to sign this artifact");
            is_read |= fault != Fault::Unreadable;
        }
    }
    is_read
}

/// A statement, and what it says.
pub fn statement(bytes: &[u8]) -> bool {
    let Ok(statement) = Statement::read(bytes) else { return false };
    assert!(!statement.subjects.is_empty(), "a statement is about something");
    let (kind, predicate) = (statement.predicate_type.as_str(), statement.predicate.as_str());
    let _ =
        (Sbom::read(kind, &statement.predicate), Provenance::read(kind, predicate), Vex::read(kind, predicate, &[]));
    true
}

/// An SBOM, judged by strict rules.
pub fn sbom(text: &str) -> bool {
    let Ok(sbom) = Sbom::read_document(text) else { return false };
    assert!(sbom.packages.iter().any(|package| !package.is_subject), "an SBOM says what is inside");
    let _ = sbom.summary().line();
    let rules = TRUSTING.scope(&name()).and_then(|scope| scope.sbom.as_ref()).expect("the policy has rules for it");
    let now = "2026-01-01T00:00:00Z".parse().expect("it is a time");
    let findings = rules.check(&sbom, &[], now, &|_| Err(std::io::ErrorKind::NotFound.into()));
    let shown = format!("{findings:?}");
    assert!(!shown.chars().any(char::is_control), "what a stranger wrote is escaped");
    true
}

/// What takes advisories away.
pub fn vex(text: &str) -> bool {
    let read = |kind: &str| Vex::read(kind, text, &[]).is_ok();
    ["https://openvex.dev/ns/v0.2.0", "https://cyclonedx.org/bom/v1.6"].map(read).contains(&true)
}

/// A snapshot with one advisory, and an SBOM that names what it is likely about.
pub fn advisory(text: &str) -> bool {
    let components =
        ["npm/x@1.0.0", "pypi/x@1.0", "deb/debian/x@1.0-1?distro=debian-12", "apk/alpine/x@1.0-r0", "maven/x/x@1"]
            .map(|purl| format!(r#"{{"type": "library", "name": "x", "purl": "pkg:{purl}"}}"#));
    let document =
        format!(r#"{{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{}]}}"#, components.join(","));
    let packages = Sbom::read_document(&document).expect("it is an SBOM").packages;
    let file = SnapshotFile { name: "a.json".to_owned(), content: Box::new(Cursor::new(text.to_owned())) };
    let now = "2026-01-01T00:00:00Z".parse().expect("it is a time");
    let snapshot = Snapshot { files: Box::new(std::iter::once(Ok(file))), index: None };
    look_up(snapshot, &packages, now).is_ok()
}

/// Provenance, judged by strict rules.
pub fn provenance(text: &str) -> bool {
    let Ok((_, provenance)) = Provenance::read_document(text) else { return false };
    let rules =
        TRUSTING.scope(&name()).and_then(|scope| scope.provenance.as_ref()).expect("the policy has rules for it");
    let _ = rules.check(&provenance, None);
    assert!(!provenance.summary().line().chars().any(char::is_control), "what a stranger wrote is escaped");
    true
}

/// A trust policy. Whoever writes it is trusted, and may slip.
pub fn policy(text: &str) -> bool {
    TrustPolicy::read(text, &mut Beside).is_ok()
}

/// A trust root: as somebody's own file, as the metadata that trust in it begins with, and as what is kept of it.
pub fn root(bytes: &[u8]) -> bool {
    let own = TrustRoot::read("root.json", bytes);
    let begins = TufRoot::new("acme", "https://tuf.example.com", None, bytes.to_vec());
    let by_tuf = TufRoot::shipped("fresh", "public-good").expect("it is shipped");
    let kept = TrustRoot::kept(by_tuf, &mut |_| Ok(Some(bytes.to_vec())));
    let state = kept.state(SystemTime::UNIX_EPOCH).expect("it comes by TUF");
    assert!(state.digest.is_none(), "nobody has the keys to sign this root");
    let fault = state.problem.expect("it cannot be used");
    own.is_ok() || begins.is_ok() || !fault.starts_with("metadata.json")
}

/// Somebody known by a certificate, and somebody known by a key; and rules for what they attest.
static TRUSTING: LazyLock<TrustPolicy> =
    LazyLock::new(|| TrustPolicy::read(POLICY, &mut Beside).expect("the policy is one"));

const POLICY: &str = r#"
    default = "reject"
    [[scope]]
    match = "docker.io/mcp/*"
    builtin = "docker-mcp"
    signers = [{ issuer = "https://token.actions.githubusercontent.com", subject = "https://github.com/acme/tools" }]
    sbom = { required = true, minimum = "ntia", deny-packages = ["pkg:npm/x@<2"], deny-licences = ["AGPL-3.0-only"], unknown-licences = "deny", vulnerabilities = "osv", max-severity = "none" }
    provenance = { required = true, source = "https://github.com/acme/tools", ref = "refs/tags/v*" }
"#;

fn name() -> Name {
    Name::of(&"docker.io/mcp/time:1".parse().expect("it is a reference"))
}

/// What lies beside a policy: a key, metadata that trust in a root begins with, and a root, whatever they are called.
struct Beside;

impl PolicyFiles for Beside {
    fn read(&mut self, path: &Path) -> std::io::Result<Vec<u8>> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("pub") => Ok(include_bytes!("trust/policy/shipped/docker-mcp.pub").to_vec()),
            Some("json") if path.starts_with("metadata") => Ok(include_bytes!("trust/tuf/github.json").to_vec()),
            Some("json") => Ok(SIGSTORE_PRODUCTION_TRUSTED_ROOT.into()),
            _ => Err(std::io::ErrorKind::NotFound.into()),
        }
    }

    fn path(&mut self, path: &Path) -> std::io::Result<PathBuf> {
        Ok(path.to_owned())
    }

    fn keeps_roots(&self) -> bool {
        true
    }
}
