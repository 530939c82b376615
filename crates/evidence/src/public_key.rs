//! Reads a public key as its holders publish it: alone or in a certificate or a request for one, PEM or DER, or as a JSON Web Key [RFC 7517].

use base64::Engine as _;
use serde::Deserialize;

use crate::{
    crypto::KeyKind,
    pem::blocks,
    request::request_key,
    wire::{
        WireError,
        der::{Der, SEQUENCE},
    },
    x509::{Certificate, Spki},
};

/// The `SubjectPublicKeyInfo` in `bytes`: a PEM `PUBLIC KEY`, `CERTIFICATE` or `CERTIFICATE REQUEST`, the DER of one, or an EC key as JWK. Of
/// a certificate nothing else is looked at; a request has to be signed by its own key.
///
/// # Errors
/// None of these, or a kind of key that is not known here. A private key is refused: it should not be lying about.
pub fn public_key(bytes: &[u8]) -> Result<Vec<u8>, WireError> {
    if Spki::parse(bytes).is_ok() {
        return Ok(bytes.to_vec());
    }
    if let Ok(certificate) = Certificate::parse(bytes) {
        return Ok(certificate.spki.raw.to_vec());
    }
    if bytes.first() == Some(&SEQUENCE) {
        return if is_key(bytes) { Spki::parse(bytes).map(|spki| spki.raw.to_vec()) } else { request_key(bytes) };
    }
    let text = std::str::from_utf8(bytes).map_err(|_| refuse("bytes"))?.trim();
    if text.starts_with('{') {
        let key: Jwk = serde_json::from_str(text).map_err(|error| refuse(&error.to_string()))?;
        return key.spki();
    }
    let blocks = blocks(text).ok_or_else(|| refuse("broken PEM"))?;
    let [block] = blocks.as_slice() else { return Err(refuse("not one PEM block")) };
    match block.label.as_str() {
        "PUBLIC KEY" => Spki::parse(&block.bytes).map(|spki| spki.raw.to_vec()),
        "CERTIFICATE" => Certificate::parse(&block.bytes).map(|certificate| certificate.spki.raw.to_vec()),
        "CERTIFICATE REQUEST" => request_key(&block.bytes),
        other => Err(refuse(other)),
    }
}

/// Whether this DER is a `SubjectPublicKeyInfo` by its shape, of whatever kind: an algorithm, then bits.
fn is_key(bytes: &[u8]) -> bool {
    let key = Der::only(bytes, "key", SEQUENCE);
    key.is_ok_and(|mut key| key.expect("algorithm", SEQUENCE).is_ok() && key.bit_string("key").is_ok())
}

/// An elliptic-curve key. A member `d` makes it a private one.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    crv: String,
    x: String,
    y: String,
    d: Option<serde::de::IgnoredAny>,
}

impl Jwk {
    fn spki(&self) -> Result<Vec<u8>, WireError> {
        if self.kty != "EC" {
            return Err(refuse(&self.kty));
        }
        if self.d.is_some() {
            return Err(refuse("a private key"));
        }
        // SubjectPublicKeyInfo of each curve up to the point [RFC 5480 §2].
        let (kind, size, head): (KeyKind, usize, &[u8]) = match self.crv.as_str() {
            "P-256" => (
                KeyKind::P256,
                32,
                &[
                    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
                    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
                ],
            ),
            "P-384" => (
                KeyKind::P384,
                48,
                &[
                    0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b,
                    0x81, 0x04, 0x00, 0x22, 0x03, 0x62, 0x00, 0x04,
                ],
            ),
            "P-521" => (
                KeyKind::P521,
                66,
                &[
                    0x30, 0x81, 0x9b, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05,
                    0x2b, 0x81, 0x04, 0x00, 0x23, 0x03, 0x81, 0x86, 0x00, 0x04,
                ],
            ),
            other => return Err(refuse(other)),
        };
        let coordinate = |text: &str| {
            let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).ok();
            bytes.filter(|bytes| bytes.len() == size).ok_or_else(|| refuse("a coordinate of another length"))
        };
        let spki = [head, &coordinate(&self.x)?, &coordinate(&self.y)?].concat();
        if Spki::parse(&spki)?.key.kind == kind { Ok(spki) } else { Err(refuse("another curve")) }
    }
}

fn refuse(actual: &str) -> WireError {
    let expected = "a public key as PEM, DER or JSON Web Key";
    WireError::Value { field: "key", expected, actual: actual.escape_default().to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_an_unknown_kind_is_refused_as_a_key_in_every_form() {
        // id-ecPublicKey with a curve by its parameters.
        let der =
            [&[0x30, 0x11, 0x30, 0x0b, 6, 7][..], &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 0x30, 0, 3, 2, 0, 4]].concat();
        let text = base64::engine::general_purpose::STANDARD.encode(&der);
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n");
        for key in [der.as_slice(), pem.as_bytes()] {
            let error = public_key(key).unwrap_err().to_string();
            assert!(error.contains("a curve by its parameters"), "{error}");
        }
    }
}
