//! Verifies a DICE certificate chain. [docs/formats/evidence-dice.md]
//!
//! 1. Layout: 1 to 8 certificates besides the root's own, alone or framed with report data and signature.
//! 2. Chain: the leaf first, below an endorsed root, valid at `at`, not revoked. [RFC 5280 §6.1]
//! 3. Keys that are restricted to purposes: issuers to certifying layers, the leaf to attestation. [DICE Attestation §7]
//! 4. TcbInfo, MultiTcbInfo and UEID are well formed, and something is measured. [DICE Attestation §6.1]
//! 5. Signature of the leaf's key over [`SIGNATURE_LABEL`] and report data, if there is one.
//!
//! Steps 1 to 4 depend on the chain alone: they are cached.

use super::{Flaw, abi::Parts, claims::claims, endorsements::endorsed};
use crate::{Step, Verified, cache::Context};

/// What the leaf's key signs before the report data, so that no other signature of it passes for one over report data.
pub const SIGNATURE_LABEL: &str = "casemate/dice/1";

/// The steps, in order.
pub const STEPS: &[Step] = &[
    Step {
        number: 1,
        text: "it is a chain, alone or with report data and signature",
        source: "docs/formats/evidence-dice.md",
    },
    Step { number: 2, text: "the chain ends at an endorsed root, valid and not revoked", source: "RFC 5280 §6.1" },
    Step {
        number: 3,
        text: "keys restricted to purposes are for certifying layers and attestation",
        source: "TCG DICE Attestation Architecture 1.1 §7",
    },
    Step {
        number: 4,
        text: "measurements and identifiers are well formed",
        source: "TCG DICE Attestation Architecture 1.1 §6.1",
    },
    Step { number: 5, text: "the leaf's key signed the report data", source: "docs/formats/evidence-dice.md" },
];

/// Verifies a chain.
pub(crate) fn verify(bytes: &[u8], context: &Context<'_>) -> Result<Verified, Flaw> {
    // 1
    let parts = Parts::parse(bytes).map_err(|error| Flaw::Layout { error })?;
    // 1 to 4
    let endorsed = context.cached("dice", &[parts.chain], || {
        let endorsed = endorsed(parts.chain, context)?;
        let window = endorsed.support.window;
        Ok::<_, Flaw>((endorsed, window))
    })?;
    // 5
    if let Some(signed) = parts.signed {
        let key = endorsed.key.as_ref().ok_or_else(|| Flaw::LeafKey { certificate: endorsed.leaf.clone() })?;
        let message = [SIGNATURE_LABEL.as_bytes(), signed.report_data].concat();
        key.verify(&message, signed.signature).map_err(|_| Flaw::Signature {})?;
    }
    Ok(Verified { claims: claims(&endorsed, parts.signed, context.at), support: endorsed.support.clone() })
}
