//! Whether bytes are an attestation result. Nothing of it is verified, and nothing is believed: whoever is about to replace a file has to
//! know what it is.

use super::{
    TOKEN_BYTES_MAX, cwt, from_base64url,
    tree::{Key, Tree},
};

/// The label of the claim `eat_profile`. [RFC 9711 §4.3.2]
const PROFILE: i64 = 265;
/// The label of the claim `submods`. [RFC 9711 §4.2.18]
const SUBMODULES: i64 = 266;

/// Whether these bytes have the form of an EAR, as JWT or as CWT, of whatever signer.
#[must_use]
pub fn is_ear(token: &[u8]) -> bool {
    if token.len() > TOKEN_BYTES_MAX {
        return false;
    }
    let claims = match cwt::parts(token) {
        Some([_, claims, _]) => Tree::from_cbor(claims),
        None => match json_claims(token) {
            Some(claims) => Tree::from_json(&claims),
            None => return false,
        },
    };
    let Ok(Tree::Map(members)) = claims else { return false };
    let has = |label: i64, name: &str| {
        members.iter().any(|(key, _)| match key {
            Key::Label(other) => *other == label,
            Key::Name(other) => other == name,
        })
    };
    has(PROFILE, "eat_profile") && has(SUBMODULES, "submods")
}

fn json_claims(token: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(token).ok()?;
    let mut parts = text.split('.');
    let (_, claims, _) = (parts.next()?, parts.next()?, parts.next()?);
    parts.next().is_none().then(|| from_base64url(claims)).flatten()
}
