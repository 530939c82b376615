//! A receipt, and its verification with the log's public key alone.
//!
//! 1. Shape: deterministic CBOR of at most [`RECEIPT_BYTES_MAX`] bytes, nothing unknown.
//! 2. Checkpoint: a signed note of this origin by this key, with no other signature. [C2SP tlog-checkpoint]
//! 3. Inclusion: salt and body, as received, are entry `index` under the checkpoint's root. [RFC 6962 §2.1.1]
//! 4. Body: the fields that its event must have, and no others.

use std::fmt;

use casemate_cose::{CborError, Digest, PublicKey, decode, encode};
use minicbor::{Decode, Encode};
use thiserror::Error;

use crate::{
    BodyError, Checkpoint, CheckpointError, Event, Origin, ReceiptBody, TreeError, commitment, open_checkpoint,
    verify_inclusion,
};

/// The longest receipt that is read: 512 KiB.
pub const RECEIPT_BYTES_MAX: usize = 512 << 10;

/// Why a receipt was refused.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum ReceiptError {
    /// The body is none.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The checkpoint is not one of this log.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A receipt of another event than the one that is to happen.
    #[error("the receipt of a {actual} was offered for a {expected}")]
    Event {
        /// What is to happen.
        expected: Event,
        /// What the receipt tells of.
        actual: Event,
    },
    /// The log does not hold this body with this salt at this index.
    #[error("the log does not hold this receipt: {0}")]
    Inclusion(#[from] TreeError),
    /// Not the deterministic encoding of a receipt.
    #[error("not a receipt: {0}")]
    Shape(#[from] CborError),
}

/// A receipt as it is handed out. Nothing in it is believed before [`Receipt::verify`].
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct Receipt {
    /// The body's bytes: a [`ReceiptBody`].
    #[cbor(n(0), with = "minicbor::bytes")]
    pub body: Vec<u8>,
    /// What hides the body in the log.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub salt: [u8; 32],
    /// The number of the entry, from 0.
    #[n(2)]
    pub index: u64,
    /// The inclusion proof, from the leaf up.
    #[n(3)]
    pub proof: Vec<Digest>,
    /// The signed checkpoint.
    #[n(4)]
    pub checkpoint: String,
}

impl Receipt {
    /// The receipt's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads a receipt, verifying nothing but its shape.
    ///
    /// # Errors
    /// [`ReceiptError::Shape`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ReceiptError> {
        Ok(decode(bytes, RECEIPT_BYTES_MAX)?)
    }

    /// Verifies the receipt offline, for the log of this name and key.
    ///
    /// # Errors
    /// [`ReceiptError`].
    pub fn verify(&self, origin: &Origin, key: &PublicKey) -> Result<VerifiedReceipt, ReceiptError> {
        let checkpoint = open_checkpoint(&self.checkpoint, origin, key)?;
        let entry = commitment(&self.salt, &self.body);
        verify_inclusion(checkpoint.size(), &checkpoint.root(), self.index, &entry, &self.proof)?;
        let body = ReceiptBody::from_bytes(&self.body)?;
        Ok(VerifiedReceipt { body, index: self.index, checkpoint, witnessing: Witnessing::None })
    }
}

/// Who besides the log itself has seen the checkpoint.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Witnessing {
    /// Nobody: the log could show somebody else a different history.
    None,
}

impl fmt::Display for Witnessing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("signed, not witnessed"),
        }
    }
}

/// A receipt that was verified. Only [`Receipt::verify`] makes one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VerifiedReceipt {
    body: ReceiptBody,
    index: u64,
    checkpoint: Checkpoint,
    witnessing: Witnessing,
}

impl VerifiedReceipt {
    /// What was decided.
    #[must_use]
    pub const fn body(&self) -> &ReceiptBody {
        &self.body
    }

    /// The number of the entry, from 0.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// The checkpoint under which it was verified.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Who besides the log vouches for the checkpoint.
    #[must_use]
    pub const fn witnessing(&self) -> Witnessing {
        self.witnessing
    }
}
