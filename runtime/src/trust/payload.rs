//! What a signature says: the payload that cosign signs ("simple signing", containers/image,
//! `docs/containers-signature.5.md`).

use serde::Deserialize;

use super::scope::Name;
use crate::artifact::Digest;
use crate::message::Json;
use crate::untrusted::Untrusted;

/// The largest payload that is read, in bytes. Real ones have about 250.
pub(crate) const MAX_PAYLOAD_BYTES: usize = 64 * 1024;

/// The one type of statement that counts.
pub(crate) const IMAGE_SIGNATURE: &str = "cosign container image signature";

/// Why a payload says nothing about an artifact, though a trusted key signed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum PayloadProblem {
    /// It is not the JSON document that cosign writes, or could be read in two ways.
    Unreadable,
    /// It is a statement of another type.
    OtherType,
    /// It names another manifest.
    OtherDigest,
    /// It names another repository.
    OtherRepository,
    /// It names no repository.
    NoRepository,
}

/// What a payload says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Payload {
    /// The manifest that was signed.
    pub(crate) manifest: Digest,
    /// The repository that it was signed for, as it is written: it may have a tag or digest, or be empty.
    pub(crate) repository: Untrusted,
}

#[derive(Deserialize)]
struct Written {
    critical: Critical,
}

#[derive(Deserialize)]
struct Critical {
    identity: Identity,
    image: Image,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Identity {
    #[serde(rename = "docker-reference")]
    docker_reference: String,
}

#[derive(Deserialize)]
struct Image {
    #[serde(rename = "docker-manifest-digest")]
    docker_manifest_digest: String,
}

impl Payload {
    /// Reads a payload of the one type that counts.
    ///
    /// # Errors
    /// See [`PayloadProblem`]. One that names no digest names another.
    pub(crate) fn read(payload: &[u8]) -> Result<Self, PayloadProblem> {
        let Critical { identity, image, kind } = read(payload).ok_or(PayloadProblem::Unreadable)?.critical;
        if kind != IMAGE_SIGNATURE {
            return Err(PayloadProblem::OtherType);
        }
        let manifest = image.docker_manifest_digest.parse().map_err(|_| PayloadProblem::OtherDigest)?;
        Ok(Self { manifest, repository: Untrusted::new(identity.docker_reference) })
    }

    /// Checks that it speaks of the repository that it was found in.
    ///
    /// An empty `docker-reference` counts for no repository: with one that did, what a signer signed for one of its
    /// repositories could be offered in another. A tag in it is not looked at, as the digest says more.
    ///
    /// # Errors
    /// Where it speaks of another, or of none.
    pub(crate) fn check_repository(&self, name: &Name) -> Result<(), PayloadProblem> {
        let repository = self.repository.expose();
        match name {
            // A folder is no repository: whatever was copied into it keeps the name it was signed for.
            Name::Layout => Ok(()),
            Name::Repository(_) if repository.is_empty() => Err(PayloadProblem::NoRepository),
            Name::Repository(found_in) => match repository_of(repository) {
                Some(signed) if signed == *found_in => Ok(()),
                _ => Err(PayloadProblem::OtherRepository),
            },
        }
    }
}

/// Other readers match keys without regard to case: a payload in which they would find another value is not read.
fn read(payload: &[u8]) -> Option<Written> {
    const KEYS: [&str; 6] = ["critical", "identity", "image", "type", "docker-reference", "docker-manifest-digest"];
    let text = std::str::from_utf8(payload).ok().filter(|text| text.len() <= MAX_PAYLOAD_BYTES)?;
    let json = Json::parse(text).ok()?;
    let clear = |json: &Json| json.members().is_ok_and(|members| members.lookalike(&KEYS).is_none());
    let member = |json: &Json, key: &str| json.members().ok()?.read::<Json>(key).ok()?;
    let critical = member(&json, "critical")?;
    let (identity, image) = (member(&critical, "identity")?, member(&critical, "image")?);
    let all_clear = [&json, &critical, &identity, &image].into_iter().all(clear);
    all_clear.then(|| json.read().ok()).flatten()
}

/// The repository of a `docker-reference`: `REPOSITORY`, `REPOSITORY:TAG` or `REPOSITORY@DIGEST`.
fn repository_of(text: &str) -> Option<super::scope::Repository> {
    use crate::artifact::Reference;
    let last = text.rsplit('/').next()?;
    let reference: Reference =
        if last.contains([':', '@']) { text.parse().ok()? } else { format!("{text}:latest").parse().ok()? };
    Some(super::scope::Repository::of(&reference))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::forge::Statement;

    fn check(payload: &[u8], name: &Name, digest: &Digest) -> Result<(), PayloadProblem> {
        let payload = Payload::read(payload)?;
        if payload.manifest != *digest {
            return Err(PayloadProblem::OtherDigest);
        }
        payload.check_repository(name)
    }

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn checked(payload: &[u8]) -> Result<(), PayloadProblem> {
        let name = Name::of(&"docker.io/mcp/time:1".parse().unwrap());
        check(payload, &name, &DIGEST.parse().unwrap())
    }

    fn good() -> String {
        String::from_utf8(Statement::new(DIGEST, "docker.io/mcp/time").bytes()).unwrap()
    }

    #[test]
    fn a_payload_names_manifest_and_repository() {
        assert_eq!(checked(good().as_bytes()), Ok(()));
        // As cosign, Podman and others write the repository.
        for repository in [
            "index.docker.io/mcp/time",
            "docker.io/mcp/time:latest",
            "registry-1.docker.io/mcp/time",
            &format!("docker.io/mcp/time@{DIGEST}"),
        ] {
            assert_eq!(checked(&Statement::new(DIGEST, repository).bytes()), Ok(()), "{repository}");
        }
    }

    #[test]
    fn a_payload_for_another_repository_or_for_none_is_refused() {
        for repository in ["docker.io/mcp/other", "mcp/time", "ghcr.io/mcp/time", "docker.io/mcp/time/x", "time", "/"] {
            let problem = checked(&Statement::new(DIGEST, repository).bytes());
            assert_eq!(problem, Err(PayloadProblem::OtherRepository), "{repository}");
        }
        assert_eq!(checked(&Statement::new(DIGEST, "").bytes()), Err(PayloadProblem::NoRepository));
        // A folder has no name to compare with.
        let check_in_folder = |repository: &str| {
            check(&Statement::new(DIGEST, repository).bytes(), &Name::Layout, &DIGEST.parse().unwrap())
        };
        assert_eq!((check_in_folder("ghcr.io/a/b"), check_in_folder("")), (Ok(()), Ok(())));
    }

    #[test]
    fn a_payload_that_could_be_read_in_two_ways_is_refused() {
        let good = good();
        for (from, to) in [
            (r#""type":"#, r#""Type":"x","type":"#),
            (r#""type":"#, r#""type":"x","type":"#),
            (r#""docker-manifest-digest":"#, r#""Docker-Manifest-Digest":"x","docker-manifest-digest":"#),
            (r#""docker-reference":"#, r#""docker-reference":"x","docker-reference":"#),
            (r#""docker-reference":"#, r#""docker\u002dreference":"#),
            (r#""critical":"#, r#""CRITICAL":{},"critical":"#),
            (r#""critical":"#, r#""other":"#),
            (r#""image":{"#, r#""image":[{"#),
            ("{", "[{"),
        ] {
            let text = good.replacen(from, to, 1);
            assert_ne!(text, good, "{from}");
            assert_eq!(checked(text.as_bytes()), Err(PayloadProblem::Unreadable), "{text}");
        }
        for bytes in [&b""[..], b"{}", b"\xff", b"null"] {
            assert_eq!(checked(bytes), Err(PayloadProblem::Unreadable));
        }
        let long = format!("{good}{}", " ".repeat(MAX_PAYLOAD_BYTES));
        assert_eq!(checked(long.as_bytes()), Err(PayloadProblem::Unreadable));
    }

    #[test]
    fn only_the_whole_digest_and_the_very_type_count() {
        let digest = |text: &str| checked(good().replace(DIGEST, text).as_bytes());
        for text in ["", "sha512:00", "latest", &DIGEST[7..], &DIGEST.to_uppercase(), &format!(" {DIGEST}")] {
            assert_eq!(digest(text), Err(PayloadProblem::OtherDigest), "{text}");
        }
        let other = good().replace("cosign container image signature", "cosign container image signature ");
        assert_eq!(checked(other.as_bytes()), Err(PayloadProblem::OtherType));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            proptest::prop_assert!(checked(&bytes).is_err());
        }

        #[test]
        fn a_payload_with_one_byte_changed_never_speaks_of_something_else(at in 0_usize..400, byte in 0x20_u8..0x7f) {
            let mut bytes = good().into_bytes();
            let at = at % bytes.len();
            bytes[at] = byte;
            if checked(&bytes).is_ok() {
                let text = String::from_utf8(bytes).unwrap();
                proptest::prop_assert!(text.contains(DIGEST));
                proptest::prop_assert!(text.contains("mcp/time"));
            }
        }
    }
}
