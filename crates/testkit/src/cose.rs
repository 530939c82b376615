//! Envelopes of tokens, COSE_Sign1 [RFC 9052 §4], each part open to a crime.

use crate::{
    cbor::{self, Map},
    pki::{Algorithm, Key},
};

/// An envelope. Change a field for a crime; [`Envelope::of`] is honest.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// The tag, if there is one.
    pub tag: Option<u64>,
    /// The protected header, encoded.
    pub protected: Vec<u8>,
    /// The unprotected header, encoded.
    pub unprotected: Vec<u8>,
    /// What stands in the payload's place, encoded, instead of the payload that is signed.
    pub payload: Option<Vec<u8>>,
    /// What stands in the signature's place instead of one.
    pub signature: Option<Vec<u8>>,
}

impl Envelope {
    /// Tag 18 and the algorithm, protected.
    #[must_use]
    pub fn of(algorithm: Algorithm) -> Self {
        Self {
            tag: Some(18),
            protected: header(number(algorithm)),
            unprotected: vec![0xa0],
            payload: None,
            signature: None,
        }
    }

    /// The bytes that are signed for `payload`.
    #[must_use]
    pub fn to_be_signed(&self, payload: &[u8]) -> Vec<u8> {
        let (protected, payload) = (cbor::bytes(&self.protected), cbor::bytes(payload));
        cbor::array(&[cbor::text("Signature1"), protected, cbor::bytes(&[]), payload])
    }

    /// Signs `payload`.
    #[must_use]
    pub fn seal(&self, payload: &[u8], key: &Key) -> Vec<u8> {
        let signature = self.signature.clone().unwrap_or_else(|| key.sign_fixed(&self.to_be_signed(payload)));
        let payload = self.payload.clone().unwrap_or_else(|| cbor::bytes(payload));
        let item =
            cbor::array(&[cbor::bytes(&self.protected), self.unprotected.clone(), payload, cbor::bytes(&signature)]);
        self.tag.map_or(item.clone(), |tag| cbor::tag(tag, &item))
    }
}

/// A header with nothing but this algorithm.
#[must_use]
pub fn header(algorithm: i64) -> Vec<u8> {
    Map::of_numbers(&[(1, cbor::number(algorithm))]).encode()
}

/// COSE's number of an algorithm [RFC 9053 §2; RFC 8812 §2].
#[must_use]
pub const fn number(algorithm: Algorithm) -> i64 {
    match algorithm {
        Algorithm::Ed25519 => -8,
        Algorithm::P256 => -7,
        Algorithm::P384 => -35,
        Algorithm::P521 => -36,
        Algorithm::RsaPkcs1Sha256 => -257,
        Algorithm::RsaPssSha384 => -38,
    }
}
