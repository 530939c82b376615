//! The signed form: COSE_Sign1 over the received bytes. [draft-ietf-rats-corim §4.2; RFC 9052 §4.4]
//!
//! 1. Protected: algorithm, content type, key id, metadata (signer, validity), CWT claims; unprotected: nothing.
//! 2. The algorithm is the key's.
//! 3. The signature is the key's over `["Signature1", protected, h'', payload]`, protected and payload as received.

use casemate_cose::VerifyingKey;
use minicbor::Encoder;

use super::{
    Signer,
    envelope::{ALWAYS, validity},
    fields::{Fields, step},
    malformed,
};
use crate::{
    import::{
        ImportError, Signed,
        cbor::{Budget, Cbor},
        findings::Findings,
    },
    statement::Validity,
};

/// A signed object, not verified yet.
pub(super) struct Sign1<'a> {
    protected: &'a [u8],
    algorithm: i64,
    pub(super) payload: &'a [u8],
    signature: &'a [u8],
    /// When the signature counts.
    pub(super) validity: Validity,
}

const HEADERS: [(u64, &str); 5] = [(1, "alg"), (3, "content-type"), (4, "kid"), (8, "corim-meta"), (15, "cwt-claims")];
const META: [(u64, &str); 2] = [(0, "signer"), (1, "signature-validity")];
const CWT: [(u64, &str); 4] = [(1, "iss"), (2, "sub"), (4, "exp"), (5, "nbf")];
const CONTENT_TYPES: [&str; 3] = ["application/rim+cbor", "application/corim-unsigned+cbor", "application/rim+cose"];

/// Reads the object; what its headers say besides is noted or refused.
pub(super) fn read<'a>(
    object: &Cbor<'a>,
    budget: &mut Budget,
    findings: &mut Findings,
) -> Result<Sign1<'a>, ImportError> {
    let refuse = |reason: &str| malformed("COSE_Sign1", reason.to_owned());
    let Some([protected, unprotected, payload, signature]) = object.as_array().map(Vec::as_slice) else {
        return Err(refuse("not an array of four"));
    };
    let (Some(protected), Some(payload), Some(signature)) =
        (protected.as_bytes(), payload.as_bytes(), signature.as_bytes())
    else {
        return Err(refuse(
            "headers, payload and signature have to be byte strings; a detached payload can't be judged",
        ));
    };
    if unprotected.as_map().is_none_or(|entries| !entries.is_empty()) {
        findings.refuse("unprotected", unprotected.shown(), "has to be empty: nobody signed what stands there");
    }
    let headers = Cbor::parse("protected", protected, budget)?;
    let fields =
        Fields::read("protected", &headers, &HEADERS, findings).ok_or_else(|| refuse("no protected headers"))?;
    let algorithm = match fields.get("alg") {
        Some(Cbor::Negative(algorithm)) => *algorithm,
        _ => return Err(refuse("no algorithm in the protected headers")),
    };
    match fields.get("content-type").and_then(Cbor::as_text) {
        Some(text) if CONTENT_TYPES.contains(&text) => {}
        _ => {
            let shown = fields.get("content-type").map_or_else(|| "content-type".to_owned(), Cbor::shown);
            findings.refuse("protected/content-type", shown, "is not a CoRIM's");
        }
    }
    let mut object = Sign1 { protected, algorithm, payload, signature, validity: ALWAYS };
    if let Some(meta) = fields.get("corim-meta") {
        object.validity = metadata(meta, budget, findings)?;
    }
    if let Some(claims) = fields.get("cwt-claims") {
        object.validity = cwt(claims, object.validity, findings);
    }
    Ok(object)
}

fn metadata(meta: &Cbor<'_>, budget: &mut Budget, findings: &mut Findings) -> Result<Validity, ImportError> {
    let place = "protected/corim-meta";
    let bytes = meta.as_bytes().ok_or_else(|| malformed(place, "not a byte string".to_owned()))?;
    let meta = Cbor::parse(place, bytes, budget)?;
    let Some(fields) = Fields::read(place, &meta, &META, findings) else { return Ok(ALWAYS) };
    if let Some(signer) = fields.get("signer") {
        let place = step(place, "signer");
        if let Some(signer) = Fields::read(&place, signer, &[(0, "name"), (1, "uri")], findings) {
            let name = signer.get("name").map_or_else(String::new, Cbor::shown);
            findings.note(format!("the signer calls itself `{}`; the key says who it is", name.escape_debug()));
        }
    }
    let place = step(place, "signature-validity");
    Ok(fields.get("signature-validity").map_or(ALWAYS, |value| validity(&place, value, findings)))
}

fn cwt(claims: &Cbor<'_>, other: Validity, findings: &mut Findings) -> Validity {
    let place = "protected/cwt-claims";
    let Some(fields) = Fields::read(place, claims, &CWT, findings) else { return other };
    if let Some(issuer) = fields.get("iss") {
        findings.note(format!("the signer calls itself `{}`; the key says who it is", issuer.shown().escape_debug()));
    }
    let mut time = |name: &str, default: u64| match fields.get(name) {
        None => default,
        Some(Cbor::Unsigned(seconds)) => *seconds,
        Some(value) => {
            findings.refuse(&step(place, name), value.shown(), "is no time in seconds");
            default
        }
    };
    let (not_before, not_after) = (time("nbf", 0), time("exp", u64::MAX));
    Validity {
        not_before: other.not_before.max(casemate_cose::UnixTime(not_before)),
        not_after: other.not_after.min(casemate_cose::UnixTime(not_after)),
    }
}

impl Sign1<'_> {
    /// Whose signature it is.
    pub(super) fn verify(&self, signer: Option<&Signer>) -> Result<Signed, ImportError> {
        let key = match signer {
            None => return Err(ImportError::Unverified),
            Some(Signer::DangerouslyUnverified) => return Ok(Signed::DangerouslyUnverified),
            Some(Signer::Key(key)) => key,
        };
        let refused = || ImportError::Signature { key: key.spki_digest() };
        // ES256, ES384, EdDSA [RFC 9053 §2]; ESP256, ESP384, Ed25519 [RFC 9864 §2].
        let is_keys = match key {
            VerifyingKey::Ed25519(_) => matches!(self.algorithm, -8 | -19),
            VerifyingKey::P256(_) => matches!(self.algorithm, -7 | -9),
            VerifyingKey::P384(_) => matches!(self.algorithm, -35 | -51),
        };
        if !is_keys {
            return Err(refused());
        }
        let message = to_be_signed(self.protected, self.payload);
        key.verify(&message, self.signature).map_err(|_| refused())?;
        Ok(Signed::By(key.spki_digest()))
    }
}

/// The `Sig_structure`.
fn to_be_signed(protected: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(protected.len().saturating_add(payload.len()).saturating_add(32));
    let mut encoder = Encoder::new(&mut bytes);
    let written = encoder
        .array(4)
        .and_then(|e| e.str("Signature1"))
        .and_then(|e| e.bytes(protected))
        .and_then(|e| e.bytes(&[]))
        .and_then(|e| e.bytes(payload));
    match written {
        Ok(_) => bytes,
        // Writing to a `Vec` cannot fail.
        Err(error) => unreachable!("encoding into memory failed: {error}"),
    }
}
