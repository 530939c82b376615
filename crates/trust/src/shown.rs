//! Whether a proof shows that evidence is trusted: what appraisal concludes, from a proof that anybody wrote, without search.
//!
//! 1. Its conclusion is the one that appraisal comes to: the evidence is trusted or, where it is bound to a key, the key may be given
//!    keys. A proof of anything else, however right, shows nothing of the evidence.
//! 2. The evidence is dated at most [`ACCEPTED_FOR_S`] from the time of the proof.
//! 3. The checker accepts every step. Debug mode and other dangers, floors and revocations are its rules'.

use casemate_cose::{Digest, UnixTime};
use casemate_evidence::{Authenticated, Expectation};

use crate::{
    ACCEPTED_FOR_S, Domain,
    component::components,
    proof::{Facts, Proof, ProofError, Standing, check},
    statement::{Purpose, Sentence, Subject},
};

/// Checks that `proof` shows that `domain` trusts this evidence at `at`, as [`appraise`](fn@crate::appraise) does of the proofs that
/// it makes.
///
/// # Errors
/// [`ProofError`]: [`ProofError::Goal`] of a proof of something else, [`ProofError::Stale`] for evidence of another time, and whatever
/// the checker refuses.
pub fn shows<B: Expectation>(
    proof: &Proof,
    evidence: &Authenticated<B>,
    domain: &Domain,
    at: UnixTime,
) -> Result<(), ProofError> {
    let components = components(evidence.claims());
    let facts = Facts { components: &components, key: evidence.binding().key() };
    holds(proof, domain.effective(at)?.standing(), facts, evidence.claims().at, at)
}

/// The steps above, for evidence that was made at `made`.
pub(crate) fn holds(
    proof: &Proof,
    standing: &Standing,
    evidence: Facts<'_>,
    made: UnixTime,
    at: UnixTime,
) -> Result<(), ProofError> {
    // 1
    let goal = goal(evidence.key);
    if let Some(last) = proof.steps.last()
        && last.conclusion != goal
    {
        return Err(ProofError::Goal { expected: Box::new(goal), actual: Box::new(last.conclusion.clone()) });
    }
    // 2
    if !is_fresh(made, at) {
        return Err(ProofError::Stale { at, actual: made });
    }
    // 3
    check(proof, standing, evidence, at).map(drop)
}

/// What has to be proved of evidence that is bound to this key, or to none.
pub(crate) fn goal(key: Option<Digest>) -> Sentence {
    key.map_or(Sentence::EvidenceTrusted, |key| Sentence::Trusted {
        subject: Subject::Key(key),
        purpose: Purpose::KeyProvision,
    })
}

/// Whether evidence that was made at `made` counts at `at`.
pub(crate) fn is_fresh(made: UnixTime, at: UnixTime) -> bool {
    made.distance_s(at) <= ACCEPTED_FOR_S
}
