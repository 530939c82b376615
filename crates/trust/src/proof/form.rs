//! The form of a proof.
//!
//! ```text
//! proof = { 0: at, 1: [step, …] }      step = { 0: rule, 1: [premise, …], 2: sentence }
//! ```
//! A premise is the place of an earlier step. The last step's sentence is what is proved.

use casemate_cose::{CborError, Digest, UnixTime};
use minicbor::{Decode, Decoder, Encode};

use crate::statement::{Sentence, decode_nested};

/// The longest proof that is read: 64 MiB.
pub const PROOF_BYTES_MAX: usize = 64 << 20;
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
    #[cbor(decode_with = "read_steps")]
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
    #[cbor(decode_with = "read_premises")]
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
    /// K is trusted to publish about S's topic; K says S → S. What S hands on is less deep.
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
    /// The attester of component c is trusted for attestation → c is an environment.
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

fn read_steps<'b, C>(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Vec<Step>, minicbor::decode::Error> {
    read_at_most(STEPS_MAX, d, ctx)
}

fn read_premises<'b, C>(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Vec<u32>, minicbor::decode::Error> {
    read_at_most(PREMISES_MAX, d, ctx)
}

/// A list, refused by its length before any of it is read: an item in memory is many times as long as its shortest encoding.
fn read_at_most<'b, C, T: Decode<'b, C>>(
    max: usize,
    d: &mut Decoder<'b>,
    ctx: &mut C,
) -> Result<Vec<T>, minicbor::decode::Error> {
    let position = d.position();
    let length = d.array()?.and_then(|length| usize::try_from(length).ok()).filter(|length| *length <= max);
    let length = length.ok_or_else(|| minicbor::decode::Error::message("a list too long").at(position))?;
    (0..length).map(|_| T::decode(d, ctx)).collect()
}
