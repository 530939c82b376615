//! The form of a proof.
//!
//! ```text
//! proof = { 0: at, 1: [step, …] }      step = { 0: rule, 1: [premise, …], 2: sentence }
//! ```
//! A premise is the place of an earlier step. The last step's sentence is what is proved.

use casemate_cose::{CborError, Digest, UnixTime};
use minicbor::{Decode, Encode};

use super::ProofError;
use crate::statement::{Sentence, decode_nested, list};

/// The longest proof that is read: 1 MiB.
pub const PROOF_BYTES_MAX: usize = 1 << 20;
/// The most steps of one proof. Whatever follows without nested statements is proved in fewer: at most 13 for each statement.
pub const STEPS_MAX: usize = 1 << 18;
/// The most premises of one step.
pub const PREMISES_MAX: usize = 1024;

/// A proof: steps of which each follows from earlier ones.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct Proof {
    /// The time at which it holds.
    #[n(0)]
    pub at: UnixTime,
    /// The steps; the last one says what is proved.
    #[n(1)]
    #[cbor(decode_with = "list::read::<_, _, STEPS_MAX>")]
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Clone, Debug, Decode, Encode, Eq, Ord, PartialEq, PartialOrd)]
#[cbor(map)]
pub struct Step {
    /// By which rule it follows.
    #[n(0)]
    pub rule: Rule,
    /// From which earlier steps, in the order that the rule asks for.
    #[n(1)]
    #[cbor(decode_with = "list::read::<_, _, PREMISES_MAX>")]
    pub premises: Vec<u32>,
    /// What follows.
    #[n(2)]
    pub conclusion: Sentence,
}

/// A rule, its premises in order.
#[derive(Clone, Copy, Debug, Decode, Encode, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Rule {
    /// The root's statement of this digest counts → what it says.
    #[n(0)]
    Domain(#[n(0)] Digest),
    /// The signed statement of this digest, of a key K, counts → K says S.
    #[n(1)]
    Signed(#[n(0)] Digest),
    /// The evidence is bound to key K → K speaks for component 0.
    #[n(2)]
    Bound,
    /// A domain is its policy key → the key of digest d speaks for the domain of digest d.
    #[n(3)]
    Policy,
    /// K is trusted to publish about S's topic; K says S → S. S keeps the limits of that right; what S hands on is less deep.
    #[n(4)]
    Believe,
    /// K speaks for L by the root's word; K says S → L says S. Where S is "L says T" → L says T.
    #[n(5)]
    Relay,
    /// A speaks for B; B is trusted for a purpose → A is. To publish: only where the root says who speaks for whom.
    #[n(6)]
    Inherit,
    /// A speaks for B; B speaks for C → A speaks for C.
    #[n(7)]
    Transit,
    /// The attester of component c is trusted for attestation of c's kind → c is an environment.
    #[n(8)]
    Vouch,
    /// c is an environment; a platform rule is trusted; properties of its hardware or attester … → c's platform is trusted.
    #[n(9)]
    PlatformMeets,
    /// c is an environment; a measurement is trusted → c's measurement is trusted.
    #[n(10)]
    Measured,
    /// c's platform is trusted; c's measurement is trusted → c is trusted for execution.
    #[n(11)]
    Compose,
    /// Each component, in order, is trusted for execution → the evidence is trusted.
    #[n(12)]
    Whole,
    /// The evidence is trusted; K speaks for component 0 → K is trusted for authentication, or for key provision. With a
    /// measurement of component 0 that is trusted for attestation: K is, too.
    #[n(13)]
    Authenticate,
}

impl Rule {
    /// All that name no statement: every rule but [`Rule::Domain`] and [`Rule::Signed`], in the order of their numbers.
    pub const WITHOUT_DIGEST: [Self; 12] = [
        Self::Bound,
        Self::Policy,
        Self::Believe,
        Self::Relay,
        Self::Inherit,
        Self::Transit,
        Self::Vouch,
        Self::PlatformMeets,
        Self::Measured,
        Self::Compose,
        Self::Whole,
        Self::Authenticate,
    ];

    /// The rule in a few words, as accounts of proofs have them.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Authenticate => "the evidence is bound to its key",
            Self::Believe => "believed, since it may publish that",
            Self::Bound => "the evidence is bound to it",
            Self::Compose => "platform and what runs, both",
            Self::Domain(_) => "the domain's owner says",
            Self::Inherit => "who speaks for it may do so too",
            Self::Measured => "what runs is what is trusted",
            Self::PlatformMeets => "it meets what is demanded",
            Self::Policy => "a domain is its policy key",
            Self::Relay => "said in another's name",
            Self::Signed(_) => "somebody says, signed",
            Self::Transit => "by way of another",
            Self::Vouch => "its attester is believed",
            Self::Whole => "all components are trusted",
        }
    }
}

impl Proof {
    /// Deterministic CBOR.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        casemate_cose::encode(self)
    }

    /// Reads a proof. Nothing is checked but its form: that is [`check`](super::check)'s.
    ///
    /// # Errors
    /// [`CborError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CborError> {
        decode_nested(bytes, PROOF_BYTES_MAX)
    }

    /// Refuses a proof that is longer than is read.
    ///
    /// # Errors
    /// [`ProofError::TooMany`].
    pub(super) fn check_length(&self) -> Result<(), ProofError> {
        let actual = self.to_bytes().len();
        if actual > PROOF_BYTES_MAX {
            return Err(ProofError::TooMany { what: "bytes of proof", actual, max: PROOF_BYTES_MAX });
        }
        Ok(())
    }

    /// SHA-256 of its deterministic CBOR.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.to_bytes())
    }

    /// What it claims to prove: the last step's sentence.
    #[must_use]
    pub fn conclusion(&self) -> Option<&Sentence> {
        self.steps.last().map(|step| &step.conclusion)
    }
}

#[cfg(test)]
mod tests {
    use super::Rule;

    #[test]
    fn no_rule_is_left_out() {
        for (rule, number) in Rule::WITHOUT_DIGEST.into_iter().zip(2..) {
            assert_eq!(minicbor::to_vec(rule).unwrap(), [0x82, number, 0x80], "{rule:?}");
        }
        let next = [0x82, 2 + Rule::WITHOUT_DIGEST.len() as u8, 0x80];
        assert!(minicbor::decode::<Rule>(&next).is_err(), "a rule that is not listed");
    }
}
