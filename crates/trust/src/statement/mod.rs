//! Statements: "K says S", in a window of time. [docs/formats/statement.md]
//!
//! What a domain's owner writes into `domain.toml` is compiled to statements of the root, the domain's policy key; what others
//! said comes as signed objects. A statement's digest, SHA-256 of its deterministic CBOR, names it everywhere: in proofs, in
//! revocations, in denials.

mod check;
mod error;
pub(crate) mod interned;
pub(crate) mod limits;
pub(crate) mod list;
mod measurement;
mod nesting;
mod platform;
mod property;
mod sentence;
mod signed;
mod statements;
mod subject;
mod words;

use casemate_cose::{Digest, UnixTime};
use minicbor::{Decode, Encode};

pub use check::{LABEL_BYTES_MAX, NAME_BYTES_MAX};
pub use error::StatementError;
pub use interned::LIMIT_NAMES_OF_DOMAIN_MAX;
pub use limits::{LIMIT_NAMES_MAX, Limits};
pub use measurement::{Measurement, REGISTERS_MAX, Register};
pub use nesting::{LEVELS_MAX, decode_nested};
pub use platform::{
    Allowance, DEMANDS_MAX, Demand, IDENTITIES_MAX, Identities, Kind, PlatformRule, UnknownAllowance, UnknownKind,
};
pub use property::{Test, VALUE_BYTES_MAX, VALUES_MAX, Value};
pub use sentence::{DEPTH_MAX, NESTING_MAX, Purpose, Release, Sentence, Topic, UnknownTopic};
pub use signed::{SIGNED_BYTES_MAX, Signed};
pub use statements::{STATEMENTS_MAX, Said, Speaker, Statements};
pub use subject::Subject;
pub use words::Names;

/// The longest encoding of one statement: 512 KiB.
pub const STATEMENT_BYTES_MAX: usize = 512 << 10;

/// When a statement counts: from the first second to the last, both included.
#[derive(Clone, Copy, Debug, Decode, Encode, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cbor(map)]
pub struct Validity {
    /// The first second.
    #[n(0)]
    pub not_before: UnixTime,
    /// The last second.
    #[n(1)]
    pub not_after: UnixTime,
}

impl Validity {
    /// Always.
    pub const ALWAYS: Self = Self { not_before: UnixTime(0), not_after: UnixTime(u64::MAX) };

    /// Whether it counts at this time.
    #[must_use]
    pub fn holds(self, at: UnixTime) -> bool {
        self.not_before <= at && at <= self.not_after
    }
}

/// What the root or a key says. Who says it stands beside it: [`Said`], [`Signed`].
#[derive(Clone, Debug, Decode, Encode, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cbor(map)]
pub struct Statement {
    /// What a person calls what it is about ("researcher's host", "casemate 0.1.0"); never decides anything.
    #[n(0)]
    pub label: String,
    /// What is said.
    #[n(1)]
    pub sentence: Sentence,
    /// When it counts.
    #[n(2)]
    pub validity: Validity,
}

impl Statement {
    /// A statement that always counts.
    #[must_use]
    pub fn always(label: impl Into<String>, sentence: Sentence) -> Self {
        Self { label: label.into(), sentence, validity: Validity::ALWAYS }
    }

    /// When it counts: from its first second to its last, or for good if it is a floor or a revocation, whatever end it was given.
    #[must_use]
    pub fn counts(&self) -> Validity {
        let Validity { not_before, not_after } = self.validity;
        let not_after = if self.sentence.is_for_good() { Validity::ALWAYS.not_after } else { not_after };
        Validity { not_before, not_after }
    }

    /// Deterministic CBOR.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        casemate_cose::encode(self)
    }

    /// Reads a statement of the root.
    ///
    /// # Errors
    /// [`StatementError`]: other bytes than [`Statement::to_bytes`] writes, or what can't be said.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StatementError> {
        let statement: Self = decode_nested(bytes, STATEMENT_BYTES_MAX)?;
        statement.check()?;
        Ok(statement)
    }

    /// SHA-256 of its deterministic CBOR: names it where the root says it. What a key says has the digest of what it signed.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.to_bytes())
    }
}
