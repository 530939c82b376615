//! Attestation keys, whatever they came in: a `TPMT_PUBLIC`, a `SubjectPublicKeyInfo`, a certificate, a JWK.

use casemate_cose::Digest;

use super::{
    SignatureKind,
    abi::{Public, Unique},
};
use crate::{
    Hash, KeyKind,
    crypto::{BadSignature, Key, ParsedKey, Scheme},
    wire::WireError,
};

/// A public key in the one form in which keys are compared here: kind and bytes as [`Key`] has them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct PublicKey {
    pub(crate) kind: KeyKind,
    pub(crate) bytes: Vec<u8>,
}

impl PublicKey {
    pub(super) fn of_public(public: &Public<'_>) -> Result<Self, WireError> {
        match public.unique {
            Unique::Rsa { exponent, modulus } => Ok(rsa(modulus, &exponent.to_be_bytes())),
            Unique::Ec { curve, x, y } => {
                let (kind, size) = match curve {
                    0x0003 => (KeyKind::P256, 32),
                    0x0004 => (KeyKind::P384, 48),
                    0x0005 => (KeyKind::P521, 66),
                    other => {
                        let actual = format!("0x{other:04x}");
                        return Err(WireError::Value {
                            field: "parameters.curveID",
                            expected: "P-256, P-384 or P-521",
                            actual,
                        });
                    }
                };
                let mut bytes = vec![4];
                for coordinate in [x, y] {
                    let padding = size - coordinate.len().min(size);
                    bytes.extend(std::iter::repeat_n(0, padding));
                    bytes.extend(coordinate);
                }
                Ok(Self { kind, bytes })
            }
        }
    }

    pub(crate) fn of(key: Key<'_>) -> Self {
        Self { kind: key.kind, bytes: key.bytes.to_vec() }
    }

    fn key(&self) -> Key<'_> {
        Key { kind: self.kind, bytes: &self.bytes }
    }

    /// SHA-256 of its `SubjectPublicKeyInfo`.
    pub(crate) fn digest(&self) -> Digest {
        Digest::of(&self.spki())
    }

    fn spki(&self) -> Vec<u8> {
        const EC: &[u8] = &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
        let algorithm = match self.kind {
            KeyKind::P256 => [EC, &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]].concat(),
            KeyKind::P384 => [EC, &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22]].concat(),
            KeyKind::P521 => [EC, &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23]].concat(),
            KeyKind::Ed25519 => vec![0x06, 0x03, 0x2b, 0x65, 0x70],
            KeyKind::Rsa => {
                vec![0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00]
            }
        };
        let bits = [&[0], self.bytes.as_slice()].concat();
        element(0x30, &[element(0x30, &algorithm), element(0x03, &bits)].concat())
    }

    /// This key, ready for signatures of this kind with this hash.
    pub(crate) fn parse(&self, kind: SignatureKind, hash: Hash) -> Result<ParsedKey, BadSignature> {
        let scheme = match (kind, hash, self.kind) {
            (SignatureKind::RsaPkcs1, Hash::Sha256, _) => Scheme::RsaPkcs1Sha256,
            (SignatureKind::RsaPkcs1, Hash::Sha384, _) => Scheme::RsaPkcs1Sha384,
            (SignatureKind::RsaPss, Hash::Sha256, _) => Scheme::RsaPssSha256,
            (SignatureKind::RsaPss, Hash::Sha384, _) => Scheme::RsaPssSha384,
            (SignatureKind::Ecdsa, Hash::Sha256, KeyKind::P256) => Scheme::EcdsaP256Sha256Der,
            (SignatureKind::Ecdsa, Hash::Sha384, KeyKind::P256) => Scheme::EcdsaP256Sha384Der,
            (SignatureKind::Ecdsa, Hash::Sha256, KeyKind::P384) => Scheme::EcdsaP384Sha256Der,
            (SignatureKind::Ecdsa, Hash::Sha384, KeyKind::P384) => Scheme::EcdsaP384Sha384Der,
            (SignatureKind::Ecdsa, Hash::Sha512, KeyKind::P521) => Scheme::EcdsaP521Sha512Der,
            _ => return Err(BadSignature),
        };
        self.key().parse(scheme)
    }
}

/// An RSA key of this modulus and exponent, both big-endian: an `RSAPublicKey` [RFC 8017 §A.1.1].
pub(crate) fn rsa(modulus: &[u8], exponent: &[u8]) -> PublicKey {
    let bytes = element(0x30, &[integer(modulus), integer(exponent)].concat());
    PublicKey { kind: KeyKind::Rsa, bytes }
}

/// A non-negative DER INTEGER from big-endian bytes.
pub(super) fn integer(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    let digits = bytes.get(start..).unwrap_or_default();
    match digits.first() {
        Some(0..=0x7f) => element(0x02, digits),
        _ => element(0x02, &[&[0], digits].concat()),
    }
}

/// A DER element; contents here stay below 64 KiB.
pub(super) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let [.., high, low] = content.len().to_be_bytes();
    let mut bytes = match (high, low) {
        (0, 0..=0x7f) => vec![tag, low],
        (0, _) => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    bytes.extend(content);
    bytes
}
