//! Why keys were not made, locked, unlocked or unwrapped.

use casemate_seal::SealError;
use thiserror::Error;

/// Why keys were not made, locked, unlocked or unwrapped.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum KeyringError {
    /// The key of an authority is none.
    #[error("the authority's key is no P-256 key in PKCS #8")]
    Authority,
    /// The text is no intact key file, or the bytes no intact age file.
    #[error("damaged: {0}")]
    Damaged(String),
    /// The passphrase is empty.
    #[error("the passphrase is empty")]
    EmptyPassphrase,
    /// The file was written by a newer Casemate. Remedy: update.
    #[error("key file format {found}, but this version knows {known} at most; update casemate")]
    NewerFormat {
        /// The file's format.
        found: u32,
        /// The newest format that is known here.
        known: u32,
    },
    /// The file was encrypted to somebody else.
    #[error("not encrypted to this party's recipient key")]
    NotForThisKey,
    /// A text is no age recipient.
    #[error("`{0}` is not an age recipient (`age1…`)")]
    Recipient(String),
    /// Unlocking would take more work than any sound key file asks for, or locking was asked to.
    #[error("work factor {found} where 1 to {max} are allowed")]
    WorkFactor {
        /// The binary logarithm of scrypt's N.
        found: u8,
        /// The highest that is allowed.
        max: u8,
    },
    /// A backup where a key file belongs, or the other way round.
    #[error("the file holds {found}; expected: {expected}")]
    WrongKind {
        /// What it holds.
        found: &'static str,
        /// What was asked for.
        expected: &'static str,
    },
    /// The passphrase does not open the file.
    #[error("wrong passphrase (or the file's first lines are damaged)")]
    WrongPassphrase,
    /// The wrapped key is not this party's, or not this dataset version's.
    #[error("the wrapped key is not this party's for this dataset version")]
    WrongWrap,
}

impl KeyringError {
    pub(crate) fn sealing(error: SealError) -> Self {
        match error {
            SealError::Recipient(text) => Self::Recipient(text),
            SealError::WrongKey => Self::NotForThisKey,
            other => Self::Damaged(other.to_string()),
        }
    }
}
