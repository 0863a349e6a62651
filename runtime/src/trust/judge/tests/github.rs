//! Attestations as GitHub's workflows make them: of public repositories with the public instance, of private ones with an
//! instance that stamps and logs nothing.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::*;
use crate::trust::forge::instance::{Asked, Holder, ISSUER, Instance, WORKFLOW, bundle};
use crate::trust::forge::stamps::Stamps;
use crate::trust::statement::PAYLOAD_TYPE;

const PUBLIC: &str = include_str!("../../../../../tests/data/sigstore/public-good-provenance.sigstore.json");

/// Who made it, and of what.
const BEACON: &str = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";
const FILE: &str = "sha256:a0cfc71271d6e278e57cd332ff957c3f7043fdda354c4cbb190a30d56efa01bf";

/// While the certificate is valid, and when it is not any more.
const IN_TIME: &str = "20240101000100Z";
const LATE: &str = "20240101020000Z";

/// A scope that asks for provenance and for no signature of the image itself.
fn scope(signer: &str) -> String {
    format!(
        "default = \"reject\"\n[[scope]]\nmatch = \"ghcr.io/acme/*\"\nattestations = [{{ type = \"{SLSA}\", signers = [{{ issuer = \"{ISSUER}\", {signer} }}] }}]\n"
    )
}

fn of_bundle(about: &Digest, bundle: &Value) -> Evidence {
    Evidence { about: *about, place: Place::Referrers, form: Form::Bundle(bundle.to_string().into_bytes()) }
}

fn verdict(policy: &TrustPolicy, about: &Digest, bundle: &Value) -> Result<Decision, &'static str> {
    let decision = decide(policy, &[], &of_manifests(&[*about]), Ok(beside([of_bundle(about, bundle)])));
    match &decision.verdict {
        Verdict::Accepted { basis, .. } => {
            assert_eq!(*basis, Basis::Signed);
            Ok(decision)
        }
        Verdict::Refused { why, .. } => Err(why.reason.code()),
    }
}

#[test]
fn provenance_of_a_public_repository_is_enough_where_only_that_is_asked_for() {
    let public: Value = serde_json::from_str(PUBLIC).unwrap();
    let by = |subject: &str| {
        let text = scope(&format!("subject = \"{subject}\""));
        TrustPolicy::read(&text, &mut Given::new([])).unwrap()
    };
    let decision = verdict(&by(BEACON), &digest(FILE), &public).unwrap();
    assert_eq!((decision.requirements.len(), decision.provenance.len()), (1, 1));
    let signer = &decision.requirements[0].by[0];
    assert_eq!((signer.logged, signer.root.as_deref()), (true, Some("public-good")));
    let of_another = BEACON.replace("heads/main", "heads/other");
    assert_eq!(verdict(&by(&of_another), &digest(FILE), &public).unwrap_err(), "other-subject");
    assert_eq!(verdict(&by(BEACON), &digest(DIGEST), &public).unwrap_err(), "other-artifact");
}

/// An instance without logs, whose authority for timestamps says when something was signed.
struct Private {
    instance: Instance,
    stamps: Stamps,
    holder: Holder,
}

impl Private {
    fn new() -> Self {
        let instance = Instance::new();
        let stamps = Stamps::of(&instance);
        let holder = instance.issue(&Asked { logged: false, ..Asked::workflow() });
        Self { instance, stamps, holder }
    }

    /// The bytes of its `trusted_root.json`.
    fn root(&self) -> Vec<u8> {
        let mut root = self.instance.root_json();
        (root["tlogs"], root["ctlogs"]) = (json!([]), json!([]));
        root["timestampAuthorities"] = json!([self.stamps.named()]);
        root.to_string().into_bytes()
    }

    /// A policy that trusts its workflow, as this root has it.
    fn policy(&self, root: Vec<u8>) -> TrustPolicy {
        let text = scope(&format!(
            r#"subject = "{WORKFLOW}", root = "private.json", log = "ignore", sct = "ignore", timestamp = "required""#
        ));
        TrustPolicy::read(&text, &mut Given::new([("private.json", root)])).unwrap()
    }

    /// Provenance of this manifest, stamped at this time.
    fn attest(&self, about: &Digest, stamps: &Stamps, time: Option<&str>) -> Value {
        let said = in_toto(about, SLSA, &provenance("https://github.com/acme/time"));
        let envelope = self.holder.envelope(PAYLOAD_TYPE, said.as_bytes());
        let signature = BASE64_STANDARD.decode(envelope["signatures"][0]["sig"].as_str().unwrap()).unwrap();
        let mut material = self.holder.material(&[]);
        if let Some(time) = time {
            material["timestampVerificationData"] = stamps.of_signature(&signature, time);
        }
        bundle(material, ("dsseEnvelope", envelope))
    }
}

#[test]
fn provenance_of_a_private_repository_counts_by_the_timestamps_of_its_own_instance() {
    let (private, this) = (Private::new(), digest(DIGEST));
    let policy = private.policy(private.root());
    let good = private.attest(&this, &private.stamps, Some(IN_TIME));
    let decision = verdict(&policy, &this, &good).unwrap();
    let signer = &decision.requirements[0].by[0];
    assert_eq!((signer.logged, signer.at.as_deref()), (false, Some("2024-01-01T00:01:00Z")));
    assert_eq!(signer.root.as_deref(), Some("private.json"));
    for (expected, bundle) in [
        ("no-timestamp", private.attest(&this, &private.stamps, None)),
        ("certificate-expired", private.attest(&this, &private.stamps, Some(LATE))),
        // attack_17: by another instance's authority, or over another signature.
        ("timestamp-mismatch", private.attest(&this, &Private::new().stamps, Some(IN_TIME))),
        ("timestamp-mismatch", {
            let mut moved = private.attest(&this, &private.stamps, Some(IN_TIME));
            let key = "timestampVerificationData";
            moved["verificationMaterial"][key] = good["verificationMaterial"][key].clone();
            moved
        }),
    ] {
        assert_eq!(verdict(&policy, &this, &bundle).unwrap_err(), expected);
    }
    // attack_08: nothing of it counts under another instance's keys, nor under the public one's.
    let other = Private::new();
    assert_eq!(verdict(&other.policy(other.root()), &this, &good).unwrap_err(), "timestamp-mismatch");
    let public = scope(&format!("subject = \"{WORKFLOW}\""));
    let public = TrustPolicy::read(&public, &mut Given::new([])).unwrap();
    assert!(verdict(&public, &this, &good).is_err());
}

#[test]
fn nobody_is_offered_under_a_shipped_root_who_is_trusted_under_another_or_whose_root_has_a_newer_one() {
    let public: Value = serde_json::from_str(PUBLIC).unwrap();
    let offered = |text: &str| {
        let instance = Instance::new();
        let mut files = NothingFetched(Given::new([("ours.json", instance.root_json().to_string().into_bytes())]));
        let policy = TrustPolicy::read(text, &mut files).unwrap();
        let about = digest(FILE);
        let found = Ok(beside([of_bundle(&about, &public)]));
        let Verdict::Refused { remedies, .. } = decide(&policy, &[], &of_manifests(&[about]), found).verdict else {
            panic!("accepted")
        };
        remedies.iter().any(|remedy| remedy.write.contains(BEACON))
    };
    assert!(offered("default = \"reject\""));
    assert!(offered(&scope("subject = \"https://github.com/acme/tools\", root = \"ours.json\"")));
    assert!(!offered(&scope(&format!("subject = \"{BEACON}\", root = \"ours.json\""))));
    // One that was not fetched may have anything to say of the shipped one.
    let newer = "[roots.sigstore]\ntuf = \"public-good\"\n";
    assert!(!offered(&format!("default = \"reject\"\n{newer}")));
    assert!(!offered(&format!("{}{newer}", scope(&format!("subject = \"{BEACON}\", root = \"sigstore\"")))));
}
