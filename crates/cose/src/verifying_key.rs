//! Public keys of the three kinds that sign statements, written `ed25519:…`, `p256:…`, `p384:…`.
//!
//! ```text
//! ed25519:<64 hex digits>          the key [RFC 8032]
//! p256:<128 hex digits>            the point's coordinates, x then y, 32 bytes each [SEC 1 §2.3.3, without its first byte]
//! p384:<192 hex digits>            the same with 48 bytes each
//! ```
//! The key's kind fixes the algorithm: Ed25519, ECDSA with SHA-256 over P-256, ECDSA with SHA-384 over P-384. Points are on
//! their curve: no other is made.

use std::{fmt, str::FromStr};

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, EcdsaVerificationAlgorithm, ParsedPublicKey, UnparsedPublicKey,
};

use crate::{Digest, KeyError, PublicKey};

/// `SubjectPublicKeyInfo` of a P-256 key up to its coordinates: id-ecPublicKey, prime256v1, uncompressed [RFC 5480 §2].
const P256_PREFIX: [u8; 27] = [
    0x30,
    0x59,
    0x30,
    0x13,
    0x06,
    0x07,
    0x2a,
    0x86,
    0x48,
    0xce,
    0x3d,
    0x02,
    0x01,
    0x06,
    0x08,
    0x2a,
    0x86,
    0x48,
    0xce,
    0x3d,
    0x03,
    0x01,
    0x07,
    0x03,
    0x42,
    0x00,
    UNCOMPRESSED,
];
/// The same for P-384: id-ecPublicKey, secp384r1.
const P384_PREFIX: [u8; 24] = [
    0x30,
    0x76,
    0x30,
    0x10,
    0x06,
    0x07,
    0x2a,
    0x86,
    0x48,
    0xce,
    0x3d,
    0x02,
    0x01,
    0x06,
    0x05,
    0x2b,
    0x81,
    0x04,
    0x00,
    0x22,
    0x03,
    0x62,
    0x00,
    UNCOMPRESSED,
];
/// The first byte of an uncompressed point.
const UNCOMPRESSED: u8 = 4;

/// A public key of one of three kinds.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum VerifyingKey {
    /// Ed25519.
    Ed25519(PublicKey),
    /// ECDSA over P-256, with SHA-256.
    P256(Point<64>),
    /// ECDSA over P-384, with SHA-384.
    P384(Point<96>),
}

/// A point of a curve by its coordinates, `N` bytes together.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Point<const N: usize>([u8; N]);

impl VerifyingKey {
    /// Reads the key from its DER `SubjectPublicKeyInfo`; points are uncompressed.
    ///
    /// # Errors
    /// [`KeyError::KeyKind`] for other kinds, other encodings, and points that are not on their curve.
    pub fn from_spki(der: &[u8]) -> Result<Self, KeyError> {
        if let Some(coordinates) = der.strip_prefix(&P256_PREFIX) {
            Point::on(&ECDSA_P256_SHA256_FIXED, coordinates).map(Self::P256)
        } else if let Some(coordinates) = der.strip_prefix(&P384_PREFIX) {
            Point::on(&ECDSA_P384_SHA384_FIXED, coordinates).map(Self::P384)
        } else {
            PublicKey::from_spki(der).map(Self::Ed25519).map_err(|_| KeyError::KeyKind)
        }
    }

    /// The DER `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn spki(&self) -> Vec<u8> {
        match self {
            Self::Ed25519(key) => key.spki(),
            Self::P256(point) => [P256_PREFIX.as_slice(), &point.0].concat(),
            Self::P384(point) => [P384_PREFIX.as_slice(), &point.0].concat(),
        }
    }

    /// SHA-256 of the DER `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn spki_digest(&self) -> Digest {
        Digest::of(&self.spki())
    }

    /// Verifies a raw signature over `message`: 64 bytes, with P-384 96.
    ///
    /// # Errors
    /// [`KeyError::Signature`].
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), KeyError> {
        match self {
            Self::Ed25519(key) => key.verify(message, signature),
            Self::P256(point) => point.verify(&ECDSA_P256_SHA256_FIXED, message, signature),
            Self::P384(point) => point.verify(&ECDSA_P384_SHA384_FIXED, message, signature),
        }
    }
}

impl<const N: usize> Point<N> {
    fn on(curve: &'static EcdsaVerificationAlgorithm, coordinates: &[u8]) -> Result<Self, KeyError> {
        let point = coordinates.try_into().map(Self).map_err(|_| KeyError::KeyKind)?;
        ParsedPublicKey::new(curve, point.uncompressed()).map_err(|_| KeyError::KeyKind)?;
        Ok(point)
    }

    fn verify(
        &self,
        curve: &'static EcdsaVerificationAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), KeyError> {
        UnparsedPublicKey::new(curve, self.uncompressed()).verify(message, signature).map_err(|_| KeyError::Signature)
    }

    fn uncompressed(&self) -> Vec<u8> {
        [&[UNCOMPRESSED], self.0.as_slice()].concat()
    }
}

impl From<PublicKey> for VerifyingKey {
    fn from(key: PublicKey) -> Self {
        Self::Ed25519(key)
    }
}

impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ed25519(key) => fmt::Display::fmt(key, f),
            Self::P256(point) => write!(f, "p256:{}", hex::encode(point.0)),
            Self::P384(point) => write!(f, "p384:{}", hex::encode(point.0)),
        }
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<const N: usize> fmt::Debug for Point<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl FromStr for VerifyingKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || KeyError::VerifyingSpelling(text.to_owned());
        let (kind, digits) = text.split_once(':').ok_or_else(refuse)?;
        if digits.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(refuse());
        }
        let bytes = hex::decode(digits).map_err(|_| refuse())?;
        let key = match kind {
            "ed25519" => bytes.try_into().map(PublicKey::from_bytes).map(Self::Ed25519).map_err(|_| KeyError::KeyKind),
            "p256" => Point::on(&ECDSA_P256_SHA256_FIXED, &bytes).map(Self::P256),
            "p384" => Point::on(&ECDSA_P384_SHA384_FIXED, &bytes).map(Self::P384),
            _ => Err(KeyError::KeyKind),
        };
        key.map_err(|_| refuse())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Signer;

    /// The key pair of [RFC 6979 §A.2.5].
    const P256_X: &str = "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6";
    const P256_Y: &str = "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";

    #[test]
    fn verifies_rfc_6979_a_2_5() {
        let key: VerifyingKey = format!("p256:{P256_X}{P256_Y}").parse().unwrap();
        let signature = hex::decode(concat!(
            "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
            "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
        ))
        .unwrap();
        key.verify(b"sample", &signature).unwrap();
        assert_eq!(key.verify(b"Sample", &signature), Err(KeyError::Signature));
    }

    #[test]
    fn every_kind_round_trips_as_text_and_spki() {
        for signer in Signer::samples() {
            let key = signer.public();
            assert_eq!(key.to_string().parse::<VerifyingKey>().unwrap(), key);
            assert_eq!(VerifyingKey::from_spki(&key.spki()).unwrap(), key);
            assert_eq!(key.spki_digest(), Digest::of(&key.spki()));
        }
    }

    #[test]
    fn refuses_points_off_the_curve_and_other_spellings() {
        let off = format!("p256:{P256_X}{}", P256_Y.replace("7903", "7904"));
        let swapped = format!("p384:{P256_X}{P256_Y}");
        let zero = format!("p256:{}", "0".repeat(128));
        let upper = format!("p256:{P256_X}{P256_Y}").to_uppercase();
        for text in [off.as_str(), &swapped, &zero, &upper, "p256:", "rsa:00", "", "ed25519:00", P256_X] {
            assert_eq!(text.parse::<VerifyingKey>(), Err(KeyError::VerifyingSpelling(text.to_owned())));
        }
    }

    #[test]
    fn refuses_a_compressed_or_longer_spki() {
        let key: VerifyingKey = format!("p256:{P256_X}{P256_Y}").parse().unwrap();
        let mut compressed = key.spki();
        compressed[26] = 3;
        let longer = [key.spki().as_slice(), &[0]].concat();
        for der in [compressed.as_slice(), &longer, &[], &key.spki()[..40]] {
            assert_eq!(VerifyingKey::from_spki(der), Err(KeyError::KeyKind));
        }
    }
}
