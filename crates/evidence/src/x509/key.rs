//! Public keys and signature algorithms by their identifiers.

use crate::{
    crypto::{Key, KeyKind, Scheme},
    wire::{
        WireError,
        der::{Der, NULL, OID, SEQUENCE, context},
    },
};

use super::oid;

/// A `SubjectPublicKeyInfo` [RFC 5280 §4.1].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Spki<'a> {
    pub(crate) raw: &'a [u8],
    pub(crate) key: Key<'a>,
}

impl<'a> Spki<'a> {
    /// Reads the one SPKI that `bytes` are.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut der = Der::new(bytes);
        let spki = Self::read(&mut der)?;
        der.end("subjectPublicKeyInfo")?;
        Ok(spki)
    }

    pub(crate) fn read(der: &mut Der<'a>) -> Result<Self, WireError> {
        let element = der.expect_element("subjectPublicKeyInfo", SEQUENCE)?;
        let mut spki = Der::new(element.content);
        let mut algorithm = spki.sequence("subjectPublicKeyInfo.algorithm")?;
        let name = algorithm.expect("subjectPublicKeyInfo.algorithm", OID)?;
        let kind = match name {
            oid::EC_PUBLIC_KEY if algorithm.peek() == Some(SEQUENCE) => {
                let (field, expected) = ("namedCurve", "P-256, P-384 or P-521 by its name");
                return Err(WireError::Value { field, expected, actual: "a curve by its parameters".to_owned() });
            }
            oid::EC_PUBLIC_KEY => match algorithm.expect("namedCurve", OID)? {
                oid::P256 => KeyKind::P256,
                oid::P384 => KeyKind::P384,
                oid::P521 => KeyKind::P521,
                other => return Err(unknown("namedCurve", "P-256, P-384 or P-521", other)),
            },
            oid::RSA | oid::RSA_PSS => {
                // Parameters of an RSASSA-PSS key restrict its use; vendors' signature algorithms are compared anyway.
                if !algorithm.is_empty() {
                    algorithm.next("subjectPublicKeyInfo.parameters")?;
                }
                KeyKind::Rsa
            }
            oid::ED25519 => KeyKind::Ed25519,
            other => return Err(unknown("subjectPublicKeyInfo.algorithm", "EC, RSA or Ed25519", other)),
        };
        algorithm.end("subjectPublicKeyInfo.algorithm")?;
        let bytes = spki.bit_string("subjectPublicKey")?;
        spki.end("subjectPublicKey")?;
        Ok(Self { raw: element.raw, key: Key { kind, bytes } })
    }
}

/// The scheme of a signature algorithm, and whether the key is of its kind. `identifier` is the content of an
/// `AlgorithmIdentifier`.
pub(crate) fn scheme_of(identifier: &[u8], key: KeyKind) -> Result<Scheme, WireError> {
    const FIELD: &str = "signatureAlgorithm";
    let mut der = Der::new(identifier);
    let name = der.expect(FIELD, OID)?;
    let scheme = match (name, key) {
        (oid::ECDSA_SHA256, KeyKind::P384) => Scheme::EcdsaP384Sha256Der,
        (oid::ECDSA_SHA256, _) => Scheme::EcdsaP256Sha256Der,
        (oid::ECDSA_SHA384, KeyKind::P256) => Scheme::EcdsaP256Sha384Der,
        (oid::ECDSA_SHA384, _) => Scheme::EcdsaP384Sha384Der,
        (oid::ECDSA_SHA512, _) => Scheme::EcdsaP521Sha512Der,
        (oid::ED25519, _) => Scheme::Ed25519,
        (oid::RSA_SHA256, _) => Scheme::RsaPkcs1Sha256,
        (oid::RSA_SHA384, _) => Scheme::RsaPkcs1Sha384,
        (oid::RSA_SHA512, _) => Scheme::RsaPkcs1Sha512,
        (oid::RSA_PSS, _) => return pss(der.sequence("RSASSA-PSS-params")?),
        (other, _) => return Err(unknown(FIELD, "an algorithm known here", other)),
    };
    // RFC 4055 §5 wants NULL after the RSA names; RFC 5758 §3.2 and RFC 8410 §3 want nothing.
    if scheme.key_kind() == KeyKind::Rsa && der.expect(FIELD, NULL)? != [0_u8; 0] {
        return Err(unknown(FIELD, "an empty NULL", identifier));
    }
    der.end(FIELD)?;
    Ok(scheme)
}

/// Parameters of RSASSA-PSS: one hash for message and mask, a salt as long as it, trailer 1 [RFC 4055 §3.1].
fn pss(mut parameters: Der<'_>) -> Result<Scheme, WireError> {
    const FIELD: &str = "RSASSA-PSS-params";
    let mut field = |number| -> Result<Der<'_>, WireError> { parameters.expect(FIELD, context(number)).map(Der::new) };
    let hash = hash(field(0)?)?;
    let mut mask = field(1)?.sequence("maskGenAlgorithm")?;
    if mask.expect("maskGenAlgorithm", OID)? != oid::MGF1 {
        return Err(unknown(FIELD, "MGF1", &[]));
    }
    let mask_hash = self::hash(mask)?;
    let salt = number(field(2)?, "saltLength")?;
    if let Some(trailer) = parameters.optional(FIELD, context(3))?
        && number(Der::new(trailer), "trailerField")? != 1
    {
        return Err(unknown(FIELD, "trailer 1", trailer));
    }
    parameters.end(FIELD)?;
    match (hash, salt) {
        (oid::SHA256, 32) if mask_hash == hash => Ok(Scheme::RsaPssSha256),
        (oid::SHA384, 48) if mask_hash == hash => Ok(Scheme::RsaPssSha384),
        (oid::SHA512, 64) if mask_hash == hash => Ok(Scheme::RsaPssSha512),
        _ => Err(unknown(FIELD, "one hash for message and mask, and a salt as long", hash)),
    }
}

fn number(mut der: Der<'_>, field: &'static str) -> Result<u64, WireError> {
    let number = der.unsigned(field)?;
    der.end(field)?;
    Ok(number)
}

fn hash(mut der: Der<'_>) -> Result<&[u8], WireError> {
    let mut identifier = der.sequence("hashAlgorithm")?;
    let name = identifier.expect("hashAlgorithm", OID)?;
    identifier.optional("hashAlgorithm", NULL)?;
    identifier.end("hashAlgorithm")?;
    der.end("hashAlgorithm")?;
    Ok(name)
}

fn unknown(field: &'static str, expected: &'static str, actual: &[u8]) -> WireError {
    WireError::Value { field, expected, actual: hex::encode(actual) }
}
