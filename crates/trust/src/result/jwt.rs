//! JWS in its compact form. [RFC 7515 §7.1, RFC 8725 §3]
//!
//! ```text
//! base64url({"alg":ALG,"kid":"sha256:…","typ":TYP}) . base64url(claims) . base64url(signature)
//! ALG = "EdDSA" with an Ed25519 key [RFC 8037], "ES256" with P-256, "ES384" with P-384 [RFC 7518 §3.4]
//! kid = the digest of the signer's SubjectPublicKeyInfo
//! ```
//! 1. Three parts of base64url without padding, and no more bytes than [`TOKEN_BYTES_MAX`].
//! 2. The algorithm is that of the expected key; the header has no say in it, and `none` is none.
//! 3. The key id is that of the expected key, the type the expected one, and the header says nothing else.
//! 4. The signature is this key's over the bytes as received.

use aws_lc_rs::rand::SecureRandom;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use casemate_cose::{Signer, VerifyingKey};

use super::{
    AttestationResult, Expected, Names, Received, ResultError, TOKEN_BYTES_MAX, at_most, base64url,
    ear::{Encoding, Form},
    from_base64url,
    tree::{Key, Tree},
};

/// How often software that knows SPIFFE looks for another bundle, in seconds: five minutes after another key was drawn, everybody has it.
const REFRESH_S: u64 = 300;

/// What a token is for, by its header: explicit typing [RFC 8725 §3.11].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Typ {
    /// An attestation result: `application/eat+jwt` [RFC 9782 §6.1].
    Eat,
    /// A JWT-SVID, whose standard knows no better word [JWT-SVID §2.3].
    Svid,
}

impl Typ {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Eat => "eat+jwt",
            Self::Svid => "JWT",
        }
    }
}

impl AttestationResult {
    /// The result as a JWT. ECDSA draws from `random`.
    ///
    /// # Errors
    /// Those of [`AttestationResult::check`]; [`ResultError::TooMany`] bytes; [`ResultError::Signer`].
    pub fn to_jwt(&self, names: Names, key: &Signer, random: &dyn SecureRandom) -> Result<String, ResultError> {
        let claims = Form { names, encoding: Encoding::Json }.write(self)?;
        sign(Typ::Eat, &claims, key, random)
    }

    /// Reads a JWT that [`Self::to_jwt`] wrote and `expected.key` signed.
    ///
    /// # Errors
    /// [`ResultError`], the first step that fails.
    pub fn from_jwt(token: &str, expected: &Expected<'_>) -> Result<Received, ResultError> {
        let claims = verify(token, Typ::Eat, expected.key)?;
        Form { names: expected.names, encoding: Encoding::Json }.read(&claims, expected)
    }
}

/// A key as others take it: a JWK [RFC 7517, RFC 7518 §6.2, RFC 8037 §2] with its algorithm and the `kid` that tokens name.
#[must_use]
pub fn jwk(key: &VerifyingKey) -> String {
    format!(r#"{{{},"use":"sig","alg":"{}","kid":"{}"}}"#, members(key), algorithm(key), key_id(key))
}

/// What software that knows SPIFFE believes of a trust domain: a JWK Set of the authority's key with its certificate in DER, for
/// X.509-SVIDs, and of the key, for JWT-SVIDs, where these can be signed with it. [SPIFFE Trust Domain and Bundle §4]
#[must_use]
pub fn spiffe_bundle(certificate: &[u8], key: &VerifyingKey) -> String {
    let (members, certificate) = (members(key), STANDARD.encode(certificate));
    let mut keys = format!(r#"{{{members},"use":"x509-svid","x5c":["{certificate}"]}}"#);
    if !matches!(key, VerifyingKey::Ed25519(_)) {
        keys.push_str(&format!(r#",{{{members},"use":"jwt-svid","kid":"{}"}}"#, key_id(key)));
    }
    format!(r#"{{"keys":[{keys}],"spiffe_refresh_hint":{REFRESH_S}}}"#)
}

/// The members of a JWK that say what key it is.
fn members(key: &VerifyingKey) -> String {
    let (kind, curve, coordinates, bytes) = match key {
        VerifyingKey::Ed25519(_) => ("OKP", "Ed25519", ["x"].as_slice(), 32),
        VerifyingKey::P256(_) => ("EC", "P-256", ["x", "y"].as_slice(), 32),
        VerifyingKey::P384(_) => ("EC", "P-384", ["x", "y"].as_slice(), 48),
    };
    // A SubjectPublicKeyInfo ends with the key.
    let spki = key.spki();
    let start = spki.len().saturating_sub(coordinates.len().saturating_mul(bytes));
    let values = spki.get(start..).unwrap_or_default().chunks(bytes).map(base64url);
    let mut members = format!(r#""kty":"{kind}","crv":"{curve}""#);
    for (name, value) in coordinates.iter().zip(values) {
        members.push_str(&format!(r#","{name}":"{value}""#));
    }
    members
}

/// What JOSE calls the algorithm of a key.
pub(super) const fn algorithm(key: &VerifyingKey) -> &'static str {
    match key {
        VerifyingKey::Ed25519(_) => "EdDSA",
        VerifyingKey::P256(_) => "ES256",
        VerifyingKey::P384(_) => "ES384",
    }
}

pub(super) fn sign(typ: Typ, claims: &[u8], key: &Signer, random: &dyn SecureRandom) -> Result<String, ResultError> {
    let head = header(typ, &key.public()).to_json()?;
    let mut token = format!("{}.{}", base64url(&head), base64url(claims));
    let signature = key.sign(token.as_bytes(), random).map_err(|_| ResultError::Signer)?;
    token.push('.');
    token.push_str(&base64url(&signature));
    at_most("bytes of a token", token.len(), TOKEN_BYTES_MAX)?;
    Ok(token)
}

/// The claims of `token`, as received.
pub(super) fn verify(token: &str, typ: Typ, key: &VerifyingKey) -> Result<Vec<u8>, ResultError> {
    // 1
    at_most("bytes of a token", token.len(), TOKEN_BYTES_MAX)?;
    let (signed, signature) = token.rsplit_once('.').ok_or(ResultError::Form("not three parts"))?;
    let (head, claims) = signed.split_once('.').ok_or(ResultError::Form("not three parts"))?;
    let decode = |part| from_base64url(part).ok_or(ResultError::Form("a part is not base64url without padding"));
    let (head, claims, signature) = (decode(head)?, decode(claims)?, decode(signature)?);
    // 2
    let Tree::Map(members) = Tree::from_json(&head)? else { return Err(ResultError::Form("the header is no object")) };
    let word = |name: &str| {
        members.iter().find_map(|(key, value)| match (key, value) {
            (Key::Name(other), Tree::Text(text)) if other == name => Some(crate::printable::printable(text)),
            _ => None,
        })
    };
    let actual = word("alg").unwrap_or_default();
    if actual != algorithm(key) {
        return Err(ResultError::Algorithm { expected: algorithm(key), actual });
    }
    // 3
    let (expected, actual) = (key_id(key), word("kid").unwrap_or_default());
    if actual != expected {
        return Err(ResultError::KeyId { expected, actual });
    }
    if header(typ, key).to_json()? != head {
        return Err(ResultError::Form("the header is of another type, or says more"));
    }
    // 4
    key.verify(signed.as_bytes(), &signature).map_err(|_| ResultError::Signature)?;
    Ok(claims)
}

fn key_id(key: &VerifyingKey) -> String {
    key.spki_digest().to_string()
}

fn header(typ: Typ, key: &VerifyingKey) -> Tree {
    let member = |name: &str, text: &str| (Key::Name(name.to_owned()), Tree::text(text));
    Tree::Map(vec![member("alg", algorithm(key)), member("kid", &key_id(key)), member("typ", typ.as_str())])
}
