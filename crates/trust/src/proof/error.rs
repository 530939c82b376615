//! Why nothing could be proved, or a proof was refused.

use casemate_cose::{CborError, Digest, UnixTime};
use thiserror::Error;

use super::{Rule, State};
use crate::statement::Sentence;

/// Why a proof was refused, or what follows from a domain could not be computed.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum ProofError {
    /// The steps of the prover are more than are taken.
    #[error(
        "the domain's statements are too entangled: more than {max} steps of the prover; remove statements that say who speaks for whom"
    )]
    Entangled {
        /// How many are taken.
        max: u64,
    },
    /// A fact or goal of another domain or time.
    #[error("a fact of another domain or time, or grounds that do not carry the goal")]
    Foreign,
    /// The bytes are not a proof's.
    #[error("not a proof: {0}")]
    Form(#[from] CborError),
    /// A proof has no steps.
    #[error("the proof has no steps")]
    Empty,
    /// A step does not follow by its rule from its premises.
    #[error("step {} of the proof ({}) does not follow: {why}", .step.saturating_add(1), .rule.words())]
    Step {
        /// The step's place, from 0; people read it from 1.
        step: u32,
        /// Its rule.
        rule: Rule,
        /// What is wrong.
        why: &'static str,
    },
    /// A statement does not count.
    #[error("step {} of the proof rests on the statement `{digest}`, which {state}", .step.saturating_add(1))]
    Statement {
        /// The step's place.
        step: u32,
        /// The statement.
        digest: Digest,
        /// How it stands.
        state: State,
    },
    /// The proof concludes something else than what it has to show.
    #[error("it concludes that {}, and has to show that {}", .actual, .expected)]
    Goal {
        /// What it has to show.
        expected: Box<Sentence>,
        /// What it concludes.
        actual: Box<Sentence>,
    },
    /// The evidence is from too long before or after the time of the proof.
    #[error("the evidence is of {actual}, more than {} s from {at}, the time of the proof", crate::ACCEPTED_FOR_S)]
    Stale {
        /// The time of the proof.
        at: UnixTime,
        /// The time of the evidence.
        actual: UnixTime,
    },
    /// The proof is for another time.
    #[error("the proof is for {actual}, not for {expected}")]
    Time {
        /// The time for which it is asked.
        expected: UnixTime,
        /// The time of the proof.
        actual: UnixTime,
    },
    /// There is more of something than is read.
    #[error("{actual} {what} where at most {max} are read")]
    TooMany {
        /// What.
        what: &'static str,
        /// How many there are.
        actual: usize,
        /// How many are read.
        max: usize,
    },
    /// Steps that nothing rests on.
    #[error("nothing rests on step {} of the proof", .step.saturating_add(1))]
    Unused {
        /// The step's place.
        step: u32,
    },
}
