//! Why a document is not imported.

use std::fmt;

use casemate_cose::Digest;
use thiserror::Error;

use super::IMPORT_BYTES_MAX;

/// The most things that one refusal lists; their number is told in full.
pub const REFUSALS_MAX: usize = 256;

/// Why a document is not imported. Nothing of it is.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum ImportError {
    /// The bytes are not what they should be, from this place on.
    /// Remedy: get the document again, or import it as what it is.
    #[error("at {place}: {reason}")]
    Malformed {
        /// JSON pointer, path of names through CBOR, or byte offset.
        place: String,
        /// What is wrong there.
        reason: String,
    },
    /// The document says what can't be said here.
    /// Remedy: have its author say it otherwise, or write the statement by hand.
    #[error("{count} that can't be imported: {}", list(refusals, *count))]
    Refused {
        /// All of it, in the order of the document, at most [`REFUSALS_MAX`].
        refusals: Vec<Refusal>,
        /// How many there are.
        count: usize,
    },
    /// The signature is not this key's over these bytes.
    /// Fault: whoever changed the document, or the wrong key was given.
    #[error("the signature does not verify with the key `{key}`")]
    Signature {
        /// SHA-256 of the key's `SubjectPublicKeyInfo`.
        key: Digest,
    },
    /// The document is longer than any that is read.
    #[error("{actual} bytes where at most {IMPORT_BYTES_MAX} are read")]
    TooLong {
        /// Its length.
        actual: usize,
    },
    /// A signer's key was given, and nobody signed the document.
    /// Remedy: get the signed document; or take it as the word of whoever gave it, without a key.
    #[error("the document is not signed, by the key `{key}` or any other")]
    Unsigned {
        /// SHA-256 of the key's `SubjectPublicKeyInfo`.
        key: Digest,
    },
    /// The document is signed and no key was given to look at the signature with.
    /// Remedy: give the signer's key, got from elsewhere; or say aloud that nobody looks.
    #[error("the document is signed, and the signer's key was not given")]
    Unverified,
}

/// One thing that can't be said here.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Refusal {
    /// Where it stands: JSON pointer, or path of names through CBOR or protobuf.
    pub place: String,
    /// What it is called there.
    pub what: String,
    /// Why it can't be said.
    pub why: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, what, why } = self;
        write!(f, "{}: `{}`: {why}", place.escape_default(), what.escape_debug())
    }
}

fn list(refusals: &[Refusal], count: usize) -> String {
    let mut lines: Vec<String> = refusals.iter().map(Refusal::to_string).collect();
    if count > refusals.len() {
        lines.push(format!("and {} more", count.saturating_sub(refusals.len())));
    }
    lines.join("; ")
}
