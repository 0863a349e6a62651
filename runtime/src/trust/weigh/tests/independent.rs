//! What is converted of cosign 2's signatures is a bundle to others as well: npm's `@sigstore/verify`, which shares no line
//! with the library that is used here, accepts the same ones and refuses the same ones.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use sigstore_trust_root::SIGSTORE_PRODUCTION_TRUSTED_ROOT;

use super::legacy::log_note;
use super::real::{
    BEACON, BLOB, BLOB_FILE, FILE, MANAGED, MANAGED_FILE, MANAGED_KEY, PROVENANCE, authority, beside, public, value,
};
use super::*;
use crate::trust::bundle::Asked as Parts;
use crate::trust::legacy;
use crate::trust::payload::PayloadProblem;

/// One signature in cosign's old layout, by whom it has to be, and what it is beside.
#[derive(Clone)]
struct Old {
    form: Form,
    by: Authority,
    about: String,
}

/// A change of a signature, and what it is called.
type Change<'a> = (&'a str, &'a dyn Fn(&mut Old));

/// One byte of a text in base64 is another.
fn flipped(base64: &str, at: usize) -> String {
    let mut bytes = BASE64_STANDARD.decode(base64).unwrap();
    let at = at % bytes.len();
    bytes[at] ^= 1;
    BASE64_STANDARD.encode(bytes)
}

/// Cosign's annotations that say what a bundle says.
pub(super) fn notes_of(bundle: &Value) -> Notes {
    let material = &bundle["verificationMaterial"];
    let certificate = material["certificate"]["rawBytes"].as_str();
    let stamp = &material["timestampVerificationData"]["rfc3161Timestamps"][0]["signedTimestamp"];
    Notes {
        signature: bundle["messageSignature"]["signature"].as_str().map(str::to_owned),
        certificate: certificate.map(|der| format!("-----BEGIN CERTIFICATE-----\n{der}\n-----END CERTIFICATE-----\n")),
        log: Some(log_note(&material["tlogEntries"][0])),
        timestamp: stamp.is_string().then(|| json!({ "SignedRFC3161Timestamp": stamp }).to_string()),
        ..Notes::default()
    }
}

fn keyless_signature() -> Old {
    let by = authority("https://github.com/login/oauth", "w.vollprecht@gmail.com", public());
    let form = Form::SimpleSigning { payload: BLOB_FILE.as_bytes().to_vec(), notes: notes_of(&value(BLOB)) };
    Old { form, by, about: Digest::of(BLOB_FILE.as_bytes()).hex() }
}

fn keyless_attestation() -> Old {
    let bundle = value(PROVENANCE);
    let envelope = bundle["dsseEnvelope"].to_string().into_bytes();
    let form = Form::Envelope { envelope, notes: notes_of(&bundle) };
    Old { form, by: authority(ISSUER, BEACON, public()), about: FILE.to_owned() }
}

fn signature_of_key() -> Old {
    let who = Who::Key(SignerKey::from_pem(MANAGED_KEY).unwrap());
    let by = Authority { who, sct: Need::Ignore, ..workflow(public()) };
    let form = Form::SimpleSigning { payload: MANAGED_FILE.as_bytes().to_vec(), notes: notes_of(&value(MANAGED)) };
    Old { form, by, about: FILE.to_owned() }
}

impl Old {
    fn notes(&mut self) -> &mut Notes {
        match &mut self.form {
            Form::SimpleSigning { notes, .. } | Form::Envelope { notes, .. } => notes,
            Form::Bundle(_) | Form::Statement { .. } => panic!("another layout"),
        }
    }

    fn payload(&mut self) -> &mut Vec<u8> {
        match &mut self.form {
            Form::SimpleSigning { payload, .. } => payload,
            _ => panic!("another layout"),
        }
    }

    fn change_envelope(&mut self, change: impl Fn(&mut Value)) {
        let Form::Envelope { envelope, .. } = &mut self.form else { panic!("another layout") };
        let mut json: Value = serde_json::from_slice(envelope).unwrap();
        change(&mut json);
        *envelope = json.to_string().into_bytes();
    }

    fn change_log(&mut self, change: impl Fn(&mut Value)) {
        let log = &mut self.notes().log;
        let mut promise = value(log.as_ref().unwrap());
        change(&mut promise);
        *log = Some(promise.to_string());
    }

    /// As the other verifier takes it.
    fn case(&self) -> Value {
        let mut offered = match &self.form {
            Form::SimpleSigning { payload, notes } => legacy::signature(payload, notes),
            Form::Envelope { envelope, notes } => legacy::attestation(envelope, notes),
            Form::Bundle(_) | Form::Statement { .. } => panic!("another layout"),
        }
        .unwrap();
        let key = match &self.by.who {
            Who::Key(key) => Some(BASE64_STANDARD.encode(key.der().as_bytes())),
            Who::Keyless { .. } => None,
        };
        offered.ask(Parts { certificate: key.is_none(), log: true, timestamp: true }).unwrap();
        let artifact = match &self.form {
            Form::SimpleSigning { payload, .. } => Some(BASE64_STANDARD.encode(payload)),
            _ => None,
        };
        json!({ "bundle": value(&offered.bundle().to_json().unwrap()), "artifact": artifact, "key": key })
    }

    /// Whether it counts here. What it is over is no payload of cosign's, which is seen when all else was checked.
    fn counts(&self) -> bool {
        match beside(&self.about, self.form.clone(), &self.by) {
            Ok(_) | Err(Fault::Payload(PayloadProblem::Unreadable)) => true,
            Err(_) => false,
        }
    }
}

/// What the other verifier says of each: nothing, or why not.
fn verdicts(cases: &[Value]) -> Vec<Option<String>> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let modules = top.join(".setup/node/node_modules");
    assert!(modules.join("@sigstore/verify").exists(), "npm's @sigstore/verify is missing: run `make setup`");
    let mut node = Command::new("timeout")
        .args(["60", "node"])
        .arg(top.join("tests/clients/sigstore_bundles.mjs"))
        .arg(modules)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let asked = json!({ "root": value(SIGSTORE_PRODUCTION_TRUSTED_ROOT), "cases": cases });
    node.stdin.take().unwrap().write_all(asked.to_string().as_bytes()).unwrap();
    let output = node.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", output.status);
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What is good is accepted by both, and whatever is changed in it is refused by both.
fn both_say(good: &Old, changes: &[Change<'_>]) {
    let changed = changes.iter().map(|(name, change)| {
        let mut changed = good.clone();
        change(&mut changed);
        (*name, changed)
    });
    let all: Vec<(&str, Old)> = [("as it was made", good.clone())].into_iter().chain(changed).collect();
    let cases: Vec<Value> = all.iter().map(|(_, old)| old.case()).collect();
    let verdicts = verdicts(&cases);
    assert_eq!(verdicts.len(), all.len());
    for (number, ((name, old), verdict)) in all.iter().zip(verdicts).enumerate() {
        let is_good = number == 0;
        assert_eq!(old.counts(), is_good, "{name}: here");
        assert_eq!(verdict.is_none(), is_good, "{name}: there: {verdict:?}");
    }
}

fn set(old: &mut Old) {
    old.change_log(|log| {
        log["SignedEntryTimestamp"] = flipped(log["SignedEntryTimestamp"].as_str().unwrap(), 40).into()
    });
}

fn time(old: &mut Old) {
    old.change_log(|log| {
        log["Payload"]["integratedTime"] = (log["Payload"]["integratedTime"].as_i64().unwrap() + 1).into()
    });
}

fn body(old: &mut Old) {
    old.change_log(|log| {
        let body = BASE64_STANDARD.decode(log["Payload"]["body"].as_str().unwrap()).unwrap();
        // One digit of the digest that was logged.
        let body = String::from_utf8(body).unwrap();
        let at = body.find(r#""value":""#).unwrap() + 9;
        let digit = if body[at..].starts_with('0') { "1" } else { "0" };
        let body = format!("{}{digit}{}", &body[..at], &body[at + 1..]);
        log["Payload"]["body"] = BASE64_STANDARD.encode(body).into();
    });
}

fn certificate(old: &mut Old) {
    let pem = old.notes().certificate.clone().unwrap();
    let der: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    // The last bytes are the authority's signature.
    let der = flipped(&der, der.len() * 3 / 4 - 8);
    old.notes().certificate = Some(format!("-----BEGIN CERTIFICATE-----\n{der}\n-----END CERTIFICATE-----\n"));
}

fn signature(old: &mut Old) {
    let signature = old.notes().signature.as_deref().map(|text| flipped(text, 20));
    old.notes().signature = signature;
}

#[test]
fn a_converted_signature_of_a_person_is_a_bundle_to_others() {
    both_say(
        &keyless_signature(),
        &[
            ("payload", &|old| old.payload()[0] ^= 1),
            ("signature", &signature),
            ("promise", &set),
            ("time", &time),
            ("digest", &body),
            ("certificate", &certificate),
        ],
    );
}

#[test]
fn a_converted_attestation_of_a_workflow_is_a_bundle_to_others() {
    both_say(
        &keyless_attestation(),
        &[
            ("payload", &|old| {
                old.change_envelope(|json| json["payload"] = flipped(json["payload"].as_str().unwrap(), 30).into());
            }),
            ("type", &|old| old.change_envelope(|json| json["payloadType"] = "application/vnd.in-toto+jsoN".into())),
            ("signature", &|old| {
                old.change_envelope(|json| {
                    let signature = &mut json["signatures"][0]["sig"];
                    *signature = flipped(signature.as_str().unwrap(), 20).into();
                });
            }),
            ("promise", &set),
            ("time", &time),
            ("digest", &body),
            ("certificate", &certificate),
        ],
    );
}

#[test]
fn a_converted_signature_of_a_key_is_a_bundle_to_others() {
    both_say(
        &signature_of_key(),
        &[
            ("payload", &|old| old.payload()[0] ^= 1),
            ("signature", &signature),
            ("promise", &set),
            ("time", &time),
            ("digest", &body),
            ("key", &|old| old.by.who = Who::Key(SignerKey::from_pem(&Hand::new().pem()).unwrap())),
        ],
    );
}
