//! Verifies Arm PSA attestation tokens. [RFC 9783]
//!
//! 1. Envelope: a COSE_Sign1 with tag 18, its algorithm protected, at most 16 KiB. [RFC 9783 §5.1.1; RFC 9052 §4.2]
//! 2. Claims: a known profile; every mandatory claim of it, none unknown or twice, sizes and types right; software components
//!    or, in `PSA_IOT_PROFILE_1`, the word that nothing was measured, not both. [RFC 9783 §4, §4.6]
//! 3. Algorithm: in the TFM profile ES256, ES384 or ES512. [RFC 9783 §5.2]
//! 4. The device's key is endorsed for its instance id, and is of the algorithm's kind. [RFC 9783 §4.2.1, §5.2]
//! 5. Signature, over the received protected header and payload. [RFC 9052 §4.4]
//! 6. Lifecycle: the device's root of trust is intact. [RFC 9783 §4.3.1]
//!
//! With a warm cache, step 4 is a comparison of hashes. Debug mode, manifest and binding: [`crate::authenticate`].

use super::{
    Flaw,
    abi::{Profile, TOKEN_BYTES_MAX, Token},
    claims::claims,
    endorsements::device_key,
};
use crate::{
    Step, Verified,
    cache::Context,
    wire::{
        WireError,
        cose::{Algorithm, Form, Sign1},
    },
};

/// The steps, in order.
pub const STEPS: &[Step] = &[
    Step {
        number: 1,
        text: "the token is a tagged COSE_Sign1 with its algorithm protected",
        source: "RFC 9783 §5.1.1",
    },
    Step {
        number: 2,
        text: "every mandatory claim of a known profile is there, none is unknown",
        source: "RFC 9783 §4, §4.6",
    },
    Step { number: 3, text: "the algorithm is one of the profile's", source: "RFC 9783 §5.2" },
    Step { number: 4, text: "the device's key is endorsed for its instance id", source: "RFC 9783 §4.2.1, §5.2" },
    Step { number: 5, text: "the signature verifies, over the bytes as received", source: "RFC 9052 §4.4" },
    Step { number: 6, text: "the device's root of trust is intact", source: "RFC 9783 §4.3.1" },
];

/// Verifies a token.
pub(crate) fn verify(bytes: &[u8], context: &Context<'_>) -> Result<Verified, Flaw> {
    // 1
    if bytes.len() > TOKEN_BYTES_MAX {
        let error = WireError::TooMany { field: "COSE_Sign1", actual: bytes.len(), max: TOKEN_BYTES_MAX };
        return Err(Flaw::Envelope { error });
    }
    let envelope = Sign1::parse(bytes, Form::Tagged)?;
    // 2
    let token = Token::parse(envelope.payload)?;
    // 3
    if token.profile == Profile::Tfm && envelope.algorithm == Algorithm::EdDsa {
        return Err(Flaw::Algorithm { actual: envelope.algorithm.name().to_owned() });
    }
    // 4
    let key = device_key(context, token.instance_id, envelope.algorithm)?;
    // 5
    let signer = key.verify(&envelope).map_err(|_| Flaw::Signature { instance: hex::encode(token.instance_id) })?;
    // 6
    let (lifecycle, _) = token.lifecycle;
    if !lifecycle.is_trustworthy() {
        return Err(Flaw::Lifecycle { actual: lifecycle });
    }
    Ok(Verified { claims: claims(&token, signer, context.at), support: key.support.clone() })
}
