//! Ed25519 keys [RFC 8032], written `ed25519:<64 hex digits>`.

use std::{fmt, str::FromStr};

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use minicbor::{Decode, Decoder, Encode, Encoder};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::Digest;

/// `SubjectPublicKeyInfo` of an Ed25519 key is this prefix and the 32 bytes of the key [RFC 8410 §4].
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// PKCS #8 version 1 of an Ed25519 key is this prefix and the 32 bytes of the seed [RFC 8410 §7].
const PKCS8_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// Why a key or a signature was not accepted.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum KeyError {
    /// Not a key of a kind that signs: Ed25519, P-256 or P-384 with a point on its curve.
    #[error("not a key of Ed25519, P-256 or P-384")]
    KeyKind,
    /// A public key was not written as `ed25519:` and 64 lower-case hex digits.
    #[error("`{0}` is not `ed25519:` followed by 64 lower-case hex digits")]
    Spelling(String),
    /// A `SubjectPublicKeyInfo` is not that of an Ed25519 key.
    #[error("not the SubjectPublicKeyInfo of an Ed25519 key")]
    Spki,
    /// The signature is not this key's over these bytes.
    #[error("the signature does not verify")]
    Signature,
    /// A public key was not written as one of three kinds.
    #[error(
        "`{}` is no key: `ed25519:` and 64 lower-case hex digits, `p256:` and 128, or `p384:` and 192",
        .0.escape_default()
    )]
    VerifyingSpelling(String),
}

/// An Ed25519 public key.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Takes the 32 bytes of the key.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads the key from its DER `SubjectPublicKeyInfo`.
    ///
    /// # Errors
    /// [`KeyError::Spki`] for any other key type or length.
    pub fn from_spki(der: &[u8]) -> Result<Self, KeyError> {
        let bytes = der.strip_prefix(&SPKI_PREFIX).ok_or(KeyError::Spki)?;
        bytes.try_into().map(Self).map_err(|_| KeyError::Spki)
    }

    /// The 32 bytes of the key.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The DER `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn spki(&self) -> Vec<u8> {
        [SPKI_PREFIX.as_slice(), &self.0].concat()
    }

    /// SHA-256 of the DER `SubjectPublicKeyInfo`: how contracts and bindings name a key.
    #[must_use]
    pub fn spki_digest(&self) -> Digest {
        Digest::of_parts(&[&SPKI_PREFIX, &self.0])
    }

    /// Verifies a raw 64-byte signature over `message`.
    ///
    /// # Errors
    /// [`KeyError::Signature`].
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), KeyError> {
        UnparsedPublicKey::new(&ED25519, &self.0).verify(message, signature).map_err(|_| KeyError::Signature)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ed25519:{}", hex::encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || KeyError::Spelling(text.to_owned());
        let digits = text.strip_prefix("ed25519:").ok_or_else(refuse)?;
        if digits.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(refuse());
        }
        let mut bytes = [0; 32];
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| refuse())?;
        Ok(Self(bytes))
    }
}

impl<C> Encode<C> for PublicKey {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.bytes(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for PublicKey {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        let position = d.position();
        <[u8; 32]>::try_from(d.bytes()?)
            .map(Self)
            .map_err(|_| minicbor::decode::Error::message("an Ed25519 public key has 32 bytes").at(position))
    }
}

/// An Ed25519 signing key. The seed is wiped when it is dropped.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    seed: Zeroizing<[u8; 32]>,
}

impl SigningKey {
    /// Makes the key of a 32-byte seed, which the caller drew from a good source of randomness.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        match Ed25519KeyPair::from_seed_unchecked(seed) {
            Ok(pair) => Self { pair, seed: Zeroizing::new(*seed) },
            // Every 32-byte string is an Ed25519 seed [RFC 8032 §5.1.5]; the length is the type's.
            Err(_) => unreachable!("a 32-byte seed was refused"),
        }
    }

    /// The seed, for sealing the key at rest.
    #[must_use]
    pub fn seed(&self) -> &[u8; 32] {
        &self.seed
    }

    /// PKCS #8, as TLS libraries take it.
    #[must_use]
    pub fn pkcs8(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new([PKCS8_PREFIX.as_slice(), self.seed.as_slice()].concat())
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.pair.public_key().as_ref());
        PublicKey(bytes)
    }

    /// Signs `message`: 64 bytes.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_rfc_8032_test_1() {
        let mut seed = [0; 32];
        hex::decode_to_slice("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", &mut seed).unwrap();
        let key = SigningKey::from_seed(&seed);
        let public = key.public();
        assert_eq!(public.to_string(), "ed25519:d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        let signature = key.sign(b"");
        assert!(hex::encode(&signature).starts_with("e5564300c360ac729086e2cc806e828a"));
        public.verify(b"", &signature).unwrap();
        assert_eq!(public.verify(b"x", &signature), Err(KeyError::Signature));
    }

    #[test]
    fn spki_round_trips_and_refuses_others() {
        let public = SigningKey::from_seed(&[1; 32]).public();
        assert_eq!(PublicKey::from_spki(&public.spki()).unwrap(), public);
        assert_eq!(public.spki_digest(), Digest::of(&public.spki()));
        let mut rsa = public.spki();
        rsa[8] ^= 1;
        assert_eq!(PublicKey::from_spki(&rsa), Err(KeyError::Spki));
        rsa.truncate(20);
        assert_eq!(PublicKey::from_spki(&rsa), Err(KeyError::Spki));
    }

    #[test]
    fn debug_shows_no_seed() {
        assert!(!format!("{:?}", SigningKey::from_seed(&[7; 32])).contains("0707"));
    }
}
