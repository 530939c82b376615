//! Signing keys of the three kinds whose public halves are [`VerifyingKey`]s.

use std::fmt;

use aws_lc_rs::{
    rand::SecureRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
        KeyPair as _,
    },
};

use crate::{KeyError, SigningKey, VerifyingKey};

/// A signing key of one of three kinds.
pub enum Signer {
    /// Ed25519.
    Ed25519(SigningKey),
    /// ECDSA over P-256 with SHA-256, or over P-384 with SHA-384.
    Ecdsa(EcdsaSigner),
}

/// An ECDSA key with its public half.
pub struct EcdsaSigner {
    pair: EcdsaKeyPair,
    public: VerifyingKey,
}

impl Signer {
    /// Reads a P-256 key from PKCS #8.
    ///
    /// # Errors
    /// [`KeyError::KeyKind`].
    pub fn p256(pkcs8: &[u8]) -> Result<Self, KeyError> {
        Self::ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING, "p256", pkcs8)
    }

    /// Reads a P-384 key from PKCS #8.
    ///
    /// # Errors
    /// [`KeyError::KeyKind`].
    pub fn p384(pkcs8: &[u8]) -> Result<Self, KeyError> {
        Self::ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING, "p384", pkcs8)
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> VerifyingKey {
        match self {
            Self::Ecdsa(key) => key.public,
            Self::Ed25519(key) => VerifyingKey::Ed25519(key.public()),
        }
    }

    /// Signs `message`: 64 bytes, with P-384 96. Ed25519 draws nothing from `random`.
    ///
    /// # Errors
    /// [`KeyError::Signature`]: the cryptographic library failed.
    pub fn sign(&self, message: &[u8], random: &dyn SecureRandom) -> Result<Vec<u8>, KeyError> {
        match self {
            Self::Ecdsa(key) => {
                key.pair.sign(random, message).map(|made| made.as_ref().to_vec()).map_err(|_| KeyError::Signature)
            }
            Self::Ed25519(key) => Ok(key.sign(message)),
        }
    }

    fn ecdsa(algorithm: &'static EcdsaSigningAlgorithm, kind: &str, pkcs8: &[u8]) -> Result<Self, KeyError> {
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8).map_err(|_| KeyError::KeyKind)?;
        let coordinates = pair.public_key().as_ref().split_first().ok_or(KeyError::KeyKind)?.1;
        let public = format!("{kind}:{}", hex::encode(coordinates)).parse()?;
        Ok(Self::Ecdsa(EcdsaSigner { pair, public }))
    }
}

impl From<SigningKey> for Signer {
    fn from(key: SigningKey) -> Self {
        Self::Ed25519(key)
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.public())
    }
}

impl fmt::Debug for EcdsaSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EcdsaSigner({})", self.public)
    }
}

#[cfg(test)]
impl Signer {
    /// One key of each kind.
    pub(crate) fn samples() -> [Self; 3] {
        #![allow(clippy::disallowed_methods, reason = "tests draw fresh ECDSA keys")]
        let random = aws_lc_rs::rand::SystemRandom::new();
        let p256 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let p384 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &random).unwrap();
        [SigningKey::from_seed(&[7; 32]).into(), Self::p256(p256.as_ref()).unwrap(), Self::p384(p384.as_ref()).unwrap()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_one_curve_is_none_of_the_other() {
        #![allow(clippy::disallowed_methods, reason = "tests draw fresh ECDSA keys")]
        let random = aws_lc_rs::rand::SystemRandom::new();
        let p256 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        assert_eq!(Signer::p384(p256.as_ref()).err(), Some(KeyError::KeyKind));
        assert_eq!(Signer::p256(&[]).err(), Some(KeyError::KeyKind));
    }

    #[test]
    fn debug_shows_the_public_half() {
        for signer in Signer::samples() {
            assert!(format!("{signer:?}").contains(&signer.public().to_string()));
        }
    }
}
