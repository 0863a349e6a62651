//! What an attestation says: the in-toto Statement (in-toto Attestation Framework, `spec/v1/statement.md`; `v0.1`).

use serde::Deserialize;

use crate::artifact::Digest;
use crate::message::{Json, Members};
use crate::untrusted::Untrusted;

/// The type of payload of an envelope that is a statement.
pub(crate) const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// The predicate of cosign 3 that makes a statement a signature and nothing else.
pub(crate) const SIGNATURE_PREDICATE: &str = "https://sigstore.dev/cosign/sign/v1";

/// The version of statements that is written.
pub(crate) const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

/// The two versions of statements.
const TYPES: [&str; 2] = ["https://in-toto.io/Statement/v0.1", STATEMENT_TYPE];

/// The most subjects that a statement may have.
pub(crate) const MAX_SUBJECTS: usize = 1000;

/// The longest `predicateType`, in bytes.
const MAX_TYPE_BYTES: usize = 1024;

/// A statement about artifacts, by digest.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    /// What it is about: at least one.
    pub(crate) subjects: Vec<Subject>,
    /// What kind of thing it says, as it is written in the statement itself.
    pub(crate) predicate_type: String,
    /// What it says: an object.
    pub(crate) predicate: Json,
}

/// Something that a statement is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subject {
    /// What it is called there; may be empty.
    pub(crate) name: Untrusted,
    pub(crate) sha256: Digest,
}

/// Why bytes are no statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum StatementProblem {
    /// They are not the JSON document that a statement is, or could be read in two ways.
    Unreadable,
    /// It is a statement of a version that is not known.
    OtherType,
    /// It is about nothing.
    NoSubject,
    /// It is about more things than are looked at.
    TooManySubjects,
    /// Something that it is about has no SHA-256 digest, by which alone it is told from others.
    NoDigest,
}

impl Statement {
    /// Reads a statement.
    ///
    /// # Errors
    /// See [`StatementProblem`].
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, StatementProblem> {
        let text = std::str::from_utf8(bytes).map_err(|_| StatementProblem::Unreadable)?;
        let json = Json::parse(text).map_err(|_| StatementProblem::Unreadable)?;
        let members = json.members().map_err(|_| StatementProblem::Unreadable)?;
        clear(&members, &["_type", "subject", "predicateType", "predicate"])?;
        if !TYPES.contains(&text_at(&members, "_type")?.as_str()) {
            return Err(StatementProblem::OtherType);
        }
        let predicate_type = text_at(&members, "predicateType")?;
        if predicate_type.is_empty() || predicate_type.len() > MAX_TYPE_BYTES {
            return Err(StatementProblem::Unreadable);
        }
        let predicate = match members.get("predicate") {
            // Left out, or null, as cosign writes it: there is nothing more to say.
            None | Some("null") => Json::empty_object(),
            Some(_) => read_at::<Json>(&members, "predicate")?,
        };
        if !predicate.is_object() {
            return Err(StatementProblem::Unreadable);
        }
        let subjects = read_at::<Vec<Json>>(&members, "subject")?;
        match subjects.len() {
            0 => return Err(StatementProblem::NoSubject),
            1..=MAX_SUBJECTS => {}
            _ => return Err(StatementProblem::TooManySubjects),
        }
        let subjects = subjects.iter().map(Subject::read).collect::<Result<_, _>>()?;
        Ok(Self { subjects, predicate_type, predicate })
    }

    /// Whether it is about this manifest. Other digests than SHA-256 are not looked at.
    pub(crate) fn is_about(&self, digest: &Digest) -> bool {
        self.subjects.iter().any(|subject| subject.sha256 == *digest)
    }

    /// Whether it is a signature: it says that its signer stands behind the artifact, and nothing else. An SBOM is none.
    pub(crate) fn is_signature(&self) -> bool {
        self.predicate_type == SIGNATURE_PREDICATE
    }
}

impl Subject {
    fn read(json: &Json) -> Result<Self, StatementProblem> {
        let members = json.members().map_err(|_| StatementProblem::Unreadable)?;
        clear(&members, &["name", "digest"])?;
        // cosign 3 leaves the name out.
        let name = match members.get("name") {
            None => String::new(),
            Some(_) => text_at(&members, "name")?,
        };
        if members.get("digest").is_none() {
            return Err(StatementProblem::NoDigest);
        }
        let digest = read_at::<Json>(&members, "digest")?;
        let digests = digest.members().map_err(|_| StatementProblem::Unreadable)?;
        clear(&digests, &["sha256"])?;
        if digests.get("sha256").is_none() {
            return Err(StatementProblem::NoDigest);
        }
        let sha256 = format!("sha256:{}", text_at(&digests, "sha256")?);
        let sha256 = sha256.parse().map_err(|_| StatementProblem::NoDigest)?;
        Ok(Self { name: Untrusted::new(name), sha256 })
    }
}

/// Other readers match keys without regard to case: a statement in which they would find another value is not read.
fn clear(members: &Members<'_>, keys: &[&str]) -> Result<(), StatementProblem> {
    members.lookalike(keys).map_or(Ok(()), |_| Err(StatementProblem::Unreadable))
}

fn text_at(members: &Members<'_>, key: &str) -> Result<String, StatementProblem> {
    read_at(members, key)
}

fn read_at<T: for<'de> Deserialize<'de>>(members: &Members<'_>, key: &str) -> Result<T, StatementProblem> {
    members.read(key).ok().flatten().ok_or(StatementProblem::Unreadable)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn good() -> Value {
        json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{ "name": "ghcr.io/acme/time", "digest": { "sha256": HEX } }],
            "predicateType": "https://spdx.dev/Document",
            "predicate": { "spdxVersion": "SPDX-2.3" },
        })
    }

    fn read(value: &Value) -> Result<Statement, StatementProblem> {
        Statement::read(value.to_string().as_bytes())
    }

    fn changed(change: impl Fn(&mut Value)) -> Result<Statement, StatementProblem> {
        let mut value = good();
        change(&mut value);
        assert_ne!(value, good());
        read(&value)
    }

    fn this() -> Digest {
        format!("sha256:{HEX}").parse().unwrap()
    }

    #[test]
    fn a_statement_says_something_of_digests() {
        let statement = read(&good()).unwrap();
        assert!(statement.is_about(&this()));
        assert!(!statement.is_about(&Digest::of(b"x")));
        assert_eq!(statement.predicate_type, "https://spdx.dev/Document");
        assert_eq!(statement.predicate.as_str(), r#"{"spdxVersion":"SPDX-2.3"}"#);
        assert!(!statement.is_signature());
        let old = changed(|s| s["_type"] = "https://in-toto.io/Statement/v0.1".into()).unwrap();
        assert_eq!(old.subjects, [Subject { name: Untrusted::new("ghcr.io/acme/time"), sha256: this() }]);
    }

    #[test]
    fn cosigns_signature_has_no_name_and_no_predicate() {
        for predicate in [json!({}), Value::Null] {
            let statement = changed(|s| {
                s["predicateType"] = "https://sigstore.dev/cosign/sign/v1".into();
                s["predicate"] = predicate.clone();
                s["subject"][0].as_object_mut().unwrap().remove("name");
            });
            let statement = statement.unwrap();
            assert!(statement.is_signature() && statement.is_about(&this()));
            assert_eq!(statement.predicate.as_str(), "{}");
        }
        for other in ["https://sigstore.dev/cosign/sign/v1/", "https://sigstore.dev/cosign/sign/v10", ""] {
            let statement = changed(|s| s["predicateType"] = other.into());
            assert!(!statement.is_ok_and(|statement| statement.is_signature()), "{other}");
        }
    }

    #[test]
    fn attack_26_only_the_sha256_digest_counts() {
        let sha512 = "00".repeat(64);
        let statement = changed(|s| {
            s["subject"][0]["digest"] = json!({ "sha512": sha512, "sha256": Digest::of(b"other").hex() });
        });
        assert!(!statement.unwrap().is_about(&this()));
        for digest in [
            json!({ "sha512": sha512 }),
            json!({}),
            json!({ "sha256": "" }),
            json!({ "sha256": HEX.to_uppercase() }),
            json!({ "sha256": format!("sha256:{HEX}") }),
            json!({ "sha256": &HEX[..40] }),
            json!({ "sha512": HEX }),
        ] {
            let statement = changed(|s| s["subject"][0]["digest"] = digest.clone());
            assert_eq!(statement.unwrap_err(), StatementProblem::NoDigest, "{digest}");
        }
        // One subject without it makes the whole of no use.
        let statement = changed(|s| {
            s["subject"].as_array_mut().unwrap().push(json!({ "name": "x", "digest": { "sha512": sha512 } }));
        });
        assert_eq!(statement.unwrap_err(), StatementProblem::NoDigest);
    }

    #[test]
    fn attack_27_a_statement_about_nothing_or_about_everything_is_refused() {
        assert_eq!(changed(|s| s["subject"] = json!([])).unwrap_err(), StatementProblem::NoSubject);
        let many = |count: usize| changed(|s| s["subject"] = vec![good()["subject"][0].clone(); count].into());
        assert_eq!(many(MAX_SUBJECTS).unwrap().subjects.len(), MAX_SUBJECTS);
        assert_eq!(many(MAX_SUBJECTS + 1).unwrap_err(), StatementProblem::TooManySubjects);
        assert_eq!(many(100_000).unwrap_err(), StatementProblem::TooManySubjects);
    }

    #[test]
    fn a_statement_that_could_be_read_in_two_ways_is_refused() {
        let good = good().to_string();
        for (from, to) in [
            (r#""subject":"#, r#""Subject":[],"subject":"#),
            (r#""subject":"#, r#""subject":[],"subject":"#),
            (r#""predicateType":"#, r#""predicatetype":"x","predicateType":"#),
            (r#""predicateType":"#, r#""predicate\u0054ype":"#),
            (r#""sha256":"#, r#""SHA256":"x","sha256":"#),
            (r#""sha256":"#, r#""sha256":"x","sha256":"#),
            (r#""digest":"#, r#""Digest":{},"digest":"#),
            (r#""predicate":{"#, r#""predicate":{"a":1,"a":2,"#),
        ] {
            let text = good.replacen(from, to, 1);
            assert_ne!(text, good, "{from}");
            assert_eq!(Statement::read(text.as_bytes()).unwrap_err(), StatementProblem::Unreadable, "{text}");
        }
    }

    #[test]
    fn what_has_another_form_is_refused() {
        assert_eq!(changed(|s| s["_type"] = "x".into()).unwrap_err(), StatementProblem::OtherType);
        for change in [
            &(|s: &mut Value| s["_type"] = Value::Null) as &dyn Fn(&mut Value),
            &|s| s["predicateType"] = "".into(),
            &|s| s["predicateType"] = "x".repeat(MAX_TYPE_BYTES + 1).into(),
            &|s| s["predicateType"] = json!(["x"]),
            &|s| s["predicate"] = json!([]),
            &|s| s["predicate"] = "{}".into(),
            &|s| s["subject"] = Value::Null,
            &|s| s["subject"] = json!({ "0": good()["subject"][0] }),
            &|s| s["subject"][0] = "x".into(),
            &|s| s["subject"][0]["name"] = 1.into(),
            &|s| s["subject"][0]["digest"] = HEX.into(),
            &|s| s["subject"][0]["digest"]["sha256"] = 1.into(),
        ] {
            assert_eq!(changed(change).unwrap_err(), StatementProblem::Unreadable);
        }
        for bytes in [&b""[..], b"{}", b"\xff", b"null", b"[]"] {
            assert_eq!(Statement::read(bytes).unwrap_err(), StatementProblem::Unreadable);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            proptest::prop_assert!(Statement::read(&bytes).is_err());
        }

        #[test]
        fn a_statement_with_one_byte_changed_is_about_the_same_or_refused(at in 0_usize..300, byte in 0x20_u8..0x7f) {
            let mut bytes = good().to_string().into_bytes();
            let at = at % bytes.len();
            bytes[at] = byte;
            if let Ok(statement) = Statement::read(&bytes) {
                let text = String::from_utf8(bytes).unwrap();
                proptest::prop_assert_eq!(statement.is_about(&this()), text.contains(HEX));
            }
        }
    }
}
