//! Verifies `software` evidence. [docs/formats/evidence-software.md]
//!
//! 1. Size: at most [`OBJECT_BYTES_MAX`].
//! 2. Shape: a COSE_Sign1 whose protected headers are `alg` (Ed25519) and `kid`, nothing else. [RFC 9052 §4.2]
//! 3. The key that it names is an endorsed launcher's.
//! 4. Signature of that key, over the bytes as received, for kind `casemate/evidence/1`. [RFC 9052 §4.4]
//! 5. Format version.
//! 6. The statement, in deterministic CBOR. [RFC 8949 §4.2.1]
//! 7. Time: at most [`AT_DISTANCE_S_MAX`] before or after the verifier's.
//! 8. Claims: isolation `process`, lacks known and in order.
//!
//! Debug mode, manifest and binding are the same for all formats: [`crate::authenticate`].

use casemate_cose::{CoseError, Kind, PublicKey, UnixTime, claimed_signer};

use super::{Flaw, STATEMENT_VERSION, abi, claims::claims, endorsements::endorsed};
use crate::{Claims, Endorsements, Refusal, Step};

/// The longest signed statement that is read: honest ones have about 500 bytes.
pub const OBJECT_BYTES_MAX: usize = 4096;

/// The steps, in order.
pub const STEPS: &[Step] = &[
    Step { number: 1, text: "the object is no longer than 4096 bytes", source: "docs/formats/evidence-software.md" },
    Step { number: 2, text: "it is a COSE_Sign1 with `alg` and `kid` protected", source: "RFC 9052 §4.2" },
    Step {
        number: 3,
        text: "the key that it names is an endorsed launcher's",
        source: "docs/formats/evidence-software.md",
    },
    Step { number: 4, text: "the signature verifies, over the bytes as received", source: "RFC 9052 §4.4" },
    Step { number: 5, text: "the statement's version is known", source: "docs/formats/evidence-software.md" },
    Step { number: 6, text: "the statement is deterministic CBOR", source: "RFC 8949 §4.2.1" },
    Step {
        number: 7,
        text: "its time is at most 300 s from the verifier's",
        source: "docs/formats/evidence-software.md",
    },
    Step { number: 8, text: "isolation and lacks are known", source: "docs/formats/evidence-software.md" },
];

/// How far, in seconds, a statement's time may lie from the verifier's.
pub const AT_DISTANCE_S_MAX: u64 = 300;

/// Verifies `object` at the verifier's time `at` and returns its claims.
pub(crate) fn verify(object: &[u8], endorsements: &Endorsements, at: UnixTime) -> Result<Claims, Refusal> {
    // 1
    if object.len() > OBJECT_BYTES_MAX {
        return Err(Refusal::TooLong { actual: object.len(), max: OBJECT_BYTES_MAX });
    }
    // 2
    let claimed = claimed_signer(object).map_err(|error| Flaw::Shape(error.to_string()))?;
    // 3
    let launcher = endorsed(endorsements, claimed)?;
    // 4
    let verified = casemate_cose::verify(Kind::Evidence, object, &launcher)
        .map_err(|error| signature_flaw(&error, object, launcher))?;
    // 5
    let version = abi::peek_version(verified.payload()).map_err(Flaw::Payload)?;
    if version != STATEMENT_VERSION {
        return Err(Flaw::Version { actual: version }.into());
    }
    // 6
    let payload = abi::parse(verified.payload()).map_err(Flaw::Payload)?;
    // 7
    check_time(payload.at, at)?;
    // 8
    Ok(claims(&payload, launcher)?)
}

fn check_time(actual: UnixTime, at: UnixTime) -> Result<(), Flaw> {
    if actual.distance_s(at) <= AT_DISTANCE_S_MAX {
        Ok(())
    } else if actual < at {
        Err(Flaw::Stale { at, actual })
    } else {
        Err(Flaw::Future { at, actual })
    }
}

/// Tells an object that the launcher signed as something else from a signature that is no good at all.
fn signature_flaw(error: &CoseError, object: &[u8], launcher: PublicKey) -> Flaw {
    if !matches!(error, CoseError::Signature { .. }) {
        return Flaw::Shape(error.to_string());
    }
    match Kind::ALL.into_iter().find(|kind| casemate_cose::verify(*kind, object, &launcher).is_ok()) {
        Some(actual) => Flaw::Kind { actual },
        None => Flaw::Signature { launcher },
    }
}
