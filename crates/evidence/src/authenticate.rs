//! Authenticates evidence of any format.
//!
//! 1. The format's own verifier, the one that the frame names and no other: it knows its sizes, signatures, endorsements
//!    and times, and makes the claims. [`software`]: docs/formats/evidence-software.md.
//! 2. Debug mode is refused unless the expectation's type admits it. [DESIGN.md §3, invariant 1]
//! 3. The claimed manifest is the expected one. [DESIGN.md §3, invariant 2]
//! 4. The report data is the expected binding, all 64 bytes. [docs/formats/binding.md]
//! 5. Only now is there an [`Authenticated`].

use casemate_cose::{Digest, UnixTime};

use crate::{Claims, Endorsements, Evidence, Expectation, Refusal, software};

/// Evidence that was authentic, fresh and as expected. Only [`authenticate`] makes one; it can't be copied.
#[derive(Debug)]
#[must_use = "authentic evidence says who runs; only appraisal says whether that is good enough"]
pub struct Authenticated<B> {
    binding: B,
    claims: Claims,
    evidence_digest: Digest,
}

impl<B> Authenticated<B> {
    /// What was expected of it.
    #[must_use]
    pub const fn binding(&self) -> &B {
        &self.binding
    }

    /// What it says.
    #[must_use]
    pub const fn claims(&self) -> &Claims {
        &self.claims
    }

    /// SHA-256 of the framed evidence: [`Evidence::digest`].
    #[must_use]
    pub const fn evidence_digest(&self) -> Digest {
        self.evidence_digest
    }
}

/// Authenticates `evidence` against `endorsements` and `expectation`, at the verifier's time `at`.
///
/// # Errors
/// The [`Refusal`] of the first step that fails, in the order at the head of this file.
pub fn authenticate<B: Expectation>(
    evidence: &Evidence,
    endorsements: &Endorsements,
    expectation: &B,
    at: UnixTime,
) -> Result<Authenticated<B>, Refusal> {
    // 1
    let claims = match evidence {
        Evidence::Software(object) => software::verify(object, endorsements, at)?,
    };
    // 2
    expectation.debug(&claims)?;
    // 3, 4
    expectation.binding(&claims)?;
    // 5
    Ok(Authenticated { binding: expectation.clone(), claims, evidence_digest: evidence.digest() })
}
