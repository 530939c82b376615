//! Public keys as other projects publish them, PEM and JWK, made into a SubjectPublicKeyInfo.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use casemate_evidence::{Endorsement, KeyOwner, dated};
use casemate_testkit::der;
use serde_json::Value;

/// The key that `owner`'s device `id` is endorsed with.
pub(crate) fn key(owner: KeyOwner, id: &[u8], spki: Vec<u8>) -> Endorsement {
    Endorsement::Key { owner, id: id.to_vec(), spki }
}

/// The one block of `label` that `text` is.
pub(crate) fn of_pem(label: &str, text: &str) -> Result<Vec<u8>, String> {
    let begin = format!("-----BEGIN {label}-----");
    let body = text.trim().strip_prefix(&begin).ok_or_else(|| format!("no `{begin}`"))?;
    let body = body.strip_suffix(&format!("-----END {label}-----")).ok_or("no end")?;
    let digits: String = body.split_ascii_whitespace().collect();
    STANDARD.decode(digits).map_err(|error| error.to_string())
}

/// A PEM public key, if it is one.
pub(crate) fn spki_of_pem(text: &str) -> Result<Vec<u8>, String> {
    let spki = of_pem("PUBLIC KEY", text)?;
    dated(&key(KeyOwner::Psa, &[], spki.clone())).map_err(|error| error.to_string())?;
    Ok(spki)
}

/// The public key of an EC JWK. A point that is not on the curve is for the verifier to refuse.
pub(crate) fn spki_of_jwk(jwk: &Value) -> Result<Vec<u8>, String> {
    let field = |name: &str| jwk[name].as_str().ok_or_else(|| format!("no `{name}`"));
    let coordinate = |name| URL_SAFE_NO_PAD.decode(field(name)?).map_err(|error| error.to_string());
    let curve = match (field("kty")?, field("crv")?) {
        ("EC", "P-256") => "1.2.840.10045.3.1.7",
        ("EC", "P-384") => "1.3.132.0.34",
        other => return Err(format!("{other:?}")),
    };
    let algorithm = der::sequence(&[der::oid("1.2.840.10045.2.1"), der::oid(curve)]);
    let point = [vec![4], coordinate("x")?, coordinate("y")?].concat();
    Ok(der::sequence(&[algorithm, der::bits(&point)]))
}
