//! COSE_Sign1 [RFC 9052 §4.2] by keys of three kinds, which the object carries.
//!
//! ```text
//! COSE_Sign1 = [ h'{1: alg, 4: kid}', {}, payload, signature ]      untagged; kid = the signer's SubjectPublicKeyInfo
//! signed     = [ "Signature1", protected, kind, payload ]
//! alg        = -19 with an Ed25519 key, -7 with P-256, -35 with P-384 [RFC 9864 §2.2, RFC 9053 §2.1]
//! ```
//! The key fixes the algorithm; a header that names another is refused, whether or not the signature would verify by it.
//! That the signature verifies says who signed, not that anybody believes the signer.

use aws_lc_rs::rand::SecureRandom;
use coset::{CborSerializable as _, CoseSign1, CoseSign1Builder, Header, HeaderBuilder, iana};

use crate::{CoseError, KeyError, Kind, SIGN1_BYTES_MAX, Signer, VerifyingKey};

/// A payload whose signature was checked, and who signed it. Only [`verify_keyed`] makes one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Keyed {
    payload: Vec<u8>,
    signer: VerifyingKey,
}

impl Keyed {
    /// The signed bytes, as received.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Whose signature it was: the key that the object carries.
    #[must_use]
    pub const fn signer(&self) -> &VerifyingKey {
        &self.signer
    }
}

/// Signs `payload` as an object of `kind` that carries its signer's key.
///
/// # Errors
/// [`KeyError::Signature`]: the cryptographic library failed.
pub fn sign_keyed(kind: Kind, payload: &[u8], signer: &Signer, random: &dyn SecureRandom) -> Result<Vec<u8>, KeyError> {
    let object = CoseSign1Builder::new()
        .protected(header(&signer.public()))
        .payload(payload.to_vec())
        .try_create_signature(kind.as_str().as_bytes(), |message| signer.sign(message, random))?
        .build();
    object.to_vec().map_err(|_| KeyError::Signature)
}

/// Verifies that `object` is a `kind` signed by the key that it carries, over its bytes as received.
///
/// # Errors
/// [`CoseError`]: another shape, another algorithm than the key's, or a signature that does not verify.
pub fn verify_keyed(kind: Kind, object: &[u8]) -> Result<Keyed, CoseError> {
    if object.len() > SIGN1_BYTES_MAX {
        return Err(CoseError::Shape("longer than 16 MiB"));
    }
    let parsed = CoseSign1::from_slice(object).map_err(|_| CoseError::Shape("not decodable"))?;
    let signer = VerifyingKey::from_spki(&parsed.protected.header.key_id)
        .map_err(|_| CoseError::Shape("the key id is no SubjectPublicKeyInfo of Ed25519, P-256 or P-384"))?;
    let expected = header(&signer);
    if parsed.protected.header.alg != expected.alg {
        return Err(CoseError::Shape("the algorithm is not that of the key"));
    }
    // One accepted byte string for the protected header and one for the whole: nothing hides in an encoding choice.
    if parsed.protected.header != expected || !parsed.unprotected.is_empty() {
        return Err(CoseError::Shape("headers other than `alg` and `kid`"));
    }
    let payload = parsed.payload.clone().ok_or(CoseError::Shape("the payload is detached"))?;
    let canonical = CoseSign1Builder::new()
        .protected(expected)
        .payload(payload.clone())
        .signature(parsed.signature.clone())
        .build();
    if canonical.to_vec().ok().as_deref() != Some(object) {
        return Err(CoseError::Shape("not its deterministic encoding"));
    }
    parsed
        .verify_signature(kind.as_str().as_bytes(), |signature, message| signer.verify(message, signature))
        .map_err(|_: KeyError| CoseError::KeyedSignature { kind, key: Box::new(signer) })?;
    Ok(Keyed { payload, signer })
}

fn header(key: &VerifyingKey) -> Header {
    HeaderBuilder::new().algorithm(algorithm(key)).key_id(key.spki()).build()
}

const fn algorithm(key: &VerifyingKey) -> iana::Algorithm {
    match key {
        VerifyingKey::Ed25519(_) => iana::Algorithm::Ed25519,
        VerifyingKey::P256(_) => iana::Algorithm::ES256,
        VerifyingKey::P384(_) => iana::Algorithm::ES384,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods, reason = "ECDSA signatures in tests are random")]

    use aws_lc_rs::rand::SystemRandom;

    use super::*;

    fn signed(signer: &Signer) -> Vec<u8> {
        sign_keyed(Kind::Statement, b"payload", signer, &SystemRandom::new()).unwrap()
    }

    #[test]
    fn each_kind_of_key_verifies_what_it_signs() {
        for signer in Signer::samples() {
            let verified = verify_keyed(Kind::Statement, &signed(&signer)).unwrap();
            assert_eq!((verified.payload(), verified.signer()), (b"payload".as_slice(), &signer.public()));
            for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Statement) {
                assert!(matches!(verify_keyed(kind, &signed(&signer)), Err(CoseError::KeyedSignature { .. })));
            }
        }
    }

    #[test]
    fn refuses_every_bit_flip_truncation_and_addition() {
        for signer in Signer::samples() {
            let object = signed(&signer);
            for bit in 0..object.len() * 8 {
                let mut flipped = object.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert!(verify_keyed(Kind::Statement, &flipped).is_err(), "bit {bit}");
            }
            for length in 0..object.len() {
                assert!(verify_keyed(Kind::Statement, &object[..length]).is_err());
            }
            assert!(verify_keyed(Kind::Statement, &[object.as_slice(), &[0]].concat()).is_err());
            assert!(verify_keyed(Kind::Statement, &[&[0xd2], object.as_slice()].concat()).is_err());
        }
    }

    /// The signature is good for the key of the one curve, the header names the other's algorithm: who takes the key's bytes
    /// and lets the header say what they are is led astray.
    #[test]
    fn the_header_never_chooses_the_algorithm() {
        let [_, signer, _] = Signer::samples();
        let lying = HeaderBuilder::new().algorithm(iana::Algorithm::ES384).key_id(signer.public().spki()).build();
        let object = CoseSign1Builder::new()
            .protected(lying)
            .payload(b"payload".to_vec())
            .try_create_signature(Kind::Statement.as_str().as_bytes(), |message| {
                signer.sign(message, &SystemRandom::new())
            })
            .unwrap()
            .build();
        object
            .verify_signature(Kind::Statement.as_str().as_bytes(), |signature, message| {
                signer.public().verify(message, signature)
            })
            .expect("without a look at the header it verifies");
        assert_eq!(
            verify_keyed(Kind::Statement, &object.to_vec().unwrap()),
            Err(CoseError::Shape("the algorithm is not that of the key"))
        );
    }

    /// A header that names the right algorithm for a wrong key, and every other pair.
    #[test]
    fn every_other_pair_of_key_and_algorithm_is_refused() {
        let names =
            [iana::Algorithm::Ed25519, iana::Algorithm::ES256, iana::Algorithm::ES384, iana::Algorithm::HMAC_256_256];
        for signer in Signer::samples() {
            for name in names {
                let header = HeaderBuilder::new().algorithm(name).key_id(signer.public().spki()).build();
                let object = CoseSign1Builder::new()
                    .protected(header)
                    .payload(b"payload".to_vec())
                    .try_create_signature(Kind::Statement.as_str().as_bytes(), |message| {
                        signer.sign(message, &SystemRandom::new())
                    })
                    .unwrap()
                    .build();
                let verdict = verify_keyed(Kind::Statement, &object.to_vec().unwrap());
                assert_eq!(verdict.is_ok(), name == algorithm(&signer.public()), "{signer:?} {name:?}");
            }
        }
    }
}
