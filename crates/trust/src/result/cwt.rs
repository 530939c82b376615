//! Attestation results as CWT. [RFC 8392, RFC 9052 §4.2]
//!
//! ```text
//! CWT    = 18([ h'{1: alg, 4: kid}', {}, claims, signature ])         tag 18, not also 61
//! signed = [ "Signature1", protected, h'', claims ]                   external_aad is empty, as the standard has it
//! alg    = -8 with an Ed25519 key, -7 with P-256, -35 with P-384 [RFC 9053 §2]; kid = SHA-256 of its SubjectPublicKeyInfo
//! ```
//! Everything that Casemate signs for itself has its kind as `external_aad`, and that is never empty: neither passes for the other.
//!
//! 1. No more bytes than [`TOKEN_BYTES_MAX`], and a COSE_Sign1 with its tag.
//! 2. Algorithm and key id are those of the expected key, and the headers say nothing else.
//! 3. The signature is this key's over the bytes as received.

use aws_lc_rs::rand::SecureRandom;
use casemate_cose::{Signer, VerifyingKey};
use minicbor::{Decoder, Encoder, data::Tag};

use super::{
    AttestationResult, Expected, Names, Received, ResultError, TOKEN_BYTES_MAX, at_most,
    ear::{Encoding, Form},
    jwt,
    tree::{Key, Tree},
};

use crate::component::registry::hex;

const SIGN1_TAG: u64 = 18;

impl AttestationResult {
    /// The result as a CWT. ECDSA draws from `random`.
    ///
    /// # Errors
    /// Those of [`AttestationResult::check`]; [`ResultError::TooMany`] bytes; [`ResultError::Signer`].
    pub fn to_cwt(&self, names: Names, key: &Signer, random: &dyn SecureRandom) -> Result<Vec<u8>, ResultError> {
        let claims = Form { names, encoding: Encoding::Cbor }.write(self)?;
        let head = header(&key.public());
        let signature = key.sign(&signed(&head, &claims), random).map_err(|_| ResultError::Signer)?;
        let token = sign1(&head, &claims, &signature);
        at_most("bytes of a token", token.len(), TOKEN_BYTES_MAX)?;
        Ok(token)
    }

    /// Reads a CWT that [`Self::to_cwt`] wrote and `expected.key` signed.
    ///
    /// # Errors
    /// [`ResultError`], the first step that fails.
    pub fn from_cwt(token: &[u8], expected: &Expected<'_>) -> Result<Received, ResultError> {
        // 1
        at_most("bytes of a token", token.len(), TOKEN_BYTES_MAX)?;
        let Some([head, claims, signature]) = parts(token) else {
            return Err(ResultError::Form("not a tagged COSE_Sign1 without unprotected headers"));
        };
        // 2
        check_header(head, expected.key)?;
        if sign1(head, claims, signature) != token {
            return Err(ResultError::Form("not its deterministic encoding"));
        }
        // 3
        expected.key.verify(&signed(head, claims), signature).map_err(|_| ResultError::Signature)?;
        Form { names: expected.names, encoding: Encoding::Cbor }.read(claims, expected)
    }
}

const fn algorithm(key: &VerifyingKey) -> i64 {
    match key {
        VerifyingKey::Ed25519(_) => -8,
        VerifyingKey::P256(_) => -7,
        VerifyingKey::P384(_) => -35,
    }
}

fn header(key: &VerifyingKey) -> Vec<u8> {
    let members = vec![
        (Key::Label(1), Tree::Integer(algorithm(key))),
        (Key::Label(4), Tree::Bytes(key.spki_digest().as_bytes().to_vec())),
    ];
    Tree::Map(members).to_cbor()
}

fn check_header(head: &[u8], key: &VerifyingKey) -> Result<(), ResultError> {
    let Tree::Map(members) = Tree::from_cbor(head)? else { return Err(ResultError::Form("the header is no map")) };
    let value = |label| members.iter().find(|(key, _)| *key == Key::Label(label)).map(|(_, value)| value);
    if value(1) != Some(&Tree::Integer(algorithm(key))) {
        let actual = match value(1) {
            Some(Tree::Integer(number)) => format!("COSE algorithm {number}"),
            _ => String::new(),
        };
        return Err(ResultError::Algorithm { expected: jwt::algorithm(key), actual });
    }
    let expected = key.spki_digest();
    if value(4) != Some(&Tree::Bytes(expected.as_bytes().to_vec())) {
        let actual = match value(4) {
            Some(Tree::Bytes(bytes)) => hex(bytes),
            _ => String::new(),
        };
        return Err(ResultError::KeyId { expected: expected.to_string(), actual });
    }
    if header(key) == head { Ok(()) } else { Err(ResultError::Form("headers other than `alg` and `kid`")) }
}

/// Protected header, claims and signature.
pub(super) fn parts(token: &[u8]) -> Option<[&[u8]; 3]> {
    let mut decoder = Decoder::new(token);
    (decoder.tag().ok()? == Tag::new(SIGN1_TAG) && decoder.array().ok()? == Some(4)).then_some(())?;
    let head = decoder.bytes().ok()?;
    (decoder.map().ok()? == Some(0)).then_some(())?;
    Some([head, decoder.bytes().ok()?, decoder.bytes().ok()?])
}

// Writing to a `Vec` can't fail.
fn sign1(head: &[u8], claims: &[u8], signature: &[u8]) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    let _ = encoder
        .tag(Tag::new(SIGN1_TAG))
        .and_then(|encoder| encoder.array(4)?.bytes(head)?.map(0)?.bytes(claims)?.bytes(signature));
    encoder.into_writer()
}

fn signed(head: &[u8], claims: &[u8]) -> Vec<u8> {
    let parts =
        [Tree::text("Signature1"), Tree::Bytes(head.to_vec()), Tree::Bytes(Vec::new()), Tree::Bytes(claims.to_vec())];
    Tree::List(parts.to_vec()).to_cbor()
}
