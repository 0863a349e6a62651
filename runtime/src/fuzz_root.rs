//! The root of a second crate, which `fuzz/` builds: whatever reads the bytes of strangers before they are trusted, and
//! nothing that runs them. So the first crate shows none of it to anybody, and an engine need not be built to fuzz a
//! parser.
//!
//! Each function takes any bytes at all. It may refuse them; it may not panic, hang, or take much memory.

#![allow(dead_code, unused_imports, reason = "much of these rooms is for those that this crate leaves out")]

mod address;
mod artifact;
mod dial;
mod files;
pub mod message;
mod principal;
mod sandbox;
mod secret;
mod settings;
mod spec;
mod trust;
mod untrusted;

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use artifact::{Digest, Manifest};
use trust::fuzzed::{
    Evidence, Form, Name, Notes, Place, Provenance, Sbom, SnapshotFile, Statement, Vex, Weighing, look_up,
};
use trust::{PolicyFiles, TrustPolicy};

/// A manifest of a registry.
pub fn manifest(bytes: &[u8]) {
    for said in [None, Some("application/vnd.oci.image.manifest.v1+json")] {
        if let Ok(manifest) = Manifest::read(bytes, said) {
            assert_eq!(*manifest.digest(), Digest::of(bytes), "a manifest goes by the digest of its bytes");
        }
    }
}

/// A bundle, and cosign's older forms, as somebody offers them who is not trusted.
pub fn bundle(bytes: &[u8]) {
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
            assert!(weighed.is_err(), "nobody has the keys to sign this artifact");
        }
    }
}

/// A statement, and what it says.
pub fn statement(bytes: &[u8]) {
    let Ok(statement) = Statement::read(bytes) else { return };
    assert!(!statement.subjects.is_empty(), "a statement is about something");
    let (kind, predicate) = (statement.predicate_type.as_str(), statement.predicate.as_str());
    let _ = (Sbom::read(kind, predicate), Provenance::read(kind, predicate), Vex::read(kind, predicate, &[]));
}

/// An SBOM, judged by strict rules.
pub fn sbom(text: &str) {
    let Ok(sbom) = Sbom::read_document(text) else { return };
    assert!(sbom.packages.iter().any(|package| !package.is_subject), "an SBOM says what is inside");
    let _ = sbom.summary().line();
    let rules = TRUSTING.scope(&name()).and_then(|scope| scope.sbom.as_ref()).expect("the policy has rules for it");
    let now = "2026-01-01T00:00:00Z".parse().expect("it is a time");
    let findings = rules.check(&sbom, &[], now, &|_| Err(std::io::ErrorKind::NotFound.into()));
    let shown = format!("{findings:?}");
    assert!(!shown.chars().any(char::is_control), "what a stranger wrote is escaped");
}

/// What takes advisories away.
pub fn vex(text: &str) {
    for kind in ["https://openvex.dev/ns/v0.2.0", "https://cyclonedx.org/bom/v1.6"] {
        let _ = Vex::read(kind, text, &[]);
    }
}

/// A snapshot with one advisory, and an SBOM that names what it is likely about.
pub fn advisory(text: &str) {
    let components =
        ["npm/x@1.0.0", "pypi/x@1.0", "deb/debian/x@1.0-1?distro=debian-12", "apk/alpine/x@1.0-r0", "maven/x/x@1"]
            .map(|purl| format!(r#"{{"type": "library", "name": "x", "purl": "pkg:{purl}"}}"#));
    let document =
        format!(r#"{{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{}]}}"#, components.join(","));
    let packages = Sbom::read_document(&document).expect("it is an SBOM").packages;
    let file = SnapshotFile { name: "a.json".to_owned(), content: Box::new(Cursor::new(text.to_owned())) };
    let now = "2026-01-01T00:00:00Z".parse().expect("it is a time");
    let _ = look_up(Box::new(std::iter::once(Ok(file))), &packages, now);
}

/// Provenance, judged by strict rules.
pub fn provenance(text: &str) {
    let Ok((_, provenance)) = Provenance::read_document(text) else { return };
    let rules = TRUSTING.scope(&name()).and_then(|scope| scope.provenance.as_ref()).expect("the policy has rules for it");
    let _ = rules.check(&provenance, None);
    assert!(!provenance.summary().line().chars().any(char::is_control), "what a stranger wrote is escaped");
}

/// A trust policy. Whoever writes it is trusted, and may slip.
pub fn policy(text: &str) {
    let _ = TrustPolicy::read(text, &mut NoFiles);
}

/// Somebody known by a certificate, and somebody known by a key; and rules for what they attest.
static TRUSTING: LazyLock<TrustPolicy> =
    LazyLock::new(|| TrustPolicy::read(POLICY, &mut NoFiles).expect("the policy is one"));

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

struct NoFiles;

impl PolicyFiles for NoFiles {
    fn read(&mut self, _: &Path) -> std::io::Result<Vec<u8>> {
        Err(std::io::ErrorKind::NotFound.into())
    }

    fn path(&mut self, path: &Path) -> std::io::Result<PathBuf> {
        Ok(path.to_owned())
    }
}
