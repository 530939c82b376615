//! Authenticates evidence of any format.
//!
//! 1. The format's own verifier, the one that the frame names and no other: it knows its sizes, signatures, endorsements
//!    and times, and makes the claims: each format's `verify.rs`.
//! 2. Debug mode is refused unless the expectation's type admits it. [DESIGN.md §3, invariant 1]
//! 3. The claimed manifest is the expected one. [DESIGN.md §3, invariant 2]
//! 4. The report data is the expected binding, all of it. [docs/formats/binding.md]
//! 5. Only now is there an [`Authenticated`].

use casemate_cose::{Digest, UnixTime};

use crate::{
    Cache, Claims, Endorsements, Evidence, Expectation, Format, Refusal, Support, azure, cache::Context, cca,
    composite, dcap, dice, gpu, keystone, nitro, psa, ratls, snp, software, tpm,
};

/// Evidence that was authentic, fresh and as expected. Only [`authenticate`] makes one; it can't be copied.
#[derive(Debug)]
#[must_use = "authentic evidence says who runs; only appraisal says whether that is good enough"]
pub struct Authenticated<B> {
    binding: B,
    bundle: Option<Digest>,
    claims: Claims,
    evidence_digest: Digest,
    support: Support,
}

impl<B> Authenticated<B> {
    /// What was expected of it.
    #[must_use]
    pub const fn binding(&self) -> &B {
        &self.binding
    }

    /// The endorsement bundle that it was judged by, if it was one: with it the same outcome can be computed again.
    #[must_use]
    pub const fn bundle(&self) -> Option<Digest> {
        self.bundle
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

    /// The certificates, lists and collateral that it rests on, and until when they hold.
    #[must_use]
    pub const fn support(&self) -> &Support {
        &self.support
    }
}

/// What a format's verifier makes of genuine evidence.
#[derive(Debug)]
pub(crate) struct Verified {
    pub(crate) claims: Claims,
    pub(crate) support: Support,
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
    with_context(evidence, expectation, &Context { endorsements, cache: None, at })
}

/// As [`authenticate`], with endorsements that were verified before taken from `cache`: the outcome is the same.
///
/// # Errors
/// As [`authenticate`].
pub fn authenticate_cached<B: Expectation>(
    evidence: &Evidence,
    endorsements: &Endorsements,
    expectation: &B,
    at: UnixTime,
    cache: &Cache,
) -> Result<Authenticated<B>, Refusal> {
    with_context(evidence, expectation, &Context { endorsements, cache: Some(cache), at })
}

fn with_context<B: Expectation>(
    evidence: &Evidence,
    expectation: &B,
    context: &Context<'_>,
) -> Result<Authenticated<B>, Refusal> {
    // 1
    let Verified { claims, support } = verify(evidence.format(), evidence.bytes(), context)?;
    // 2
    expectation.debug(&claims)?;
    // 3, 4
    expectation.binding(&claims)?;
    // 5
    Ok(Authenticated {
        binding: expectation.clone(),
        bundle: context.endorsements.bundle(),
        claims,
        evidence_digest: evidence.digest(),
        support,
    })
}

/// Step 1. Composites come back here for their parts.
pub(crate) fn verify(format: Format, bytes: &[u8], context: &Context<'_>) -> Result<Verified, Refusal> {
    Ok(match format {
        Format::Azure => azure::verify(bytes, context)?,
        Format::Cca => cca::verify(bytes, context)?,
        Format::Composite => composite::verify(bytes, context)?,
        Format::Dcap => dcap::verify(bytes, context)?,
        Format::Dice => dice::verify(bytes, context)?,
        Format::Gpu => gpu::verify(bytes, context)?,
        Format::Keystone => keystone::verify(bytes, context)?,
        Format::Nitro => nitro::verify(bytes, context)?,
        Format::Psa => psa::verify(bytes, context)?,
        Format::Ratls => ratls::verify(bytes, context)?,
        Format::Snp => snp::verify(bytes, context)?,
        Format::Software => {
            let claims = software::verify(bytes, context.endorsements, context.at)?;
            Verified { claims, support: Support::default() }
        }
        Format::Tpm => tpm::verify(bytes, context)?,
    })
}
