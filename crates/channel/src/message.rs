//! The messages of the channel, each a deterministic CBOR value in a frame of its own. [docs/formats/channel.md]
//!
//! ```text
//! frame   = length:u32 BE ‖ message         length = bytes of the message, 1 …_BYTES_MAX of its state
//! message = [ variant, { field: value } ]
//! ```
//! Statements, evidence, manifests, contracts and receipts travel as opaque bytes: what was signed or measured is what
//! arrives, and nothing on the way re-encodes it.

use std::fmt;

use casemate_cose::Digest;
use casemate_trust::Reason;
use minicbor::{Decode, Encode, bytes::ByteVec};
use zeroize::Zeroize;

/// The longest message of all: 16 MiB.
pub const MESSAGE_BYTES_MAX: usize = 16 << 20;
/// The longest challenge or decision, and the longest list of reasons in their place: 2 MiB.
pub const STATEMENT_BYTES_MAX: usize = 2 << 20;
/// The longest `Attest`: 11 MiB, for 1 of evidence, 4 of manifest and 5 of signed contract. Anybody can send one, so that
/// whoever accepts connections limits their number.
pub const ATTEST_BYTES_MAX: usize = 11 << 20;
/// The longest list of decisions: 4 MiB.
pub const DECISIONS_BYTES_MAX: usize = 4 << 20;
/// The longest release or permit, receipt included: 4 MiB.
pub const RELEASE_BYTES_MAX: usize = 4 << 20;
/// The longest permit request: 1 MiB.
pub const PERMIT_REQUEST_BYTES_MAX: usize = 1 << 20;

/// What a keep says to a broker.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub enum ToBroker {
    /// The keep proves what it is, for this session and nonce.
    #[n(0)]
    Attest(#[n(0)] Attest),
    /// Every broker's decision on this run.
    #[n(1)]
    Decisions {
        /// Signed decisions, one for each owner.
        #[n(0)]
        all: Vec<ByteVec>,
    },
    /// The computation is done; may this result leave?
    #[n(2)]
    PermitRequest(#[n(0)] PermitRequest),
    /// The keep gives the run up; nothing more will come.
    #[n(3)]
    Abandon {
        /// Why, without any value that depends on data.
        #[n(0)]
        reason: AbandonReason,
    },
}

/// What a broker says to a keep.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub enum FromBroker {
    /// The broker asks for evidence.
    #[n(0)]
    Challenge {
        /// Signed by the broker's key: the nonce, among others.
        #[n(0)]
        #[cbor(with = "minicbor::bytes")]
        statement: Vec<u8>,
    },
    /// The broker would release to this keep, if all others would.
    #[n(1)]
    Decision {
        /// Signed by the broker's key.
        #[n(0)]
        #[cbor(with = "minicbor::bytes")]
        statement: Vec<u8>,
    },
    /// The keys, after the receipt became durable.
    #[n(2)]
    Release(#[n(0)] Release),
    /// The owner lets the result leave.
    #[n(3)]
    Permit(#[n(0)] Permit),
    /// The broker refuses; nothing more will come.
    #[n(4)]
    Refused {
        /// Why: all unmet conditions.
        #[n(0)]
        reasons: Vec<Reason>,
    },
}

/// What a keep claims to be, and on whose behalf.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct Attest {
    /// Evidence whose report data binds it to this session.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub evidence: Vec<u8>,
    /// The measured manifest.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub manifest: Vec<u8>,
    /// The signed contract, as a file.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub contract: Vec<u8>,
}

/// What a keep got out of the computation, without the result itself.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct PermitRequest {
    /// SHA-256 of the result's body.
    #[n(0)]
    pub result: Digest,
    /// What each gate decided, encoded by whoever judged.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub gates: Vec<u8>,
    /// How many bytes at most lay outside secret memory so far; 0 where all lay within.
    #[n(2)]
    pub ordinary_bytes: u64,
}

/// Keys and the receipt of their release.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct Release {
    /// The durable receipt.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub receipt: Vec<u8>,
    /// One key for each of this owner's datasets in the run.
    #[n(1)]
    pub keys: Vec<DatasetKey>,
}

/// A signed permit and its receipt.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct Permit {
    /// Signed by the broker's key.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub statement: Vec<u8>,
    /// The durable receipt.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub receipt: Vec<u8>,
}

/// The key of one dataset. Wiped when dropped; never shown.
#[derive(Clone, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct DatasetKey {
    /// The dataset's name in the contract.
    #[n(0)]
    pub dataset: String,
    /// The 256-bit key of the sealed file.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub key: [u8; 32],
}

impl fmt::Debug for DatasetKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatasetKey").field("dataset", &self.dataset).finish_non_exhaustive()
    }
}

impl Drop for DatasetKey {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

/// Why a keep gave up. A closed list of words: a keep has no other way to say more to a broker.
#[derive(Clone, Copy, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(index_only)]
pub enum AbandonReason {
    /// Another broker of the run refused.
    #[n(0)]
    BrokerRefused,
    /// Another broker of the run could not be reached.
    #[n(1)]
    BrokerUnreachable,
    /// The program failed.
    #[n(2)]
    ComputationFailed,
    /// A gate did not let the result pass.
    #[n(3)]
    GateRefused,
    /// The runner stopped the run.
    #[n(4)]
    Stopped,
}

impl fmt::Display for AbandonReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BrokerRefused => "another owner's broker refused",
            Self::BrokerUnreachable => "another owner's broker could not be reached",
            Self::ComputationFailed => "the computation failed",
            Self::GateRefused => "a gate refused the result",
            Self::Stopped => "the runner stopped it",
        })
    }
}

/// What a party says to a broker's mailbox, on a connection that never carries a key.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub enum MailRequest {
    /// Here is a contract, with the signatures so far.
    #[n(0)]
    Deliver {
        /// The signed contract, as a file.
        #[n(0)]
        #[cbor(with = "minicbor::bytes")]
        contract: Vec<u8>,
    },
    /// What do you have of this study?
    #[n(1)]
    Fetch {
        /// The study's identifier.
        #[n(0)]
        study: String,
        /// Only the contract with this digest.
        #[n(1)]
        digest: Option<Digest>,
    },
}

/// What a broker's mailbox answers.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub enum MailReply {
    /// Taken and stored.
    #[n(0)]
    Accepted,
    /// What was asked for.
    #[n(1)]
    Contracts {
        /// Signed contracts, as files.
        #[n(0)]
        contracts: Vec<ByteVec>,
    },
    /// Refused.
    #[n(2)]
    Refused {
        /// Why: all unmet conditions.
        #[n(0)]
        reasons: Vec<Reason>,
    },
}

/// A message that can name itself, for errors.
pub(crate) trait Named {
    /// The variant's name.
    fn name(&self) -> &'static str;
}

impl Named for ToBroker {
    fn name(&self) -> &'static str {
        match self {
            Self::Attest(_) => "attest",
            Self::Decisions { .. } => "decisions",
            Self::PermitRequest(_) => "permit request",
            Self::Abandon { .. } => "abandon",
        }
    }
}

impl Named for FromBroker {
    fn name(&self) -> &'static str {
        match self {
            Self::Challenge { .. } => "challenge",
            Self::Decision { .. } => "decision",
            Self::Release(_) => "release",
            Self::Permit(_) => "permit",
            Self::Refused { .. } => "refused",
        }
    }
}

impl Named for MailRequest {
    fn name(&self) -> &'static str {
        match self {
            Self::Deliver { .. } => "deliver",
            Self::Fetch { .. } => "fetch",
        }
    }
}

impl Named for MailReply {
    fn name(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Contracts { .. } => "contracts",
            Self::Refused { .. } => "refused",
        }
    }
}
