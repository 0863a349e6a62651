//! Private keys of authors.

use std::fmt;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sigstore_types::DerPublicKey;
use zeroize::Zeroizing;

use crate::trust::key::{MAX_KEY_BYTES, SignerKey};

/// What a key that can be signed with begins and ends with (RFC 7468, section 10).
const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";

/// A private key that an author signs with: ECDSA on P-256 with SHA-256, or Ed25519.
pub struct SigningKey {
    pair: Pair,
    public: SignerKey,
    public_der: DerPublicKey,
    public_pem: String,
}

enum Pair {
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// Why a text is no key to sign with. It says nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSigningKey {
    /// It is not one PEM block with a private key.
    #[error(
        "it is not one PEM block that begins with {BEGIN}; to make one: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out KEY.pem"
    )]
    NotPem,
    /// It holds a public key.
    #[error("it is a public key, which checks signatures; sign with the private key that belongs to it")]
    Public,
    /// cosign encrypted it.
    #[error(
        "cosign encrypted it in a form that cosign alone reads; push without --sign and sign that with `cosign sign --key`, or make a key for this: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out KEY.pem"
    )]
    OfCosign,
    /// It is encrypted.
    #[error(
        "it is encrypted; to decrypt it into a file of yours alone: umask 077; openssl pkey -in KEY.pem -out PLAIN.pem"
    )]
    Encrypted,
    /// It is a private key in a form of its algorithm's own.
    #[error(
        "it is in an older form; to write it in the one that is read: umask 077; openssl pkcs8 -topk8 -nocrypt -in OLD.pem -out KEY.pem"
    )]
    OldForm,
    /// It is a key of an algorithm that is not trusted here, or none at all.
    #[error("it is no ECDSA key on the curve P-256 and no Ed25519 key, the two kinds that are checked")]
    Algorithm,
}

/// That a key did not sign. The library does not say why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key does not sign")]
pub(crate) struct NotSigned;

impl SigningKey {
    /// Reads an unencrypted private key in PEM form (PKCS#8, RFC 5958), as `openssl genpkey` writes it.
    ///
    /// # Errors
    /// See [`InvalidSigningKey`].
    pub fn from_pem(text: &str) -> Result<Self, InvalidSigningKey> {
        let text = text.trim();
        for (label, error) in [
            ("ENCRYPTED SIGSTORE PRIVATE KEY-----", InvalidSigningKey::OfCosign),
            ("ENCRYPTED COSIGN PRIVATE KEY-----", InvalidSigningKey::OfCosign),
            ("ENCRYPTED PRIVATE KEY-----", InvalidSigningKey::Encrypted),
            ("Proc-Type: 4,ENCRYPTED", InvalidSigningKey::Encrypted),
            ("EC PRIVATE KEY-----", InvalidSigningKey::OldForm),
            ("BEGIN PUBLIC KEY-----", InvalidSigningKey::Public),
        ] {
            if text.contains(label) {
                return Err(error);
            }
        }
        let base64 = text.strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(END));
        let base64 = base64.filter(|_| text.len() <= MAX_KEY_BYTES).ok_or(InvalidSigningKey::NotPem)?;
        let base64: Zeroizing<Vec<u8>> =
            Zeroizing::new(base64.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect());
        let der = BASE64_STANDARD.decode(&*base64).map(Zeroizing::new).map_err(|_| InvalidSigningKey::NotPem)?;
        Self::of(Pair::read(&der).ok_or(InvalidSigningKey::Algorithm)?)
    }

    /// A new key that lives in memory alone.
    ///
    /// # Errors
    /// Where the library makes none.
    pub(super) fn ephemeral() -> Result<Self, InvalidSigningKey> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING);
        Self::of(Pair::P256(pair.map_err(|_| InvalidSigningKey::Algorithm)?))
    }

    fn of(pair: Pair) -> Result<Self, InvalidSigningKey> {
        let public_der = pair.public().ok_or(InvalidSigningKey::Algorithm)?;
        let public_pem = public_der.to_pem();
        // Read as those who verify read it: what they would refuse is not signed with.
        let public = SignerKey::from_pem(&public_pem).map_err(|_| InvalidSigningKey::Algorithm)?;
        let public_pem = public_pem.trim_end().replace("\r\n", "\n");
        Ok(Self { pair, public, public_der, public_pem })
    }

    /// The public key that belongs to it.
    pub(crate) fn public(&self) -> &SignerKey {
        &self.public
    }

    /// The public key that belongs to it, as certificates hold it.
    pub(super) fn public_der(&self) -> &[u8] {
        self.public_der.as_bytes()
    }

    /// The public key that belongs to it, in PEM form, for others to check signatures with.
    pub fn public_pem(&self) -> &str {
        &self.public_pem
    }

    /// Signs these bytes.
    ///
    /// # Errors
    /// Where the library does not.
    pub(super) fn sign(&self, data: &[u8]) -> Result<Vec<u8>, NotSigned> {
        Ok(match &self.pair {
            Pair::P256(pair) => pair.sign(&SystemRandom::new(), data).map_err(|_| NotSigned)?.as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.sign(data).as_ref().to_vec(),
        })
    }
}

impl Pair {
    fn read(der: &[u8]) -> Option<Self> {
        let p256 = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der).map(Self::P256);
        p256.or_else(|_| Ed25519KeyPair::from_pkcs8(der).map(Self::Ed25519)).ok()
    }

    fn public(&self) -> Option<DerPublicKey> {
        let der: PublicKeyX509Der<'_> = match self {
            Self::P256(pair) => pair.public_key().as_der(),
            Self::Ed25519(pair) => pair.public_key().as_der(),
        }
        .ok()?;
        Some(DerPublicKey::from_bytes(der.as_ref()))
    }
}

/// Says which key it is, and nothing of it.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(of {:?})", self.public)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    use aws_lc_rs::signature::ECDSA_P384_SHA384_ASN1_SIGNING;

    fn pem(pkcs8: &[u8]) -> String {
        format!("{BEGIN}\n{}\n{END}\n", BASE64_STANDARD.encode(pkcs8))
    }

    pub(in crate::trust::sign) fn p256() -> String {
        pem(EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new()).unwrap().as_ref())
    }

    pub(in crate::trust::sign) fn ed25519() -> String {
        pem(Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap().as_ref())
    }

    fn p384() -> String {
        pem(EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_ASN1_SIGNING, &SystemRandom::new()).unwrap().as_ref())
    }

    #[test]
    fn a_key_signs_what_its_public_key_checks() {
        for pem in [p256(), ed25519()] {
            let key = SigningKey::from_pem(&pem).unwrap();
            assert!(key.public_pem().starts_with("-----BEGIN PUBLIC KEY-----\n"), "{}", key.public_pem());
            let public = SignerKey::from_pem(key.public_pem()).unwrap();
            let signature = key.sign(b"words").unwrap();
            assert!(public.signed(b"words", &signature) && !public.signed(b"other words", &signature));
            assert_eq!(format!("{key:?}"), format!("SigningKey(of SignerKey({}))", public.fingerprint()));
        }
        assert!(SigningKey::from_pem(&format!("\n{}\n\n", p256().replace('\n', "\r\n"))).is_ok());
    }

    #[test]
    fn what_is_no_key_to_sign_with_says_what_it_is() {
        let p256 = p256();
        let p256 = p256.trim();
        let labelled = |label: &str| p256.replace("PRIVATE KEY", label);
        for (text, expected) in [
            (labelled("ENCRYPTED SIGSTORE PRIVATE KEY"), InvalidSigningKey::OfCosign),
            (labelled("ENCRYPTED COSIGN PRIVATE KEY"), InvalidSigningKey::OfCosign),
            (labelled("ENCRYPTED PRIVATE KEY"), InvalidSigningKey::Encrypted),
            (labelled("EC PRIVATE KEY"), InvalidSigningKey::OldForm),
            (labelled("PUBLIC KEY"), InvalidSigningKey::Public),
            (labelled("CERTIFICATE"), InvalidSigningKey::NotPem),
            (p384(), InvalidSigningKey::Algorithm),
            (format!("{p256}\n{p256}"), InvalidSigningKey::NotPem),
            (format!("{BEGIN}{END}"), InvalidSigningKey::Algorithm),
            (format!("{BEGIN}!{END}"), InvalidSigningKey::NotPem),
            (format!("x{p256}"), InvalidSigningKey::NotPem),
            (p256.replacen('\n', &"\n".repeat(MAX_KEY_BYTES), 1), InvalidSigningKey::NotPem),
            (String::new(), InvalidSigningKey::NotPem),
        ] {
            assert_eq!(SigningKey::from_pem(&text).unwrap_err(), expected, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,200}", base64 in "[A-Za-z0-9+/=\n]{0,200}") {
            let _ = SigningKey::from_pem(&text);
            let _ = SigningKey::from_pem(&format!("{BEGIN}\n{base64}\n{END}"));
        }
    }
}
