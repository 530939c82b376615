//! The signed statements of a run: challenge, decision, permit. Each is CBOR inside a COSE_Sign1 of its own kind.
//!
//! A statement that exists says yes: refusals travel unsigned, as reasons. The format is docs/formats/permit.md.

use casemate_cose::{
    CborError, CoseError, Digest, Kind, PublicKey, SigningKey, UnixTime, decode, encode, sign, verify,
};
use minicbor::{Decode, Encode};
use thiserror::Error;

use crate::{
    contract::GateRule,
    name::{DatasetName, PartyName, RunId},
};

/// The longest statement other than a result: 1 MiB.
pub const STATEMENT_BYTES_MAX: usize = 1 << 20;

/// Why a signed statement was refused.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum StatementError {
    /// What was signed is not the statement that its kind promises.
    #[error("what was signed is not a {kind}: {error}")]
    Payload {
        /// The kind.
        kind: &'static str,
        /// What is wrong with the bytes.
        error: CborError,
    },
    /// Not signed by the expected key, or signed as another kind.
    #[error(transparent)]
    Signature(#[from] CoseError),
}

/// Gives a statement its bytes, its digest, and its signature of one kind.
macro_rules! signed_as {
    ($name:ident, $kind:expr, $max:expr) => {
        impl $name {
            /// The bytes that are signed.
            #[must_use]
            pub fn to_bytes(&self) -> Vec<u8> {
                encode(self)
            }

            /// SHA-256 of the bytes that are signed.
            #[must_use]
            pub fn digest(&self) -> Digest {
                Digest::of(&self.to_bytes())
            }

            /// Signs: a COSE_Sign1 object of this statement's kind.
            #[must_use]
            pub fn sign(&self, key: &SigningKey) -> Vec<u8> {
                sign($kind, &self.to_bytes(), key)
            }

            /// Verifies that `object` is such a statement by `key`.
            ///
            /// # Errors
            /// [`StatementError`]: another signer, another kind, an altered object, or a payload that is none.
            pub fn verify(object: &[u8], key: &PublicKey) -> Result<Self, $crate::statement::StatementError> {
                let verified = verify($kind, object, key)?;
                decode(verified.payload(), $max)
                    .map_err(|error| $crate::statement::StatementError::Payload { kind: $kind.as_str(), error })
            }
        }
    };
}
pub(crate) use signed_as;

/// What a broker sends first: evidence counts for this challenge, in this session, once.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct ChallengeStatement {
    /// Fresh random bytes.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub nonce: [u8; 32],
    /// The session's random identifier, which the broker chose.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub session: [u8; 16],
    /// The broker's time.
    #[n(2)]
    pub at: UnixTime,
    /// Whose broker it is.
    #[n(3)]
    pub owner: PartyName,
}

/// A broker's decision to release its owner's keys to one keep for one run, once all owners have decided so.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct DecisionStatement {
    /// The run.
    #[n(0)]
    pub run: RunId,
    /// The digest of the contract's bytes.
    #[n(1)]
    pub contract: Digest,
    /// The digest of the manifest's bytes.
    #[n(2)]
    pub manifest: Digest,
    /// SHA-256 of the `SubjectPublicKeyInfo` of the keep's key.
    #[n(3)]
    pub keep_key: Digest,
    /// SHA-256 of the framed evidence that this broker appraised.
    #[n(4)]
    pub evidence: Digest,
    /// The digest of the domain that it was appraised under.
    #[n(5)]
    pub domain: Digest,
    /// Whose broker decided.
    #[n(6)]
    pub owner: PartyName,
    /// When, by the broker's clock.
    #[n(7)]
    pub at: UnixTime,
    /// The last second in which it counts.
    #[n(8)]
    pub expires: UnixTime,
}

/// A broker's permit for one result to leave one keep.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct PermitStatement {
    /// The run.
    #[n(0)]
    pub run: RunId,
    /// The digest of the contract's bytes.
    #[n(1)]
    pub contract: Digest,
    /// SHA-256 of the `SubjectPublicKeyInfo` of the keep's key.
    #[n(2)]
    pub keep_key: Digest,
    /// Whose broker permits.
    #[n(3)]
    pub owner: PartyName,
    /// SHA-256 of the bytes of the [`ResultBody`](crate::ResultBody).
    #[n(4)]
    pub result: Digest,
    /// What each gate decided.
    #[n(5)]
    pub gates: Vec<GateOutcome>,
    /// What is taken from the owner's privacy budget, in millionths of epsilon; 0 while contracts have no budget.
    #[n(6)]
    pub budget_debit: u64,
    /// When, by the broker's clock.
    #[n(7)]
    pub at: UnixTime,
    /// How many bytes at most lay outside secret memory up to then, as the keep counted them; 0 where all lay within.
    #[n(8)]
    pub ordinary_bytes: u64,
}

/// What one rule of one dataset's gate decided. It names thresholds, never a value that depends on data.
#[derive(Clone, Debug, Decode, Encode, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cbor(map)]
pub struct GateOutcome {
    /// The dataset whose gate it is.
    #[n(0)]
    pub dataset: DatasetName,
    /// The rule, as [`GateRule`] writes it.
    #[n(1)]
    pub gate: String,
    /// Whether the result keeps the rule.
    #[n(2)]
    pub passed: bool,
}

impl GateOutcome {
    /// The outcome of `rule` on the gate of `dataset`: passed.
    #[must_use]
    pub fn passed(dataset: DatasetName, rule: GateRule) -> Self {
        Self { dataset, gate: rule.to_string(), passed: true }
    }

    /// The outcome of `rule` on the gate of `dataset`: not passed.
    #[must_use]
    pub fn failed(dataset: DatasetName, rule: GateRule) -> Self {
        Self { dataset, gate: rule.to_string(), passed: false }
    }
}

signed_as!(ChallengeStatement, Kind::Challenge, STATEMENT_BYTES_MAX);
signed_as!(DecisionStatement, Kind::Decision, STATEMENT_BYTES_MAX);
signed_as!(PermitStatement, Kind::Permit, STATEMENT_BYTES_MAX);
