//! A result as it leaves a keep, signed by the keep's attested key.

use casemate_cose::{Digest, Kind, PublicKey, SigningKey, UnixTime, decode, encode, sign, verify};
use minicbor::{Decode, Encode};

use crate::{
    name::{ComputationName, RunId, StudyId},
    statement::{GateOutcome, signed_as},
};

/// The longest result: 12 MiB, which leaves room around the largest table that a gate lets out.
pub const RESULT_BYTES_MAX: usize = 12 << 20;

/// What a keep signs, permits name by digest, and recipients read. The salt keeps its digest from being guessed.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct ResultBody {
    /// Random bytes, so that the digest in permits and receipts tells nothing about a small result.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub salt: [u8; 32],
    /// The study.
    #[n(1)]
    pub study: StudyId,
    /// The digest of the contract's bytes.
    #[n(2)]
    pub contract: Digest,
    /// The computation.
    #[n(3)]
    pub computation: ComputationName,
    /// The run.
    #[n(4)]
    pub run: RunId,
    /// The table, as an Arrow IPC stream.
    #[cbor(n(5), with = "minicbor::bytes")]
    pub table: Vec<u8>,
    /// What each gate decided.
    #[n(6)]
    pub gates: Vec<GateOutcome>,
    /// When, by the time that the keep took from the brokers' challenges.
    #[n(7)]
    pub at: UnixTime,
}

signed_as!(ResultBody, Kind::Result, RESULT_BYTES_MAX);
