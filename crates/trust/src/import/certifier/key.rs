//! Keys as the framework writes them, and signatures by them. [certifier.proto: key_message, rsa_message, ecc_message]

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use casemate_cose::Digest;

use super::wire::Message;
use crate::import::ImportError;

/// A public key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Key {
    /// Modulus and exponent, most significant byte first, no zeros in front.
    Rsa { bits: usize, modulus: Vec<u8>, exponent: Vec<u8> },
    /// Coordinates, 32 or 48 bytes each.
    Ecc { size: usize, x: Vec<u8>, y: Vec<u8> },
}

/// Fields of a `key_message`.
const FIELDS: u32 = 12;

impl Key {
    /// Reads the key in a `key_message`; private parts, certificates and limits in it are refused.
    pub(super) fn read(message: &Message<'_>) -> Result<Self, ImportError> {
        let kind = message.text(2, "key_type")?;
        if kind.ends_with("-private") || message.bytes(6, "secret_key_bits")?.is_some_and(|bits| !bits.is_empty()) {
            return Err(message
                .refuse("key_type", "a private key lies in this file: keep it to yourself, and give its public half"));
        }
        let format = message.text(3, "key_format")?;
        if !matches!(format, "vse-key" | "") {
            return Err(message.refuse("key_format", &format!("`{}` is not read here", format.escape_debug())));
        }
        for (number, name) in
            [(7, "certificate"), (8, "other_key_formats"), (9, "not_before"), (10, "not_after"), (12, "snp_chipid")]
        {
            if message.bytes(number, name)?.is_some_and(|bytes| !bytes.is_empty()) {
                return Err(message.refuse(name, "limits the key or repeats it: it has no place here"));
            }
        }
        if message.number(11, "snp_tcb_version")?.is_some() {
            return Err(message.refuse("snp_tcb_version", "limits the key to one TCB: it has no place here"));
        }
        match kind {
            "rsa-2048-public" => Self::rsa(message, 2048),
            "rsa-3072-public" => Self::rsa(message, 3072),
            "rsa-4096-public" => Self::rsa(message, 4096),
            "ecc-256-public" => Self::ecc(message, 32),
            "ecc-384-public" => Self::ecc(message, 48),
            other => {
                Err(message.refuse("key_type", &format!("`{}` is no kind of key known here", other.escape_debug())))
            }
        }
    }

    /// Reads a serialized `key_message`.
    pub(super) fn parse(place: &str, bytes: &[u8]) -> Result<Self, ImportError> {
        Self::read(&Message::read(place, bytes, FIELDS)?)
    }

    /// Reads the key in a field of another message.
    pub(super) fn field(message: &Message<'_>, number: u32, name: &str) -> Result<Option<Self>, ImportError> {
        message.message(number, name, FIELDS)?.as_ref().map(Self::read).transpose()
    }

    fn rsa(message: &Message<'_>, bits: usize) -> Result<Self, ImportError> {
        let rsa = message.message(4, "rsa_key", 8)?.ok_or_else(|| message.refuse("rsa_key", "is missing"))?;
        for number in 3..=8 {
            if rsa.bytes(number, "private_exponent")?.is_some_and(|bytes| !bytes.is_empty()) {
                return Err(rsa.refuse("private_exponent", "a private key lies in this file: keep it to yourself"));
            }
        }
        let modulus = rsa.bytes(1, "public_modulus")?.unwrap_or_default();
        let exponent = rsa.bytes(2, "public_exponent")?.unwrap_or_default();
        let is_long = modulus.len() == bits / 8 && modulus.first().is_some_and(|byte| *byte >= 0x80);
        if !is_long {
            return Err(rsa.refuse("public_modulus", &format!("is not of {bits} bits, as the key's type says")));
        }
        if exponent.is_empty() || exponent.len() > 4 || exponent.first() == Some(&0) {
            return Err(rsa.refuse("public_exponent", "is not of 1 to 4 bytes without zeros in front"));
        }
        Ok(Self::Rsa { bits, modulus: modulus.to_vec(), exponent: exponent.to_vec() })
    }

    fn ecc(message: &Message<'_>, size: usize) -> Result<Self, ImportError> {
        let ecc = message.message(5, "ecc_key", 8)?.ok_or_else(|| message.refuse("ecc_key", "is missing"))?;
        if ecc.bytes(8, "private_multiplier")?.is_some_and(|bytes| !bytes.is_empty()) {
            return Err(ecc.refuse("private_multiplier", "a private key lies in this file: keep it to yourself"));
        }
        let point = ecc.message(6, "public_point", 2)?.ok_or_else(|| ecc.refuse("public_point", "is missing"))?;
        let coordinate = |number: u32, name: &str| -> Result<Vec<u8>, ImportError> {
            let bytes = point.bytes(number, name)?.unwrap_or_default();
            // The framework writes numbers without the zeros in front.
            let zeros = size.checked_sub(bytes.len()).filter(|zeros| *zeros < size);
            let zeros = zeros.ok_or_else(|| point.refuse(name, &format!("is not of 1 to {size} bytes")))?;
            Ok([vec![0; zeros], bytes.to_vec()].concat())
        };
        Ok(Self::Ecc { size, x: coordinate(1, "x")?, y: coordinate(2, "y")? })
    }

    /// SHA-256 of the DER `SubjectPublicKeyInfo`.
    pub(super) fn digest(&self) -> Digest {
        Digest::of(&self.spki())
    }

    fn spki(&self) -> Vec<u8> {
        match self {
            Self::Rsa { modulus, exponent, .. } => {
                let key = der(0x30, &[integer(modulus), integer(exponent)].concat());
                der(0x30, &[RSA_ENCRYPTION.to_vec(), der(0x03, &[vec![0], key].concat())].concat())
            }
            Self::Ecc { size, x, y } => {
                let curve: &[u8] = if *size == 32 { &EC_P256 } else { &EC_P384 };
                let point = [&[0, 4], x.as_slice(), y].concat();
                der(0x30, &[curve.to_vec(), der(0x03, &point)].concat())
            }
        }
    }

    /// Verifies a signature by the algorithm of this name, which has to be the key's.
    pub(super) fn verify(&self, algorithm: &str, message: &[u8], signature: &[u8]) -> Result<(), ImportError> {
        let refused = || ImportError::Signature { key: self.digest() };
        match (self, algorithm) {
            (Self::Rsa { bits: 2048, modulus: n, exponent: e }, "rsa-2048-sha256-pkcs-sign") => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
            (Self::Rsa { bits: 3072, modulus: n, exponent: e }, "rsa-3072-sha384-pkcs-sign")
            | (Self::Rsa { bits: 4096, modulus: n, exponent: e }, "rsa-4096-sha384-pkcs-sign") => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA384, message, signature)
            }
            (Self::Ecc { size: 32, x, y }, "ecc-256-sha256-pkcs-sign") => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, [&[4], x.as_slice(), y].concat())
                    .verify(message, signature)
            }
            (Self::Ecc { size: 48, x, y }, "ecc-384-sha384-pkcs-sign") => {
                UnparsedPublicKey::new(&ECDSA_P384_SHA384_ASN1, [&[4], x.as_slice(), y].concat())
                    .verify(message, signature)
            }
            _ => return Err(refused()),
        }
        .map_err(|_| refused())
    }
}

/// `AlgorithmIdentifier { rsaEncryption, NULL }`. [RFC 3279 §2.3.1]
const RSA_ENCRYPTION: [u8; 15] =
    [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
/// `AlgorithmIdentifier { id-ecPublicKey, prime256v1 }`. [RFC 5480 §2.1]
const EC_P256: [u8; 21] = [
    0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03,
    0x01, 0x07,
];
/// `AlgorithmIdentifier { id-ecPublicKey, secp384r1 }`.
const EC_P384: [u8; 18] =
    [0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];

/// An element of definite length.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let significant: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
    let head = match significant.as_slice() {
        [] => vec![tag, 0],
        [short] if *short < 0x80 => vec![tag, *short],
        long => {
            let count = u8::try_from(long.len()).unwrap_or(u8::MAX);
            [&[tag, 0x80 | count], long].concat()
        }
    };
    [head, content.to_vec()].concat()
}

/// A positive number.
fn integer(bytes: &[u8]) -> Vec<u8> {
    let sign: &[u8] = if bytes.first().is_some_and(|byte| *byte >= 0x80) { &[0] } else { &[] };
    der(0x02, &[sign, bytes].concat())
}
