//! Public keys of signers.

use std::fmt;
use std::sync::Arc;

use sigstore_crypto::{KeyAlgorithm, SigningScheme, VerificationKey, validate_raw_public_key};
use sigstore_types::{DerPublicKey, SignatureBytes};

use crate::artifact::Digest;

/// The largest file that is read as a public key, in bytes.
pub(crate) const MAX_KEY_BYTES: usize = 16 * 1024;

/// A public key whose signatures are trusted somewhere: ECDSA on P-256 with SHA-256, or Ed25519.
#[derive(Clone)]
pub struct SignerKey {
    der: DerPublicKey,
    key: Arc<VerificationKey>,
    fingerprint: Digest,
}

/// Why a text is no key that signatures are checked with.
#[derive(Debug, thiserror::Error)]
pub enum InvalidKey {
    /// It is not one PEM block with a public key.
    #[error("it is not one PEM block that begins with -----BEGIN PUBLIC KEY-----")]
    NotPem,
    /// It holds a private key.
    #[error("it is a private key; write its public key there, and keep this file to yourself")]
    Private,
    /// It is a key of an algorithm that is not trusted here, or none at all.
    #[error("it is no ECDSA key on the curve P-256 and no Ed25519 key, the two kinds that are checked")]
    Algorithm,
}

impl SignerKey {
    /// Reads a public key in PEM form (RFC 7468, section 13), as `cosign.pub` holds it.
    ///
    /// # Errors
    /// See [`InvalidKey`].
    pub fn from_pem(text: &str) -> Result<Self, InvalidKey> {
        let text = text.trim();
        if text.contains("PRIVATE KEY-----") {
            return Err(InvalidKey::Private);
        }
        // Of several blocks, a reader could take another one than the person looked at.
        let one_block = text.starts_with("-----BEGIN PUBLIC KEY-----")
            && text.ends_with("-----END PUBLIC KEY-----")
            && text.matches("-----BEGIN").count() == 1;
        if text.len() > MAX_KEY_BYTES || !one_block {
            return Err(InvalidKey::NotPem);
        }
        let der = DerPublicKey::from_pem(text).map_err(|_| InvalidKey::NotPem)?;
        // An algorithm that is not expected is not tried: what a signature is checked with is the person's choice alone.
        let scheme = match KeyAlgorithm::from_spki(&der) {
            Ok(KeyAlgorithm::EcdsaP256) => SigningScheme::EcdsaP256Sha256,
            Ok(KeyAlgorithm::Ed25519) => SigningScheme::Ed25519,
            Ok(_) | Err(_) => return Err(InvalidKey::Algorithm),
        };
        let key = VerificationKey::from_spki_with_scheme(&der, scheme).map_err(|_| InvalidKey::Algorithm)?;
        let length_is_right = match scheme {
            SigningScheme::Ed25519 => key.as_bytes().len() == 32,
            _ => key.as_bytes().len() == 65,
        };
        if !length_is_right || validate_raw_public_key(scheme, key.as_bytes()).is_err() {
            return Err(InvalidKey::Algorithm);
        }
        let fingerprint = Digest::of(der.as_bytes());
        Ok(Self { der, key: Arc::new(key), fingerprint })
    }

    /// The SHA-256 digest of the key in DER form (`SubjectPublicKeyInfo`), as
    /// `openssl pkey -pubin -outform DER | sha256sum` prints it.
    pub fn fingerprint(&self) -> &Digest {
        &self.fingerprint
    }

    /// Whether this key made `signature` over `data`.
    pub(crate) fn signed(&self, data: &[u8], signature: &[u8]) -> bool {
        self.key.verify(data, &SignatureBytes::new(signature.to_vec())).is_ok()
    }

    /// The key in DER form.
    pub(crate) fn der(&self) -> &DerPublicKey {
        &self.der
    }
}

/// Two keys are the same if they sign alike, whatever their files are called.
impl PartialEq for SignerKey {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}

impl Eq for SignerKey {}

impl fmt::Debug for SignerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignerKey({})", self.fingerprint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by `openssl ecparam -name prime256v1 -genkey`; its digest is `sha256sum`'s.
    const P256: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE401ym96bcTfmkcgCCU4sLxxkA9Y7
E5Ab4IWBRNrYgGKkkemnhHE8UStwcahvuzpLN4kPjdhT8nqO+7Gq5MFW4Q==
-----END PUBLIC KEY-----
";
    const ED25519: &str = "MCowBQYDK2VwAyEAFpJXIf6wYPqkwOUI3R46lsQbdzxTGhYAYPtV45BcAlU=";
    const P384: &str = "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAE8eB2F4khg4YYQQ5Ns6aDrubYDNohxvGV
Ua7MLWf1iQ5tREEUw9BYmv4mqRu0NfVx/5fy4OZvFDRnwCh3bMZavVnugvcPkF5P
IAxh4BImPFSrf/m4CkdoKfZeRk3Rllt7";
    const RSA_1024: &str = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCXlgLfuIdBODMtKbdwBzEmc4qP
A65d/Nbl4efGjuKJ5wq3wNx76bw+aTH+P1IW6QSj1f03FCLpGsd84nlHFnOiVpyT
UQwLa1eF7dozC8D4TNQ14U2AhsvOXt/8PxgrvhFbxPYqd4Um7kLZTzFjMlJhzIZY
a2gJqAp63XUVuXmyuwIDAQAB";
    const COMPRESSED: &str = "MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgADufAX2crZRXT7CKo+ggRRjWKMIlJM
tKr/VrDLQM1s2wU=";

    fn pem(base64: &str) -> String {
        format!("-----BEGIN PUBLIC KEY-----\n{base64}\n-----END PUBLIC KEY-----")
    }

    #[test]
    fn keys_of_both_kinds_are_read_and_have_the_fingerprint_that_openssl_shows() {
        let key = SignerKey::from_pem(P256).unwrap();
        let digest = "sha256:493db0915bd8c502ecbd3888b82c05c44c3b3526c5815a266fa2e488a473b012";
        assert_eq!(key.fingerprint().to_string(), digest);
        assert_eq!(SignerKey::from_pem(P256.trim()).unwrap(), key);
        assert_ne!(SignerKey::from_pem(&pem(ED25519)).unwrap(), key);
    }

    #[test]
    fn keys_of_other_kinds_are_refused() {
        for base64 in [P384, RSA_1024, COMPRESSED, "", "AAAA"] {
            assert!(matches!(SignerKey::from_pem(&pem(base64)), Err(InvalidKey::Algorithm)), "{base64}");
        }
    }

    #[test]
    fn what_is_not_one_public_key_is_refused() {
        let certificate = P256.replace("PUBLIC KEY", "CERTIFICATE");
        for text in ["", "acme", &format!("{P256}{P256}"), &format!("a\n{P256}"), &certificate, &pem("!"), &pem("é")] {
            assert!(matches!(SignerKey::from_pem(text), Err(InvalidKey::NotPem)), "{text}");
        }
        assert!(matches!(
            SignerKey::from_pem(&P256.replace("PUBLIC KEY", "ENCRYPTED SIGSTORE PRIVATE KEY")),
            Err(InvalidKey::Private)
        ));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,200}", base64 in "[A-Za-z0-9+/=\n]{0,200}") {
            let _ = SignerKey::from_pem(&text);
            let _ = SignerKey::from_pem(&pem(&base64));
        }
    }
}
