//! Importers: what others wrote about trust, as statements. [docs/formats/import.md]
//!
//! An importer is a function of bytes. It yields statements that say exactly what the document says, or an [`ImportError`] that
//! names everything in it that can't be said here, each with its place: nothing is dropped, nothing is made wider, and no import
//! adds an [`Allowance`](crate::statement::Allowance). What a reader has to know besides is a note.
//!
//! - [`azure_release`]: release policies of Azure Key Vault and Managed HSM.
//! - [`certifier`]: policies and signed claims of the Certifier Framework.
//! - [`corim`]: Concise Reference Integrity Manifests, signed and unsigned.
//! - [`rvps`]: reference values of Trustee.

pub mod azure_release;
pub mod certifier;
pub mod corim;
pub mod rvps;

mod alternatives;
mod bytes;
mod cbor;
mod error;
mod findings;
mod json;
mod registered;
mod widen;

use casemate_cose::Digest;
use casemate_evidence::Endorsement;

pub use error::{ImportError, REFUSALS_MAX, Refusal};
pub use widen::{Widening, widening};

use crate::statement::Statement;

/// The longest document that is read: 1 MiB.
pub const IMPORT_BYTES_MAX: usize = 1 << 20;
/// The most values (numbers, texts, lists, maps) of one document.
pub const IMPORT_VALUES_MAX: usize = 1 << 16;
/// How deep the values of a document may lie in each other.
pub const IMPORT_DEPTH_MAX: usize = 48;
/// The most statements that one document yields.
pub const IMPORT_STATEMENTS_MAX: usize = 4096;

/// What a document says, in statements of the root: whoever imports it takes its word for theirs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Imported {
    /// The statements, in the order of the document.
    pub statements: Vec<Statement>,
    /// Keys of devices that the document makes known: evidence of those devices is authenticated with them.
    pub endorsements: Vec<Endorsement>,
    /// Whose signature was looked at.
    pub signed: Signed,
    /// What a reader has to know and no statement says.
    pub notes: Vec<String>,
}

/// Whose signature stands under a document.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Signed {
    /// This key's, by the SHA-256 of its `SubjectPublicKeyInfo`; the signature was verified over the received bytes.
    By(Digest),
    /// There is one, and the caller named it unverified: the document is the word of whoever gave it.
    DangerouslyUnverified,
    /// Nobody's: the document is the word of whoever gave it.
    Unsigned,
}

fn check_length(bytes: &[u8]) -> Result<(), ImportError> {
    if bytes.len() > IMPORT_BYTES_MAX {
        return Err(ImportError::TooLong { actual: bytes.len() });
    }
    Ok(())
}
