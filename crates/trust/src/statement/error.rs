//! Why a statement was refused.

use casemate_cose::{CborError, CoseError, Digest};
use thiserror::Error;

use super::{NESTING_MAX, Topic};

/// Why a statement was refused when it was read or made.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum StatementError {
    /// A statement speaks of the evidence at hand, which only evidence does.
    #[error("a statement speaks of the evidence at hand: only evidence says what is genuine and what runs")]
    Environment,
    /// The bytes are not a statement's.
    #[error("not a statement: {0}")]
    Form(#[from] CborError),
    /// The root says what another key says.
    #[error("the domain says what another key says: that takes the other's signed statement")]
    Hearsay,
    /// A right to publish is limited by what statements about its topic don't name.
    #[error("statements about {topic} name no {what}: the limit would let none of them count")]
    Limit {
        /// The list of limits.
        what: &'static str,
        /// The topic.
        topic: Topic,
    },
    /// A label is too long, or has characters that a screen would act on.
    #[error("`{}` is no label of at most {max} bytes of printable text", actual.escape_default())]
    Label {
        /// The label found.
        actual: String,
        /// The longest that is read.
        max: usize,
    },
    /// The cryptographic library failed.
    #[error("the cryptographic library could not sign")]
    Library,
    /// A name is empty, or has characters that a screen would act on.
    #[error("`{}` is no {what}", actual.escape_default())]
    Name {
        /// Of what it is the name.
        what: &'static str,
        /// The name found.
        actual: String,
    },
    /// Sentences are nested too deep.
    #[error("nested deeper than {NESTING_MAX} sentences")]
    Nesting,
    /// A list is empty that must not be.
    #[error("no {what}: it could never be met")]
    None {
        /// What there is none of.
        what: &'static str,
    },
    /// A list is not in its one order, or names something twice.
    #[error("the {what} are not sorted, each once")]
    Order {
        /// What is not in order.
        what: &'static str,
    },
    /// A subject is trusted for what it can't do.
    #[error("{subject} can't be trusted for {purpose}")]
    Purpose {
        /// The kind of subject.
        subject: &'static str,
        /// For what.
        purpose: &'static str,
    },
    /// The signed object is not one, or its signature does not verify.
    #[error(transparent)]
    Signature(#[from] CoseError),
    /// The statement names another speaker than the key that signed it.
    #[error("the statement is of key `{stated}`, but `{signer}` signed it")]
    Speaker {
        /// Whom the statement names.
        stated: Digest,
        /// Who signed.
        signer: Digest,
    },
    /// A sentence of this form can't be about that subject.
    #[error("{subject} can't {what}")]
    Subject {
        /// The kind of subject.
        subject: &'static str,
        /// What it can't.
        what: &'static str,
    },
    /// A test has a value that it can't be held against: an order that there is not, or a bound of another type.
    #[error("`{property}` can't be tested so: {why}")]
    Test {
        /// The property's name.
        property: String,
        /// What is wrong.
        why: &'static str,
    },
    /// Something is longer than is read.
    #[error("{actual} bytes of {what} where at most {max} are read")]
    TooLong {
        /// What.
        what: &'static str,
        /// Bytes given.
        actual: usize,
        /// Bytes allowed.
        max: usize,
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
    /// A statement ends before it begins.
    #[error("the statement ends before it begins")]
    Validity,
}
