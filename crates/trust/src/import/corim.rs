//! Concise Reference Integrity Manifests, unsigned and signed. [draft-ietf-rats-corim-10, and the drafts since -birkholz-rats-corim-03;
//! draft-fdb-rats-psa-endorsements]
//!
//! ```text
//! unsigned   501({ 0: id, 1: [ 506(<< CoMID >>), … ], ?2: dependent, ?3: profile, ?4: validity, ?5: [ entity, … ] })
//! signed     18([ << protected >>, {}, << unsigned >>, signature ])        either may stand in 500(…), the signed one in 502(…)
//! CoMID      { ?0: language, 1: { 0: id, ?1: version }, ?2: entities, ?3: linked, 4: { ?0: reference, …, ?3: attest-key, … } }
//! ```
//! A CoRIM names environments, and only its profile says how they appear in evidence. Two profiles are read: Arm's for PSA, and the one
//! of Casemate's own exports. Any other CoRIM is refused by the name of its environments, with everything else in it that has no place
//! here: endorsed values, dependencies, extensions.
//!
//! 1. CBOR: definite lengths, no key twice; tags 500, 501, 502, 18 as above.
//! 2. Signed: algorithm and key fit, and the signature verifies over the received bytes, before anything in it is read.
//! 3. The envelope: profile, validity (with the signature's), tags; unknown keys refused by name.
//! 4. Each triple, by its profile.

mod envelope;
mod fields;
mod own;
mod psa;
mod sign1;
mod triples;

use casemate_cose::VerifyingKey;
pub use own::PROFILE;
pub(crate) use own::{DECIMAL, LABEL_KEY, RELEASE_KEY, VENDOR};

use super::{
    ImportError, Imported, Signed,
    cbor::{Budget, Cbor},
    findings::Findings,
};

/// Who is asked whether a signed document is theirs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Signer {
    /// Nobody: the signature is not looked at, and the document is the word of whoever gave it.
    DangerouslyUnverified,
    /// This key, got from elsewhere than the document.
    Key(VerifyingKey),
}

/// Imports a CoRIM. A signed one needs a signer; an unsigned one is the word of whoever gives it, and has no signer.
///
/// # Errors
/// [`ImportError`], naming every environment, triple, measurement and extension that can't be said here by its path.
pub fn import(bytes: &[u8], signer: Option<&Signer>) -> Result<Imported, ImportError> {
    let mut budget = Budget::default();
    let outer = Cbor::parse("CoRIM", bytes, &mut budget)?;
    // The drafts before -ietf-04 wrap either kind in 500, and the signed one in 502.
    let inner = outer.tagged(500).unwrap_or(&outer);
    let inner = inner.tagged(502).unwrap_or(inner);
    let mut findings = Findings::default();
    let Some(object) = inner.tagged(18) else {
        let Some(map) = inner.tagged(501) else {
            return Err(malformed("CoRIM", format!("neither tag 501 nor tag 18 but {}", inner.shown())));
        };
        // Who names a signer relies on one.
        if let Some(Signer::Key(key)) = signer {
            return Err(ImportError::Unsigned { key: key.spki_digest() });
        }
        envelope::read(map, &mut budget, None, &mut findings)?;
        return findings.finish(Signed::Unsigned);
    };
    let object = sign1::read(object, &mut budget, &mut findings)?;
    let signed = object.verify(signer)?;
    if signed == Signed::DangerouslyUnverified {
        findings.note("nobody looked at the signature: the document is the word of whoever gave it");
    }
    let payload = Cbor::parse("payload", object.payload, &mut budget)?;
    let payload = payload.tagged(500).unwrap_or(&payload);
    let Some(map) = payload.tagged(501) else {
        return Err(malformed("payload", format!("not tag 501 but {}", payload.shown())));
    };
    envelope::read(map, &mut budget, Some(object.validity), &mut findings)?;
    findings.finish(signed)
}

fn malformed(place: &str, reason: String) -> ImportError {
    ImportError::Malformed { place: place.to_owned(), reason }
}
