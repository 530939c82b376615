//! COSE_Sign1 [RFC 9052 §4.2] with Ed25519 [RFC 9864 §2.2] and the object's kind in `external_aad`.
//!
//! ```text
//! COSE_Sign1 = [ h'{1: -19, 4: kid}', {}, payload, signature ]      untagged; kid = the signer's 32-byte public key
//! signed     = [ "Signature1", protected, kind, payload ]
//! ```
//! Protected headers hold exactly `alg` and `kid`; unprotected headers are empty; anything else is refused.

use coset::{CborSerializable, CoseSign1, CoseSign1Builder, HeaderBuilder, RegisteredLabelWithPrivate, iana};
use thiserror::Error;

use crate::{KeyError, Kind, PublicKey, SigningKey, VerifyingKey};

/// The longest signed object that is read: 16 MiB.
pub const SIGN1_BYTES_MAX: usize = 16 << 20;

/// Why a signed object was refused.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum CoseError {
    /// The signature does not verify for the key that the object carries, this kind and payload.
    #[error("the signature does not verify as a `{}` of `{key}`", kind.as_str())]
    KeyedSignature {
        /// The kind that was expected.
        kind: Kind,
        /// The key that the object carries.
        key: Box<VerifyingKey>,
    },
    /// Not a COSE_Sign1 of the one accepted shape.
    #[error("not a COSE_Sign1 object as Casemate writes it: {0}")]
    Shape(&'static str),
    /// The object names another signer than the expected one.
    #[error("signed by `{actual}`, expected `{expected}`")]
    Signer {
        /// The key whose signature was asked for.
        expected: PublicKey,
        /// The key that the object names.
        actual: PublicKey,
    },
    /// The signature does not verify for this key, kind and payload.
    #[error("the signature does not verify as a `{}` of `{key}`", kind.as_str())]
    Signature {
        /// The kind that was expected.
        kind: Kind,
        /// The key that was expected.
        key: PublicKey,
    },
}

/// A payload whose signature was checked. Only [`verify`] makes one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verified {
    payload: Vec<u8>,
    signer: PublicKey,
}

impl Verified {
    /// The signed bytes, as received.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Whose signature it was.
    #[must_use]
    pub const fn signer(&self) -> PublicKey {
        self.signer
    }
}

/// Signs `payload` as an object of `kind`.
#[must_use]
pub fn sign(kind: Kind, payload: &[u8], key: &SigningKey) -> Vec<u8> {
    let protected =
        HeaderBuilder::new().algorithm(iana::Algorithm::Ed25519).key_id(key.public().as_bytes().to_vec()).build();
    let object = CoseSign1Builder::new()
        .protected(protected)
        .payload(payload.to_vec())
        .create_signature(kind.as_str().as_bytes(), |message| key.sign(message))
        .build();
    match object.to_vec() {
        Ok(bytes) => bytes,
        // The object was built just above from a fixed shape; writing to a `Vec` cannot fail.
        Err(error) => unreachable!("encoding a COSE_Sign1 failed: {error}"),
    }
}

/// Verifies that `object` is a `kind` signed by `key`, over its bytes as received.
///
/// # Errors
/// [`CoseError`]: another shape, another signer, or a signature that does not verify.
pub fn verify(kind: Kind, object: &[u8], key: &PublicKey) -> Result<Verified, CoseError> {
    let (object, signer) = parse(object)?;
    if signer != *key {
        return Err(CoseError::Signer { expected: *key, actual: signer });
    }
    object
        .verify_signature(kind.as_str().as_bytes(), |signature, message| key.verify(message, signature))
        .map_err(|_: KeyError| CoseError::Signature { kind, key: *key })?;
    let payload = object.payload.ok_or(CoseError::Shape("the payload is detached"))?;
    Ok(Verified { payload, signer })
}

/// The key that `object` *claims* as its signer, for looking it up. Nothing is verified.
///
/// # Errors
/// [`CoseError::Shape`].
pub fn claimed_signer(object: &[u8]) -> Result<PublicKey, CoseError> {
    parse(object).map(|(_, signer)| signer)
}

fn parse(bytes: &[u8]) -> Result<(CoseSign1, PublicKey), CoseError> {
    if bytes.len() > SIGN1_BYTES_MAX {
        return Err(CoseError::Shape("longer than 16 MiB"));
    }
    let object = CoseSign1::from_slice(bytes).map_err(|_| CoseError::Shape("not decodable"))?;
    let kid: [u8; 32] = object
        .protected
        .header
        .key_id
        .as_slice()
        .try_into()
        .map_err(|_| CoseError::Shape("the key id is not 32 bytes"))?;
    let signer = PublicKey::from_bytes(kid);
    if object.protected.header.alg != Some(RegisteredLabelWithPrivate::Assigned(iana::Algorithm::Ed25519)) {
        return Err(CoseError::Shape("the algorithm is not Ed25519"));
    }
    // One accepted byte string for the protected header and one for the whole: nothing hides in an encoding choice.
    let expected = HeaderBuilder::new().algorithm(iana::Algorithm::Ed25519).key_id(kid.to_vec()).build();
    if object.protected.header != expected || !object.unprotected.is_empty() {
        return Err(CoseError::Shape("headers other than `alg` and `kid`"));
    }
    if object.payload.is_none() {
        return Err(CoseError::Shape("the payload is detached"));
    }
    let canonical = CoseSign1Builder::new()
        .protected(expected)
        .payload(object.payload.clone().unwrap_or_default())
        .signature(object.signature.clone())
        .build();
    if canonical.to_vec().ok().as_deref() != Some(bytes) {
        return Err(CoseError::Shape("not its deterministic encoding"));
    }
    Ok((object, signer))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_seed(&[seed; 32])
    }

    #[test]
    fn verifies_what_it_signs() {
        let object = sign(Kind::Permit, b"payload", &key(1));
        let verified = verify(Kind::Permit, &object, &key(1).public()).unwrap();
        assert_eq!(verified.payload(), b"payload");
        assert_eq!(claimed_signer(&object).unwrap(), key(1).public());
    }

    #[test]
    fn no_kind_passes_for_another() {
        for signed in Kind::ALL {
            let object = sign(signed, b"payload", &key(1));
            for expected in Kind::ALL {
                assert_eq!(verify(expected, &object, &key(1).public()).is_ok(), signed == expected);
            }
        }
    }

    #[test]
    fn refuses_another_signer() {
        let object = sign(Kind::Permit, b"payload", &key(1));
        assert!(matches!(verify(Kind::Permit, &object, &key(2).public()), Err(CoseError::Signer { .. })));
    }

    #[test]
    fn refuses_every_bit_flip_truncation_and_addition() {
        let object = sign(Kind::Permit, b"payload", &key(1));
        for bit in 0..object.len() * 8 {
            let mut flipped = object.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(verify(Kind::Permit, &flipped, &key(1).public()).is_err(), "bit {bit}");
        }
        for length in 0..object.len() {
            assert!(verify(Kind::Permit, &object[..length], &key(1).public()).is_err());
        }
        let mut longer = object;
        longer.push(0);
        assert!(verify(Kind::Permit, &longer, &key(1).public()).is_err());
    }

    #[test]
    fn refuses_a_tagged_or_unprotected_variant() {
        let object = sign(Kind::Permit, b"payload", &key(1));
        let tagged = [&[0xd2], object.as_slice()].concat();
        assert!(verify(Kind::Permit, &tagged, &key(1).public()).is_err());
        let mut parsed = CoseSign1::from_slice(&object).unwrap();
        parsed.unprotected = HeaderBuilder::new().content_type("text/plain".into()).build();
        let unprotected = parsed.to_vec().unwrap();
        assert_eq!(
            verify(Kind::Permit, &unprotected, &key(1).public()),
            Err(CoseError::Shape("headers other than `alg` and `kid`"))
        );
    }
}
