//! `software` evidence: what a host's launcher, by its signature, says about a keep in `process` isolation.
//!
//! It is worth what the launcher's key holder is worth: that party can sign anything. docs/formats/evidence-software.md.

mod abi;
mod claims;
mod endorsements;
mod flaw;
mod verify;

pub use abi::{STATEMENT_VERSION, Statement, sign};
pub use claims::Claims;
pub use flaw::Flaw;
pub use verify::{AT_DISTANCE_S_MAX, OBJECT_BYTES_MAX, STEPS};

pub(crate) use verify::verify;
